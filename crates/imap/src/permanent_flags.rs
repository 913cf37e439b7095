//! PERMANENTFLAGS (RFC 9051 §6.3.2, §7.1): which flags of a mailbox outlive the session.
//!
//! A server says OK to a STORE of any other and forgets it, or refuses it: whoever sends such flags finds
//! them missing in the next pass, and takes that for a change.

use postrider_core::flag::{Flag, FlagSet};

/// What a server said of the flags that last; nothing said means that all do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermanentFlags(Option<Named>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    flags: FlagSet,
    new_keywords: bool,
}

impl PermanentFlags {
    pub(crate) const fn new(flags: FlagSet, new_keywords: bool) -> Self {
        Self(Some(Named {
            flags,
            new_keywords,
        }))
    }

    /// Those that were named; `None` when the server did not say: then all last.
    #[must_use]
    pub fn named(&self) -> Option<&FlagSet> {
        self.0.as_ref().map(|named| &named.flags)
    }

    /// Whether any keyword lasts, known to the mailbox or not (`\*`).
    #[must_use]
    pub fn accepts_new_keywords(&self) -> bool {
        self.0.as_ref().is_none_or(|named| named.new_keywords)
    }

    /// Whether `flag` lasts. `$Forwarded` is a keyword to the server.
    #[must_use]
    pub fn keeps(&self, flag: Flag) -> bool {
        let Some(named) = &self.0 else {
            return true;
        };
        named.flags.has(flag) || (named.new_keywords && flag == Flag::Forwarded)
    }

    /// Those of `flags` that last. Keywords are compared in any case, as servers do.
    #[must_use]
    pub fn kept(&self, flags: &FlagSet) -> FlagSet {
        let mut kept = FlagSet::new();
        for flag in flags.flags().filter(|flag| self.keeps(*flag)) {
            kept.set(flag, true);
        }
        let named = self.named().map_or(&[][..], FlagSet::keywords);
        for keyword in flags.keywords() {
            let word = keyword.as_str();
            let is_named = |known: &str| known.eq_ignore_ascii_case(word);
            if self.accepts_new_keywords() || named.iter().any(|known| is_named(known.as_str())) {
                kept.insert_wire(word);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "\\Draft \\Flagged $Forwarded \\Answered \\Seen \\Deleted Work $Junk";

    fn kept(named: &str, new_keywords: bool) -> String {
        let permanent = PermanentFlags::new(FlagSet::from_index(named), new_keywords);
        permanent.kept(&FlagSet::from_index(ALL)).to_string()
    }

    #[test]
    fn what_a_server_does_not_say_is_kept() {
        let silent = PermanentFlags::default();
        let all = FlagSet::from_index(ALL);
        assert_eq!(silent.kept(&all), all);
        assert!(silent.accepts_new_keywords());
        assert_eq!(silent.named(), None);
    }

    #[test]
    fn only_what_lasts_is_kept() {
        assert_eq!(kept("", false), "");
        assert_eq!(kept("\\Seen \\Deleted", false), "\\Seen \\Deleted");
        assert_eq!(kept("\\Seen work", false), "\\Seen Work");
        assert_eq!(kept("\\Seen", true), "$Forwarded \\Seen $Junk Work");
        assert_eq!(kept("$forwarded $JUNK", false), "$Forwarded $Junk");
    }

    #[test]
    fn forwarded_is_a_keyword_to_the_server() {
        let permanent = |new| PermanentFlags::new(FlagSet::new(), new);
        assert!(permanent(true).keeps(Flag::Forwarded));
        assert!(!permanent(true).keeps(Flag::Seen));
        assert!(!permanent(false).keeps(Flag::Forwarded));
    }
}
