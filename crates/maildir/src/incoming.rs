//! A message on its way into `tmp`: written once, hashed and measured while it passes.

use crate::disk::Disk;
use crate::error::MaildirError;
use crate::line_ends::LineEnds;
use crate::mailbox::Mailbox;
use crate::name::{self, Namer};
use postrider_core::message::Sha256;
use postrider_core::time::UnixTime;
use rustix::fs::{Mode, OFlags, Timespec, Timestamps};
use sha2::Digest;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

/// Octets gathered before a write: most messages are one, and memory stays flat for the others (R11).
const BUFFER: usize = 64 * 1_024;

/// Octets of the header block kept for the index. A header larger than this is an attack or a list
/// of recipients that nobody searches; the file has it whole.
pub const LONGEST_HEADER: usize = 64 * 1_024;

/// A file in `tmp` that is being written. Dropping it removes the file.
#[derive(Debug)]
pub struct Incoming {
    tmp: TmpFile,
    unique: String,
    file: File,
    device: Option<u64>,
    ends: LineEnds,
    buffer: Vec<u8>,
    hasher: sha2::Sha256,
    header: Header,
}

impl Incoming {
    /// Creates an empty file in the mailbox's `tmp`, mode 0600 whatever the umask.
    /// `now_micros` is microseconds since the epoch.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn create(mailbox: &Mailbox, namer: &Namer, now_micros: u64) -> Result<Self, MaildirError> {
        let unique = namer.unique(now_micros);
        let path = mailbox.tmp().join(&unique);
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let private = Mode::RUSR | Mode::WUSR;
        let file =
            rustix::fs::open(&path, flags, private).map_err(MaildirError::io("create", &path))?;
        let file = File::from(file);
        // From here on a failure must not leave the file behind.
        let tmp = TmpFile { path, armed: true };
        // The umask, or the directory's ACL, has taken something away: asking costs less than setting.
        let found = rustix::fs::fstat(&file).ok();
        let mode = found
            .as_ref()
            .map(|found| Mode::from_raw_mode(found.st_mode));
        if mode != Some(private) {
            rustix::fs::fchmod(&file, private)
                .map_err(MaildirError::io("set the mode of", &tmp.path))?;
        }
        Ok(Self {
            tmp,
            unique,
            file,
            device: found.map(|found| found.st_dev),
            ends: LineEnds::default(),
            buffer: Vec::new(),
            hasher: sha2::Sha256::new(),
            header: Header::default(),
        })
    }

    /// Takes the next octets as the server sent them; CRLF becomes LF, nothing else changes.
    ///
    /// # Errors
    /// When the disk is full or fails. The message is then lost to this `Incoming`; drop it.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), MaildirError> {
        for chunk in octets.chunks(BUFFER) {
            self.ends.convert(chunk, &mut self.buffer);
            if self.buffer.len() >= BUFFER {
                self.write_out()?;
            }
        }
        Ok(())
    }

    /// Ends the message and sets the file's time to `internal_date`, or leaves it at the present.
    ///
    /// Call it only when the server has said that the message is whole (R7).
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn finish(mut self, internal_date: Option<UnixTime>) -> Result<Received, MaildirError> {
        self.ends.finish(&mut self.buffer);
        self.write_out()?;
        if let Some(date) = internal_date {
            self.set_time(date)?;
        }
        let (octets, octets_crlf) = (self.ends.octets(), self.ends.octets_crlf());
        let sha256 = Sha256(self.hasher.finalize().into());
        Ok(Received {
            base: name::base(&self.unique, (octets, octets_crlf), &sha256),
            tmp: self.tmp,
            unique: self.unique,
            octets,
            octets_crlf,
            sha256,
            header: self.header.finish(),
            file: Some(self.file),
            device: self.device,
        })
    }

    fn write_out(&mut self) -> Result<(), MaildirError> {
        self.hasher.update(&self.buffer);
        self.header.take(&self.buffer);
        let written = self.file.write_all(&self.buffer);
        written.map_err(MaildirError::io("write", &self.tmp.path))?;
        self.buffer.clear();
        Ok(())
    }

    fn set_time(&self, date: UnixTime) -> Result<(), MaildirError> {
        let keep = Timespec {
            tv_sec: 0,
            tv_nsec: rustix::fs::UTIME_OMIT,
        };
        let times = Timestamps {
            last_access: keep,
            last_modification: Timespec {
                tv_sec: date.as_seconds(),
                tv_nsec: 0,
            },
        };
        match rustix::fs::futimens(&self.file, &times) {
            // A date that the file system cannot hold (mutt's CVE-2018-14350 was such a date):
            // the message is worth more than its date.
            Ok(())
            | Err(
                rustix::io::Errno::INVAL | rustix::io::Errno::OVERFLOW | rustix::io::Errno::RANGE,
            ) => Ok(()),
            Err(error) => Err(MaildirError::io("set the time of", &self.tmp.path)(error)),
        }
    }
}

/// A message that lies in `tmp`, whole but not flushed. Dropping it before it is placed removes
/// the file, so that an abandoned batch leaves nothing.
#[derive(Debug)]
pub struct Received {
    pub(crate) tmp: TmpFile,
    /// The file's name in `tmp`.
    pub unique: String,
    /// The base that the file will have in `new` or `cur`: `unique`, the beginning of its hash, and its exact `,S=`
    /// and `,W=`.
    pub base: String,
    /// Octets of the file.
    pub octets: u64,
    /// Octets with every LF that no CR precedes counted as CRLF: what the server would say.
    pub octets_crlf: u64,
    /// The hash of the file's octets.
    pub sha256: Sha256,
    /// The header lines as stored, without the empty line that ends them; at most [`LONGEST_HEADER`].
    pub header: Vec<u8>,
    /// Open until it is flushed, or left to a disk.
    pub(crate) file: Option<File>,
    /// Of the file system that it lies on.
    pub(crate) device: Option<u64>,
}

impl Received {
    /// Where the file lies now.
    #[must_use]
    pub fn tmp_path(&self) -> &std::path::Path {
        &self.tmp.path
    }

    /// Closes the file, where it will be flushed with the whole `disk`: open files are few.
    pub fn leave_to(&mut self, disk: &Disk) {
        if self.device.is_some_and(|device| disk.holds_device(device)) {
            self.file = None;
        }
    }

    /// Closes the file, which must have been flushed: nothing is written to it any more.
    pub fn close(&mut self) {
        self.file = None;
    }

    /// Leaves the file in `tmp` as a killed process would: for the tests of R3, and for a caller
    /// whose journal will place it at the next start.
    pub fn abandon(&mut self) {
        self.tmp.armed = false;
    }
}

/// Removes its file when dropped while armed.
#[derive(Debug)]
pub(crate) struct TmpFile {
    pub(crate) path: PathBuf,
    pub(crate) armed: bool,
}

impl Drop for TmpFile {
    fn drop(&mut self) {
        if self.armed {
            // Nobody is left to tell; the sweep finds what stays.
            fs::remove_file(&self.path).unwrap_or_default();
        }
    }
}

/// The header block as it passes.
#[derive(Debug, Default)]
pub(crate) struct Header {
    lines: Vec<u8>,
    ended: bool,
}

impl Header {
    pub(crate) fn take(&mut self, octets: &[u8]) {
        if self.ended {
            return;
        }
        let room = LONGEST_HEADER - self.lines.len();
        let octets = octets.get(..room).unwrap_or(octets);
        // The empty line may lie across the border of two chunks.
        let begins_line = self.lines.last().is_none_or(|last| *last == b'\n');
        let end = if begins_line && octets.starts_with(b"\n") {
            Some(0)
        } else {
            memchr::memmem::find(octets, b"\n\n").map(|at| at + 1)
        };
        let lines = octets.get(..end.unwrap_or(octets.len()));
        self.lines.extend_from_slice(lines.unwrap_or_default());
        self.ended = end.is_some() || self.lines.len() >= LONGEST_HEADER;
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.lines
    }
}

#[cfg(test)]
mod tests;
