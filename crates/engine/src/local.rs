//! The local side of a mailbox: its row, its directory, and where its files lie now.

use crate::context::{Account, LocalMailbox, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use postrider_core::flag::FlagSet;
use postrider_core::message::MessageKey;
use postrider_core::plan::view::LocalView;
use postrider_index::{
    AccountId, Index, IndexError, MailboxRow, MessageFile, NewMailbox, ScanStamp,
};
use postrider_maildir::name::token_of;
use postrider_maildir::{Entry, Mailbox, MaildirError, Stamp};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Looking up this many files one by one costs less than reading the directory.
const FEW: usize = 16;

/// Gives each mailbox a row and a directory. A mailbox keeps the directory it was first given; where
/// two would share one, the later gets a suffix that no name encodes to.
pub(crate) async fn register(
    account: &Account,
    mut wanted: Vec<NewMailbox>,
) -> Result<Vec<(MailboxRow, Mailbox)>, EngineError> {
    let id = account.id;
    let known = account
        .shared
        .index
        .call(move |index| index.mailboxes(id))
        .await?;
    let mut taken: HashMap<PathBuf, String> = known
        .iter()
        .map(|row| (row.path.clone(), row.wire_name.clone()))
        .collect();
    for mailbox in &mut wanted {
        let first = mailbox.path.clone();
        let mut suffix = 2;
        while taken
            .get(&mailbox.path)
            .is_some_and(|owner| *owner != mailbox.wire_name)
        {
            let mut name = first.clone().into_os_string();
            name.push(format!("%~{suffix}"));
            mailbox.path = PathBuf::from(name);
            suffix += 1;
        }
        taken.insert(mailbox.path.clone(), mailbox.wire_name.clone());
    }
    let root = account.settings.maildir.clone();
    let tree = root.clone();
    let rows = account
        .shared
        .index
        .call(move |index| rows(index, id, &tree, &wanted))
        .await?;
    let create = move || rows.into_iter().map(|row| create(&root, row)).collect();
    let made: Vec<(MailboxRow, Mailbox, bool)> =
        DeliveryPool::run::<Result<_, _>>(create).await??;
    for (row, _, holds_ours) in &made {
        let id = row.id;
        let is_empty = move |index: &mut Index| index.is_empty(id);
        if *holds_ours && account.shared.index.call(is_empty).await? {
            return Err(EngineError::IndexLost {
                mailbox: row.name.clone(),
                path: row.path.clone(),
            });
        }
    }
    Ok(made
        .into_iter()
        .map(|(row, mailbox, _)| (row, mailbox))
        .collect())
}

/// The row of each wanted mailbox, made where missing. A mailbox that lies outside the tree was made
/// for another tree: the user has chosen a new one, and it lies there now.
fn rows(
    index: &mut Index,
    account: AccountId,
    tree: &Path,
    wanted: &[NewMailbox],
) -> Result<Vec<MailboxRow>, IndexError> {
    let mut ids = Vec::with_capacity(wanted.len());
    for mailbox in wanted {
        ids.push(index.mailbox(account, mailbox)?);
    }
    let known = index
        .mailboxes(account)?
        .into_iter()
        .map(|row| (row.id, row));
    let mut known: HashMap<_, _> = known.collect();
    let mut rows = Vec::with_capacity(wanted.len());
    for (id, wanted) in ids.into_iter().zip(wanted) {
        let Some(mut row) = known.remove(&id) else {
            continue;
        };
        if !row.path.starts_with(tree) {
            index.move_mailbox(id, &wanted.path)?;
            row.path.clone_from(&wanted.path);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Makes the directory, and says of a mailbox that was never in step whether messages of our making
/// lie in it all the same.
fn create(root: &Path, row: MailboxRow) -> Result<(MailboxRow, Mailbox, bool), EngineError> {
    let mailbox = Mailbox::new(root, &row.path);
    let in_mailbox = |error| EngineError::disk(error).in_mailbox(&row.name);
    mailbox.create().map_err(in_mailbox)?;
    let mut holds_ours = false;
    if row.synced_at.is_none() {
        let scan = postrider_maildir::scan(&mailbox).map_err(in_mailbox)?;
        let ours = |entry: &Entry| token_of(entry.file_name.as_str()).is_some();
        holds_ours = scan.entries.iter().any(ours);
    }
    Ok((row, mailbox, holds_ours))
}

/// Notes in the index where readers have moved files to within the mailbox, if its directories
/// changed since we last looked.
pub(crate) async fn refresh(
    account: &Account,
    mailbox: &LocalMailbox,
    seen: Option<ScanStamp>,
) -> Result<(), EngineError> {
    let (id, maildir) = (mailbox.id, Arc::clone(&mailbox.maildir));
    let index = &account.shared.index;
    let scan = DeliveryPool::run(move || {
        let stamp = postrider_maildir::stamp(&maildir)?;
        if Some(scan_stamp(stamp)) == seen {
            return Ok(None);
        }
        postrider_maildir::scan(&maildir).map(Some)
    });
    let scan = scan
        .await?
        .map_err(|e| EngineError::disk(e).in_mailbox(&mailbox.name))?;
    let Some(scan) = scan else { return Ok(()) };
    let files: HashMap<String, String> = scan
        .entries
        .iter()
        .map(|entry| (entry.file_name.base().to_owned(), entry.to_string()))
        .collect();
    // A directory touched in this very second may be touched again without its time changing.
    let stamp = scan.stamp.settled(now()).then(|| scan_stamp(scan.stamp));
    let write = move |index: &mut Index| index.refresh_files(id, &files, stamp);
    index.call(write).await
}

const fn scan_stamp(stamp: Stamp) -> ScanStamp {
    ScanStamp {
        new_ns: stamp.new_ns,
        cur_ns: stamp.cur_ns,
    }
}

/// The flags in the names of the files of `keys`. Messages without a file are left out.
pub(crate) async fn view(
    account: &Account,
    mailbox: &LocalMailbox,
    keys: Vec<MessageKey>,
) -> Result<LocalView, EngineError> {
    let mut view = LocalView::default();
    for (row, entry) in entries(account, mailbox, keys).await? {
        view.flags.insert(row.key, entry.file_name.flags());
    }
    Ok(view)
}

/// Where the files of `keys` lie now, in this mailbox.
async fn entries(
    account: &Account,
    mailbox: &LocalMailbox,
    keys: Vec<MessageKey>,
) -> Result<Vec<(MessageFile, Entry)>, EngineError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = account
        .shared
        .index
        .call(move |index| index.file_of(&keys))
        .await?;
    let maildir = Arc::clone(&mailbox.maildir);
    let found = DeliveryPool::run(move || locate(&maildir, rows)).await?;
    found.map_err(|error| EngineError::disk(error).in_mailbox(&mailbox.name))
}

fn locate(
    maildir: &Mailbox,
    rows: Vec<MessageFile>,
) -> Result<Vec<(MessageFile, Entry)>, MaildirError> {
    let mut found = Vec::with_capacity(rows.len());
    if rows.len() <= FEW {
        for row in rows {
            let Some(known) = Entry::parse(&row.file) else {
                continue;
            };
            if let Some(entry) = postrider_maildir::locate(maildir, &known)? {
                found.push((row, entry));
            }
        }
        return Ok(found);
    }
    let scan = postrider_maildir::scan(maildir)?;
    let entries = scan
        .entries
        .into_iter()
        .map(|entry| (entry.file_name.base().to_owned(), entry));
    let mut by_base: HashMap<String, Entry> = entries.collect();
    for row in rows {
        if let Some(entry) = by_base.remove(&row.base) {
            found.push((row, entry));
        }
    }
    Ok(found)
}

/// Renames files so that their names bear these flags. Returns those that could not be found under
/// the name they had a moment ago: a reader was faster.
pub(crate) async fn set_flags(
    account: &Account,
    mailbox: &LocalMailbox,
    wanted: Vec<(MessageKey, FlagSet)>,
) -> Result<HashSet<MessageKey>, EngineError> {
    let keys = wanted.iter().map(|(key, _)| *key).collect();
    let found = entries(account, mailbox, keys).await?;
    let found: HashMap<_, _> = found
        .into_iter()
        .map(|(row, entry)| (row.key, entry))
        .collect();
    let maildir = Arc::clone(&mailbox.maildir);
    let rename = move || {
        let (mut renamed, mut failed) = (Vec::new(), HashSet::new());
        for (key, flags) in wanted {
            let Some(entry) = found.get(&key) else {
                failed.insert(key);
                continue;
            };
            match postrider_maildir::set_flags(&maildir, entry, &flags) {
                Ok(entry) => renamed.push((key, entry.to_string())),
                Err(MaildirError::Gone { .. }) => drop(failed.insert(key)),
                Err(error) => return Err(error),
            }
        }
        if !renamed.is_empty() {
            postrider_maildir::flush_directories(&[&maildir])?;
        }
        Ok((renamed, failed))
    };
    let done = DeliveryPool::run(rename).await?;
    let (renamed, failed) =
        done.map_err(|error| EngineError::disk(error).in_mailbox(&mailbox.name))?;
    if !renamed.is_empty() {
        let write = move |index: &mut Index| index.set_files(&renamed);
        account.shared.index.call(write).await?;
    }
    Ok(failed)
}

/// Finds a file by its base name in any mailbox of the account: readers move files.
pub(crate) fn locate_anywhere(
    tree: &Path,
    mailboxes: &[MailboxRow],
    known: &Entry,
) -> Option<PathBuf> {
    mailboxes.iter().find_map(|row| {
        let mailbox = Mailbox::new(tree, &row.path);
        let entry = postrider_maildir::locate(&mailbox, known).ok()??;
        Some(mailbox.path_of(&entry))
    })
}
