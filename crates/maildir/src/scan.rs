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
use std::fs::{self, ReadDir};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The messages of a mailbox, one by one and in no order, so that a million take no memory. Where
/// there are two files with one base, both come: [`truer`] tells which is the message.
#[derive(Debug)]
pub struct Scan {
    /// The directories' times, taken before they were read.
    pub stamp: Stamp,
    /// What has still to be read, the last first.
    left: Vec<Reading>,
}

impl Iterator for Scan {
    type Item = Result<Entry, MaildirError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.left.last_mut()?.next() {
                return Some(found);
            }
            self.left.pop();
        }
    }
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

    /// Whether the file system tells times finer than a second, by the look of the later of the two.
    #[must_use]
    pub(crate) const fn is_fine(&self) -> bool {
        let latest = if self.new_ns > self.cur_ns {
            self.new_ns
        } else {
            self.cur_ns
        };
        latest % 1_000_000_000 != 0
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
/// are not ours and are left out.
///
/// # Errors
/// When a directory is not there or the system refuses, then or while it is read.
pub fn scan(mailbox: &Mailbox) -> Result<Scan, MaildirError> {
    let stamp = stamp(mailbox)?;
    // `new` comes first: a file on its way to `cur` meanwhile is then seen twice rather than never.
    let left = [Subdir::Cur, Subdir::New].map(|subdir| Reading::of(mailbox, subdir));
    let left = left.into_iter().collect::<Result<_, _>>()?;
    Ok(Scan { stamp, left })
}

/// Which of two files with one base is the message: the one that is there, in `cur`, with more flags.
#[must_use]
pub fn truer(mailbox: &Mailbox, known: Entry, seen: Entry) -> Entry {
    let rank = |entry: &Entry| {
        (
            is_there(mailbox, entry).unwrap_or(true),
            entry.subdir == Subdir::Cur,
            entry.file_name.info().len(),
        )
    };
    if rank(&seen) > rank(&known) {
        seen
    } else {
        known
    }
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
        if is_there(mailbox, known)? {
            return Ok(Some(known.clone()));
        }
        for subdir in [Subdir::Cur, Subdir::New] {
            for entry in Reading::of(mailbox, subdir)? {
                let entry = entry?;
                if entry.file_name.base() == known.file_name.base() {
                    return Ok(Some(entry));
                }
            }
        }
    }
    Ok(None)
}

/// Whether a message lies there under exactly this name.
///
/// # Errors
/// When the system refuses to say.
pub fn is_there(mailbox: &Mailbox, entry: &Entry) -> Result<bool, MaildirError> {
    let path = mailbox.path_of(entry);
    match fs::symlink_metadata(&path) {
        Ok(found) => Ok(found.is_file()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(MaildirError::io("look at", &path)(error)),
    }
}

/// One directory being read.
#[derive(Debug)]
struct Reading {
    subdir: Subdir,
    path: PathBuf,
    files: ReadDir,
}

impl Reading {
    fn of(mailbox: &Mailbox, subdir: Subdir) -> Result<Self, MaildirError> {
        let path = mailbox.subdir(subdir);
        let files = fs::read_dir(&path).map_err(MaildirError::io("read", &path))?;
        Ok(Self {
            subdir,
            path,
            files,
        })
    }
}

impl Iterator for Reading {
    type Item = Result<Entry, MaildirError>;

    fn next(&mut self) -> Option<Self::Item> {
        let failed = MaildirError::io("read", &self.path);
        let subdir = self.subdir;
        loop {
            let found = match self.files.next()? {
                Ok(found) => found,
                Err(error) => return Some(Err(failed(error))),
            };
            let Some(file_name) = found.file_name().to_str().and_then(FileName::parse) else {
                continue;
            };
            // The type comes with the name on every usual file system: no call per file.
            match found.file_type() {
                Ok(kind) if kind.is_file() => return Some(Ok(Entry { subdir, file_name })),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Some(Err(failed(error))),
            }
        }
    }
}

#[cfg(test)]
mod tests;
