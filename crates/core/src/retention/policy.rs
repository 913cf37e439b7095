//! A retention policy as a value.

use crate::brake::Percent;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// What becomes of server copies once their local copy is proven (CONTRACT section 6): one goes when
/// any of the rules says so and nothing protects it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Policy {
    /// It goes as soon as its local copy is proven.
    pub delete: bool,
    /// It goes when it is this old.
    pub delete_after: Option<Duration>,
    /// It goes when so many messages of its mailbox are newer.
    pub keep_latest: Option<NonZeroU32>,
    /// The oldest go while the server says that more than this share of the box is used. Requires
    /// QUOTA (RFC 9208).
    pub quota: Option<Percent>,
    /// It goes when a reader has deleted the local copy.
    pub until_deleted_locally: bool,
    /// `deletions: push`: a message that a reader has deleted here goes, protected or not. Nobody chose
    /// it by a rule of retention; it is what the reader did.
    pub deletions_pushed: bool,
    /// What stays whatever the rules of retention say.
    pub protect: Protect,
    /// How it goes.
    pub method: Method,
}

/// Messages that stay whatever the rules say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Protect {
    /// Those that are flagged, at the server or here.
    pub flagged: bool,
    /// Those that are read neither at the server nor here.
    pub unread: bool,
}

/// How a server copy goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// For good.
    #[default]
    Expunge,
    /// Into the mailbox with the role `\Trash`, which the server empties when it likes.
    Trash,
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

impl Vanished {
    /// As the log and the ledger say it.
    #[must_use]
    pub const fn as_rule(self) -> &'static str {
        match self {
            Self::Keep => "vanished: keep",
            Self::TrashFlag => "vanished: trash-flag",
            Self::Delete => "vanished: delete",
        }
    }
}

impl Policy {
    /// The server keeps everything. IMAP's default.
    pub const KEEP: Self = Self {
        delete: false,
        delete_after: None,
        keep_latest: None,
        quota: None,
        until_deleted_locally: false,
        deletions_pushed: false,
        protect: Protect {
            flagged: false,
            unread: false,
        },
        method: Method::Expunge,
    };

    /// Everything goes as soon as its local copy is proven. POP3's default.
    pub const DELETE: Self = Self {
        delete: true,
        ..Self::KEEP
    };

    /// Whether any rule could ever let a server copy go.
    #[must_use]
    pub const fn has_rule(&self) -> bool {
        self.delete
            || self.delete_after.is_some()
            || self.keep_latest.is_some()
            || self.quota.is_some()
            || self.looks_for_deleted()
    }

    /// What holds in the trash where `method` is to move there: what lies in it is the server's to empty, and
    /// a reader's, whose deletions are for good there.
    #[must_use]
    pub const fn in_trash(&self) -> Self {
        Self {
            deletions_pushed: self.deletions_pushed,
            ..Self::KEEP
        }
    }

    /// Whether it matters that a reader has deleted a local copy.
    #[must_use]
    pub const fn looks_for_deleted(&self) -> bool {
        self.until_deleted_locally || self.deletions_pushed
    }

    /// Whether the brake stands before nothing that this policy lets go: it is plain `delete`, whose daily
    /// business it is to empty the server (R6). See [`ExpireReason::is_unbraked`].
    ///
    /// [`ExpireReason::is_unbraked`]: super::ExpireReason::is_unbraked
    #[must_use]
    pub const fn is_unbraked(&self) -> bool {
        self.delete && !self.deletions_pushed
    }

    /// Whether anything but a reader's deletion could let a server copy go.
    const fn retains(&self) -> bool {
        let without = Self {
            deletions_pushed: false,
            ..*self
        };
        without.has_rule()
    }

    fn rules_of_retention(&self, f: &mut fmt::Formatter<'_>, done: &str) -> fmt::Result {
        write!(
            f,
            "a message is {done} on the server once its local copy is proven"
        )?;
        let rules = self.rules();
        if !self.delete && !rules.is_empty() {
            write!(f, " and {}", rules.join(", or "))?;
        }
        match self.protect {
            Protect {
                flagged: true,
                unread: true,
            } => f.write_str("; flagged and unread ones stay"),
            Protect { flagged: true, .. } => f.write_str("; flagged ones stay"),
            Protect { unread: true, .. } => f.write_str("; unread ones stay"),
            Protect { .. } => Ok(()),
        }
    }

    fn rules(&self) -> Vec<String> {
        let after = self.delete_after.map(|age| {
            let age = Span(age);
            format!("it is {age} old")
        });
        let latest = self
            .keep_latest
            .map(|latest| format!("it is not among the latest {latest} of its mailbox"));
        let quota = self
            .quota
            .map(|mark| format!("it is the oldest and the box is more than {mark} full"));
        let locally = self
            .until_deleted_locally
            .then(|| "a reader has deleted that copy".to_owned());
        let rules = [after, latest, quota, locally].into_iter();
        rules.flatten().collect()
    }
}

/// The policy as an English sentence.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = match self.method {
            Method::Expunge => "deleted",
            Method::Trash => "moved to the trash",
        };
        let protected = self.retains() && self.protect != Protect::default();
        if self.retains() {
            self.rules_of_retention(f, done)?;
        } else {
            f.write_str("the server keeps every message")?;
        }
        if self.deletions_pushed {
            write!(f, "; one that a reader deletes here is {done} there too")?;
        }
        if self.deletions_pushed && protected {
            f.write_str(", protected or not")?;
        }
        Ok(())
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

/// A duration as the configuration writes it: by the largest unit that divides it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(pub(super) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
        let divides = |(unit, _): &(u64, &str)| seconds > 0 && seconds.is_multiple_of(*unit);
        match units.into_iter().find(divides) {
            Some((unit, letter)) => write!(f, "{}{letter}", seconds / unit),
            None => write!(f, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_they_are_configured() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (90, "90s"),
            (5_400, "90m"),
            (7_200, "2h"),
            (86_400, "1d"),
            (2_592_000, "30d"),
        ] {
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), text);
        }
    }
}
