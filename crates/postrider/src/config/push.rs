//! `push` and `idle_refresh`.

use super::account::Account;
use super::duration::parse_duration;
use super::reading::{Reading, or};
use postrider_core::account::Protocol;
use postrider_core::settings::Push;
use std::time::Duration;

/// What POP3 has instead.
const POLLED: Option<&str> =
    Some("a POP3 server tells nothing unasked; `poll` says how often it is asked");

/// Whether the server is listened to, and how long it may be silent meanwhile.
pub(super) fn push(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    protocol: Protocol,
) -> Option<(Push, Option<Duration>)> {
    let words = [("auto", Push::Auto), ("off", Push::Off)];
    let usual = match protocol {
        Protocol::Imap => Push::Auto,
        Protocol::Pop3 => Push::Off,
    };
    let node = keys.imap_only(reading, protocol, ("push", POLLED));
    let push = or(node, usual, |node| reading.word("push", node, &words));
    let node = keys.imap_only(reading, protocol, ("idle_refresh", POLLED));
    let refresh = or(node, None, |node| {
        let found = reading.text("idle_refresh", node)?;
        match parse_duration(found) {
            _ if found == "auto" => Some(None),
            Ok(duration) if !duration.is_zero() => Some(Some(duration)),
            _ => {
                let wanted = "`auto` is wanted, or a duration: `9m`".to_owned();
                reading.wrong_form("idle_refresh", node.at, (found, wanted));
                None
            }
        }
    });
    Some((push?, refresh?))
}
