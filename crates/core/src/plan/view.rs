//! The three views that an IMAP plan compares.

use crate::flag::FlagSet;
use crate::message::MessageKey;
use crate::uid::{Uid, UidSet};
use std::collections::HashMap;

/// What server and we last agreed on for one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseMessage {
    /// The message.
    pub key: MessageKey,
    /// Its UID in the mailbox's present epoch.
    pub uid: Uid,
    /// Its flags at the server when we last looked.
    pub flags: FlagSet,
    /// Whether it was already gone when we last looked.
    pub vanished: bool,
}

/// What we agreed on for a whole mailbox, ascending by UID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// The messages.
    pub messages: Vec<BaseMessage>,
}

/// One message as the server shows it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMessage {
    /// Its UID.
    pub uid: Uid,
    /// Its flags.
    pub flags: FlagSet,
}

/// What the server says of a mailbox now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerView {
    /// Every message it holds, ascending by UID. What is not in it is not there.
    Whole(Vec<ServerMessage>),
    /// Only what changed. Nothing is known of what is not in it.
    Changes {
        /// New messages and changed flags, ascending by UID.
        messages: Vec<ServerMessage>,
        /// What the server says is gone (VANISHED, RFC 7162), or does not find any more (SEARCH). Most
        /// of a range may never have existed.
        vanished: UidSet,
    },
}

impl ServerView {
    /// Whether the view says of a message that it does not show that it is gone.
    #[must_use]
    pub fn calls_gone(&self, uid: Uid) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Changes { vanished, .. } => vanished.contains(uid),
        }
    }

    /// The messages the server showed.
    #[must_use]
    pub fn messages(&self) -> &[ServerMessage] {
        match self {
            Self::Whole(messages) | Self::Changes { messages, .. } => messages,
        }
    }
}

/// The flags in the file names of those messages that a plan may have to re-flag. A message that is
/// not in it has no file here: a reader removed or moved it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalView {
    /// Flags by message.
    pub flags: HashMap<MessageKey, FlagSet>,
}
