//! Local copies that are gone: whether a reader deleted them (R5).
//!
//! A scan shows presence, never absence, and a directory that went away takes every file with it.
//! So a file is taken for deleted when it was found nowhere in the account in two passes, and its
//! mailbox's directory was there all the time: the same one, and not another of that name, which lies
//! there while a disk is not mounted, or was put in its place. `local::register` notes when one was missing.

use crate::context::{Account, LocalMailbox, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use postrider_core::message::MessageKey;
use postrider_index::{Index, MailboxRow, MessageFile, ScanStamp};
use postrider_maildir::{Entry, Mailbox, MaildirError};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Readings of all directories before a file is absent: one may miss what is being renamed.
pub(crate) const READINGS: usize = 2;

/// Looks once more for what earlier passes missed in a mailbox, and for nothing else: next to free
/// where nothing is absent.
pub(crate) async fn review(account: &Account, mailbox: &LocalMailbox) -> Result<(), EngineError> {
    let (id, index) = (mailbox.id, &account.shared.index);
    let absent = index.call(move |index| index.absent(id)).await?;
    let before: HashSet<MessageKey> = absent.iter().map(|file| file.key).collect();
    let found = sort(account, absent).await?;
    let still: Vec<_> = before.difference(&found.keys).copied().collect();
    let there: Vec<_> = found.keys.into_iter().collect();
    let write = move |index: &mut Index| {
        index.note_there(&there)?;
        index.note_absent(&still, now())
    };
    index.call(write).await
}

/// Whether the directories of a mailbox are those that were last compared.
#[derive(Debug)]
pub(crate) enum Directories {
    /// They are, or none ever were.
    Same,
    /// They are others, these.
    Others(String),
}

/// Looks which directories a mailbox has. What earlier passes missed in others was deleted by nobody.
pub(crate) async fn recognise(
    account: &Account,
    mailbox: &LocalMailbox,
) -> Result<Directories, EngineError> {
    if account.lacks_directory(mailbox)? {
        return Ok(Directories::Same);
    }
    let maildir = Arc::clone(&mailbox.maildir);
    let found = DeliveryPool::run(move || postrider_maildir::identity(&maildir)).await?;
    let found = found.map_err(|error| EngineError::disk(error).in_mailbox(&mailbox.name))?;
    let id = mailbox.id;
    let look = move |index: &mut Index| match index.directories(id)? {
        Some(known) if known == found => Ok(Directories::Same),
        Some(_) => {
            index.note_lost(id, &[], now())?;
            Ok(Directories::Others(found))
        }
        None => {
            index.set_directories(id, &found)?;
            Ok(Directories::Same)
        }
    };
    account.shared.index.call(look).await
}

/// Compares a mailbox with what should lie in it, where its directory has changed since it was last
/// compared. What [`review`] has looked for in this pass is not counted twice. Where the directories
/// are others, what is not in them is lost. Says how many files were missed for the first time: another
/// look is to say whether a reader deleted them.
pub(crate) async fn compare(
    account: &Account,
    mailbox: &LocalMailbox,
    directories: Directories,
) -> Result<u64, EngineError> {
    if account.lacks_directory(mailbox)? {
        return Ok(0);
    }
    let (id, index) = (mailbox.id, &account.shared.index);
    let in_mailbox = |error| EngineError::disk(error).in_mailbox(&mailbox.name);
    let read = move |index: &mut Index| Ok((index.checked(id)?, index.absent(id)?));
    let (checked, absent) = index.call(read).await?;
    let maildir = Arc::clone(&mailbox.maildir);
    let stamp = DeliveryPool::run(move || postrider_maildir::stamp(&maildir)).await?;
    let stamp = stamp.map_err(in_mailbox)?;
    let seen = ScanStamp {
        new_ns: stamp.new_ns,
        cur_ns: stamp.cur_ns,
    };
    if checked == Some(seen) && matches!(directories, Directories::Same) {
        return Ok(0);
    }
    let reviewed: HashSet<MessageKey> = absent.into_iter().map(|file| file.key).collect();
    let maildir = Arc::clone(&mailbox.maildir);
    let bases = DeliveryPool::run(move || Bases::of(&maildir)).await?;
    let bases = bases.map_err(in_mailbox)?;
    let lacking = move |index: &mut Index| {
        let mut lacking = Vec::new();
        index.each_retained_file(id, |key, file| {
            if !reviewed.contains(&key) && !bases.has(base_of(file)) {
                lacking.push(key);
            }
        })?;
        index.file_of(&lacking)
    };
    let lacking = index.call(lacking).await?;
    let keys: Vec<_> = lacking.iter().map(|file| file.key).collect();
    let found = sort(account, lacking).await?;
    let mut absent = keys;
    absent.retain(|key| !found.keys.contains(key));
    // What lies in another mailbox may be deleted there, and this directory would not tell.
    let settled = stamp.settled(now()) && found.keys.is_empty();
    let missed = match &directories {
        Directories::Same => absent.len() as u64,
        Directories::Others(_) => 0,
    };
    let write = move |index: &mut Index| {
        match &directories {
            Directories::Same => index.note_absent(&absent, now())?,
            Directories::Others(others) => {
                index.note_lost(id, &absent, now())?;
                index.set_directories(id, others)?;
            }
        }
        index.set_checked(id, settled.then_some(seen))
    };
    index.call(write).await?;
    Ok(missed)
}

/// Files that were found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Whose.
    pub(crate) keys: HashSet<MessageKey>,
    /// Where.
    pub(crate) places: HashMap<MessageKey, PathBuf>,
}

/// Looks for files: where they were last seen, then in every mailbox of the account.
pub(crate) async fn sort(account: &Account, files: Vec<MessageFile>) -> Result<Found, EngineError> {
    let (promised, files): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|file| account.is_promised(file.key));
    let promised = promised.into_iter().map(|file| file.key);
    if files.is_empty() {
        return Ok(Found {
            keys: promised.collect(),
            places: HashMap::new(),
        });
    }
    let id = account.id;
    let mailboxes = account.shared.index.call(move |index| index.mailboxes(id));
    let mailboxes = mailboxes.await?;
    let tree = account.settings.maildir.clone();
    let found = DeliveryPool::run(move || find(&tree, &mailboxes, files)).await?;
    let places = found.map_err(EngineError::disk)?;
    Ok(Found {
        keys: places.keys().copied().chain(promised).collect(),
        places,
    })
}

/// One directory that cannot be read is an error: nothing is absent while it may lie there.
fn find(
    tree: &Path,
    mailboxes: &[MailboxRow],
    files: Vec<MessageFile>,
) -> Result<HashMap<MessageKey, PathBuf>, MaildirError> {
    let mut places = HashMap::new();
    let mut open: HashMap<String, Vec<MessageKey>> = HashMap::new();
    for file in files {
        let mailbox = Mailbox::new(tree, &file.mailbox_path);
        let known = Entry::parse(&file.file);
        match known {
            Some(known) if postrider_maildir::is_there(&mailbox, &known)? => {
                drop(places.insert(file.key, mailbox.path_of(&known)));
            }
            _ => open.entry(file.base).or_default().push(file.key),
        }
    }
    for _ in 0..READINGS {
        for row in mailboxes {
            if open.is_empty() {
                return Ok(places);
            }
            let mailbox = Mailbox::new(tree, &row.path);
            if !mailbox.exists()? {
                continue;
            }
            for entry in postrider_maildir::scan(&mailbox)? {
                let entry = entry?;
                let keys = open.remove(entry.file_name.base()).unwrap_or_default();
                let place = keys.into_iter().map(|key| (key, mailbox.path_of(&entry)));
                places.extend(place);
            }
        }
    }
    Ok(places)
}

/// The base names in a mailbox: eight octets for each, so that a million take 8 MB. Of a million names
/// one in 10^13 is taken for another, and then a message stays on the server.
struct Bases {
    hasher: RandomState,
    hashes: Vec<u64>,
}

impl Bases {
    fn of(mailbox: &Mailbox) -> Result<Self, MaildirError> {
        let hasher = RandomState::new();
        let mut hashes = Vec::new();
        for entry in postrider_maildir::scan(mailbox)? {
            hashes.push(hasher.hash_one(entry?.file_name.base()));
        }
        hashes.sort_unstable();
        Ok(Self { hasher, hashes })
    }

    fn has(&self, base: &str) -> bool {
        let hash = self.hasher.hash_one(base);
        self.hashes.binary_search(&hash).is_ok()
    }
}

/// The base of `cur/base:2,S`.
fn base_of(file: &str) -> &str {
    let name = file.rsplit_once('/').map_or(file, |(_, name)| name);
    name.split_once(":2,").map_or(name, |(base, _)| base)
}
