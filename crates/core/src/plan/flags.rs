//! The three-way merge of flags.

use crate::flag::{Flag, FlagSet};

/// Which of the server's flags reach the name of a file that is here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// All of them: `deleted_flag: true`.
    All,
    /// Not `\Deleted`: as `T` in its name a plain quit in mutt would unlink the file (CONTRACT section 5).
    AllButDeleted,
    /// None: `flags: push` and `flags: none`.
    Nothing,
}

impl Reach {
    fn has(self, flag: Flag) -> bool {
        match self {
            Self::All => true,
            Self::AllButDeleted => flag != Flag::Deleted,
            Self::Nothing => false,
        }
    }
}

/// The flags that a file should bear: what the server changed since `base` is taken over as far as it
/// reaches, what it did not touch stays as the reader left it.
///
/// A flag has two states, so when both sides changed it they changed it alike: there is no conflict
/// to settle.
#[must_use]
pub fn pull(base: &FlagSet, local: &FlagSet, server: &FlagSet, reach: Reach) -> FlagSet {
    let mut merged = local.clone();
    for (flag, ..) in Flag::TABLE {
        if reach.has(flag) && base.has(flag) != server.has(flag) {
            merged.set(flag, server.has(flag));
        }
    }
    merged
}

/// The flags with which a new message is delivered: the server's, without `\Deleted` unless
/// `deleted_flag` asks for it.
#[must_use]
pub fn delivered(server: &FlagSet, deleted_flag: bool) -> FlagSet {
    let mut flags = server.clone();
    if !deleted_flag {
        flags.set(Flag::Deleted, false);
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_wins_where_it_changed_something_and_only_there() {
        for (base, local, server, merged) in [
            ("", "", "S", "S"),
            ("S", "S", "", ""),
            ("", "F", "S", "FS"),
            ("S", "FS", "", "F"),
            ("", "S", "S", "S"),
            ("S", "", "S", ""),
            ("S", "", "FS", "F"),
            ("", "", "T", ""),
            ("", "T", "S", "ST"),
        ] {
            let set = FlagSet::from_letters;
            let pulled = pull(&set(base), &set(local), &set(server), Reach::AllButDeleted);
            assert_eq!(pulled.letters(), merged, "{base} {local} {server}");
        }
    }

    #[test]
    fn where_nothing_is_pulled_a_file_stays_as_the_reader_left_it() {
        let set = FlagSet::from_letters;
        for (base, local, server) in [
            ("", "", "S"),
            ("S", "S", ""),
            ("", "F", "ST"),
            ("T", "", ""),
        ] {
            let pulled = pull(&set(base), &set(local), &set(server), Reach::Nothing);
            assert_eq!(pulled, set(local), "{base} {local} {server}");
        }
    }

    #[test]
    fn deleted_reaches_a_file_only_where_it_is_asked_for() {
        let set = FlagSet::from_letters;
        for (base, local, server, merged) in [
            ("", "", "T", "T"),
            ("T", "T", "", ""),
            ("", "F", "T", "FT"),
            ("", "T", "S", "ST"),
            ("T", "", "T", ""),
        ] {
            let pulled = pull(&set(base), &set(local), &set(server), Reach::All);
            assert_eq!(pulled.letters(), merged, "{base} {local} {server}");
        }
        let server = FlagSet::from_index("\\Deleted \\Seen $Forwarded work");
        let without = delivered(&server, false);
        assert_eq!(without.to_string(), "$Forwarded \\Seen work");
        assert_eq!(delivered(&server, true), server);
    }
}
