//! Which directories a mailbox is made of. One that was removed and made anew, or that another disk was
//! mounted over, has the same name and is another: what is not in it was deleted by nobody (R5).

use crate::entry::Subdir;
use crate::error::MaildirError;
use crate::mailbox::Mailbox;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

/// What `new` and `cur` have that no other directories have: their inodes, and when they were made, because
/// a file system gives a free number out again at once (ext4: to the next directory made). Where it does not
/// tell when, as NFS does not, the number has to do. To be compared, and for nothing else.
///
/// # Errors
/// When a directory is not there or the system refuses.
pub fn identity(mailbox: &Mailbox) -> Result<String, MaildirError> {
    let [new, cur] = [Subdir::New, Subdir::Cur].map(|subdir| one(mailbox, subdir));
    Ok(format!("{} {}", new?, cur?))
}

fn one(mailbox: &Mailbox, subdir: Subdir) -> Result<String, MaildirError> {
    let path = mailbox.subdir(subdir);
    let found = fs::metadata(&path).map_err(MaildirError::io("look at", &path))?;
    let made = found.created().ok();
    let made = made.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    let made = made.map_or(0, |made| made.as_nanos());
    Ok(format!("{}.{made}", found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn made(root: &Path) -> Mailbox {
        let mailbox = Mailbox::new(root, Path::new("Work"));
        mailbox.create().unwrap();
        mailbox
    }

    #[test]
    fn r5_a_directory_stays_itself_whatever_is_done_in_it_and_wherever_it_is_moved() {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = made(dir.path());
        let before = identity(&mailbox).unwrap();
        fs::write(mailbox.subdir(Subdir::Cur).join("a:2,S"), "a").unwrap();
        assert_eq!(identity(&mailbox).unwrap(), before);
        fs::rename(mailbox.dir(), dir.path().join("Job")).unwrap();
        let moved = Mailbox::new(dir.path(), Path::new("Job"));
        assert_eq!(identity(&moved).unwrap(), before);
        assert!(identity(&mailbox).is_err());
    }

    #[test]
    fn r5_a_directory_that_was_made_anew_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = made(dir.path());
        for subdir in [Subdir::New, Subdir::Cur] {
            let before = identity(&mailbox).unwrap();
            fs::remove_dir(mailbox.subdir(subdir)).unwrap();
            mailbox.create().unwrap();
            assert_ne!(identity(&mailbox).unwrap(), before, "{subdir:?}");
        }
    }
}
