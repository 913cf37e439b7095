//! What the system knows of this process (proc(5)). What cannot be read is not told.

use rustix::process::{Resource, getrlimit};
use std::fs;

/// The process at this moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process {
    /// Memory that is in use, in octets.
    pub resident_octets: Option<i64>,
    /// Open descriptors.
    pub open_files: Option<i64>,
    /// Of so many.
    pub most_files: Option<i64>,
    /// When it started, in seconds since the epoch.
    pub started_at: Option<i64>,
}

impl Process {
    /// This one; `started_at` is what it noted itself.
    pub(super) fn now(started_at: i64) -> Self {
        Self {
            resident_octets: resident_octets(),
            open_files: open_files(),
            most_files: getrlimit(Resource::Nofile)
                .current
                .and_then(|most| i64::try_from(most).ok()),
            started_at: Some(started_at),
        }
    }
}

fn resident_octets() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1_024)
}

fn open_files() -> Option<i64> {
    // One of them is the directory that is being read.
    let open = fs::read_dir("/proc/self/fd").ok()?.count().checked_sub(1)?;
    i64::try_from(open).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_knows_this_process() {
        let before = Process::now(7);
        assert!(before.resident_octets.unwrap() > 100_000);
        assert!(before.open_files.unwrap() >= 3);
        assert!(before.most_files.unwrap() > before.open_files.unwrap());
        assert_eq!(before.started_at, Some(7));
    }
}
