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
use crate::local::locate_anywhere;
use postrider_index::{Index, Intent, JournalId, MailboxRow, OpenEntry};
use postrider_maildir::{Entry, Mailbox, MaildirError, Resumed};
use std::path::Path;

/// Heals the account before a pass: files that were on their way to another mailbox, then what was about to be delivered first, then what is left in `tmp`,
/// where a flushed file that the journal knows is a message.
pub(crate) async fn heal(account: &Account) -> Result<(), EngineError> {
    // First the directories: what the journal intends is looked for where mailboxes lie now.
    lost::finish(account).await?;
    moves::finish(account).await?;
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
    let sorted = DeliveryPool::run(move || sort(open, &tree, &mailboxes)).await?;
    let Sorted { delivered, lost } = sorted.map_err(EngineError::disk)?;
    let (recorded, forgotten) = (delivered.len() as u64, lost.len() as u64);
    let close = move |index: &mut Index| {
        index.record(&delivered, now())?;
        index.forget(&lost)
    };
    index.call(close).await?;
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
    tree: &Path,
    mailboxes: &[MailboxRow],
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
        let resumed = postrider_maildir::resume(&mailbox, &entry.intent.tmp, &known)?;
        let path = match &resumed {
            Resumed::Delivered(at) | Resumed::Placed(at) => Some(mailbox.path_of(at)),
            Resumed::Missing => locate_anywhere(tree, mailboxes, &known),
        };
        let content = path.map_or(Content::Another, |path| Content::of(&path, &entry.intent));
        match (content, resumed) {
            (Content::Whole, _) => {
                touched.push(mailbox);
                sorted.delivered.push(entry.id);
                continue;
            }
            (Content::Partial, Resumed::Delivered(at) | Resumed::Placed(at)) => {
                postrider_maildir::remove(&mailbox, &at)?;
            }
            (Content::Partial | Content::Another, _) => {}
        }
        sorted.lost.push(entry.id);
    }
    // The names may not be on the disk yet; recording them says that they are.
    postrider_maildir::flush_directories(&touched.iter().collect::<Vec<_>>())?;
    Ok(sorted)
}

/// What lies under the name of a delivery that was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// What was received.
    Whole,
    /// Less: the disk lost some of it. The message was never proven, so the server has it, and half a
    /// message may not stay (R3).
    Partial,
    /// Nothing, or something else, which is a reader's.
    Another,
}

impl Content {
    fn of(path: &Path, intent: &Intent) -> Self {
        let message = &intent.message;
        match postrider_maildir::read_back(path) {
            Ok(read) if read.sha256 == message.sha256 && read.octets == message.octets => {
                Self::Whole
            }
            Ok(read) if read.octets < message.octets => Self::Partial,
            Ok(_) | Err(_) => Self::Another,
        }
    }
}

/// Removes what dead processes of ours left in the `tmp` of every mailbox of the account. This process
/// is alive, so its own files stay.
async fn sweep(account: &Account) -> Result<(), EngineError> {
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
