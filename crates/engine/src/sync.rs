//! One complete pass over each account, and then the end.

use crate::account::pass;
use crate::error::EngineError;
use crate::report::{AccountOutcome, PassReport, ProgressSender};
use crate::shutdown::Shutdown;
use crate::state::{EngineSettings, State};
use crate::step::Steps;
use postrider_core::account::AccountName;
use postrider_core::settings::AccountSettings;
use tokio::task::JoinSet;

/// How a one-shot sync is run.
#[derive(Debug, Default)]
pub struct SyncOptions {
    /// Only these accounts; empty means all.
    pub only: Vec<AccountName>,
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
    let accounts = chosen(settings.accounts, &options.only)?;
    let state = State::open(settings.state_dir, options.progress, options.steps).await?;
    let mut passes = JoinSet::new();
    let mut outcomes: Vec<(usize, AccountOutcome)> = Vec::with_capacity(accounts.len());
    for (at, settings) in accounts.into_iter().enumerate() {
        let name = settings.name.clone();
        match state.account(settings, shutdown.clone()).await {
            Ok(account) => {
                passes.spawn(async move { (at, name, pass(&account).await) });
            }
            Err(error) => outcomes.push((at, ended(name, Err(error)))),
        }
    }
    while let Some(finished) = passes.join_next().await {
        let (at, name, result) = finished.map_err(|_| EngineError::JobLost)?;
        outcomes.push((at, ended(name, result)));
    }
    state.close().await;
    outcomes.sort_by_key(|(at, _)| *at);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

const fn ended(account: AccountName, result: Result<PassReport, EngineError>) -> AccountOutcome {
    AccountOutcome { account, result }
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
