//! What the daemon tells of itself (CONTRACT section 8). What happens to mail is told by the engine.

use crate::config::Config;
use crate::error::Error;
use crate::exit;
use tracing::{error, info, warn};

/// `daemon.started`: the configuration was accepted, the engine is about to start.
pub fn started(config: &Config) {
    info!(
        target: "postrider",
        event = "daemon.started",
        version = env!("CARGO_PKG_VERSION"),
        config = %config.path.display(),
        state_dir = %config.state_dir.display(),
        accounts = config.accounts.len(),
        "the daemon starts"
    );
}

/// `daemon.ready`: the state is locked, every account has its task.
pub fn ready(accounts: usize) {
    info!(target: "postrider", event = "daemon.ready", accounts, "the daemon is ready");
}

/// `daemon.reloaded`: a new configuration is in force.
pub fn reloaded(accounts: usize) {
    info!(target: "postrider", event = "daemon.reloaded", accounts, "the configuration was reloaded");
}

/// `daemon.reload_failed`: the configuration is wrong, and the one before stays in force.
pub fn reload_failed(error: &Error) {
    error!(
        target: "postrider",
        event = "daemon.reload_failed",
        kind = error.fault().kind(),
        error = exit::one_line(error),
        hint = error.hint(),
        "the configuration was not reloaded, the one before stays"
    );
}

/// `daemon.stopping`: a signal asked for it.
pub fn stopping() {
    info!(target: "postrider", event = "daemon.stopping", "the daemon stops");
}

/// `log.degraded`: the journal cannot be written, the log goes to stderr as text.
pub fn log_degraded(error: &std::io::Error) {
    warn!(
        target: "postrider",
        event = "log.degraded",
        error = %error,
        "the journal cannot be reached, the log is text on stderr"
    );
}
