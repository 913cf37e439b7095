//! notmuch: its configuration is a GLib key file, where only `\` is special, and `;` in a list.

use super::{Reader, Tree, heading};
use std::path::Path;

/// What others leave among messages. notmuch looks at it, finds no mail in it, and says so each time.
const STRANGERS: [&str; 15] = [
    ".uidvalidity",
    "dovecot-keywords",
    "dovecot-keywords.lock",
    "dovecot-uidlist",
    "dovecot-uidlist.lock",
    "dovecot-uidvalidity",
    "dovecot.index",
    "dovecot.index.cache",
    "dovecot.index.log",
    "dovecot.index.log.2",
    "dovecot.list.index",
    "dovecot.list.index.log",
    "dovecot.mailbox.log",
    "maildirfolder",
    "subscriptions",
];

pub(super) fn configuration(root: &str, trees: &[Tree<'_>]) -> String {
    let mut text = heading("#", Reader::Notmuch, trees);
    text.push_str(
        "# `notmuch new` finds what has come. It moves nothing: the tag `deleted` is a tag only.\n\
         # A mailbox is searched for by its directory, as mailboxes lie here:\n",
    );
    for tree in trees {
        let below = Path::new(&tree.root).strip_prefix(root);
        let below = below.map_or_else(|_| String::new(), |path| path.display().to_string());
        text.push_str(&format!(
            "#   {}: {}\n",
            tree.account(),
            terms(tree, &below)
        ));
    }
    let ignored = ignored(trees).join(";");
    text.push_str(&format!(
        "\n[database]\npath={}\n\n[new]\nignore={ignored}\n\n[maildir]\n\
         # The tags unread, flagged, replied, passed and draft are the flags of the file.\n\
         synchronize_flags=true\n",
        value(root)
    ));
    text
}

/// Examples with names of everybody's: a comment is copied into a shell.
fn terms(tree: &Tree<'_>, below: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-@+".contains(c);
    let below = match below.chars().all(plain) {
        true => below,
        false => "TREE",
    };
    let join = |name: &str| match (below, name) {
        ("", name) => name.to_owned(),
        (below, "") => below.to_owned(),
        (below, name) => format!("{below}/{name}"),
    };
    let (inbox, other) = match tree.is_plus_plus() {
        true => (join(""), join(".Work.Projects")),
        false => (join("INBOX"), join("Work/Projects")),
    };
    format!("folder:\"{inbox}\" is INBOX, folder:\"{other}\" would be Work/Projects")
}

/// Names that a mailbox has are not ignored: notmuch would pass over it.
fn ignored(trees: &[Tree<'_>]) -> Vec<&'static str> {
    let is_part = |stranger: &&str| {
        let places = trees.iter().flat_map(|tree| &tree.places);
        let mut paths = places.map(|place| Path::new(&place.path));
        paths.any(|path| path.iter().any(|part| part == *stranger))
    };
    let strangers = STRANGERS.into_iter();
    strangers.filter(|stranger| !is_part(stranger)).collect()
}

/// A space at the beginning would be left out.
fn value(text: &str) -> String {
    let escaped = text.replace('\\', r"\\");
    match escaped.strip_prefix(' ') {
        Some(rest) => format!("\\s{rest}"),
        None => escaped,
    }
}
