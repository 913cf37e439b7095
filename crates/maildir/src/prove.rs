//! Reading a delivered file back: the last step before its message is proven (R1).

use crate::error::MaildirError;
use postrider_core::message::Sha256;
use rustix::fs::{Advice, Mode, OFlags};
use sha2::Digest;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Octets per read.
const CHUNK: usize = 128 * 1_024;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The hash of its octets.
    pub sha256: Sha256,
    /// How many there are.
    pub octets: u64,
}

/// Hashes the file from its medium, as far as the system lets us.
///
/// Flushed pages are first dropped from the page cache, so that the octets come from the file system
/// and not from the memory they were written from: this shows a write that went wrong below us. It
/// cannot show what a drive's own cache hides, and advice may be ignored (pages that are mapped or
/// not yet flushed stay); then the page cache answers.
///
/// # Errors
/// [`MaildirError::Gone`] when a reader moved the file, [`MaildirError::NotAFile`] for anything but a
/// regular file (a link, a pipe), else when the system refuses.
pub fn read_back(path: &Path) -> Result<Proof, MaildirError> {
    Cold::open(path)?.read(&mut Vec::new())
}

/// A file whose octets are on their way from the medium. Several opened before the first is read keep
/// the disk busy: read one by one, every file waits for the disk alone.
#[derive(Debug)]
pub struct Cold<'p> {
    file: File,
    path: &'p Path,
}

impl<'p> Cold<'p> {
    /// Drops the file from the page cache, and asks for it.
    ///
    /// # Errors
    /// As [`read_back`].
    pub fn open(path: &'p Path) -> Result<Self, MaildirError> {
        let file = open(path)?;
        // Advice only: a file system that does not take it answers from where it likes.
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).unwrap_or_default();
        rustix::fs::fadvise(&file, 0, None, Advice::WillNeed).unwrap_or_default();
        Ok(Self { file, path })
    }

    /// Hashes it, as [`read_back`] does. What `chunk` holds is of no interest; given again, it saves making
    /// another.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn read(self, chunk: &mut Vec<u8>) -> Result<Proof, MaildirError> {
        chunk.resize(CHUNK, 0);
        hash(self.file, chunk).map_err(MaildirError::io("read back", self.path))
    }
}

fn open(path: &Path) -> Result<File, MaildirError> {
    // NONBLOCK: opening a pipe that somebody put there must not wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => {
            return Err(MaildirError::Gone {
                path: path.to_owned(),
            });
        }
        Err(rustix::io::Errno::LOOP) => {
            return Err(MaildirError::NotAFile {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(MaildirError::io("read back", path)(error)),
    };
    let found = file.metadata().map_err(MaildirError::io("look at", path))?;
    if !found.is_file() {
        return Err(MaildirError::NotAFile {
            path: path.to_owned(),
        });
    }
    Ok(file)
}

fn hash(mut file: File, chunk: &mut [u8]) -> std::io::Result<Proof> {
    let mut hasher = sha2::Sha256::new();
    let mut octets = 0;
    loop {
        let read = file.read(chunk)?;
        let Some(part) = chunk.get(..read).filter(|part| !part.is_empty()) else {
            break;
        };
        hasher.update(part);
        octets += part.len() as u64;
    }
    Ok(Proof {
        sha256: Sha256(hasher.finalize().into()),
        octets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_hash_is_that_of_the_octets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m");
        fs::write(&path, "abc").unwrap();
        let proof = read_back(&path).unwrap();
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((proof.sha256.to_string().as_str(), proof.octets), (abc, 3));
        fs::write(&path, "x".repeat(CHUNK * 2 + 1)).unwrap();
        assert_eq!(read_back(&path).unwrap().octets, 262_145);
    }

    #[test]
    fn only_a_regular_file_proves_anything() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("m"), "abc").unwrap();
        std::os::unix::fs::symlink(at("m"), at("link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
        for name in ["link", "pipe", "."] {
            let refused = read_back(&at(name));
            assert!(
                matches!(refused, Err(MaildirError::NotAFile { .. })),
                "{name}: {refused:?}"
            );
        }
        let gone = read_back(&at("none"));
        assert!(matches!(gone, Err(MaildirError::Gone { .. })), "{gone:?}");
    }
}
