//! mutt and neomutt: a file for `source`.
//!
//! In single quotes neither reader knows `$`, backquotes, `#` or `\`. Paths are absolute, so no first character
//! (`=`, `+`, `!`, `~`, `@`, `<`, `>`, `^`) is a shortcut. The command of a `folder-hook` is read twice, so it is
//! quoted twice.

use super::{Reader, Tree, heading, single_quoted};
use postrider_core::mailbox::Role;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mutt,
    Neomutt,
}

/// The variables that a folder's account decides, and the command where it has no such mailbox: nothing of it
/// is to be kept in another account's.
const BY_ROLE: [(&str, Role, &str); 3] = [
    ("record", Role::Sent, "unset record"),
    ("postponed", Role::Drafts, "reset postponed"),
    ("trash", Role::Trash, "unset trash"),
];

pub(super) fn configuration(kind: Kind, trees: &[Tree<'_>]) -> String {
    let reader = match kind {
        Kind::Mutt => Reader::Mutt,
        Kind::Neomutt => Reader::Neomutt,
    };
    let mut text = heading("#", reader, trees);
    text.push_str(&common(trees));
    text.push('\n');
    if let Some(first) = trees.first() {
        let spoolfile = first.inbox().map(|inbox| set("spoolfile", &inbox.path));
        for line in settings(first).into_iter().chain(spoolfile) {
            text.push_str(&format!("{line}\n"));
        }
    }
    if trees.len() > 1 {
        text.push_str("\n# In a mailbox of another account, that account's.\n");
        text.extend(trees.iter().map(hook));
    }
    for tree in trees {
        text.push_str(&format!("\n# {}\n", tree.account()));
        for place in &tree.places {
            let label = match trees {
                [_] => place.name.clone(),
                _ => format!("{}/{}", tree.account(), place.name),
            };
            let command = match kind {
                Kind::Mutt => "mailboxes -label",
                Kind::Neomutt => "named-mailboxes",
            };
            let (label, path) = (single_quoted(&label), single_quoted(&place.path));
            text.push_str(&format!("{command} {label} {path}\n"));
        }
    }
    text
}

/// What goes for all accounts.
fn common(trees: &[Tree<'_>]) -> String {
    let mut text = "\nset mbox_type=Maildir\n\
        # A message that has a flag when it comes lies in `cur`; without this only `new` is looked at.\n\
        set maildir_check_cur=yes\n"
        .to_owned();
    text.push_str(match trees.iter().any(|tree| tree.settings.deleted_flag) {
        true => {
            "# `deleted_flag: true`: a deletion is the flag `T` until the server has expunged the message; without\n\
             # this a plain quit unlinks what has it.\n\
             set maildir_trash=yes\n"
        }
        false => {
            "# A deletion is a file that goes. As the flag `T` no server would hear of it (`deleted_flag: false`).\n\
             set maildir_trash=no\n"
        }
    });
    text.push_str("# `mark_old` is a matter of taste: old and new are the same to the server.\n");
    if trees.iter().any(Tree::is_plus_plus) {
        text.push_str(
            "# The directories of Maildir++ begin with a dot, which the browser hides.\nset mask='.*'\n",
        );
    }
    text
}

/// What goes for one account: where its mailboxes of each role are.
fn settings(tree: &Tree<'_>) -> Vec<String> {
    let mut settings = vec![set("folder", &tree.root)];
    let with_role = |(name, role, _): (&str, Role, &str)| {
        let place = tree.with_role(role)?;
        Some(set(name, &place.path))
    };
    settings.extend(BY_ROLE.into_iter().filter_map(with_role));
    settings
}

fn set(name: &str, path: &str) -> String {
    format!("set {name}={}", single_quoted(path))
}

/// `(^)`, because a first `^` is a shortcut, even here.
fn hook(tree: &Tree<'_>) -> String {
    let special = |c: char| r".[]{}()*+?^$|\".contains(c);
    let mut pattern = "(^)".to_owned();
    for c in tree.root.chars() {
        if special(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push_str("(/|$)");
    let mut settings = settings(tree);
    let without = BY_ROLE.into_iter();
    let without = without.filter(|(_, role, _)| tree.with_role(*role).is_none());
    settings.extend(without.map(|(_, _, without)| without.to_owned()));
    let command = single_quoted(&settings.join("; "));
    format!("folder-hook {} {command}\n", single_quoted(&pattern))
}
