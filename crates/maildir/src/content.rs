//! The hash a message would have as a file, without writing one.

use crate::line_ends::LineEnds;
use postrider_core::message::Sha256;
use sha2::Digest;

/// Hashes octets as they come from a server, line ends as a file has them: the second fetch of a
/// message is compared by this (R1).
#[derive(Debug, Default)]
pub struct ContentHash {
    line_ends: LineEnds,
    hasher: sha2::Sha256,
    buffer: Vec<u8>,
}

impl ContentHash {
    /// Takes the next octets; cut anywhere.
    pub fn update(&mut self, octets: &[u8]) {
        self.buffer.clear();
        self.line_ends.convert(octets, &mut self.buffer);
        self.hasher.update(&self.buffer);
    }

    /// The hash of all that was taken.
    #[must_use]
    pub fn finish(mut self) -> Sha256 {
        self.buffer.clear();
        self.line_ends.finish(&mut self.buffer);
        self.hasher.update(&self.buffer);
        Sha256(self.hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_hash_of_the_file_wherever_the_octets_are_cut() {
        let wire = b"Subject: x\r\n\r\nbody\r\r\nlast\r";
        let file = b"Subject: x\n\nbody\r\nlast\r";
        let expected = Sha256(sha2::Sha256::digest(file).into());
        for cut in 0..wire.len() {
            let mut hash = ContentHash::default();
            hash.update(&wire[..cut]);
            hash.update(&wire[cut..]);
            assert_eq!(hash.finish(), expected, "{cut}");
        }
    }
}
