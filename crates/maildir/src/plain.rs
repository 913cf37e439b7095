//! What a message was before a reader wrote header fields of its own into it. mutt and neomutt do that to
//! every message that they move: `Content-Length`, `Lines`, and `Status` of mailboxes that are no Maildir.

use crate::error::MaildirError;
use crate::examine::open;
use postrider_core::message::Sha256;
use sha2::Digest;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// What readers add, in small letters.
const ADDED: [&[u8]; 4] = [b"content-length:", b"lines:", b"status:", b"x-status:"];

/// A header longer than this is an attack or no mail.
const LONGEST_HEADER: u64 = 1_024 * 1_024;

/// Octets per read of the body (R11).
const CHUNK: usize = 128 * 1_024;

/// The hash of a file without the header fields that readers add; `None` where it has none of them.
///
/// # Errors
/// As [`crate::examine()`].
pub fn hash_of_plain(path: &Path) -> Result<Option<Sha256>, MaildirError> {
    let failed = |error| MaildirError::io("read", path)(error);
    let mut file = BufReader::with_capacity(CHUNK, open(path)?);
    let mut hasher = sha2::Sha256::new();
    let (mut left, mut added, mut dropping) = (LONGEST_HEADER, false, false);
    let mut line = Vec::new();
    while left > 0 {
        line.clear();
        let read = (&mut file).take(left).read_until(b'\n', &mut line);
        left -= read.map_err(failed)? as u64;
        if !is_folded(&line) {
            dropping = is_added(&line);
        }
        added |= dropping;
        if !dropping {
            hasher.update(&line);
        }
        if matches!(line.as_slice(), b"" | b"\n" | b"\r\n") {
            break;
        }
    }
    if !added {
        return Ok(None);
    }
    loop {
        let chunk = file.fill_buf().map_err(failed)?;
        let octets = chunk.len();
        if octets == 0 {
            return Ok(Some(Sha256(hasher.finalize().into())));
        }
        hasher.update(chunk);
        file.consume(octets);
    }
}

fn is_folded(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

fn is_added(line: &[u8]) -> bool {
    let begins = |field: &&[u8]| {
        line.get(..field.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(field))
    };
    ADDED.iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn plain(text: &str) -> Option<Sha256> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m");
        fs::write(&path, text).unwrap();
        hash_of_plain(&path).unwrap()
    }

    #[test]
    fn what_mutt_adds_is_taken_away_again() {
        let body = "a body\nStatus: of the world\n".repeat(20_000);
        let original = format!("From: a\nSubject: Lines: of\n folded\nTo: b\n\n{body}");
        let moved = format!(
            "From: a\nSubject: Lines: of\n folded\nTo: b\nContent-Length: 12\nLines: 1\n\n{body}"
        );
        let hash = Sha256(sha2::Sha256::digest(original.as_bytes()).into());
        assert_eq!(plain(&moved), Some(hash));
        let folded = moved.replace("Lines: 1\n", "LINES:\n 1\n\t2\n");
        assert_eq!(plain(&folded), Some(hash));
        assert_ne!(plain(&moved.replace("a body", "A body")), Some(hash));
    }

    #[test]
    fn where_nothing_was_added_there_is_nothing_to_say() {
        for text in [
            "",
            "\n",
            "From: a\n\nLines: 1\n",
            "no header",
            "From: a\nX-Lines: 1\n",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
        let endless = "x: y\n".repeat(300_000) + "Lines: 1\n\nbody";
        assert_eq!(plain(&endless), None);
    }
}
