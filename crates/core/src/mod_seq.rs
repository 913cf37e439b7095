//! Modification sequences (CONDSTORE).

use std::fmt;

/// A modification sequence of a mailbox or message (RFC 7162 §3.1): 1 to 2^63 - 1, so it also fits
/// SQLite's INTEGER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModSeq(i64);

impl ModSeq {
    /// Makes a mod-sequence of a number; `None` for zero and for what RFC 7162 §7 does not allow.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        let number = i64::try_from(number).ok()?;
        (number > 0).then_some(Self(number))
    }

    /// The number on the wire.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0
    }
}

impl fmt::Display for ModSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
