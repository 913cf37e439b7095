//! Octets in, lines and message data out. No I/O.
//!
//! **Where data ends.** RFC 1939 §3: at a line of one dot, and a line ends with CRLF. A bare LF
//! inside a message is an octet like any other. Were `LF . LF` taken for the end, the sender of a
//! message could end it early and write the server's next answers himself. The one exception:
//! a server whose own status line came with a bare LF ends all its lines so, and is taken at its
//! word for that answer; no sender can influence that line.

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memmem};

/// The longest line of an answer that is not message data, in octets. RFC 2449 §4 says 512; SASL
/// challenges and some greetings are longer.
pub const LONGEST_LINE: usize = 8192;

/// A line did not end within [`LONGEST_LINE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line of more than {LONGEST_LINE} octets")]
pub struct LineTooLong;

/// A piece of a multi-line answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Octets as the sender meant them: dots unstuffed, CRLF kept. Never empty.
    Chunk(Bytes),
    /// The terminator.
    End,
}

/// Cuts a server's octets into answers.
///
/// The caller knows which answer comes next (POP3 answers do not say themselves whether data
/// follow) and asks either for a [`line`](Decoder::line) or, after a line that opens data, for
/// [`data`](Decoder::data) until its end. Both take what they need from `input` and leave the rest;
/// `None` means that more input is needed.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    /// How much of `input` is known to have no LF.
    searched: usize,
    /// The last line ended with a bare LF.
    bare_lf: bool,
    at_line_start: bool,
    after_cr: bool,
}

impl Decoder {
    /// The next line, without its end.
    ///
    /// # Errors
    /// When it is longer than [`LONGEST_LINE`].
    pub fn line(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, LineTooLong> {
        let unsearched = input.get(self.searched..).unwrap_or_default();
        let Some(at) = memchr(b'\n', unsearched) else {
            self.searched = input.len();
            return if input.len() > LONGEST_LINE {
                Err(LineTooLong)
            } else {
                Ok(None)
            };
        };
        let end = self.searched + at;
        self.searched = 0;
        if end > LONGEST_LINE {
            return Err(LineTooLong);
        }
        let mut line = input.split_to(end + 1);
        line.truncate(end);
        self.bare_lf = line.last() != Some(&b'\r');
        if !self.bare_lf {
            line.truncate(end - 1);
        }
        Ok(Some(line.freeze()))
    }

    /// Says that the line just read opens data.
    pub const fn open_data(&mut self) {
        self.at_line_start = true;
        self.after_cr = false;
    }

    /// The next piece of data.
    pub fn data(&mut self, input: &mut BytesMut) -> Option<Data> {
        if self.at_line_start && input.first() == Some(&b'.') {
            match (input.get(1), input.get(2)) {
                (Some(b'\r'), Some(b'\n')) => {
                    input.advance(3);
                    return Some(Data::End);
                }
                (Some(b'\n'), _) if self.bare_lf => {
                    input.advance(2);
                    return Some(Data::End);
                }
                (None, _) | (Some(b'\r'), None) => return None,
                // RFC 1939 §3: any other dot that begins a line was put there by the server.
                _ => input.advance(1),
            }
            self.at_line_start = false;
            self.after_cr = false;
        }
        if input.is_empty() {
            return None;
        }
        let chunk = input.split_to(self.next_dotted_line(input)).freeze();
        self.note_end(&chunk);
        Some(Data::Chunk(chunk))
    }

    /// Where the first line begins that begins with a dot; the end of `octets` when none does.
    fn next_dotted_line(&self, octets: &[u8]) -> usize {
        memmem::find_iter(octets, b"\n.")
            .find(|&lf| self.bare_lf || self.is_cr(octets, lf.checked_sub(1)))
            .map_or(octets.len(), |lf| lf + 1)
    }

    fn is_cr(&self, octets: &[u8], at: Option<usize>) -> bool {
        match at {
            Some(at) => octets.get(at) == Some(&b'\r'),
            None => self.after_cr,
        }
    }

    fn note_end(&mut self, chunk: &[u8]) {
        let before_last = chunk.len().checked_sub(2);
        let ends_with_lf = chunk.last() == Some(&b'\n');
        self.at_line_start = ends_with_lf && (self.bare_lf || self.is_cr(chunk, before_last));
        self.after_cr = chunk.last() == Some(&b'\r');
    }
}

#[cfg(test)]
mod tests;
