//! `postrider undo`: expired messages, back on their IMAP server.

use super::{answer, chosen, engine_settings, quiet};
use crate::cli::UndoArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::error::Error;
use crate::logging::Logging;
use crate::moment::shown;
use crate::signals::Signals;
use crate::words::{count, octets, short};
use postrider_core::account::AccountName;
use postrider_engine::{Shutdown, Steps, UndoItem, UndoOptions, UndoOutcome};

/// The longest Message-ID or subject of a line, in characters.
const LONGEST: usize = 60;

/// Puts back what the arguments name, and says of each message what became of it.
///
/// # Errors
/// When the account is not known or not one of an IMAP server, another instance holds the state
/// directory, or the server cannot be reached. Messages that could not be put back are in the answer.
pub async fn run(
    args: &UndoArgs,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let named = [args.account.clone()];
    let Some(account) = chosen(config, &named)?.first().map(|a| a.name.clone()) else {
        return Ok(Vec::new());
    };
    let options = UndoOptions {
        account: account.clone(),
        mailbox: args.mailbox.clone(),
        message_id: args.message_id.clone(),
        since: args.since,
        until: args.until,
        steps: Steps::default(),
    };
    let settings = engine_settings(config);
    let mut tally = Tally::default();
    if args.dry_run {
        let items = postrider_engine::plan_undo(&settings, &options)?;
        let lines: Vec<String> = items
            .iter()
            .map(|item| tally.line(&account, item))
            .collect();
        answer(&lines.join("\n"))?;
        answer(&tally.summary(&account))?;
        return Ok(tally.failure(account).into_iter().collect());
    }
    let mut signals = Signals::of_command().map_err(|source| Error::Setup { source })?;
    let (trigger, shutdown) = Shutdown::new();
    let stopper = tokio::spawn(async move {
        signals.next().await;
        trigger.request();
        signals.insist().await;
    });
    if args.release {
        let released = postrider_engine::release(settings, &options, shutdown).await;
        stopper.abort();
        let messages = count(released?, "message", "messages");
        answer(&format!("{account}: the policy judges {messages} again"))?;
        return Ok(Vec::new());
    }
    let mut written = Ok(());
    let undone = postrider_engine::undo(settings, &options, shutdown, |item| {
        let line = tally.line(&account, &item);
        if written.is_ok() {
            written = answer(&line);
        }
    });
    let undone = undone.await;
    stopper.abort();
    written?;
    undone?;
    answer(&tally.summary(&account))?;
    Ok(tally.failure(account).into_iter().collect())
}

/// How many messages came to which end.
#[derive(Debug, Default)]
struct Tally {
    planned: u64,
    restored: u64,
    copies: u64,
    refused: u64,
    /// Whether any was refused for want of its mailbox.
    mailboxes: bool,
}

impl Tally {
    fn line(&mut self, account: &AccountName, item: &UndoItem) -> String {
        let outcome = match &item.outcome {
            UndoOutcome::Found => {
                self.restored += 1;
                "put back by an earlier undo".to_owned()
            }
            UndoOutcome::NoCopy(why) => {
                self.copies += 1;
                format!("not put back: {why}")
            }
            UndoOutcome::NoMailbox(why) => {
                self.refused += 1;
                self.mailboxes = true;
                format!(
                    "not put back: its mailbox is gone, and the server would not make it: {why}"
                )
            }
            UndoOutcome::Planned => {
                self.planned += 1;
                "would be put back".to_owned()
            }
            UndoOutcome::Refused(why) => {
                self.refused += 1;
                format!("not put back: the server refused: {why}")
            }
            UndoOutcome::Restored => {
                self.restored += 1;
                "put back".to_owned()
            }
        };
        let id = item.message_id.as_deref().map(|id| format!("<{id}>"));
        let message = id.or_else(|| item.subject.clone());
        let message = short(&message.unwrap_or_else(|| "-".to_owned()), LONGEST);
        let expired = item
            .expired_at
            .map_or_else(|| "interrupted".to_owned(), shown);
        let (mailbox, size) = (&item.mailbox, octets(item.octets));
        format!("{account}: {mailbox}: {message}, {size}, expired {expired}: {outcome}")
    }

    fn summary(&self, account: &AccountName) -> String {
        let parts = [
            (self.planned, "would be put back"),
            (self.restored, "put back"),
            (self.copies, "without a local copy"),
            (self.refused, "refused by the server"),
        ];
        let said = parts.into_iter().filter(|(number, _)| *number > 0);
        let said: Vec<String> = said
            .map(|(number, what)| format!("{} {what}", count(number, "message", "messages")))
            .collect();
        if said.is_empty() {
            format!("{account}: nothing to put back")
        } else {
            format!("{account}: {}", said.join(", "))
        }
    }

    fn failure(&self, account: AccountName) -> Option<Error> {
        (self.copies + self.refused > 0).then_some(Error::NotRestored {
            account,
            copies: self.copies,
            refused: self.refused,
            mailboxes: self.mailboxes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::fault::Fault;
    use postrider_core::time::UnixTime;

    fn item(outcome: UndoOutcome) -> UndoItem {
        UndoItem {
            mailbox: "INBOX".to_owned(),
            message_id: Some("1@example.org".to_owned()),
            subject: None,
            expired_at: Some(UnixTime::from_seconds(0)),
            octets: 2_048,
            outcome,
        }
    }

    #[test]
    fn every_message_has_a_line_and_all_have_a_sum() {
        let account = AccountName::parse("home").unwrap();
        let mut tally = Tally::default();
        assert_eq!(tally.summary(&account), "home: nothing to put back");
        assert_eq!(
            tally.line(&account, &item(UndoOutcome::Restored)),
            "home: INBOX: <1@example.org>, 2.0 KiB, expired 1970-01-01T00:00:00Z: put back"
        );
        assert!(tally.failure(account.clone()).is_none());
        tally.line(&account, &item(UndoOutcome::Refused("full".to_owned())));
        let refused = tally.failure(account.clone()).unwrap();
        assert_eq!(refused.fault(), Fault::Unreachable);
        assert_eq!(refused.hint(), None);
        let gone = item(UndoOutcome::NoMailbox("no".to_owned()));
        let mut elsewhere = Tally::default();
        assert_eq!(
            elsewhere.line(&account, &gone),
            "home: INBOX: <1@example.org>, 2.0 KiB, expired 1970-01-01T00:00:00Z: not put back: \
             its mailbox is gone, and the server would not make it: no"
        );
        let refused = elsewhere.failure(account.clone()).unwrap();
        assert!(refused.hint().unwrap().contains("make the mailbox"));
        tally.line(&account, &item(UndoOutcome::NoCopy("gone".to_owned())));
        assert_eq!(
            tally.summary(&account),
            "home: 1 message put back, 1 message without a local copy, 1 message refused by the server"
        );
        let lost = tally.failure(account).unwrap();
        assert_eq!(lost.fault(), Fault::LocalIo);
    }
}
