//! Where the control socket lies, and how it is reached when its path is longer than an address may be.
//!
//! A client has the configuration, but not always the daemon's environment: under systemd the daemon's runtime
//! directory is in a variable that a shell lacks. So the state directory has the socket too, as a link, and a
//! client looks there first; what it finds it asks for the state directory that it belongs to.

use crate::config::Config;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread::Builder;
use std::time::Duration;

/// The name of the socket in its directory.
pub const NAME: &str = "control.sock";

/// The longest path in the address of a Unix socket, without the NUL at its end (unix(7)).
const LONGEST: usize = 107;

/// Where a client looks for the socket, in this order.
#[must_use]
pub fn places(config: &Config) -> Vec<PathBuf> {
    let mut places = vec![config.state_dir.join(NAME)];
    let usual = config.runtime_dir.join(NAME);
    if !places.contains(&usual) {
        places.push(usual);
    }
    places
}

/// A path by which a socket can be bound or reached.
#[derive(Debug)]
pub(super) struct Address {
    path: PathBuf,
    /// Keeps the short way open.
    _dir: Option<File>,
}

impl Address {
    /// The path itself, or where that is too long, a way by an open directory (proc(5)).
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().as_bytes().len() <= LONGEST {
            let path = path.to_owned();
            return Ok(Self { path, _dir: None });
        }
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let dir = File::open(dir)?;
        let way = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd()));
        Ok(Self {
            path: way.join(name),
            _dir: Some(dir),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Connects, but does not wait for longer than `within`: a daemon that hangs accepts nobody, and the kernel lets
/// whoever comes when its queue is full wait for ever.
pub(super) fn connect(path: &Path, within: Duration) -> io::Result<UnixStream> {
    let address = Address::of(path)?;
    let (sender, receiver) = channel();
    Builder::new().name("connect".to_owned()).spawn(move || {
        // Whoever gave up waiting does not listen.
        let _late = sender.send(UnixStream::connect(address.path())).is_err();
    })?;
    receiver
        .recv_timeout(within)
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, SockAddr, Socket, Type};
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_path_that_is_too_long_for_an_address_is_reached_all_the_same() {
        let home = tempfile::tempdir().unwrap();
        for levels in [1, 9] {
            let dir = home.path().join("twenty-characters-xx/".repeat(levels));
            std::fs::create_dir_all(&dir).unwrap();
            let path = dir.join(NAME);
            let address = Address::of(&path).unwrap();
            let _bound = UnixListener::bind(address.path()).unwrap();
            assert!(path.exists(), "{}", path.display());
            UnixStream::connect(Address::of(&path).unwrap().path()).unwrap();
            let long = UnixStream::connect(&path).is_err();
            assert_eq!(long, levels == 9, "the limit is the kernel's");
        }
    }

    #[test]
    fn nobody_waits_for_a_daemon_that_accepts_nobody() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(NAME);
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let _in_the_queue = UnixStream::connect(&path).unwrap();
        let refused = connect(&path, Duration::from_millis(100)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
    }
}
