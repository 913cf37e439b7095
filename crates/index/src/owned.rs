//! Whose the state directory is, and what lies in it: ours, and nobody else may write there.
//!
//! Whoever can write into it can put another index, another lock or a link in the place of ours. Where only we can, no name
//! in it needs to be doubted; those that are opened for writing are, all the same.

use crate::error::IndexError;
use rustix::process::geteuid;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Writing for the group and for others.
const OTHERS_WRITE: u32 = 0o022;

/// Refuses a state directory that is another user's, or that others may write. A link to it is the user's choice.
pub(crate) fn check_dir(dir: &Path) -> Result<(), IndexError> {
    let found = fs::metadata(dir).map_err(IndexError::io("look at", dir))?;
    judge((found.uid(), found.mode()), geteuid().as_raw(), dir)
}

fn judge((owner, mode): (u32, u32), we: u32, dir: &Path) -> Result<(), IndexError> {
    let path = dir.to_owned();
    // What is root's could be changed by root anyway.
    if owner != we && owner != 0 {
        return Err(IndexError::Foreign { path, owner });
    }
    if mode & OTHERS_WRITE != 0 {
        let mode = mode & 0o7777;
        return Err(IndexError::Open { path, mode });
    }
    Ok(())
}

/// Refuses what is there under the name of a file of ours and is no plain file: a link above all.
pub(crate) fn check_file(path: &Path) -> Result<(), IndexError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(IndexError::NotAFile {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(IndexError::io("look at", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Index, StateLock};
    use postrider_core::fault::Fault;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn the_directory_is_ours_and_closed() {
        const ADA: u32 = 1_000;
        let dir = Path::new("/s");
        for (owner, mode) in [(ADA, 0o40_700), (ADA, 0o40_755), (0, 0o40_755)] {
            judge((owner, mode), ADA, dir).unwrap();
        }
        for (owner, mode) in [
            (ADA + 1, 0o40_700),
            (ADA, 0o40_770),
            (ADA, 0o41_777),
            (0, 0o40_702),
        ] {
            let error = judge((owner, mode), ADA, dir).unwrap_err();
            assert_eq!(error.fault(), Fault::Config);
            assert!(error.hint().is_some());
        }
        // Not even root works in a directory of somebody who could pull it away.
        assert!(judge((ADA, 0o40_700), 0, dir).is_err());
    }

    #[test]
    fn an_open_directory_holds_neither_lock_nor_index() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        fs::create_dir(&state).unwrap();
        fs::set_permissions(&state, Permissions::from_mode(0o770)).unwrap();
        let error = StateLock::acquire(&state).unwrap_err();
        assert!(
            matches!(error, IndexError::Open { mode: 0o770, .. }),
            "{error}"
        );
        assert!(Index::open(&state).is_err());
        assert_eq!(
            fs::read_dir(&state).unwrap().count(),
            0,
            "nothing was made in it"
        );
    }

    #[test]
    fn no_link_in_it_is_followed() {
        for name in ["lock", "index.db", "index.db-wal", "index.db-shm"] {
            let home = tempfile::tempdir().unwrap();
            let (state, target) = (home.path().join("state"), home.path().join("target"));
            fs::create_dir(&state).unwrap();
            fs::write(&target, "precious").unwrap();
            symlink(&target, state.join(name)).unwrap();
            let opened = StateLock::acquire(&state).and_then(|_lock| Index::open(&state));
            let error = opened.unwrap_err();
            assert!(
                matches!(error, IndexError::NotAFile { .. }),
                "{name}: {error}"
            );
            assert_eq!(fs::read(&target).unwrap(), b"precious");
        }
    }
}
