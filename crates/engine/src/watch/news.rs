//! Whether a change is news: something that the index does not know and no pass was started for.
//!
//! Our own deliveries and renames change directories too, and a pass that woke itself would never
//! end. No event says whose change it was, so the directory is held against the index, which knows
//! every name that we gave: what differs is a reader's. A pass has been started for a difference once
//! it was found here; where the pass leaves it (another program's file, a message that a reader deleted
//! and the server keeps), it is no news the next time.

use crate::context::Account;
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::local::scan_stamp;
use postrider_index::{Inventory, MailboxId, ScanStamp};
use postrider_maildir::{Mailbox, MaildirError};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Differences between mailboxes' directories and the index for which a pass was started, each by its
/// hash: eight octets for a file.
#[derive(Debug, Default)]
pub(super) struct News {
    hasher: RandomState,
    known: HashMap<PathBuf, HashSet<u64>>,
}

/// A mailbox's directory, and what the index says of it.
type Asked = (Mailbox, Option<(MailboxId, Option<ScanStamp>)>);

impl News {
    /// Whether there is news in these directories, each a mailbox's `cur` or `new`; then a pass is to be
    /// started. To be asked when none is under way.
    pub(super) async fn is_in(
        &mut self,
        account: &Account,
        directories: HashSet<Arc<Path>>,
    ) -> Result<bool, EngineError> {
        let mut is_news = false;
        for (mailbox, row) in changed(account, directories).await? {
            let hasher = self.hasher.clone();
            let inventory = match row {
                Some((id, _)) => {
                    let index = &account.shared.index;
                    index.call(move |index| index.inventory(id, hasher)).await?
                }
                None => Inventory::empty(hasher),
            };
            let (directory, is_known) = (mailbox.dir().to_owned(), row.is_some());
            let hasher = self.hasher.clone();
            let compare = move || differences(&mailbox, inventory, (is_known, &hasher));
            let found = DeliveryPool::run(compare).await?;
            let found = found.map_err(EngineError::disk)?;
            let known = self.known.remove(&directory).unwrap_or_default();
            is_news |= !found.is_subset(&known);
            self.known.insert(directory, found);
        }
        self.known.retain(|_, differences| !differences.is_empty());
        Ok(is_news)
    }
}

/// The mailboxes among these directories that are there and that a pass would look into: the index has
/// another stamp of them, or none.
async fn changed(
    account: &Account,
    directories: HashSet<Arc<Path>>,
) -> Result<Vec<Asked>, EngineError> {
    let id = account.id;
    let rows = account.shared.index.call(move |index| index.mailboxes(id));
    let rows = rows.await?.into_iter();
    let rows: HashMap<_, _> = rows.map(|row| (row.path, (row.id, row.stamp))).collect();
    let root = account.settings.maildir.clone();
    let asked = move || {
        let mailboxes: BTreeSet<_> = directories
            .iter()
            .filter_map(|part| part.parent())
            .collect();
        let mut asked = Vec::new();
        for directory in mailboxes {
            let mailbox = Mailbox::new(&root, directory);
            // What is gone is nobody's deletion (R5); the pass in its turn sees to it.
            if !mailbox.exists()? {
                continue;
            }
            let row = rows.get(directory).copied();
            let seen = row.and_then(|(_, stamp)| stamp);
            let stamp = scan_stamp(postrider_maildir::stamp(&mailbox)?);
            if seen != Some(stamp) {
                asked.push((mailbox, row));
            }
        }
        Ok::<_, MaildirError>(asked)
    };
    let asked = DeliveryPool::run(asked).await?;
    asked.map_err(EngineError::disk)
}

/// How a directory differs from what should lie in it. A mailbox that the index does not know is a
/// difference by itself.
fn differences(
    mailbox: &Mailbox,
    mut inventory: Inventory,
    (is_known, hasher): (bool, &RandomState),
) -> Result<HashSet<u64>, MaildirError> {
    let mut found = HashSet::new();
    if !is_known {
        found.insert(hasher.hash_one(mailbox.dir()));
    }
    for entry in postrider_maildir::scan(mailbox)? {
        let entry = entry?;
        let name = entry.to_string();
        if !inventory.see(&name, entry.file_name.base()) {
            // With its time of change: a name that was given, taken back and given again is news again.
            let touched = fs::symlink_metadata(mailbox.path_of(&entry));
            let touched = touched.map_or((0, 0), |file| (file.ctime(), file.ctime_nsec()));
            found.insert(hasher.hash_one((name, touched)));
        }
    }
    found.extend(inventory.missing());
    Ok(found)
}
