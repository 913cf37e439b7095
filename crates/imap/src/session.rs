//! A conversation with a server. What it says unasked is taken in here, for every command alike.
//!
//! Only a tagged OK to our own tag is success (R7): NO, BAD, BYE, the end of the connection and a
//! tag that we never sent are not. What does not belong to the state is ignored.

use crate::capability::Capabilities;
use crate::code::Code;
use crate::encode::CommandText;
use crate::error::{ImapError, Refusal};
use crate::flight::Flight;
use crate::framer::{Piece, RawResponse};
use crate::limits::Limits;
use crate::parse::{Response, StatusText, Untagged, Verdict, parse};
use crate::select::{SelectMode, Selected};
use crate::shown::shown;
use crate::step::{FlightEvent, Step};
use crate::wire::{Wire, tag, tag_number};
use crate::wire_name::WireName;
use bytes::Bytes;
use postrider_core::settings::TlsMode;
use postrider_transport::Stream;

/// Alerts kept until somebody takes them.
const MAX_ALERTS: usize = 16;

/// Where a session stands (RFC 9051 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Nobody has logged in.
    NotAuthenticated,
    /// Logged in, no mailbox open.
    Authenticated,
    /// A mailbox is open.
    Selected,
}

/// What the server told of the open mailbox without being asked, since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsolicited {
    /// The latest EXISTS: new messages have come when it grew.
    pub exists: Option<u32>,
    /// Messages that EXPUNGE or VANISHED named.
    pub vanished: u64,
    /// FETCH rows nobody had asked for: flags changed.
    pub flag_changes: u64,
}

/// A session over any stream.
#[derive(Debug)]
pub struct Session {
    pub(crate) wire: Wire,
    pub(crate) state: SessionState,
    pub(crate) limits: Limits,
    pub(crate) unsolicited: Unsolicited,
    pub(crate) broken: bool,
    tls: TlsMode,
    capabilities: Capabilities,
    alerts: Vec<String>,
    last_number: u64,
    /// What comes and goes now is part of a login: no trace shows it.
    pub(crate) hushed: bool,
}

/// What came, after the session has taken in what concerns it.
#[derive(Debug)]
pub(crate) enum Incoming {
    BodyStart { octets: u64 },
    BodyChunk(Bytes),
    BodyEnd,
    Continuation(Vec<u8>),
    Tagged { number: u64, status: StatusText },
    Untagged(Untagged),
}

impl Session {
    /// A session on a fresh stream, before its greeting.
    pub(crate) fn new(stream: Stream, tls: TlsMode, limits: Limits) -> Self {
        Self {
            wire: Wire::new(stream, limits),
            state: SessionState::NotAuthenticated,
            limits,
            unsolicited: Unsolicited::default(),
            broken: false,
            tls,
            capabilities: Capabilities::default(),
            alerts: Vec::new(),
            last_number: 0,
            hushed: false,
        }
    }

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> SessionState {
        self.state
    }

    /// What the server can do; empty before the greeting and right after TLS began.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// What the server told of the open mailbox without being asked.
    #[must_use]
    pub const fn unsolicited(&self) -> Unsolicited {
        self.unsolicited
    }

    /// Texts that the server wants a human to see (ALERT), as sent; at most 16 are kept.
    pub fn take_alerts(&mut self) -> Vec<String> {
        std::mem::take(&mut self.alerts)
    }

    /// Times we waited for the server after having sent something.
    #[must_use]
    pub const fn round_trips(&self) -> u64 {
        self.wire.round_trips()
    }

    /// Sends steps so that those which need not wait for one another go out together.
    ///
    /// # Errors
    /// [`ImapError::Abandoned`] when the session ended earlier.
    pub fn flight(
        &mut self,
        steps: impl IntoIterator<Item = Step>,
    ) -> Result<Flight<'_>, ImapError> {
        self.check()?;
        Ok(Flight::new(self, steps))
    }

    /// Flies one step and collects its events; not for bodies, which would all be held.
    ///
    /// # Errors
    /// As [`Flight::next`], and [`ImapError::Refused`].
    pub async fn run(&mut self, step: Step) -> Result<Vec<FlightEvent>, ImapError> {
        let command = step.verb();
        let mut events = Vec::new();
        let mut flight = self.flight([step])?;
        while let Some(event) = flight.next().await? {
            match event {
                FlightEvent::Refused { refusal, .. } => {
                    return Err(ImapError::Refused { command, refusal });
                }
                FlightEvent::Done { .. } => {}
                event => events.push(event),
            }
        }
        Ok(events)
    }

    /// Opens a mailbox.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub async fn select(
        &mut self,
        mailbox: WireName,
        mode: SelectMode,
    ) -> Result<Selected, ImapError> {
        let events = self.run(Step::Select { mailbox, mode }).await?;
        let selected = events.into_iter().find_map(|event| match event {
            FlightEvent::Selected { selected, .. } => Some(selected),
            _ => None,
        });
        selected.ok_or(ImapError::Abandoned)
    }

    /// Says goodbye. Nothing depends on the answer, so it is not waited for long.
    pub async fn log_out(mut self) {
        if self.broken {
            return;
        }
        let patience = self.limits.farewell;
        let farewell = self.command(CommandText::new("LOGOUT"));
        // BYE, the tagged OK, a closed connection, silence: all of them are an end.
        drop(tokio::time::timeout(patience, farewell).await);
    }

    /// How the connection is secured, or is to be.
    pub(crate) const fn tls(&self) -> TlsMode {
        self.tls
    }

    /// A session on a stream that STARTTLS has encrypted: it knows nothing of what was said before
    /// (CVE-2021-38370), and there is no second greeting.
    pub(crate) fn encrypted(stream: Stream, limits: Limits) -> Self {
        Self::new(stream, TlsMode::Implicit, limits)
    }

    pub(crate) const fn check(&self) -> Result<(), ImapError> {
        if self.broken {
            return Err(ImapError::Abandoned);
        }
        Ok(())
    }

    pub(crate) fn forget_capabilities(&mut self) {
        self.capabilities = Capabilities::default();
    }

    /// Asks what the server can do, unless it said so by itself.
    pub(crate) async fn learn_capabilities(&mut self) -> Result<(), ImapError> {
        if self.capabilities.is_empty() {
            let status = self.command(CommandText::new("CAPABILITY")).await?;
            if let Some(refusal) = Refusal::of(status) {
                let command = "CAPABILITY";
                return Err(ImapError::Refused { command, refusal });
            }
        }
        Ok(())
    }

    /// Queues a command and names it.
    pub(crate) fn send(&mut self, command: CommandText) -> u64 {
        self.last_number += 1;
        self.wire.queue(self.last_number, command);
        self.last_number
    }

    /// Sends one command and waits for its end.
    pub(crate) async fn command(&mut self, command: CommandText) -> Result<StatusText, ImapError> {
        let number = self.send(command);
        loop {
            match self.next_incoming().await? {
                Incoming::Tagged { number: of, status } if of == number => {
                    self.wire.drop_command(number);
                    self.wire.progressed();
                    return Ok(status);
                }
                Incoming::Tagged { number, .. } => {
                    self.broken = true;
                    return Err(ImapError::UnknownTag { tag: tag(number) });
                }
                // Nobody asked for a body, and what else comes is not this command's.
                Incoming::BodyStart { .. }
                | Incoming::BodyChunk(_)
                | Incoming::BodyEnd
                | Incoming::Continuation(_)
                | Incoming::Untagged(_) => {}
            }
        }
    }

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
            Response::Continuation(_) if self.wire.go_on() => None,
            Response::Continuation(text) => Some(Incoming::Continuation(text)),
            Response::Tagged { tag, status } => {
                let Some(number) = tag_number(&tag) else {
                    return Err(ImapError::UnknownTag { tag });
                };
                self.take_code(&status);
                Some(Incoming::Tagged { number, status })
            }
            Response::Untagged(Untagged::Capability(words)) => {
                self.capabilities = Capabilities::from_words(words);
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
            Response::Untagged(untagged) => Some(Incoming::Untagged(untagged)),
        })
    }

    fn take_code(&mut self, status: &StatusText) {
        match &status.code {
            Some(Code::Capability(words)) => {
                self.capabilities = Capabilities::from_words(words.clone());
            }
            Some(Code::Alert) if self.alerts.len() < MAX_ALERTS => {
                self.alerts.push(status.text.clone());
            }
            _ => {}
        }
    }

    /// Takes in what was said of the open mailbox and answers no command.
    pub(crate) const fn take_unsolicited(&mut self, untagged: &Untagged) {
        let seen = &mut self.unsolicited;
        match untagged {
            Untagged::Exists(count) => seen.exists = Some(*count),
            Untagged::Expunge(_) => {
                seen.vanished += 1;
                if let Some(count) = seen.exists {
                    seen.exists = Some(count.saturating_sub(1));
                }
            }
            Untagged::Vanished(count) => seen.vanished = seen.vanished.saturating_add(*count),
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

#[cfg(test)]
mod tests;
