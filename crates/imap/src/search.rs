//! UID SEARCH, and sets of UIDs in answers (RFC 9051 §6.4.4, §7.3; ESEARCH, RFC 4731).

use crate::capability::{Capabilities, Capability};
use crate::cursor::{Cursor, Malformed, Parsed, parse_number};
use crate::encode::CommandText;
use postrider_core::uid::{Uid, UidSet};

/// A SEARCH answer; ours are always about UIDs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// What was found.
    pub uids: UidSet,
}

/// An ESEARCH answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Esearch {
    /// The command it answers.
    pub tag: Option<String>,
    /// What was found; empty when nothing was (RFC 4731 §3.1: then ALL is left out).
    pub uids: UidSet,
}

/// Asks which of `uids` exist.
pub(crate) fn uids_command(capabilities: &Capabilities, uids: &UidSet) -> CommandText {
    let mut command = CommandText::new(search_word(capabilities));
    command.text(&format!("UID {uids}"));
    command
}

/// Asks who bears `\Deleted`.
pub(crate) fn deleted_command(capabilities: &Capabilities) -> CommandText {
    let mut command = CommandText::new(search_word(capabilities));
    command.text("DELETED");
    command
}

/// With ESEARCH the answer is ranges and names its command; without it, a number for each message.
fn search_word(capabilities: &Capabilities) -> &'static str {
    if capabilities.has(Capability::Esearch) {
        "UID SEARCH RETURN (ALL) "
    } else {
        "UID SEARCH "
    }
}

pub(crate) fn parse_search(cursor: &mut Cursor<'_>) -> Parsed<Search> {
    let mut numbers = Vec::new();
    loop {
        cursor.skip_spaces();
        if cursor.peek() == Some(b'(') {
            // (MODSEQ n), RFC 7162 §3.1.5.
            cursor.skip_value()?;
            continue;
        }
        match cursor.word() {
            b"" => break,
            word => {
                let number = u32::try_from(parse_number(word)?).map_err(|_| Malformed)?;
                numbers.push(Uid::new(number).ok_or(Malformed)?);
            }
        }
    }
    if !cursor.is_at_end() {
        return Err(Malformed);
    }
    numbers.sort_unstable();
    Ok(Search {
        uids: numbers.into_iter().collect(),
    })
}

pub(crate) fn parse_esearch(cursor: &mut Cursor<'_>) -> Parsed<Esearch> {
    let mut answer = Esearch::default();
    if cursor.eat(b'(') {
        cursor.skip_spaces();
        if cursor.word().eq_ignore_ascii_case(b"TAG") {
            cursor.skip_spaces();
            let tag = cursor.string()?;
            answer.tag = Some(String::from_utf8_lossy(&tag).into_owned());
        }
        cursor.skip_spaces();
        cursor.expect(b')')?;
    }
    loop {
        cursor.skip_spaces();
        let word = cursor.word().to_ascii_uppercase();
        cursor.skip_spaces();
        match word.as_slice() {
            b"" if cursor.is_at_end() => return Ok(answer),
            b"" => return Err(Malformed),
            b"UID" => {}
            b"ALL" => answer.uids = parse_uid_set(cursor.word())?,
            _ => cursor.skip_value()?,
        }
    }
}

/// Reads a `uid-set` of any order in n log n time, and keeps it as ranges.
pub(crate) fn parse_uid_set(text: &[u8]) -> Parsed<UidSet> {
    let number = |digits: &[u8]| {
        let number = u32::try_from(parse_number(digits)?).map_err(|_| Malformed)?;
        Uid::new(number).ok_or(Malformed)
    };
    let mut ranges = Vec::new();
    for part in text.split(|octet| *octet == b',') {
        let colon = part.iter().position(|octet| *octet == b':');
        let (first, last) = match colon.and_then(|at| part.split_at_checked(at)) {
            Some((first, rest)) => {
                let last = rest.strip_prefix(b":").ok_or(Malformed)?;
                (number(first)?, number(last)?)
            }
            None => (number(part)?, number(part)?),
        };
        ranges.push((first.min(last), first.max(last)));
    }
    Ok(Findings { ranges }.into_set())
}

/// What answers have told so far. A set built from ranges in any other than ascending order would
/// take quadratic time, so they are sorted once, at the end.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    ranges: Vec<(Uid, Uid)>,
}

impl Findings {
    pub(crate) fn take(&mut self, uids: &UidSet) {
        self.ranges.extend(uids.ranges());
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.ranges.append(&mut other.ranges);
    }

    pub(crate) fn into_set(mut self) -> UidSet {
        self.ranges.sort_unstable();
        let mut set = UidSet::new();
        for (first, last) in self.ranges {
            set.insert_range(first, last);
        }
        set
    }
}

/// Cuts a set into pieces whose text has at most about `octets` octets each.
pub(crate) fn split(uids: &UidSet, octets: usize) -> Vec<UidSet> {
    let mut pieces = Vec::new();
    let (mut piece, mut length) = (UidSet::new(), 0);
    for (first, last) in uids.ranges() {
        let one = UidSet::range(first, last).to_string().len() + 1;
        if length + one > octets && !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
            length = 0;
        }
        piece.insert_range(first, last);
        length += one;
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(text: &str) -> Parsed<String> {
        parse_search(&mut Cursor::over(text.as_bytes())).map(|found| found.uids.to_string())
    }

    fn esearch(text: &str) -> Parsed<(Option<String>, String)> {
        let parsed = parse_esearch(&mut Cursor::over(text.as_bytes()));
        parsed.map(|found| (found.tag, found.uids.to_string()))
    }

    #[test]
    fn search_answers() {
        assert_eq!(search("\r\n"), Ok(String::new()));
        assert_eq!(search("2  84 3 \r\n"), Ok("2:3,84".to_owned()));
        assert_eq!(search("2 5 (MODSEQ 917)\r\n"), Ok("2,5".to_owned()));
        for text in ["0", "x", "4294967296", "-1", "1)"] {
            assert_eq!(search(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn esearch_answers() {
        let tag = |text: &str| Some(text.to_owned());
        assert_eq!(
            esearch("(TAG \"A1\") UID ALL 4:18,1 COUNT 3\r\n"),
            Ok((tag("A1"), "1,4:18".to_owned()))
        );
        assert_eq!(esearch("(TAG A1) UID\r\n"), Ok((tag("A1"), String::new())));
        assert_eq!(esearch("\r\n"), Ok((None, String::new())));
        for text in ["(TAG \"A1\"", "UID ALL", "UID ALL x", "ALL 0", "COUNT"] {
            assert_eq!(esearch(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn a_million_ranges_backwards_are_read_in_a_moment() {
        let numbers = (1..1_000_000_u32).rev().step_by(2).map(|n| n.to_string());
        let text = numbers.collect::<Vec<_>>().join(",");
        assert_eq!(parse_uid_set(text.as_bytes()).unwrap().count(), 500_000);
    }

    #[test]
    fn long_sets_are_cut_without_loss() {
        let uids: UidSet = (1..=2_000).step_by(2).filter_map(Uid::new).collect();
        let pieces = split(&uids, 500);
        assert!(pieces.len() > 5);
        assert!(pieces.iter().all(|piece| piece.to_string().len() <= 500));
        let again: UidSet = pieces.iter().flat_map(UidSet::iter).collect();
        assert_eq!(again, uids);
        assert!(split(&UidSet::new(), 500).is_empty());
    }
}
