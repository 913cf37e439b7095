//! Rows of LIST and UIDL, and the maildrop they add up to. No I/O.
//!
//! fetchmail 6.4.37 crashed on a row whose number STAT does not cover, getmail stopped for ever at
//! two equal unique-ids, mutt took an empty one for a key (CVE-2018-14356). So: every number is
//! checked against STAT, and what cannot be a key is none.

use postrider_core::uidl::Uidl;

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

/// What a listing may cost us, in octets: some 400,000 messages with unique-ids of common length (R11).
pub(crate) const MOST_OCTETS: usize = 40 << 20;

/// Room is made for as many messages before the first row has come.
const MOST_AT_ONCE: u32 = 65_536;

/// Collects the rows of one listing session: LIST's first, and then UIDL's.
#[derive(Debug)]
pub(crate) struct Rows {
    /// STAT's word.
    count: u32,
    /// What LIST names; ascending and each once when UIDL begins.
    messages: Vec<ListedMessage>,
    /// Of each message, whether UIDL had a row.
    told: Vec<bool>,
    /// Where the message of UIDL's next row stands, if the server goes on in order.
    next: usize,
    /// What is kept costs so much.
    octets: usize,
    /// A row that makes no sense, or comes twice.
    pub(crate) has_oddities: bool,
}

impl Rows {
    pub(crate) fn new(count: u32) -> Self {
        Self {
            count,
            // STAT may say anything.
            messages: Vec::with_capacity(count.min(MOST_AT_ONCE) as usize),
            told: Vec::new(),
            next: 0,
            octets: 0,
            has_oddities: false,
        }
    }

    /// Whether there was more than [`MOST_OCTETS`]: then what came last is not in it.
    pub(crate) const fn is_too_large(&self) -> bool {
        self.octets > MOST_OCTETS
    }

    fn has_room(&mut self, octets: usize) -> bool {
        self.octets = self.octets.saturating_add(octets);
        !self.is_too_large()
    }

    /// A row of LIST: `number size`, and maybe more (RFC 1939 §5 allows it).
    pub(crate) fn take_size(&mut self, row: &[u8]) {
        let Some((number, rest)) = self.number(row) else {
            self.has_oddities = true;
            return;
        };
        let size = rest.split(|octet| is_blank(*octet)).next();
        let octets = size.and_then(parse_decimal);
        self.has_oddities |= octets.is_none();
        // Itself, whether UIDL tells of it, and its place among the unique-ids.
        if self.has_room(size_of::<ListedMessage>() + 1 + size_of::<u32>()) {
            self.messages.push(ListedMessage {
                number,
                octets,
                uidl: UidlState::Missing,
            });
        }
    }

    /// Sorts what LIST said, once.
    fn settle(&mut self) {
        if self.told.len() == self.messages.len() {
            return;
        }
        if !self.messages.is_sorted_by_key(|message| message.number) {
            self.messages.sort_by_key(|message| message.number);
        }
        let odd = &mut self.has_oddities;
        self.messages.dedup_by(|later, earlier| {
            let is_same = later.number == earlier.number;
            if is_same {
                *odd = true;
                // Two sizes for one message: neither is believed.
                earlier.octets = None;
            }
            is_same
        });
        self.told = vec![false; self.messages.len()];
    }

    /// A row of UIDL: `number unique-id`.
    pub(crate) fn take_uidl(&mut self, row: &[u8]) {
        self.settle();
        let Some((number, rest)) = self.number(row) else {
            self.has_oddities = true;
            return;
        };
        let is_it = |at: &usize| self.messages.get(*at).is_some_and(|m| m.number == number);
        let sought = || self.messages.binary_search_by_key(&number, |m| m.number);
        let at = Some(self.next).filter(is_it).or_else(|| sought().ok());
        let Some(at) = at else {
            // LIST knows nothing of it.
            self.has_oddities = true;
            return;
        };
        self.next = at + 1;
        // An allocation besides the letters.
        if !self.has_room(rest.len() + size_of::<Uidl>()) {
            return;
        }
        let state = Uidl::parse(rest).map_or(UidlState::Missing, UidlState::Unique);
        let (Some(message), Some(told)) = (self.messages.get_mut(at), self.told.get_mut(at)) else {
            return;
        };
        message.uidl = if *told {
            self.has_oddities = true;
            UidlState::Ambiguous
        } else {
            state
        };
        *told = true;
    }

    /// The messages that LIST names, by number, and whether all witnesses agree: STAT counts as many,
    /// and UIDL, where it answered, has a row for each of them and for no other.
    pub(crate) fn finish(mut self, uidl_supported: bool) -> (Vec<ListedMessage>, bool) {
        self.settle();
        self.unmask_ambiguous();
        let listed = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        let has_all_uidls = self.told.iter().all(|told| *told);
        let agree =
            listed == self.count && !self.has_oddities && (has_all_uidls || !uidl_supported);
        (self.messages, agree)
    }

    /// Takes unique-ids away that more than one message has.
    fn unmask_ambiguous(&mut self) {
        let unique = |at: u32| {
            let message = self.messages.get(usize::try_from(at).ok()?)?;
            match &message.uidl {
                UidlState::Unique(uidl) => Some(uidl),
                UidlState::Ambiguous | UidlState::Missing => None,
            }
        };
        let count = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        let mut order: Vec<u32> = (0..count).filter(|at| unique(*at).is_some()).collect();
        order.sort_unstable_by(|a, b| unique(*a).cmp(&unique(*b)));
        let mut shared: Vec<u32> = Vec::new();
        for equal in order.chunk_by(|a, b| unique(*a) == unique(*b)) {
            if equal.len() > 1 {
                shared.extend(equal);
            }
        }
        for at in shared {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            if let Some(message) = self.messages.get_mut(at) {
                message.uidl = UidlState::Ambiguous;
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
    let digit = |number: u64, octet: &u8| {
        let digit = octet.is_ascii_digit().then(|| u64::from(octet - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    text.iter().try_fold(0, digit).filter(|_| !text.is_empty())
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
