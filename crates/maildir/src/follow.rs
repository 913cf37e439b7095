//! Files that follow what was moved, renamed or removed at the server. Renames only, never a copy;
//! nothing is ever replaced, and what a crash interrupted is finished by doing it again.

use crate::entry::{Entry, Subdir};
use crate::error::MaildirError;
use crate::mailbox::Mailbox;
use crate::rename::rename_exclusive;
use crate::scan::locate;
use rustix::io::Errno;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Moves a message's file from one mailbox to another, with the flags it has. `None`: it lies in
/// neither, a reader having removed or moved it.
///
/// Not flushed: [`crate::flush_directories`] for both, the new one first.
///
/// # Errors
/// When the name is taken in `to`, or the system refuses.
pub fn follow(from: &Mailbox, to: &Mailbox, known: &Entry) -> Result<Option<Entry>, MaildirError> {
    if let Some(there) = locate(to, known)? {
        return Ok(Some(there));
    }
    let Some(entry) = locate(from, known)? else {
        return Ok(None);
    };
    let (source, target) = (from.path_of(&entry), to.path_of(&entry));
    match rename_exclusive(&source, &target) {
        Ok(()) => Ok(Some(entry)),
        // A reader was faster.
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(MaildirError::io("move", &source)(error)),
    }
}

/// Removes a message's file, whatever its flags by now. Says whether it was there.
///
/// Not flushed: after a power cut it may be back, and the next pass removes it again.
///
/// # Errors
/// When the system refuses.
pub fn remove(mailbox: &Mailbox, known: &Entry) -> Result<bool, MaildirError> {
    let Some(entry) = locate(mailbox, known)? else {
        return Ok(false);
    };
    let path = mailbox.path_of(&entry);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(MaildirError::io("remove", &path)(error)),
    }
}

/// Moves all messages of a mailbox into another, which stands already, and takes away the
/// directories that are empty then. What others keep beside `cur` and `new` stays.
///
/// # Errors
/// When a name is taken, or the system refuses; what was moved until then stays moved.
pub fn follow_all(from: &Mailbox, to: &Mailbox) -> Result<(), MaildirError> {
    for part in ["cur", "new", "tmp"] {
        let (source, target) = (from.dir().join(part), to.dir().join(part));
        // Onto an empty directory this is one step, however many messages there are.
        match fs::rename(&source, &target) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => move_each(&source, &target)?,
        }
    }
    crate::flush_directories(&[to])?;
    remove_empty(from)
}

/// Removes a mailbox in which nothing is left; what still holds something stays.
///
/// # Errors
/// When a directory cannot be removed for another reason.
pub fn remove_empty(mailbox: &Mailbox) -> Result<(), MaildirError> {
    for directory in [
        mailbox.subdir(Subdir::Cur),
        mailbox.subdir(Subdir::New),
        mailbox.tmp(),
    ] {
        remove_if_empty(&directory)?;
    }
    remove_if_empty(mailbox.dir())
}

fn move_each(source: &Path, target: &Path) -> Result<(), MaildirError> {
    let read = |error| MaildirError::io("read", source)(error);
    for file in fs::read_dir(source).map_err(read)? {
        let name = file.map_err(read)?.file_name();
        let (from, to) = (source.join(&name), target.join(&name));
        match rename_exclusive(&from, &to) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(MaildirError::io("move", &from)(error)),
        }
    }
    Ok(())
}

fn remove_if_empty(directory: &Path) -> Result<(), MaildirError> {
    match fs::remove_dir(directory) {
        Ok(()) => Ok(()),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(MaildirError::io("remove", directory)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailboxes() -> (tempfile::TempDir, Mailbox, Mailbox) {
        let root = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| Mailbox::new(root.path(), Path::new(name)));
        a.create().unwrap();
        b.create().unwrap();
        (root, a, b)
    }

    #[test]
    fn a_file_follows_with_the_flags_it_has_and_doing_it_again_does_nothing() {
        let (_root, a, b) = mailboxes();
        fs::write(a.dir().join("cur/x:2,FS"), "x").unwrap();
        let known = Entry::parse("new/x").unwrap();
        for _ in 0..2 {
            let entry = follow(&a, &b, &known).unwrap().unwrap();
            assert_eq!(entry.to_string(), "cur/x:2,FS");
            assert_eq!(fs::read(b.path_of(&entry)).unwrap(), b"x");
        }
        assert_eq!(
            follow(&a, &b, &Entry::parse("new/y").unwrap()).unwrap(),
            None
        );
    }

    #[test]
    fn a_file_is_removed_whatever_a_reader_made_of_its_flags() {
        let (_root, a, _b) = mailboxes();
        fs::write(a.dir().join("cur/x:2,FS"), "x").unwrap();
        let known = Entry::parse("new/x").unwrap();
        assert!(remove(&a, &known).unwrap());
        assert!(!remove(&a, &known).unwrap());
    }

    #[test]
    fn a_mailbox_follows_whole_and_leaves_strangers_and_children_behind() {
        let (_root, a, b) = mailboxes();
        fs::write(a.dir().join("cur/x:2,"), "x").unwrap();
        fs::write(a.dir().join("new/y"), "y").unwrap();
        fs::write(a.dir().join("dovecot-uidlist"), "").unwrap();
        for _ in 0..2 {
            follow_all(&a, &b).unwrap();
            assert!(b.dir().join("cur/x:2,").exists() && b.dir().join("new/y").exists());
            assert!(b.exists().unwrap());
        }
        assert!(a.dir().join("dovecot-uidlist").exists());
        assert!(!a.dir().join("cur").exists());
    }

    #[test]
    fn nothing_is_replaced_and_an_interrupted_move_is_finished() {
        let (_root, a, b) = mailboxes();
        fs::write(a.dir().join("cur/x:2,"), "a").unwrap();
        fs::write(a.dir().join("cur/z:2,"), "z").unwrap();
        fs::write(b.dir().join("cur/x:2,"), "b").unwrap();
        assert!(follow_all(&a, &b).is_err());
        assert_eq!(fs::read(b.dir().join("cur/x:2,")).unwrap(), b"b");
        assert_eq!(fs::read(a.dir().join("cur/x:2,")).unwrap(), b"a");
        fs::rename(b.dir().join("cur/x:2,"), b.dir().join("cur/w:2,")).unwrap();
        follow_all(&a, &b).unwrap();
        assert!(b.dir().join("cur/x:2,").exists() && b.dir().join("cur/z:2,").exists());
        assert!(!a.dir().exists());
    }
}
