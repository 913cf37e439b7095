//! `postrider run`: the daemon, in the foreground.

use super::engine_settings;
use crate::cli::RunArgs;
use crate::config::surroundings::Surroundings;
use crate::config::{self, Config};
use crate::error::Error;
use crate::logging::Logging;
use crate::signals::{Request, Signals};
use crate::{events, systemd};
use postrider_engine::Daemon;
use std::path::Path;
use std::time::Duration;

/// The contract's: the current step is finished or rolled back, and the process gone, within this.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Runs until a signal ends it. `named` is the file that an option named, to be read again.
///
/// # Errors
/// When the daemon cannot start, or does not stop in time.
pub async fn run(
    args: &RunArgs,
    named: Option<&Path>,
    config: Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let config = config.of_shard(args.shard);
    let logging = Logging::start(config.log, around, None)?;
    // Before the engine starts: a signal during the start must not kill it in the middle.
    let mut signals = Signals::of_daemon().map_err(|source| Error::Setup { source })?;
    events::started(&config);
    events::disabled(&config);
    let daemon = Daemon::start(engine_settings(&config), None).await?;
    systemd::ready(&status_line(&config));
    events::ready(&config);
    let mut service = Service {
        args,
        named,
        around,
        logging,
        config,
        daemon,
    };
    loop {
        match signals.next().await {
            Request::Stop => break,
            Request::Reload => service.reload().await,
            Request::SyncNow => service.daemon.sync_now().await,
        }
    }
    systemd::stopping();
    events::stopping();
    let within = STOP_WITHIN;
    tokio::select! {
        stopped = tokio::time::timeout(within, service.daemon.stop()) => {
            stopped.map_err(|_| Error::StopTimedOut { within })?;
        }
        () = signals.insist() => {}
    }
    Ok(Vec::new())
}

/// A running daemon, and what it takes to reload its configuration.
struct Service<'a> {
    args: &'a RunArgs,
    named: Option<&'a Path>,
    around: &'a Surroundings,
    logging: Logging,
    config: Config,
    daemon: Daemon,
}

impl Service<'_> {
    /// Reads the configuration again; a bad one is reported and the one before stays.
    async fn reload(&mut self) {
        systemd::reloading();
        match self.take_over().await {
            Ok(()) => systemd::ready(&status_line(&self.config)),
            Err(error) => {
                events::reload_failed(&error);
                let status = status_line(&self.config);
                systemd::ready(&format!("{status}; the last reload failed, see the log"));
            }
        }
    }

    async fn take_over(&mut self) -> Result<(), Error> {
        let config = config::load(self.named, self.around)?;
        let config = config.of_shard(self.args.shard);
        let reloaded = self.daemon.reload(engine_settings(&config)).await?;
        self.logging.set_level(config.log.level);
        events::reloaded(&config, reloaded);
        events::disabled(&config);
        self.config = config;
        Ok(())
    }
}

/// What `systemctl status` shows.
fn status_line(config: &Config) -> String {
    let names: Vec<&str> = config.accounts.iter().map(|a| a.name.as_str()).collect();
    format!("keeping {}", names.join(", "))
}
