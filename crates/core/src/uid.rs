//! Unique identifiers of messages in an IMAP mailbox.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// A message's unique identifier within one mailbox and one [`UidValidity`].
///
/// RFC 9051 §2.3.1.1: strictly ascending, never reused while UIDVALIDITY stays; zero is not a UID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(NonZeroU32);

impl Uid {
    /// The largest UID the wire can carry.
    pub const MAX: Self = Self(NonZeroU32::MAX);
    /// The smallest UID.
    pub const MIN: Self = Self(NonZeroU32::MIN);

    /// Makes a UID of a number; `None` for zero.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The epoch of a mailbox's UIDs: while it stays the same, a UID means the same message.
///
/// RFC 9051 §2.3.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UidValidity(NonZeroU32);

impl UidValidity {
    /// Makes a UIDVALIDITY of a number; `None` for zero.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for UidValidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A set of UIDs as ascending ranges that neither touch nor overlap; `Display` is the RFC 4315
/// `uid-set` (`1:4,9`).
///
/// It stays ranges whatever a server announces: `1:4294967295` costs eight bytes, not 16 GiB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
}

impl UidSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// All UIDs from `first` to `last`, both included, in either order.
    #[must_use]
    pub fn range(first: Uid, last: Uid) -> Self {
        let (a, b) = (first.as_u32(), last.as_u32());
        Self {
            ranges: vec![(a.min(b), a.max(b))],
        }
    }

    /// Whether the set has no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many UIDs the set covers.
    #[must_use]
    pub fn count(&self) -> u64 {
        let width = |&(a, b): &(u32, u32)| u64::from(b - a) + 1;
        self.ranges.iter().map(width).sum()
    }

    /// Whether `uid` is a member.
    #[must_use]
    pub fn contains(&self, uid: Uid) -> bool {
        let n = uid.as_u32();
        let after = self.ranges.partition_point(|&(first, _)| first <= n);
        after
            .checked_sub(1)
            .and_then(|at| self.ranges.get(at))
            .is_some_and(|&(_, last)| n <= last)
    }

    /// Adds one UID. Cheapest in ascending order.
    pub fn insert(&mut self, uid: Uid) {
        self.insert_range(uid, uid);
    }

    /// Adds a range, both ends included, in either order.
    pub fn insert_range(&mut self, first: Uid, last: Uid) {
        let (a, b) = (
            first.as_u32().min(last.as_u32()),
            first.as_u32().max(last.as_u32()),
        );
        // The run of ranges that touch or overlap [a, b] is replaced by their hull.
        let from = self
            .ranges
            .partition_point(|&(_, end)| end.saturating_add(1) < a);
        let to = self
            .ranges
            .partition_point(|&(start, _)| start <= b.saturating_add(1));
        if from >= to {
            self.ranges.insert(from, (a, b));
            return;
        }
        let hull = self.ranges.get(from..to).map_or((a, b), |run| {
            let start = run.first().map_or(a, |r| r.0.min(a));
            let end = run.last().map_or(b, |r| r.1.max(b));
            (start, end)
        });
        self.ranges.splice(from..to, [hull]);
    }

    /// The members, ascending. Do not walk a set that a server made before cutting it down with
    /// [`UidSet::intersect`].
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Uid> + '_ {
        self.ranges
            .iter()
            .flat_map(|&(a, b)| (a..=b).filter_map(Uid::new))
    }

    /// The ranges, ascending, as pairs of first and last.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = (Uid, Uid)> + '_ {
        self.ranges
            .iter()
            .filter_map(|&(a, b)| Some((Uid::new(a)?, Uid::new(b)?)))
    }

    /// The members of `uids` (ascending) that the set contains.
    #[must_use]
    pub fn intersect(&self, uids: impl IntoIterator<Item = Uid>) -> Self {
        uids.into_iter().filter(|uid| self.contains(*uid)).collect()
    }
}

impl FromIterator<Uid> for UidSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        let mut set = Self::new();
        for uid in uids {
            let n = uid.as_u32();
            match set.ranges.last_mut() {
                Some((_, last)) if n == *last => {}
                Some((_, last)) if n.checked_sub(1) == Some(*last) => *last = n,
                Some((_, last)) if n > *last => set.ranges.push((n, n)),
                None => set.ranges.push((n, n)),
                Some(_) => set.insert(uid),
            }
        }
        set
    }
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.ranges.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            if first == last {
                write!(f, "{first}")?;
            } else {
                write!(f, "{first}:{last}")?;
            }
        }
        Ok(())
    }
}

/// The text was not an RFC 4315 `uid-set`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a set of UIDs")]
pub struct ParseUidSetError;

impl FromStr for UidSet {
    type Err = ParseUidSetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| {
            let uid = text.parse().ok().and_then(Uid::new);
            uid.ok_or(ParseUidSetError)
        };
        let mut set = Self::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once(':') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            set.insert_range(first, last);
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> UidSet {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_merge_when_they_touch_or_overlap() {
        for (from, to) in [
            ("1,2,3", "1:3"),
            ("4:6,1:3", "1:6"),
            ("9,1,5,4:7", "1,4:7,9"),
            ("4294967295,4294967294", "4294967294:4294967295"),
            ("10:1", "1:10"),
            ("1:3,5:7,4", "1:7"),
            ("5,5,5", "5"),
        ] {
            assert_eq!(set(from).to_string(), to, "{from}");
        }
    }

    #[test]
    fn a_hostile_range_costs_nothing_until_it_is_cut_down() {
        let announced = set("1:4294967295");
        assert_eq!(announced.count(), 4_294_967_295);
        let known = [3, 7, 8].into_iter().filter_map(Uid::new);
        assert_eq!(announced.intersect(known).to_string(), "3,7:8");
    }

    #[test]
    fn zero_and_nonsense_are_refused() {
        for text in [
            "",
            "0",
            "1:0",
            "a",
            "1,,2",
            "1:2:3",
            "4294967296",
            "-1",
            "*",
        ] {
            assert!(text.parse::<UidSet>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn collecting_unsorted_uids_gives_the_same_set() {
        let uids = [9, 1, 2, 2, 8, 3].into_iter().filter_map(Uid::new);
        assert_eq!(uids.collect::<UidSet>().to_string(), "1:3,8:9");
    }
}
