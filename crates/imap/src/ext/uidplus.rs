//! UIDPLUS (RFC 4315): expunging exactly the messages we name, and learning who a copy is.
//!
//! Without it only EXPUNGE is left, which takes every message that bears `\Deleted`: the caller
//! asks first who bears it, and flies it only when those are all ours. Who a copy is must then be
//! found out from what it says of itself.

use crate::capability::{Capabilities, Capability};
use crate::cursor::{Malformed, Parsed, parse_number};
use crate::encode::CommandText;
use postrider_core::uid::{Uid, UidSet, UidValidity};

/// UID EXPUNGE, when the server has it.
pub(crate) fn command(capabilities: &Capabilities, uids: &UidSet) -> Option<CommandText> {
    capabilities.has(Capability::UidPlus).then(|| {
        let mut command = CommandText::new("UID EXPUNGE ");
        command.text(&uids.to_string());
        command
    })
}

/// A `uid-set` whose order counts (§3): of APPENDUID and COPYUID. A range counts upwards, whichever end
/// comes first (§4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UidList(Vec<(u32, u32)>);

impl UidList {
    /// How many it names.
    #[must_use]
    pub fn count(&self) -> u64 {
        let width = |(first, last): &(u32, u32)| u64::from(last - first) + 1;
        self.0.iter().map(width).sum()
    }

    /// Its members, in its order. A server may have announced four milliards: take no more than you know
    /// there to be.
    pub fn iter(&self) -> impl Iterator<Item = Uid> + '_ {
        let ranges = self.0.iter();
        ranges.flat_map(|(first, last)| (*first..=*last).filter_map(Uid::new))
    }

    /// Whether no member comes twice.
    fn is_distinct(&self) -> bool {
        let mut ranges = self.0.clone();
        ranges.sort_unstable();
        ranges.is_sorted_by(|(_, before), (after, _)| before < after)
    }
}

/// Ranges of a list that are read. They answer commands of ours, and none of those names more than 3,500 messages
/// apart ([`Limits::set_octets`](crate::Limits::set_octets)).
const MAX_RANGES: usize = 16_384;

pub(crate) fn parse_list(text: &[u8]) -> Parsed<UidList> {
    let number = |digits: &[u8]| {
        let number = u32::try_from(parse_number(digits)?).map_err(|_| Malformed)?;
        Uid::new(number).map(Uid::as_u32).ok_or(Malformed)
    };
    let range = |part: &[u8]| {
        let mut ends = part.splitn(2, |octet| *octet == b':');
        let first = number(ends.next().unwrap_or_default())?;
        let last = ends.next().map_or(Ok(first), number)?;
        Ok((first.min(last), first.max(last)))
    };
    let parts = text.split(|octet| *octet == b',');
    let ranges: Vec<_> = parts
        .take(MAX_RANGES + 1)
        .map(range)
        .collect::<Parsed<_>>()?;
    if ranges.len() > MAX_RANGES {
        return Err(Malformed);
    }
    Ok(UidList(ranges))
}

/// COPYUID (§3): who the copies of messages are, in the mailbox that they were copied or moved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyUid {
    /// The epoch of that mailbox.
    pub uid_validity: UidValidity,
    /// In ascending order of the sources.
    runs: Vec<Run>,
}

/// Sources from `first` to `last` and their copies from `copy` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    first: u32,
    last: u32,
    copy: u32,
}

impl CopyUid {
    /// Pairs two lists of one length; anything else tells nothing.
    pub(crate) fn pair(
        uid_validity: UidValidity,
        sources: &UidList,
        copies: &UidList,
    ) -> Parsed<Self> {
        if !sources.is_distinct() || !copies.is_distinct() {
            return Err(Malformed);
        }
        let mut runs = runs(sources, copies).ok_or(Malformed)?;
        runs.sort_unstable();
        Ok(Self { uid_validity, runs })
    }

    /// Who the copy of `source` is; `None` when it was not copied.
    #[must_use]
    pub fn copy_of(&self, source: Uid) -> Option<Uid> {
        let source = source.as_u32();
        let after = self.runs.partition_point(|run| run.first <= source);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let distance = source.checked_sub(run.first)?;
        (source <= run.last).then(|| Uid::new(run.copy + distance))?
    }

    /// Whether it speaks of `uids` alone.
    pub(crate) fn is_about(&self, uids: &UidSet) -> bool {
        let ends = self.runs.iter().flat_map(|run| [run.first, run.last]);
        ends.filter_map(Uid::new).all(|uid| uids.contains(uid))
    }
}

/// Walks both lists at once, so that no announced range costs more than its text.
fn runs(sources: &UidList, copies: &UidList) -> Option<Vec<Run>> {
    let mut runs = Vec::new();
    let mut copies = copies.0.iter().copied();
    let mut begun = None;
    for (mut first, end) in sources.0.iter().copied() {
        loop {
            let (copy, copy_end) = begun.take().or_else(|| copies.next())?;
            let steps = (end - first).min(copy_end - copy);
            let last = first + steps;
            runs.push(Run { first, last, copy });
            if copy + steps < copy_end {
                begun = Some((copy + steps + 1, copy_end));
            }
            if last == end {
                break;
            }
            first = last + 1;
        }
    }
    (begun.is_none() && copies.next().is_none()).then_some(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r11_a_list_of_more_ranges_than_a_command_holds_is_none() {
        let longest = vec!["7"; MAX_RANGES].join(",");
        assert!(parse_list(longest.as_bytes()).is_ok());
        let longer = format!("{longest},7");
        assert_eq!(parse_list(longer.as_bytes()), Err(Malformed));
    }

    fn list(text: &str) -> UidList {
        parse_list(text.as_bytes()).unwrap()
    }

    fn copied(sources: &str, copies: &str) -> Option<CopyUid> {
        let uid_validity = UidValidity::new(7).unwrap();
        CopyUid::pair(uid_validity, &list(sources), &list(copies)).ok()
    }

    #[test]
    fn copies_are_found_whatever_the_order_and_the_cut_of_the_ranges() {
        for (sources, copies, pairs) in [
            ("304,319:320", "3956:3958", "304 3956, 319 3957, 320 3958"),
            ("319:320,304", "3956:3958", "319 3956, 320 3957, 304 3958"),
            ("4:2", "9:11", "2 9, 3 10, 4 11"),
            ("1:4", "12,11,10,9", "1 12, 2 11, 3 10, 4 9"),
            ("1:3,7:8", "5,20:23", "1 5, 2 20, 3 21, 7 22, 8 23"),
            ("9", "4294967295", "9 4294967295"),
        ] {
            let copied = copied(sources, copies).unwrap();
            for pair in pairs.split(", ") {
                let (source, copy) = pair.split_once(' ').unwrap();
                let uid = |text: &str| Uid::new(text.parse().unwrap());
                assert_eq!(copied.copy_of(uid(source).unwrap()), uid(copy), "{sources}");
            }
            for stranger in [300, 318, 321, 6, 4_000] {
                assert_eq!(copied.copy_of(Uid::new(stranger).unwrap()), None);
            }
        }
    }

    #[test]
    fn lists_that_do_not_pair_tell_nothing() {
        for (sources, copies) in [
            ("1:3", "5:6"),
            ("1:2", "5:7"),
            ("1,1", "5:6"),
            ("1:3,2", "5:8"),
            ("1:2", "5,5"),
            ("1", "1:4294967295"),
        ] {
            assert_eq!(copied(sources, copies), None, "{sources} {copies}");
        }
        for text in ["", "0", "1,", "a", "1:", "*", "1:2:3", "4294967296"] {
            assert!(parse_list(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn r11_an_announced_range_costs_nothing() {
        let all = copied("1:4294967295", "1:4294967295").unwrap();
        assert_eq!(all.copy_of(Uid::MAX), Some(Uid::MAX));
        assert_eq!(list("1:4294967295").count(), 4_294_967_295);
    }

    #[test]
    fn a_list_keeps_its_order() {
        let order: Vec<u32> = list("9,4:2").iter().map(Uid::as_u32).collect();
        assert_eq!(order, [9, 2, 3, 4]);
    }
}
