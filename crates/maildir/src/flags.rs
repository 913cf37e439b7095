//! Changing a message's flags: a rename, never a write.

use crate::entry::{Entry, Subdir};
use crate::error::MaildirError;
use crate::mailbox::Mailbox;
use crate::rename::rename_exclusive;
use postrider_core::flag::FlagSet;
use rustix::io::Errno;

/// Gives a message other flags, keeping the letters that are not ours. A message in `new` that gets
/// a flag moves to `cur`; one in `cur` stays there without any. Same flags: nothing is touched.
///
/// Not flushed: after a power cut the old name may be back, and the next pass sees and heals it.
///
/// # Errors
/// [`MaildirError::Gone`] when a reader was faster: locate the message and decide again. Else when
/// the system refuses or the new name is taken.
pub fn set_flags(
    mailbox: &Mailbox,
    current: &Entry,
    flags: &FlagSet,
) -> Result<Entry, MaildirError> {
    let wanted = reflagged(current, flags);
    if wanted == *current {
        return Ok(wanted);
    }
    let (from, to) = (mailbox.path_of(current), mailbox.path_of(&wanted));
    match rename_exclusive(&from, &to) {
        Ok(()) => Ok(wanted),
        Err(Errno::NOENT) => Err(MaildirError::Gone { path: from }),
        Err(error) => Err(MaildirError::io("set the flags of", &from)(error)),
    }
}

/// The name that [`set_flags`] gives a message.
#[must_use]
pub fn reflagged(current: &Entry, flags: &FlagSet) -> Entry {
    let bare = current.subdir == Subdir::New && flags.letters().is_empty();
    let same = current.file_name.flags() == flags.without_keywords();
    if same && (bare || current.subdir == Subdir::Cur) {
        return current.clone();
    }
    Entry {
        subdir: Subdir::Cur,
        file_name: current.file_name.with_flags(flags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::MaildirError;
    use postrider_core::flag::Flag;
    use std::fs;
    use std::path::Path;

    fn flagged(before: &str, letters: &str) -> Result<String, MaildirError> {
        let root = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::new(root.path(), Path::new("m"));
        mailbox.create().unwrap();
        let entry = Entry::parse(before).unwrap();
        fs::write(mailbox.path_of(&entry), "x").unwrap();
        let after = set_flags(&mailbox, &entry, &FlagSet::from_letters(letters))?;
        assert!(mailbox.path_of(&after).exists());
        assert!(after == entry || !mailbox.path_of(&entry).exists());
        Ok(after.to_string())
    }

    #[test]
    fn flags_are_names() {
        for (before, letters, after) in [
            ("new/x", "S", "cur/x:2,S"),
            ("new/x", "", "new/x"),
            ("cur/x:2,S", "", "cur/x:2,"),
            ("cur/x", "FS", "cur/x:2,FS"),
            ("cur/x:2,SF", "FS", "cur/x:2,SF"),
            ("cur/x:2,Sab", "FR", "cur/x:2,FRab"),
            ("cur/x;2,S", "F", "cur/x;2,F"),
            ("new/x:2,S", "", "cur/x:2,"),
            ("new/x:2,S", "S", "cur/x:2,S"),
        ] {
            assert_eq!(
                flagged(before, letters).unwrap(),
                after,
                "{before} {letters}"
            );
        }
    }

    #[test]
    fn a_reader_that_was_faster_is_reported_as_such() {
        let root = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::new(root.path(), Path::new(""));
        mailbox.create().unwrap();
        let entry = Entry::parse("cur/x:2,").unwrap();
        let seen = FlagSet::new().with(Flag::Seen);
        let gone = set_flags(&mailbox, &entry, &seen);
        assert!(matches!(gone, Err(MaildirError::Gone { .. })), "{gone:?}");
    }

    #[test]
    fn a_taken_name_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::new(root.path(), Path::new(""));
        mailbox.create().unwrap();
        fs::write(root.path().join("cur/x:2,"), "a").unwrap();
        fs::write(root.path().join("cur/x:2,S"), "b").unwrap();
        let entry = Entry::parse("cur/x:2,").unwrap();
        let taken = set_flags(&mailbox, &entry, &FlagSet::from_letters("S"));
        assert!(matches!(taken, Err(MaildirError::Io { .. })), "{taken:?}");
        assert_eq!(fs::read(root.path().join("cur/x:2,S")).unwrap(), b"b");
    }
}
