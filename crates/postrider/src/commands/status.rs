//! `postrider status`: how the accounts are doing, from the index; no server is asked.

use super::{answer, disabled, quiet};
use crate::cli::StatusArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::error::Error;
use crate::logging::Logging;
use crate::words::{aligned, short, span};
use postrider_core::settings::AccountSettings;
use postrider_core::time::UnixTime;
use postrider_engine::{AccountStatus, Braked};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// The longest problem in the table, in characters: the whole of it is in the JSON and in the log.
const PROBLEM: usize = 60;

/// Says how every account of the configuration is doing.
///
/// # Errors
/// When the index cannot be read. Stale accounts are in the answer.
pub fn run(args: &StatusArgs, config: &Config, around: &Surroundings) -> Result<Vec<Error>, Error> {
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let config = &config.clone().of_shard(args.shard);
    let known = postrider_engine::status(&config.state_dir)?;
    let rows = rows(&config.accounts, &known);
    let now = now();
    if args.json {
        let mut document = document(&rows, now, args.stale_after);
        if let Value::Object(document) = &mut document {
            let disabled = disabled::document(config);
            document.insert("disabled".to_owned(), Value::Array(disabled));
        }
        answer(&document.to_string())?;
    } else {
        let (table, waits, stay) = (table(&rows, now), waits(&rows, now), stay(&rows));
        let disabled = disabled::lines(config);
        answer(&format!("{table}{waits}{stay}{disabled}"))?;
    }
    let stale = rows
        .iter()
        .filter(|row| row.is_stale(now, args.stale_after));
    Ok(stale.map(|row| row.complaint(now)).collect())
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    UnixTime::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// An account of the configuration, and what the index knows of it once a pass has been tried.
#[derive(Debug)]
struct Row<'c> {
    settings: &'c AccountSettings,
    known: Option<AccountStatus>,
}

fn rows<'c>(accounts: &'c [AccountSettings], known: &[AccountStatus]) -> Vec<Row<'c>> {
    let row = |settings: &'c AccountSettings| {
        let of_it = |status: &&AccountStatus| status.name == settings.name;
        let known = known.iter().find(of_it).cloned();
        Row { settings, known }
    };
    accounts.iter().map(row).collect()
}

impl Row<'_> {
    /// How long ago the last success was.
    fn success_ago(&self, now: UnixTime) -> Option<Duration> {
        let at = self.known.as_ref()?.last_success_at?;
        Some(now.since(at))
    }

    fn is_stale(&self, now: UnixTime, stale_after: Option<Duration>) -> bool {
        let ago = self.success_ago(now);
        stale_after.is_some_and(|limit| ago.is_none_or(|ago| ago > limit))
    }

    fn complaint(&self, now: UnixTime) -> Error {
        Error::Stale {
            account: self.settings.name.clone(),
            since: self.success_ago(now),
        }
    }

    /// The last error, while no success has followed it.
    fn problem(&self) -> Option<&AccountStatus> {
        let known = self.known.as_ref()?;
        let failed_at = known.last_error_at?;
        let healed = known.last_success_at.is_some_and(|at| at > failed_at);
        (!healed).then_some(known)
    }
}

fn table(rows: &[Row<'_>], now: UnixTime) -> String {
    let head = ["ACCOUNT", "PROTOCOL", "LAST SUCCESS", "MESSAGES", "PROBLEM"];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| cells(row, now)));
    aligned(&lines)
}

fn cells(row: &Row<'_>, now: UnixTime) -> [String; 5] {
    let ago = row.success_ago(now).map(|ago| format!("{} ago", span(ago)));
    let messages = row.known.as_ref().map(|known| known.messages);
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
    [
        row.settings.name.to_string(),
        row.settings.protocol.to_string(),
        ago.unwrap_or_else(|| "never".to_owned()),
        messages.map_or_else(|| "-".to_owned(), |messages| messages.to_string()),
        problem.or(braked).or(expiring).unwrap_or_default(),
    ]
}

/// What the brakes hold, and why: a line for each mailbox.
fn waits(rows: &[Row<'_>], now: UnixTime) -> String {
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
fn stay(rows: &[Row<'_>]) -> String {
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

fn document(rows: &[Row<'_>], now: UnixTime, stale_after: Option<Duration>) -> Value {
    let row = |row: &Row<'_>| {
        let known = row.known.as_ref();
        let time = |at: Option<UnixTime>| {
            let at = jiff::Timestamp::from_second(at?.as_seconds()).ok()?;
            Some(at.to_string())
        };
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
            "stale": stale_after.map(|_| row.is_stale(now, stale_after)),
        })
    };
    let accounts: Vec<Value> = rows.iter().map(row).collect();
    json!({ "accounts": accounts })
}

#[cfg(test)]
mod tests;
