//! What can be asked in a flight, and what comes of it.

use crate::error::Refusal;
use crate::ext::qresync::Resync;
use crate::ext::quota::Quota;
use crate::ext::uidplus::CopyUid;
use crate::fetch::{FactsRow, Fetched, FlagsRow, RowItems};
use crate::list::Listed;
use crate::parse::Kind;
use crate::select::{SelectMode, Selected};
use crate::status::MailboxStatus;
use crate::store::FlagChange;
use crate::wire_name::WireName;
use bytes::Bytes;
use postrider_core::mod_seq::ModSeq;
use postrider_core::uid::{Uid, UidSet};

/// One thing to ask of a server. An empty set of UIDs asks nothing and is done at once; a long one
/// goes out as several commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Whole messages with their flags and dates; `\Seen` is not set by it.
    Bodies {
        /// Which.
        uids: UidSet,
    },
    /// Puts copies into another mailbox. Held back as [`Step::Expunge`] is: the copies would be of the
    /// old mailbox.
    Copy {
        /// Which.
        uids: UidSet,
        /// Whither.
        to: WireName,
    },
    /// Makes a mailbox. One that is there already ([`Code::AlreadyExists`](crate::code::Code)) is done too.
    Create(WireName),
    /// Removes messages that bear `\Deleted`, of these alone. Requires UIDPLUS (RFC 4315); refused
    /// without being sent where the server lacks it. Held back until the mailbox is known to be
    /// open.
    Expunge {
        /// Which.
        uids: UidSet,
    },
    /// Removes **every** message that bears `\Deleted`: what servers without UIDPLUS offer. Only
    /// where [`Step::SearchDeleted`] found nobody else's. Held back as [`Step::Expunge`] is.
    ExpungeDeleted,
    /// Message-ID, size, date and flags, for matching messages again.
    Facts {
        /// Which.
        uids: UidSet,
    },
    /// Flags, and what `items` names. Without CONDSTORE, `changed_since` is not sent and all rows come.
    Flags {
        /// Which.
        uids: UidSet,
        /// Only what changed since. Requires CONDSTORE (RFC 7162) and a mailbox that has
        /// mod-sequences ([`Selected::highest_mod_seq`]).
        changed_since: Option<ModSeq>,
        /// What else is wanted of each message.
        items: RowItems,
    },
    /// Says who we are (RFC 2971), where the server wants to know.
    Id,
    /// Every mailbox, with roles, subscriptions and status as far as the server can.
    List,
    /// Moves messages into another mailbox. Requires MOVE (RFC 6851); refused without being sent where
    /// the server lacks it. Held back as [`Step::Expunge`] is. Of a long set some may have been moved
    /// when it is refused. Messages that are gone already are no failure (Dovecot says OK even to a
    /// mailbox that does not exist): only [`FlightEvent::Copied`] tells who was moved.
    Move {
        /// Which.
        uids: UidSet,
        /// Whither.
        to: WireName,
    },
    /// Nothing; the server tells what is new.
    Noop,
    /// Has the server tell of these mailboxes, whenever something happens in them, and how they are
    /// now ([`Session::hear`](crate::Session::hear)). Requires NOTIFY (RFC 5465); refused without being sent where the server lacks it.
    Notify(Vec<WireName>),
    /// How full the box is that a mailbox belongs to. Requires QUOTA (RFC 9208); refused without being
    /// sent where the server lacks it.
    Quota(WireName),
    /// Which of these messages exist.
    Search {
        /// Which.
        uids: UidSet,
    },
    /// Which messages bear `\Deleted`.
    SearchDeleted,
    /// Which mailboxes the user subscribed to, where [`Step::List`] cannot tell
    /// ([`Listed::subscribed`]); elsewhere it asks nothing.
    Subscriptions,
    /// Opens a mailbox; the steps after it are about it.
    Select {
        /// Which.
        mailbox: WireName,
        /// How.
        mode: SelectMode,
        /// What is remembered of it: what changed and what vanished since then comes as
        /// [`FlightEvent::Flags`] and [`FlightEvent::Vanished`], before it is open. Not sent where
        /// the session cannot ([`Session::can_resync`](crate::Session::can_resync)).
        resync: Option<Resync>,
    },
    /// Subscribes to a mailbox.
    Subscribe(WireName),
    /// What a mailbox looks like from outside. Not for the open one (RFC 9051 §6.3.11).
    Status(WireName),
    /// Changes flags. Held back until the mailbox is known to be open.
    StoreFlags {
        /// Of which messages.
        uids: UidSet,
        /// How.
        change: FlagChange,
    },
    /// Closes the open mailbox and expunges nothing; done at once where none is open. Requires UNSELECT
    /// (RFC 3691); refused without being sent where the server lacks it.
    Unselect,
}

impl Step {
    /// The IMAP command, for people.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Bodies { .. } | Self::Facts { .. } | Self::Flags { .. } => "UID FETCH",
            Self::Copy { .. } => "UID COPY",
            Self::Create(_) => "CREATE",
            Self::Expunge { .. } => "UID EXPUNGE",
            Self::ExpungeDeleted => "EXPUNGE",
            Self::Id => "ID",
            Self::List => "LIST",
            Self::Move { .. } => "UID MOVE",
            Self::Noop => "NOOP",
            Self::Notify(_) => "NOTIFY",
            Self::Quota(_) => "GETQUOTAROOT",
            Self::Search { .. } | Self::SearchDeleted => "UID SEARCH",
            Self::Select { .. } => "SELECT",
            Self::Status(_) => "STATUS",
            Self::StoreFlags { .. } => "UID STORE",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Subscriptions => "LSUB",
            Self::Unselect => "UNSELECT",
        }
    }

    /// The capability without which it is not sent.
    pub(crate) const fn requires(&self) -> &'static str {
        match self {
            Self::Move { .. } => "MOVE",
            Self::Notify(_) => "NOTIFY",
            Self::Quota(_) => "QUOTA",
            Self::Unselect => "UNSELECT",
            _ => "UIDPLUS",
        }
    }

    /// Whether it is about the open mailbox.
    pub(crate) const fn needs_mailbox(&self) -> bool {
        !matches!(
            self,
            Self::Create(_)
                | Self::Id
                | Self::List
                | Self::Noop
                | Self::Notify(_)
                | Self::Quota(_)
                | Self::Select { .. }
                | Self::Status(_)
                | Self::Subscribe(_)
                | Self::Subscriptions
                | Self::Unselect
        )
    }

    /// Whether it names a mailbox that UTF8=ACCEPT gives another form: that must be settled first.
    pub(crate) fn depends_on_utf8(&self) -> bool {
        match self {
            Self::Copy { to: mailbox, .. }
            | Self::Create(mailbox)
            | Self::Move { to: mailbox, .. }
            | Self::Quota(mailbox)
            | Self::Select { mailbox, .. }
            | Self::Status(mailbox)
            | Self::Subscribe(mailbox) => !mailbox.is_alike(),
            Self::Notify(mailboxes) => !mailboxes.iter().all(WireName::is_alike),
            _ => false,
        }
    }

    /// Whether it may be asked in vain, before anybody knows who we are.
    pub(crate) const fn may_leave_early(&self) -> bool {
        matches!(
            self,
            Self::Id | Self::List | Self::Noop | Self::Subscriptions
        )
    }

    /// Whether it changes the open mailbox: never sent on the mere hope that the SELECT before it
    /// will succeed, because a server that stays in the old mailbox would change that one.
    pub(crate) const fn changes_mailbox(&self) -> bool {
        matches!(
            self,
            Self::Copy { .. }
                | Self::Expunge { .. }
                | Self::ExpungeDeleted
                | Self::Move { .. }
                | Self::StoreFlags { .. }
        )
    }
}

/// What came of a step. `step` is its number in the flight: 0 for the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlightEvent {
    /// Octets of the body that [`FlightEvent::BodyStart`] began; never empty.
    BodyChunk(Bytes),
    /// The body that began last is whole: all announced octets were handed out. The server stands
    /// by it when the step is [`FlightEvent::Done`].
    BodyEnd {
        /// The step.
        step: usize,
        /// The message.
        fetched: Fetched,
    },
    /// There is no body to be had: NIL in its place, or a body of which the server does not say
    /// whose it is. What [`FlightEvent::BodyStart`] began, if anything, is no message.
    BodyMissing {
        /// The step.
        step: usize,
        /// The message, when the server said.
        uid: Option<Uid>,
    },
    /// A body begins; chunks follow, and then either `BodyEnd` or `BodyMissing`, before anything
    /// else. Whose it is may be known only at the end.
    BodyStart {
        /// The step.
        step: usize,
        /// The announced length. Nothing should be allocated because of it.
        octets: u64,
    },
    /// Who the copies are that `Copy` made, or the messages that `Move` moved; one for each command at
    /// least. They are there when the step is done; of a refused `Move`, these were moved all the same
    /// (RFC 6851 §4.3). Requires UIDPLUS (RFC 4315), and a server that tells.
    Copied {
        /// The step.
        step: usize,
        /// Whose copy is who.
        copied: CopyUid,
    },
    /// The server said OK to the whole step.
    Done {
        /// The step.
        step: usize,
    },
    /// What tells a message from others.
    Facts {
        /// The step.
        step: usize,
        /// The row.
        row: FactsRow,
    },
    /// A message's flags.
    Flags {
        /// The step.
        step: usize,
        /// The row. Servers may show messages that were not asked for, and, while flags are being
        /// changed, what has become of them.
        row: FlagsRow,
    },
    /// All that a search found. Missing when the server said OK without an answer: then nothing is
    /// known (R5), least of all that there is nothing.
    Found {
        /// The step.
        step: usize,
        /// The messages.
        uids: UidSet,
    },
    /// A mailbox. Comes only when the listing was whole.
    Listed {
        /// The step.
        step: usize,
        /// The mailbox.
        mailbox: Listed,
    },
    /// How full a box is; one for each quota root of the mailbox.
    Quota {
        /// The step.
        step: usize,
        /// What the root says.
        quota: Quota,
    },
    /// The step was refused; the flight goes on. What it told before stays told.
    Refused {
        /// The step.
        step: usize,
        /// The server's words, or ours where nothing was sent.
        refusal: Refusal,
    },
    /// The mailbox is open.
    Selected {
        /// The step.
        step: usize,
        /// What the server said of it.
        selected: Selected,
    },
    /// A mailbox's status.
    Status {
        /// The step.
        step: usize,
        /// The status.
        status: MailboxStatus,
    },
    /// Flags were changed as wished; one for each command of the step: of a long set this holds, even when the
    /// step is refused because of another part.
    Stored {
        /// The step.
        step: usize,
        /// Whose: the server said OK to these.
        uids: UidSet,
    },
    /// The mailboxes that the user subscribed to; some of them may not exist any more. Comes only when
    /// the answer was whole.
    Subscribed {
        /// The step.
        step: usize,
        /// The mailboxes.
        mailboxes: Vec<WireName>,
    },
    /// A row of the answer could not be read: what is missing from the answer may be there (R5).
    Unreadable {
        /// The step.
        step: usize,
        /// What kind of response it was.
        kind: Kind,
    },
    /// Messages are gone. Requires QRESYNC (RFC 7162).
    Vanished {
        /// The `Select` that resynchronises, or whatever step was being answered when it happened.
        step: usize,
        /// Which: perhaps more than there ever were, and always ranges. Intersect it with what is
        /// held.
        uids: UidSet,
        /// They were gone before the mailbox was opened.
        earlier: bool,
    },
}
