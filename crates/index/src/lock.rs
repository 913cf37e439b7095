//! One writer per state directory (R10).

use crate::error::IndexError;
use crate::open::create_private_dir;
use crate::owned::check_file;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a process that was killed may take to go: what it has open is closed after it was told to.
const GOING: Duration = Duration::from_secs(1);

/// Between two tries.
const A_MOMENT: Duration = Duration::from_millis(20);

/// Holds the state directory until dropped.
///
/// The kernel's lock, not the file, is what counts: it ends with the process however that ends, so
/// there are no stale locks. The pid inside is for people.
#[derive(Debug)]
pub struct StateLock {
    file: File,
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // Closing alone releases it later: a child that was just forked has the file open until it execs.
        // What fails here is released by the kernel all the same.
        drop(self.file.unlock());
    }
}

impl StateLock {
    /// Takes the lock `<state_dir>/lock`; makes the directory where missing. Blocks for a second where another
    /// instance holds it: that one may have been killed just now.
    ///
    /// # Errors
    /// [`IndexError::Locked`] when it holds it still, naming its pid.
    pub fn acquire(state_dir: &Path) -> Result<Self, IndexError> {
        create_private_dir(state_dir)?;
        let path = state_dir.join("lock");
        check_file(&path)?;
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options.open(&path).map_err(IndexError::io("open", &path))?;
        let asked = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if asked.elapsed() < GOING => {
                    std::thread::sleep(A_MOMENT);
                }
                Err(TryLockError::WouldBlock) => {
                    let pid = holder(&mut file);
                    return Err(IndexError::Locked {
                        state_dir: state_dir.to_owned(),
                        pid,
                    });
                }
                Err(TryLockError::Error(error)) => {
                    return Err(IndexError::io("lock", &path)(error));
                }
            }
        }
        let pid = format!("{}\n", std::process::id());
        let noted = file
            .set_len(0)
            .and_then(|()| file.write_all(pid.as_bytes()));
        noted.map_err(IndexError::io("write", &path))?;
        Ok(Self { file })
    }
}

/// `None` in the instant between the other's lock and its note.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::fault::Fault;

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("a/state");
        let first = StateLock::acquire(&state).unwrap();
        let second = StateLock::acquire(&state).unwrap_err();
        assert_eq!(second.fault(), Fault::Busy);
        assert!(
            second
                .to_string()
                .contains(&format!("pid {}", std::process::id())),
            "{second}"
        );
        drop(first);
        StateLock::acquire(&state).unwrap();
    }

    #[test]
    fn one_that_is_just_going_is_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let first = StateLock::acquire(home.path()).unwrap();
        let going = std::thread::spawn(move || {
            std::thread::sleep(GOING / 5);
            drop(first);
        });
        StateLock::acquire(home.path()).unwrap();
        going.join().unwrap();
    }

    #[test]
    fn r10_it_is_released_though_somebody_has_the_file_open_still() {
        let home = tempfile::tempdir().unwrap();
        let first = StateLock::acquire(home.path()).unwrap();
        let inherited = first.file.try_clone().unwrap();
        drop(first);
        StateLock::acquire(home.path()).unwrap();
        drop(inherited);
    }

    #[test]
    fn a_lock_file_left_by_a_killed_process_is_no_lock() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("lock"), "4294967295\nrubbish").unwrap();
        drop(StateLock::acquire(home.path()).unwrap());
        let text = std::fs::read_to_string(home.path().join("lock")).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }
}
