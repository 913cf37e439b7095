//! What a file of the Maildir holds, read once from beginning to end, whatever its name says.

use crate::error::MaildirError;
use crate::incoming::Header;
use postrider_core::message::Sha256;
use postrider_core::time::UnixTime;
use rustix::fs::{Mode, OFlags};
use sha2::Digest;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Octets per read: memory does not grow with the message (R11).
const CHUNK: usize = 128 * 1_024;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Octets of the file.
    pub octets: u64,
    /// Octets with every LF that no CR precedes counted as CRLF.
    pub octets_crlf: u64,
    /// The hash of its octets.
    pub sha256: Sha256,
    /// The header lines as they stand, without the empty line that ends them; at most
    /// [`crate::incoming::LONGEST_HEADER`].
    pub header: Vec<u8>,
    /// The file's time: INTERNALDATE, where it was delivered by one who keeps it.
    pub modified_at: UnixTime,
}

/// Reads a file.
///
/// # Errors
/// [`MaildirError::Gone`] when a reader moved the file, [`MaildirError::NotAFile`] for anything but a
/// regular file, else when the system refuses.
pub fn examine(path: &Path) -> Result<Examined, MaildirError> {
    let mut file = open(path)?;
    let found = file.metadata().map_err(MaildirError::io("look at", path))?;
    let failed = |error| MaildirError::io("read", path)(error);
    let (mut hasher, mut header) = (sha2::Sha256::new(), Header::default());
    let (mut octets, mut bare, mut after_cr) = (0_u64, 0_u64, false);
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = file.read(&mut chunk).map_err(failed)?;
        let Some(read) = chunk.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        hasher.update(read);
        header.take(read);
        octets += read.len() as u64;
        for octet in read {
            bare += u64::from(*octet == b'\n' && !after_cr);
            after_cr = *octet == b'\r';
        }
    }
    Ok(Examined {
        octets,
        octets_crlf: octets + bare,
        sha256: Sha256(hasher.finalize().into()),
        header: header.finish(),
        modified_at: UnixTime::from_seconds(found.mtime()),
    })
}

/// Opens a regular file for reading; a link or a pipe in its place is refused, and not waited for.
///
/// # Errors
/// As [`examine`].
pub fn open(path: &Path) -> Result<File, MaildirError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let not_a_file = || MaildirError::NotAFile {
        path: path.to_owned(),
    };
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => {
            return Err(MaildirError::Gone {
                path: path.to_owned(),
            });
        }
        Err(rustix::io::Errno::LOOP) => return Err(not_a_file()),
        Err(error) => return Err(MaildirError::io("open", path)(error)),
    };
    let found = file.metadata().map_err(MaildirError::io("look at", path))?;
    if found.is_file() {
        Ok(file)
    } else {
        Err(not_a_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_measured_by_its_octets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m,S=1,W=1");
        for (octets, crlf) in [
            ("", 0),
            ("a: b\n\nx\n", 11),
            ("a: b\r\n\nx\r\n", 11),
            ("no end", 6),
        ] {
            fs::write(&path, octets).unwrap();
            let found = examine(&path).unwrap();
            assert_eq!(
                (found.octets, found.octets_crlf),
                (octets.len() as u64, crlf)
            );
            assert_eq!(found.sha256, crate::read_back(&path).unwrap().sha256);
        }
        fs::write(&path, format!("a: b\n\n{}", "x\n".repeat(CHUNK))).unwrap();
        let found = examine(&path).unwrap();
        assert_eq!(found.header, b"a: b\n");
        assert_eq!(found.octets_crlf, found.octets + CHUNK as u64 + 2);
    }

    #[test]
    fn a_link_is_no_message() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("m")).unwrap();
        let refused = examine(&dir.path().join("m"));
        assert!(matches!(refused, Err(MaildirError::NotAFile { .. })));
        let gone = examine(&dir.path().join("none"));
        assert!(matches!(gone, Err(MaildirError::Gone { .. })));
    }
}
