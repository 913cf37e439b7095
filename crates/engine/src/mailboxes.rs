//! An account's mailboxes: at the server, with where each lies here, and those that the index knows.
//!
//! Neither changes anything, takes a lock or disturbs a running daemon.

use crate::check::{listed, messages};
use crate::choose::Choice;
use crate::connect;
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::place::{self, Places};
use postrider_core::account::{AccountName, Protocol};
use postrider_core::mailbox::Role;
use postrider_core::settings::AccountSettings;
use postrider_core::time::UnixTime;
use postrider_index::{Index, IndexError, MailboxRow};
use postrider_transport::Connector;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// A mailbox of an account, here or at the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxReport {
    /// Its decoded name.
    pub name: String,
    /// Its role, if it has one.
    pub role: Option<Role>,
    /// Whether it is synced, and why or why not.
    pub standing: Standing,
    /// Messages in it, where the server told together with its name.
    pub messages: Option<u64>,
    /// Its directory: the one that it has, or will get with the next pass; absolute. `None` for one that is
    /// not chosen and never was.
    pub path: Option<PathBuf>,
    /// When it was last in step with the server.
    pub synced_at: Option<UnixTime>,
}

/// Whether a mailbox is synced, and why or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The server lists it, and the configuration decides.
    Listed(Choice),
    /// The server does not list it, but did. The next pass asks for it by its name.
    Unlisted,
    /// Two witnesses said that the server has it no more. What is here is `vanished`'s to decide.
    Lost {
        /// When.
        at: UnixTime,
    },
}

/// A mailbox that the index knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMailbox {
    /// Its decoded name, `/` between its levels.
    pub name: String,
    /// Its role, if it has one.
    pub role: Option<Role>,
    /// Its directory; absolute.
    pub path: PathBuf,
    /// Whether the server has it no more.
    pub is_lost: bool,
}

/// Asks the server for its mailboxes, and the index for where they lie. Those chosen come with the
/// directory that a pass gives them; those that the server does not list come last.
///
/// # Errors
/// When the server cannot be asked or the index not be read.
pub async fn mailboxes(
    state_dir: &Path,
    settings: &AccountSettings,
) -> Result<Vec<MailboxReport>, EngineError> {
    let (dir, name) = (state_dir.to_owned(), settings.name.clone());
    let rows = DeliveryPool::run(move || rows(&dir, &name)).await??;
    let connector = Connector::new();
    match settings.protocol {
        Protocol::Imap => of_server(settings, &connector, &rows).await,
        Protocol::Pop3 => of_maildrop(settings, &connector, &rows).await,
    }
}

/// The account's mailboxes that lie in its mail tree, by name. Empty when there is no index yet.
///
/// # Errors
/// When the index cannot be read.
pub fn known_mailboxes(
    state_dir: &Path,
    settings: &AccountSettings,
) -> Result<Vec<KnownMailbox>, EngineError> {
    let rows = rows(state_dir, &settings.name)?;
    let here = rows
        .into_iter()
        .filter(|row| row.path.starts_with(&settings.maildir));
    let known = here.map(|row| KnownMailbox {
        name: row.name,
        role: row.role,
        path: row.path,
        is_lost: row.lost_at.is_some(),
    });
    Ok(known.collect())
}

fn rows(state_dir: &Path, account: &AccountName) -> Result<Vec<MailboxRow>, EngineError> {
    let index = match Index::open_read_only(state_dir) {
        Ok(index) => index,
        Err(IndexError::Missing { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(EngineError::index(state_dir)(error)),
    };
    match index.account_named(account)? {
        Some(id) => Ok(index.mailboxes(id)?),
        None => Ok(Vec::new()),
    }
}

async fn of_server(
    settings: &AccountSettings,
    connector: &Connector,
    rows: &[MailboxRow],
) -> Result<Vec<MailboxReport>, EngineError> {
    let (session, listed) = listed(settings, connector).await?;
    session.log_out().await;
    let mut places = Places::of(&settings.maildir, rows);
    let by_name: HashMap<&str, &MailboxRow> = rows
        .iter()
        .map(|row| (row.wire_name.as_str(), row))
        .collect();
    let mut shown = HashSet::new();
    let mut reports = Vec::with_capacity(listed.len());
    for (listed, choice) in listed {
        let mailbox = place::listed(settings, &listed);
        let row = by_name.get(mailbox.wire_name.as_str());
        shown.insert(mailbox.wire_name.clone());
        // A pass gives a directory to what it syncs; what it synced once keeps it.
        let has_place = choice.is_chosen() || row.is_some();
        reports.push(MailboxReport {
            name: listed.name.to_string(),
            role: listed.role,
            messages: messages(&listed),
            standing: Standing::Listed(choice),
            path: has_place.then(|| places.of_mailbox(mailbox)),
            synced_at: row.and_then(|row| row.synced_at),
        });
    }
    let unlisted = rows.iter().filter(|row| !shown.contains(&row.wire_name));
    reports.extend(unlisted.map(unlisted_report));
    Ok(reports)
}

fn unlisted_report(row: &MailboxRow) -> MailboxReport {
    MailboxReport {
        name: row.name.clone(),
        role: row.role,
        standing: row
            .lost_at
            .map_or(Standing::Unlisted, |at| Standing::Lost { at }),
        messages: None,
        path: Some(row.path.clone()),
        synced_at: row.synced_at,
    }
}

async fn of_maildrop(
    settings: &AccountSettings,
    connector: &Connector,
    rows: &[MailboxRow],
) -> Result<Vec<MailboxReport>, EngineError> {
    let mut session = connect::pop3(settings, connector).await?;
    let maildrop = session.survey().await?;
    session.quit().await?;
    let inbox = place::maildrop(settings);
    let row = rows.iter().find(|row| row.wire_name == inbox.wire_name);
    let name = inbox.name.to_string();
    Ok(vec![MailboxReport {
        name,
        role: None,
        standing: Standing::Listed(Choice::Maildrop),
        messages: Some(maildrop.messages.len() as u64),
        path: Some(Places::of(&settings.maildir, rows).of_mailbox(inbox)),
        synced_at: row.and_then(|row| row.synced_at),
    }])
}
