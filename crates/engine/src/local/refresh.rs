//! Following what readers do to files within a mailbox: flags, and the way from `new` to `cur`.
//!
//! A mailbox may hold a million files. So a scan is compared name by name with what the index knows,
//! and only strangers are held: names that no message's file had when it was last seen.

use crate::context::{Account, LocalMailbox, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::take_in;
use postrider_core::account::Protocol;
use postrider_core::plan::local::changed;
use postrider_index::{
    AccountId, BaseHit, Followed, Index, IndexError, KnownFiles, MailboxId, ScanStamp,
};
use postrider_maildir::{Entry, Mailbox, MaildirError, Scan, Stamp, sort_by_delivery, truer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Strangers that are looked up at a time: 1 MB of them.
const STRANGERS: usize = 4_096;

/// Notes in the index what readers did to the files of these mailboxes, of which only those are read whose
/// directories changed since their stamp was taken. Says whether there was any.
pub(crate) async fn refresh(
    account: &Account,
    mailboxes: &[(&LocalMailbox, Option<ScanStamp>)],
) -> Result<bool, EngineError> {
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
    let mut rescanned = false;
    for ((mailbox, _), changed) in there.iter().zip(changed) {
        if changed {
            rescan(account, mailbox).await?;
            rescanned = true;
        }
    }
    Ok(rescanned)
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
    let (mut repaired, mut together) = (0, BTreeMap::new());
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
        let Strangers {
            unknown,
            returned,
            elsewhere,
        } = follow(account, mailbox, found).await?;
        let (ours, theirs) = take_in::sort(mailbox, unknown);
        let ours = match account.settings.protocol {
            Protocol::Pop3 => {
                gather(&mailbox.maildir, &mut together, ours);
                Vec::new()
            }
            Protocol::Imap => ours,
        };
        repaired += take_in::take_in(account, mailbox, (ours, returned)).await?;
        note_newcomers(account, mailbox, elsewhere.into_iter().chain(theirs)).await?;
    }
    let mut together: Vec<Entry> = together.into_values().collect();
    sort_by_delivery(&mut together);
    repaired += take_in::take_in(account, mailbox, (together, Vec::new())).await?;
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

/// Adds to what is taken in together. A maildrop's messages have no order but that in which they are recorded
/// (`keep_latest`), and a scan has none; so all of its files are held, 200 octets for each, where an index is
/// made anew.
fn gather(maildir: &Mailbox, together: &mut BTreeMap<String, Entry>, found: Vec<Entry>) {
    for entry in found {
        let base = entry.file_name.base().to_owned();
        let entry = match together.remove(&base) {
            Some(other) => truer(maildir, other, entry),
            None => entry,
        };
        together.insert(base, entry);
    }
}

/// Files that are no message's of their mailbox.
#[derive(Default)]
struct Strangers {
    /// No message has such a base name, as far as the index knows.
    unknown: Vec<Entry>,
    /// A message of the mailbox has it, of which it was written down that its file is gone.
    returned: Vec<Entry>,
    /// Messages of other mailboxes have it: a reader carried them here, or made copies.
    elsewhere: Vec<Entry>,
}

/// Records the present names of those messages of the mailbox that are among `strangers`, and the flags that
/// readers changed by giving them. Returns the others.
async fn follow(
    account: &Account,
    mailbox: &LocalMailbox,
    strangers: BTreeMap<String, Entry>,
) -> Result<Strangers, EngineError> {
    let (account_id, id, index) = (account.id, mailbox.id, &account.shared.index);
    let look_up = move |index: &mut Index| sort(index, (account_id, id), strangers);
    let (hits, strangers) = index.call(look_up).await?;
    let maildir = Arc::clone(&mailbox.maildir);
    let says = account.settings.flags.pushes();
    let deleted_flag = account.settings.deleted_flag;
    let choose = move || {
        let renamed = hits.into_iter().filter_map(|(hit, seen)| {
            let known = Entry::parse(&hit.file);
            let before = known.as_ref().map(|known| known.file_name.flags());
            let now = match known {
                Some(known) => truer(&maildir, known, seen),
                None => seen,
            };
            let (before, after) = (before.unwrap_or_default(), now.file_name.flags());
            let followed = Followed {
                key: hit.key,
                file: now.to_string(),
                changed: match says {
                    true => changed(&before, &after, deleted_flag),
                    false => Vec::new(),
                },
            };
            (followed.file != hit.file).then_some(followed)
        });
        renamed.collect::<Vec<Followed>>()
    };
    let renamed = DeliveryPool::run(choose).await?;
    if !renamed.is_empty() {
        index
            .call(move |index| index.follow_files(&renamed))
            .await?;
    }
    Ok(strangers)
}

/// Parts strangers into files of the mailbox's messages and others.
fn sort(
    index: &Index,
    (account, mailbox): (AccountId, MailboxId),
    strangers: BTreeMap<String, Entry>,
) -> Result<(Vec<(BaseHit, Entry)>, Strangers), IndexError> {
    let mut hits: Vec<(BaseHit, Entry)> = Vec::new();
    let mut others = Strangers::default();
    for (base, entry) in strangers {
        let of_base = index.find_by_base(account, &base)?;
        let is_elsewhere = !of_base.is_empty();
        let here = of_base.into_iter().filter(|hit| hit.mailbox == mailbox);
        let (gone, here): (Vec<_>, Vec<_>) = here.partition(|hit| hit.removed);
        if !here.is_empty() {
            hits.extend(here.into_iter().map(|hit| (hit, entry.clone())));
        } else if !index.unknown_bases(mailbox, &[&base])?.is_empty() {
            // What the server never had is a reader's, gone or back.
            match gone.iter().any(|hit| hit.received) {
                true => others.returned.push(entry),
                false => others.unknown.push(entry),
            }
        } else if is_elsewhere {
            others.elsewhere.push(entry);
        }
    }
    Ok((hits, others))
}

/// Writes down which files of readers nobody has explained yet. Under POP3 there is nothing to explain: a
/// maildrop has no mailboxes and takes no mail.
async fn note_newcomers(
    account: &Account,
    mailbox: &LocalMailbox,
    files: impl Iterator<Item = Entry>,
) -> Result<(), EngineError> {
    let name = |entry: Entry| (entry.file_name.base().to_owned(), entry.to_string());
    let files: Vec<(String, String)> = files.map(name).collect();
    if files.is_empty() || account.settings.protocol == Protocol::Pop3 {
        return Ok(());
    }
    let id = mailbox.id;
    let note = move |index: &mut Index| index.note_newcomers(id, &files, now());
    account.shared.index.call(note).await
}

/// A stamp as the index keeps it.
pub(crate) const fn scan_stamp(stamp: Stamp) -> ScanStamp {
    ScanStamp {
        new_ns: stamp.new_ns,
        cur_ns: stamp.cur_ns,
    }
}
