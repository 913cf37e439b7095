//! The status as programs read it.

use super::Row;
use crate::control::words::Hello;
use postrider_core::time::UnixTime;
use postrider_engine::Braked;
use serde_json::{Value, json};
use std::time::Duration;

/// `{"daemon": {...}, "accounts": [{...}]}`; `daemon` is null when none was asked, and so is `live` then. Where the
/// index cannot be read no account is told of, and the document says why ([`super::failure`]).
pub(super) fn document(
    (rows, disabled): (&[Row<'_>], Vec<Value>),
    hello: Option<&Hello>,
    (now, stale_after): (UnixTime, Duration),
) -> Value {
    let time = |at: Option<UnixTime>| {
        let at = jiff::Timestamp::from_second(at?.as_seconds()).ok()?;
        Some(at.to_string())
    };
    let row = |row: &Row<'_>| {
        let known = row.known.as_ref();
        let brake = |braked: &Braked| {
            json!({
                "mailbox": braked.mailbox,
                "side": braked.side,
                "removing": braked.removing,
                "held": braked.held,
                "because": braked.because,
                "since": time(braked.since),
            })
        };
        let brakes = known.map_or_else(Vec::new, |known| known.brakes.iter().map(brake).collect());
        json!({
            "account": row.settings.name.as_str(),
            "protocol": row.settings.protocol.as_str(),
            "last_success_at": time(known.and_then(|known| known.last_success_at)),
            "last_error_at": time(known.and_then(|known| known.last_error_at)),
            "last_error_kind": known.and_then(|known| known.last_error_kind.as_deref()),
            "last_error": known.and_then(|known| known.last_error.as_deref()),
            "mailboxes": known.map_or(0, |known| known.mailboxes),
            "messages": known.map_or(0, |known| known.messages),
            "unproven": known.map_or(0, |known| known.unproven),
            "pending_expiry": known.map_or(0, |known| known.pending_expiry),
            "braked": known.map_or(0, |known| known.braked),
            "deleted_unproven": known.map_or(0, |known| known.deleted_unproven),
            "brakes": brakes,
            "stale": row.is_stale(now, stale_after),
            "live": row.live,
        })
    };
    let accounts: Vec<Value> = rows.iter().map(row).collect();
    let daemon = hello.map(|hello| {
        json!({
            "version": hello.version,
            "pid": hello.pid,
            "started_at": time(Some(hello.started_at)),
        })
    });
    json!({
        "daemon": daemon,
        "stale_after_s": stale_after.as_secs(),
        "accounts": accounts,
        "disabled": disabled,
    })
}
