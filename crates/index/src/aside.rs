//! A damaged index is moved out of the way, not repaired: what SQLite saves from it may lack rows, and a
//! row that is missing in silence is worse than an index that is known to be new.

use crate::error::IndexError;
use crate::open::file;
use crate::seal::beside;
use postrider_core::time::Now;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Renames `index.db`, and what SQLite keeps beside it, to `index.db.corrupt-<seconds>`; says where it
/// lies now. Only under the state lock, and with no connection open.
///
/// # Errors
/// When the state directory cannot be written.
pub fn set_aside(state_dir: &Path, now: Now) -> Result<PathBuf, IndexError> {
    let path = file(state_dir);
    let aside = beside(&path, &format!(".corrupt-{}", now.0));
    // The log first: a new database beside an old log would be taken for its owner.
    for suffix in ["-wal", "-shm", ""] {
        let (from, to) = (beside(&path, suffix), beside(&aside, suffix));
        match fs::rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(IndexError::io("move aside", &from)(error)),
        }
    }
    let flushed = File::open(state_dir).and_then(|dir| dir.sync_all());
    flushed.map_err(IndexError::io("flush", state_dir))?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Index;
    use postrider_core::time::UnixTime;

    #[test]
    fn a_damaged_index_makes_room_for_a_new_one() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("index.db"), "no database at all").unwrap();
        let found = Index::open(home.path()).unwrap_err();
        assert!(matches!(found, IndexError::Corrupt { .. }), "{found:?}");
        let aside = set_aside(home.path(), Now(UnixTime::from_seconds(7))).unwrap();
        assert_eq!(aside, home.path().join("index.db.corrupt-7"));
        assert_eq!(fs::read(aside).unwrap(), b"no database at all");
        let index = Index::open(home.path()).unwrap();
        assert!(index.statuses().unwrap().is_empty());
    }
}
