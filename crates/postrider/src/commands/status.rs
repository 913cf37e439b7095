//! `postrider status`: how the accounts are doing. What a running daemon tells of this moment stands beside what
//! the index says; no server is asked.

mod document;
mod table;
mod watch;

use super::{answer, disabled, failure, quiet};
use crate::cli::StatusArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::control::client;
use crate::control::words::{Answer, Hello, Live, Request};
use crate::error::Error;
use crate::logging::Logging;
use document::document;
use postrider_core::settings::AccountSettings;
use postrider_core::time::UnixTime;
use postrider_engine::AccountStatus;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use table::{live_table, stay, table, waits, who};

/// What the daemon tells, by account; whoever is not there is not known to it.
type Lives = BTreeMap<String, Live>;

/// Says how every account of the configuration is doing.
///
/// # Errors
/// When the index cannot be read. Stale accounts are in the answer, and so is a daemon that runs and cannot be
/// asked: what the index knows is told without it.
pub fn run(args: &StatusArgs, config: &Config, around: &Surroundings) -> Result<Vec<Error>, Error> {
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let config = &config.clone().of_shard(args.shard);
    if args.watch {
        return watch::run(config, args.shard, around);
    }
    let (daemon, trouble) = match ask(config) {
        Ok(daemon) => (daemon, None),
        Err(error) => (None, Some(error)),
    };
    let known = match postrider_engine::status(&config.state_dir) {
        Ok(known) => known,
        Err(error) => return unreadable(args, (config, daemon), trouble, error.into()),
    };
    let rows = rows(
        &config.accounts,
        &known,
        daemon.as_ref().map(|(_, lives)| lives),
    );
    let hello = daemon.as_ref().map(|(hello, _)| hello);
    let stale_after = args.stale_after.flatten();
    let stale_after = stale_after.unwrap_or(config.status.stale_after);
    let now = now();
    if args.json {
        let disabled = disabled::document(config);
        let document = document((&rows, disabled), hello, (now, stale_after));
        answer(&document.to_string())?;
    } else {
        let table = match hello {
            Some(_) => live_table(&rows, now, stale_after),
            None => table(&rows, now),
        };
        let (waits, stay) = (waits(&rows, now), stay(&rows));
        let (disabled, who) = (disabled::lines(config), who(hello, now, trouble.is_none()));
        answer(&format!("{table}{waits}{stay}{disabled}{who}"))?;
    }
    let mut errors: Vec<Error> = trouble.into_iter().collect();
    if args.stale_after.is_some() {
        let stale = rows.iter().filter(|row| row.is_stale(now, stale_after));
        errors.extend(stale.map(|row| row.complaint(now)));
    }
    Ok(errors)
}

/// Nothing is known of the accounts; a document says so, and whatever else is known.
fn unreadable(
    args: &StatusArgs,
    (config, daemon): (&Config, Option<(Hello, Lives)>),
    trouble: Option<Error>,
    error: Error,
) -> Result<Vec<Error>, Error> {
    if args.json {
        let stale_after = args.stale_after.flatten();
        let stale_after = stale_after.unwrap_or(config.status.stale_after);
        let hello = daemon.as_ref().map(|(hello, _)| hello);
        let disabled = disabled::document(config);
        let mut document = document((&[], disabled), hello, (now(), stale_after));
        if let Some(fields) = document.as_object_mut() {
            fields.extend(failure(&error));
        }
        answer(&document.to_string())?;
    }
    Ok(trouble.into_iter().chain([error]).collect())
}

/// What a running daemon tells, if one runs.
fn ask(config: &Config) -> Result<Option<(Hello, Lives)>, Error> {
    let Some(client) = client::reach(config)? else {
        return Ok(None);
    };
    let hello = client.hello().clone();
    let answers = client.ask_all(&Request::Status { follow: false })?;
    let live = |answer: Answer| match answer {
        Answer::Account { account, live } => Some((account, *live)),
        _ => None,
    };
    let lives = answers.into_iter().filter_map(live).collect();
    Ok(Some((hello, lives)))
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    UnixTime::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// An account of the configuration, what the index knows of it once a pass has been tried, and what the daemon
/// tells of it.
#[derive(Debug)]
struct Row<'c> {
    settings: &'c AccountSettings,
    known: Option<AccountStatus>,
    live: Option<Live>,
}

fn rows<'c>(
    accounts: &'c [AccountSettings],
    known: &[AccountStatus],
    lives: Option<&Lives>,
) -> Vec<Row<'c>> {
    let by_name: BTreeMap<&str, &AccountStatus> = known
        .iter()
        .map(|known| (known.name.as_str(), known))
        .collect();
    let row = |settings: &'c AccountSettings| {
        let name = settings.name.as_str();
        Row {
            settings,
            known: by_name.get(name).map(|known| (*known).clone()),
            live: lives.and_then(|lives| lives.get(name)).cloned(),
        }
    };
    accounts.iter().map(row).collect()
}

impl Row<'_> {
    /// How long ago the last success was.
    fn success_ago(&self, now: UnixTime) -> Option<Duration> {
        let recorded = self.known.as_ref().and_then(|known| known.last_success_at);
        let told = self.live.as_ref().and_then(|live| live.last_success_at);
        Some(now.since(recorded.max(told)?))
    }

    fn is_stale(&self, now: UnixTime, stale_after: Duration) -> bool {
        let ago = self.success_ago(now);
        ago.is_none_or(|ago| ago > stale_after)
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

#[cfg(test)]
mod tests;
