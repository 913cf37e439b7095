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

/// Octets of flags that fit beside a set of [`Limits::set_octets`](crate::Limits::set_octets) in a line of
/// 8,192 (RFC 7162 §4).
const FLAGS_BESIDE: usize = 1_000;

/// Octets of flags in one command at most; the set is cut down to what they leave.
const MAX_FLAGS: usize = 6_000;

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

/// By how much shorter the set must be than usual, to leave room for the flags.
pub(crate) fn set_octets_less(change: &FlagChange) -> usize {
    let octets = change.flags().to_string().len();
    octets.saturating_sub(FLAGS_BESIDE)
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
    let flags = flags.to_string();
    if flags.len() > MAX_FLAGS {
        return Err(EncodeError::Flags {
            octets: flags.len(),
        });
    }
    let mut command = CommandText::new("UID STORE ");
    command.text(&format!("{uids} {word} ({flags})"));
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Step;
    use crate::testing::{flown, selected, set};
    use postrider_core::uid::Uid;

    fn store(uids: &str, flags: &str) -> Step {
        Step::StoreFlags {
            uids: set(uids),
            change: FlagChange::Add(FlagSet::from_index(flags)),
        }
    }

    #[tokio::test]
    async fn changes_leave_together_and_each_has_its_own_answer() {
        let script = "C: p1 UID STORE 1:2 +FLAGS.SILENT (\\Seen)\n\
            C: p2 UID STORE 3 +FLAGS.SILENT (work)\nC: p3 UID STORE 4 +FLAGS.SILENT (\\Answered)\n\
            S: p1 OK\nS: p2 NO [LIMIT] no more keywords\nS: * 4 FETCH (UID 4 FLAGS (\\Answered))\nS: p3 OK";
        let (mut session, server) = selected("", script).await;
        let steps = [
            store("1:2", "\\Seen"),
            store("3", "work"),
            store("4", "\\Answered"),
        ];
        let expected = [
            "0 stored 1:2",
            "0 done",
            "1 refused no more keywords",
            "2 flags 4 \\Answered",
            "2 stored 4",
            "2 done",
        ];
        assert_eq!(flown(&mut session, steps).await.unwrap(), expected);
        assert_eq!(session.round_trips(), 1);
        server.await.unwrap();
    }

    /// RFC 7162 §4: no line of 8,192 octets, and of a long set it is known how far it came.
    #[tokio::test]
    async fn long_sets_and_many_keywords_share_a_line() {
        let uids: UidSet = (1..9_000).step_by(2).filter_map(Uid::new).collect();
        let words: String = (0..300).map(|n| format!("keyword{n:03} ")).collect();
        let change = FlagChange::Add(FlagSet::from_index(&words));
        let octets = 7_000 - set_octets_less(&change);
        let pieces = crate::search::split(&uids, octets);
        assert_eq!(pieces.len(), 5);
        let line = |uids| command(uids, &change);
        let lengths = pieces.iter().map(|uids| line(uids).unwrap().shown().len());
        assert!(lengths.max().is_some_and(|longest| longest < 8_180));
        let lines = |n: usize| format!("UID STORE {} +FLAGS.SILENT (\\Seen)", pieces[n]);
        let script = format!("C: p1 {}\nC: p2 {}\nS: p1 OK\nS: p2 NO", lines(0), lines(1));
        let (mut session, server) = selected("", &script).await;
        session.limits.set_octets = octets;
        let both: UidSet = pieces.iter().take(2).flat_map(UidSet::iter).collect();
        let step = store(&both.to_string(), "\\Seen");
        let events = flown(&mut session, [step]).await.unwrap();
        assert_eq!(
            events,
            [format!("0 stored {}", pieces[0]), "0 refused NO".to_owned()]
        );
        server.await.unwrap();
    }

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

    #[test]
    fn more_keywords_than_a_line_takes_are_not_sent() {
        let words: String = (0..700).map(|n| format!("keyword{n:03} ")).collect();
        let change = FlagChange::Add(FlagSet::from_index(&words));
        let uids = UidSet::range(Uid::MIN, Uid::MIN);
        let error = command(&uids, &change).unwrap_err();
        assert!(matches!(error, EncodeError::Flags { octets: 7_699 }));
    }
}
