//! One pass over one account, with what the log and the index say of it.

use crate::certificates;
use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use crate::recover::heal;
use crate::report::{PassReport, Progress};
use crate::{imap, pop3};
use postrider_core::account::Protocol;
use postrider_core::fault::Fault;
use postrider_core::outage::Failure;
use postrider_index::Index;
use std::time::{Duration, Instant};

/// How long a pass may go on after a stop was asked for: well below the ten seconds that the whole
/// process has, so that what was received can be stored and the index closed.
const GRACE: Duration = Duration::from_secs(6);

/// Makes one complete pass and records how it ended.
pub(crate) async fn pass(account: &Account) -> Result<PassReport, EngineError> {
    let begun = Instant::now();
    events::SyncStarted {
        account: account.log_name(),
    }
    .emit();
    account.tell(Progress::Started {
        account: account.name().clone(),
    });
    let result = tokio::select! {
        result = journey(account) => result,
        () = grace(account) => Err(EngineError::Stopped),
    };
    account.hooks.pass_ended();
    // A warning that cannot be given is no reason to fail; what is wrong with the index, the pass has told.
    let _warned = certificates::tell(account).await.is_ok();
    match result {
        Ok(mut report) => {
            report.elapsed = begun.elapsed();
            succeeded(account, &report).await?;
            Ok(report)
        }
        Err(error) => {
            failed(account, &error).await;
            Err(error)
        }
    }
}

async fn journey(account: &Account) -> Result<PassReport, EngineError> {
    if account.shutdown.is_requested() {
        return Err(EngineError::Stopped);
    }
    account.look_at_clock().await?;
    heal(account).await?;
    match account.settings.protocol {
        Protocol::Imap => match &account.quick {
            Some(quick) => imap::quick::run(account, quick).await,
            None => imap::pass::run(account).await,
        },
        Protocol::Pop3 => pop3::pass::run(account).await,
    }
}

async fn grace(account: &Account) {
    account.shutdown.requested().await;
    tokio::time::sleep(GRACE).await;
}

async fn succeeded(account: &Account, report: &PassReport) -> Result<(), EngineError> {
    let id = account.id;
    let index = &account.shared.index;
    // Of what it did not look at, a pass over some mailboxes can say nothing.
    let whole = account.sees_all();
    if whole {
        index
            .call(move |index| index.record_success(id, now()))
            .await?;
    }
    account.live.succeeded(now().0, report, whole);
    events::SyncFinished {
        account: account.log_name(),
        mailboxes: report.mailboxes,
        new: report.new,
        flags_pulled: report.flags_pulled,
        flags_pushed: report.flags_pushed,
        expired: report.expired,
        vanished: report.vanished,
        octets: report.octets,
        round_trips: report.round_trips,
        elapsed_ms: u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX),
    }
    .emit();
    account.tell(Progress::Finished {
        account: account.name().clone(),
        report: report.clone(),
    });
    Ok(())
}

async fn failed(account: &Account, error: &EngineError) {
    account.tell(Progress::Failed {
        account: account.name().clone(),
    });
    if matches!(
        error,
        EngineError::Stopped | EngineError::Interrupted { .. }
    ) {
        return;
    }
    account.live.failed(now().0, error);
    let (id, fault, story) = (account.id, error.fault(), error.story());
    let record = move |index: &mut Index| index.record_error(id, now(), fault, &story);
    // The pass failed already; an index that fails too is told by the next pass.
    let _recorded = account.shared.index.call(record).await.is_ok();
}

/// Tells the log that a pass failed and when it is tried again; `failure` is which one in the daemon's outage it is.
pub(crate) fn report_failure(
    account: &str,
    error: &EngineError,
    retry_in: Option<Duration>,
    failure: Option<&Failure>,
) {
    let (kind, story, hint) = (error.fault().kind(), error.story(), error.hint());
    let retry_in_s = retry_in.map(|pause| pause.as_secs());
    let again = failure.filter(|failure| failure.nth > 1);
    let again = again.map(ToString::to_string);
    if let Some(failure) = failure.filter(|failure| !failure.aloud) {
        events::AccountRetried {
            account,
            kind,
            again: again.as_deref().unwrap_or_default(),
            error: &story,
            retry_in_s: retry_in_s.unwrap_or_default(),
            failures: failure.nth,
        }
        .emit();
        return;
    }
    let failures = failure.map(|failure| failure.nth);
    let since = failure.map(|failure| failure.since.to_string_utc());
    let (again, since) = (again.as_deref(), since.as_deref());
    match error.fault() {
        Fault::Throttled | Fault::Busy => events::AccountThrottled {
            account,
            kind,
            again,
            error: &story,
            hint: hint.as_deref(),
            retry_in_s,
            failures,
            since,
        }
        .emit(),
        Fault::Auth
        | Fault::Config
        | Fault::LocalIo
        | Fault::Protocol
        | Fault::Tls
        | Fault::Unreachable => events::AccountFailed {
            account,
            mailbox: error.mailbox(),
            kind,
            again,
            error: &story,
            hint: hint.as_deref(),
            retry_in_s,
            failures,
            since,
        }
        .emit(),
    }
}
