//! `postrider approve`: a person lets an account go on that the brake has stopped (R6).

use super::{answer, chosen, quiet};
use crate::cli::ApproveArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::error::Error;
use crate::logging::Logging;
use postrider_engine::Braked;

/// Approves what the brakes of the account hold now, and says what that is. The pass that removes it
/// is the next one, of the daemon or of `sync`.
///
/// # Errors
/// When the account is not known or the index cannot be written.
pub fn run(
    args: &ApproveArgs,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let named = [args.account.clone()];
    let accounts = chosen(config, &named)?;
    for account in accounts {
        let approved = postrider_engine::approve(&config.state_dir, &account.name)?;
        answer(&said(account.name.as_str(), &approved))?;
    }
    Ok(Vec::new())
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
