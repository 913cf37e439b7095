//! Dovecot 2.3: the account as the mail of a user, further accounts as namespaces of it.
//!
//! A value in double quotes has `\` before `"` and `\`. In a location `%` begins a variable and `:` ends a path,
//! unless doubled. A section's name cannot have every quote; the `name` of a mailbox inside it can.

use super::{Place, Reader, Tree, heading};
use postrider_core::mailbox::Role;

/// Roles that RFC 6154 knows, with a word for the section.
const ROLES: [(Role, &str); 7] = [
    (Role::All, "all"),
    (Role::Archive, "archive"),
    (Role::Drafts, "drafts"),
    (Role::Flagged, "flagged"),
    (Role::Junk, "junk"),
    (Role::Sent, "sent"),
    (Role::Trash, "trash"),
];

pub(super) fn configuration(trees: &[Tree<'_>]) -> String {
    let mut text = heading("#", Reader::Dovecot, trees);
    text.push_str(
        "# For Dovecot 2.3. In 2.4 the location is said by mail_driver = maildir, mail_path, mail_inbox_path,\n\
         # mailbox_list_layout (fs or maildir++) and mailbox_list_utf8 = yes.\n\
         # Mailboxes that conf.d/15-mailboxes.conf names for the same roles are to be removed there.\n\
         # Dovecot puts its dovecot-* files beside the messages, and postrider leaves them alone.\n",
    );
    for (at, tree) in trees.iter().enumerate() {
        text.push_str(&match at {
            0 => format!("\nmail_location = {}\n", location(tree)) + &namespace(tree, None),
            _ => format!("\n{}", namespace(tree, Some(&location(tree)))),
        });
    }
    text
}

/// The user's own namespace, or one with the account's name before every mailbox.
fn namespace(tree: &Tree<'_>, location: Option<&str>) -> String {
    let account = tree.account();
    let mut text = match location {
        None => "namespace inbox {\n  inbox = yes\n".to_owned(),
        Some(location) => format!(
            "namespace account-{account} {{\n  prefix = {}\n  location = {location}\n",
            quoted(&format!("{account}/"))
        ),
    };
    text.push_str("  separator = /\n");
    for (role, word) in ROLES {
        if let Some(Place { name, .. }) = tree.with_role(role) {
            text.push_str(&format!(
                "  mailbox {word} {{\n    name = {}\n    special_use = {}\n  }}\n",
                quoted(name),
                role.as_str()
            ));
        }
    }
    text.push_str("}\n");
    text
}

fn location(tree: &Tree<'_>) -> String {
    let root = path(&tree.root);
    let inbox = tree.inbox().map(|inbox| path(&inbox.path));
    let inbox = inbox.unwrap_or_else(|| format!("{root}/INBOX"));
    quoted(&match tree.is_plus_plus() {
        true => format!("maildir:{root}:UTF-8"),
        false => format!("maildir:{root}:LAYOUT=fs:INBOX={inbox}:UTF-8"),
    })
}

fn path(path: &str) -> String {
    path.replace('%', "%%").replace(':', "::")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}
