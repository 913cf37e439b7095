//! Rename that never replaces.

use rustix::fs::{AtFlags, CWD, RenameFlags};
use rustix::io::Errno;
use std::path::Path;

/// Moves a file to a name that must be free.
///
/// A crash in the fallback leaves two names of one file, never none: the scan shows one of them,
/// and the sweep takes the one in `tmp`.
pub(crate) fn rename_exclusive(from: &Path, to: &Path) -> Result<(), Errno> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A kernel or a file system (NFS, some FUSE) without renameat2's flags.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => link_exclusive(from, to),
        done => done,
    }
}

/// The same by link(2), which never replaces.
fn link_exclusive(from: &Path, to: &Path) -> Result<(), Errno> {
    rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty())?;
    rustix::fs::unlink(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn neither_way_replaces_anything() {
        type Way = fn(&Path, &Path) -> Result<(), Errno>;
        for way in [rename_exclusive as Way, link_exclusive as Way] {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            fs::write(at("a"), "a").unwrap();
            fs::write(at("b"), "b").unwrap();
            assert_eq!(way(&at("a"), &at("b")), Err(Errno::EXIST));
            assert_eq!(fs::read(at("b")).unwrap(), b"b");
            assert_eq!(way(&at("a"), &at("c")), Ok(()));
            assert!(!at("a").exists() && at("c").exists());
            assert_eq!(way(&at("a"), &at("d")), Err(Errno::NOENT));
        }
    }
}
