//! `max_size`: messages that stay in the maildrop. They are recorded, so that each is told of once; they
//! are never expired, for there is no local copy to prove.

use crate::context::{Account, LocalMailbox};
use crate::error::EngineError;
use crate::events;
use crate::report::PassReport;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::pop3::ListedMessage;
use postrider_index::{Index, MaildropSkip};

/// Takes out of what is new what LIST says to be too large.
pub(crate) async fn hold_back(
    account: &Account,
    mailbox: &LocalMailbox,
    new: &mut Vec<ListedMessage>,
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let max = account.settings.max_size_octets.unwrap_or(u64::MAX);
    let mut left = Vec::new();
    new.retain(|listed| match listed.size_octets {
        Some(size) if size > max => {
            left.push((listed.number, skip(listed, size, max)));
            false
        }
        _ => true,
    });
    let (id, skips) = (mailbox.id, left.iter().map(|(_, skip)| skip.clone()));
    let skips: Vec<_> = skips.collect();
    let record = move |index: &mut Index| index.set_maildrop_skips(id, &skips);
    let news = account.shared.index.call(record).await?;
    for (number, skip) in left.iter().filter(|(_, skip)| news.contains(&skip.name)) {
        report.skipped += 1;
        account.note(&mailbox.name, || Deed::Skip {
            uid: None,
            octets: skip.octets,
            because: skip.because.clone(),
        });
        events::MessageSkipped {
            account: account.log_name(),
            mailbox: &mailbox.name,
            uid: None,
            number: Some((*number).into()),
            because: &skip.because,
        }
        .emit();
    }
    Ok(())
}

fn skip(listed: &ListedMessage, size: u64, max: u64) -> MaildropSkip {
    let uidl = listed.uidl.as_ref().map(|uidl| uidl.as_str().to_owned());
    MaildropSkip {
        // A unique-id may be `#3` too; then one of the two is told of once less.
        name: uidl.unwrap_or_else(|| format!("#{}", listed.number)),
        octets: Some(size),
        because: format!("it has {size} octets and max_size is {max}"),
    }
}
