//! A copy of the index that nobody keeps: a rehearsal writes into it what a pass would write into the
//! index, and reads it back.
//!
//! It is a database without a name. SQLite holds it in memory while it is small, then in a file of its
//! own making that has no name either and ends with the connection; so it may be as large as the index.

use crate::error::IndexError;
use crate::migrate::{migrate, version};
use crate::open::{Index, file, opening};
use crate::seal::{beside, is_whole, likeness};
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// All pages in one step: what a daemon commits meanwhile is in the copy whole or not at all.
const ALL_PAGES: i32 = i32::MAX;
/// How long a step waits for a program that holds the database.
const PAUSE: Duration = Duration::from_millis(50);

impl Index {
    /// An index without a row.
    ///
    /// # Errors
    /// When SQLite cannot make one.
    pub fn scratch() -> Result<Self, IndexError> {
        let mut scratch = Self::nameless()?;
        migrate(&mut scratch.connection, Path::new(""))?;
        Ok(scratch)
    }

    /// A copy of the index as it is at this moment, brought to the present version. In the state directory
    /// nothing changes but the marks in `index.db-shm`, which every reader sets while a writer has the
    /// index open.
    ///
    /// # Errors
    /// When there is no index, it is damaged or cannot be read, or a newer postrider made it.
    pub fn scratch_of(state_dir: &Path) -> Result<Self, IndexError> {
        let path = file(state_dir);
        let exists = path.try_exists();
        if !exists.map_err(IndexError::io("look for", &path))? {
            return Err(IndexError::Missing { path });
        }
        let mut scratch = Self::nameless()?;
        if !scratch.copy_untouched(&path)? {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let source = Self::connect(&path, flags)?;
            scratch.copy(&source.connection, &path)?;
        }
        if version(&scratch.connection, &path)? == 0 {
            // Made by an `open` that was killed before its first transaction.
            return Err(IndexError::Missing { path });
        }
        if !is_whole(&path) {
            scratch.check_quickly(&path)?;
        }
        migrate(&mut scratch.connection, &path)?;
        Ok(scratch)
    }

    fn nameless() -> Result<Self, IndexError> {
        let (path, flags) = (Path::new(""), OpenFlags::default());
        let index = Self::connect(path, flags)?;
        let kept_by_nobody = || {
            index.connection.pragma_update(None, "synchronous", "OFF")?;
            index.connection.pragma_update(None, "foreign_keys", true)
        };
        kept_by_nobody().map_err(opening(path))?;
        Ok(index)
    }

    /// Copies an index that nobody has open. A usual reader would make a write-ahead log beside it, and
    /// leave it there. `false` where somebody has it open, or opened it meanwhile.
    fn copy_untouched(&mut self, path: &Path) -> Result<bool, IndexError> {
        let log = beside(path, "-wal");
        let is_closed = || !log.exists();
        let before = likeness(path);
        if !is_closed() {
            return Ok(false);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let source = Connection::open_with_flags(immutable(path), flags).map_err(opening(path))?;
        let copied = self.copy(&source, path);
        if is_closed() && before == likeness(path) {
            return copied.map(|()| true);
        }
        Ok(false)
    }

    fn copy(&mut self, source: &Connection, path: &Path) -> Result<(), IndexError> {
        let backup = Backup::new(source, &mut self.connection).map_err(opening(path))?;
        let copied = backup.run_to_completion(ALL_PAGES, PAUSE, None);
        copied.map_err(opening(path))
    }
}

/// The name by which SQLite opens a file that it takes for unchanging: no locks, no log.
fn immutable(path: &Path) -> String {
    let mut uri = String::from("file:");
    for octet in path.as_os_str().as_bytes() {
        match octet {
            b'/' | b'.' | b'-' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                uri.push(char::from(*octet));
            }
            octet => uri.push_str(&format!("%{octet:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, epoch, imap, message, now};
    use std::collections::BTreeMap;
    use std::fs;
    use std::time::SystemTime;

    type Files = BTreeMap<String, (Vec<u8>, SystemTime)>;

    fn files(dir: &Path) -> Files {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
        let named = entries.map(|entry| {
            let modified = entry.metadata().unwrap().modified().unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, (fs::read(entry.path()).unwrap(), modified))
        });
        named.collect()
    }

    #[test]
    fn a_closed_index_is_copied_and_nothing_beside_it_changes() {
        let mut bench = Bench::new();
        let keys = bench.store((1..300).map(|uid| message(imap(7, uid), 1)).collect());
        let (mailbox, home) = (bench.mailbox, bench.home);
        bench.index.close().unwrap();
        let before = files(home.path());
        let mut scratch = Index::scratch_of(home.path()).unwrap();
        scratch.mark_proven(&keys, now(150)).unwrap();
        let rows = scratch.retained(mailbox, Some(epoch(7))).unwrap();
        assert!(rows.len() == 299 && rows.iter().all(|row| row.proven_at.is_some()));
        scratch.close().unwrap();
        assert!(
            files(home.path()) == before,
            "{:?}",
            files(home.path()).keys()
        );
    }

    #[test]
    fn beside_a_writer_the_copy_has_what_was_committed_and_keeps_what_it_is_told_to_itself() {
        let mut bench = Bench::new();
        bench.store(vec![message(imap(7, 1), 1)]);
        let mut scratch = Index::scratch_of(bench.home.path()).unwrap();
        let held = |index: &Index| index.held(bench.mailbox).unwrap();
        assert_eq!(held(&scratch), 1);
        let rows = scratch.retained(bench.mailbox, Some(epoch(7))).unwrap();
        let gone = [(rows[0].key, "retention: delete")];
        scratch.mark_proven(&[rows[0].key], now(150)).unwrap();
        scratch.mark_expired(&gone, now(160)).unwrap();
        let retained = |index: &Index| index.retained(bench.mailbox, Some(epoch(7))).unwrap().len();
        assert_eq!((retained(&scratch), retained(&bench.index)), (0, 1));
    }

    #[test]
    fn no_index_is_none_and_a_damaged_one_is_said_to_be() {
        let home = tempfile::tempdir().unwrap();
        let none = Index::scratch_of(home.path()).unwrap_err();
        assert!(matches!(none, IndexError::Missing { .. }), "{none:?}");
        assert!(files(home.path()).is_empty(), "and none is made");
        fs::write(home.path().join("index.db"), "no database at all").unwrap();
        let damaged = Index::scratch_of(home.path()).unwrap_err();
        assert!(matches!(damaged, IndexError::Corrupt { .. }), "{damaged:?}");
        assert!(Index::scratch().unwrap().statuses().unwrap().is_empty());
    }

    #[test]
    fn a_path_is_no_query() {
        let uri = immutable(Path::new("/a b/c?d#e%/index.db"));
        assert_eq!(uri, "file:/a%20b/c%3fd%23e%25/index.db?immutable=1");
    }
}
