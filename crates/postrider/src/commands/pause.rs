//! `postrider pause` and `postrider resume`: the running daemon lets accounts rest, and go on.

use super::{answer, chosen, quiet};
use crate::cli::PauseArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::control::client;
use crate::control::words::{Answer, Request, Word};
use crate::error::Error;
use crate::logging::Logging;

/// Pauses an account, or all.
///
/// # Errors
/// When the account is not known, or no daemon runs.
pub fn pause(
    args: &PauseArgs,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let accounts = meant(args, config)?;
    let became = ask(config, &Request::Pause { accounts })?;
    let line = |(account, became): &(String, Word)| match became {
        Word::Already => format!("{account}: was paused already\n"),
        Word::Done | Word::Paused => format!("{account}: paused\n"),
    };
    answer(&became.iter().map(line).collect::<String>())?;
    Ok(Vec::new())
}

/// Lets a paused account go on, or all.
///
/// # Errors
/// When the account is not known, or no daemon runs.
pub fn resume(
    args: &PauseArgs,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let accounts = meant(args, config)?;
    let became = ask(config, &Request::Resume { accounts })?;
    let line = |(account, became): &(String, Word)| match became {
        Word::Already => format!("{account}: was not paused\n"),
        Word::Done | Word::Paused => format!("{account}: goes on\n"),
    };
    answer(&became.iter().map(line).collect::<String>())?;
    Ok(Vec::new())
}

/// The account that an argument names; empty for all.
pub(super) fn meant(args: &PauseArgs, config: &Config) -> Result<Vec<String>, Error> {
    let names: Vec<String> = args.account.iter().cloned().collect();
    chosen(config, &names)?;
    Ok(names)
}

/// What became of the accounts.
pub(super) fn ask(config: &Config, request: &Request) -> Result<Vec<(String, Word)>, Error> {
    let answers = client::need(config)?.ask_all(request)?;
    let became = |answer: Answer| match answer {
        Answer::Became { account, became } => Some((account, became)),
        _ => None,
    };
    Ok(answers.into_iter().filter_map(became).collect())
}
