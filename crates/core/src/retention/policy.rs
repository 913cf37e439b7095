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

/// The policy as an English sentence.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "the server keeps every message",
            Self::Delete => "a message is deleted on the server once its local copy is proven",
        })
    }
}
