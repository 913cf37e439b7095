//! `postrider sync` while a daemon runs: it makes the passes, we show them and end as if they had been ours.

use super::{Ended, answer_all, disabled};
use crate::cli::SyncArgs;
use crate::config::Config;
use crate::control::client::Client;
use crate::control::words::{Amount, Answer, Live, Request};
use crate::error::Error;
use crate::logging::Audience;
use crate::progress::{Passes, Screen};
use postrider_core::account::AccountName;
use postrider_engine::{Activity, PassReport};

/// Has the daemon make the passes. When we are interrupted, it ends them all the same.
pub(super) fn run(
    (args, config): (&SyncArgs, &Config),
    client: Client,
    (screen, audience): (Option<Screen>, Audience),
) -> Result<Vec<Error>, Error> {
    let request = Request::Sync {
        accounts: args.accounts.clone(),
        mailbox: args.mailbox.clone(),
    };
    let mut shown = screen.map(|screen| screen.passes());
    let (mut ended, mut lost) = (Vec::new(), None::<Error>);
    for answer in client.ask(&request)? {
        match answer {
            Ok(answer) => take(answer, &mut ended, shown.as_mut()),
            // What has ended before is told all the same.
            Err(error) => lost = Some(error.into()),
        }
    }
    let place = |ended: &Ended| {
        let mut accounts = config.accounts.iter();
        accounts.position(|account| account.name == ended.account)
    };
    ended.sort_by_key(place);
    let mut errors = answer_all(ended, args.json, audience)?;
    errors.extend(lost);
    errors.extend(disabled::error(config, &args.accounts));
    Ok(errors)
}

fn take(answer: Answer, ended: &mut Vec<Ended>, shown: Option<&mut Passes>) {
    match answer {
        Answer::Account { account, live } => {
            if let (Some(shown), Ok(account)) = (shown, AccountName::parse(&account)) {
                show(shown, &account, &live);
            }
        }
        Answer::Outcome {
            account,
            report,
            trouble,
        } => {
            // Names are of our kind: the daemon's configuration has been accepted too.
            let Ok(account) = AccountName::parse(&account) else {
                return;
            };
            let result = match (report, trouble) {
                (Some(report), None) => Ok(PassReport::from(&*report)),
                (_, Some(trouble)) => Err(trouble),
                (None, None) => return,
            };
            if let Some(shown) = shown {
                shown.ended(&account, result.as_ref().ok());
            }
            ended.push(Ended {
                account,
                result,
                log_failure: None,
            });
        }
        // An answer to another request, or a newer daemon's.
        _ => {}
    }
}

fn show(shown: &mut Passes, account: &AccountName, live: &Live) {
    let Amount { messages, octets } = live.found;
    if live.state != Activity::Syncing.as_str() {
        shown.waits(account, &live.state);
    } else if messages > 0 {
        shown.reached(account, (live.stored.messages, messages), octets);
    } else {
        shown.waits(account, "looking");
    }
}
