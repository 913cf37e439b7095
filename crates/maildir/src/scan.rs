//! What lies in a mailbox now.
//!
//! **Invariant:** a scan shows presence, never absence. readdir(3) is not atomic: while readers rename,
//! a file may be missed (8 of 20,000 names, measured on ext4 under churn) or seen under two names. So
//! one scan without a file is a suspicion (R5): [`locate`] asks again.

use crate::entry::{Entry, Subdir};
use crate::error::MaildirError;
use crate::mailbox::Mailbox;
use crate::name::FileName;
use postrider_core::time::Now;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

/// The messages of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// One for each base, in the order of the bases.
    pub entries: Vec<Entry>,
    /// The directories' times, taken before they were read.
    pub stamp: Stamp,
}

/// When `new` and `cur` last changed, in nanoseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The modification time of `new`.
    pub new_ns: i64,
    /// The modification time of `cur`.
    pub cur_ns: i64,
}

impl Stamp {
    /// Whether an equal stamp later on means that nothing has changed since `now`, the time of the
    /// scan. A change within the same tick of the file system's clock leaves the stamp as it is; a
    /// tick is 4 ms on ext4, one second on old NFS and two on FAT.
    #[must_use]
    pub fn settled(&self, now: Now) -> bool {
        const TICK_NS: i64 = 2_000_000_000;
        let now_ns = now.0.as_seconds().saturating_mul(1_000_000_000);
        now_ns.saturating_sub(self.new_ns.max(self.cur_ns)) > TICK_NS
    }
}

/// Reads the times of `new` and `cur`; much cheaper than a scan.
///
/// # Errors
/// When a directory is not there or the system refuses. A mailbox that is not there is an error,
/// not an empty one.
pub fn stamp(mailbox: &Mailbox) -> Result<Stamp, MaildirError> {
    let changed = |subdir: Subdir| {
        let path = mailbox.subdir(subdir);
        let found = fs::metadata(&path).map_err(MaildirError::io("look at", &path))?;
        let seconds = found.mtime().saturating_mul(1_000_000_000);
        Ok(seconds.saturating_add(found.mtime_nsec()))
    };
    Ok(Stamp {
        new_ns: changed(Subdir::New)?,
        cur_ns: changed(Subdir::Cur)?,
    })
}

/// Lists the messages of a mailbox. Hidden files, links, directories and names that are not UTF-8
/// are not ours and are left out; of two files with one base the one in `cur` counts.
///
/// # Errors
/// When a directory is not there or the system refuses.
pub fn scan(mailbox: &Mailbox) -> Result<Scan, MaildirError> {
    let stamp = stamp(mailbox)?;
    let mut entries = Vec::new();
    // `new` first: a file on its way to `cur` meanwhile is then seen twice rather than never.
    for subdir in [Subdir::New, Subdir::Cur] {
        read(mailbox, subdir, |entry| entries.push(entry))?;
    }
    entries.sort_by(|a, b| a.file_name.base().cmp(b.file_name.base()));
    entries.dedup_by(|later, kept| {
        let same = later.file_name.base() == kept.file_name.base();
        if same && better(mailbox, later, kept) {
            std::mem::swap(later, kept);
        }
        same
    });
    Ok(Scan { entries, stamp })
}

/// Finds a message again by its base: under the name it had, else in `cur`, else in `new`, and once
/// more, because a file that is being renamed can slip past one reading.
///
/// `None` is a witness against the file's presence in this mailbox; a reader may have moved it into
/// another one.
///
/// # Errors
/// When a directory is not there or the system refuses.
pub fn locate(mailbox: &Mailbox, known: &Entry) -> Result<Option<Entry>, MaildirError> {
    for _ in 0..2 {
        if is_file(mailbox, known)? {
            return Ok(Some(known.clone()));
        }
        for subdir in [Subdir::Cur, Subdir::New] {
            let mut found = None;
            read(mailbox, subdir, |entry| {
                if entry.file_name.base() == known.file_name.base() {
                    found = Some(entry);
                }
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

/// Whether `later` is the truer name of the two: the one that exists, in `cur`, with more flags.
fn better(mailbox: &Mailbox, later: &Entry, kept: &Entry) -> bool {
    let there = |entry: &Entry| is_file(mailbox, entry).unwrap_or(true);
    let rank = |entry: &Entry| {
        (
            there(entry),
            entry.subdir == Subdir::Cur,
            entry.file_name.info().len(),
        )
    };
    rank(later) > rank(kept)
}

fn is_file(mailbox: &Mailbox, entry: &Entry) -> Result<bool, MaildirError> {
    let path = mailbox.path_of(entry);
    match fs::symlink_metadata(&path) {
        Ok(found) => Ok(found.is_file()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(MaildirError::io("look at", &path)(error)),
    }
}

fn read(
    mailbox: &Mailbox,
    subdir: Subdir,
    mut each: impl FnMut(Entry),
) -> Result<(), MaildirError> {
    let path = mailbox.subdir(subdir);
    let failed = |error: std::io::Error| MaildirError::io("read", &path)(error);
    for found in fs::read_dir(&path).map_err(failed)? {
        let found = found.map_err(failed)?;
        let name = found.file_name();
        let Some(file_name) = name.to_str().and_then(FileName::parse) else {
            continue;
        };
        // The type comes with the name on every usual file system: no call per file.
        match found.file_type() {
            Ok(kind) if kind.is_file() => each(Entry { subdir, file_name }),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
