//! `postrider reload`: the running daemon reads its configuration again.

use super::{answer, quiet};
use crate::cli::ReloadArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::control::client;
use crate::control::words::{Answer, Request};
use crate::error::Error;
use crate::logging::Logging;

/// Asks for it, and with `--wait` says what came of it. The configuration was read by this command too, to know
/// where the daemon is: one that is wrong has ended it before.
///
/// # Errors
/// When no daemon runs, or it does not take the new configuration over.
pub fn run(args: &ReloadArgs, config: &Config, around: &Surroundings) -> Result<Vec<Error>, Error> {
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let client = client::need(config)?;
    let answers = client.ask_all(&Request::Reload { wait: args.wait })?;
    let line = |given: &Answer| match given {
        Answer::Reloaded {
            added,
            removed,
            changed,
        } => Some(format!(
            "reloaded: {added} added, {removed} removed, {changed} changed"
        )),
        _ => None,
    };
    let lines: Vec<String> = answers.iter().filter_map(line).collect();
    answer(&lines.join("\n"))?;
    Ok(Vec::new())
}
