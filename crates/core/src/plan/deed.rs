//! What a pass does, as values: an acting pass carries them out, a rehearsal (`sync --dry-run`) prints
//! the same ones. Their `Display` completes the sentence "it would …".

use crate::flag::FlagSet;
use crate::message::MessageKey;
use crate::plan::imap::Action;
use crate::plan::local::Push;
use crate::retention::{ExpireReason, Method};
use crate::uid::Uid;
use std::fmt;

/// One thing done to a mailbox or to a message of it, or not done though somebody may wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Fetch a message a second time: LIST names another size than arrived, and only the same octets
    /// twice let it go (R1). POP3 only.
    Confirm {
        /// The message.
        message: MessageKey,
    },
    /// Let a server copy go.
    Expire {
        /// The message.
        message: MessageKey,
        /// The rule that says so.
        because: ExpireReason,
        /// How.
        method: Method,
        /// It is not here yet: it is fetched and proven first, in the same pass.
        fetched: bool,
    },
    /// Download messages.
    Fetch {
        /// So many.
        messages: u64,
        /// Of so many octets, as far as the server tells.
        octets: u64,
        /// They may be among so many that are here under another identity: their octets will tell, and
        /// what is here is not stored twice (R4).
        suspected: u64,
    },
    /// Bring to an end what a crash interrupted (R3).
    Heal {
        /// Files that are recorded.
        recorded: u64,
        /// Deliveries of which nothing is left; their messages are fetched again.
        forgotten: u64,
    },
    /// Leave a server copy though the policy lets it go.
    Hold {
        /// The message; `None`: what is said holds for several.
        message: Option<MessageKey>,
        /// So many.
        messages: u64,
        /// What holds them.
        because: String,
    },
    /// Give a message that is here, or will be, a further name: the server shows it in several mailboxes.
    Link {
        /// The message.
        message: MessageKey,
    },
    /// Believe that a mailbox is gone at the server, and so many messages with it.
    Lose {
        /// So many.
        messages: u64,
    },
    /// Make the directory of a mailbox.
    Make,
    /// Let the file follow a message that was moved here at the server.
    Move {
        /// The message.
        message: MessageKey,
        /// Its UID here.
        uid: Uid,
    },
    /// Agree on flags, note what vanished and what is back.
    Plan(Action),
    /// Carry to the server what a reader did.
    Push(Push),
    /// Remove the local copy of a message that vanished at the server.
    Remove {
        /// The message.
        message: MessageKey,
    },
    /// Let the files follow a mailbox that was renamed at the server.
    Rename {
        /// What it was called.
        was: String,
    },
    /// Find the messages of a mailbox again that the server has renumbered (R4).
    Renumber {
        /// So many are known by what the server says of them.
        rematched: u64,
        /// So many have to be fetched and compared.
        fetching: u64,
    },
    /// Note that the server has carried out a deletion whose answer was lost (R2).
    Settle {
        /// The message.
        message: MessageKey,
        /// What the ledger will say.
        because: String,
    },
    /// Leave messages on the server alone: not here, and not deleted there.
    Skip {
        /// The UID, where it is about one message.
        uid: Option<Uid>,
        /// Its octets, where the server told.
        octets: Option<u64>,
        /// Why.
        because: String,
    },
    /// Set the flag `T` on the local copy of a message that vanished at the server.
    TrashFlag {
        /// The message.
        message: MessageKey,
    },
    /// Note that a message has vanished at the server. POP3, and mailboxes that are gone.
    Vanish {
        /// The message.
        message: MessageKey,
    },
    /// Remove nothing and wait for `approve`: it would be too much (R6).
    Wait {
        /// `server` or `local`.
        side: &'static str,
        /// So many would be removed
        removing: u64,
        /// of so many.
        held: u64,
        /// The rule that would remove them.
        because: String,
    },
}

impl Deed {
    /// The message it is about, where it is about one that is known.
    #[must_use]
    pub const fn message(&self) -> Option<MessageKey> {
        match self {
            Self::Confirm { message }
            | Self::Expire { message, .. }
            | Self::Link { message }
            | Self::Move { message, .. }
            | Self::Remove { message }
            | Self::Settle { message, .. }
            | Self::TrashFlag { message }
            | Self::Vanish { message } => Some(*message),
            Self::Plan(
                Action::PullFlags { key, .. }
                | Action::Return { key, .. }
                | Action::Vanish { key, .. },
            ) => Some(*key),
            Self::Hold { message, .. } => *message,
            Self::Push(push) => push.message(),
            Self::Fetch { .. }
            | Self::Heal { .. }
            | Self::Lose { .. }
            | Self::Make
            | Self::Plan(Action::Fetch(_))
            | Self::Rename { .. }
            | Self::Renumber { .. }
            | Self::Skip { .. }
            | Self::Wait { .. } => None,
        }
    }

    /// One word for programs: what is done.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Confirm { .. } => "fetch_again",
            Self::Expire { .. } => "expire",
            Self::Fetch { .. } | Self::Plan(Action::Fetch(_)) => "fetch",
            Self::Heal { .. } => "heal",
            Self::Hold { .. } => "hold",
            Self::Link { .. } => "link",
            Self::Lose { .. } => "lose_mailbox",
            Self::Make => "make_directory",
            Self::Move { .. } => "move",
            Self::Plan(Action::PullFlags { .. }) => "pull_flags",
            Self::Plan(Action::Return { .. }) => "return",
            Self::Plan(Action::Vanish { .. }) | Self::Vanish { .. } => "vanish",
            Self::Push(push) => push.word(),
            Self::Remove { .. } => "remove_local_copy",
            Self::Rename { .. } => "rename_mailbox",
            Self::Renumber { .. } => "rematch",
            Self::Settle { .. } => "settle",
            Self::Skip { .. } => "skip",
            Self::TrashFlag { .. } => "trash_flag",
            Self::Wait { .. } => "brake",
        }
    }

    /// Why, in the words of the log and the ledger; `None` where the deed says it all.
    #[must_use]
    pub fn because(&self) -> Option<String> {
        match self {
            Self::Expire { because, .. } => Some(because.to_string()),
            Self::Hold { because, .. }
            | Self::Settle { because, .. }
            | Self::Skip { because, .. }
            | Self::Wait { because, .. } => Some(because.clone()),
            Self::Confirm { .. } => Some("LIST names another size than arrived".to_owned()),
            Self::Remove { .. } => Some("vanished: delete".to_owned()),
            Self::TrashFlag { .. } => Some("vanished: trash-flag".to_owned()),
            Self::Fetch { .. }
            | Self::Heal { .. }
            | Self::Link { .. }
            | Self::Lose { .. }
            | Self::Make
            | Self::Move { .. }
            | Self::Plan(_)
            | Self::Push(_)
            | Self::Rename { .. }
            | Self::Renumber { .. }
            | Self::Vanish { .. } => None,
        }
    }

    /// The flags that are agreed on, where it is about flags.
    #[must_use]
    pub const fn flags(&self) -> Option<&FlagSet> {
        match self {
            Self::Plan(Action::PullFlags { agreed, .. }) => Some(agreed),
            _ => None,
        }
    }
}

/// What `Display` says of a second fetch.
const CONFIRM: &str = "be fetched a second time: LIST names another size than arrived, and it goes \
                       only if both are the same";
/// What it says first of a message that is not here yet.
const FETCHED: &str = "be fetched, proven, then ";
/// What it says of a further name.
const LINK: &str = "be linked: its octets are here, or fetched for another mailbox";

impl fmt::Display for Deed {
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each deed")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirm { .. } => f.write_str(CONFIRM),
            Self::Expire {
                because,
                method,
                fetched,
                ..
            } => {
                let first = if *fetched { FETCHED } else { "be " };
                write!(f, "{first}{} ({because})", expired(*method))
            }
            Self::Fetch {
                messages,
                octets,
                suspected: 0,
            } => write!(f, "fetch {messages}, {octets} octets"),
            Self::Fetch {
                messages,
                octets,
                suspected,
            } => write!(
                f,
                "fetch {messages}, {octets} octets; {suspected} that are here may be among them"
            ),
            Self::Heal {
                recorded,
                forgotten,
            } => write!(
                f,
                "end what was interrupted: record {recorded} deliveries, forget {forgotten}"
            ),
            Self::Hold {
                message: Some(_),
                because,
                ..
            } => write!(f, "stay on the server though a rule lets it go: {because}"),
            Self::Hold {
                messages, because, ..
            } => write!(
                f,
                "leave {messages} on the server though a rule lets them go: {because}"
            ),
            Self::Link { .. } => f.write_str(LINK),
            Self::Lose { messages } => write!(
                f,
                "note that it is gone from the server, with {messages} messages"
            ),
            Self::Make => f.write_str("make its directory"),
            Self::Move { uid, .. } => write!(f, "have its file moved here, where it is {uid} now"),
            Self::Plan(Action::PullFlags { agreed, file, .. }) => {
                // No file's name changes: it says so already, or the account pulls no flags.
                let noted = if file.is_none() { "be noted to " } else { "" };
                write!(f, "{noted}have the flags ({agreed})")
            }
            Self::Plan(Action::Return { .. }) => f.write_str("be noted as back"),
            Self::Plan(Action::Vanish { .. }) | Self::Vanish { .. } => {
                f.write_str("be noted as vanished from the server")
            }
            Self::Plan(action @ Action::Fetch(_)) => action.fmt(f),
            Self::Push(push) => push.fmt(f),
            Self::Remove { .. } => f.write_str("lose its local copy (vanished: delete)"),
            Self::Rename { was } => write!(f, "take its files along from {was}, as it was called"),
            Self::Renumber {
                rematched,
                fetching,
            } => write!(
                f,
                "find {rematched} again under other UIDs and fetch {fetching} to compare: UIDVALIDITY has changed"
            ),
            Self::Settle { because, .. } => write!(f, "be noted as deleted ({because})"),
            Self::Skip {
                uid: Some(_),
                because,
                ..
            } => write!(f, "be left on the server alone: {because}"),
            Self::Skip { because, .. } => {
                write!(f, "leave messages on the server alone: {because}")
            }
            Self::TrashFlag { .. } => f.write_str("bear the flag T here (vanished: trash-flag)"),
            Self::Wait {
                side,
                removing,
                held,
                because,
            } => write!(
                f,
                "wait for `approve` ({side}): {because} would remove {removing} of {held}"
            ),
        }
    }
}

const fn expired(method: Method) -> &'static str {
    match method {
        Method::Expunge => "deleted on the server",
        Method::Trash => "moved to the trash on the server",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_here_yet_is_fetched_and_proven_before_it_goes() {
        let expire = |method, fetched| {
            let (message, because) = (MessageKey(1), ExpireReason::Delete);
            Deed::Expire {
                message,
                because,
                method,
                fetched,
            }
        };
        assert_eq!(
            expire(Method::Expunge, true).to_string(),
            "be fetched, proven, then deleted on the server (retention: delete)"
        );
        assert_eq!(
            expire(Method::Trash, false).to_string(),
            "be moved to the trash on the server (retention: delete)"
        );
    }

    #[test]
    fn a_deed_says_whom_it_is_about_and_why() {
        let held = Deed::Hold {
            message: Some(MessageKey(7)),
            messages: 1,
            because: "it is flagged".to_owned(),
        };
        assert_eq!(
            (held.word(), held.message(), held.because().as_deref()),
            ("hold", Some(MessageKey(7)), Some("it is flagged"))
        );
        let uid = Uid::MIN;
        let back = Deed::Plan(Action::Return {
            key: MessageKey(3),
            uid,
        });
        assert_eq!(
            (back.word(), back.message()),
            ("return", Some(MessageKey(3)))
        );
    }
}
