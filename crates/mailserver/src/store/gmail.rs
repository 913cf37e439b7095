//! Mail as Gmail keeps it: one store, "All Mail"; a label is a mailbox that shows a message of it under a
//! UID of its own.
//!
//! Seen at Gmail: a label that is taken away leaves the message in All Mail; Trash and Spam hold what
//! nothing else shows; flags belong to the message, but `\Deleted` to the mailbox. An expunge in All Mail
//! deletes for good here, which at Gmail is one of three settings.

use std::collections::{BTreeMap, BTreeSet};

use super::mailbox::Message;
use super::state::{State, canonical_name};

/// The mailboxes of Gmail's own, and their roles.
const OWN: [(&str, &str); 7] = [
    ("[Gmail]/All Mail", "\\All"),
    ("[Gmail]/Drafts", "\\Drafts"),
    ("[Gmail]/Important", "\\Important"),
    ("[Gmail]/Sent Mail", "\\Sent"),
    ("[Gmail]/Spam", "\\Junk"),
    ("[Gmail]/Starred", "\\Flagged"),
    ("[Gmail]/Trash", "\\Trash"),
];

impl State {
    /// Makes Gmail's own mailboxes and keeps labels from now on; what is there becomes All Mail's too.
    pub(crate) fn become_gmail(&mut self) {
        if self.gmail {
            return;
        }
        self.gmail = true;
        self.create("[Gmail]");
        if let Some(parent) = self.mailbox_mut("[Gmail]") {
            parent.selectable = false;
        }
        for (name, role) in OWN {
            self.create(name);
            if let Some(mailbox) = self.mailbox_mut(name) {
                mailbox.role = Some(role.to_owned());
            }
        }
        let names: Vec<String> = self.mailboxes.keys().cloned().collect();
        for name in names {
            let label = self.mailbox(&name).filter(|_| !self.is_bin(&name));
            let held = label.map(|m| m.messages.clone());
            for message in held.unwrap_or_default() {
                self.file_in_all_mail(message);
            }
        }
    }

    /// Adds a label to a message; the UID it has or gets there.
    pub(super) fn add_label(&mut self, name: &str, message: Message) -> Option<u32> {
        let id = message.email_id;
        let held = &self.mailbox(name)?.messages;
        if let Some(there) = held.iter().find(|m| m.email_id == id) {
            return Some(there.uid);
        }
        let names: Vec<String> = self.mailboxes.keys().cloned().collect();
        let into_bin = self.is_bin(name);
        for other in names {
            if (into_bin || self.is_bin(&other)) && other != canonical_name(name) {
                let mailbox = self.mailbox_mut(&other);
                mailbox.map(|mailbox| mailbox.remove(|m| m.email_id == id));
            }
        }
        let uid = self.mailbox_mut(name)?.add(message.clone());
        if !into_bin {
            self.file_in_all_mail(message);
        }
        self.touch_others(name, id);
        Some(uid)
    }

    /// A message whose labels changed has changed, wherever it is shown: that is how clients that ask
    /// for CHANGEDSINCE learn of labels.
    fn touch_others(&mut self, name: &str, id: u64) {
        for (other, mailbox) in &mut self.mailboxes {
            let held = mailbox.messages.iter().find(|m| m.email_id == id);
            if let Some(uid) = held
                .map(|m| m.uid)
                .filter(|_| *other != canonical_name(name))
            {
                mailbox.touch(uid);
            }
        }
    }

    /// Gives the other labels of a message its flags; `\Deleted` stays what it is in each.
    pub(super) fn share_flags(&mut self, id: u64, flags: &BTreeSet<String>) {
        for mailbox in self.mailboxes.values_mut() {
            let held = mailbox.messages.iter().find(|m| m.email_id == id);
            if let Some(uid) = held.map(|m| m.uid) {
                mailbox.change_flags(uid, |set| {
                    let deleted = set.take("\\Deleted");
                    *set = flags
                        .iter()
                        .filter(|f| *f != "\\Deleted")
                        .cloned()
                        .collect();
                    set.extend(deleted);
                });
            }
        }
    }

    /// What is removed from All Mail is removed from every label.
    pub(super) fn remove_labels(&mut self, name: &str, ids: &BTreeSet<u64>) {
        if self.is_all_mail(name) {
            for mailbox in self.mailboxes.values_mut() {
                mailbox.remove(|m| ids.contains(&m.email_id));
            }
        }
    }

    /// X-GM-LABELS of every message, not quoted: system labels with their backslash, others as they are in
    /// the store. The label of the mailbox that is asked is left out, as Gmail does.
    pub(crate) fn labels(&self, asked: &str) -> BTreeMap<u64, Vec<String>> {
        let mut labels = BTreeMap::<u64, Vec<String>>::new();
        for (name, mailbox) in &self.mailboxes {
            if self.is_all_mail(name) || *name == canonical_name(asked) {
                continue;
            }
            let label = match mailbox.role.as_deref() {
                Some("\\Drafts") => "\\Draft",
                Some("\\Flagged") => "\\Starred",
                Some("\\Junk") => "\\Spam",
                Some(role) => role,
                None if name == "INBOX" => "\\Inbox",
                None => name,
            };
            for message in &mailbox.messages {
                let of_message = labels.entry(message.email_id).or_default();
                of_message.push(label.to_owned());
            }
        }
        labels
    }

    /// Whether `name` holds every message, whatever it is called.
    pub(crate) fn is_all_mail(&self, name: &str) -> bool {
        self.gmail && self.has_role(name, &["\\All"])
    }

    fn is_bin(&self, name: &str) -> bool {
        self.has_role(name, &["\\Junk", "\\Trash"])
    }

    fn has_role(&self, name: &str, roles: &[&str]) -> bool {
        let role = self.mailbox(name).and_then(|m| m.role.as_deref());
        role.is_some_and(|role| roles.contains(&role))
    }

    fn file_in_all_mail(&mut self, message: Message) {
        let mut mailboxes = self.mailboxes.values_mut();
        let all = mailboxes.find(|m| m.role.as_deref() == Some("\\All"));
        let all = all.filter(|all| all.messages.iter().all(|m| m.email_id != message.email_id));
        all.map(|all| all.add(message));
    }
}
