//! One complete pass over each account, and then the end.

use crate::account::pass;
use crate::context::Account;
use crate::error::EngineError;
use crate::events::unheard;
use crate::rehearsal::Rehearsed;
use crate::report::{AccountOutcome, PassReport, ProgressSender};
use crate::shutdown::Shutdown;
use crate::state::{EngineSettings, State};
use crate::step::Steps;
use crate::trees::Trees;
use postrider_core::account::AccountName;
use postrider_core::settings::AccountSettings;
use std::future::Future;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How a one-shot sync is run.
#[derive(Debug, Default)]
pub struct SyncOptions {
    /// Only these accounts; empty means all.
    pub only: Vec<AccountName>,
    /// Only mailboxes whose decoded name matches: `*` any run of characters, `?` one, or a role.
    pub mailbox: Option<String>,
    /// Where progress goes.
    pub progress: Option<ProgressSender>,
    /// For crash tests: where to stop dead.
    pub steps: Steps,
}

/// Makes one complete pass over each account, all at the same time. A failing account does not stop
/// the others; outcomes come in the order of the settings. How an account failed stands in its outcome
/// alone: whoever asked decides whether people or the log are told ([`AccountOutcome::log_failure`]).
///
/// # Errors
/// When the state directory cannot be used, another instance holds it, or an account of `only` does
/// not exist. What happens to one account stands in its outcome.
pub async fn sync(
    settings: EngineSettings,
    options: SyncOptions,
    shutdown: Shutdown,
) -> Result<Vec<AccountOutcome>, EngineError> {
    let trees = Trees::of(&settings.accounts);
    let accounts = chosen(settings.accounts, &options.only)?;
    let mut state = State::open(settings.state_dir, options.progress, options.steps).await?;
    state.shared.trees = trees;
    let room = state.shared.shares.set(&settings.limits, &accounts);
    room.tell();
    let only = options.mailbox.map(Arc::from);
    let journey = |mut account: Account| {
        account.only.clone_from(&only);
        async move {
            let result = pass(&account).await;
            account.hooks.settled().await;
            result
        }
    };
    let ended = each(state, accounts, shutdown, journey).await?;
    let outcome = |(account, result)| AccountOutcome { account, result };
    Ok(ended.into_iter().map(outcome).collect())
}

/// What a rehearsed pass over one account came to.
#[derive(Debug)]
pub struct Rehearsal {
    /// What [`sync`] would report. Octets are by the server's word, and of messages that may be here under
    /// another identity it is not known yet whether they are new.
    pub report: PassReport,
    /// Everything that would be done, in the order of the pass.
    pub deeds: Vec<Rehearsed>,
}

/// Plays the same passes through without carrying anything out: neither on the server, nor in the mail
/// tree, nor in the state directory, which need not be there and may be in use.
///
/// # Errors
/// When the index cannot be read, or an account of `only` does not exist. An account whose pass would
/// fail has that error.
pub async fn rehearse(
    settings: EngineSettings,
    options: SyncOptions,
    shutdown: Shutdown,
) -> Result<Vec<(AccountName, Result<Rehearsal, EngineError>)>, EngineError> {
    let trees = Trees::of(&settings.accounts);
    let accounts = chosen(settings.accounts, &options.only)?;
    let mut state = State::rehearse(settings.state_dir, options.progress).await?;
    state.shared.trees = trees;
    state.shared.shares.set(&settings.limits, &accounts);
    let only = options.mailbox.map(Arc::from);
    let journey = |mut account: Account| {
        account.only.clone_from(&only);
        async move {
            let report = unheard(pass(&account)).await?;
            let deeds = account.rehearsed().await?;
            Ok(Rehearsal { report, deeds })
        }
    };
    each(state, accounts, shutdown, journey).await
}

/// How one account's journey ended.
type Ended<T> = (AccountName, Result<T, EngineError>);

/// Walks a journey with every account, all at the same time; what came of it, in their order.
async fn each<T, J>(
    state: State,
    accounts: Vec<AccountSettings>,
    shutdown: Shutdown,
    journey: impl Fn(Account) -> J,
) -> Result<Vec<Ended<T>>, EngineError>
where
    T: Send + 'static,
    J: Future<Output = Result<T, EngineError>> + Send + 'static,
{
    let mut passes = JoinSet::new();
    let mut ended: Vec<(usize, Ended<T>)> = Vec::with_capacity(accounts.len());
    for (at, settings) in accounts.into_iter().enumerate() {
        let name = settings.name.clone();
        match state.account(settings, shutdown.clone()).await {
            Ok(account) => {
                let walked = journey(account);
                passes.spawn(async move { (at, (name, walked.await)) });
            }
            Err(error) => ended.push((at, (name, Err(error)))),
        }
    }
    while let Some(finished) = passes.join_next().await {
        ended.push(finished.map_err(|_| EngineError::JobLost)?);
    }
    state.close().await;
    ended.sort_by_key(|(at, _)| *at);
    Ok(ended.into_iter().map(|(_, ended)| ended).collect())
}

pub(crate) fn chosen(
    accounts: Vec<AccountSettings>,
    only: &[AccountName],
) -> Result<Vec<AccountSettings>, EngineError> {
    let unknown = only
        .iter()
        .find(|name| accounts.iter().all(|a| a.name != **name));
    if let Some(name) = unknown {
        return Err(EngineError::NoSuchAccount {
            name: name.to_string(),
        });
    }
    let wanted = |account: &AccountSettings| only.is_empty() || only.contains(&account.name);
    Ok(accounts.into_iter().filter(wanted).collect())
}
