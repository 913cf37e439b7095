//! The seal of an index that was closed in order: while it is whole, nothing needs to be checked.
//!
//! Checking an index reads all of it, 2 s for a million messages, and a damaged one is mostly the
//! work of a power cut, a full disk or a copy made at a bad moment. So [`Index::close`] writes down
//! what the file looks like, and the next start checks only where that is missing or no longer true:
//! after a kill, a power cut, a restored backup, a hand in the file.
//!
//! Losing a seal costs a check. A seal that comes back, because a power cut took its removal with it,
//! lies beside a write-ahead log: SQLite flushes the log's directory with the first commit, and lets
//! go of the log only after the file is flushed.

use crate::error::IndexError;
use crate::open::{Index, opening};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

impl Index {
    /// Closes the index in order: folds the write-ahead log in and seals the file. Just dropped, it
    /// is checked at the next start.
    ///
    /// # Errors
    /// When the database or the state directory refuses; what was committed is safe all the same.
    pub fn close(self) -> Result<(), IndexError> {
        let Self { connection } = self;
        let path = connection.path().map(PathBuf::from).unwrap_or_default();
        let written = !connection.is_readonly("main").map_err(opening(&path))?;
        connection
            .close()
            .map_err(|(_, source)| IndexError::sql("close the index")(source))?;
        // A reader beside us has kept the log: there is more to the index than the file.
        if !written || has_log(&path) {
            return Ok(());
        }
        let Some(likeness) = likeness(&path) else {
            return Ok(());
        };
        let seal = seal(&path);
        write(&seal, &likeness).map_err(IndexError::io("write", &seal))
    }
}

/// A file of our own, whatever lay there; 0600 whatever the umask.
fn write(seal: &Path, likeness: &str) -> io::Result<()> {
    remove(seal)?;
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(seal)?;
    file.write_all(likeness.as_bytes())
}

/// Takes the seal of an index file off, and says whether it was whole. Whatever happens to the file
/// from now on happens without it.
pub(crate) fn take_off(path: &Path) -> Result<bool, IndexError> {
    let (seal, whole) = (seal(path), is_whole(path));
    let removed = remove(&seal).map_err(IndexError::io("remove", &seal))?;
    Ok(removed && whole)
}

/// Removes a file that may be there; says whether it was.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

/// Whether the index file is sealed and its seal whole.
pub(crate) fn is_whole(path: &Path) -> bool {
    let said = fs::read_to_string(seal(path)).ok();
    said.is_some() && said == likeness(path) && !has_log(path)
}

/// What changes with whatever is done to a file.
pub(crate) fn likeness(path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    let (inode, octets) = (found.ino(), found.size());
    let (seconds, nanoseconds) = (found.mtime(), found.mtime_nsec());
    Some(format!(
        "inode {inode}, {octets} octets, {seconds}.{nanoseconds:09}\n"
    ))
}

/// Readers leave an empty one behind.
fn has_log(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

fn seal(path: &Path) -> PathBuf {
    beside(path, "-sealed")
}

pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, imap, message};
    use std::fs::File;
    use std::time::SystemTime;
    use tempfile::TempDir;

    fn closed() -> (TempDir, PathBuf) {
        let mut bench = Bench::new();
        bench.store((1..200).map(|uid| message(imap(7, uid), 1)).collect());
        let Bench { index, home, .. } = bench;
        index.close().unwrap();
        let path = home.path().join("index.db");
        (home, path)
    }

    /// Writes rubbish over the last page, and makes the file look as if nothing had happened.
    fn rot(path: &Path) {
        let before = fs::metadata(path).unwrap().modified().unwrap();
        let mut octets = fs::read(path).unwrap();
        let from = octets.len() - 4_096;
        octets[from..].fill(0xAA);
        fs::write(path, octets).unwrap();
        touch(path, before);
    }

    fn touch(path: &Path, modified: SystemTime) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(modified).unwrap();
    }

    fn is_damaged(opened: Result<Index, IndexError>) -> bool {
        matches!(opened, Err(IndexError::Corrupt { .. }))
    }

    #[test]
    fn what_was_closed_in_order_is_not_read_again() {
        let (home, path) = closed();
        rot(&path);
        drop(Index::open(home.path()).unwrap());
        // That one was not closed in order.
        assert!(is_damaged(Index::open(home.path())));
    }

    #[test]
    fn a_file_that_looks_otherwise_is_checked() {
        let (home, path) = closed();
        rot(&path);
        touch(&path, SystemTime::UNIX_EPOCH);
        assert!(is_damaged(Index::open(home.path())));

        let (home, path) = closed();
        rot(&path);
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        let restored = home.path().join("restored");
        fs::copy(&path, &restored).unwrap();
        touch(&restored, before);
        fs::rename(&restored, &path).unwrap();
        assert!(is_damaged(Index::open(home.path())));
    }

    #[test]
    fn a_log_beside_a_sealed_file_breaks_the_seal() {
        let (home, path) = closed();
        fs::write(beside(&path, "-wal"), "").unwrap();
        Index::open(home.path()).unwrap().close().unwrap();
        rot(&path);
        fs::write(beside(&path, "-wal"), "written after the seal").unwrap();
        assert!(is_damaged(Index::open(home.path())));
    }

    #[test]
    fn only_a_writer_that_was_alone_seals() {
        let (home, path) = closed();
        assert!(seal(&path).exists());
        let writer = Index::open(home.path()).unwrap();
        assert!(!seal(&path).exists());
        let reader = Index::open_read_only(home.path()).unwrap();
        reader.statuses().unwrap();
        writer
            .connection
            .pragma_update(None, "application_id", 7)
            .unwrap();
        writer.close().unwrap();
        assert!(!seal(&path).exists());
        reader.close().unwrap();
        assert!(!seal(&path).exists());
        // The log is gone now, as after a restored backup.
        drop(Index::open(home.path()).unwrap());
        let reader = Index::open_read_only(home.path()).unwrap();
        reader.close().unwrap();
        assert!(!seal(&path).exists());
    }
}
