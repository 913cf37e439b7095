//! Rows of LIST and UIDL, and the maildrop they add up to. No I/O.
//!
//! fetchmail 6.4.37 crashed on a row whose number STAT does not cover, getmail stopped for ever at
//! two equal unique-ids, mutt took an empty one for a key (CVE-2018-14356). So: every number is
//! checked against STAT, and what cannot be a key is none.

use postrider_core::uidl::Uidl;
use std::collections::HashMap;

/// A message of this session's maildrop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMessage {
    /// Its number, from 1; means nothing in another session.
    pub number: u32,
    /// What LIST says of its size in octets, line ends as CRLF; servers lie about it.
    pub octets: Option<u64>,
    /// Its unique-id.
    pub uidl: UidlState,
}

/// What UIDL says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UidlState {
    /// A key: no other message of the listing has it.
    Unique(Uidl),
    /// Two messages have the same, or one has two: no key.
    Ambiguous,
    /// None, a blank one, or one that cannot be a key; or the server has no UIDL.
    Missing,
}

/// Collects the rows of one listing session.
#[derive(Debug)]
pub(crate) struct Rows {
    /// STAT's word.
    count: u32,
    sizes: HashMap<u32, Option<u64>>,
    uidls: HashMap<u32, UidlState>,
    /// A row that makes no sense, or comes twice.
    pub(crate) has_oddities: bool,
}

impl Rows {
    pub(crate) fn new(count: u32) -> Self {
        Self {
            count,
            sizes: HashMap::new(),
            uidls: HashMap::new(),
            has_oddities: false,
        }
    }

    /// A row of LIST: `number size`, and maybe more (RFC 1939 §5 allows it).
    pub(crate) fn take_size(&mut self, row: &[u8]) {
        let Some((number, rest)) = self.number(row) else {
            self.has_oddities = true;
            return;
        };
        let size = rest.split(|octet| is_blank(*octet)).next();
        let size = size.and_then(parse_decimal);
        self.has_oddities |= size.is_none();
        if self.sizes.insert(number, size).is_some() {
            self.has_oddities = true;
            // Two sizes for one message: neither is believed.
            self.sizes.insert(number, None);
        }
    }

    /// A row of UIDL: `number unique-id`.
    pub(crate) fn take_uidl(&mut self, row: &[u8]) {
        let Some((number, rest)) = self.number(row) else {
            self.has_oddities = true;
            return;
        };
        let state = Uidl::parse(rest).map_or(UidlState::Missing, UidlState::Unique);
        if self.uidls.insert(number, state).is_some() {
            self.has_oddities = true;
            self.uidls.insert(number, UidlState::Ambiguous);
        }
    }

    /// The messages that LIST names, by number, and whether all witnesses agree: STAT counts as many,
    /// and UIDL, where it answered, has a row for each of them and for no other.
    pub(crate) fn finish(mut self, uidl_supported: bool) -> (Vec<ListedMessage>, bool) {
        self.unmask_ambiguous();
        let listed = u32::try_from(self.sizes.len()).unwrap_or(u32::MAX);
        let has_all_uidls = self.uidls.len() == self.sizes.len()
            && self
                .sizes
                .keys()
                .all(|number| self.uidls.contains_key(number));
        let agree =
            listed == self.count && !self.has_oddities && (has_all_uidls || !uidl_supported);
        let uidls = &mut self.uidls;
        let message = |(number, octets)| ListedMessage {
            number,
            octets,
            uidl: uidls.remove(&number).unwrap_or(UidlState::Missing),
        };
        let mut messages: Vec<_> = self.sizes.into_iter().map(message).collect();
        messages.sort_unstable_by_key(|message| message.number);
        (messages, agree)
    }

    fn unmask_ambiguous(&mut self) {
        let mut owners: HashMap<&Uidl, u32> = HashMap::new();
        for state in self.uidls.values() {
            if let UidlState::Unique(uidl) = state {
                *owners.entry(uidl).or_default() += 1;
            }
        }
        let shared: Vec<Uidl> = owners
            .into_iter()
            .filter(|(_, owners)| *owners > 1)
            .map(|(uidl, _)| uidl.clone())
            .collect();
        if shared.is_empty() {
            return;
        }
        let shared: std::collections::HashSet<Uidl> = shared.into_iter().collect();
        for state in self.uidls.values_mut() {
            if matches!(state, UidlState::Unique(uidl) if shared.contains(uidl)) {
                *state = UidlState::Ambiguous;
            }
        }
    }

    /// The message number that begins a row, if STAT covers it, and the rest of the row.
    fn number<'a>(&self, row: &'a [u8]) -> Option<(u32, &'a [u8])> {
        let row = row.trim_ascii();
        let end = row.iter().position(|octet| is_blank(*octet));
        let (number, rest) = match end {
            Some(end) => row.split_at_checked(end)?,
            None => (row, &b""[..]),
        };
        let number = u32::try_from(parse_decimal(number)?).ok()?;
        let covered = (1..=self.count).contains(&number);
        covered.then(|| (number, rest.trim_ascii()))
    }
}

/// The two numbers of STAT's answer: messages and octets (RFC 1939 §5).
pub(crate) fn parse_stat(text: &str) -> Option<(u32, u64)> {
    let mut words = text.split_ascii_whitespace();
    let count = parse_decimal(words.next()?.as_bytes())?;
    let octets = parse_decimal(words.next()?.as_bytes())?;
    Some((u32::try_from(count).ok()?, octets))
}

const fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// Digits only: no sign, unlike `str::parse`.
fn parse_decimal(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sizes` and `uidls` are rows with `/` between them.
    fn listing(count: u32, sizes: &str, uidls: Option<&str>) -> String {
        let mut rows = Rows::new(count);
        for row in sizes.split('/').filter(|row| !row.is_empty()) {
            rows.take_size(row.as_bytes());
        }
        for row in uidls
            .unwrap_or_default()
            .split('/')
            .filter(|row| !row.is_empty())
        {
            rows.take_uidl(row.as_bytes());
        }
        let (messages, agree) = rows.finish(uidls.is_some());
        let shown: Vec<String> = messages.iter().map(show).collect();
        format!("{}{}", shown.join(" "), if agree { "" } else { " !" })
    }

    fn show(message: &ListedMessage) -> String {
        let octets = message
            .octets
            .map_or_else(|| "?".to_owned(), |n| n.to_string());
        let uidl = match &message.uidl {
            UidlState::Unique(uidl) => uidl.as_str(),
            UidlState::Ambiguous => "AMBIGUOUS",
            UidlState::Missing => "-",
        };
        format!("{}:{octets}:{uidl}", message.number)
    }

    #[test]
    fn listings_are_read_as_far_as_they_can_be_trusted() {
        for (count, sizes, uidls, expected) in [
            (0, "", Some(""), ""),
            (2, "1 120/2 200", Some("1 a/2 b"), "1:120:a 2:200:b"),
            (2, "2 200/1 120", Some("2 b/1 a"), "1:120:a 2:200:b"),
            (1, "1 120 extra words", Some("1 a"), "1:120:a"),
            (1, " 1\t120 ", Some("1  a "), "1:120:a"),
            // No UIDL at all is no disagreement.
            (1, "1 120", None, "1:120:-"),
            // STAT and LIST disagree: the listing decides, and says so.
            (3, "1 120", Some("1 a"), "1:120:a !"),
            (0, "1 120", Some("1 a"), " !"),
            // Numbers beyond STAT, negative, zero, too large, or no numbers.
            (1, "1 120/2 200", Some("1 a"), "1:120:a !"),
            (1, "1 120/-1 5", Some("1 a/-1 z"), "1:120:a !"),
            (1, "1 120/0 5", Some("1 a/0 z"), "1:120:a !"),
            (1, "1 120", Some("1 a/4294967297 z"), "1:120:a !"),
            (1, "+1 120", Some("1 a"), " !"),
            (1, "garbage", Some("garbage"), " !"),
            (1, "1 many", Some("1 a"), "1:?:a !"),
            (1, "1", Some("1 a"), "1:?:a !"),
            (1, "1 -5", Some("1 a"), "1:?:a !"),
            (1, "1 99999999999999999999", Some("1 a"), "1:?:a !"),
            // The same number twice.
            (1, "1 120/1 130", Some("1 a"), "1:?:a !"),
            (1, "1 120", Some("1 a/1 b"), "1:120:AMBIGUOUS !"),
            // Two messages with one unique-id: neither has a key, but nothing is missing.
            (
                3,
                "1 1/2 2/3 3",
                Some("1 a/2 a/3 b"),
                "1:1:AMBIGUOUS 2:2:AMBIGUOUS 3:3:b",
            ),
            // Blank, with a blank inside, or absent.
            (2, "1 1/2 2", Some("1/2 b"), "1:1:- 2:2:b"),
            (2, "1 1/2 2", Some("1 a b/2 b"), "1:1:- 2:2:b"),
            (2, "1 1/2 2", Some("2 b"), "1:1:- 2:2:b !"),
        ] {
            assert_eq!(
                listing(count, sizes, uidls),
                expected,
                "{count} {sizes} {uidls:?}"
            );
        }
    }

    #[test]
    fn stat_is_two_numbers() {
        for (text, expected) in [
            ("2 320", Some((2, 320))),
            ("0 0 extra", Some((0, 0))),
            ("2", None),
            ("-2 320", None),
            ("4294967296 1", None),
            ("", None),
        ] {
            assert_eq!(parse_stat(text), expected, "{text}");
        }
    }
}
