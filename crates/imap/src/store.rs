//! UID STORE (RFC 9051 §6.4.6).

use crate::encode::{CommandText, EncodeError};
use postrider_core::flag::{FlagSet, Keyword};
use postrider_core::uid::UidSet;

/// Whether flags are set or cleared; those that are not named stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Add,
    Remove,
}

/// SILENT: the server need not tell us what we just said.
pub(crate) fn command(
    uids: &UidSet,
    change: Change,
    flags: &FlagSet,
) -> Result<CommandText, EncodeError> {
    let word = match change {
        Change::Add => "+FLAGS.SILENT",
        Change::Remove => "-FLAGS.SILENT",
    };
    // `flag-keyword` is an atom: ASCII, and `]` is legal only in lists that servers send.
    let atom = |word: &&Keyword| word.as_str().is_ascii() && !word.as_str().contains(']');
    if let Some(odd) = flags.keywords().iter().find(|word| !atom(word)) {
        return Err(EncodeError::Keyword {
            keyword: odd.as_str().to_owned(),
        });
    }
    let mut command = CommandText::new("UID STORE ");
    command.text(&format!("{uids} {word} ({flags})"));
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::uid::Uid;

    #[test]
    fn only_named_flags_are_touched() {
        let uids: UidSet = [1, 2, 9].into_iter().filter_map(Uid::new).collect();
        let line = |change, flags| {
            let flags = FlagSet::from_index(flags);
            command(&uids, change, &flags).unwrap().shown()
        };
        assert_eq!(
            line(Change::Add, "\\Seen work"),
            "UID STORE 1:2,9 +FLAGS.SILENT (\\Seen work)"
        );
        assert_eq!(
            line(Change::Remove, "$Forwarded"),
            "UID STORE 1:2,9 -FLAGS.SILENT ($Forwarded)"
        );
    }

    #[test]
    fn a_keyword_that_is_no_atom_is_not_sent() {
        let uids = UidSet::range(Uid::MIN, Uid::MIN);
        for word in ["größe", "a]"] {
            let flags = FlagSet::from_index(word);
            assert!(command(&uids, Change::Add, &flags).is_err(), "{word}");
        }
    }
}
