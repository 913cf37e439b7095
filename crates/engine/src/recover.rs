//! Healing what a crash has left (R3).
//!
//! An open journal entry says: this file was about to get its final name, or got it, and the index
//! did not come to record it. If the file is there under its final name, in this mailbox or where a
//! reader has moved it since, the message is recorded now. If not, the entry is forgotten and the
//! message is fetched again. Files that a dead process of ours left in `tmp` are removed.

use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::events;
use crate::local::locate_anywhere;
use postrider_index::{JournalId, MailboxRow, OpenEntry};
use postrider_maildir::{Mailbox, MaildirError};
use std::collections::HashSet;

/// Closes the account's open journal entries, one way or the other.
pub(crate) async fn recover(account: &Account) -> Result<(), EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let open = index.call(move |index| index.open_entries(id)).await?;
    if open.is_empty() {
        return Ok(());
    }
    let mailboxes = index.call(move |index| index.mailboxes(id)).await?;
    let sorted = DeliveryPool::run(move || sort(open, &mailboxes)).await?;
    let Sorted { delivered, lost } = sorted.map_err(EngineError::disk)?;
    let (recorded, forgotten) = (delivered.len() as u64, lost.len() as u64);
    let close = move |index: &mut postrider_index::Index| {
        index.record(&delivered, now())?;
        index.forget(&lost)
    };
    index.call(close).await?;
    events::IndexRepaired {
        account: account.log_name(),
        mailbox: None,
        recorded,
        forgotten,
        because: "a delivery was interrupted",
    }
    .emit();
    Ok(())
}

struct Sorted {
    delivered: Vec<JournalId>,
    lost: Vec<JournalId>,
}

fn sort(open: Vec<OpenEntry>, mailboxes: &[MailboxRow]) -> Result<Sorted, MaildirError> {
    let mut sorted = Sorted {
        delivered: Vec::new(),
        lost: Vec::new(),
    };
    let mut touched = HashSet::new();
    for entry in open {
        let mailbox = Mailbox::open(&entry.mailbox.path);
        let message = &entry.intent.message;
        let here = postrider_maildir::locate(&mailbox, &message.base, &message.file)?;
        if here.is_some() || locate_anywhere(mailboxes, &message.base).is_some() {
            touched.insert(entry.mailbox.path);
            sorted.delivered.push(entry.id);
        } else {
            sorted.lost.push(entry.id);
        }
    }
    // The names may not be on the disk yet; recording them says that they are.
    for path in touched {
        postrider_maildir::flush_directories(&[&Mailbox::open(&path)])?;
    }
    Ok(sorted)
}

/// Removes what dead processes of ours left in the `tmp` of every mailbox of the account.
pub(crate) async fn sweep(account: &Account) -> Result<(), EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let mailboxes = index.call(move |index| index.mailboxes(id)).await?;
    let dead = index.call(|index| index.past_writers()).await?;
    let sweep = move || {
        for row in mailboxes {
            let mailbox = Mailbox::open(&row.path);
            postrider_maildir::sweep(&mailbox, |token| dead.contains(token))?;
        }
        Ok(())
    };
    DeliveryPool::run(sweep).await?.map_err(EngineError::disk)
}
