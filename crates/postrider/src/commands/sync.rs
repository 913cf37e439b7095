//! `postrider sync`: one complete pass, then exit. A running daemon makes it (`by_daemon`).

mod by_daemon;

use super::{answer, chosen, disabled, dry_run, engine_settings, quiet};
use crate::cli::SyncArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::control::client;
use crate::control::words::Trouble;
use crate::error::Error;
use crate::events;
use crate::logging::{Audience, Logging};
use crate::progress::{Screen, summary};
use crate::signals::Signals;
use postrider_core::account::AccountName;
use postrider_engine::{AccountOutcome, EngineError, Failure, PassReport, Shutdown, SyncOptions};
use serde_json::{Value, json};

/// Passes over the accounts meant, and says how each one went.
///
/// # Errors
/// When an account is not known, or the engine as a whole cannot work. What happens to one account
/// is in the answer and stops no other.
pub async fn run(
    args: &SyncArgs,
    config: Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let only: Vec<_> = match args.accounts.as_slice() {
        [] => Vec::new(),
        names => chosen(&config, names)?
            .into_iter()
            .map(|a| a.name.clone())
            .collect(),
    };
    // A rehearsal has little to wait for.
    let screen = Screen::of_stderr().filter(|_| !args.dry_run);
    // Where progress is shown, a line per message would only be in its way.
    let log = if screen.is_some() || args.dry_run {
        quiet(config.log)
    } else {
        config.log
    };
    let audience = Logging::start(log, around, screen.clone())?.audience();
    // A rehearsal works on a copy of the index, beside any daemon.
    if !args.dry_run
        && let Some(client) = client::reach(&config)?
    {
        return by_daemon::run((args, &config), client, (screen, audience));
    }
    let mut signals = Signals::of_command().map_err(|source| Error::Setup { source })?;
    let (trigger, shutdown) = Shutdown::new();
    let stopper = tokio::spawn(async move {
        signals.next().await;
        trigger.request();
        signals.insist().await;
    });
    let meant = meant(&only, &config);
    let (progress, shown) = screen.map(|screen| screen.watch()).unzip();
    let options = SyncOptions {
        only,
        mailbox: args.mailbox.clone(),
        progress,
        ..SyncOptions::default()
    };
    if args.dry_run {
        let rehearsed = dry_run::run((&config, &meant), options, shutdown, args.json).await;
        stopper.abort();
        let disabled = disabled::error(&config, &args.accounts);
        return rehearsed.map(|errors| errors.into_iter().chain(disabled).collect());
    }
    let outcomes = postrider_engine::sync(engine_settings(&config), options, shutdown).await;
    stopper.abort();
    if let Some(shown) = shown
        && let Err(error) = shown.await
    {
        tracing::debug!(error = %error, "showing progress");
    }
    if let (Err(error), true) = (&outcomes, args.json) {
        answer(&json!({ "accounts": all_failed(&meant, error) }).to_string())?;
    }
    let ended = outcomes?.into_iter().map(Ended::here).collect();
    let errors = answer_all(ended, args.json, audience)?;
    let disabled = disabled::error(&config, &args.accounts);
    Ok(errors.into_iter().chain(disabled).collect())
}

/// The accounts that passes are to be made over: all where none is named.
fn meant(named: &[AccountName], config: &Config) -> Vec<AccountName> {
    match named {
        [] => config.accounts.iter().map(|a| a.name.clone()).collect(),
        named => named.to_vec(),
    }
}

/// How the pass over one account ended, whoever made it.
struct Ended {
    account: AccountName,
    result: Result<PassReport, Trouble>,
    /// What tells the log, where the pass was our own.
    log_failure: Option<AccountOutcome>,
}

impl Ended {
    fn here(outcome: AccountOutcome) -> Self {
        let account = outcome.account.clone();
        let result = match &outcome.result {
            Ok(report) => Ok(report.clone()),
            Err(error) => Err(Trouble::from(Failure::from(error))),
        };
        Self {
            account,
            result,
            log_failure: Some(outcome),
        }
    }
}

/// Prints how the passes went, and says which of them are errors of the command.
fn answer_all(ended: Vec<Ended>, json: bool, audience: Audience) -> Result<Vec<Error>, Error> {
    if json {
        answer(&document(&ended).to_string())?;
    } else {
        answer(&lines(&ended))?;
    }
    let failure = |ended| failure(ended, audience);
    Ok(ended.into_iter().filter_map(failure).collect())
}

/// How an account failed, told once: programs get the event of a daemon, people the report that ends
/// the command.
fn failure(ended: Ended, audience: Audience) -> Option<Error> {
    let Ended {
        account,
        result,
        log_failure,
    } = ended;
    match (audience, &log_failure, &result) {
        (Audience::People, ..) | (_, None, Ok(_)) => {}
        (_, Some(outcome), _) => outcome.log_failure(),
        (_, None, Err(trouble)) => events::account_failed(&account, trouble),
    }
    let trouble = match result {
        Ok(report) if report.braked > 0 => {
            let messages = report.braked;
            return Some(Error::Braked { account, messages });
        }
        Ok(_) => return None,
        Err(trouble) => trouble,
    };
    let logged = audience == Audience::Programs;
    Some(Error::Told {
        account,
        trouble,
        logged,
    })
}

/// A line for every account that succeeded; the others are told of on stderr.
fn lines(ended: &[Ended]) -> String {
    let line = |ended: &Ended| {
        let report = ended.result.as_ref().ok()?;
        Some(format!("{}: {}\n", ended.account, summary(report)))
    };
    ended.iter().filter_map(line).collect()
}

/// `{"accounts": [{"account", "ok", ...}]}`, with the fields of `sync.finished` or of `*.failed`.
fn document(ended: &[Ended]) -> Value {
    let account = |ended: &Ended| match &ended.result {
        Ok(report) => succeeded(ended.account.as_str(), report),
        Err(trouble) => troubled(ended.account.as_str(), trouble),
    };
    let accounts: Vec<Value> = ended.iter().map(account).collect();
    json!({ "accounts": accounts })
}

/// What an error that keeps us from every account is to each of them.
pub(super) fn all_failed(accounts: &[AccountName], error: &EngineError) -> Vec<Value> {
    let failed = |account: &AccountName| failed(account.as_str(), error);
    accounts.iter().map(failed).collect()
}

pub(super) fn failed(account: &str, error: &EngineError) -> Value {
    troubled(account, &Trouble::from(Failure::from(error)))
}

fn troubled(account: &str, trouble: &Trouble) -> Value {
    json!({
        "account": account,
        "ok": false,
        "kind": trouble.kind,
        "error": trouble.error,
        "caused_by": trouble.caused_by,
        "hint": trouble.hint,
    })
}

pub(super) fn succeeded(account: &str, report: &PassReport) -> Value {
    json!({
        "account": account,
        "ok": true,
        "mailboxes": report.mailboxes,
        "new": report.new,
        "flags_pulled": report.flags_pulled,
        "flags_pushed": report.flags_pushed,
        "pushed": report.pushed,
        "expired": report.expired,
        "vanished": report.vanished,
        "skipped": report.skipped,
        "braked": report.braked,
        "octets": report.octets,
        "round_trips": report.round_trips,
        "elapsed_ms": u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn outcomes() -> Vec<Ended> {
        let busy = PassReport {
            mailboxes: 3,
            new: 12,
            flags_pulled: 1,
            expired: 2,
            octets: 1_500_000,
            elapsed: Duration::from_millis(2_345),
            ..PassReport::default()
        };
        let idle = PassReport {
            mailboxes: 1,
            elapsed: Duration::from_millis(34),
            ..PassReport::default()
        };
        let ended = |name: &str, report| {
            Ended::here(AccountOutcome {
                account: AccountName::parse(name).unwrap(),
                result: Ok(report),
            })
        };
        vec![ended("home", busy), ended("isp", idle)]
    }

    #[test]
    fn a_line_says_what_happened_and_only_that() {
        assert_eq!(
            lines(&outcomes()),
            "home: 12 new, 1 flag change, 2 deleted on the server, 1.4 MiB (3 mailboxes, 2 s)\n\
             isp: nothing new (1 mailbox, 34 ms)\n"
        );
    }

    #[test]
    fn the_document_has_the_fields_of_the_event() {
        let document = document(&outcomes());
        let home = &document["accounts"][0];
        assert_eq!(
            (&home["account"], &home["ok"]),
            (&json!("home"), &json!(true))
        );
        for (field, value) in [
            ("mailboxes", 3),
            ("new", 12),
            ("flags_pulled", 1),
            ("flags_pushed", 0),
            ("expired", 2),
            ("vanished", 0),
            ("octets", 1_500_000),
            ("round_trips", 0),
            ("elapsed_ms", 2_345),
        ] {
            assert_eq!(home[field], json!(value), "{field}");
        }
    }
}
