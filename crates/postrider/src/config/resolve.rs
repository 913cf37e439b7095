//! The whole of a file, from tree to [`Config`]: accepted whole or not at all.

use super::account;
use super::error::{Complaint, Place, Problem};
use super::file::{Entry, Node, Value};
use super::limits;
use super::reading::{Reading, find};
use super::rows::{self, Rows};
use super::status;
use super::trees::Trees;
use super::{Config, LogFormat, LogLevel, LogSettings};
use postrider_core::settings::AccountSettings;
use std::path::{Path, PathBuf};

/// Every key of the file.
pub(super) const KEYS: &[&str] = &[
    "accounts",
    "accounts_from",
    "defaults",
    "limits",
    "state_dir",
    "runtime_dir",
    "log",
    "status",
];

/// Every key of `log`.
pub(super) const LOG_KEYS: &[&str] = &["format", "level"];

/// Reads everything; the complaints come in the order of the file.
pub(super) fn config(
    mut reading: Reading<'_>,
    path: &Path,
    root: &Node,
) -> Result<Config, Vec<Complaint>> {
    let Some(top) = reading.map("the file", root) else {
        return Err(reading.complaints);
    };
    reading.keys(top, KEYS);
    let state_dir = state_dir(&mut reading, top, root.at);
    reading.state_dir.clone_from(&state_dir);
    let runtime_dir = status::runtime_dir(&mut reading, top);
    let log = log(&mut reading, top);
    let limits = limits::limits(&mut reading, top);
    let status = status::status(&mut reading, top);
    let Rows { accounts, bad } = accounts(&mut reading, top, root.at);
    let mut complaints = reading.complaints;
    complaints.sort_by_key(|complaint| complaint.at);
    let daemon = runtime_dir.zip(status);
    match (state_dir, daemon, log, limits) {
        (Some(state_dir), Some((runtime_dir, status)), Some(log), Some(limits))
            if complaints.is_empty() =>
        {
            Ok(Config {
                path: path.to_owned(),
                runtime_dir: runtime_dir.unwrap_or_else(|| state_dir.clone()),
                state_dir,
                log,
                limits,
                status,
                accounts,
                bad_rows: bad,
            })
        }
        _ => Err(complaints),
    }
}

fn state_dir(reading: &mut Reading<'_>, top: &[Entry], at: Place) -> Option<PathBuf> {
    if let Some(node) = find(top, "state_dir") {
        return reading.path("state_dir", node);
    }
    let usual = reading.around.state_dir();
    if usual.is_none() {
        reading.complain(at, Problem::NoStateDir);
    }
    usual
}

fn log(reading: &mut Reading<'_>, top: &[Entry]) -> Option<LogSettings> {
    let usual = LogSettings::default();
    let Some(node) = find(top, "log") else {
        return Some(usual);
    };
    let entries = reading.map("log", node)?;
    reading.keys(entries, LOG_KEYS);
    let formats = [
        ("auto", LogFormat::Auto),
        ("text", LogFormat::Text),
        ("json", LogFormat::Json),
        ("journald", LogFormat::Journald),
    ];
    let format = match find(entries, "format") {
        Some(node) => reading.word("format", node, &formats),
        None => Some(usual.format),
    };
    let levels = LogLevel::ALL.map(|level| (level.as_str(), level));
    let level = match find(entries, "level") {
        Some(node) => reading.word("level", node, &levels),
        None => Some(usual.level),
    };
    Some(LogSettings {
        format: format?,
        level: level?,
    })
}

/// The accounts of the file, then those of the table that it names.
fn accounts(reading: &mut Reading<'_>, top: &[Entry], at: Place) -> Rows {
    let defaults = find(top, "defaults").and_then(|node| reading.map("defaults", node));
    let defaults = defaults.unwrap_or_default();
    reading.keys(defaults, account::KEYS);
    let (written, from) = (find(top, "accounts"), find(top, "accounts_from"));
    let mut trees = Trees::default();
    let own = written.map(|node| written_down(reading, node, (defaults, &mut trees)));
    let before = own.as_deref().unwrap_or_default();
    let rows = from.map(|node| rows::rows(reading, node, (before, defaults), &mut trees));
    let Rows { accounts, bad } = match rows {
        // It was complained of.
        Some(None) => return Rows::default(),
        Some(Some(rows)) => rows,
        None => Rows::default(),
    };
    let accounts: Vec<_> = own.into_iter().flatten().chain(accounts).collect();
    let is_nothing = |node: &Node| match &node.value {
        Value::Empty => true,
        Value::Map(entries) => entries.is_empty(),
        Value::Text(_) | Value::List(_) => false,
    };
    // A file that is being written anew must not end every account.
    if written.is_none_or(is_nothing) && accounts.is_empty() && bad.is_empty() {
        let at = written.or(from).map_or(at, |node| node.at);
        reading.complain(at, Problem::NoAccounts);
    }
    Rows { accounts, bad }
}

fn written_down(
    reading: &mut Reading<'_>,
    node: &Node,
    (defaults, trees): (&[Entry], &mut Trees),
) -> Vec<AccountSettings> {
    let Some(entries) = reading.map("accounts", node) else {
        return Vec::new();
    };
    reading.doubles(entries, true);
    let mut accounts: Vec<AccountSettings> = Vec::new();
    for entry in entries {
        if let Some(account) = account::account(reading, entry, defaults) {
            if let Err(problem) = trees.claim(&account) {
                reading.complain(entry.at, problem);
            }
            accounts.push(account);
        }
    }
    accounts
}
