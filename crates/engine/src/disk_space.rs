//! Room that is left free on the disks (`limits.disk_free_min`): downloads stop before they would take it.
//!
//! A message is counted from before it is written until it is: by then the file system counts it. So it is
//! stopped short of the limit, however many accounts write at once.

use crate::error::EngineError;
use rustix::io::Errno;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a file takes beside its octets: the rest of its last block, its inode, its row in the index.
const BESIDES: u64 = 8 * 1_024;

/// Room for messages worth connecting for: where there is less, a pass would fetch what it cannot keep.
const WORTHWHILE: u64 = 1 << 20;

/// The room on the disks that we write to. Clones share what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct DiskSpace {
    /// Octets that stay free; 0: nobody asks.
    least: Arc<AtomicU64>,
    coming: Arc<AtomicU64>,
    state_dir: Arc<Path>,
}

/// Octets that may be written; counted for as long as it lives.
#[derive(Debug)]
pub(crate) struct Admitted {
    coming: Arc<AtomicU64>,
    octets: u64,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.coming.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

impl DiskSpace {
    pub(crate) fn new(state_dir: Arc<Path>) -> Self {
        Self {
            least: Arc::default(),
            coming: Arc::default(),
            state_dir,
        }
    }

    pub(crate) fn set_least(&self, octets: u64) {
        self.least.store(octets, Ordering::Relaxed);
    }

    /// Whether a download of so many octets into `tree` is worth beginning. May block.
    pub(crate) fn allows(&self, tree: &Path, octets: u64) -> Result<(), EngineError> {
        self.look([tree, &self.state_dir], octets.min(WORTHWHILE))
    }

    /// Room for a file's next octets in `directory`. May block.
    pub(crate) fn admit(&self, directory: &Path, octets: u64) -> Result<Admitted, EngineError> {
        let octets = octets.saturating_add(BESIDES);
        // Counted first, so that of two who ask at once one is counted for the other.
        self.coming.fetch_add(octets, Ordering::Relaxed);
        let coming = Arc::clone(&self.coming);
        let admitted = Admitted { coming, octets };
        self.look([directory, &self.state_dir], 0)?;
        Ok(admitted)
    }

    fn look(&self, places: [&Path; 2], octets: u64) -> Result<(), EngineError> {
        let least = self.least.load(Ordering::Relaxed);
        if least == 0 {
            return Ok(());
        }
        let coming = self.coming.load(Ordering::Relaxed).saturating_add(octets);
        for place in places {
            let free = free(place)?;
            if free.saturating_sub(coming) < least {
                let path = place.to_owned();
                return Err(EngineError::DiskNearlyFull { path, free, least });
            }
        }
        Ok(())
    }
}

/// Octets that are free for us where a path lies, or will lie once its directories are made.
fn free(path: &Path) -> Result<u64, EngineError> {
    let mut there = path;
    loop {
        match rustix::fs::statvfs(there) {
            Ok(disk) => return Ok(disk.f_bavail.saturating_mul(disk.f_frsize)),
            Err(Errno::NOENT) => match there.parent() {
                Some(above) => there = above,
                None => return Err(unknown(path, Errno::NOENT)),
            },
            Err(errno) => return Err(unknown(path, errno)),
        }
    }
}

fn unknown(path: &Path, errno: Errno) -> EngineError {
    EngineError::DiskUnknown {
        path: PathBuf::from(path),
        source: errno.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(dir: &Path, least: u64) -> DiskSpace {
        let space = DiskSpace::new(dir.into());
        space.set_least(least);
        space
    }

    #[test]
    fn what_is_being_written_counts_until_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        // Others use this disk as well: margins of a quarter of what is free.
        let quarter = free(dir).unwrap() / 4;
        let space = space(dir, quarter);
        space.allows(dir, u64::MAX).unwrap();
        let two = space.admit(dir, 2 * quarter).unwrap();
        let refused = space.admit(dir, 2 * quarter).unwrap_err();
        assert!(
            matches!(refused, EngineError::DiskNearlyFull { .. }),
            "{refused}"
        );
        drop(two);
        drop(space.admit(dir, 2 * quarter).unwrap());
        space.set_least(8 * quarter);
        assert!(space.allows(dir, 0).is_err());
        space.set_least(0);
        space.admit(dir, u64::MAX / 2).unwrap();
    }

    #[test]
    fn a_tree_that_is_not_there_lies_where_it_will() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("not/yet/there");
        // Others write to the disk meanwhile.
        let (of_tree, of_disk) = (free(&tree).unwrap(), free(dir.path()).unwrap());
        assert!(of_tree.abs_diff(of_disk) < 1 << 30, "{of_tree} {of_disk}");
        let space = space(dir.path(), u64::MAX);
        let refused = space.allows(&tree, 0).unwrap_err().to_string();
        assert!(refused.contains("not/yet/there"), "{refused}");
    }
}
