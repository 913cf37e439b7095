//! Moves that readers made as a copy, which the server has by now, and then a deletion: what they removed goes
//! at the server too.

use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::imap::observe::Observed;
use crate::imap::removal::{self, Whither};
use crate::push::explain::{UNDECIDED, before};
use crate::push::{find, look, refused};
use crate::report::PassReport;
use crate::step::Step as Point;
use postrider_core::message::MessageKey;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::local::Push;
use postrider_core::uid::UidSet;
use postrider_imap::Session;
use postrider_index::{Index, MailboxId, MessageFile, ServerCopy};
use postrider_maildir::{Entry, Mailbox, MaildirError};
use std::collections::HashMap;
use std::path::Path;

/// Ends all such moves.
pub(super) async fn end(
    account: &Account,
    session: &mut Session,
    observed: &[Observed],
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let since = before(UNDECIDED);
    let copied = index.call(move |index| index.copied_since(id, since));
    let copied = copied.await?;
    if copied.is_empty() {
        return Ok(());
    }
    let tree = account.settings.maildir.clone();
    let missing = DeliveryPool::run(move || missing(&tree, copied)).await?;
    let mut going: HashMap<MailboxId, Vec<(MessageKey, ServerCopy)>> = HashMap::new();
    for (key, copy) in missing.map_err(EngineError::disk)? {
        going.entry(copy.mailbox).or_default().push((key, copy));
    }
    for (mailbox, going) in going {
        if let Some(mailbox) = find(observed, mailbox) {
            end_in(account, session, (mailbox, going), report).await?;
        }
    }
    Ok(())
}

/// Those whose file is not in its mailbox, by two readings.
fn missing(
    tree: &Path,
    copied: Vec<(MessageFile, ServerCopy)>,
) -> Result<Vec<(MessageKey, ServerCopy)>, MaildirError> {
    let mut missing = Vec::new();
    for (file, copy) in copied {
        let mailbox = Mailbox::new(tree, &file.mailbox_path);
        let Some(known) = Entry::parse(&file.file) else {
            continue;
        };
        if mailbox.exists()? && postrider_maildir::locate(&mailbox, &known)?.is_none() {
            missing.push((file.key, copy));
        }
    }
    Ok(missing)
}

/// Lets the originals go that lie in one mailbox.
async fn end_in(
    account: &Account,
    session: &mut Session,
    (observed, going): (&Observed, Vec<(MessageKey, ServerCopy)>),
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let Some(epoch) = going.first().map(|(_, copy)| copy.uid_validity) else {
        return Ok(());
    };
    let name = &observed.local.name;
    let keys: Vec<MessageKey> = going.iter().map(|(key, _)| *key).collect();
    let deeds = || {
        keys.iter()
            .map(|message| Deed::Push(Push::Depart { message: *message }))
    };
    let record = {
        let keys = keys.clone();
        move |index: &mut Index| index.end_move_by_copy(&keys, now())
    };
    let Some(leave) = account.leave(name, deeds) else {
        report.pushed += keys.len() as u64;
        return account.shared.index.call(record).await;
    };
    let uids = going.iter().map(|(_, copy)| copy.uid).collect();
    let because = match look(session, &observed.wire_name, (epoch, uids), leave).await? {
        Ok(there) if there.is_empty() => return Ok(()),
        Ok(there) => {
            let going = (there, &UidSet::new());
            let refusal = removal::remove(session, going, &Whither::Away, leave).await?;
            refusal.map(|refusal| refusal.because)
        }
        Err(because) => Some(because),
    };
    account.shared.steps.reached(Point::Sent)?;
    match because {
        Some(because) => {
            refused(account, name, keys.len() as u64, ("move away", &because));
            Ok(())
        }
        None => {
            report.pushed += keys.len() as u64;
            account.shared.index.call(record).await
        }
    }
}
