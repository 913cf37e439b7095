//! The local side of a mailbox: its row, its directory, and where its files lie now.

use crate::context::{Account, LocalMailbox, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::place::Places;
use crate::rehearsal::Leave;
use crate::step::Step;
use postrider_core::flag::FlagSet;
use postrider_core::message::MessageKey;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::view::LocalView;
use postrider_index::{
    AccountId, Index, IndexError, MailboxRow, MessageFile, NewMailbox, Reflagging,
};
use postrider_maildir::{Entry, Mailbox, MaildirError};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod refresh;
pub(crate) use refresh::{refresh, scan_stamp};

/// Looking this many files up one by one costs less than reading the directory for all of them.
const FEW: usize = 16;

/// Gives each mailbox a row and a directory ([`Places`]). A rehearsal makes no directory.
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
    require_tree(account, &known).await?;
    let mut places = Places::of(&account.settings.maildir, &known);
    for mailbox in &mut wanted {
        mailbox.path = places.of_mailbox(mailbox.clone());
    }
    let root = account.settings.maildir.clone();
    let tree = root.clone();
    let rows = account
        .shared
        .index
        .call(move |index| rows(index, id, &tree, (wanted, known)))
        .await?;
    let leave = account.part.leave();
    let create = move || {
        let create = |row| create(&root, row, leave);
        rows.into_iter().map(create).collect()
    };
    let made: Vec<Made> = DeliveryPool::run::<Result<_, _>>(create).await??;
    for Made { row, was_there, .. } in &made {
        if !was_there {
            account.note(&row.name, || Deed::Make);
        }
        // It had been in step, and its directory was gone: whatever lay in it is lost, and no reader
        // deleted it (R5).
        if !was_there && row.synced_at.is_some() {
            let id = row.id;
            let note = move |index: &mut Index| index.note_remade(id, now());
            account.shared.index.call(note).await?;
        }
    }
    let made = made.into_iter().map(|made| (made.row, made.mailbox));
    Ok(made.collect())
}

/// A tree of which nothing is there is not mounted, or not the one that the index is about. It is not
/// made anew: to its readers that would look as if every message were gone.
async fn require_tree(account: &Account, known: &[MailboxRow]) -> Result<(), EngineError> {
    let tree = account.settings.maildir.clone();
    let mut inside: Vec<Mailbox> = known
        .iter()
        .filter(|row| row.path.starts_with(&tree))
        .map(|row| Mailbox::new(&tree, &row.path))
        .collect();
    if inside.is_empty() {
        return Ok(());
    }
    let look = move || {
        for mailbox in inside.drain(..) {
            if mailbox.exists()? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let is_there: Result<bool, MaildirError> = DeliveryPool::run(look).await?;
    if is_there.map_err(EngineError::disk)? {
        return Ok(());
    }
    let ids: Vec<_> = known.iter().map(|row| row.id).collect();
    let held = move |index: &mut Index| ids.iter().map(|id| index.held(*id)).sum();
    match account.shared.index.call(held).await? {
        0 => Ok(()),
        messages => Err(EngineError::TreeMissing {
            path: account.settings.maildir.clone(),
            messages,
        }),
    }
}

/// A place for a mailbox where no other lies.
pub(crate) async fn free_place(
    account: &Account,
    mailbox: NewMailbox,
) -> Result<NewMailbox, EngineError> {
    let id = account.id;
    let known = account
        .shared
        .index
        .call(move |index| index.mailboxes(id))
        .await?;
    Ok(Places::of(&account.settings.maildir, &known).free(mailbox))
}

/// The row of each wanted mailbox, made where missing. A mailbox that lies outside the tree was made
/// for another tree: the user has chosen a new one, and it lies there now.
fn rows(
    index: &mut Index,
    account: AccountId,
    tree: &Path,
    (wanted, known): (Vec<NewMailbox>, Vec<MailboxRow>),
) -> Result<Vec<MailboxRow>, IndexError> {
    let mut known = by_name(known);
    let stale = |wanted: &&NewMailbox| {
        let row = known.get(wanted.wire_name.as_str());
        row.is_none_or(|row| !agrees(row, wanted))
    };
    let stale: Vec<_> = wanted.iter().filter(stale).cloned().collect();
    if !stale.is_empty() {
        index.record_mailboxes(account, &stale)?;
        known = by_name(index.mailboxes(account)?);
    }
    let mut rows = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let Some(mut row) = known.remove(wanted.wire_name.as_str()) else {
            continue;
        };
        if !row.path.starts_with(tree) {
            index.move_mailbox(row.id, &wanted.path)?;
            row.path = wanted.path;
        }
        rows.push(row);
    }
    Ok(rows)
}

fn by_name(rows: Vec<MailboxRow>) -> HashMap<String, MailboxRow> {
    let named = rows.into_iter().map(|row| (row.wire_name.clone(), row));
    named.collect()
}

/// Whether the row says of the mailbox what the server says.
fn agrees(row: &MailboxRow, wanted: &NewMailbox) -> bool {
    row.role == wanted.role && row.lost_at.is_none() && row.name == wanted.name.to_string()
}

/// A mailbox whose directory is there now.
struct Made {
    row: MailboxRow,
    mailbox: Mailbox,
    was_there: bool,
}

/// Makes the directory, with leave.
fn create(root: &Path, row: MailboxRow, leave: Option<Leave>) -> Result<Made, EngineError> {
    let mailbox = Mailbox::new(root, &row.path);
    let in_mailbox = |error| EngineError::disk(error).in_mailbox(&row.name);
    let was_there = mailbox.exists().map_err(in_mailbox)?;
    if leave.is_some() {
        mailbox.create().map_err(in_mailbox)?;
    }
    Ok(Made {
        row,
        mailbox,
        was_there,
    })
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
    if keys.is_empty() || account.lacks_directory(mailbox)? {
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
    let mut moved = HashMap::new();
    for row in rows {
        match Entry::parse(&row.file) {
            Some(known) if postrider_maildir::is_there(maildir, &known)? => {
                found.push((row, known));
            }
            Some(known) => drop(moved.insert(row.base.clone(), (row, known))),
            None => {}
        }
    }
    if moved.len() > FEW {
        for entry in postrider_maildir::scan(maildir)? {
            let entry = entry?;
            if let Some((row, _)) = moved.remove(entry.file_name.base()) {
                found.push((row, entry));
            }
        }
        return Ok(found);
    }
    for (row, known) in moved.into_values() {
        if let Some(entry) = postrider_maildir::locate(maildir, &known)? {
            found.push((row, entry));
        }
    }
    Ok(found)
}

/// A file that is to bear other flags.
#[derive(Clone, Debug)]
pub(crate) struct Reflag {
    pub(crate) key: MessageKey,
    pub(crate) flags: FlagSet,
    /// What is agreed on with the server once it does; `None`: what was.
    pub(crate) agreed: Option<FlagSet>,
}

/// Renames files so that their names bear these flags. Returns those that could not be found under
/// the name they had a moment ago, or with other flags than the last scan found: a reader was faster.
/// Without leave the index alone gets the names.
///
/// The index knows the new names before they are given: what a crash leaves is not taken for a reader's
/// doing (R3).
pub(crate) async fn set_flags(
    account: &Account,
    mailbox: &LocalMailbox,
    wanted: Vec<Reflag>,
    leave: Option<Leave>,
) -> Result<HashSet<MessageKey>, EngineError> {
    let keys = wanted.iter().map(|wanted| wanted.key).collect();
    let found = entries(account, mailbox, keys).await?;
    let mut found: HashMap<_, _> = found
        .into_iter()
        .filter(|(row, entry)| is_as_scanned(row, entry))
        .map(|(row, entry)| (row.key, entry))
        .collect();
    let mut failed = HashSet::new();
    let mut todo = Vec::with_capacity(wanted.len());
    let mut intended = Vec::with_capacity(wanted.len());
    for Reflag { key, flags, agreed } in wanted {
        let Some(entry) = found.remove(&key) else {
            failed.insert(key);
            continue;
        };
        let file = postrider_maildir::reflagged(&entry, &flags).to_string();
        intended.push(Reflagging { key, file, agreed });
        todo.push((key, entry, flags));
    }
    let index = &account.shared.index;
    let Some(leave) = leave else {
        let files = intended.into_iter().map(|to| (to.key, to.file));
        let files: Vec<(MessageKey, String)> = files.collect();
        index.call(move |index| index.set_files(&files)).await?;
        return Ok(failed);
    };
    if intended.is_empty() {
        return Ok(failed);
    }
    let begun: Vec<MessageKey> = intended.iter().map(|to| to.key).collect();
    let begin = move |index: &mut Index| index.begin_reflagging(&intended);
    index.call(begin).await?;
    let maildir = Arc::clone(&mailbox.maildir);
    let rename_all = move || rename_all(&maildir, todo, leave);
    let done = DeliveryPool::run(rename_all).await?;
    let (renamed, gone) =
        done.map_err(|error| EngineError::disk(error).in_mailbox(&mailbox.name))?;
    account.shared.steps.reached(Step::Reflagged)?;
    let end = move |index: &mut Index| index.end_reflagging(&renamed, &begun);
    index.call(end).await?;
    failed.extend(gone);
    Ok(failed)
}

/// Whether the file bears the flags that the index knows of. What a reader has changed since is for the next scan to
/// note: under a name that we gave, it would pass for ours, and the server would never hear of it.
fn is_as_scanned(row: &MessageFile, entry: &Entry) -> bool {
    let known = Entry::parse(&row.file);
    known.is_some_and(|known| known.file_name.flags() == entry.file_name.flags())
}

type Renamed = (Vec<(MessageKey, String)>, Vec<MessageKey>);

/// The names given, and those that a reader took away before.
fn rename_all(
    maildir: &Mailbox,
    todo: Vec<(MessageKey, Entry, FlagSet)>,
    leave: Leave,
) -> Result<Renamed, MaildirError> {
    let (mut renamed, mut gone) = (Vec::new(), Vec::new());
    for (key, entry, flags) in todo {
        match rename(maildir, &entry, &flags, leave) {
            Ok(entry) => renamed.push((key, entry.to_string())),
            Err(MaildirError::Gone { .. }) => gone.push(key),
            Err(error) => return Err(error),
        }
    }
    if !renamed.is_empty() {
        postrider_maildir::flush_directories(&[maildir])?;
    }
    Ok((renamed, gone))
}

/// Ends renames that a crash interrupted: what bears the intended name was given it by us.
pub(crate) async fn end_renames(account: &Account) -> Result<(), EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let open = index.call(move |index| index.open_reflaggings(id)).await?;
    if open.is_empty() {
        return Ok(());
    }
    let begun: Vec<MessageKey> = open.iter().map(|(file, _)| file.key).collect();
    let tree = account.settings.maildir.clone();
    let look = move || {
        let (mut renamed, mut agreed) = (Vec::new(), Vec::new());
        for (file, intended) in open {
            let mailbox = Mailbox::new(&tree, &file.mailbox_path);
            let Some(entry) = Entry::parse(&intended.file) else {
                continue;
            };
            if postrider_maildir::is_there(&mailbox, &entry)? {
                renamed.push((file.key, intended.file));
                agreed.extend(intended.agreed.map(|flags| (file.key, flags)));
            }
        }
        Ok((renamed, agreed))
    };
    let done = DeliveryPool::run(look).await?;
    let (renamed, agreed) = done.map_err(EngineError::disk)?;
    let end = move |index: &mut Index| {
        index.set_server_flags(&agreed)?;
        index.end_reflagging(&renamed, &begun)
    };
    index.call(end).await
}

fn rename(
    mailbox: &Mailbox,
    entry: &Entry,
    flags: &FlagSet,
    _leave: Leave,
) -> Result<Entry, MaildirError> {
    postrider_maildir::set_flags(mailbox, entry, flags)
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
