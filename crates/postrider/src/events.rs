//! What the daemon tells of itself, in the engine's words (CONTRACT section 8).

use crate::config::Config;
use crate::control::words::Trouble;
use crate::error::Error;
use crate::exit;
use postrider_core::account::AccountName;
use postrider_core::fault::Fault;
use postrider_engine::events::{
    AccountDisabled, AccountFailed, AccountHalted, AccountThrottled, DaemonControlMoved,
    DaemonHalted, DaemonReady, DaemonReloadFailed, DaemonReloaded, DaemonStarted, DaemonStopping,
    LogDegraded,
};
use postrider_engine::{Organ, Reloaded, Stalled};
use std::path::Path;

/// `daemon.started`: the configuration was accepted, the engine is about to start.
pub fn started(config: &Config) {
    DaemonStarted {
        version: env!("CARGO_PKG_VERSION"),
        config: &config.path.display().to_string(),
        state_dir: &config.state_dir.display().to_string(),
        accounts: config.accounts.len() as u64,
    }
    .emit();
}

/// `account.disabled`, for every row of `accounts_from` that is wrong.
pub fn disabled(config: &Config) {
    for row in &config.bad_rows {
        AccountDisabled {
            account: row.account.as_deref(),
            path: &row.path.display().to_string(),
            line: row.line as u64,
            kind: Fault::Config.kind(),
            error: &exit::plain_line(&row.told()),
            hint: row.hint().as_deref(),
        }
        .emit();
    }
}

/// `daemon.ready`: the state is locked, every account has its task.
pub fn ready(config: &Config) {
    DaemonReady {
        state_dir: &config.state_dir.display().to_string(),
        accounts: config.accounts.len() as u64,
    }
    .emit();
}

/// `daemon.reloaded`: a new configuration is in force.
pub fn reloaded(config: &Config, reloaded: Reloaded) {
    DaemonReloaded {
        config: &config.path.display().to_string(),
        accounts: config.accounts.len() as u64,
        added: reloaded.added,
        removed: reloaded.removed,
        changed: reloaded.changed,
    }
    .emit();
}

/// `daemon.reload_failed`: the configuration is wrong, and the one before stays in force.
pub fn reload_failed(error: &Error) {
    DaemonReloadFailed {
        kind: error.fault().kind(),
        error: &exit::one_line(error),
        hint: error.hint().as_deref(),
    }
    .emit();
}

/// `daemon.stopping`: a signal asked for it.
pub fn stopping() {
    DaemonStopping {
        because: "a signal asked for it",
    }
    .emit();
}

/// `log.degraded`: the journal cannot be written, the log goes to stderr as text.
pub fn log_degraded(error: &std::io::Error) {
    LogDegraded {
        error: &error.to_string(),
    }
    .emit();
}

/// `daemon.control_moved`: another daemon answers where the control socket usually lies.
pub fn control_moved(socket: &Path, usual: &Path) {
    DaemonControlMoved {
        socket: &socket.display().to_string(),
        usual: &usual.display().to_string(),
        hint: "commands find it all the same; `runtime_dir:` gives each daemon a directory of its own",
    }
    .emit();
}

/// `account.failed` or `account.throttled`: a pass failed in the daemon that was asked for it.
pub fn account_failed(account: &AccountName, trouble: &Trouble) {
    let whole = std::iter::once(&trouble.error).chain(&trouble.caused_by);
    let story = whole.map(String::as_str).collect::<Vec<_>>().join(": ");
    let (account, kind) = (account.as_str(), trouble.kind.as_str());
    let (error, hint) = (story.as_str(), trouble.hint.as_deref());
    if matches!(trouble.fault(), Fault::Busy | Fault::Throttled) {
        let retry_in_s = None;
        AccountThrottled {
            account,
            kind,
            again: None,
            error,
            hint,
            retry_in_s,
            failures: None,
            since: None,
        }
        .emit();
        return;
    }
    AccountFailed {
        account,
        mailbox: None,
        kind,
        again: None,
        error,
        hint,
        retry_in_s: None,
        failures: None,
        since: None,
    }
    .emit();
}

/// `account.halted`, `daemon.halted`: a part of the daemon does not go on, and the watchdog is not fed.
pub fn halted(stalled: &Stalled) {
    let because = stalled.stall.to_string();
    let part = stalled.organ.to_string();
    match &stalled.organ {
        Organ::Account(account) => AccountHalted {
            account: account.as_str(),
            because: &because,
        }
        .emit(),
        Organ::Index | Organ::Supervisor => DaemonHalted {
            part: &part,
            because: &because,
        }
        .emit(),
    }
}
