//! A retention policy as a value.

use std::fmt;

/// What becomes of a server copy once its local copy is proven (CONTRACT section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The server keeps everything. IMAP's default.
    Keep,
    /// A server copy is expired as soon as its local copy is proven. POP3's default.
    Delete,
}

/// What becomes of a local copy whose server copy vanished: somebody else deleted it there, and two
/// witnesses say so (R5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Vanished {
    /// It stays as it is.
    #[default]
    Keep,
    /// Its file's name gets `T`, so that a reader shows it as deleted and unlinks it when told to.
    TrashFlag,
    /// Its file is unlinked.
    Delete,
}

/// The policy as an English sentence.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "the server keeps every message",
            Self::Delete => "a message is deleted on the server once its local copy is proven",
        })
    }
}

/// What happens to the local copy, as an English sentence.
impl fmt::Display for Vanished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "a message that vanished at the server stays here",
            Self::TrashFlag => "a message that vanished at the server is marked as deleted here",
            Self::Delete => "a message that vanished at the server is deleted here",
        })
    }
}
