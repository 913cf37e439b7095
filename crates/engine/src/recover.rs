//! Healing what a crash has left (R3).
//!
//! An open journal entry says: this file was about to get its final name, or got it, and the index
//! did not come to record it. If the file is there under its final name, in this mailbox or where a
//! reader has moved it since, and has the octets that were intended, the message is recorded now. If not, the
//! entry is forgotten and the message is fetched again. A file that a flush has made durable is whole; but not every
//! disk does what a flush asks, and right after a crash is when that shows. Files that a dead process of ours left in `tmp` are removed.

use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::events;
use crate::imap::{lost, moves};
use crate::local::{self, locate_anywhere};
use crate::rehearsal::Leave;
use postrider_core::plan::deed::Deed;
use postrider_index::{Index, Intent, JournalId, MailboxRow, OpenEntry};
use postrider_maildir::{Entry, Mailbox, MaildirError, Resumed};
use std::fs;
use std::path::{Path, PathBuf};

/// Heals the account before a pass: files that were on their way to another mailbox, then what was about to be delivered first, then what is left in `tmp`,
/// where a flushed file that the journal knows is a message.
pub(crate) async fn heal(account: &Account) -> Result<(), EngineError> {
    // First the directories: what the journal intends is looked for where mailboxes lie now.
    lost::finish(account).await?;
    moves::finish(account).await?;
    local::end_renames(account).await?;
    recover(account).await?;
    account
        .swept
        .get_or_try_init(|| sweep(account))
        .await
        .copied()
}

/// Closes the account's open journal entries, one way or the other.
async fn recover(account: &Account) -> Result<(), EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let open = index.call(move |index| index.open_entries(id)).await?;
    if open.is_empty() {
        return Ok(());
    }
    let mailboxes = index.call(move |index| index.mailboxes(id)).await?;
    let tree = account.settings.maildir.clone();
    let leave = account.part.leave();
    let sorted = DeliveryPool::run(move || sort(open, (&tree, &mailboxes), leave)).await?;
    let Sorted { delivered, lost } = sorted.map_err(EngineError::disk)?;
    let (recorded, forgotten) = (delivered.len() as u64, lost.len() as u64);
    let seen = account.notes();
    let close = move |index: &mut Index| {
        let keys = index.record(&delivered, seen, now())?;
        index.forget(&lost)?;
        Ok(keys)
    };
    let keys = index.call(close).await?;
    account.promise_all(&keys);
    account.note("", || Deed::Heal {
        recorded,
        forgotten,
    });
    events::IndexRepaired {
        account: Some(account.log_name()),
        mailbox: None,
        path: None,
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

fn sort(
    open: Vec<OpenEntry>,
    (tree, mailboxes): (&Path, &[MailboxRow]),
    leave: Option<Leave>,
) -> Result<Sorted, MaildirError> {
    let mut sorted = Sorted {
        delivered: Vec::new(),
        lost: Vec::new(),
    };
    let mut touched = Vec::new();
    for entry in open {
        let row = mailboxes.iter().find(|row| row.id == entry.intent.mailbox);
        let known = Entry::parse(&entry.intent.message.file);
        let (Some(row), Some(known)) = (row, known) else {
            sorted.lost.push(entry.id);
            continue;
        };
        let mailbox = Mailbox::new(tree, &row.path);
        let found = match leave {
            Some(leave) => resume(&mailbox, &entry, &known, leave)?,
            None => postrider_maildir::resumable(&mailbox, &entry.intent.tmp, &known)?,
        };
        let found = found.or_else(|| locate_anywhere(tree, mailboxes, &known));
        if found.is_some_and(|path| is_whole(&path, &entry.intent)) {
            touched.push(mailbox);
            sorted.delivered.push(entry.id);
        } else {
            sorted.lost.push(entry.id);
        }
    }
    if leave.is_none() {
        return Ok(sorted);
    }
    // The names may not be on the disk yet; recording them says that they are.
    postrider_maildir::flush_directories(&touched.iter().collect::<Vec<_>>())?;
    Ok(sorted)
}

/// Gives the file its name; where it lies then. Half a message, of which the disk has lost the rest, was never
/// proven: the server has it, and it does not stay (R3).
fn resume(
    mailbox: &Mailbox,
    entry: &OpenEntry,
    known: &Entry,
    _leave: Leave,
) -> Result<Option<PathBuf>, MaildirError> {
    let at = match postrider_maildir::resume(mailbox, &entry.intent.tmp, known)? {
        Resumed::Delivered(at) | Resumed::Placed(at) => at,
        Resumed::Missing => return Ok(None),
    };
    let path = mailbox.path_of(&at);
    let octets = fs::metadata(&path).map(|found| found.len());
    if octets.is_ok_and(|octets| octets < entry.intent.message.octets) {
        postrider_maildir::remove(mailbox, &at)?;
        return Ok(None);
    }
    Ok(Some(path))
}

/// Whether a file has the octets that were received. What has others is a reader's.
fn is_whole(path: &Path, intent: &Intent) -> bool {
    let message = &intent.message;
    postrider_maildir::read_back(path)
        .is_ok_and(|read| read.sha256 == message.sha256 && read.octets == message.octets)
}

/// Removes what dead processes of ours left in the `tmp` of every mailbox of the account. This process
/// is alive, so its own files stay.
async fn sweep(account: &Account) -> Result<(), EngineError> {
    if account.part.leave().is_none() {
        return Ok(());
    }
    let (id, index) = (account.id, &account.shared.index);
    let mailboxes = index.call(move |index| index.mailboxes(id)).await?;
    let mut dead = index.call(|index| index.past_writers()).await?;
    dead.remove(&*account.shared.writer);
    let tree = account.settings.maildir.clone();
    let sweep = move || {
        for row in mailboxes {
            let mailbox = Mailbox::new(&tree, &row.path);
            if mailbox.exists()? {
                postrider_maildir::sweep(&mailbox, now(), |token| dead.contains(token))?;
            }
        }
        Ok(())
    };
    DeliveryPool::run(sweep).await?.map_err(EngineError::disk)
}
