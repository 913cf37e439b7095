//! How to bring one IMAP mailbox up to date.

use crate::flag::FlagSet;
use crate::message::MessageKey;
use crate::plan::flags::{self, Reach};
use crate::plan::view::{Base, BaseMessage, LocalView, ServerMessage, ServerView};
use crate::uid::{Uid, UidSet};
use std::cmp::Ordering;
use std::fmt;

/// One thing to do. Its `Display` is what a dry run prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Download these messages.
    Fetch(UidSet),
    /// The server changed flags: agree on them, and rename the file where it must bear others.
    PullFlags {
        /// The message.
        key: MessageKey,
        /// Its UID.
        uid: Uid,
        /// What is agreed on from now.
        agreed: FlagSet,
        /// What the file's name shall say; `None` when it says so already or there is no file.
        file: Option<FlagSet>,
    },
    /// A message that was gone is there again under its old UID.
    Return {
        /// The message.
        key: MessageKey,
        /// Its UID.
        uid: Uid,
    },
    /// A message is gone at the server; a second witness must confirm it (R5).
    Vanish {
        /// The message.
        key: MessageKey,
        /// Its UID.
        uid: Uid,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(uids) => write!(f, "fetch {} messages: {uids}", uids.count()),
            Self::PullFlags { uid, agreed, .. } => {
                write!(f, "set the flags of {uid} to ({agreed})")
            }
            Self::Return { uid, .. } => write!(f, "note that {uid} is back"),
            Self::Vanish { uid, .. } => write!(f, "note that {uid} has vanished"),
        }
    }
}

/// What to do, in the order in which to do it.
pub type Plan = Vec<Action>;

/// The known messages whose flags differ at the server: whoever makes the [`LocalView`] looks at
/// the files of these and no others.
#[must_use]
pub fn reflagged(base: &Base, server: &ServerView) -> Vec<MessageKey> {
    let mut keys = Vec::new();
    walk(base, server, |pair| {
        if let Pair::Both(known, shown) = pair
            && known.flags != shown.flags
        {
            keys.push(known.key);
        }
    });
    keys
}

/// Decides how to bring one mailbox up to date. Same views, same plan.
///
/// For each UID there are five cases:
/// a) the server shows it and we never saw it: fetch;
/// b) both know it with the same flags: nothing;
/// c) both know it with other flags: pull them;
/// d) both know it, and we thought it gone: it is back, then as b or c;
/// e) we know it, and a *whole* view lacks it or a view of changes says that it is gone: it vanished,
///    unless we knew that.
/// A message whose file a reader deleted is case b: it stays on the server and is not downloaded
/// again (`deletions: keep`).
///
/// `reach`: which of the server's flags reach file names. What does not reach them is agreed on all the
/// same: the index says what the server says.
#[must_use]
pub fn plan_imap(base: &Base, local: &LocalView, server: &ServerView, reach: Reach) -> Plan {
    let mut fetch = UidSet::new();
    let mut rest = Vec::new();
    walk(base, server, |pair| match pair {
        Pair::Server(shown) => fetch.insert(shown.uid),
        Pair::Both(known, shown) => {
            let (key, uid) = (known.key, known.uid);
            if known.vanished {
                rest.push(Action::Return { key, uid });
            }
            if known.flags != shown.flags {
                let file = file(known, local, shown, reach);
                rest.push(pull(known, shown, file));
            }
        }
        Pair::Base(known) => {
            if !known.vanished && server.calls_gone(known.uid) {
                let (key, uid) = (known.key, known.uid);
                rest.push(Action::Vanish { key, uid });
            }
        }
    });
    let mut plan = Vec::with_capacity(rest.len() + 1);
    if !fetch.is_empty() {
        plan.push(Action::Fetch(fetch));
    }
    plan.append(&mut rest);
    plan
}

/// What the file's name shall say; `None` when it says so already or there is no file.
fn file(
    known: &BaseMessage,
    local: &LocalView,
    shown: &ServerMessage,
    reach: Reach,
) -> Option<FlagSet> {
    let local = local.flags.get(&known.key)?;
    let merged = flags::pull(&known.flags, local, &shown.flags, reach);
    (merged != *local).then_some(merged)
}

fn pull(known: &BaseMessage, shown: &ServerMessage, file: Option<FlagSet>) -> Action {
    Action::PullFlags {
        key: known.key,
        uid: known.uid,
        agreed: shown.flags.clone(),
        file,
    }
}

enum Pair<'a> {
    Base(&'a BaseMessage),
    Both(&'a BaseMessage, &'a ServerMessage),
    Server(&'a ServerMessage),
}

/// Walks both lists, which ascend by UID, side by side.
fn walk<'a>(base: &'a Base, server: &'a ServerView, mut visit: impl FnMut(Pair<'a>)) {
    let mut known = base.messages.iter().peekable();
    let mut shown = server.messages().iter().peekable();
    loop {
        let order = match (known.peek(), shown.peek()) {
            (Some(known), Some(shown)) => known.uid.cmp(&shown.uid),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        match order {
            Ordering::Less => known.next().into_iter().for_each(|k| visit(Pair::Base(k))),
            Ordering::Greater => shown
                .next()
                .into_iter()
                .for_each(|s| visit(Pair::Server(s))),
            Ordering::Equal => {
                if let (Some(known), Some(shown)) = (known.next(), shown.next()) {
                    visit(Pair::Both(known, shown));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `7:S` is UID 7 with flag S; `7!` was gone already. Keys are the UIDs.
    fn rows(text: &str) -> Vec<(Uid, FlagSet, bool)> {
        text.split_whitespace()
            .map(|word| {
                let (uid, letters) = word.split_once(':').unwrap_or((word, ""));
                let gone = uid.ends_with('!');
                let uid = Uid::new(uid.trim_end_matches('!').parse().unwrap()).unwrap();
                (uid, FlagSet::from_letters(letters), gone)
            })
            .collect()
    }

    fn key(uid: Uid) -> MessageKey {
        MessageKey(uid.as_u32().into())
    }

    /// A case in four lines: base, local, server (`+` for a view of changes only, `~3:5` what it says
    /// is gone), plan.
    fn plan_case(text: &str) {
        plan_case_with(Reach::AllButDeleted, text);
    }

    fn plan_case_with(reach: Reach, text: &str) {
        let line = |word: &str| {
            let line = text.lines().map(str::trim).find(|l| l.starts_with(word));
            line.unwrap_or(word)
                .trim_start_matches(word)
                .trim()
                .to_owned()
        };
        let base = Base {
            messages: rows(&line("base"))
                .into_iter()
                .map(|(uid, flags, vanished)| BaseMessage {
                    key: key(uid),
                    uid,
                    flags,
                    vanished,
                })
                .collect(),
        };
        let local = rows(&line("local")).into_iter();
        let local = LocalView {
            flags: local.map(|(uid, flags, _)| (key(uid), flags)).collect(),
        };
        let server = line("server");
        let (listed, vanished) = server.split_once('~').unwrap_or((&server, ""));
        let shown = rows(listed.trim_start_matches('+'))
            .into_iter()
            .map(|(uid, flags, _)| ServerMessage { uid, flags })
            .collect();
        let server = if server.starts_with('+') {
            ServerView::Changes {
                messages: shown,
                vanished: vanished.parse().unwrap_or_default(),
            }
        } else {
            ServerView::Whole(shown)
        };
        let plan: Vec<String> = plan_imap(&base, &local, &server, reach)
            .iter()
            .map(|action| match action {
                Action::Fetch(uids) => format!("fetch={uids}"),
                Action::PullFlags {
                    uid, agreed, file, ..
                } => {
                    let file = file
                        .as_ref()
                        .map_or_else(|| "-".to_owned(), FlagSet::letters);
                    format!("pull={uid}:{}/{file}", agreed.letters())
                }
                Action::Return { uid, .. } => format!("return={uid}"),
                Action::Vanish { uid, .. } => format!("vanish={uid}"),
            })
            .collect();
        assert_eq!(plan.join(" "), line("plan"), "{text}");
    }

    #[test]
    fn a_first_look_fetches_everything() {
        plan_case("base\n local\n server 1 2:S 9\n plan fetch=1:2,9");
    }

    #[test]
    fn nothing_changed_means_nothing_to_do() {
        plan_case("base 1 2:S\n local 1 2:S\n server 1 2:S\n plan");
    }

    #[test]
    fn new_mail_is_fetched_and_changed_flags_are_pulled() {
        plan_case("base 1 2:S\n local 1 2:S\n server 1:S 2:S 3\n plan fetch=3 pull=1:S/S");
    }

    #[test]
    fn a_flag_set_on_both_sides_is_not_a_conflict() {
        plan_case("base 7\n local 7:S\n server 7:S\n plan pull=7:S/-");
    }

    #[test]
    fn what_a_reader_flagged_stays_when_the_server_flags_something_else() {
        plan_case("base 7\n local 7:F\n server 7:S\n plan pull=7:S/FS");
    }

    #[test]
    fn flags_that_are_not_pulled_are_agreed_on_and_rename_nothing() {
        let case = "base 1 2:S 3\n local 1:F 2:S 3\n server 1:S 2 3:T 4\n plan ";
        let pulled = "fetch=4 pull=1:S/FS pull=2:/ pull=3:T/";
        plan_case_with(Reach::AllButDeleted, &format!("{case}{pulled}-"));
        plan_case_with(Reach::All, &format!("{case}{pulled}T"));
        let noted = "fetch=4 pull=1:S/- pull=2:/- pull=3:T/-";
        plan_case_with(Reach::Nothing, &format!("{case}{noted}"));
    }

    #[test]
    fn a_message_the_reader_deleted_is_not_fetched_again() {
        plan_case("base 7\n local\n server 7\n plan");
        plan_case("base 7\n local\n server 7:S\n plan pull=7:S/-");
    }

    #[test]
    fn only_a_whole_view_makes_a_message_vanish_and_only_once() {
        plan_case("base 1 2 3!\n local 1 2\n server 1\n plan vanish=2");
        plan_case("base 1 2 3!\n local 1 2\n server + 1\n plan");
        plan_case("base 1 2 3!\n local 1 2\n server + 1 ~2:9\n plan vanish=2");
    }

    #[test]
    fn r5_what_is_shown_and_said_to_be_gone_is_not_gone() {
        plan_case("base 1 2\n local 1 2\n server + 1:S ~1:2\n plan pull=1:S/S vanish=2");
    }

    #[test]
    fn r4_a_message_that_returns_is_not_fetched_again() {
        plan_case("base 1 2!\n local 1 2\n server 1 2:S\n plan return=2 pull=2:S/S");
    }

    #[test]
    fn only_messages_with_other_flags_are_looked_up_on_disk() {
        let base = Base {
            messages: [1, 2]
                .map(|n| BaseMessage {
                    key: MessageKey(n.into()),
                    uid: Uid::new(n).unwrap(),
                    flags: FlagSet::new(),
                    vanished: false,
                })
                .into(),
        };
        let server = ServerView::Whole(
            [(1, ""), (2, "S"), (3, "S")]
                .map(|(n, letters)| ServerMessage {
                    uid: Uid::new(n).unwrap(),
                    flags: FlagSet::from_letters(letters),
                })
                .into(),
        );
        assert_eq!(reflagged(&base, &server), [MessageKey(2)]);
    }
}
