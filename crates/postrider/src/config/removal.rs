//! `retention` and `brake`: what may go, on either side, and what stops it.

use super::account::Account;
use super::error::Problem;
use super::file::{Entry, Node, Value};
use super::reading::{Reading, find, or};
use postrider_core::account::Protocol;
use postrider_core::brake::{Brake, Percent};
use postrider_core::retention::{Policy, Vanished};

/// Every key of `retention`.
pub(super) const RETENTION_KEYS: &[&str] = &["vanished"];

/// Every key of `brake`.
pub(super) const BRAKE_KEYS: &[&str] = &["messages", "share"];

/// More messages than any mailbox has.
const MAX_MESSAGES: u64 = u32::MAX as u64;

/// Reads `retention`: a word is the rule for server copies; a mapping that names no rule keeps the
/// protocol's. IMAP leaves the server copies, POP3 deletes what is proven.
pub(super) fn retention(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    protocol: Protocol,
) -> Option<(Policy, Vanished)> {
    let usual = match protocol {
        Protocol::Imap => Policy::Keep,
        Protocol::Pop3 => Policy::Delete,
    };
    let words = [("keep", Policy::Keep), ("delete", Policy::Delete)];
    let Some(node) = keys.find("retention") else {
        return Some((usual, Vanished::default()));
    };
    match &node.value {
        Value::Text(text) if !text.is_empty() => {
            let policy = reading.word("retention", node, &words)?;
            Some((policy, Vanished::default()))
        }
        Value::Map(entries) => {
            reading.keys(entries, RETENTION_KEYS);
            let own = keys.is_own("retention");
            let vanished = vanished(reading, entries, (protocol, own))?;
            Some((usual, vanished))
        }
        Value::Text(_) | Value::Empty | Value::List(_) => {
            let (key, wanted) = ("retention", "`keep`, `delete` or a mapping");
            reading.complain(node.at, Problem::Kind { key, wanted });
            None
        }
    }
}

fn vanished(
    reading: &mut Reading<'_>,
    entries: &[Entry],
    (protocol, own): (Protocol, bool),
) -> Option<Vanished> {
    let words = [
        ("keep", Vanished::Keep),
        ("trash-flag", Vanished::TrashFlag),
        ("delete", Vanished::Delete),
    ];
    let entry = entries.iter().find(|entry| entry.key == "vanished");
    let vanished = or(find(entries, "vanished"), Vanished::default(), |node| {
        reading.word("vanished", node, &words)
    });
    match (protocol, entry) {
        (Protocol::Pop3, Some(entry)) => {
            // Under `defaults` it is meant for the other accounts.
            if own {
                let problem = Problem::ImapOnly {
                    key: "vanished",
                    because: Some("from a POP3 server, messages go because we delete them"),
                };
                reading.complain(entry.at, problem);
            }
            Some(Vanished::default())
        }
        (Protocol::Pop3, None) | (Protocol::Imap, _) => vanished,
    }
}

/// Reads `brake`: bounds, or `off`.
pub(super) fn brake(reading: &mut Reading<'_>, keys: &Account<'_>) -> Option<Option<Brake>> {
    let usual = Brake::default();
    let Some(node) = keys.find("brake") else {
        return Some(Some(usual));
    };
    match &node.value {
        Value::Text(text) if text == "off" => Some(None),
        Value::Map(entries) => {
            reading.keys(entries, BRAKE_KEYS);
            let messages = or(find(entries, "messages"), usual.messages, |node| {
                reading.number("messages", node, 0..=MAX_MESSAGES)
            });
            let share = or(find(entries, "share"), usual.share, |node| {
                share(reading, node)
            });
            Some(Some(Brake {
                messages: messages?,
                share: share?,
            }))
        }
        Value::Text(_) | Value::Empty | Value::List(_) => {
            let (key, wanted) = ("brake", "`off` or a mapping: {messages: 100, share: 20%}");
            reading.complain(node.at, Problem::Kind { key, wanted });
            None
        }
    }
}

fn share(reading: &mut Reading<'_>, node: &Node) -> Option<Percent> {
    let found = reading.text("share", node)?;
    let digits = found.strip_suffix('%');
    // `parse` would take a plus sign.
    let digits = digits.filter(|digits| digits.bytes().all(|octet| octet.is_ascii_digit()));
    let share = digits
        .and_then(|digits| digits.parse().ok())
        .and_then(Percent::new);
    if share.is_none() {
        let wanted = "a whole number from `0%` to `100%` is wanted";
        reading.wrong_form("share", node.at, (found, wanted.to_owned()));
    }
    share
}
