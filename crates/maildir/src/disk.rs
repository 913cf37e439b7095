//! The file system below a mail tree, flushed as a whole.
//!
//! An fsync for each file of a batch is a barrier for each; syncfs(2) writes all that is dirty and waits once.
//! It waits for what other programs wrote, too, and says less: a failed write is reported to whoever
//! had the file system open by then, to each once, and only since Linux 5.8. So a [`Disk`] is opened before
//! the first file that it is to answer for, belongs to one delivery, fails for ever once it has failed, and
//! where anything is in doubt there is none, and every file is flushed by itself.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The first Linux whose syncfs reports failed writes (commit 735e4ae5ba28).
const HONEST: (u32, u32) = (5, 8);

/// By `f_type` (statfs(2)): ext, XFS, Btrfs, F2FS, tmpfs. FUSE and the network's do not pass on a syncfs,
/// or pass on more than it takes.
const WHOLE: [u64; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];

/// A flush that took longer than this waited for somebody else's octets: a batch of 256 takes 10 to 30 ms.
const CROWDED: Duration = Duration::from_secs(1);

/// A file system that can be flushed as a whole.
#[derive(Debug)]
pub struct Disk {
    root: File,
    device: u64,
    crowded: AtomicBool,
    /// A failure is told to one caller, and may be that of another's files.
    failed: Mutex<bool>,
}

impl Disk {
    /// The one below `root`; `None` where a flush of the whole is not to be had, or would prove nothing.
    #[must_use]
    pub fn open(root: &Path) -> Option<Self> {
        let release = rustix::system::uname();
        if !is_honest(release.release().to_str().ok()?) {
            return None;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = File::from(rustix::fs::open(root, flags, Mode::empty()).ok()?);
        // Its type differs from one processor to the next; the number does not.
        let kind = u64::try_from(rustix::fs::fstatfs(&root).ok()?.f_type).ok()?;
        WHOLE.contains(&kind).then_some(())?;
        Some(Self {
            device: device(&root)?,
            root,
            crowded: AtomicBool::new(false),
            failed: Mutex::new(false),
        })
    }

    /// Whether it is better to flush each file by itself, because others write a lot.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    /// Whether a flush of the whole makes this durable, and does not take longer than flushing it alone.
    pub(crate) fn holds(&self, file: &File) -> bool {
        device(file).is_some_and(|device| self.holds_device(device))
    }

    /// The same of what lies on this device.
    pub(crate) fn holds_device(&self, device: u64) -> bool {
        !self.is_crowded() && device == self.device
    }

    /// Makes durable whatever was done on it until now.
    pub(crate) fn flush(&self) -> rustix::io::Result<()> {
        // Nobody panics while holding it.
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if *failed {
            return Err(Errno::IO);
        }
        let begun = Instant::now();
        let flushed = rustix::fs::syncfs(&self.root);
        if begun.elapsed() > CROWDED {
            self.crowded.store(true, Ordering::Relaxed);
        }
        *failed = flushed.is_err();
        flushed
    }
}

fn device(file: impl AsFd) -> Option<u64> {
    rustix::fs::fstat(file).ok().map(|found| found.st_dev)
}

/// `6.1.0-13-amd64` is later than 5.8.
fn is_honest(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next().and_then(|digits| digits.parse().ok());
    match (number(), number()) {
        (Some(major), Some(minor)) => (major, minor) >= HONEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r1_a_kernel_that_hides_failed_writes_is_not_trusted() {
        for (release, honest) in [
            ("6.1.0-13-amd64", true),
            ("5.8.0", true),
            ("5.10.226+", true),
            ("5.7.19", false),
            ("4.19.0-27", false),
            ("", false),
            ("next", false),
        ] {
            assert_eq!(is_honest(release), honest, "{release}");
        }
    }

    #[test]
    fn only_what_lies_on_it_is_flushed_with_it() {
        let home = tempfile::tempdir().unwrap();
        let Some(disk) = Disk::open(home.path()) else {
            return;
        };
        let (_reader, writer) = std::io::pipe().unwrap();
        assert!(!disk.holds(&File::from(std::os::fd::OwnedFd::from(writer))));
        let file = File::create(home.path().join("x")).unwrap();
        assert!(disk.holds(&file));
        disk.flush().unwrap();
        *disk.failed.lock().unwrap() = true;
        assert!(disk.flush().is_err());
        disk.crowded.store(true, Ordering::Relaxed);
        assert!(!disk.holds(&file));
        assert!(Disk::open(&home.path().join("none")).is_none());
    }
}
