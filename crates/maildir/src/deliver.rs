//! Delivery: a batch of files in `tmp` becomes messages that a power cut cannot take.
//!
//! The order is the whole point (R3): write all, [`flush`] all, let the index note the intent,
//! [`place`] each, [`flush_directories`] once, let the index record. A crash before the rename
//! leaves a whole file in `tmp` that the journal knows ([`resume`]); a crash after it leaves a whole
//! message that the journal knows. Nothing half-written ever has a name in `new` or `cur`.

use crate::disk::Disk;
use crate::entry::{Entry, Subdir};
use crate::error::MaildirError;
use crate::incoming::Received;
use crate::mailbox::Mailbox;
use crate::name::FileName;
use crate::rename::rename_exclusive;
use crate::scan;
use postrider_core::flag::FlagSet;
use rustix::io::Errno;
use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Threads that flush at once. A journaling file system commits many waiting fsyncs in one go, so
/// it pays to wait together: 256 files of 16 KiB on ext4 took 470 to 900 ms by one thread, 37 to
/// 61 ms by 4, 17 to 28 ms by 16 (`cargo run -p postrider-maildir --example flush`).
const FLUSHERS: usize = 16;

/// Files from which on the whole disk is flushed instead. A few are flushed faster alone, and nobody else's
/// octets with them.
pub const MANY_FILES: usize = 16;
/// Directories from which on it is.
const MANY_DIRECTORIES: usize = 4;

/// Makes the contents of all files durable: with the whole `disk` where they are many, else each by itself.
///
/// # Errors
/// One of the failures; all files are tried, and none of the batch may then be placed.
pub fn flush<R: Borrow<Received> + Sync>(
    batch: &[R],
    disk: Option<&Disk>,
) -> Result<(), MaildirError> {
    flush_with(batch, disk, FLUSHERS)
}

/// [`flush`] by at most this many threads.
///
/// # Errors
/// As [`flush`].
pub fn flush_with<R: Borrow<Received> + Sync>(
    batch: &[R],
    disk: Option<&Disk>,
    flushers: usize,
) -> Result<(), MaildirError> {
    let disk = disk.filter(|_| batch.len() >= MANY_FILES);
    let (mut together, mut alone) = (None, Vec::new());
    for received in batch.iter().map(Borrow::borrow) {
        match &received.file {
            Some(file) if !disk.is_some_and(|disk| disk.holds(file)) => {
                alone.push((received, file));
            }
            _ => together = Some(received),
        }
    }
    if let Some(one) = together {
        let failed = MaildirError::io("flush", one.tmp_path());
        // Only a disk takes files over, and only from batches that are large enough.
        disk.map_or(Err(Errno::BADF), Disk::flush).map_err(failed)?;
    }
    flush_each(&alone, flushers)
}

fn flush_each(batch: &[(&Received, &File)], flushers: usize) -> Result<(), MaildirError> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut result = Ok(());
        while let Some((one, file)) = batch.get(next.fetch_add(1, Ordering::Relaxed)) {
            // Not fdatasync: it may leave the time behind, which is the message's INTERNALDATE.
            if let Err(error) = file.sync_all() {
                result = Err(MaildirError::io("flush", one.tmp_path())(error));
            }
        }
        result
    };
    let helpers = flushers.min(batch.len()).saturating_sub(1);
    thread::scope(|scope| {
        // A thread that cannot be had is no error: this one does its share.
        let started: Vec<_> = (0..helpers)
            .filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mut result = work();
        for helper in started {
            // Our closure cannot panic; a flush that we know nothing of counts as failed.
            let lost = || Err(MaildirError::io("flush", Path::new("tmp"))(Errno::IO));
            if let failed @ Err(_) = helper.join().unwrap_or_else(|_| lost()) {
                result = failed;
            }
        }
        result
    })
}

/// Where a new message belongs and which letters it bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The directory.
    pub subdir: Subdir,
    /// The flags in its name; none in `new`.
    pub flags: FlagSet,
}

impl Placement {
    /// `new` without any flag, else `cur`. mu ignores flags in `new`, so none is ever put there;
    /// keywords count as flags, for whoever set one has seen the message.
    ///
    /// The caller leaves `\Deleted` out of the set unless the account shows it (`deleted_flag`).
    #[must_use]
    pub fn for_flags(flags: &FlagSet) -> Self {
        let subdir = if flags.is_empty() {
            Subdir::New
        } else {
            Subdir::Cur
        };
        Self {
            subdir,
            flags: flags.without_keywords(),
        }
    }

    /// The entry that a message with this base becomes; known before the rename, for the journal.
    #[must_use]
    pub fn entry(&self, received: &Received) -> Entry {
        let base = &received.base;
        let text = match self.subdir {
            Subdir::New => base.clone(),
            Subdir::Cur => format!("{base}:2,{}", self.flags.letters()),
        };
        Entry {
            subdir: self.subdir,
            file_name: FileName::ours(text, base.len()),
        }
    }
}

/// Gives a flushed file its name in `new` or `cur`. Never replaces a file.
///
/// # Errors
/// When the name is taken, `tmp` lies on another file system (EXDEV), or the system refuses; the
/// file is then still in `tmp`.
pub fn place(
    received: &mut Received,
    mailbox: &Mailbox,
    placement: &Placement,
) -> Result<Entry, MaildirError> {
    let entry = placement.entry(received);
    let target = mailbox.path_of(&entry);
    rename_exclusive(received.tmp_path(), &target)
        .map_err(MaildirError::io("deliver to", &target))?;
    received.tmp.armed = false;
    Ok(entry)
}

/// What became of a delivery that a crash interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// It had its name already; a reader may since have moved or re-flagged it within the mailbox.
    Delivered(Entry),
    /// It lay in `tmp` and has its name now.
    Placed(Entry),
    /// Neither: nothing was delivered, the message must be fetched again. (Or a reader took it out of
    /// the mailbox in between; the index looks for its base in the others.)
    Missing,
}

/// Brings a journaled delivery to its end after a crash. `unique` is its name in `tmp`.
///
/// Flush the mailbox's directories and read the file back before it is recorded: the journal proves
/// that the contents were flushed, not that the name was.
///
/// # Errors
/// When the system refuses.
pub fn resume(mailbox: &Mailbox, unique: &str, intended: &Entry) -> Result<Resumed, MaildirError> {
    if let Some(entry) = scan::locate(mailbox, intended)? {
        return Ok(Resumed::Delivered(entry));
    }
    let Some(unique) = FileName::parse(unique) else {
        return Ok(Resumed::Missing);
    };
    let target = mailbox.path_of(intended);
    match rename_exclusive(&mailbox.tmp().join(unique.as_str()), &target) {
        Ok(()) => Ok(Resumed::Placed(intended.clone())),
        Err(Errno::NOENT) => Ok(Resumed::Missing),
        Err(error) => Err(MaildirError::io("deliver to", &target)(error)),
    }
}

/// Where [`resume`] would find the message, in `tmp` or under a name. Touches nothing.
///
/// # Errors
/// When the system refuses.
pub fn resumable(
    mailbox: &Mailbox,
    unique: &str,
    intended: &Entry,
) -> Result<Option<PathBuf>, MaildirError> {
    if let Some(at) = scan::locate(mailbox, intended)? {
        return Ok(Some(mailbox.path_of(&at)));
    }
    let Some(unique) = FileName::parse(unique) else {
        return Ok(None);
    };
    let path = mailbox.tmp().join(unique.as_str());
    let exists = path.try_exists();
    let exists = exists.map_err(MaildirError::io("look at", &path))?;
    Ok(exists.then_some(path))
}

/// Makes the names in `new` and `cur` of all mailboxes durable, each directory once.
///
/// `tmp` is not flushed: a name that comes back there after a power cut is only rubbish for the
/// sweep, and a file whose name there is lost keeps the one it was given.
///
/// # Errors
/// The first failure; nothing of the batch may then be recorded.
pub fn flush_directories(mailboxes: &[&Mailbox]) -> Result<(), MaildirError> {
    flush_directories_on(None, mailboxes)
}

/// [`flush_directories`], with the whole `disk` where they are many.
///
/// # Errors
/// As [`flush_directories`].
pub fn flush_directories_on(
    disk: Option<&Disk>,
    mailboxes: &[&Mailbox],
) -> Result<(), MaildirError> {
    let each = |mailbox: &&Mailbox| [mailbox.subdir(Subdir::Cur), mailbox.subdir(Subdir::New)];
    let directories: BTreeSet<PathBuf> = mailboxes.iter().flat_map(each).collect();
    let disk = disk.filter(|_| directories.len() >= MANY_DIRECTORIES);
    let mut together = None;
    for path in directories {
        let failed = |error| MaildirError::io("flush", &path)(error);
        let directory = File::open(&path).map_err(failed)?;
        match disk.filter(|disk| disk.holds(&directory)) {
            Some(disk) => together = Some((disk, path)),
            None => directory.sync_all().map_err(failed)?,
        }
    }
    together.map_or(Ok(()), |(disk, path)| {
        disk.flush().map_err(MaildirError::io("flush", &path))
    })
}

#[cfg(test)]
mod tests;
