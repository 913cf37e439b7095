//! Flags and keywords of messages, and their letters in a Maildir file name.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// A flag that IMAP, Maildir or both know by name.
///
/// RFC 9051 §2.3.2; the letters are those of maildir(5), `P` ("passed") standing for `$Forwarded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// `\Draft`, `D`.
    Draft,
    /// `\Flagged`, `F`.
    Flagged,
    /// `$Forwarded`, `P`.
    Forwarded,
    /// `\Answered`, `R`.
    Answered,
    /// `\Seen`, `S`.
    Seen,
    /// `\Deleted`, `T`.
    Deleted,
}

impl Flag {
    /// Every flag with its word on the wire and its letter, in the ASCII order of the letters.
    pub const TABLE: [(Self, &'static str, char); 6] = [
        (Self::Draft, "\\Draft", 'D'),
        (Self::Flagged, "\\Flagged", 'F'),
        (Self::Forwarded, "$Forwarded", 'P'),
        (Self::Answered, "\\Answered", 'R'),
        (Self::Seen, "\\Seen", 'S'),
        (Self::Deleted, "\\Deleted", 'T'),
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let row = Self::TABLE.iter().find(|(flag, ..)| *flag == self);
        row.map_or("", |(_, word, _)| word)
    }

    /// The Maildir letter.
    #[must_use]
    pub fn letter(self) -> char {
        let row = Self::TABLE.iter().find(|(flag, ..)| *flag == self);
        row.map_or(' ', |(.., letter)| *letter)
    }

    /// The flag of a Maildir letter.
    #[must_use]
    pub fn from_letter(letter: char) -> Option<Self> {
        let row = Self::TABLE.iter().find(|(.., known)| *known == letter);
        row.map(|(flag, ..)| *flag)
    }
}

/// A keyword other than `$Forwarded`: lives in the index, has no Maildir letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keyword(Box<str>);

impl Keyword {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The flags and keywords of one message: a byte, and an allocation only where there are keywords, which many
/// messages may share ([`KeywordPool`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlagSet {
    bits: u8,
    /// Sorted, no duplicates; `None` rather than empty, so that equal sets are equal values.
    keywords: Option<Arc<Vec<Keyword>>>,
}

impl FlagSet {
    /// No flag at all.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bits: 0,
            keywords: None,
        }
    }

    /// Whether nothing is set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bits == 0 && self.keywords.is_none()
    }

    /// Whether `flag` is set.
    #[must_use]
    pub const fn has(&self, flag: Flag) -> bool {
        self.bits & flag.bit() != 0
    }

    /// Sets or clears one flag.
    pub const fn set(&mut self, flag: Flag, present: bool) {
        if present {
            self.bits |= flag.bit();
        } else {
            self.bits &= !flag.bit();
        }
    }

    /// The set with `flag` in it.
    #[must_use]
    pub const fn with(mut self, flag: Flag) -> Self {
        self.bits |= flag.bit();
        self
    }

    /// Adds what stood on the wire: a system flag in any case, `$Forwarded` (also as `Forwarded`), or a keyword.
    ///
    /// `\Recent` (it belongs to a session, RFC 3501 §2.3.2), `\*` and unknown system flags are not
    /// kept; neither is a keyword with octets that no atom has.
    pub fn insert_wire(&mut self, word: &str) {
        let known = Flag::TABLE
            .iter()
            .find(|(_, wire, _)| wire.eq_ignore_ascii_case(word));
        if let Some((flag, ..)) = known {
            self.set(*flag, true);
            return;
        }
        if word.eq_ignore_ascii_case("Forwarded") {
            self.set(Flag::Forwarded, true);
            return;
        }
        let plain = |c: char| !c.is_control() && !" (){%*\"\\".contains(c);
        if word.is_empty() || !word.chars().all(plain) {
            return;
        }
        let keyword = Keyword(word.into());
        let keywords = Arc::make_mut(self.keywords.get_or_insert_default());
        if let Err(at) = keywords.binary_search(&keyword) {
            keywords.insert(at, keyword);
        }
    }

    /// The system flags, and `$Forwarded`, that are set.
    pub fn flags(&self) -> impl Iterator<Item = Flag> + '_ {
        let known = Flag::TABLE.iter().map(|(flag, ..)| *flag);
        known.filter(|flag| self.has(*flag))
    }

    /// The keywords that are set, sorted.
    #[must_use]
    pub fn keywords(&self) -> &[Keyword] {
        self.keywords.as_deref().map_or(&[], Vec::as_slice)
    }

    /// The Maildir letters in ASCII order; keywords have none.
    #[must_use]
    pub fn letters(&self) -> String {
        let set = Flag::TABLE.iter().filter(|(flag, ..)| self.has(*flag));
        set.map(|(.., letter)| *letter).collect()
    }

    /// The flags of the letters in a file name; unknown letters are not ours to judge.
    #[must_use]
    pub fn from_letters(letters: &str) -> Self {
        let mut set = Self::new();
        for flag in letters.chars().filter_map(Flag::from_letter) {
            set.set(flag, true);
        }
        set
    }

    /// Only the flags that a file name can carry.
    #[must_use]
    pub const fn without_keywords(&self) -> Self {
        Self {
            bits: self.bits,
            keywords: None,
        }
    }

    /// Puts the keywords of `other` in the place of these.
    #[must_use]
    pub fn with_keywords_of(mut self, other: &Self) -> Self {
        self.keywords.clone_from(&other.keywords);
        self
    }

    /// Reads back what `Display` wrote into the index.
    #[must_use]
    pub fn from_index(text: &str) -> Self {
        let mut set = Self::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            set.insert_wire(word);
        }
        set
    }
}

/// Sets of keywords, each kept once however many messages bear it: a million messages bear a handful of them.
#[derive(Clone, Debug, Default)]
pub struct KeywordPool(HashSet<Arc<Vec<Keyword>>>);

impl KeywordPool {
    /// What a keyword costs besides its letters, in octets.
    const KEYWORD_OCTETS: usize = 48;

    /// Lets `flags` share its keywords with whoever has the same. Returns how many octets the pool holds more
    /// by that, none when it knew the set.
    pub fn share(&mut self, flags: &mut FlagSet) -> usize {
        let Some(keywords) = &mut flags.keywords else {
            return 0;
        };
        if let Some(known) = self.0.get(keywords) {
            *keywords = Arc::clone(known);
            return 0;
        }
        self.0.insert(Arc::clone(keywords));
        let octets = |keyword: &Keyword| Self::KEYWORD_OCTETS + keyword.as_str().len();
        Self::KEYWORD_OCTETS + keywords.iter().map(octets).sum::<usize>()
    }
}

/// The words on the wire, separated by one space: `\Seen $Forwarded work`.
impl fmt::Display for FlagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.flags().map(|flag| -> &str { flag.as_str() });
        let words = words.chain(self.keywords().iter().map(Keyword::as_str));
        for (at, word) in words.enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keywords_are_kept_once_and_cost_once() {
        let set = |words: &str| FlagSet::from_index(words);
        let mut pool = KeywordPool::default();
        let (mut one, mut same, mut other) = (set("\\Seen a b"), set("b a"), set("a"));
        let cost = pool.share(&mut one);
        assert!(cost >= 2 * KeywordPool::KEYWORD_OCTETS, "{cost}");
        assert_eq!(pool.share(&mut same), 0);
        assert!(pool.share(&mut other) > 0);
        assert_eq!(pool.share(&mut FlagSet::new()), 0);
        assert_eq!(same, set("a b"));
        let of = |flags: &FlagSet| flags.keywords().as_ptr();
        assert_eq!(of(&one), of(&same));
        // Whoever adds a word leaves the others what they had.
        same.insert_wire("c");
        assert_eq!((one, same), (set("\\Seen a b"), set("a b c")));
    }

    #[test]
    fn all_64_subsets_survive_the_file_name_and_the_index() {
        for bits in 0_u8..64 {
            let set = FlagSet {
                bits,
                keywords: None,
            };
            assert_eq!(FlagSet::from_letters(&set.letters()), set);
            assert_eq!(FlagSet::from_index(&set.to_string()), set);
        }
    }

    #[test]
    fn letters_are_sorted_and_unknown_ones_ignored() {
        assert_eq!(FlagSet::from_letters("SFxaD").letters(), "DFS");
    }

    #[test]
    fn keywords_are_kept_apart_and_hostile_words_dropped() {
        let mut set = FlagSet::new();
        for word in [
            "\\SEEN",
            "work",
            "\\Recent",
            "\\*",
            "a b",
            "",
            "$FORWARDED",
            "work",
            "x\r\ny",
        ] {
            set.insert_wire(word);
        }
        assert_eq!(set.to_string(), "$Forwarded \\Seen work");
        assert_eq!(set.letters(), "PS");
    }

    #[test]
    fn a_set_is_small_because_a_mailbox_has_a_million() {
        assert!(size_of::<FlagSet>() <= 24);
    }
}
