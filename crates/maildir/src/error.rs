//! What can go wrong with a Maildir, and what to do about it.

use postrider_core::fault::Fault;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A Maildir could not be read or written as asked.
#[derive(Debug, thiserror::Error)]
pub enum MaildirError {
    /// The file does not hold what was recorded of it.
    #[error("{} is not the message that was stored there", Shown(path))]
    Changed {
        /// Where it is.
        path: PathBuf,
    },
    /// The file is no longer where it was; a reader moved or re-flagged it. Locate it again.
    #[error("{} is no longer there", Shown(path))]
    Gone {
        /// Where it was.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {doing} {}", Shown(path))]
    Io {
        /// What we were doing, as a verb phrase that a path completes.
        doing: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something that is not a directory stands where a mailbox must be.
    #[error("{} is not a directory", Shown(path))]
    NotADirectory {
        /// What stands in the way.
        path: PathBuf,
    },
    /// A message is a regular file; this is none.
    #[error("{} is not a regular file", Shown(path))]
    NotAFile {
        /// What was found.
        path: PathBuf,
    },
    /// The directory is, or a symbolic link makes it, outside the account's mail tree (R8).
    #[error("{} lies outside the mail tree", Shown(path))]
    OutsideTree {
        /// The directory.
        path: PathBuf,
    },
}

impl MaildirError {
    /// Adapts what the system says about `path`; for `map_err`.
    pub(crate) fn io<E: Into<io::Error>>(
        doing: &'static str,
        path: &Path,
    ) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source: source.into(),
        }
    }

    /// What the error means for the account: the local disk failed (exit 74).
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Changed { .. }
            | Self::Gone { .. }
            | Self::Io { .. }
            | Self::NotADirectory { .. }
            | Self::NotAFile { .. }
            | Self::OutsideTree { .. } => Fault::LocalIo,
        }
    }

    /// Whether it is about this file alone: it is not ours to read.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied)
    }

    /// What a human can do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Changed { .. } | Self::Gone { .. } | Self::NotAFile { .. } => None,
            Self::NotADirectory { .. } => Some("move it out of the way, or choose another maildir"),
            Self::OutsideTree { .. } => {
                Some("make it a directory, or let the account's maildir itself be the link")
            }
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    Some("free some space; nothing was deleted on the server")
                }
                ErrorKind::ReadOnlyFilesystem => {
                    Some("mount it writable; in a systemd unit name it in ReadWritePaths=")
                }
                ErrorKind::PermissionDenied => {
                    Some("give the user that runs postrider the right to write there")
                }
                ErrorKind::CrossesDevices => {
                    Some("tmp, new and cur must lie on one file system: replace the mount or link")
                }
                _ => None,
            },
        }
    }
}

/// A path with control characters escaped; mailbox names come from servers.
struct Shown<'a>(&'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Characters; PATH_MAX is 4,096 octets and nobody reads more than the first screen line.
        const LONGEST: usize = 512;
        let text = self.0.to_string_lossy();
        for c in text.chars().take(LONGEST) {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        if text.chars().nth(LONGEST).is_some() {
            f.write_str("…")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_a_local_fault_with_a_hint_and_its_source_apart() {
        let full = rustix::io::Errno::NOSPC;
        let error = MaildirError::io("write", Path::new("/m/a\nb"))(full);
        assert_eq!(error.fault(), Fault::LocalIo);
        assert_eq!(error.to_string(), "cannot write /m/a\\nb");
        assert!(error.hint().is_some_and(|hint| hint.contains("space")));
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert!(source.is_some_and(|source| source.contains("space")));
    }

    #[test]
    fn what_is_not_ours_to_read_is_about_one_file() {
        let io = |errno| MaildirError::io("read", Path::new("/m/a"))(errno);
        assert!(io(rustix::io::Errno::ACCESS).is_forbidden());
        assert!(!io(rustix::io::Errno::NOSPC).is_forbidden());
    }

    #[test]
    fn a_long_path_is_cut() {
        let path = PathBuf::from("x".repeat(4_000));
        assert!(MaildirError::Gone { path }.to_string().len() < 600);
    }
}
