//! What the daemon tells of itself, in the engine's words (CONTRACT section 8).

use crate::config::Config;
use crate::error::Error;
use crate::exit;
use postrider_core::fault::Fault;
use postrider_engine::Reloaded;
use postrider_engine::events::{
    AccountDisabled, DaemonReady, DaemonReloadFailed, DaemonReloaded, DaemonStarted,
    DaemonStopping, LogDegraded,
};

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
