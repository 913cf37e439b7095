//! Where the mailboxes of an account lie in its mail tree.
//!
//! A mailbox keeps the directory that it was first given. A new one gets that of its name, unless another
//! lies there, or lies where some file system would take the two for one (`Work` and `work`): then it gets
//! a twin of it, to which no name encodes. Nothing here looks at a disk or makes anything.

use postrider_core::mailbox::MailboxName;
use postrider_core::settings::AccountSettings;
use postrider_imap::{Listed, WireName};
use postrider_index::{MailboxRow, NewMailbox};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Who lies where.
#[derive(Clone, Debug)]
pub(crate) struct Places<'a> {
    tree: &'a Path,
    /// The directory of each mailbox that has one in this tree, by the name on the wire.
    known: HashMap<&'a str, &'a Path>,
    /// The mailbox of each directory, by what its twins have in common.
    taken: HashMap<String, String>,
}

impl<'a> Places<'a> {
    /// Those of the mailboxes that the index knows.
    pub(crate) fn of(tree: &'a Path, rows: &'a [MailboxRow]) -> Self {
        let taken = rows
            .iter()
            .map(|row| (key(&row.path), row.wire_name.clone()));
        let in_tree = |row: &&MailboxRow| row.path.starts_with(tree);
        let known = rows.iter().filter(in_tree);
        Self {
            tree,
            taken: taken.collect(),
            known: known
                .map(|row| (row.wire_name.as_str(), row.path.as_path()))
                .collect(),
        }
    }

    /// Where the mailbox lies, or will lie.
    pub(crate) fn of_mailbox(&mut self, mailbox: NewMailbox) -> PathBuf {
        match self.known.get(mailbox.wire_name.as_str()) {
            Some(path) => (*path).to_owned(),
            None => self.free(mailbox).path,
        }
    }

    /// The mailbox in a directory where no other lies. The next one will not get it.
    pub(crate) fn free(&mut self, mut mailbox: NewMailbox) -> NewMailbox {
        let first = mailbox.path.clone();
        let relative = first.strip_prefix(self.tree).unwrap_or(&first);
        let mut number = 2;
        while self.is_taken(&mailbox) {
            mailbox.path = self.tree.join(postrider_maildir::twin(relative, number));
            number += 1;
        }
        self.taken
            .insert(key(&mailbox.path), mailbox.wire_name.clone());
        mailbox
    }

    fn is_taken(&self, mailbox: &NewMailbox) -> bool {
        let owner = self.taken.get(&key(&mailbox.path));
        owner.is_some_and(|owner| *owner != mailbox.wire_name)
    }
}

/// A `/` at the end, which an empty name leaves there, makes no other directory.
fn key(path: &Path) -> String {
    let path: PathBuf = path.components().collect();
    postrider_maildir::twin_key(&path)
}

/// What a listed mailbox is to the index, with the place that its name gives it.
pub(crate) fn listed(settings: &AccountSettings, listed: &Listed) -> NewMailbox {
    let name = settings.folders.local_name(&listed.name);
    NewMailbox {
        wire_name: listed.wire_name.to_string(),
        name: listed.name.clone(),
        role: listed.role,
        path: named(settings, &name),
    }
}

/// A recorded mailbox as the server is told of it: the index escapes what is no text. Rows are ours; one that is
/// not in our form is asked for as it stands.
pub(crate) fn wire_name(row: &MailboxRow) -> WireName {
    let name = WireName::from_index(&row.wire_name);
    name.unwrap_or_else(|| WireName::from_octets(row.wire_name.as_bytes()))
}

/// What parts the levels of names at this server; `None` where they have but one.
pub(crate) fn delimiter(listed: &[Listed]) -> Option<char> {
    let inbox = listed.iter().find(|listed| listed.name.is_inbox());
    let of = inbox.or_else(|| listed.first());
    of.and_then(|listed| listed.delimiter)
}

/// A name as a server spells it whose levels this parts.
pub(crate) fn spelt(name: &MailboxName, delimiter: Option<char>) -> WireName {
    let parts = delimiter.map(String::from).unwrap_or_default();
    WireName::encode(&name.levels().join(&parts))
}

/// The one mailbox of a POP3 account. It is the mail tree's root: nothing else lies there.
pub(crate) fn maildrop(settings: &AccountSettings) -> NewMailbox {
    NewMailbox {
        wire_name: "INBOX".to_owned(),
        name: MailboxName::inbox(),
        role: None,
        path: settings.maildir.clone(),
    }
}

fn named(settings: &AccountSettings, name: &MailboxName) -> PathBuf {
    let relative = postrider_maildir::directory(settings.layout, name);
    let mut path = settings.maildir.clone();
    // INBOX under Maildir++: pushing nothing would add a `/`.
    if !relative.as_os_str().is_empty() {
        path.push(relative);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::account::{AccountName, Protocol};
    use postrider_core::settings::Layout;
    use postrider_index::Index;

    fn new(wire_name: &str, layout: Layout) -> NewMailbox {
        let name = MailboxName::from_decoded(wire_name, Some('/'));
        let path = Path::new("/mail").join(postrider_maildir::directory(layout, &name));
        NewMailbox {
            wire_name: wire_name.to_owned(),
            name,
            role: None,
            path,
        }
    }

    fn free(names: &[&str], layout: Layout) -> Vec<String> {
        let mut places = Places::of(Path::new("/mail"), &[]);
        let place = |name: &&str| places.free(new(name, layout)).path;
        let paths = names.iter().map(place);
        paths.map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn no_file_system_takes_two_for_one() {
        let paths = free(
            &["Work", "work", "WORK", "Work/A", "Caf\u{E9}", "Cafe\u{301}"],
            Layout::Fs,
        );
        let wanted = [
            "/mail/Work",
            "/mail/work%~2",
            "/mail/WORK%~3",
            "/mail/Work/A",
            "/mail/Caf\u{E9}",
            "/mail/Cafe\u{301}%~2",
        ];
        assert_eq!(paths, wanted);
    }

    /// `INBOX/` is INBOX too, and under Maildir++ INBOX is the root.
    #[test]
    fn r8_a_second_inbox_stays_in_the_tree() {
        let paths = free(&["INBOX", "INBOX/"], Layout::MaildirPlusPlus);
        assert_eq!(paths, ["/mail/", "/mail/.INBOX%~2"]);
        let paths = free(&["INBOX", "INBOX/"], Layout::Fs);
        assert_eq!(paths, ["/mail/INBOX", "/mail/INBOX%~2"]);
    }

    #[test]
    fn a_mailbox_keeps_its_place_and_another_tree_is_another() {
        let mut index = Index::scratch().unwrap();
        let name = AccountName::parse("home").unwrap();
        let account = index.account(&name, Protocol::Imap).unwrap();
        let mut moved = new("Work", Layout::Fs);
        moved.path = PathBuf::from("/mail/Job");
        let mut elsewhere = new("Sent", Layout::Fs);
        elsewhere.path = PathBuf::from("/old/Gesendet");
        index
            .record_mailboxes(account, &[moved, elsewhere])
            .unwrap();
        let rows = index.mailboxes(account).unwrap();
        let mut places = Places::of(Path::new("/mail"), &rows);
        let mut place = |name| places.of_mailbox(new(name, Layout::Fs));
        assert_eq!(place("Work"), Path::new("/mail/Job"));
        assert_eq!(place("Job"), Path::new("/mail/Job%~2"));
        assert_eq!(place("Sent"), Path::new("/mail/Sent"));
    }
}
