//! `postrider mailboxes`: the server's mailboxes, which of them are chosen, and where each lies here. With
//! `--export`, from the index alone: what a mail reader's configuration needs.

use super::sync::failed;
use super::{answer, chosen, quiet};
use crate::cli::MailboxesArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::error::Error;
use crate::logging::Logging;
use crate::moment::shown;
use crate::readers::{self, Reader, Tree};
use crate::words::{aligned, short};
use postrider_core::settings::AccountSettings;
use postrider_engine::{KnownMailbox, MailboxReport, Standing};
use serde_json::{Value, json};
use std::collections::HashSet;

/// The longest name or reason in the table, in characters. The JSON has them whole.
const LONGEST: usize = 60;

/// Asks the account's server, and changes nothing.
///
/// # Errors
/// When the account is not known or the answer cannot be written. What the server says is in the answer.
pub async fn run(
    args: &MailboxesArgs,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let accounts = chosen(config, args.account.as_slice())?;
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let mut failures = Vec::new();
    for settings in accounts {
        match postrider_engine::mailboxes(&config.state_dir, settings).await {
            Ok(mailboxes) if args.json => answer(&document(settings, &mailboxes).to_string())?,
            Ok(mailboxes) => answer(&table(&mailboxes))?,
            Err(source) => {
                if args.json {
                    answer(&failed(settings.name.as_str(), &source).to_string())?;
                }
                failures.push(Error::Account {
                    account: settings.name.clone(),
                    source,
                    logged: false,
                });
            }
        }
    }
    Ok(failures)
}

/// Prints what `reader` needs for the account, or for all. One that was never synced stops no other.
///
/// # Errors
/// When the account is not known, the index cannot be read, or the reader has no way to be told.
pub fn export(
    reader: Reader,
    account: Option<&str>,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let named: Vec<String> = account.map(str::to_owned).into_iter().collect();
    let accounts = chosen(config, &named)?;
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let (mut trees, mut failures) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for settings in accounts {
        let mut known = postrider_engine::known_mailboxes(&config.state_dir, settings)?;
        known.retain(is_here);
        if known.is_empty() {
            let account = settings.name.clone();
            failures.push(Error::NotSynced { account });
        } else if seen.insert(&settings.maildir) {
            // POP3 accounts may share a tree: it is one to its readers.
            trees.push(Tree::of(settings, &known)?);
        }
    }
    if !trees.is_empty() {
        answer(&readers::export(reader, &trees, around.home())?)?;
    }
    Ok(failures)
}

/// A mailbox that the server has no more may have lost its directory too.
fn is_here(mailbox: &KnownMailbox) -> bool {
    !mailbox.is_lost || mailbox.path.join("cur").is_dir()
}

fn table(mailboxes: &[MailboxReport]) -> String {
    let head = ["MAILBOX", "ROLE", "MESSAGES", "CHOSEN", "BECAUSE", "PATH"];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(mailboxes.iter().map(cells));
    aligned(&lines)
}

fn cells(mailbox: &MailboxReport) -> [String; 6] {
    let none = || "-".to_owned();
    let path = mailbox.path.as_ref().map(|path| {
        let path = short(&path.display().to_string(), usize::MAX);
        match mailbox.synced_at {
            None if is_chosen(mailbox) => format!("{path} (with the next sync)"),
            // What is not chosen has a place only where it was synced once, if by an index that was lost.
            Some(_) | None => path,
        }
    });
    [
        short(&mailbox.name, LONGEST),
        mailbox.role.map_or("", |role| role.as_str()).to_owned(),
        mailbox.messages.map_or_else(none, |n| n.to_string()),
        if is_chosen(mailbox) { "yes" } else { "no" }.to_owned(),
        short(&because(&mailbox.standing), LONGEST),
        path.unwrap_or_else(none),
    ]
}

fn is_chosen(mailbox: &MailboxReport) -> bool {
    matches!(&mailbox.standing, Standing::Listed(choice) if choice.is_chosen())
}

fn because(standing: &Standing) -> String {
    match standing {
        Standing::Listed(choice) => choice.to_string(),
        Standing::Unlisted => "not listed by the server; the next sync asks for it".to_owned(),
        Standing::Lost { at } => format!("gone at the server since {}", shown(*at)),
    }
}

fn document(settings: &AccountSettings, mailboxes: &[MailboxReport]) -> Value {
    let row = |mailbox: &MailboxReport| {
        let (reason, pattern) = match &mailbox.standing {
            Standing::Listed(choice) => (choice.as_str(), choice.pattern()),
            Standing::Unlisted => ("unlisted", None),
            Standing::Lost { .. } => ("lost", None),
        };
        json!({
            "name": mailbox.name,
            "role": mailbox.role.map(|role| role.as_str()),
            "chosen": is_chosen(mailbox),
            "reason": reason,
            "pattern": pattern,
            "because": because(&mailbox.standing),
            "messages": mailbox.messages,
            "path": mailbox.path.as_ref().map(|path| path.display().to_string()),
            "synced_at": mailbox.synced_at.map(shown),
        })
    };
    let rows: Vec<Value> = mailboxes.iter().map(row).collect();
    json!({
        "account": settings.name.as_str(),
        "protocol": settings.protocol.as_str(),
        "mailboxes": rows,
    })
}

#[cfg(test)]
mod tests;
