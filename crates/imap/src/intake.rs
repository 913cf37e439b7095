//! What a server says unasked, taken in for every command alike.

use crate::code::Code;
use crate::error::ImapError;
use crate::ext::utf8_accept;
use crate::framer::{Piece, RawResponse};
use crate::parse::{Response, StatusText, Untagged, Verdict, parse};
use crate::session::{Session, SessionState};
use crate::shown::shown;
use crate::wire::tag_number;
use bytes::Bytes;

/// Alerts kept until somebody takes them.
const MAX_ALERTS: usize = 16;

/// What the server told of the open mailbox without being asked, since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsolicited {
    /// The latest EXISTS, less what vanished since: new messages have come when it grew.
    pub exists: Option<u32>,
    /// Messages that EXPUNGE or VANISHED named.
    pub vanished: u64,
    /// FETCH rows nobody had asked for: flags changed.
    pub flag_changes: u64,
}

/// What came, after the session has taken in what concerns it.
#[derive(Debug)]
pub(crate) enum Incoming {
    BodyStart {
        octets: u64,
    },
    BodyChunk(Bytes),
    BodyEnd,
    Continuation(Vec<u8>),
    /// A command ended, or was granted, that no step waits for.
    Settled,
    Tagged {
        number: u64,
        status: StatusText,
    },
    Untagged(Untagged),
}

impl Session {
    /// The next thing that came, after capabilities, alerts and BYE have been taken in.
    pub(crate) async fn next_incoming(&mut self) -> Result<Incoming, ImapError> {
        self.check()?;
        let incoming = loop {
            match self.wire.next_piece().await {
                Ok(Piece::BodyStart { octets }) => break Ok(Incoming::BodyStart { octets }),
                Ok(Piece::BodyChunk(chunk)) => break Ok(Incoming::BodyChunk(chunk)),
                Ok(Piece::BodyEnd) => break Ok(Incoming::BodyEnd),
                Ok(Piece::Response(raw)) => match self.take_in(&raw) {
                    Ok(Some(incoming)) => break Ok(incoming),
                    Ok(None) => {}
                    Err(error) => break Err(error),
                },
                Err(error) => break Err(error),
            }
        };
        self.broken = incoming.is_err();
        incoming
    }

    fn take_in(&mut self, raw: &RawResponse) -> Result<Option<Incoming>, ImapError> {
        self.trace(raw);
        Ok(match parse(raw).map_err(ImapError::NotAResponse)? {
            // A literal of ours may go on; other continuations concern SASL.
            Response::Continuation(text) => {
                let waiting = self.wire.waiting();
                if !self.wire.go_on() {
                    Some(Incoming::Continuation(text))
                } else if self.grant_idle(waiting) {
                    Some(Incoming::Settled)
                } else {
                    None
                }
            }
            Response::Tagged { tag, status } => {
                let Some(number) = tag_number(&tag) else {
                    return Err(ImapError::UnknownTag { tag });
                };
                if let Some(at) = self.stale.iter().position(|stale| *stale == number) {
                    self.stale.swap_remove(at);
                    self.late_answer();
                    return Ok(None);
                }
                self.take_code(&status);
                if self.settle_tagged(number, &status) {
                    return Ok(Some(Incoming::Settled));
                }
                Some(Incoming::Tagged { number, status })
            }
            Response::Untagged(Untagged::Capability(words)) => {
                self.take_capabilities(words);
                None
            }
            Response::Untagged(Untagged::Enabled(words)) => {
                // Nobody enables what was not asked for, or for a stranger.
                if self.opened && self.state != SessionState::NotAuthenticated {
                    self.enabled.take(&words);
                }
                None
            }
            Response::Untagged(Untagged::Status(status)) => {
                self.take_code(&status);
                if status.verdict == Verdict::Bye {
                    let StatusText { text, code, .. } = status;
                    return Err(ImapError::Bye { text, code });
                }
                Some(Incoming::Untagged(Untagged::Status(status)))
            }
            Response::Untagged(mut untagged) => {
                if self.enabled.utf8 {
                    utf8_accept::normalise(&mut untagged);
                }
                Some(Incoming::Untagged(untagged))
            }
        })
    }

    fn take_code(&mut self, status: &StatusText) {
        match &status.code {
            Some(Code::Capability(words)) => {
                self.take_capabilities(words.clone());
            }
            Some(Code::NotificationOverflow) => self.hear_overflow(),
            Some(Code::Alert) if self.alerts.len() < MAX_ALERTS => {
                self.alerts.push(status.text.clone());
            }
            _ => {}
        }
    }

    /// Takes in what was said of the open mailbox and answers no command.
    pub(crate) fn take_unsolicited(&mut self, untagged: &Untagged) {
        let seen = &mut self.unsolicited;
        let mut gone = |count: u64| {
            seen.vanished = seen.vanished.saturating_add(count);
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            seen.exists = seen.exists.map(|exists| exists.saturating_sub(count));
        };
        match untagged {
            Untagged::Exists(count) => seen.exists = Some(*count),
            Untagged::Expunge(_) => gone(1),
            // What was gone before was never counted.
            Untagged::Vanished(vanished) if !vanished.earlier => gone(vanished.uids.count()),
            Untagged::Fetch(_) => seen.flag_changes += 1,
            _ => {}
        }
    }

    fn trace(&self, raw: &RawResponse) {
        if !tracing::enabled!(target: "wire", tracing::Level::TRACE) {
            return;
        }
        if self.hushed && raw.text.starts_with(b"+") {
            tracing::trace!(target: "wire", "S: + <redacted>");
        } else {
            tracing::trace!(target: "wire", "S: {}", shown(&raw.text));
        }
    }
}
