//! What becomes of local copies whose server copy has vanished (`retention.vanished`): nothing, the
//! flag `T`, or their end. They are the last copies there are, so the brake stands before it (R6).

use crate::brake::{self, Removal};
use crate::context::{Account, LocalMailbox, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::events;
use crate::local::{self, Reflag};
use crate::rehearsal::Leave;
use crate::report::PassReport;
use crate::step::Step;
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::message::MessageKey;
use postrider_core::plan::deed::Deed;
use postrider_core::retention::Vanished;
use postrider_index::{Index, MailboxId, MailboxRow, MessageFile, Side};
use postrider_maildir::{Entry, Mailbox, MaildirError};
use std::sync::Arc;

/// Carries out the policy in every mailbox of the account but those that could not be looked at whole; the lost
/// ones are included.
pub(crate) async fn release_all(
    account: &Account,
    unseen: &[MailboxId],
    report: &mut PassReport,
) -> Result<(), EngineError> {
    if account.settings.vanished == Vanished::Keep || !account.sees_all() {
        return Ok(());
    }
    let (id, index) = (account.id, &account.shared.index);
    let rows = index.call(move |index| index.mailboxes(id)).await?;
    for row in rows.iter().filter(|row| !unseen.contains(&row.id)) {
        release(account, row, report).await?;
    }
    Ok(())
}

/// Carries out the policy in one mailbox. Only to be called when its plan is complete: an orphan of
/// another epoch looks vanished until its octets have been compared (R4).
async fn release(
    account: &Account,
    row: &MailboxRow,
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let policy = account.settings.vanished;
    let (id, index) = (row.id, &account.shared.index);
    let (files, held) = index
        .call(move |index| Ok((index.unreleased(id)?, index.held(id)?)))
        .await?;
    if files.is_empty() {
        return brake::release(account, (id, &row.name), Side::Local, 0).await;
    }
    let removing = files.len() as u64;
    let removal = Removal {
        mailbox: id,
        name: &row.name,
        side: Side::Local,
        removing,
        held,
        went: 0,
        because: policy.as_rule(),
    };
    if brake::holds(account, removal).await? {
        report.braked += removing;
        return Ok(());
    }
    let mailbox = LocalMailbox {
        id,
        name: Arc::from(row.name.as_str()),
        maildir: Arc::new(Mailbox::new(&account.settings.maildir, &row.path)),
        synced: row.synced_at.is_some(),
    };
    let keys: Vec<MessageKey> = files.iter().map(|file| file.key).collect();
    let deeds = || keys.iter().map(|message| deed(policy, *message));
    let leave = account.leave(&row.name, deeds);
    if policy == Vanished::Delete {
        if let Some(leave) = leave {
            remove(&mailbox, &files, leave).await?;
        }
        account.shared.steps.reached(Step::Released)?;
        let record = move |index: &mut Index| index.mark_removed(&keys, now(), policy.as_rule());
        index.call(record).await?;
        files.iter().for_each(|file| tell(account, row, file));
    } else {
        trash(account, &mailbox, keys.clone(), leave).await?;
        account.shared.steps.reached(Step::Released)?;
        let record = move |index: &mut Index| index.mark_released(&keys, now(), policy.as_rule());
        index.call(record).await?;
    }
    brake::release(account, (id, &row.name), Side::Local, removing).await
}

const fn deed(policy: Vanished, message: MessageKey) -> Deed {
    match policy {
        Vanished::Delete => Deed::Remove { message },
        Vanished::Keep | Vanished::TrashFlag => Deed::TrashFlag { message },
    }
}

fn tell(account: &Account, row: &MailboxRow, file: &MessageFile) {
    events::LocalCopyRemoved {
        account: account.log_name(),
        mailbox: &row.name,
        file: &file.file,
        because: Vanished::Delete.as_rule(),
    }
    .emit();
    account.live.change(|live| live.totals.removed += 1);
}

/// A file that a reader has moved to another mailbox is the reader's: it is left there.
async fn remove(
    mailbox: &LocalMailbox,
    files: &[MessageFile],
    _leave: Leave,
) -> Result<(), EngineError> {
    let known: Vec<Entry> = files.iter().filter_map(|f| Entry::parse(&f.file)).collect();
    let maildir = Arc::clone(&mailbox.maildir);
    let remove = move || {
        for entry in &known {
            postrider_maildir::remove(&maildir, entry)?;
        }
        postrider_maildir::flush_directories(&[&maildir])
    };
    let removed: Result<(), MaildirError> = DeliveryPool::run(remove).await?;
    removed.map_err(|error| EngineError::disk(error).in_mailbox(&mailbox.name))
}

async fn trash(
    account: &Account,
    mailbox: &LocalMailbox,
    keys: Vec<MessageKey>,
    leave: Option<Leave>,
) -> Result<(), EngineError> {
    let view = local::view(account, mailbox, keys).await?;
    let flagged = |(key, flags): (MessageKey, FlagSet)| Reflag {
        key,
        flags: flags.with(Flag::Deleted),
        agreed: None,
    };
    let wanted: Vec<_> = view.flags.into_iter().map(flagged).collect();
    // One that a reader renames at this moment gets its flag in the next pass or never: it is a hint.
    let set = local::set_flags(account, mailbox, wanted, leave);
    set.await.map(drop)
}
