//! What is known of a message and of its box before anything is decided.

use crate::brake::Percent;
use crate::message::MessageKey;
use crate::time::{Now, UnixTime};
use std::time::Duration;

/// What is known of one message whose server copy exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The message.
    pub message: MessageKey,
    /// Its mailbox: a number that only has to tell mailboxes apart.
    pub mailbox: i64,
    /// Its place in the mailbox, rising with arrival: the UID. POP3 has none; see [`Arrival::FirstSeen`].
    pub place: u32,
    /// When its local copy was proven (R1): received whole, flushed, recorded, read back.
    pub proven_at: Option<UnixTime>,
    /// Whether the server's message is known to be this one: by UID and UIDVALIDITY, by UIDL and
    /// size, or because its octets were compared in this session.
    pub identified: bool,
    /// When it came.
    pub arrival: Arrival,
    /// Whether it is flagged, at the server or here.
    pub flagged: bool,
    /// Whether it is read, at the server or here.
    pub read: bool,
    /// What it weighs at the server.
    pub octets: u64,
    /// What became of its local copy since it was proven.
    pub local: LocalCopy,
}

/// When a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrival {
    /// The server's INTERNALDATE. A server may be right about it and we late: its age counts from the
    /// proof where that is later.
    InternalDate(UnixTime),
    /// POP3 tells no dates: the time at which we first saw it. Which came first is not asked of that time,
    /// which a wrong clock may have told, but of the keys, which rise as messages are recorded.
    FirstSeen(UnixTime),
}

impl Arrival {
    /// The time itself.
    #[must_use]
    pub const fn time(self) -> UnixTime {
        match self {
            Self::InternalDate(time) | Self::FirstSeen(time) => time,
        }
    }
}

/// What became of a local copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LocalCopy {
    /// It is gone, and two scans of a mailbox that was there all the time agree (R5): a reader has
    /// deleted it.
    Deleted,
    /// It is gone, and nobody can say that a reader did it: only one scan says so yet, or its
    /// directory went too.
    Missing,
    /// It is there, as far as anybody knows.
    Present,
}

impl Facts {
    /// How old it is; never negative, so that a time in the future makes nothing older.
    #[must_use]
    pub fn age(&self, now: Now) -> Duration {
        let since = match self.arrival {
            Arrival::InternalDate(date) => self.proven_at.map_or(date, |proven| date.max(proven)),
            Arrival::FirstSeen(seen) => seen,
        };
        now.0.since(since)
    }

    /// The order of age in a box: oldest first. No two messages are equal in it.
    pub(super) const fn seniority(&self) -> (i64, i64, u32, i64) {
        let key = self.message.0;
        match self.arrival {
            Arrival::InternalDate(date) => (date.as_seconds(), self.mailbox, self.place, key),
            // No box has both kinds; where they are compared all the same, the order is total.
            Arrival::FirstSeen(_) => (i64::MAX, i64::MAX, u32::MAX, key),
        }
    }
}

/// How full a box is, as its server says (RFC 9208). `None` where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// In octets.
    pub octets: Option<Level>,
    /// In messages.
    pub messages: Option<Level>,
}

/// How much of something is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// So much,
    pub used: u64,
    /// of so much.
    pub limit: u64,
}

impl Level {
    /// What must go until no more than `mark` of the limit is used.
    pub(super) fn above(self, mark: Percent) -> u64 {
        let allowed = u128::from(self.limit) * u128::from(mark.as_u8()) / 100;
        self.used
            .saturating_sub(u64::try_from(allowed).unwrap_or(u64::MAX))
    }

    /// The share in use in hundredths, rounded down; may be more than 100. A limit of nothing is full.
    #[must_use]
    pub fn share(self) -> u64 {
        let used = u128::from(self.used) * 100;
        let share = used.checked_div(u128::from(self.limit)).unwrap_or(100);
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

impl Usage {
    /// Whether the server tells anything.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        self.octets.is_some() || self.messages.is_some()
    }
}
