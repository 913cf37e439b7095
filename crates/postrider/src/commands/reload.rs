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
/// where the daemon is: one that is wrong has ended it before ([`tell_of_a_wrong_one`]).
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

/// The configuration is wrong, which this command says itself. The daemon is asked all the same, where it is found without
/// one, so that its log and its status say that it was not taken over.
pub fn tell_of_a_wrong_one(around: &Surroundings) {
    let reached = around.state_dir().map(|dir| client::reach_in(&dir));
    if let Some(Ok(Some(client))) = reached {
        // It refuses, for the same reason.
        let _refused = client.ask_all(&Request::Reload { wait: true }).is_err();
    }
}
