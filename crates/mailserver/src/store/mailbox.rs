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
    /// The same for all copies of one message, in every mailbox (EMAILID, RFC 8474; X-GM-MSGID).
    pub email_id: u64,
    /// The message as it travels, CRLF and all.
    pub bytes: Bytes,
}

/// PERMANENTFLAGS (RFC 3501 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PermanentFlags {
    /// All flags, and new keywords.
    All,
    /// These; `\*` stands for new keywords.
    These(BTreeSet<String>),
    /// All, and the server does not say so.
    Unsaid,
}

/// A mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    /// Survives renames (MAILBOXID, RFC 8474).
    pub(crate) id: u64,
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
    /// Rises with every change, expunges included; only a test turns it back.
    pub(crate) highest_mod_seq: u64,
    /// Rises with every change whatever a test does: tells a session that there is something to tell.
    pub(crate) revision: u64,
    /// Whether mod-sequences are kept (RFC 7162 §3.1.2.2 has a code for mailboxes without).
    pub(crate) keeps_mod_seqs: bool,
    /// Which flags outlive a session; STORE of any other does nothing.
    pub(crate) permanent_flags: PermanentFlags,
    /// How large a message may be that comes by IMAP (RFC 7889).
    pub(crate) append_limit: Option<u64>,
    /// What went away, and at which mod-sequence.
    expunged: Vec<(u64, u32)>,
    /// Expunges at this mod-sequence and below are forgotten.
    forgotten: u64,
    /// `\Sent` and the like, RFC 6154.
    pub(crate) role: Option<String>,
    pub(crate) subscribed: bool,
    /// `false`: a level of the tree that only holds others (`\Noselect`).
    pub(crate) selectable: bool,
    /// In ascending order of `uid`.
    pub(crate) messages: Vec<Message>,
}

impl Mailbox {
    pub(crate) fn new(id: u64, uid_validity: u32) -> Self {
        Self {
            id,
            uid_validity,
            uid_next: 1,
            highest_mod_seq: 1,
            revision: 0,
            keeps_mod_seqs: true,
            permanent_flags: PermanentFlags::All,
            append_limit: None,
            expunged: Vec::new(),
            forgotten: 0,
            role: None,
            subscribed: true,
            selectable: true,
            messages: Vec::new(),
        }
    }

    /// Whether `flag` outlives a session here. System flags are never new keywords.
    pub(crate) fn keeps(&self, flag: &str) -> bool {
        let PermanentFlags::These(flags) = &self.permanent_flags else {
            return true;
        };
        let named = flags.iter().any(|named| named.eq_ignore_ascii_case(flag));
        named || (!flag.starts_with('\\') && flags.contains("\\*"))
    }

    pub(crate) fn next_mod_seq(&mut self) -> u64 {
        self.revision += 1;
        self.highest_mod_seq += 1;
        self.highest_mod_seq
    }

    /// Adds `message` under the next UID, UIDL and mod-sequence, and returns the UID.
    pub(crate) fn add(&mut self, message: Message) -> u32 {
        let uid = self.uid_next;
        self.uid_next += 1;
        let mod_seq = self.next_mod_seq();
        self.messages.push(Message {
            uid,
            uidl: format!("{:08x}{uid:08x}", self.uid_validity),
            mod_seq,
            ..message
        });
        uid
    }

    /// MAILBOXID (RFC 8474 §4).
    pub(crate) fn object_id(&self) -> String {
        format!("F{}", self.id)
    }

    /// HIGHESTMODSEQ as STATUS tells it: zero without mod-sequences (RFC 7162 §3.1.2.2).
    pub(crate) fn told_mod_seq(&self) -> u64 {
        if self.keeps_mod_seqs {
            self.highest_mod_seq
        } else {
            0
        }
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
            self.revision += 1;
        }
        Some(message.mod_seq)
    }

    /// Something of a message changed that is no flag.
    pub(crate) fn touch(&mut self, uid: u32) {
        let next = self.highest_mod_seq + 1;
        let held = self.messages.iter_mut().find(|m| m.uid == uid);
        if let Some(message) = held {
            message.mod_seq = next;
            self.highest_mod_seq = next;
        }
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
            let mod_seq = self.next_mod_seq();
            self.expunged.extend(uids.iter().map(|uid| (mod_seq, *uid)));
        }
        uids
    }

    /// Starts a new epoch: another UIDVALIDITY, and UIDs from one (RFC 3501 §2.3.1.1).
    pub(crate) fn renumber(&mut self, uid_validity: u32) {
        self.uid_validity = uid_validity;
        self.uid_next = 1;
        self.expunged.clear();
        for message in &mut self.messages {
            message.uid = self.uid_next;
            self.uid_next += 1;
        }
        self.next_mod_seq();
    }
}

/// What a test does to the history of a mailbox, and what is asked of it.
impl Mailbox {
    /// The UIDs below UIDNEXT that left after `mod_seq`, ascending. Where that is forgotten, all that are
    /// not there, known to the client or not: RFC 7162 §3.2.6 permits more than needed.
    pub(crate) fn vanished_since(&self, mod_seq: u64) -> Vec<u32> {
        if !self.remembers(mod_seq) {
            let there: BTreeSet<u32> = self.messages.iter().map(|m| m.uid).collect();
            return (1..self.uid_next)
                .filter(|uid| !there.contains(uid))
                .collect();
        }
        let gone = self.expunged.iter().filter(|(at, _)| *at > mod_seq);
        let gone: BTreeSet<u32> = gone.map(|(_, uid)| *uid).collect();
        gone.into_iter().collect()
    }

    /// Whether what left after `mod_seq` is still known exactly.
    pub(crate) fn remembers(&self, mod_seq: u64) -> bool {
        mod_seq >= self.forgotten
    }

    /// Forgets which messages left until now.
    pub(crate) fn forget_expunged(&mut self) {
        self.expunged.clear();
        self.forgotten = self.highest_mod_seq;
    }

    /// Turns the mod-sequence back to `mod_seq`, at least one; no message keeps a higher one.
    pub(crate) fn turn_back(&mut self, mod_seq: u64) {
        self.highest_mod_seq = mod_seq.max(1);
        self.forgotten = self.forgotten.min(self.highest_mod_seq);
        self.expunged.retain(|(at, _)| *at <= self.highest_mod_seq);
        for message in &mut self.messages {
            message.mod_seq = message.mod_seq.min(self.highest_mod_seq);
        }
        self.revision += 1;
    }

    /// Goes back to before the `newest` newest messages came, UIDNEXT and mod-sequence too.
    pub(crate) fn restore_without(&mut self, newest: usize) {
        let left = self.messages.len().saturating_sub(newest);
        self.messages.truncate(left);
        self.uid_next = self.messages.last().map_or(1, |last| last.uid + 1);
        let highest = self.messages.iter().map(|m| m.mod_seq).max();
        self.turn_back(highest.unwrap_or(1));
    }
}

/// System flags in the RFC's spelling, whatever the case they came in.
pub(crate) fn canonical_flag(flag: &str) -> String {
    const SYSTEM: [&str; 5] = ["\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen"];
    let known = SYSTEM.iter().find(|name| name.eq_ignore_ascii_case(flag));
    known.map_or_else(|| flag.to_owned(), |name| (*name).to_owned())
}
