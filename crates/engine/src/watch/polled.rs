//! Directories that the system does not watch for us: their times are read every few seconds.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// How often few directories are read: a change waits for a second on average.
const SHORTEST: Duration = Duration::from_secs(2);
/// What each directory adds: at 2 µs for reading one, a thousandth of a core goes into it.
const EACH: Duration = Duration::from_millis(2);
/// How often even 50,000 of them are read.
const LONGEST: Duration = Duration::from_secs(60);

/// How long to wait between two readings of so many directories.
pub(super) fn period(directories: usize) -> Duration {
    let directories = u32::try_from(directories).unwrap_or(u32::MAX);
    let more = EACH.saturating_mul(directories);
    SHORTEST.saturating_add(more).min(LONGEST)
}

/// What tells that a directory is another one, or holds other names.
///
/// A change within one tick of the clock after a reading leaves the time as it is. Then the reading has
/// told of another change in that tick already, and whoever was told looks much later than a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Times {
    /// `None`: there is no directory, or a link in its place.
    pub(super) fn of(directory: &Path) -> Option<Self> {
        let found = fs::symlink_metadata(directory).ok()?;
        found.is_dir().then(|| Self {
            inode: found.ino(),
            seconds: found.mtime(),
            nanoseconds: found.mtime_nsec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_directories_are_read_less_often() {
        assert_eq!(period(0), SHORTEST);
        assert!(period(10) < SHORTEST * 2);
        assert_eq!(period(4_000), Duration::from_secs(10));
        assert_eq!(period(usize::MAX), LONGEST);
    }

    #[test]
    fn a_new_name_and_another_directory_change_the_times() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("new");
        assert_eq!(Times::of(&directory), None);
        fs::create_dir(&directory).unwrap();
        let empty = Times::of(&directory).unwrap();
        assert_eq!(Times::of(&directory), Some(empty));
        std::thread::sleep(Duration::from_millis(20));
        fs::write(directory.join("a"), "").unwrap();
        assert_ne!(Times::of(&directory), Some(empty));
        fs::rename(&directory, home.path().join("aside")).unwrap();
        std::os::unix::fs::symlink("aside", &directory).unwrap();
        assert_eq!(Times::of(&directory), None, "a link is not followed (R8)");
    }
}
