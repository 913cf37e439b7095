//! The daemon's end of the socket on disk: made, and taken away.
//!
//! It is bound under another name, given its mode, and renamed: nobody finds it before it is private, and a
//! socket that a killed daemon left is replaced in one step.

use super::error::ControlError;
use super::place::{Address, NAME, connect};
use crate::events;
use rustix::process::geteuid;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long another daemon may take to let us in.
const NEIGHBOUR_WITHIN: Duration = Duration::from_secs(2);

/// A bound socket; its files are removed when this is dropped.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) path: PathBuf,
    /// Device and inode, so that no other daemon's socket is removed.
    file: (u64, u64),
    /// The link to it in the state directory.
    link: Option<PathBuf>,
}

impl Drop for Bound {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            // One that stays is taken for stale by the next daemon.
            let _gone = fs::remove_file(&self.path).is_ok();
        }
        if let Some(link) = &self.link
            && fs::read_link(link).is_ok_and(|target| target == self.path)
        {
            let _gone = fs::remove_file(link).is_ok();
        }
    }
}

/// Binds the socket in `runtime_dir`, and links it into the state directory, whose lock must be held: then no
/// other daemon uses that (R10). Where another one, of another state directory, answers in `runtime_dir`, the
/// socket lies in the state directory.
pub(super) fn bind(
    runtime_dir: &Path,
    state_dir: &Path,
) -> Result<(UnixListener, Bound), ControlError> {
    let (usual, own) = (runtime_dir.join(NAME), state_dir.join(NAME));
    if usual == own {
        return at(&own);
    }
    private_dir(runtime_dir)?;
    if is_answered(&usual) {
        events::control_moved(&own, &usual);
        return at(&own);
    }
    let (listener, mut bound) = at(&usual)?;
    link(&usual, &own).map_err(failed(&own))?;
    bound.link = Some(own);
    Ok((listener, bound))
}

/// Whether another daemon is there. One that hangs is.
fn is_answered(path: &Path) -> bool {
    match connect(path, NEIGHBOUR_WITHIN) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::TimedOut,
    }
}

fn at(path: &Path) -> Result<(UnixListener, Bound), ControlError> {
    let failed = failed(path);
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() && !there.file_type().is_symlink() => {
            return Err(ControlError::InTheWay {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let new = path.with_file_name(format!(".c{}", std::process::id()));
    let made = (|| {
        remove(&new)?;
        let listener = UnixListener::bind(Address::of(&new)?.path())?;
        fs::set_permissions(&new, Permissions::from_mode(0o600))?;
        fs::rename(&new, path)?;
        listener.set_nonblocking(true)?;
        Ok((listener, identity(path)?))
    })();
    let (listener, file) = made.map_err(failed)?;
    let bound = Bound {
        path: path.to_owned(),
        file,
        link: None,
    };
    Ok((listener, bound))
}

fn link(target: &Path, link: &Path) -> io::Result<()> {
    let new = link.with_file_name(format!(".c{}", std::process::id()));
    remove(&new)?;
    symlink(target, &new)?;
    fs::rename(&new, link)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Makes the directory, for us alone. One that is there stays as it is, unless others could put a socket of
/// their own into it.
fn private_dir(dir: &Path) -> Result<(), ControlError> {
    let failed = failed(dir);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(&failed)?;
    let metadata = fs::metadata(dir).map_err(&failed)?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    let ours = owner == geteuid().as_raw() || owner == 0;
    if ours && mode & 0o022 == 0 {
        return Ok(());
    }
    Err(ControlError::DirOpen {
        path: dir.to_owned(),
        mode,
        owner,
    })
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ControlError + Copy {
    move |source| ControlError::Socket {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn the_socket_is_private_and_linked_and_both_go_with_it() {
        let home = tempfile::tempdir().unwrap();
        let (run, state) = (home.path().join("run/p"), home.path().to_owned());
        let (_listener, bound) = bind(&run, &state).unwrap();
        assert_eq!(mode(&run), 0o700);
        assert_eq!(mode(&run.join(NAME)), 0o600);
        UnixStream::connect(state.join(NAME)).unwrap();
        drop(bound);
        assert!(!run.join(NAME).exists());
        assert!(fs::symlink_metadata(state.join(NAME)).is_err());
        assert_eq!(fs::read_dir(&run).unwrap().count(), 0, "nothing is left");
    }

    #[test]
    fn what_a_killed_daemon_left_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join("run");
        let (listener, bound) = bind(&run, home.path()).unwrap();
        std::mem::forget(bound);
        drop(listener);
        let (_listener, _bound) = bind(&run, home.path()).unwrap();
        UnixStream::connect(home.path().join(NAME)).unwrap();
    }

    #[test]
    fn r10_another_daemons_socket_is_neither_replaced_nor_removed() {
        let home = tempfile::tempdir().unwrap();
        let (run, ours) = (home.path().join("run"), home.path().join("ours"));
        let theirs = home.path().join("theirs");
        fs::create_dir(&ours).unwrap();
        fs::create_dir(&theirs).unwrap();
        let (listener, first) = bind(&run, &theirs).unwrap();
        let (_ours, second) = bind(&run, &ours).unwrap();
        assert_eq!(second.path, ours.join(NAME));
        drop(second);
        UnixStream::connect(run.join(NAME)).unwrap();
        // It was killed, and a third has come in its place.
        std::mem::forget(first);
        drop(listener);
        let (_third, third) = bind(&run, &ours).unwrap();
        assert_eq!(third.path, run.join(NAME));
    }

    #[test]
    fn a_file_in_the_way_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(NAME), "mine").unwrap();
        let error = bind(home.path(), home.path()).unwrap_err();
        assert!(matches!(error, ControlError::InTheWay { .. }), "{error}");
        assert_eq!(fs::read(home.path().join(NAME)).unwrap(), b"mine");
    }

    #[test]
    fn a_directory_that_others_write_into_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join("run");
        fs::create_dir(&run).unwrap();
        fs::set_permissions(&run, Permissions::from_mode(0o1777)).unwrap();
        let error = bind(&run, home.path()).unwrap_err();
        assert!(matches!(error, ControlError::DirOpen { .. }), "{error}");
    }
}
