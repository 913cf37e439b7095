//! The first flight: login, and what need not wait for its answer, in one round trip.
//!
//! Where a [`Memory`] says what the server could do, the login is one command, and whatever comes
//! after it does no harm to be asked in vain, all of it leaves together. Nothing that answers it is
//! believed before the login's own OK (R7). Then the server says what it can do now, or is asked in the same
//! breath; what would be put otherwise in the light of that is asked again, so that a caller never
//! notices that a memory was wrong. A server that loses what follows the login (Courier) is
//! asked again after a while, and remembered for it.

use crate::capability::Capabilities;
use crate::encode::CommandText;
use crate::error::{ImapError, Refusal};
use crate::ext::{enable, id};
use crate::flight::{Flight, Gather, InFlight, Luggage, NO_STEP};
use crate::intake::Incoming;
use crate::launch::commands;
use crate::login::in_one_command;
use crate::memory::{Memory, Notes};
use crate::parse::StatusText;
use crate::session::{Session, SessionState};
use crate::step::{FlightEvent, Step};
use crate::wire::tag;
use postrider_core::settings::TlsMode;
use postrider_transport::Login;
use tokio::time::Instant;

/// What left before the login was answered, as long as that matters.
#[derive(Debug, Default)]
pub(crate) struct Early {
    /// What was sent and is not answered, to be sent again should it be lost.
    commands: Vec<(u64, CommandText)>,
    /// The steps, and how they were put.
    steps: Vec<(usize, Step, Vec<String>)>,
    /// How ENABLE was put.
    enable: Option<String>,
    /// The CAPABILITY that is under way.
    asking: Option<u64>,
    /// When what is not answered counts as lost; `None` as soon as anything is answered.
    pub(crate) deadline: Option<Instant>,
    /// Steps that were answered before the login was: no answer to us.
    hasty: Vec<usize>,
}

impl Session {
    /// Logs in as [`Session::log_in`] does and flies `first`, both in one round trip where `memory`
    /// allows it. The flight's steps are those of `first`.
    ///
    /// # Errors
    /// As [`Session::log_in`].
    pub async fn log_in_with(
        &mut self,
        login: &Login,
        memory: &Memory,
        first: Vec<Step>,
    ) -> Result<Flight<'_>, ImapError> {
        self.check()?;
        self.notes = Notes::of(memory);
        let Some(command) = self.early_login(login, memory) else {
            self.log_in(login).await?;
            return self.flight(first);
        };
        let told = self.told;
        let (status, luggage) = self.fly_early(command.clone(), memory, &first).await?;
        let Some(refusal) = Refusal::of(status) else {
            self.state = SessionState::Authenticated;
            return Ok(Flight::resume(self, luggage));
        };
        let left_behind = luggage.in_flight.iter().map(|command| command.number);
        self.stale.extend(left_behind);
        if told || self.was_put_well(login, &command).await {
            self.broken = true;
            return Err(ImapError::LoginRefused { refusal });
        }
        self.log_in(login).await?;
        self.flight(first)
    }

    /// The login, where others may follow it at once.
    fn early_login(&mut self, login: &Login, memory: &Memory) -> Option<CommandText> {
        let open = self.state == SessionState::NotAuthenticated && self.tls() != TlsMode::StartTls;
        if !open || self.notes.login_alone || memory.capability_words().is_empty() {
            return None;
        }
        if !self.told {
            self.capabilities = Capabilities::from_words(memory.greeting.clone());
        }
        // A server that had nothing to say cannot be guessed at.
        let known = !self.capabilities.is_empty();
        known.then(|| in_one_command(login, &self.capabilities, self.line()))?
    }

    /// Sends the login and what follows it, and waits for the login's end.
    async fn fly_early(
        &mut self,
        command: CommandText,
        memory: &Memory,
        first: &[Step],
    ) -> Result<(StatusText, Luggage), ImapError> {
        self.before_login = self.capabilities.words().to_vec();
        self.capabilities = Capabilities::from_words(memory.capability_words());
        self.told = false;
        self.left_early = true;
        let number = self.send(command);
        let mut flight = Flight::new(self, first.iter().cloned());
        flight.set_out_early();
        let mut luggage = flight.unload();
        self.hushed = true;
        let status = self.end_of_login(number, &mut luggage).await;
        self.hushed = false;
        self.broken |= status.is_err();
        Ok((status?, luggage))
    }

    async fn end_of_login(
        &mut self,
        login: u64,
        luggage: &mut Luggage,
    ) -> Result<StatusText, ImapError> {
        loop {
            match self.next_incoming().await? {
                Incoming::Tagged { number, status } if number == login => {
                    self.wire.drop_command(number);
                    self.wire.progressed();
                    return Ok(status);
                }
                Incoming::Tagged { number, .. } if luggage.drop_hasty(number) => {}
                Incoming::Tagged { number, .. } => {
                    return Err(ImapError::UnknownTag { tag: tag(number) });
                }
                // A server that has forgotten SASL-IR takes the next line for our response, and
                // refuses it; where there is none, this is one.
                Incoming::Continuation(_) if luggage.in_flight.is_empty() => {
                    self.wire.queue_secret_line(login, "*");
                }
                // Nobody is logged in: whatever this is, it answers nothing.
                Incoming::BodyStart { .. }
                | Incoming::BodyChunk(_)
                | Incoming::BodyEnd
                | Incoming::Continuation(_)
                | Incoming::Settled
                | Incoming::Untagged(_) => {}
            }
        }
    }

    /// After a refusal of a login that a memory had put into words: whether it would be put the same
    /// way had the server been asked. A server that does not say any more has refused it for good.
    async fn was_put_well(&mut self, login: &Login, command: &CommandText) -> bool {
        self.opened = false;
        self.forget_capabilities();
        let asked = self.learn_capabilities().await;
        asked.is_err()
            || in_one_command(login, &self.capabilities, self.line()).as_ref() == Some(command)
    }

    /// What had been given up was answered after all: the server is slow, not forgetful.
    pub(crate) const fn late_answer(&mut self) {
        self.notes.login_alone = false;
    }
}

impl Luggage {
    /// Lets go of a command that was answered before the login; `false`: it is none of ours.
    fn drop_hasty(&mut self, number: u64) -> bool {
        let mut commands = self.in_flight.iter();
        let at = commands.position(|command| command.number == number);
        let hasty = at.and_then(|at| self.in_flight.remove(at));
        if let (Some(command), Some(early)) = (&hasty, &mut self.early) {
            early.commands.retain(|(of, _)| *of != number);
            early.asking = early.asking.filter(|asking| *asking != number);
            early.hasty.push(command.step);
        }
        hasty.is_some()
    }
}

impl Flight<'_> {
    /// Sends what may leave before the login is answered.
    fn set_out_early(&mut self) {
        let mut early = Early::default();
        if self.session.notes.asked {
            early.asking =
                Some(self.send_early(&mut early, NO_STEP, capability(), Gather::Nothing));
        }
        self.session.opened = true;
        let capabilities = self.session.capabilities();
        let (id, enable) = (id::command(capabilities), enable::command(capabilities));
        early.enable = enable.as_ref().map(CommandText::shown);
        if let Some(id) = id {
            self.send_early(&mut early, NO_STEP, id, Gather::Nothing);
        }
        if let Some(enable) = enable {
            self.send_early(&mut early, NO_STEP, enable, Gather::Enable);
        }
        while let Some((_, step)) = self.steps.front()
            && step.may_leave_early()
            && let Some((number, step)) = self.steps.pop_front()
        {
            self.prepare(number, &step);
            let texts = self.ready.iter().map(|(_, command, _)| command.shown());
            early.steps.push((number, step, texts.collect()));
            while let Some((step, command, gather)) = self.ready.pop_front() {
                self.send_early(&mut early, step, command, gather);
            }
        }
        self.early = Some(Box::new(early));
    }

    fn send_early(
        &mut self,
        early: &mut Early,
        step: usize,
        command: CommandText,
        gather: Gather,
    ) -> u64 {
        let number = self.send(step, command.clone(), gather);
        early.commands.push((number, command));
        number
    }

    /// The login succeeded: what was sent in advance counts, as far as it was put well.
    pub(crate) fn confirm_early(&mut self) {
        let Some(early) = &mut self.early else { return };
        early.deadline = Some(Instant::now() + self.session.limits.grace);
        let hasty = std::mem::take(&mut early.hasty);
        let unasked = early.asking.is_none();
        self.session.notes.asked = !self.session.told;
        if self.session.told {
            self.put_right();
        } else if unasked {
            let number = self.send(NO_STEP, capability(), Gather::Nothing);
            if let Some(early) = &mut self.early {
                early.asking = Some(number);
            }
        }
        for step in hasty.into_iter().rev() {
            self.ask_again(step);
        }
        self.forget_early();
    }

    /// Asks again what the server would have been asked otherwise, had it been known what it can do.
    fn put_right(&mut self) {
        let Some(early) = &self.early else { return };
        let dialect = self.session.dialect();
        let put_otherwise = |(_, step, texts): &&(usize, Step, Vec<String>)| {
            let now = commands(&dialect, step).ok().flatten();
            let now = now.into_iter().flatten();
            !now.map(|(command, _)| command.shown())
                .eq(texts.iter().cloned())
        };
        let steps = early.steps.iter().rev().filter(put_otherwise);
        let steps: Vec<usize> = steps.map(|(number, ..)| *number).collect();
        let enable = enable::command(dialect.capabilities);
        let enable = enable.filter(|enable| Some(enable.shown()) != early.enable);
        if let Some(enable) = enable {
            self.send(NO_STEP, enable, Gather::Enable);
        }
        for step in steps {
            self.ask_again(step);
        }
    }

    /// Forgets all that was sent and told of a step, and puts it in front of the others.
    fn ask_again(&mut self, number: usize) {
        let Some(early) = &mut self.early else { return };
        let mut steps = early.steps.iter();
        let Some(at) = steps.position(|(of, ..)| *of == number) else {
            return;
        };
        let (_, step, _) = early.steps.remove(at);
        for command in &mut self.in_flight {
            if command.step == number {
                command.void = true;
                command.step = NO_STEP;
            }
        }
        self.open.remove(&number);
        self.events.retain(|event| {
            !matches!(event, FlightEvent::Done { step } | FlightEvent::Refused { step, .. } if *step == number)
        });
        self.steps.push_front((number, step));
    }

    /// Takes in the end of a command that left early; `true` when it is no end for its step.
    pub(crate) fn end_early(&mut self, command: &InFlight, refused: bool) -> bool {
        let Some(early) = &mut self.early else {
            return false;
        };
        early.commands.retain(|(of, _)| *of != command.number);
        early.deadline = None;
        let mut again = false;
        if early.asking == Some(command.number) {
            early.asking = None;
            if self.session.told {
                self.put_right();
            }
        } else if refused && early.asking.is_some() {
            // Perhaps it was put badly: that is known when the server has said what it can do.
            again = early
                .steps
                .iter()
                .any(|(number, ..)| *number == command.step);
            self.ask_again(command.step);
        }
        self.forget_early();
        again
    }

    /// A step has come to its end: nothing of it is asked again.
    pub(crate) fn settle_early(&mut self, step: usize) {
        if let Some(early) = &mut self.early {
            early.steps.retain(|(number, ..)| *number != step);
        }
    }

    /// Whether steps must wait until the server has said what it can do.
    pub(crate) fn waits_for_capabilities(&self) -> bool {
        self.early
            .as_ref()
            .is_some_and(|early| early.asking.is_some())
    }

    /// Sends again what the server seems to have lost.
    pub(crate) fn send_again(&mut self) {
        let Some(early) = &mut self.early else { return };
        early.deadline = None;
        self.session.notes.login_alone = true;
        for (number, command) in &mut early.commands {
            let lost = std::mem::replace(number, self.session.send(command.clone()));
            self.session.stale.push(lost);
            if early.asking == Some(lost) {
                early.asking = Some(*number);
            }
            let mut in_flight = self.in_flight.iter_mut();
            if let Some(command) = in_flight.find(|command| command.number == lost) {
                command.number = *number;
            }
        }
    }

    fn forget_early(&mut self) {
        let over = |early: &mut Box<Early>| early.commands.is_empty() && early.asking.is_none();
        self.early.take_if(over);
    }
}

fn capability() -> CommandText {
    CommandText::new("CAPABILITY")
}

#[cfg(test)]
mod tests;
