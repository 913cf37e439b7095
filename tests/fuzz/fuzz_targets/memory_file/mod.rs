//! A file that is nowhere on a disk, for code that wants a path.

use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// Gone when it is dropped.
pub struct MemoryFile(File);

impl MemoryFile {
    /// A file of these octets that only its owner may read.
    pub fn with(octets: &[u8]) -> Self {
        let file = memfd_create("fuzzed", MemfdFlags::CLOEXEC).expect("memory");
        fchmod(&file, Mode::RUSR | Mode::WUSR).expect("a file of ours");
        let mut file = File::from(file);
        file.write_all(octets).expect("memory");
        Self(file)
    }

    /// Where it can be opened.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}
