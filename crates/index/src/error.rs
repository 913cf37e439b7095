//! What can go wrong with the index, and what to do about it.

use postrider_core::fault::Fault;
use rusqlite::ErrorCode;
use rusqlite::ffi;
use std::io;
use std::path::{Path, PathBuf};

/// The index could not be read or written as asked.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A message with this identity at the server is recorded or under way already.
    #[error("cannot {doing}: a message with the same UID or unique-id is known already")]
    AlreadyKnown {
        /// What we were doing.
        doing: &'static str,
    },
    /// The file is no sound database.
    #[error("the index {} is damaged", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        found: String,
    },
    /// A file or directory of the state could not be had.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What we were doing, as a verb phrase that a path completes.
        doing: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The state directory is another user's.
    #[error("the state directory {} belongs to another user (uid {owner})", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// Others may write the state directory.
    #[error("others can write the state directory {} (mode {mode:04o})", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Something that is no plain file has the name of a file of ours.
    #[error("{} is no plain file, but a link or something else", path.display())]
    NotAFile {
        /// Its path.
        path: PathBuf,
    },
    /// Another instance works with this state directory (R10).
    #[error("{} is in use by {}", state_dir.display(), holder(*pid))]
    Locked {
        /// The state directory.
        state_dir: PathBuf,
        /// The other instance, where its lock file says.
        pid: Option<u32>,
    },
    /// There is no index yet.
    #[error("there is no index {}", path.display())]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// A newer postrider made it.
    #[error("the index {} has version {found}, this postrider knows {known}", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The caller named a row that is not there.
    #[error("cannot {doing}: row {id} is not there")]
    NoSuchRow {
        /// What we were doing.
        doing: &'static str,
        /// The row.
        id: i64,
    },
    /// The server copy may not go: its local copy is not proven (R1).
    #[error("message {key} is not proven, its server copy must stay")]
    NotProven {
        /// The message's key.
        key: i64,
    },
    /// Another mailbox has this directory.
    #[error("{} belongs to another mailbox already", path.display())]
    PathTaken {
        /// The directory.
        path: PathBuf,
    },
    /// The path cannot stand in the index, which is text.
    #[error("{} is not UTF-8", path.display())]
    PathNotText {
        /// The path.
        path: PathBuf,
    },
    /// SQLite refused.
    #[error("cannot {doing}")]
    Sql {
        /// What we were doing.
        doing: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another postrider".to_owned(),
        |pid| format!("postrider with pid {pid}"),
    )
}

impl IndexError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    /// Adapts what SQLite says; for `map_err`.
    pub(crate) fn sql(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| {
            let extended = source.sqlite_error().map(|error| error.extended_code);
            match extended {
                Some(ffi::SQLITE_CONSTRAINT_UNIQUE) => Self::AlreadyKnown { doing },
                _ => Self::Sql { doing, source },
            }
        }
    }

    /// What the error means for whoever met it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Locked { .. } => Fault::Busy,
            Self::Sql { source, .. } => match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Busy,
                _ => Fault::LocalIo,
            },
            Self::NewerSchema { .. }
            | Self::PathNotText { .. }
            | Self::Foreign { .. }
            | Self::Open { .. }
            | Self::NotAFile { .. } => Fault::Config,
            Self::AlreadyKnown { .. }
            | Self::Corrupt { .. }
            | Self::Io { .. }
            | Self::Missing { .. }
            | Self::NoSuchRow { .. }
            | Self::NotProven { .. }
            | Self::PathTaken { .. } => Fault::LocalIo,
        }
    }

    /// What a human can do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Corrupt { .. } => Some(REBUILD),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(FULL),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Some(DENIED),
                _ => None,
            },
            Self::Locked { .. } => {
                Some("stop the other instance, or give this one its own state_dir")
            }
            Self::Foreign { .. } => Some(
                "run postrider as that user (sudo -u '#UID' postrider ...), or set `state_dir:` to a directory of \
                 your own",
            ),
            Self::Open { .. } => Some("chmod go-w that directory"),
            Self::NotAFile { .. } => Some(
                "remove it from the state directory; the directory itself may be a link to another place",
            ),
            Self::Missing { .. } => Some("run `postrider sync` first"),
            Self::NewerSchema { .. } => {
                Some("run the newer postrider, or give this one its own state_dir")
            }
            Self::PathTaken { .. } => Some(
                "only POP3 accounts can share a directory: give one mailbox another name or `maildir:`",
            ),
            Self::PathNotText { .. } => {
                Some("choose a maildir and a state_dir whose paths are UTF-8")
            }
            Self::Sql { source, .. } => match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Some(REBUILD),
                Some(ErrorCode::DiskFull) => Some(FULL),
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    Some(DENIED)
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    Some("another program holds the index for writing: end it")
                }
                _ => None,
            },
            Self::AlreadyKnown { .. } | Self::NoSuchRow { .. } | Self::NotProven { .. } => None,
        }
    }
}

const REBUILD: &str = "start postrider again: it sets a damaged index aside and makes a new one from \
    Maildir and server; no mail is lost";
const FULL: &str = "free some space; nothing that is not proven here was deleted on the server";
const DENIED: &str = "give the user that runs postrider the right to write the state directory";
