//! `postrider approve`: a person lets an account go on that the brake has stopped (R6).

use super::{answer, chosen, quiet};
use crate::cli::ApproveArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::control::client;
use crate::control::words::{Answer, Request, Word};
use crate::error::Error;
use crate::logging::Logging;
use postrider_engine::Braked;

/// Approves what the brakes of the account hold now, and says what that is. The pass that removes it
/// is the next one: of the daemon, which is told to make it now, or of `sync`.
///
/// # Errors
/// When the account is not known or the index cannot be written. A daemon that cannot be told is in the
/// answer: what is approved is approved.
pub fn run(
    args: &ApproveArgs,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let named = [args.account.clone()];
    let accounts = chosen(config, &named)?;
    let mut errors = Vec::new();
    for account in accounts {
        let approved = postrider_engine::approve(&config.state_dir, &account.name)?;
        let name = account.name.as_str();
        answer(&said(name, &approved))?;
        if !approved.is_empty() {
            match act(name, config) {
                Ok(line) => answer(&line)?,
                Err(error) => errors.push(error),
            }
        }
    }
    Ok(errors)
}

/// Has a running daemon make the pass; says when it will be otherwise.
fn act(account: &str, config: &Config) -> Result<String, Error> {
    let Some(client) = client::reach(config)? else {
        return Ok(format!(
            "{account}: no daemon runs: postrider sync {account}"
        ));
    };
    let accounts = vec![account.to_owned()];
    let answers = client.ask_all(&Request::SyncNow { accounts })?;
    let paused = |answer: &Answer| {
        let Answer::Became { became, .. } = answer else {
            return false;
        };
        *became == Word::Paused
    };
    Ok(if answers.iter().any(paused) {
        format!("{account}: it is paused: postrider resume {account}")
    } else {
        format!("{account}: the daemon makes that pass now")
    })
}

fn said(account: &str, approved: &[Braked]) -> String {
    if approved.is_empty() {
        return format!("{account}: the brake holds nothing");
    }
    let line = |braked: &Braked| {
        let Braked {
            mailbox,
            side,
            removing,
            held,
            because,
            ..
        } = braked;
        format!(
            "{account}: {mailbox}: {removing} of {held} {side} copies may be removed by the next pass ({because})\n"
        )
    };
    approved.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_names_what_was_approved() {
        assert_eq!(said("home", &[]), "home: the brake holds nothing");
        let braked = Braked {
            mailbox: "Work".to_owned(),
            side: "local".to_owned(),
            removing: 120,
            held: 200,
            because: "vanished: delete".to_owned(),
            since: None,
        };
        assert_eq!(
            said("home", &[braked]),
            "home: Work: 120 of 200 local copies may be removed by the next pass (vanished: delete)\n"
        );
    }
}
