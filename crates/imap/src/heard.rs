//! What a server tells a session that has asked nothing.

use crate::status::{MailboxStatus, StatusRow};
use crate::wire_name::WireName;
use std::collections::HashMap;

/// Mailboxes whose news are kept apart. A server that names more is told to be unclear: everything is to be
/// looked at then, and memory does not grow with what it says (R11).
const MAX_MAILBOXES: usize = 4_096;

/// What was told, since somebody listened last. All of it is a reason to look, and nothing is believed
/// beyond that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// News of the open mailbox.
    pub open: OpenNews,
    /// What other mailboxes look like now, as far as the server says; also those that have not changed.
    /// Requires NOTIFY (RFC 5465).
    pub mailboxes: HashMap<WireName, MailboxStatus>,
    /// Something was told that cannot be read, or too much: anything may have changed.
    pub is_unclear: bool,
    /// The server tells nothing more, though the connection stands: it has ended IDLE, or NOTIFY
    /// (NOTIFICATIONOVERFLOW, RFC 5465 §5.8).
    pub is_over: bool,
}

/// What happened in the open mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenNews {
    /// Messages came.
    pub new: bool,
    /// Flags changed.
    pub flags: bool,
    /// Messages went.
    pub gone: bool,
}

impl OpenNews {
    /// Whether anything happened.
    #[must_use]
    pub const fn is_any(self) -> bool {
        self.new || self.flags || self.gone
    }
}

impl Heard {
    /// Whether nothing was told.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.open.is_any() && self.mailboxes.is_empty() && !self.is_unclear && !self.is_over
    }

    /// Takes in the status of a mailbox that nobody asked for; each part counts as it was told last.
    pub(crate) fn take_status(&mut self, row: StatusRow) {
        let StatusRow { wire_name, status } = row;
        if self.mailboxes.len() >= MAX_MAILBOXES && !self.mailboxes.contains_key(&wire_name) {
            self.is_unclear = true;
            return;
        }
        let known = self.mailboxes.entry(wire_name).or_default();
        *known = MailboxStatus {
            messages: status.messages.or(known.messages),
            uid_next: status.uid_next.or(known.uid_next),
            uid_validity: status.uid_validity.or(known.uid_validity),
            append_limit: status.append_limit.or(known.append_limit),
            highest_mod_seq: status.highest_mod_seq.or(known.highest_mod_seq),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::uid::Uid;

    fn row(name: &str, messages: Option<u32>, uid_next: Option<u32>) -> StatusRow {
        StatusRow {
            wire_name: WireName::encode(name),
            status: MailboxStatus {
                messages,
                uid_next: uid_next.and_then(Uid::new),
                ..MailboxStatus::default()
            },
        }
    }

    #[test]
    fn what_was_told_last_counts_part_by_part() {
        let mut heard = Heard::default();
        assert!(heard.is_nothing());
        heard.take_status(row("a", Some(1), Some(7)));
        heard.take_status(row("a", Some(2), None));
        let told = &heard.mailboxes[&WireName::encode("a")];
        assert_eq!((told.messages, told.uid_next), (Some(2), Uid::new(7)));
        assert!(!heard.is_nothing());
    }

    #[test]
    fn more_mailboxes_than_anybody_has_are_unclear() {
        let mut heard = Heard::default();
        for n in 0..=MAX_MAILBOXES {
            heard.take_status(row(&n.to_string(), Some(1), None));
        }
        assert_eq!(heard.mailboxes.len(), MAX_MAILBOXES);
        assert!(heard.is_unclear);
    }
}
