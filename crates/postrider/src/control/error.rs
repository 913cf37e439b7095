//! What can go wrong between a daemon and those who speak to it, on either end.

use super::words::Trouble;
use postrider_core::fault::Fault;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The control socket cannot be made, or the daemon not be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Others may write into the directory of the socket.
    #[error("{} is no place for a control socket: it belongs to user {owner} and its mode is {mode:04o}", path.display())]
    DirOpen {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Whose it is.
        owner: u32,
    },
    /// The daemon ended while it answered.
    #[error("the daemon ended before it had answered")]
    Gone,
    /// Something that is no socket bears its name.
    #[error("{} is in the way of the control socket", path.display())]
    InTheWay {
        /// What it is.
        path: PathBuf,
    },
    /// A command needs a daemon, and none runs.
    #[error("no daemon runs: nobody answers at {}", list(places))]
    NoDaemon {
        /// Where its socket was looked for.
        places: Vec<PathBuf>,
    },
    /// The daemon cannot be reached.
    #[error("speaking to the daemon by {}", path.display())]
    Reach {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The daemon refuses.
    #[error("{}", trouble.error)]
    Refused {
        /// Why.
        trouble: Trouble,
    },
    /// A reload would have to move the socket.
    #[error("the runtime directory cannot change from {} to {} while the daemon runs", was.display(), now.display())]
    RuntimeDirChanged {
        /// The one in use.
        was: PathBuf,
        /// The one that the new configuration names.
        now: PathBuf,
    },
    /// The daemon is there and says nothing.
    #[error("the daemon at {} has not answered for {} s", path.display(), within.as_secs())]
    Silent {
        /// Its socket.
        path: PathBuf,
        /// The time it had.
        within: Duration,
    },
    /// The daemon cannot make its socket.
    #[error("making the control socket {}", path.display())]
    Socket {
        /// The socket, or its directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The running daemon is of another version, with another protocol.
    #[error(
        "the running daemon, version {version}, speaks version {protocol} of the control protocol"
    )]
    Version {
        /// Of the daemon.
        version: String,
        /// Of its protocol.
        protocol: u32,
    },
}

fn list(places: &[PathBuf]) -> String {
    let shown: Vec<_> = places
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    shown.join(" or ")
}

impl ControlError {
    /// What it means for whoever may try again.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::DirOpen { .. } | Self::RuntimeDirChanged { .. } => Fault::Config,
            Self::Gone | Self::Version { .. } => Fault::Busy,
            Self::InTheWay { .. } | Self::Socket { .. } => Fault::LocalIo,
            Self::Reach { source, .. } if is_forbidden(source) => Fault::Auth,
            Self::NoDaemon { .. } | Self::Reach { .. } | Self::Silent { .. } => Fault::Unreachable,
            Self::Refused { trouble } => trouble.fault(),
        }
    }

    /// What to type next, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::DirOpen { .. } => {
                "name a directory with `runtime_dir:` that is yours and that nobody else may write into"
            }
            Self::Gone => "postrider status says whether one runs again",
            Self::InTheWay { path } | Self::Socket { path, .. } => {
                let path = path.display();
                return Some(format!(
                    "ls -ld {path}; another place is named by `runtime_dir:`"
                ));
            }
            Self::NoDaemon { .. } => "postrider run, or systemctl start postrider",
            Self::Reach { source, .. } if is_forbidden(source) => {
                "run the command as the user whose daemon it is"
            }
            Self::Reach { .. } => return None,
            Self::Refused { trouble } => return trouble.hint.clone(),
            Self::RuntimeDirChanged { .. } | Self::Version { .. } => {
                "restart the daemon: systemctl restart postrider"
            }
            Self::Silent { .. } => {
                "it is stopped or hangs: its log says more, and systemctl restart postrider ends it"
            }
        };
        Some(hint.to_owned())
    }
}

fn is_forbidden(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}
