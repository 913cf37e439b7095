//! One account: its mailboxes, and what a test may do to them behind the client's back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::mailbox::{Mailbox, Message, canonical_flag};

/// A handle to one account. Mailbox names are UTF-8 with `/` between levels; INBOX in any case.
#[derive(Clone, Debug)]
pub struct Account(Arc<Mutex<State>>);

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) mailboxes: BTreeMap<String, Mailbox>,
    next_uid_validity: u32,
    uidl_epoch: u32,
}

impl Default for Account {
    fn default() -> Self {
        let mut state = State {
            mailboxes: BTreeMap::new(),
            // Any number but one: a client that takes a default for the truth is found out.
            next_uid_validity: 4711,
            uidl_epoch: 0,
        };
        state.create("INBOX");
        Self(Arc::new(Mutex::new(state)))
    }
}

impl State {
    /// Makes a mailbox; `false` when it is there already.
    pub(crate) fn create(&mut self, name: &str) -> bool {
        let name = canonical_name(name);
        if self.mailboxes.contains_key(&name) {
            return false;
        }
        let uid_validity = self.new_uid_validity();
        self.mailboxes.insert(name, Mailbox::new(uid_validity));
        true
    }

    /// Renames a mailbox and its children; `false` when there is no `from` or there is a `to`.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> bool {
        let (from, to) = (canonical_name(from), canonical_name(to));
        if self.mailboxes.contains_key(&to) || !self.mailboxes.contains_key(&from) {
            return false;
        }
        let below = format!("{from}/");
        let moved = |name: &String| *name == from || name.starts_with(&below);
        let names: Vec<String> = self
            .mailboxes
            .keys()
            .filter(|n| moved(n))
            .cloned()
            .collect();
        for name in names {
            if let Some(mailbox) = self.mailboxes.remove(&name) {
                let rest = name.strip_prefix(&from).unwrap_or_default();
                self.mailboxes.insert(format!("{to}{rest}"), mailbox);
            }
        }
        if from == "INBOX" {
            self.create("INBOX");
        }
        true
    }

    pub(crate) fn mailbox(&self, name: &str) -> Option<&Mailbox> {
        self.mailboxes.get(&canonical_name(name))
    }

    pub(crate) fn mailbox_mut(&mut self, name: &str) -> Option<&mut Mailbox> {
        self.mailboxes.get_mut(&canonical_name(name))
    }

    /// A UIDVALIDITY that no mailbox of this account ever had.
    fn new_uid_validity(&mut self) -> u32 {
        self.next_uid_validity += 1;
        self.next_uid_validity
    }
}

impl Account {
    /// Puts a message into `mailbox`, which is made if missing, and returns its UID.
    ///
    /// `internal_date` is in seconds since the epoch. The bytes are served as they are.
    pub fn append(
        &self,
        mailbox: &str,
        bytes: impl Into<Bytes>,
        flags: &[&str],
        internal_date: i64,
    ) -> u32 {
        let mut state = self.lock();
        state.create(mailbox);
        let mailbox = state.mailbox_mut(mailbox);
        mailbox.map_or(0, |m| {
            m.append(bytes.into(), flag_set(flags), internal_date)
        })
    }

    /// Replaces the flags of a message, as another client would; `false` when there is none.
    pub fn set_flags(&self, mailbox: &str, uid: u32, flags: &[&str]) -> bool {
        let mut state = self.lock();
        let mailbox = state.mailbox_mut(mailbox);
        mailbox.is_some_and(|m| m.change_flags(uid, |set| *set = flag_set(flags)).is_some())
    }

    /// Removes a message, as another client would; `false` when there is none.
    pub fn expunge(&self, mailbox: &str, uid: u32) -> bool {
        let mut state = self.lock();
        let mailbox = state.mailbox_mut(mailbox);
        mailbox.is_some_and(|m| !m.remove(|message| message.uid == uid).is_empty())
    }

    /// Gives `mailbox` a new UIDVALIDITY and numbers its messages from one; `false` when there is none.
    /// UIDLs stay; see [`Account::pop3_uidls_change`].
    pub fn bump_uid_validity(&self, mailbox: &str) -> bool {
        let mut state = self.lock();
        let uid_validity = state.new_uid_validity();
        let mailbox = state.mailbox_mut(mailbox);
        mailbox.map(|m| m.renumber(uid_validity)).is_some()
    }

    /// Gives every message of the INBOX another UIDL, as a migration of the server does.
    pub fn pop3_uidls_change(&self) {
        let mut state = self.lock();
        state.uidl_epoch += 1;
        let epoch = state.uidl_epoch;
        if let Some(inbox) = state.mailbox_mut("INBOX") {
            for message in &mut inbox.messages {
                message.uidl = format!("epoch{epoch}.{:08x}", message.uid);
            }
        }
    }

    /// Sets the UIDL of one message of the INBOX; `false` when there is no such message.
    pub fn set_uidl(&self, uid: u32, uidl: &str) -> bool {
        let mut state = self.lock();
        let inbox = state.mailbox_mut("INBOX");
        let message = inbox.and_then(|m| m.messages.iter_mut().find(|message| message.uid == uid));
        message.map(|m| uidl.clone_into(&mut m.uidl)).is_some()
    }

    /// Makes an empty mailbox; `false` when it is there already.
    pub fn create(&self, mailbox: &str) -> bool {
        self.lock().create(mailbox)
    }

    /// Removes a mailbox with its mail; `false` when there is none.
    pub fn delete(&self, mailbox: &str) -> bool {
        self.lock()
            .mailboxes
            .remove(&canonical_name(mailbox))
            .is_some()
    }

    /// Renames a mailbox and its children, UIDVALIDITY and UIDs kept; `false` when it cannot be.
    pub fn rename(&self, from: &str, to: &str) -> bool {
        self.lock().rename(from, to)
    }

    /// Gives `mailbox`, made if missing, a role of RFC 6154 (`\Sent`).
    pub fn set_role(&self, mailbox: &str, role: &str) {
        let mut state = self.lock();
        state.create(mailbox);
        if let Some(mailbox) = state.mailbox_mut(mailbox) {
            mailbox.role = Some(role.to_owned());
        }
    }

    /// Subscribes to a mailbox (they are from birth) or no longer; `false` when there is none.
    pub fn set_subscribed(&self, mailbox: &str, subscribed: bool) -> bool {
        let mut state = self.lock();
        let mailbox = state.mailbox_mut(mailbox);
        mailbox.map(|m| m.subscribed = subscribed).is_some()
    }

    /// The names of all mailboxes, sorted.
    #[must_use]
    pub fn mailboxes(&self) -> Vec<String> {
        self.lock().mailboxes.keys().cloned().collect()
    }

    /// The messages of a mailbox in UID order; empty when there is no such mailbox.
    #[must_use]
    pub fn messages(&self, mailbox: &str) -> Vec<Message> {
        let state = self.lock();
        state
            .mailbox(mailbox)
            .map_or_else(Vec::new, |m| m.messages.clone())
    }

    /// The UIDVALIDITY of a mailbox.
    #[must_use]
    pub fn uid_validity(&self, mailbox: &str) -> Option<u32> {
        self.lock().mailbox(mailbox).map(|m| m.uid_validity)
    }

    /// The highest mod-sequence of a mailbox (RFC 7162).
    #[must_use]
    pub fn highest_mod_seq(&self, mailbox: &str) -> Option<u64> {
        self.lock().mailbox(mailbox).map(|m| m.highest_mod_seq)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// INBOX has one spelling (RFC 3501 §5.1).
pub(crate) fn canonical_name(name: &str) -> String {
    if name.eq_ignore_ascii_case("INBOX") {
        "INBOX".to_owned()
    } else {
        name.to_owned()
    }
}

fn flag_set(flags: &[&str]) -> BTreeSet<String> {
    flags.iter().map(|flag| canonical_flag(flag)).collect()
}
