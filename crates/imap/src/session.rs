//! A conversation with a server.
//!
//! Only a tagged OK to our own tag is success (R7): NO, BAD, BYE, the end of the connection and a
//! tag that we never sent are not. What does not belong to the state is ignored.

use crate::capability::Capabilities;
use crate::dialect::Dialect;
use crate::encode::CommandText;
use crate::error::{ImapError, Refusal};
use crate::ext::compress::Compression;
use crate::ext::enable::Enabled;
use crate::flight::Flight;
use crate::intake::Incoming;
pub use crate::intake::Unsolicited;
use crate::limits::Limits;
use crate::listening::Listening;
use crate::memory::{Memory, Notes};
use crate::parse::StatusText;
use crate::select::{SelectMode, Selected};
use crate::source::Source;
use crate::step::{FlightEvent, Step};
use crate::wire::{Wire, tag};
use crate::wire_name::WireName;
use postrider_core::settings::TlsMode;
use postrider_core::uid::UidValidity;
use postrider_transport::{ChannelBinding, Stream};

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

/// A session over any stream.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that happened or did not"
)]
pub struct Session {
    pub(crate) wire: Wire,
    pub(crate) state: SessionState,
    /// What EXAMINE has opened, and the epoch of its UIDs. No SELECT was sent since.
    pub(crate) examined: Option<(WireName, UidValidity)>,
    pub(crate) limits: Limits,
    pub(crate) unsolicited: Unsolicited,
    pub(crate) broken: bool,
    tls: TlsMode,
    pub(crate) capabilities: Capabilities,
    /// The capabilities are the server's own words of this session, not remembered ones.
    pub(crate) told: bool,
    /// The first flight left together with the login.
    pub(crate) left_early: bool,
    /// What the server could do before the login, for the next time.
    pub(crate) before_login: Vec<String>,
    pub(crate) notes: Notes,
    pub(crate) enabled: Enabled,
    pub(crate) compression: Compression,
    /// ID and ENABLE have been sent.
    pub(crate) opened: bool,
    pub(crate) alerts: Vec<String>,
    pub(crate) last_number: u64,
    /// Commands whose answers do not count any more, if they come at all.
    pub(crate) stale: Vec<u64>,
    /// What comes and goes now is part of a login: no trace shows it.
    pub(crate) hushed: bool,
    pub(crate) listening: Listening,
    /// What binds the login to the connection.
    pub(crate) binding: Option<ChannelBinding>,
}

impl Session {
    /// A session on a fresh stream, before its greeting.
    pub(crate) fn new(stream: Stream, tls: TlsMode, limits: Limits) -> Self {
        // Of what is in the box, not of the box.
        let binding = (*stream).channel_binding();
        Self {
            binding,
            wire: Wire::new(stream, limits),
            state: SessionState::NotAuthenticated,
            examined: None,
            limits,
            unsolicited: Unsolicited::default(),
            broken: false,
            tls,
            capabilities: Capabilities::default(),
            told: false,
            left_early: false,
            before_login: Vec::new(),
            notes: Notes::default(),
            enabled: Enabled::default(),
            compression: Compression::default(),
            opened: false,
            alerts: Vec::new(),
            last_number: 0,
            stale: Vec::new(),
            hushed: false,
            listening: Listening::default(),
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

    /// Whether SELECT can tell what changed and vanished ([`Step::Select`]). Requires QRESYNC
    /// (RFC 7162); known when the first flight has landed.
    #[must_use]
    pub const fn can_resync(&self) -> bool {
        self.enabled.qresync
    }

    /// The mailbox that is open for reading and the epoch of its UIDs, which lasts as long as it is open: it need
    /// not be opened again.
    #[must_use]
    pub fn examined(&self) -> Option<(&WireName, UidValidity)> {
        let (mailbox, uid_validity) = self.examined.as_ref()?;
        Some((mailbox, *uid_validity))
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

    /// Counts round trips from zero.
    pub const fn count_anew(&mut self) {
        self.wire.count_anew();
    }

    /// Whether what is said is compressed (RFC 4978). A flight of bodies begins that by itself, where
    /// the server can and the line is slow.
    #[must_use]
    pub const fn is_compressed(&self) -> bool {
        self.wire.is_compressed()
    }

    /// What to remember of this server. Complete when the first flight after the login has landed.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let mut session = self.capabilities.words().to_vec();
        session.extend(self.notes.words());
        Memory {
            greeting: self.before_login.clone(),
            session,
        }
    }

    /// Whether the server takes us for somebody already: after a login, or greeted with PREAUTH.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        self.state != SessionState::NotAuthenticated
    }

    /// Whether the first flight left together with the login.
    #[must_use]
    pub const fn left_early(&self) -> bool {
        self.left_early
    }

    /// Notes that this server ended a session whose first flight left together with the login: it
    /// is not tried again.
    pub const fn note_login_alone(&mut self) {
        self.notes.login_alone = true;
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
        let select = Step::Select {
            mailbox,
            mode,
            resync: None,
        };
        let events = self.run(select).await?;
        let selected = events.into_iter().find_map(|event| match event {
            FlightEvent::Selected { selected, .. } => Some(selected),
            _ => None,
        });
        selected.ok_or(ImapError::Abandoned)
    }

    /// Says goodbye and hangs up. Nothing depends on the answer, so it costs no round trip: LOGOUT is
    /// on its way, with TLS's close_notify and FIN behind it, when this returns.
    pub async fn log_out(mut self) {
        if self.broken {
            return;
        }
        self.speak();
        self.send(CommandText::new("LOGOUT"));
        self.wire.hang_up(self.limits.farewell).await;
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

    /// How we may talk now.
    pub(crate) fn dialect(&self) -> Dialect<'_> {
        Dialect {
            namespaces: &self.notes.namespaces,
            capabilities: &self.capabilities,
            enabled: self.enabled,
            limits: self.limits,
            named: self.opened,
        }
    }

    pub(crate) const fn check(&self) -> Result<(), ImapError> {
        if self.broken {
            return Err(ImapError::Abandoned);
        }
        Ok(())
    }

    pub(crate) fn forget_capabilities(&mut self) {
        self.capabilities = Capabilities::default();
        self.told = false;
    }

    /// Takes in what the server says that it can do.
    pub(crate) fn take_capabilities(&mut self, words: Vec<String>) {
        self.capabilities = Capabilities::from_words(words);
        self.told = true;
    }

    /// Asks what the server can do, unless it said so by itself.
    pub(crate) async fn learn_capabilities(&mut self) -> Result<(), ImapError> {
        if !self.told {
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
        self.wire.queue(self.last_number, command, Vec::new());
        self.last_number
    }

    /// Sends one command and waits for its end.
    pub(crate) async fn command(&mut self, command: CommandText) -> Result<StatusText, ImapError> {
        self.command_with(command, Vec::new()).await
    }

    /// As [`Session::command`], with what the command streams.
    pub(crate) async fn command_with(
        &mut self,
        command: CommandText,
        sources: Vec<Source>,
    ) -> Result<StatusText, ImapError> {
        self.speak();
        self.last_number += 1;
        let number = self.last_number;
        self.wire.queue(number, command, sources);
        loop {
            match self.next_incoming().await? {
                Incoming::Tagged { number: of, status } if of == number => {
                    self.wire.drop_command(number);
                    self.wire.progressed();
                    self.listening.doubted = false;
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
                | Incoming::Settled
                | Incoming::Untagged(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
