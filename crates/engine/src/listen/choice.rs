//! Which mailboxes are listened to by IDLE: what the index knows of them, put before
//! [`postrider_core::attention`].

use crate::context::Account;
use crate::place;
use postrider_core::attention::{self, Candidate};
use postrider_core::time::UnixTime;
use postrider_imap::WireName;
use postrider_index::{Index, IndexError, MailboxId, MailboxRow};
use std::collections::HashMap;

/// A mailbox to listen to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) mailbox: WireName,
    /// Its decoded name, for the log.
    pub(super) name: String,
}

/// The mailbox that the account's first connection listens to; `None` where none is synced.
pub(super) async fn first(account: &Account) -> Option<Choice> {
    let id = account.id;
    let rows = account.shared.index.call(move |index| index.mailboxes(id));
    let rows = synced(account, rows.await.ok()?);
    let none = (HashMap::new(), Vec::new());
    let at = attention::first(&candidates(&rows, &none))?;
    rows.get(at).map(choice)
}

/// The mailboxes that further connections listen to, beside the one that the first listens to; those of
/// `listened` are listened to now.
pub(super) async fn further(
    account: &Account,
    (first, listened): (&WireName, Vec<WireName>),
    places: usize,
) -> Vec<Choice> {
    let id = account.id;
    let look = move |index: &mut Index| -> Result<_, IndexError> {
        Ok((index.mailboxes(id)?, index.newest(id)?))
    };
    // The next pass tells what is wrong with the index.
    let Ok((rows, newest)) = account.shared.index.call(look).await else {
        return Vec::new();
    };
    let rows = synced(account, rows);
    let known = (newest, listened);
    let Some(first) = rows.iter().position(|row| place::wire_name(row) == *first) else {
        return Vec::new();
    };
    let chosen = attention::further(&candidates(&rows, &known), first, places);
    let chosen = chosen.into_iter().filter_map(|at| rows.get(at));
    chosen.map(choice).collect()
}

/// Those that the last pass over all mailboxes has looked at.
fn synced(account: &Account, mut rows: Vec<MailboxRow>) -> Vec<MailboxRow> {
    let seen = account.kept.seen();
    rows.retain(|row| seen.contains_key(&place::wire_name(row)));
    rows
}

fn candidates(
    rows: &[MailboxRow],
    (newest, listened): &(HashMap<MailboxId, UnixTime>, Vec<WireName>),
) -> Vec<Candidate> {
    let candidate = |row: &MailboxRow| Candidate {
        name: row.name.clone(),
        role: row.role,
        newest: newest.get(&row.id).copied(),
        messages: row.server.messages.unwrap_or_default(),
        listened: listened.contains(&place::wire_name(row)),
    };
    rows.iter().map(candidate).collect()
}

fn choice(row: &MailboxRow) -> Choice {
    Choice {
        mailbox: place::wire_name(row),
        name: row.name.clone(),
    }
}
