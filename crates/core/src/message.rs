//! One message: who it is to us, who it is to the server, what we know of it.

use crate::uid::{Uid, UidValidity};
use crate::uidl::Uidl;
use std::fmt;

/// Our own identity of a message: its row in the index. Readers rename files and servers renumber,
/// this stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey(pub i64);

/// Who a message is to its server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerRef {
    /// A UID in an epoch of its mailbox.
    Imap {
        /// The epoch in which `uid` means this message.
        uid_validity: UidValidity,
        /// The identifier within the epoch.
        uid: Uid,
    },
    /// A message of a maildrop.
    Pop3 {
        /// Its unique-id; `None` when the server gives none that could be a key.
        uidl: Option<Uidl>,
    },
}

/// The SHA-256 of a message's file as stored (line ends LF).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
