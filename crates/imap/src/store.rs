//! UID STORE (RFC 9051 §6.4.6), conditional where that is wanted (RFC 7162 §3.1.3).

use crate::encode::{CommandText, EncodeError};
use crate::ext::condstore;
use postrider_core::flag::{FlagSet, Keyword};
use postrider_core::mod_seq::ModSeq;
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

/// What one command of a [`Step::StoreFlags`](crate::Step::StoreFlags) did. A long set goes out as several:
/// what was told of those that succeeded holds, even when the step is refused because of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Whose flags were changed: the server said OK to these.
    pub uids: UidSet,
    /// Which of them it left alone, because they had changed since. Requires CONDSTORE (RFC 7162).
    pub modified: UidSet,
    /// The highest mod-sequence that it told of any of them. Requires CONDSTORE (RFC 7162).
    pub mod_seq: Option<ModSeq>,
}

impl Stored {
    /// What an OK to `named` means. A server that names others as modified says nothing of ours.
    pub(crate) fn of(named: UidSet, modified: Option<&UidSet>, mod_seq: Option<ModSeq>) -> Self {
        let Some(modified) = modified.map(|modified| modified.intersect(named.iter())) else {
            return Self {
                uids: named,
                modified: UidSet::new(),
                mod_seq,
            };
        };
        let changed = named.iter().filter(|uid| !modified.contains(*uid));
        Self {
            uids: changed.collect(),
            modified,
            mod_seq,
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

/// SILENT: the server need not tell us what we just said. Mod-sequences it tells all the same.
pub(crate) fn command(
    uids: &UidSet,
    change: &FlagChange,
    unchanged_since: Option<ModSeq>,
) -> Result<CommandText, EncodeError> {
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
    command.text(&format!("{uids} "));
    condstore::unchanged_since(&mut command, unchanged_since);
    command.text(&format!("{word} ({flags})"));
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Step;
    use crate::testing::{flown, selected, set};
    use postrider_core::uid::Uid;

    fn store(uids: &str, flags: &str, unchanged_since: Option<u64>) -> Step {
        Step::StoreFlags {
            uids: set(uids),
            change: FlagChange::Add(FlagSet::from_index(flags)),
            unchanged_since: unchanged_since.and_then(ModSeq::new),
        }
    }

    #[tokio::test]
    async fn changes_leave_together_and_each_has_its_own_answer() {
        let script = "C: p1 UID STORE 1:2 +FLAGS.SILENT (\\Seen)\n\
            C: p2 UID STORE 3 +FLAGS.SILENT (work)\nC: p3 UID STORE 4 +FLAGS.SILENT (\\Answered)\n\
            S: p1 OK\nS: p2 NO [LIMIT] no more keywords\nS: * 4 FETCH (UID 4 FLAGS (\\Answered))\nS: p3 OK";
        let (mut session, server) = selected("", script).await;
        let steps = [
            store("1:2", "\\Seen", None),
            store("3", "work", None),
            store("4", "\\Answered", None),
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

    /// RFC 7162 §3.1.3, example 9.
    #[tokio::test]
    async fn what_changed_since_is_left_alone_and_told() {
        let script = "C: p1 UID STORE 1:9 (UNCHANGEDSINCE 40) +FLAGS.SILENT (\\Seen)\n\
            S: * 1 FETCH (UID 1 MODSEQ (43))\nS: * 2 FETCH (UID 2 MODSEQ (42))\n\
            S: * 7 FETCH (UID 7 FLAGS (\\Flagged) MODSEQ (41))\nS: p1 OK [MODIFIED 7,99] conditional";
        let (mut session, server) = selected("CONDSTORE", script).await;
        let steps = [store("1:9", "\\Seen", Some(40))];
        let expected = [
            "0 flags 7 \\Flagged",
            "0 stored 1:6,8:9 at 43, not 7",
            "0 done",
        ];
        assert_eq!(flown(&mut session, steps).await.unwrap(), expected);
        assert_eq!(session.unsolicited().flag_changes, 0);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_condition_that_cannot_be_sent_is_not_left_out() {
        let (mut session, server) = selected("", "S?").await;
        let steps = [store("1", "\\Seen", Some(40))];
        let events = flown(&mut session, steps).await.unwrap();
        assert_eq!(events, ["0 refused not sent: the server lacks CONDSTORE"]);
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
        let line = |uids| command(uids, &change, ModSeq::new(u64::MAX >> 1));
        let lengths = pieces.iter().map(|uids| line(uids).unwrap().shown().len());
        assert!(lengths.max().is_some_and(|longest| longest < 8_180));
        let lines = |n: usize| format!("UID STORE {} +FLAGS.SILENT (\\Seen)", pieces[n]);
        let script = format!("C: p1 {}\nC: p2 {}\nS: p1 OK\nS: p2 NO", lines(0), lines(1));
        let (mut session, server) = selected("", &script).await;
        session.limits.set_octets = octets;
        let both: UidSet = pieces.iter().take(2).flat_map(UidSet::iter).collect();
        let step = store(&both.to_string(), "\\Seen", None);
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
        let line = |change: FlagChange| command(&uids, &change, None).unwrap().shown();
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
            assert!(command(&uids, &change, None).is_err(), "{word}");
        }
    }

    #[test]
    fn a_condition_stands_before_the_flags() {
        let uids = UidSet::range(Uid::MIN, Uid::MIN);
        let change = FlagChange::Add(FlagSet::from_index("\\Seen"));
        assert_eq!(
            command(&uids, &change, ModSeq::new(12)).unwrap().shown(),
            "UID STORE 1 (UNCHANGEDSINCE 12) +FLAGS.SILENT (\\Seen)"
        );
    }

    #[test]
    fn only_what_was_named_counts_as_modified() {
        let stored = Stored::of(set("1:9"), Some(&set("3:4,9:4294967295")), None);
        assert_eq!(stored.uids, set("1:2,5:8"));
        assert_eq!(stored.modified, set("3:4,9"));
        assert_eq!(Stored::of(set("1:9"), None, None).uids, set("1:9"));
    }

    #[test]
    fn more_keywords_than_a_line_takes_are_not_sent() {
        let words: String = (0..700).map(|n| format!("keyword{n:03} ")).collect();
        let change = FlagChange::Add(FlagSet::from_index(&words));
        let uids = UidSet::range(Uid::MIN, Uid::MIN);
        let error = command(&uids, &change, None).unwrap_err();
        assert!(matches!(error, EncodeError::Flags { octets: 7_699 }));
    }
}
