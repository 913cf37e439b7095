//! `postrider sync-now`: the running daemon begins a pass, and nobody waits for it.

use super::pause::{ask, meant};
use super::{answer, quiet};
use crate::cli::PauseArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::control::words::{Request, Word};
use crate::error::Error;
use crate::logging::Logging;
use crate::words::count;

/// Starts passes of an account, or of all that are not paused.
///
/// # Errors
/// When the account is not known, or no daemon runs. That the account named is paused is in the answer.
pub fn run(args: &PauseArgs, config: &Config, around: &Surroundings) -> Result<Vec<Error>, Error> {
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let accounts = meant(args, config)?;
    let became = ask(config, &Request::SyncNow { accounts })?;
    let begun = became.iter().filter(|(_, became)| *became != Word::Paused);
    let mut said: String = begun
        .map(|(account, _)| format!("{account}: a pass begins\n"))
        .collect();
    let paused: Vec<&str> = became
        .iter()
        .filter(|(_, became)| *became == Word::Paused)
        .map(|(account, _)| account.as_str())
        .collect();
    if args.account.is_none() && !paused.is_empty() {
        let number = count(paused.len() as u64, "account is", "accounts are");
        said.push_str(&format!("{number} paused: {}\n", paused.join(", ")));
    }
    answer(&said)?;
    let named = config.accounts.iter().map(|account| &account.name);
    let named = named.filter(|name| args.account.as_deref() == Some(name.as_str()));
    let refused = named.filter(|name| paused.contains(&name.as_str()));
    Ok(refused
        .map(|name| Error::Paused {
            account: name.clone(),
        })
        .collect())
}
