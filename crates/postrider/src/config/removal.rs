//! `retention` and `brake`: what may go, on either side, and what stops it.

use super::account::Account;
use super::error::Problem;
use super::file::{Entry, Node, Value};
use super::reading::{Reading, find, or};
use postrider_core::account::Protocol;
use postrider_core::brake::{Brake, Percent};
use postrider_core::retention::{Method, Policy, Protect, Vanished};
use std::num::NonZeroU32;

/// Every key of `retention`.
pub(super) const RETENTION_KEYS: &[&str] = &[
    "delete_after",
    "keep_latest",
    "quota",
    "until_deleted_locally",
    "protect",
    "method",
    "vanished",
];

/// Every key of `brake`.
pub(super) const BRAKE_KEYS: &[&str] = &["messages", "share"];

/// More messages than any mailbox has.
const MAX_MESSAGES: u64 = u32::MAX as u64;

/// Why POP3 keeps some rules not. Falling back to its default would delete everything, so these are
/// errors under `defaults` too.
const NO_QUOTA: &str =
    "POP3 does not say how full a box is; give a POP3 account a `retention` of its own";
const NO_TRASH: &str =
    "POP3 has no trash to move it to; give a POP3 account a `retention` of its own";

/// It would go on until everything lies in the trash.
const NO_ROOM: &str =
    "what lies in the trash fills the box as well, so it makes no room for `quota`";

/// What `retention` may be.
const RULES: &str = "wanted are `keep`, `delete` or a mapping of rules; in a CSV file each rule is a column, such as `retention.delete_after`";

/// Reads `retention`: a word is the rule for server copies; a mapping that names no rule keeps the
/// protocol's. IMAP leaves the server copies, POP3 deletes what is proven.
pub(super) fn retention(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    protocol: Protocol,
) -> Option<(Policy, Vanished)> {
    let usual = match protocol {
        Protocol::Imap => Policy::KEEP,
        Protocol::Pop3 => Policy::DELETE,
    };
    let words = [("keep", Policy::KEEP), ("delete", Policy::DELETE)];
    let Some(node) = keys.find("retention") else {
        return Some((usual, Vanished::default()));
    };
    match &node.value {
        Value::Text(text) if !text.is_empty() => {
            let meant = words.iter().find(|(word, _)| word == text);
            if meant.is_none() {
                let wanted = RULES.to_owned();
                reading.wrong_form("retention", node.at, (text, wanted));
            }
            meant.map(|(_, policy)| (*policy, Vanished::default()))
        }
        Value::Map(entries) => {
            reading.keys(entries, RETENTION_KEYS);
            let own = keys.is_own("retention");
            let policy = policy(reading, entries, (protocol, usual));
            let vanished = vanished(reading, entries, (protocol, own));
            Some((policy?, vanished?))
        }
        Value::Text(_) | Value::Empty | Value::List(_) => {
            let (key, wanted) = ("retention", "`keep`, `delete` or a mapping");
            reading.complain(node.at, Problem::Kind { key, wanted });
            None
        }
    }
}

/// The rules of a mapping, all read before the first wrong one ends it.
fn policy(
    reading: &mut Reading<'_>,
    entries: &[Entry],
    (protocol, usual): (Protocol, Policy),
) -> Option<Policy> {
    let delete_after = or(find(entries, "delete_after"), None, |node| {
        reading.duration("delete_after", node).map(Some)
    });
    let keep_latest = or(find(entries, "keep_latest"), None, |node| {
        let latest = reading.number("keep_latest", node, 1..=u32::MAX);
        latest.map(NonZeroU32::new)
    });
    let quota = or(find(entries, "quota"), None, |node| {
        percent(reading, "quota", (node, 1)).map(Some)
    });
    let locally = or(find(entries, "until_deleted_locally"), false, |node| {
        // `false` names a rule and wants none: whoever writes it must say what else he wants.
        reading.word("until_deleted_locally", node, &[("true", true)])
    });
    let protect = or(find(entries, "protect"), Protect::default(), |node| {
        protect(reading, node)
    });
    let methods = [("expunge", Method::Expunge), ("trash", Method::Trash)];
    let method = or(find(entries, "method"), Method::default(), |node| {
        reading.word("method", node, &methods)
    });
    let (quota, method) = (quota?, method?);
    if protocol == Protocol::Pop3 {
        let refused = [
            ("quota", NO_QUOTA, quota.is_some()),
            ("method: trash", NO_TRASH, method == Method::Trash),
        ];
        let refused = refused.into_iter().filter(|(.., asked)| *asked);
        if refuse(reading, entries, refused) {
            return None;
        }
    }
    if quota.is_some() && method == Method::Trash {
        if let Some(node) = find(entries, "method") {
            let found = ("trash", NO_ROOM.to_owned());
            reading.wrong_form("method", node.at, found);
        }
        return None;
    }
    let rules = Policy {
        delete: false,
        delete_after: delete_after?,
        keep_latest: keep_latest?,
        quota,
        until_deleted_locally: locally?,
        // A key of its own, and no rule of retention.
        deletions_pushed: false,
        protect: protect?,
        method,
    };
    let delete = !rules.has_rule() && usual.delete;
    Some(Policy { delete, ..rules })
}

/// Complains of what POP3 cannot do; says whether there was anything.
fn refuse(
    reading: &mut Reading<'_>,
    entries: &[Entry],
    asked: impl Iterator<Item = (&'static str, &'static str, bool)>,
) -> bool {
    let mut refused = false;
    for (key, because, _) in asked {
        let word = key.split(':').next().unwrap_or(key);
        if let Some(entry) = entries.iter().find(|entry| entry.key == word) {
            let because = Some(because);
            reading.complain(entry.at, Problem::ImapOnly { key, because });
        }
        refused = true;
    }
    refused
}

fn protect(reading: &mut Reading<'_>, node: &Node) -> Option<Protect> {
    let Value::List(nodes) = &node.value else {
        let (key, wanted) = ("protect", "a list: [flagged, unread]");
        reading.complain(node.at, Problem::Kind { key, wanted });
        return None;
    };
    let (flagged, unread) = (
        Protect {
            flagged: true,
            unread: false,
        },
        Protect {
            flagged: false,
            unread: true,
        },
    );
    let words = [("flagged", flagged), ("unread", unread)];
    let named = nodes
        .iter()
        .map(|node| reading.word("protect", node, &words));
    let named: Vec<_> = named.collect();
    let all = |all: Protect, one: Option<Protect>| {
        one.map(|one| Protect {
            flagged: all.flagged || one.flagged,
            unread: all.unread || one.unread,
        })
    };
    named.into_iter().try_fold(Protect::default(), all)
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
                percent(reading, "share", (node, 0))
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

/// A share that is written as a percentage, of at least `least`.
fn percent(
    reading: &mut Reading<'_>,
    key: &'static str,
    (node, least): (&Node, u8),
) -> Option<Percent> {
    let found = reading.text(key, node)?;
    let digits = found.strip_suffix('%');
    // `parse` would take a plus sign.
    let digits = digits.filter(|digits| digits.bytes().all(|octet| octet.is_ascii_digit()));
    let share = digits
        .and_then(|digits| digits.parse().ok())
        .and_then(Percent::new)
        .filter(|share| share.as_u8() >= least);
    if share.is_none() {
        let wanted = format!("a whole number from `{least}%` to `100%` is wanted");
        reading.wrong_form(key, node.at, (found, wanted));
    }
    share
}
