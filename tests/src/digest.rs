//! Messages compared by content: as they travel, and as a Maildir holds them.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// SHA-256 of the bytes, in lower-case hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for octet in Sha256::digest(bytes) {
        write!(hex, "{octet:02x}").expect("writing to a string works");
    }
    hex
}

/// SHA-256 after every CRLF has become LF: what the local copy of these bytes must have.
#[must_use]
pub fn sha256_lf(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut octets = bytes.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        if octet != b'\r' || octets.peek() != Some(&b'\n') {
            plain.push(octet);
        }
    }
    sha256(&plain)
}
