//! What readers did to files, and what the server is to be told of it.

use crate::flag::{Flag, FlagSet};
use crate::message::MessageKey;
use crate::uid::{Uid, UidSet};
use std::collections::BTreeMap;
use std::fmt;

/// What a reader did, carried to the server. Its `Display` is what a dry run prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// Copy a message into the mailbox.
    Copy {
        /// The copy.
        message: MessageKey,
    },
    /// Make the mailbox.
    Create,
    /// Remove a message whose copy is in another mailbox: the two together were a move.
    Depart {
        /// The message.
        message: MessageKey,
    },
    /// Set or clear a flag.
    Flag {
        /// The message.
        message: MessageKey,
        /// The flag.
        flag: Flag,
        /// Whether it is set.
        is_set: bool,
    },
    /// Move a message into the mailbox.
    Move {
        /// The message.
        message: MessageKey,
        /// The mailbox that it leaves.
        from: String,
    },
    /// Put a message into the mailbox that was written here.
    Upload {
        /// The message.
        message: MessageKey,
    },
}

impl Push {
    /// The message it is about, where it is about one.
    #[must_use]
    pub const fn message(&self) -> Option<MessageKey> {
        match self {
            Self::Copy { message }
            | Self::Depart { message }
            | Self::Flag { message, .. }
            | Self::Move { message, .. }
            | Self::Upload { message } => Some(*message),
            Self::Create => None,
        }
    }

    /// One word for programs: what is done.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Copy { .. } => "push_copy",
            Self::Create => "create_mailbox",
            Self::Depart { .. } => "push_move",
            Self::Flag { .. } => "push_flag",
            Self::Move { .. } => "push_move",
            Self::Upload { .. } => "upload",
        }
    }
}

impl fmt::Display for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy { .. } => f.write_str("be copied here on the server, as a reader copied it"),
            Self::Create => f.write_str("make this mailbox on the server, for its directory"),
            Self::Depart { .. } => {
                f.write_str("leave this mailbox on the server, as a reader moved it by a copy")
            }
            Self::Flag { flag, is_set, .. } => {
                let (done, how) = if *is_set {
                    ("have", "set")
                } else {
                    ("lose", "cleared")
                };
                let flag = flag.as_str();
                write!(f, "{done} {flag} on the server, as a reader {how} it")
            }
            Self::Move { from, .. } => {
                write!(
                    f,
                    "be moved here from {from} on the server, as a reader moved it"
                )
            }
            Self::Upload { .. } => f.write_str("be uploaded: a reader put it here"),
        }
    }
}

/// The flags that a reader changed by giving a file another name, and whether they are set now. `T` says
/// something to the server only where `deleted_flag` asks for it (CONTRACT section 5).
#[must_use]
pub fn changed(before: &FlagSet, after: &FlagSet, deleted_flag: bool) -> Vec<(Flag, bool)> {
    let speaks = |flag: &Flag| *flag != Flag::Deleted || deleted_flag;
    let flags = Flag::TABLE.iter().map(|(flag, ..)| *flag).filter(speaks);
    flags
        .filter(|flag| before.has(*flag) != after.has(*flag))
        .map(|flag| (flag, after.has(flag)))
        .collect()
}

/// A flag of one message that a reader changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The message.
    pub key: MessageKey,
    /// Its UID.
    pub uid: Uid,
    /// Its flags, as last agreed with the server.
    pub agreed: FlagSet,
    /// The flag.
    pub flag: Flag,
    /// Whether it is set now.
    pub is_set: bool,
}

/// One UID STORE: for a flag, not for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePlan {
    /// The flag.
    pub flag: Flag,
    /// Whether it is set.
    pub is_set: bool,
    /// Of these.
    pub uids: UidSet,
    /// The same, as we know them.
    pub keys: Vec<MessageKey>,
}

/// What the server is told of flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushPlan {
    /// At most one for each flag and direction, in the order of the letters.
    pub stores: Vec<StorePlan>,
    /// Changes of which the server need not be told: it has made the same.
    pub moot: Vec<(MessageKey, Flag)>,
    /// Changes that the server would not keep (PERMANENTFLAGS, RFC 9051 §7.1). They stay in the names of files,
    /// and are not tried again.
    pub unkept: Vec<(MessageKey, Flag)>,
}

/// Decides what the server is told of readers' changes. A flag has two states, so when both sides changed it
/// they changed it alike: nothing is ever overruled. `keeps` says which flags the mailbox keeps.
#[must_use]
pub fn plan_push(changes: &[Change], keeps: impl Fn(Flag) -> bool) -> PushPlan {
    let mut plan = PushPlan::default();
    let mut stores: BTreeMap<(Flag, bool), StorePlan> = BTreeMap::new();
    for change in changes {
        let (flag, is_set) = (change.flag, change.is_set);
        if change.agreed.has(flag) == is_set {
            plan.moot.push((change.key, flag));
            continue;
        }
        if !keeps(flag) {
            plan.unkept.push((change.key, flag));
            continue;
        }
        let store = stores.entry((flag, is_set)).or_insert_with(|| StorePlan {
            flag,
            is_set,
            uids: UidSet::new(),
            keys: Vec::new(),
        });
        store.uids.insert(change.uid);
        store.keys.push(change.key);
    }
    plan.stores = stores.into_values().collect();
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(n: u32, agreed: &str, flag: Flag, is_set: bool) -> Change {
        Change {
            key: MessageKey(n.into()),
            uid: Uid::new(n).unwrap(),
            agreed: FlagSet::from_letters(agreed),
            flag,
            is_set,
        }
    }

    #[test]
    fn only_what_changed_is_a_change() {
        let set = FlagSet::from_letters;
        for (before, after, deleted_flag, expected) in [
            ("", "S", false, vec![(Flag::Seen, true)]),
            (
                "FS",
                "RS",
                false,
                vec![(Flag::Flagged, false), (Flag::Answered, true)],
            ),
            ("S", "ST", false, vec![]),
            ("S", "ST", true, vec![(Flag::Deleted, true)]),
            ("DP", "DP", true, vec![]),
        ] {
            let found = changed(&set(before), &set(after), deleted_flag);
            assert_eq!(found, expected, "{before} {after}");
        }
    }

    #[test]
    fn keywords_are_not_the_readers_to_remove() {
        let before = FlagSet::from_index("\\Seen work");
        assert!(changed(&before, &FlagSet::from_letters("S"), true).is_empty());
    }

    #[test]
    fn one_store_for_each_flag_and_direction() {
        let changes = [
            change(1, "", Flag::Seen, true),
            change(2, "F", Flag::Seen, true),
            change(2, "F", Flag::Flagged, false),
            change(3, "", Flag::Seen, true),
            change(4, "S", Flag::Seen, false),
        ];
        let plan = plan_push(&changes, |_| true);
        let shown: Vec<String> = plan
            .stores
            .iter()
            .map(|s| {
                format!(
                    "{}{}{}",
                    s.uids,
                    if s.is_set { '+' } else { '-' },
                    s.flag.letter()
                )
            })
            .collect();
        assert_eq!(shown, ["2-F", "4-S", "1:3+S"]);
        assert!(plan.moot.is_empty() && plan.unkept.is_empty());
    }

    #[test]
    fn what_the_server_has_or_would_not_keep_is_not_sent() {
        let changes = [
            change(1, "S", Flag::Seen, true),
            change(2, "", Flag::Forwarded, true),
        ];
        let plan = plan_push(&changes, |flag| flag != Flag::Forwarded);
        assert!(plan.stores.is_empty());
        assert_eq!(plan.moot, [(MessageKey(1), Flag::Seen)]);
        assert_eq!(plan.unkept, [(MessageKey(2), Flag::Forwarded)]);
    }
}
