//! A stored message on its way to a server: line ends CRLF, and nothing but what was recorded.

use crate::error::MaildirError;
use crate::examine::open;
use postrider_core::message::Sha256;
use sha2::Digest;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Octets per read.
const CHUNK: usize = 64 * 1_024;

/// A file that is being read to be sent. Its last octets are given out only when all of it had the
/// recorded hash: whoever was promised a whole message never gets a whole wrong one.
#[derive(Debug)]
pub struct Outgoing {
    path: PathBuf,
    file: File,
    expected: Sha256,
    hasher: sha2::Sha256,
    after_cr: bool,
    held: Option<Vec<u8>>,
}

impl Outgoing {
    /// Opens a file that must hold octets of this hash.
    ///
    /// # Errors
    /// As [`crate::examine()`].
    pub fn open(path: &Path, expected: Sha256) -> Result<Self, MaildirError> {
        Ok(Self {
            path: path.to_owned(),
            file: open(path)?,
            expected,
            hasher: sha2::Sha256::new(),
            after_cr: false,
            held: Some(Vec::new()),
        })
    }

    /// The next octets, perhaps none; `None` at the end.
    ///
    /// # Errors
    /// [`MaildirError::Changed`] when the file does not hold what it should, else when the system refuses.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, MaildirError> {
        let Some(held) = self.held.take() else {
            return Ok(None);
        };
        let mut chunk = vec![0; CHUNK];
        let read = self.file.read(&mut chunk);
        let read = read.map_err(MaildirError::io("read", &self.path))?;
        chunk.truncate(read);
        if chunk.is_empty() {
            let hasher = std::mem::take(&mut self.hasher);
            if Sha256(hasher.finalize().into()) != self.expected {
                return Err(MaildirError::Changed {
                    path: self.path.clone(),
                });
            }
        } else {
            self.hasher.update(&chunk);
            self.held = Some(self.convert(&chunk));
        }
        Ok(Some(held))
    }

    /// An LF that no CR precedes becomes CRLF; everything else stays (RFC 5322 §2.1).
    fn convert(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(chunk.len() + chunk.len() / 16);
        for octet in chunk {
            if *octet == b'\n' && !self.after_cr {
                out.push(b'\r');
            }
            out.push(*octet);
            self.after_cr = *octet == b'\r';
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn sent(octets: &[u8], expected: &[u8]) -> (Vec<u8>, Result<(), MaildirError>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m");
        fs::write(&path, octets).unwrap();
        let expected = Sha256(sha2::Sha256::digest(expected).into());
        let mut outgoing = Outgoing::open(&path, expected).unwrap();
        let mut sent = Vec::new();
        loop {
            match outgoing.next_chunk() {
                Ok(Some(chunk)) => sent.extend(chunk),
                Ok(None) => return (sent, Ok(())),
                Err(error) => return (sent, Err(error)),
            }
        }
    }

    #[test]
    fn what_leaves_is_as_long_as_examine_says() {
        let long = b"a\n\r\nb\r".repeat(CHUNK / 3);
        for octets in [&b""[..], b"\n", b"a: b\r\n\nx\r\r\n", &long] {
            let (sent, end) = sent(octets, octets);
            end.unwrap();
            let text = String::from_utf8(octets.to_vec()).unwrap();
            let expected = text.replace("\r\n", "\n").replace('\n', "\r\n");
            assert_eq!(String::from_utf8(sent).unwrap(), expected);
        }
    }

    #[test]
    fn r1_a_changed_file_is_never_sent_whole() {
        let long = b"a line\n".repeat(CHUNK);
        for octets in [&b"changed\n"[..], &long] {
            let (sent, end) = sent(octets, b"original\n");
            assert!(matches!(end, Err(MaildirError::Changed { .. })), "{end:?}");
            assert!(sent.len() < octets.len());
        }
    }
}
