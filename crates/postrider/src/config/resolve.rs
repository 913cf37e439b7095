//! The whole of a file, from tree to [`Config`]: accepted whole or not at all.

use super::account;
use super::error::{Complaint, Place, Problem};
use super::file::{Entry, Node};
use super::reading::{Reading, find};
use super::status;
use super::{Config, LogFormat, LogLevel, LogSettings};
use postrider_core::account::Protocol;
use postrider_core::settings::AccountSettings;
use std::path::{Path, PathBuf};

/// Every key of the file.
pub(super) const KEYS: &[&str] = &[
    "accounts",
    "defaults",
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
    let runtime_dir = status::runtime_dir(&mut reading, top);
    let log = log(&mut reading, top);
    let status = status::status(&mut reading, top);
    let accounts = accounts(&mut reading, top, root.at);
    let mut complaints = reading.complaints;
    complaints.sort_by_key(|complaint| complaint.at);
    match (state_dir, runtime_dir, log, status) {
        (Some(state_dir), Some(runtime_dir), Some(log), Some(status)) if complaints.is_empty() => {
            Ok(Config {
                path: path.to_owned(),
                runtime_dir: runtime_dir.unwrap_or_else(|| state_dir.clone()),
                state_dir,
                log,
                status,
                accounts,
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

fn accounts(reading: &mut Reading<'_>, top: &[Entry], at: Place) -> Vec<AccountSettings> {
    let defaults = find(top, "defaults").and_then(|node| reading.map("defaults", node));
    let defaults = defaults.unwrap_or_default();
    reading.keys(defaults, account::KEYS);
    let Some(node) = find(top, "accounts") else {
        reading.complain(at, Problem::NoAccounts);
        return Vec::new();
    };
    let Some(entries) = reading.map("accounts", node) else {
        return Vec::new();
    };
    reading.doubles(entries, true);
    if entries.is_empty() {
        reading.complain(node.at, Problem::NoAccounts);
    }
    let mut accounts: Vec<AccountSettings> = Vec::new();
    for entry in entries {
        if let Some(account) = account::account(reading, entry, defaults) {
            refuse_shared_maildir(reading, entry, (&accounts, &account));
            accounts.push(account);
        }
    }
    accounts
}

/// Two IMAP accounts in one tree would each take the other's mail for its own.
fn refuse_shared_maildir(
    reading: &mut Reading<'_>,
    entry: &Entry,
    (before, account): (&[AccountSettings], &AccountSettings),
) {
    let both = |other: &&AccountSettings| {
        other.protocol == Protocol::Imap
            && account.protocol == Protocol::Imap
            && other.maildir == account.maildir
            && other.name != account.name
    };
    if let Some(other) = before.iter().find(both) {
        let problem = Problem::SharedMaildir {
            other: other.name.to_string(),
            path: account.maildir.clone(),
        };
        reading.complain(entry.at, problem);
    }
}
