//! Cuts what the server sends into responses, and lets message bodies flow past. No I/O.
//!
//! A response is lines joined by literals (RFC 9051 §2.2.2, §4.3). Everything small (names,
//! headers) is kept, within [`Limits`]; a literal that holds a message's body is handed out chunk
//! by chunk and never held (R11). Nothing is ever allocated because a server announced a length.

use crate::limits::Limits;
use bytes::{Bytes, BytesMut};

/// The next thing the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A body begins; its response is not over and comes as [`Piece::Response`] later.
    BodyStart {
        /// The announced length.
        octets: u64,
    },
    /// Octets of the body, never empty.
    BodyChunk(Bytes),
    /// All announced octets have been handed out.
    BodyEnd,
    /// A whole response.
    Response(RawResponse),
}

/// A response as it stood on the wire, its kept literals in place, a streamed body left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawResponse {
    /// All lines and kept literals, the last line's end included.
    pub text: Bytes,
    /// Where in `text` a streamed body stood (right after its `{n}` line) and its octets.
    pub streamed: Option<(usize, u64)>,
}

/// Input that is not IMAP, or beyond all measure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A message body longer than [`Limits::body_octets`].
    #[error("the server announced a message of {octets} octets; at most {limit} are taken")]
    BodyTooLong {
        /// The announced length.
        octets: u64,
        /// What would have been taken.
        limit: u64,
    },
    /// A literal whose length is no number of 64 bits.
    #[error("the server announced a literal whose length is beyond 64 bits")]
    LengthOverflow,
    /// A literal that is no body does not fit [`Limits::literal_octets`].
    #[error(
        "the server announced a literal of {octets} octets where a name or header belongs; at most {limit} are taken in one response"
    )]
    LiteralTooLong {
        /// The announced length.
        octets: u64,
        /// What would have been taken in all.
        limit: u64,
    },
    /// A response without its literals does not fit [`Limits::response_octets`].
    #[error("the server sent a response of more than {limit} octets without end")]
    ResponseTooLong {
        /// What would have been taken.
        limit: usize,
    },
    /// Two bodies in one response: nobody asked for that, and the octets could not be told apart.
    #[error("the server sent two message bodies in one response")]
    TwoBodies,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a line; `scanned` octets of the input are known to hold no line end.
    Line { scanned: usize },
    /// In a literal that is kept.
    Kept { left: u64 },
    /// In a body.
    Body { left: u64 },
}

/// Bytes in, pieces out.
#[derive(Debug)]
pub struct Framer {
    input: BytesMut,
    /// What came before the present line in the same response; empty for most responses.
    assembled: BytesMut,
    kept_octets: u64,
    streamed: Option<(usize, u64)>,
    state: State,
    limits: Limits,
}

impl Framer {
    /// A framer at the start of a connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            input: BytesMut::new(),
            assembled: BytesMut::new(),
            kept_octets: 0,
            streamed: None,
            state: State::Line { scanned: 0 },
            limits,
        }
    }

    /// Where received octets are appended.
    pub const fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Gives back what memory it holds, where nothing is under way.
    pub(crate) fn rest(&mut self) {
        if self.is_between_responses() {
            self.input = BytesMut::new();
            self.assembled = BytesMut::new();
        }
    }

    /// Octets received and not yet understood: must be none when TLS begins (R9).
    #[must_use]
    pub fn pending_octets(&self) -> usize {
        self.input.len() + self.assembled.len()
    }

    /// Whether the server stopped at the end of a response.
    #[must_use]
    pub fn is_between_responses(&self) -> bool {
        self.pending_octets() == 0 && matches!(self.state, State::Line { .. })
    }

    /// The next piece, or `None` until more octets are in.
    ///
    /// # Errors
    /// [`FrameError`]; the connection is of no use afterwards.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, FrameError> {
        loop {
            match self.state {
                State::Body { left: 0 } => {
                    self.state = State::Line { scanned: 0 };
                    return Ok(Some(Piece::BodyEnd));
                }
                State::Body { .. } if self.input.is_empty() => return Ok(None),
                State::Body { left } => {
                    let take = at_most(self.input.len(), left);
                    let chunk = self.input.split_to(take).freeze();
                    self.state = State::Body {
                        left: left.saturating_sub(take as u64),
                    };
                    return Ok(Some(Piece::BodyChunk(chunk)));
                }
                State::Kept { left: 0 } => self.state = State::Line { scanned: 0 },
                State::Kept { .. } if self.input.is_empty() => return Ok(None),
                State::Kept { left } => {
                    let take = at_most(self.input.len(), left);
                    self.assembled.extend_from_slice(&self.input.split_to(take));
                    self.state = State::Kept {
                        left: left.saturating_sub(take as u64),
                    };
                }
                State::Line { scanned } => {
                    let Some(line) = self.line(scanned)? else {
                        return Ok(None);
                    };
                    if let Some(piece) = self.after_line(line)? {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    /// The next line with its end, once it is all there. LF alone ends a line too: some servers and
    /// most tunnels' login banners send it.
    fn line(&mut self, scanned: usize) -> Result<Option<BytesMut>, FrameError> {
        let fresh = self.input.get(scanned..).unwrap_or_default();
        let end = fresh.iter().position(|octet| *octet == b'\n');
        let length = end.map_or(self.input.len(), |at| scanned + at + 1);
        let text = self.assembled.len() as u64 - self.kept_octets;
        if text + length as u64 > self.limits.response_octets as u64 {
            return Err(FrameError::ResponseTooLong {
                limit: self.limits.response_octets,
            });
        }
        if end.is_none() {
            self.state = State::Line { scanned: length };
            return Ok(None);
        }
        self.state = State::Line { scanned: 0 };
        Ok(Some(self.input.split_to(length)))
    }

    /// Goes on after a line: into its literal, or out with the response.
    fn after_line(&mut self, line: BytesMut) -> Result<Option<Piece>, FrameError> {
        let literal = {
            let head = if self.assembled.is_empty() {
                &line
            } else {
                &self.assembled
            };
            if may_hold_literals(head) {
                announced(&line)?
            } else {
                None
            }
        };
        let Some(Announced { octets, before }) = literal else {
            return Ok(Some(self.finish(line)));
        };
        let is_body = {
            let head = if self.assembled.is_empty() {
                &line
            } else {
                &self.assembled
            };
            is_fetch(head) && is_body_item(line.get(..before).unwrap_or_default())
        };
        self.assembled.extend_from_slice(&line);
        if !is_body {
            let limit = self.limits.literal_octets;
            self.kept_octets = self.kept_octets.saturating_add(octets);
            if self.kept_octets > limit {
                return Err(FrameError::LiteralTooLong { octets, limit });
            }
            self.state = State::Kept { left: octets };
            return Ok(None);
        }
        if self.streamed.is_some() {
            return Err(FrameError::TwoBodies);
        }
        let limit = self.limits.body_octets;
        if octets > limit {
            return Err(FrameError::BodyTooLong { octets, limit });
        }
        self.streamed = Some((self.assembled.len(), octets));
        self.state = State::Body { left: octets };
        Ok(Some(Piece::BodyStart { octets }))
    }

    fn finish(&mut self, line: BytesMut) -> Piece {
        let text = if self.assembled.is_empty() {
            line.freeze()
        } else {
            let mut whole = std::mem::take(&mut self.assembled);
            whole.extend_from_slice(&line);
            whole.freeze()
        };
        self.kept_octets = 0;
        Piece::Response(RawResponse {
            text,
            streamed: self.streamed.take(),
        })
    }
}

fn at_most(there: usize, wanted: u64) -> usize {
    usize::try_from(wanted).map_or(there, |wanted| wanted.min(there))
}

/// A literal that the end of a line announced.
struct Announced {
    octets: u64,
    /// Where in the line the announcement begins.
    before: usize,
}

/// Reads `{n}`, `{n+}` (RFC 7888, only clients should) and `~{n}` (RFC 3516) at the end of a line.
fn announced(line: &[u8]) -> Result<Option<Announced>, FrameError> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(inner) = line.strip_suffix(b"}") else {
        return Ok(None);
    };
    let inner = inner.strip_suffix(b"+").unwrap_or(inner);
    let digits = inner.iter().rev().take_while(|o| o.is_ascii_digit());
    let digits = digits.count();
    let (head, number) = inner.split_at(inner.len() - digits);
    let Some(head) = head.strip_suffix(b"{") else {
        return Ok(None);
    };
    if number.is_empty() {
        return Ok(None);
    }
    let octets = number.iter().try_fold(0_u64, |sum, digit| {
        sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    let head = head.strip_suffix(b"~").unwrap_or(head);
    Ok(Some(Announced {
        octets: octets.ok_or(FrameError::LengthOverflow)?,
        before: head.len(),
    }))
}

/// Free text may well end in `{5}`; it stands in tagged responses, status responses and
/// continuations, none of which has literals (RFC 9051 §9, `resp-text`).
fn may_hold_literals(head: &[u8]) -> bool {
    const STATUS: [&[u8]; 5] = [b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"];
    let mut words = head
        .split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty());
    words.next() == Some(b"*")
        && !words.next().is_some_and(|word| {
            let is_word = |status: &&[u8]| status.eq_ignore_ascii_case(word);
            STATUS.iter().any(is_word)
        })
}

/// Whether the response is `* n FETCH (…`.
fn is_fetch(head: &[u8]) -> bool {
    let head = head.get(..head.len().min(64)).unwrap_or_default();
    let mut words = head
        .split(|octet| octet.is_ascii_whitespace() || *octet == b'(')
        .filter(|word| !word.is_empty());
    words.next() == Some(b"*")
        && words
            .next()
            .is_some_and(|n| n.iter().all(u8::is_ascii_digit))
        && words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(b"FETCH"))
}

/// Whether the text before an announcement ends with an item whose value is a whole body.
fn is_body_item(before: &[u8]) -> bool {
    let mut before = before;
    while let Some(rest) = before.strip_suffix(b" ") {
        before = rest;
    }
    let start = before
        .iter()
        .rposition(|octet| matches!(octet, b' ' | b'('));
    let item = start.map_or(before, |at| before.get(at + 1..).unwrap_or_default());
    let whole = match item.iter().rposition(|octet| *octet == b'<') {
        Some(at) if item.ends_with(b">") => item.get(..at).unwrap_or_default(),
        _ => item,
    };
    let items: [&[u8]; 3] = [b"BODY[]", b"BINARY[]", b"RFC822"];
    items.iter().any(|name| name.eq_ignore_ascii_case(whole))
}

#[cfg(test)]
mod tests;
