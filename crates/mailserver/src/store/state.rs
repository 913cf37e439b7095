//! What an account holds, and how it changes; whoever changes it goes through here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::mailbox::{Mailbox, Message};

/// The mailboxes of one account.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) mailboxes: BTreeMap<String, Mailbox>,
    /// Subscriptions that outlived their mailbox, as RFC 3501 §6.3.6 wants it.
    pub(crate) orphans: BTreeSet<String>,
    /// Whether mailboxes are labels; see `gmail.rs`.
    pub(super) gmail: bool,
    /// What STORAGE and MESSAGE are limited to; see [`Account::set_quota`](super::Account::set_quota).
    pub(crate) quota_kib: Option<u64>,
    pub(crate) quota_messages: Option<u64>,
    next_uid_validity: u32,
    next_id: u64,
    next_email_id: u64,
    pub(super) uidl_epoch: u32,
}

impl Default for State {
    fn default() -> Self {
        let mut state = Self {
            mailboxes: BTreeMap::new(),
            orphans: BTreeSet::new(),
            gmail: false,
            quota_kib: None,
            quota_messages: None,
            // Any number but one: a client that takes a default for the truth is found out.
            next_uid_validity: 4711,
            next_id: 0,
            // As large as Gmail's are: beyond 53 bits, which a careless client keeps in a float.
            next_email_id: 1_820_000_000_000_000_000,
            uidl_epoch: 0,
        };
        state.create("INBOX");
        state
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
        self.next_id += 1;
        let mailbox = Mailbox::new(self.next_id, uid_validity);
        self.orphans.remove(&name);
        self.mailboxes.insert(name, mailbox);
        true
    }

    /// Removes a mailbox, but not its subscription; `false` when there is none.
    pub(crate) fn delete(&mut self, name: &str) -> bool {
        let name = canonical_name(name);
        let Some(mailbox) = self.mailboxes.remove(&name) else {
            return false;
        };
        if mailbox.subscribed {
            self.orphans.insert(name);
        }
        true
    }

    /// Subscribes or no longer; `false` when there is neither a mailbox nor an old subscription.
    pub(crate) fn subscribe(&mut self, name: &str, subscribed: bool) -> bool {
        if let Some(mailbox) = self.mailbox_mut(name) {
            mailbox.subscribed = subscribed;
            return true;
        }
        !subscribed && self.orphans.remove(name)
    }

    /// The names that are subscribed to, sorted, mailbox or not.
    pub(crate) fn subscribed(&self) -> BTreeSet<String> {
        let there = self.mailboxes.iter().filter(|(_, m)| m.subscribed);
        let there = there.map(|(name, _)| name.clone());
        there.chain(self.orphans.iter().cloned()).collect()
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

    /// Adds a message that was nowhere before; its UID, or `None` when there is no such mailbox.
    pub(crate) fn append(
        &mut self,
        name: &str,
        bytes: Bytes,
        flags: BTreeSet<String>,
        internal_date: i64,
    ) -> Option<u32> {
        self.next_email_id += 1;
        let message = Message {
            uid: 0,
            uidl: String::new(),
            flags,
            internal_date,
            mod_seq: 0,
            email_id: self.next_email_id,
            bytes,
        };
        self.add(name, message)
    }

    /// Adds a copy of a message that is elsewhere; its UID, or `None` when there is no such mailbox.
    pub(crate) fn add(&mut self, name: &str, message: Message) -> Option<u32> {
        if self.gmail {
            return self.add_label(name, message);
        }
        Some(self.mailbox_mut(name)?.add(message))
    }

    /// Changes the flags of one message; its new mod-sequence, or `None` when there is no such message.
    pub(crate) fn change_flags(
        &mut self,
        name: &str,
        uid: u32,
        change: impl FnOnce(&mut BTreeSet<String>),
    ) -> Option<u64> {
        let mod_seq = self.mailbox_mut(name)?.change_flags(uid, change)?;
        let message = self.mailbox(name).and_then(|m| m.find(uid));
        if let Some(message) = message.filter(|_| self.gmail) {
            let (id, flags) = (message.email_id, message.flags.clone());
            self.share_flags(id, &flags);
        }
        Some(mod_seq)
    }

    /// Removes the messages that `gone` picks and returns their UIDs.
    pub(crate) fn remove(
        &mut self,
        name: &str,
        mut gone: impl FnMut(&Message) -> bool,
    ) -> Vec<u32> {
        let mut ids = BTreeSet::new();
        let mailbox = self.mailbox_mut(name);
        let removed = mailbox.map_or_else(Vec::new, |mailbox| {
            mailbox.remove(|message| {
                let goes = gone(message);
                if goes {
                    ids.insert(message.email_id);
                }
                goes
            })
        });
        if self.gmail {
            self.remove_labels(name, &ids);
        }
        removed
    }

    /// Removes what was moved elsewhere, and returns the UIDs; All Mail keeps it.
    pub(crate) fn leave(&mut self, name: &str, gone: impl FnMut(&Message) -> bool) -> Vec<u32> {
        if self.is_all_mail(name) {
            return Vec::new();
        }
        self.remove(name, gone)
    }

    /// A UIDVALIDITY that no mailbox of this account ever had.
    pub(super) fn new_uid_validity(&mut self) -> u32 {
        self.next_uid_validity += 1;
        self.next_uid_validity
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
