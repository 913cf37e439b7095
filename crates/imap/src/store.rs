//! UID STORE (RFC 9051 §6.4.6).

use crate::encode::{CommandText, EncodeError};
use postrider_core::flag::{FlagSet, Keyword};
use postrider_core::uid::UidSet;

/// A change to flags; what it does not name stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// Sets these.
    Add(FlagSet),
    /// Clears these.
    Remove(FlagSet),
}

impl FlagChange {
    /// The flags it names.
    #[must_use]
    pub const fn flags(&self) -> &FlagSet {
        match self {
            Self::Add(flags) | Self::Remove(flags) => flags,
        }
    }
}

/// `flag-keyword` is an atom: ASCII, and `]` is legal only in lists that servers send.
fn is_atom(word: &Keyword) -> bool {
    word.as_str().is_ascii() && !word.as_str().contains(']')
}

/// The flags that can be sent at all. A message is worth more than an odd keyword of it.
pub(crate) fn sendable(flags: &FlagSet) -> FlagSet {
    let mut sendable = flags.without_keywords();
    let atoms = flags.keywords().iter().filter(|word| is_atom(word));
    atoms.for_each(|word| sendable.insert_wire(word.as_str()));
    sendable
}

/// SILENT: the server need not tell us what we just said.
pub(crate) fn command(uids: &UidSet, change: &FlagChange) -> Result<CommandText, EncodeError> {
    let word = match change {
        FlagChange::Add(_) => "+FLAGS.SILENT",
        FlagChange::Remove(_) => "-FLAGS.SILENT",
    };
    let flags = change.flags();
    if let Some(odd) = flags.keywords().iter().find(|word| !is_atom(word)) {
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
        let line = |change: FlagChange| command(&uids, &change).unwrap().shown();
        assert_eq!(
            line(FlagChange::Add(FlagSet::from_index("\\Seen work"))),
            "UID STORE 1:2,9 +FLAGS.SILENT (\\Seen work)"
        );
        assert_eq!(
            line(FlagChange::Remove(FlagSet::from_index("$Forwarded"))),
            "UID STORE 1:2,9 -FLAGS.SILENT ($Forwarded)"
        );
    }

    #[test]
    fn a_keyword_that_is_no_atom_is_not_sent() {
        let uids = UidSet::range(Uid::MIN, Uid::MIN);
        for word in ["größe", "a]"] {
            let change = FlagChange::Add(FlagSet::from_index(word));
            assert!(command(&uids, &change).is_err(), "{word}");
        }
    }
}
