//! Flights: many steps, few round trips.
//!
//! All steps go out in order without waiting for one another, within a window; what comes back is
//! handed out as it arrives. Servers work in order, but say so nowhere: an untagged response goes
//! to the oldest step that it can answer (`attribution.rs`), and never past a SELECT that is not
//! answered yet. When that SELECT is refused, what was sent after it counts as refused too, whatever
//! the server made of it: some stay in the old mailbox.

use crate::capability::Capabilities;
use crate::compressing::Bodies;
use crate::early::Early;
use crate::encode::CommandText;
use crate::error::{ImapError, Refusal};
use crate::ext::{enable, id, notify};
use crate::fetch::RowItems;
use crate::intake::Incoming;
use crate::launch::commands;
use crate::list::Listing;
use crate::search::Findings;
use crate::select::Selecting;
use crate::session::{Session, SessionState};
use crate::step::{FlightEvent, Step};
use crate::wire_name::WireName;
use postrider_core::flag::KeywordPool;
use postrider_core::uid::UidSet;
use std::collections::{BTreeMap, VecDeque};
use tokio::time::timeout_at;

/// The number of no step: what the flight does of its own has no events.
pub(crate) const NO_STEP: usize = usize::MAX;

/// Octets that may wait to be written before more commands are made.
const OUTGOING_OCTETS: usize = 64 << 10;

/// Steps under way. Dropped before it has landed, it takes the session with it: nobody could tell
/// any more which answer belongs to what.
#[derive(Debug)]
pub struct Flight<'s> {
    pub(crate) session: &'s mut Session,
    pub(crate) steps: VecDeque<(usize, Step)>,
    /// Commands of the step in hand that the window has not let go yet.
    pub(crate) ready: VecDeque<(usize, CommandText, Gather)>,
    pub(crate) in_flight: VecDeque<InFlight>,
    pub(crate) open: BTreeMap<usize, OpenStep>,
    pub(crate) events: VecDeque<FlightEvent>,
    pub(crate) body: Option<BodyFlow>,
    pub(crate) selection: Selection,
    /// What left together with the login, while it is not answered.
    pub(crate) early: Option<Box<Early>>,
    pub(crate) bodies: Bodies,
    /// What the flags that were told cost whoever keeps them all.
    pub(crate) flags_octets: usize,
    pub(crate) keywords: KeywordPool,
    steps_taken: usize,
}

/// A flight that is set aside while its login is waited for.
#[derive(Debug)]
pub(crate) struct Luggage {
    steps: VecDeque<(usize, Step)>,
    pub(crate) in_flight: VecDeque<InFlight>,
    open: BTreeMap<usize, OpenStep>,
    events: VecDeque<FlightEvent>,
    pub(crate) early: Option<Box<Early>>,
    steps_taken: usize,
}

/// A command that was sent and is not answered.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) number: u64,
    pub(crate) step: usize,
    pub(crate) gather: Gather,
    /// Its SELECT failed: nothing of it counts.
    pub(crate) void: bool,
    /// The highest UID it has told of: more of the same is no progress.
    pub(crate) highest: u32,
}

/// What a command is about, and what it has told so far.
#[derive(Debug)]
pub(crate) enum Gather {
    Bodies {
        messages: u64,
    },
    Change,
    Compress,
    Copy {
        uids: UidSet,
    },
    Create,
    Facts,
    Enable,
    Flags(RowItems),
    /// The listing itself: its rows are gathered in the [`OpenStep`].
    List,
    /// As `List`, below a prefix: it may be refused.
    ListBelow,
    Namespaces,
    Nothing,
    Notify,
    Quota,
    Search(Option<Findings>),
    Select(Box<Selecting>),
    Status {
        mailbox: WireName,
        told: bool,
    },
    Store {
        uids: UidSet,
    },
    Subscriptions(Vec<WireName>),
    Unselect,
}

impl Gather {
    pub(crate) const fn needs_mailbox(&self) -> bool {
        match self {
            Self::Bodies { .. }
            | Self::Change
            | Self::Copy { .. }
            | Self::Facts
            | Self::Flags(_)
            | Self::Search(_)
            | Self::Store { .. } => true,
            Self::Compress
            | Self::Create
            | Self::Enable
            | Self::List
            | Self::ListBelow
            | Self::Namespaces
            | Self::Nothing
            | Self::Notify
            | Self::Quota
            | Self::Select(_)
            | Self::Status { .. }
            | Self::Subscriptions(_)
            | Self::Unselect => false,
        }
    }
}

/// A step whose commands are not all answered.
#[derive(Debug, Default)]
pub(crate) struct OpenStep {
    pub(crate) commands_left: usize,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) found: Findings,
    /// Of a `List`: what it has told.
    pub(crate) listing: Option<Box<Listing>>,
    /// Searches without an answer.
    pub(crate) unanswered: usize,
    pub(crate) searched: bool,
}

/// A body that is flowing.
#[derive(Debug)]
pub(crate) struct BodyFlow {
    /// Who asked for it; `None`: nobody, it is let go.
    pub(crate) step: Option<usize>,
    pub(crate) octets: u64,
}

/// What the SELECT that was sent last has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    None,
    Open,
    Pending,
}

impl<'s> Flight<'s> {
    pub(crate) fn new(session: &'s mut Session, steps: impl IntoIterator<Item = Step>) -> Self {
        let selection = match session.state {
            SessionState::Selected => Selection::Open,
            SessionState::Authenticated | SessionState::NotAuthenticated => Selection::None,
        };
        session.wire.rest();
        session.speak();
        let mut flight = Self {
            session,
            steps: VecDeque::new(),
            ready: VecDeque::new(),
            in_flight: VecDeque::new(),
            open: BTreeMap::new(),
            events: VecDeque::new(),
            body: None,
            selection,
            early: None,
            bodies: Bodies::default(),
            flags_octets: 0,
            keywords: KeywordPool::default(),
            steps_taken: 0,
        };
        for step in steps {
            flight.push(step);
        }
        flight
    }

    /// Sets the flight aside.
    pub(crate) fn unload(mut self) -> Luggage {
        Luggage {
            steps: std::mem::take(&mut self.steps),
            in_flight: std::mem::take(&mut self.in_flight),
            open: std::mem::take(&mut self.open),
            events: std::mem::take(&mut self.events),
            early: self.early.take(),
            steps_taken: self.steps_taken,
        }
    }

    /// Goes on with a flight whose login has succeeded.
    pub(crate) fn resume(session: &'s mut Session, luggage: Luggage) -> Self {
        let mut flight = Self::new(session, []);
        flight.steps = luggage.steps;
        flight.in_flight = luggage.in_flight;
        flight.open = luggage.open;
        flight.events = luggage.events;
        flight.early = luggage.early;
        flight.steps_taken = luggage.steps_taken;
        flight.confirm_early();
        flight
    }

    /// Adds a step behind all others and tells its number. May be called while the flight is under
    /// way: so the pipe stays full.
    pub fn push(&mut self, step: Step) -> usize {
        let number = self.steps_taken;
        self.steps_taken += 1;
        self.steps.push_back((number, step));
        number
    }

    /// What the session has learned of the server by now.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        self.session.capabilities()
    }

    /// The next thing that came; `None` when every step is done or refused. Nothing is lost when the
    /// future is dropped and another is made.
    ///
    /// # Errors
    /// Everything that ends a session: the connection breaks, the server says BYE, breaks the
    /// protocol, or does not answer. Steps that are not done by then did not happen, as far as
    /// anybody knows.
    pub async fn next(&mut self) -> Result<Option<FlightEvent>, ImapError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            self.session.check()?;
            self.launch();
            if !self.events.is_empty() {
                continue;
            }
            if self.in_flight.is_empty() {
                return Ok(None);
            }
            let deadline = self.early.as_ref().and_then(|early| early.deadline);
            let incoming = match deadline {
                None => self.session.next_incoming().await?,
                Some(deadline) => match timeout_at(deadline, self.session.next_incoming()).await {
                    Ok(incoming) => incoming?,
                    Err(_elapsed) => {
                        self.send_again();
                        continue;
                    }
                },
            };
            if let Err(error) = self.take(incoming) {
                self.session.broken = true;
                return Err(error);
            }
        }
    }

    fn take(&mut self, incoming: Incoming) -> Result<(), ImapError> {
        match incoming {
            Incoming::BodyStart { octets } => self.begin_body(octets),
            Incoming::BodyChunk(chunk) => self.take_chunk(chunk),
            // The end is told with the row: only that says whose body it was.
            Incoming::BodyEnd | Incoming::Continuation(_) | Incoming::Settled => {}
            Incoming::Tagged { number, status } => self.take_tagged(number, status)?,
            Incoming::Untagged(untagged) => self.take_untagged(untagged)?,
        }
        Ok(())
    }

    /// Sends what may go now. A full window is left to empty by half first, for whoever sends a command
    /// for each that was answered makes a round trip of each.
    fn launch(&mut self) {
        self.open_session();
        if self.in_flight.len() > self.session.limits.window / 2 {
            return;
        }
        while self.in_flight.len() < self.session.limits.window
            && self.session.wire.outgoing_octets() < OUTGOING_OCTETS
        {
            if !self.ready.is_empty() && self.holds_back() {
                return;
            }
            if let Some((step, command, gather)) = self.ready.pop_front() {
                self.send(step, command, gather);
                continue;
            }
            let Some((_, step)) = self.steps.front() else {
                return;
            };
            if self.waits_for_capabilities() || (step.depends_on_utf8() && self.is_enabling()) {
                return;
            }
            if step.changes_mailbox() && self.selection == Selection::Pending {
                return;
            }
            if let Some((number, step)) = self.steps.pop_front() {
                self.prepare(number, &step);
            }
        }
    }

    pub(crate) fn send(&mut self, step: usize, command: CommandText, gather: Gather) -> u64 {
        let number = self.session.send(command);
        self.bodies.asked_for(&gather);
        self.in_flight.push_back(InFlight {
            number,
            step,
            gather,
            void: false,
            highest: 0,
        });
        number
    }

    /// Says who we are and enables what we can use, before the first step after the login.
    fn open_session(&mut self) {
        if self.session.opened || self.session.state != SessionState::Authenticated {
            return;
        }
        self.session.opened = true;
        let capabilities = self.session.capabilities();
        let (id, enable) = (id::command(capabilities), enable::command(capabilities));
        if let Some(id) = id {
            self.send(NO_STEP, id, Gather::Nothing);
        }
        if let Some(enable) = enable {
            self.send(NO_STEP, enable, Gather::Enable);
        }
    }

    /// Whether it is still open what the server will enable.
    fn is_enabling(&self) -> bool {
        let enables = |command: &InFlight| matches!(command.gather, Gather::Enable);
        self.in_flight.iter().any(enables)
    }

    /// Whether news of a mailbox that is being closed may still come.
    fn is_closing(&self) -> bool {
        let closes = |command: &InFlight| matches!(command.gather, Gather::Unselect);
        self.in_flight.iter().any(closes)
    }

    /// Makes the commands of a step, or ends it right here.
    pub(crate) fn prepare(&mut self, number: usize, step: &Step) {
        if step.needs_mailbox() && self.selection == Selection::None {
            return self.refuse(number, "not sent: no mailbox is open");
        }
        if *step == Step::Unselect && self.selection == Selection::None {
            return self.events.push_back(FlightEvent::Done { step: number });
        }
        match commands(&self.session.dialect(), step) {
            Ok(Some(commands)) if commands.is_empty() => {
                self.events.push_back(FlightEvent::Done { step: number });
            }
            Ok(Some(mut commands)) => {
                if let Some((_, Gather::Select(selecting))) = commands.first_mut() {
                    selecting.begun = self.selection == Selection::None && !self.is_closing();
                    self.selection = Selection::Pending;
                    self.session.examined = None;
                }
                if let Some((_, Gather::Unselect)) = commands.first() {
                    self.selection = Selection::None;
                    self.session.examined = None;
                }
                if let Some((_, Gather::Notify)) = commands.first() {
                    // It begins to tell before it says OK.
                    let before = std::mem::replace(&mut self.session.listening.notifying, true);
                    // Quirk::DeafAfterSecondNotify.
                    if before {
                        commands.insert(0, (notify::end_command(), Gather::Nothing));
                    }
                }
                let open = OpenStep {
                    commands_left: commands.len(),
                    listing: (*step == Step::List)
                        .then(|| Box::new(Listing::new(&self.session.dialect()))),
                    ..OpenStep::default()
                };
                self.open.insert(number, open);
                let commands = commands.into_iter();
                self.ready
                    .extend(commands.map(|(command, gather)| (number, command, gather)));
            }
            Ok(None) => {
                let lacking = step.requires();
                self.refuse(number, &format!("not sent: the server lacks {lacking}"));
            }
            Err(error) => self.refuse(number, &error.to_string()),
        }
    }

    fn refuse(&mut self, step: usize, text: &str) {
        let refusal = Refusal::ours(text);
        self.events
            .push_back(FlightEvent::Refused { step, refusal });
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.in_flight.is_empty() {
            self.session.broken = true;
        }
    }
}

#[cfg(test)]
mod tests;
