//! `postrider run`: the daemon, in the foreground.

use super::engine_settings;
use crate::cli::RunArgs;
use crate::config::surroundings::Surroundings;
use crate::config::{self, Config};
use crate::control::error::ControlError;
use crate::control::server::{Control, ReloadAsked};
use crate::error::Error;
use crate::events;
use crate::exit;
use crate::logging::Logging;
use crate::metrics::Metrics;
use crate::signals::{Request, Signals};
use crate::systemd::Herald;
use postrider_engine::{Daemon, Reloaded};
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
    // After the state directory was locked: what lies there of another daemon is of one that is gone.
    let (mut control, metrics) = match doors(&config, &daemon) {
        Ok(doors) => doors,
        Err(error) => {
            daemon.stop().await;
            return Err(error);
        }
    };
    let herald = Herald::start(daemon.handle(), around);
    herald.ready(false).await;
    events::ready(&config);
    let mut service = Service {
        args,
        named,
        around,
        logging,
        config,
        daemon,
        metrics,
        herald,
    };
    loop {
        tokio::select! {
            request = signals.next() => match request {
                Request::Stop => break,
                Request::Reload => drop(service.reload().await),
                Request::SyncNow => service.daemon.sync_now().await,
            },
            ReloadAsked { answer } = control.reload_asked() => {
                let result = service.reload().await;
                let result = result.map_err(|error| exit::trouble(&error));
                let _asker_gone = answer.send(result).is_err();
            }
        }
    }
    service.herald.stopping();
    events::stopping();
    let (within, closing) = (STOP_WITHIN, control.close());
    tokio::select! {
        stopped = tokio::time::timeout(within, service.daemon.stop()) => {
            stopped.map_err(|_| Error::StopTimedOut { within })?;
        }
        () = signals.insist() => {}
    }
    closing.end().await;
    Ok(Vec::new())
}

/// Where the daemon can be spoken to and measured.
fn doors(config: &Config, daemon: &Daemon) -> Result<(Control, Option<Metrics>), Error> {
    let metrics = Metrics::bind(config.status.metrics.as_ref())?;
    let control = Control::start(config, daemon.handle())?;
    Ok((
        control,
        metrics.map(|metrics| metrics.serve(daemon.handle())),
    ))
}

/// A running daemon, and what it takes to reload its configuration.
struct Service<'a> {
    args: &'a RunArgs,
    named: Option<&'a Path>,
    around: &'a Surroundings,
    logging: Logging,
    config: Config,
    daemon: Daemon,
    metrics: Option<Metrics>,
    herald: Herald,
}

impl Service<'_> {
    /// Reads the configuration again; a bad one is reported and the one before stays.
    async fn reload(&mut self) -> Result<Reloaded, Error> {
        self.herald.reloading();
        let result = self.take_over().await;
        if let Err(error) = &result {
            events::reload_failed(error);
        }
        self.herald.ready(result.is_err()).await;
        result
    }

    async fn take_over(&mut self) -> Result<Reloaded, Error> {
        let config = config::load(self.named, self.around)?;
        let config = config.of_shard(self.args.shard);
        // With another state directory it lies elsewhere by itself; of that the engine tells.
        let same_state = config.state_dir == self.config.state_dir;
        if same_state && config.runtime_dir != self.config.runtime_dir {
            let (was, now) = (self.config.runtime_dir.clone(), config.runtime_dir);
            return Err(ControlError::RuntimeDirChanged { was, now }.into());
        }
        let moved = config.status.metrics != self.config.status.metrics;
        let place = config.status.metrics.as_ref().filter(|_| moved);
        let metrics = Metrics::bind(place)?;
        let reloaded = self.daemon.reload(engine_settings(&config)).await?;
        if moved {
            self.metrics = metrics.map(|metrics| metrics.serve(self.daemon.handle()));
        }
        self.logging.set_level(config.log.level);
        events::reloaded(&config, reloaded);
        events::disabled(&config);
        self.config = config;
        Ok(reloaded)
    }
}
