//! One mailbox: messages in UID order, and the counters that must never go back.

use std::collections::BTreeSet;

use bytes::Bytes;

/// One message of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its UID, never zero, never used twice under one UIDVALIDITY.
    pub uid: u32,
    /// Its unique id in the POP3 view.
    pub uidl: String,
    /// System flags in the RFC's spelling (`\Seen`), keywords as they came.
    pub flags: BTreeSet<String>,
    /// INTERNALDATE in seconds since 1970-01-01T00:00:00Z.
    pub internal_date: i64,
    /// The mailbox's mod-sequence when this message last changed (RFC 7162).
    pub mod_seq: u64,
    /// The message as it travels, CRLF and all.
    pub bytes: Bytes,
}

/// A mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
    /// Rises with every change, expunges included: also tells a session that there is something to tell.
    pub(crate) highest_mod_seq: u64,
    /// `\Sent` and the like, RFC 6154.
    pub(crate) role: Option<String>,
    pub(crate) subscribed: bool,
    /// In ascending order of `uid`.
    pub(crate) messages: Vec<Message>,
}

impl Mailbox {
    pub(crate) fn new(uid_validity: u32) -> Self {
        Self {
            uid_validity,
            uid_next: 1,
            highest_mod_seq: 1,
            role: None,
            subscribed: true,
            messages: Vec::new(),
        }
    }

    pub(crate) fn next_mod_seq(&mut self) -> u64 {
        self.highest_mod_seq += 1;
        self.highest_mod_seq
    }

    /// Adds a message under the next UID and returns that.
    pub(crate) fn append(
        &mut self,
        bytes: Bytes,
        flags: BTreeSet<String>,
        internal_date: i64,
    ) -> u32 {
        let uid = self.uid_next;
        self.uid_next += 1;
        let mod_seq = self.next_mod_seq();
        self.messages.push(Message {
            uid,
            uidl: format!("{:08x}{uid:08x}", self.uid_validity),
            flags,
            internal_date,
            mod_seq,
            bytes,
        });
        uid
    }

    pub(crate) fn find(&self, uid: u32) -> Option<&Message> {
        let at = self.messages.binary_search_by_key(&uid, |m| m.uid).ok()?;
        self.messages.get(at)
    }

    /// Changes the flags of one message; its new mod-sequence, or `None` when there is no such message.
    /// A change that changes nothing leaves the mod-sequence alone (RFC 7162 §3.1.3).
    pub(crate) fn change_flags(
        &mut self,
        uid: u32,
        change: impl FnOnce(&mut BTreeSet<String>),
    ) -> Option<u64> {
        let at = self.messages.binary_search_by_key(&uid, |m| m.uid).ok()?;
        let next = self.highest_mod_seq + 1;
        let message = self.messages.get_mut(at)?;
        let before = message.flags.clone();
        change(&mut message.flags);
        if message.flags != before {
            message.mod_seq = next;
            self.highest_mod_seq = next;
        }
        Some(message.mod_seq)
    }

    /// Removes the messages that `gone` picks and returns their UIDs.
    pub(crate) fn remove(&mut self, mut gone: impl FnMut(&Message) -> bool) -> Vec<u32> {
        let mut uids = Vec::new();
        self.messages.retain(|message| {
            let goes = gone(message);
            if goes {
                uids.push(message.uid);
            }
            !goes
        });
        if !uids.is_empty() {
            self.next_mod_seq();
        }
        uids
    }

    /// Starts a new epoch: another UIDVALIDITY, and UIDs from one (RFC 3501 §2.3.1.1).
    pub(crate) fn renumber(&mut self, uid_validity: u32) {
        self.uid_validity = uid_validity;
        self.uid_next = 1;
        for message in &mut self.messages {
            message.uid = self.uid_next;
            self.uid_next += 1;
        }
        self.next_mod_seq();
    }
}

/// System flags in the RFC's spelling, whatever the case they came in.
pub(crate) fn canonical_flag(flag: &str) -> String {
    const SYSTEM: [&str; 5] = ["\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen"];
    let known = SYSTEM.iter().find(|name| name.eq_ignore_ascii_case(flag));
    known.map_or_else(|| flag.to_owned(), |name| (*name).to_owned())
}
