//! One file per command, and what they share: which accounts are meant, and how an answer is given.

pub mod approve;
mod certificates;
pub mod check;
mod disabled;
pub mod dry_run;
pub mod history;
pub mod login;
pub mod mailboxes;
pub mod pause;
pub mod reload;
pub mod run;
pub mod status;
pub mod sync;
pub mod sync_now;
pub mod undo;
pub mod verify;

use crate::cli::{Cli, Command, MailboxesArgs};
use crate::config::surroundings::Surroundings;
use crate::config::{self, Config, LogLevel, LogSettings};
use crate::control::words::Trouble;
use crate::error::Error;
use crate::exit;
use postrider_core::settings::AccountSettings;
use postrider_engine::EngineSettings;
use serde_json::{Map, Value, json};
use std::future::Future;
use std::io::{self, Write};
use std::time::Duration;

/// Threads of the runtime: it waits for networks, and what works on disks has threads of its own.
const WORKERS: usize = 2;

/// How long blocking work that outlives a command is waited for.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Does what the command line asks for. Nothing in the answer is success; an error of one account
/// stands beside those of others.
#[must_use]
pub fn execute(cli: &Cli, around: &Surroundings) -> Vec<Error> {
    let named = cli.config.as_deref();
    let config = match config::load(named, around) {
        Ok(config) => config,
        Err(error) => {
            if matches!(cli.command, Command::Reload(_)) {
                reload::tell_of_a_wrong_one(around);
            }
            return vec![error.into()];
        }
    };
    let done = match &cli.command {
        Command::Run(args) => on_runtime(run::run(args, named, config, around)),
        Command::Sync(args) => on_runtime(sync::run(args, config, around)),
        Command::Status(args) => status::run(args, &config, around),
        Command::Check(args) => on_runtime(check::run(args, &config, around)),
        Command::Login(args) => on_runtime(login::run(args, &config, around)),
        Command::Mailboxes(args) => mailboxes(args, &config, around),
        Command::History(args) => history::run(args, &config, around),
        Command::Verify(args) => on_runtime(verify::run(args, &config, around)),
        Command::Undo(args) => on_runtime(undo::run(args, &config, around)),
        Command::Approve(args) => approve::run(args, &config, around),
        Command::Pause(args) => pause::pause(args, &config, around),
        Command::Resume(args) => pause::resume(args, &config, around),
        Command::SyncNow(args) => sync_now::run(args, &config, around),
        Command::Reload(args) => reload::run(args, &config, around),
    };
    done.unwrap_or_else(|error| vec![error])
}

/// The server is asked, or the index alone.
fn mailboxes(
    args: &MailboxesArgs,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    match args.export {
        Some(reader) => mailboxes::export(reader, args.account.as_deref(), config, around),
        None => on_runtime(mailboxes::run(args, config, around)),
    }
}

/// Runs a command on a runtime of its own.
fn on_runtime(
    command: impl Future<Output = Result<Vec<Error>, Error>>,
) -> Result<Vec<Error>, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|source| Error::Setup { source })?;
    let done = runtime.block_on(command);
    runtime.shutdown_timeout(LAST_WAIT);
    done
}

/// The accounts that arguments name, in the order of the configuration; all when they name none.
///
/// # Errors
/// When the configuration does not know one of them.
fn chosen<'c>(config: &'c Config, names: &[String]) -> Result<Vec<&'c AccountSettings>, Error> {
    for name in names {
        let known = |account: &AccountSettings| account.name.as_str() == name;
        if !config.accounts.iter().any(known) {
            if let Some(error) = disabled::named(config, name) {
                return Err(error);
            }
            let all: Vec<&str> = config.accounts.iter().map(|a| a.name.as_str()).collect();
            return Err(Error::UnknownAccount {
                name: name.clone(),
                nearest: config::nearest(name, &all).map(str::to_owned),
            });
        }
    }
    let meant = |account: &&AccountSettings| {
        names.is_empty() || names.iter().any(|name| account.name.as_str() == name)
    };
    Ok(config.accounts.iter().filter(meant).collect())
}

/// What the engine wants to know of a configuration.
#[must_use]
pub fn engine_settings(config: &Config) -> EngineSettings {
    EngineSettings {
        state_dir: config.state_dir.clone(),
        accounts: config.accounts.clone(),
        limits: config.limits,
    }
}

/// What a document says where the command could not do what was asked: the fields that `sync --json` has for an
/// account that failed, beside a list that is as long as it came.
fn failure(error: &Error) -> Map<String, Value> {
    let Trouble {
        kind,
        error,
        caused_by,
        hint,
    } = exit::trouble(error);
    let fields = [
        ("ok", json!(false)),
        ("kind", json!(kind)),
        ("error", json!(error)),
        ("caused_by", json!(caused_by)),
        ("hint", json!(hint)),
    ];
    let named = fields.map(|(name, value)| (name.to_owned(), value));
    named.into_iter().collect()
}

/// The log of a command whose answer is on the terminal already: only what is wrong.
fn quiet(log: LogSettings) -> LogSettings {
    let level = match log.level {
        LogLevel::Error => LogLevel::Error,
        LogLevel::Warn | LogLevel::Info | LogLevel::Debug | LogLevel::Trace => LogLevel::Warn,
    };
    LogSettings { level, ..log }
}

/// Writes an answer to stdout. A reader that has gone (`| head`) has read enough.
///
/// # Errors
/// When it cannot be written for another reason.
fn answer(text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|source| Error::Output { source }),
    }
}
