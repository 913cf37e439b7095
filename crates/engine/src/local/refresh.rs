//! Following what readers do to files within a mailbox: flags, and the way from `new` to `cur`.
//!
//! A mailbox may hold a million files. So a scan is compared name by name with what the index knows,
//! and only strangers are held: names that no message's file had when it was last seen.

use crate::context::{Account, LocalMailbox, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::take_in;
use postrider_core::message::MessageKey;
use postrider_index::{BaseHit, Index, KnownFiles, ScanStamp};
use postrider_maildir::{Entry, Mailbox, MaildirError, Scan, Stamp, truer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Strangers that are looked up at a time: 1 MB of them.
const STRANGERS: usize = 4_096;

/// Notes in the index where readers have moved files to within these mailboxes, of which only those
/// are read whose directories changed since their stamp was taken.
pub(crate) async fn refresh(
    account: &Account,
    mailboxes: &[(&LocalMailbox, Option<ScanStamp>)],
) -> Result<(), EngineError> {
    let mut there = Vec::with_capacity(mailboxes.len());
    for asked in mailboxes {
        if !account.lacks_directory(asked.0)? {
            there.push(*asked);
        }
    }
    let asked = there.iter().map(|(mailbox, seen)| {
        let maildir = Arc::clone(&mailbox.maildir);
        (maildir, Arc::clone(&mailbox.name), *seen)
    });
    let asked: Vec<_> = asked.collect();
    // One job: on 200 mailboxes that were left alone the way to another thread is what would cost.
    let changed = move || {
        let changed = |(maildir, name, seen): &(Arc<Mailbox>, Arc<str>, Option<ScanStamp>)| {
            let stamp = postrider_maildir::stamp(maildir);
            let stamp = stamp.map_err(|e| EngineError::disk(e).in_mailbox(name))?;
            Ok(Some(scan_stamp(stamp)) != *seen)
        };
        asked
            .iter()
            .map(changed)
            .collect::<Result<Vec<bool>, EngineError>>()
    };
    let changed = DeliveryPool::run(changed).await??;
    for ((mailbox, _), changed) in there.iter().zip(changed) {
        if changed {
            rescan(account, mailbox).await?;
        }
    }
    Ok(())
}

async fn rescan(account: &Account, mailbox: &LocalMailbox) -> Result<(), EngineError> {
    let (id, index) = (mailbox.id, &account.shared.index);
    let in_mailbox = |error| EngineError::disk(error).in_mailbox(&mailbox.name);
    let mut known = index.call(move |index| index.known_files(id)).await?;
    let maildir = Arc::clone(&mailbox.maildir);
    let scan = DeliveryPool::run(move || postrider_maildir::scan(&maildir)).await?;
    let mut scan = scan.map_err(in_mailbox)?;
    // A directory touched in this very second may be touched again without its time changing.
    let stamp = scan.stamp.settled(now()).then(|| scan_stamp(scan.stamp));
    let mut repaired = 0;
    loop {
        let maildir = Arc::clone(&mailbox.maildir);
        let read = move || {
            let strangers = strangers(&maildir, &mut scan, &known)?;
            Ok((scan, known, strangers))
        };
        let done = DeliveryPool::run(read).await?.map_err(in_mailbox)?;
        let found;
        (scan, known, found) = done;
        if found.is_empty() {
            break;
        }
        let unknown = follow(account, mailbox, found).await?;
        repaired += take_in::take_in(account, mailbox, unknown).await?;
    }
    take_in::tell(account, mailbox, repaired);
    match stamp {
        Some(stamp) => {
            index
                .call(move |index| index.set_stamps(&[(id, stamp)]))
                .await
        }
        None => Ok(()),
    }
}

/// The next files whose name is new to us, by base; none at the end of the scan.
fn strangers(
    maildir: &Mailbox,
    scan: &mut Scan,
    known: &KnownFiles,
) -> Result<BTreeMap<String, Entry>, MaildirError> {
    let mut strangers: BTreeMap<String, Entry> = BTreeMap::new();
    for entry in scan {
        let entry = entry?;
        if known.has(&entry.to_string()) {
            continue;
        }
        let base = entry.file_name.base().to_owned();
        let entry = match strangers.remove(&base) {
            Some(other) => truer(maildir, other, entry),
            None => entry,
        };
        strangers.insert(base, entry);
        if strangers.len() == STRANGERS {
            break;
        }
    }
    Ok(strangers)
}

/// Records the present names of those messages of the mailbox that are among `strangers`. Returns the
/// files that are no message's, as far as the index knows.
async fn follow(
    account: &Account,
    mailbox: &LocalMailbox,
    strangers: BTreeMap<String, Entry>,
) -> Result<Vec<Entry>, EngineError> {
    let (account_id, id, index) = (account.id, mailbox.id, &account.shared.index);
    let look_up = move |index: &mut Index| {
        let mut hits: Vec<(BaseHit, Entry)> = Vec::new();
        let mut unknown = Vec::new();
        for (base, entry) in strangers {
            let of_base = index.find_by_base(account_id, &base)?.into_iter();
            let here = of_base.filter(|hit| hit.mailbox == id);
            let before = hits.len();
            hits.extend(here.map(|hit| (hit, entry.clone())));
            if hits.len() == before && !index.unknown_bases(id, &[&base])?.is_empty() {
                unknown.push(entry);
            }
        }
        Ok((hits, unknown))
    };
    let (hits, unknown) = index.call(look_up).await?;
    let maildir = Arc::clone(&mailbox.maildir);
    let choose = move || {
        let renamed = hits.into_iter().filter_map(|(hit, seen)| {
            let name = match Entry::parse(&hit.file) {
                Some(known) => truer(&maildir, known, seen).to_string(),
                None => seen.to_string(),
            };
            (name != hit.file).then_some((hit.key, name))
        });
        renamed.collect::<Vec<(MessageKey, String)>>()
    };
    let renamed = DeliveryPool::run(choose).await?;
    if !renamed.is_empty() {
        index.call(move |index| index.set_files(&renamed)).await?;
    }
    Ok(unknown)
}

/// A stamp as the index keeps it.
pub(crate) const fn scan_stamp(stamp: Stamp) -> ScanStamp {
    ScanStamp {
        new_ns: stamp.new_ns,
        cur_ns: stamp.cur_ns,
    }
}
