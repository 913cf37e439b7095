//! Why a server copy goes, and what holds it.

use crate::brake::Percent;
use crate::retention::policy::Span;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// The rule by which a server copy goes. Where several say so, the first in this order is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExpireReason {
    /// `delete`.
    Delete,
    /// `deletions: push`.
    DeletionPushed,
    /// `until_deleted_locally`.
    DeletedLocally,
    /// `delete_after`.
    DeleteAfter(Duration),
    /// `keep_latest`.
    KeepLatest(NonZeroU32),
    /// `quota`.
    Quota(Percent),
}

impl ExpireReason {
    /// Whether the brake does not stand before it: only before plain `delete`, whose daily business it is
    /// to empty the server (R6).
    #[must_use]
    pub const fn is_unbraked(self) -> bool {
        matches!(self, Self::Delete)
    }
}

/// One thing that holds a server copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeepReason {
    /// The policy keeps every server copy.
    Policy,
    /// `delete_after`: it is not old enough.
    TooYoung,
    /// `keep_latest`: it is among the latest.
    AmongLatest,
    /// `quota`: without it the box is full enough to stay below the mark.
    BelowMark,
    /// `quota`: the server does not say how full the box is.
    NoQuota,
    /// `until_deleted_locally` or `deletions: push`: no reader has deleted the local copy.
    NotDeletedLocally,
    /// `protect: [flagged]`.
    Flagged,
    /// `protect: [unread]`.
    Unread,
    /// What the server shows may be another message.
    NotIdentified,
    /// Its local copy is not proven (R1).
    NotProven,
    /// A reader has deleted its local copy before it was proven (R1): that cannot be made good any more.
    DeletedUnproven,
    /// Its local copy is gone, and nobody can say that a reader did it (R5).
    LocalCopyMissing,
}

impl KeepReason {
    /// Every reason, in the order in which they are told.
    pub const ALL: [Self; 12] = [
        Self::Policy,
        Self::TooYoung,
        Self::AmongLatest,
        Self::BelowMark,
        Self::NoQuota,
        Self::NotDeletedLocally,
        Self::Flagged,
        Self::Unread,
        Self::NotIdentified,
        Self::NotProven,
        Self::DeletedUnproven,
        Self::LocalCopyMissing,
    ];

    /// What holds a message that the policy lets go: nothing that the user asked for.
    pub const GUARDS: [Self; 4] = [
        Self::NotIdentified,
        Self::NotProven,
        Self::DeletedUnproven,
        Self::LocalCopyMissing,
    ];

    /// What a user asked for who protects messages.
    pub const PROTECTIONS: [Self; 2] = [Self::Flagged, Self::Unread];

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// All that holds one server copy: two octets for each of a million messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeepReasons(u16);

impl KeepReasons {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// These, and `reason` too where it `applies`.
    #[must_use]
    pub const fn and(self, reason: KeepReason, applies: bool) -> Self {
        if applies {
            Self(self.0 | reason.bit())
        } else {
            self
        }
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether nothing holds it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this is among them.
    #[must_use]
    pub const fn has(self, reason: KeepReason) -> bool {
        self.0 & reason.bit() != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = KeepReason> {
        KeepReason::ALL
            .into_iter()
            .filter(move |reason| self.has(*reason))
    }

    /// Whether the policy lets it go and only a guard holds it: worth telling, because the user is
    /// waiting for it to go.
    #[must_use]
    pub fn is_only_guards(self) -> bool {
        !self.is_empty() && self.iter().all(|r| KeepReason::GUARDS.contains(&r))
    }

    /// Whether a rule lets it go, and it stays all the same: a guard holds it, or it is protected.
    #[must_use]
    pub fn is_hold(self) -> bool {
        let holds = |reason: KeepReason| {
            KeepReason::GUARDS.contains(&reason) || KeepReason::PROTECTIONS.contains(&reason)
        };
        !self.is_empty() && self.iter().all(holds)
    }
}

/// As the log and the ledger say it: the rule in the words of the configuration.
impl fmt::Display for ExpireReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delete => f.write_str("retention: delete"),
            Self::DeletionPushed => f.write_str("deletions: push"),
            Self::DeletedLocally => f.write_str("retention: until_deleted_locally"),
            Self::DeleteAfter(age) => write!(f, "retention: delete_after: {}", Span(*age)),
            Self::KeepLatest(latest) => write!(f, "retention: keep_latest: {latest}"),
            Self::Quota(mark) => write!(f, "retention: quota: {mark}"),
        }
    }
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "retention: keep",
            Self::TooYoung => "it is not old enough",
            Self::AmongLatest => "it is among the latest of its mailbox",
            Self::BelowMark => "the box is below its mark without it",
            Self::NoQuota => "the server does not say how full the box is",
            Self::NotDeletedLocally => "no reader has deleted its local copy",
            Self::Flagged => "it is flagged",
            Self::Unread => "it is unread",
            Self::NotIdentified => "the server's message is not certainly the one stored here",
            Self::NotProven => "its local copy is not proven",
            Self::DeletedUnproven => "a reader deleted its local copy before that was proven",
            Self::LocalCopyMissing => {
                "its local copy is gone, and not certainly because a reader deleted it"
            }
        })
    }
}

impl fmt::Display for KeepReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons: Vec<String> = self.iter().map(|reason| reason.to_string()).collect();
        f.write_str(&reasons.join("; "))
    }
}
