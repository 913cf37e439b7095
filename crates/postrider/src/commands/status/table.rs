//! The status as people read it.

use super::Row;
use crate::control::words::{Filled, Hello, Quota};
use crate::words::{aligned, short, span};
use postrider_core::retention::Level;
use postrider_core::time::UnixTime;
use postrider_engine::{AccountStatus, Activity, Braked};
use std::time::Duration;

/// The longest problem in the table, in characters: the whole of it is in the JSON and in the log.
const PROBLEM: usize = 60;

/// The share of a box, in hundredths, that is told of: the log warns from there on too.
const NEARLY_FULL: u64 = 80;

/// The accounts, without a daemon.
pub(super) fn table(rows: &[Row<'_>], now: UnixTime) -> String {
    let head = ["ACCOUNT", "PROTOCOL", "LAST SUCCESS", "MESSAGES", "PROBLEM"];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| cells(row, now)));
    aligned(&lines)
}

fn cells(row: &Row<'_>, now: UnixTime) -> [String; 5] {
    [
        row.settings.name.to_string(),
        row.settings.protocol.to_string(),
        success(row, now),
        messages(row),
        problem(row),
    ]
}

/// The accounts, with what the daemon tells of this moment.
pub(super) fn live_table(rows: &[Row<'_>], now: UnixTime, stale_after: Duration) -> String {
    let head = [
        "ACCOUNT",
        "STATE",
        "LAST SUCCESS",
        "NEXT",
        "MESSAGES",
        "PROBLEM",
    ];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| live_cells(row, now, stale_after)));
    aligned(&lines)
}

/// One line of it, cell by cell.
pub(super) fn live_cells(row: &Row<'_>, now: UnixTime, stale_after: Duration) -> [String; 6] {
    let stale = if row.is_stale(now, stale_after) {
        " (stale)"
    } else {
        ""
    };
    [
        row.settings.name.to_string(),
        state(row),
        format!("{}{stale}", success(row, now)),
        next(row, now),
        messages(row),
        problem(row),
    ]
}

/// What the daemon says the account does: `syncing 12/300`, `waiting (idle 3)` where three mailboxes are listened to.
fn state(row: &Row<'_>) -> String {
    let Some(live) = &row.live else {
        return "not loaded".to_owned();
    };
    if live.state == Activity::Syncing.as_str() && live.found.messages > 0 {
        return format!(
            "{} {}/{}",
            live.state, live.stored.messages, live.found.messages
        );
    }
    match &live.listening {
        Some(listens) if live.state == Activity::Waiting.as_str() => {
            let lines = if listens.kind == "idle" && listens.mailboxes > 1 {
                format!(" {}", listens.mailboxes)
            } else {
                String::new()
            };
            format!("{} ({}{lines})", live.state, listens.kind)
        }
        Some(_) | None => live.state.clone(),
    }
}

/// When the next pass begins.
fn next(row: &Row<'_>, now: UnixTime) -> String {
    let next = row.live.as_ref().and_then(|live| live.next_pass_at);
    next.map_or_else(
        || "-".to_owned(),
        |at| format!("in {}", span(at.since(now))),
    )
}

fn success(row: &Row<'_>, now: UnixTime) -> String {
    let ago = row.success_ago(now).map(|ago| format!("{} ago", span(ago)));
    ago.unwrap_or_else(|| "never".to_owned())
}

fn messages(row: &Row<'_>) -> String {
    let messages = row.known.as_ref().map(|known| known.messages);
    messages.map_or_else(|| "-".to_owned(), |messages| messages.to_string())
}

/// The first thing that somebody should know of the account, if there is one.
fn problem(row: &Row<'_>) -> String {
    let problem = row.problem().map(|known| {
        let kind = known.last_error_kind.as_deref().unwrap_or("failed");
        let error = known.last_error.as_deref().unwrap_or_default();
        short(&format!("{kind}: {error}"), PROBLEM)
    });
    let waiting = |count: fn(&AccountStatus) -> u64, what: &str| {
        let waiting = row.known.as_ref().map_or(0, count);
        (waiting > 0).then(|| format!("{waiting} {what}"))
    };
    let name = &row.settings.name;
    let braked = format!("held by the brake: postrider approve {name}");
    let braked = waiting(|known| known.braked, &braked);
    let expiring = waiting(
        |known| known.pending_expiry,
        "waiting to be deleted on the server",
    );
    let full = row.live.as_ref().and_then(|live| full(live.quota?));
    let said = problem.or(braked).or(full).or(expiring);
    said.unwrap_or_default()
}

/// A box that will soon take no mail.
fn full(quota: Quota) -> Option<String> {
    let levels = [quota.octets, quota.messages].into_iter().flatten();
    let share = |filled: Filled| {
        let Filled { used, limit } = filled;
        Level { used, limit }.share()
    };
    let share = levels.map(share).max()?;
    (share >= NEARLY_FULL).then(|| format!("the box at the server is {share} % full"))
}

/// Who told this, under the table; `asked`: whether the daemon was asked without trouble.
pub(super) fn who(hello: Option<&Hello>, now: UnixTime, asked: bool) -> String {
    match hello {
        Some(hello) => format!(
            "\nThe daemon has run for {} (version {}, pid {}).\n",
            span(now.since(hello.started_at)),
            hello.version,
            hello.pid
        ),
        None if asked => "\nNo daemon runs; this is from the index.\n".to_owned(),
        None => "\nThe daemon could not be asked; this is from the index.\n".to_owned(),
    }
}

/// What the brakes hold, and why: a line for each mailbox.
pub(super) fn waits(rows: &[Row<'_>], now: UnixTime) -> String {
    let mut lines = String::new();
    for known in rows.iter().filter_map(|row| row.known.as_ref()) {
        for braked in &known.brakes {
            let Braked {
                mailbox,
                side,
                removing,
                held,
                because,
                since,
            } = braked;
            let since = since.map(|at| format!("for {}: ", span(now.since(at))));
            let (since, name) = (since.unwrap_or_default(), &known.name);
            lines.push_str(&format!(
                "\n{name}: {mailbox}: {removing} of {held} {side} copies wait {since}{because} would remove \
                 them.\n  If that is right: postrider approve {name}\n"
            ));
        }
    }
    lines
}

/// What stays on the server for good, where a reader's deletions count: a line for each account.
pub(super) fn stay(rows: &[Row<'_>]) -> String {
    let mut lines = String::new();
    for row in rows {
        let messages = row.known.as_ref().map_or(0, |known| known.deleted_unproven);
        if messages > 0 && row.settings.retention.looks_for_deleted() {
            let name = &row.settings.name;
            lines.push_str(&format!(
                "\n{name}: {messages} deleted here stay on the server: their local copies were not proven \
                 before that.\n  If they are to go, delete them there.\n"
            ));
        }
    }
    lines
}
