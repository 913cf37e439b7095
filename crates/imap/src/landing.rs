//! How commands end, and steps with their last command.

use crate::code::Code;
use crate::create;
use crate::error::{ImapError, Refusal};
use crate::flight::{Flight, Gather, InFlight, Selection};
use crate::launch::below;
use crate::list;
use crate::parse::{Kind, StatusText};
use crate::search::Findings;
use crate::select::Selecting;
use crate::session::{SessionState, Unsolicited};
use crate::step::FlightEvent;
use crate::wire::tag;

impl Flight<'_> {
    pub(crate) fn take_tagged(&mut self, number: u64, status: StatusText) -> Result<(), ImapError> {
        let (at, command) = self.take_answered(number)?;
        let mut refusal = if command.void {
            Some(Refusal::ours("not done: the mailbox could not be opened"))
        } else {
            Refusal::of(status.clone())
        };
        if self.end_early(&command, refusal.is_some()) {
            return Ok(());
        }
        // Whoever is told to ask for less does not ask for the rest.
        if let Some(refusal) = refusal.take_if(|refusal| !command.void && refusal.is_throttle()) {
            let command = "to go on";
            return Err(ImapError::Refused { command, refusal });
        }
        self.take_gathered((at, command), status, refusal);
        Ok(())
    }

    /// Takes in what a command has gathered by its end; `at` is where it stood among those in flight.
    fn take_gathered(
        &mut self,
        (at, command): (usize, InFlight),
        status: StatusText,
        mut refusal: Option<Refusal>,
    ) {
        let step = command.step;
        match command.gather {
            Gather::Select(mut selecting) => {
                if let Some(code) = &status.code {
                    selecting.take_code(code);
                }
                let selecting = refusal.is_none().then_some(*selecting);
                self.end_select(at, step, selecting);
            }
            Gather::Subscriptions(mailboxes) if refusal.is_none() => {
                self.events
                    .push_back(FlightEvent::Subscribed { step, mailboxes });
            }
            // Without an answer nothing is known of other namespaces, which is no failure.
            Gather::Namespaces if !command.void => refusal = None,
            Gather::Create if !command.void => {
                refusal = refusal.filter(|refusal| !create::is_there(refusal));
            }
            // Others may close what is theirs: what is missing from there may be there (R5).
            Gather::ListBelow if !command.void && refusal.take().is_some() => {
                let kind = Kind::List;
                self.events
                    .push_back(FlightEvent::Unreadable { step, kind });
            }
            Gather::Notify if refusal.is_some() => self.session.listening.notifying = false,
            Gather::Unselect if refusal.is_none() => {
                self.session.state = SessionState::Authenticated;
                self.session.forget_open_news();
            }
            Gather::Compress => self.end_compress(refusal.as_ref()),
            Gather::Search(found) => self.end_search(step, found),
            gather @ (Gather::Change | Gather::Copy { .. } | Gather::Store { .. })
                if !command.void =>
            {
                self.end_change(step, gather, status.code, refusal.is_none());
            }
            Gather::Bodies { .. }
            | Gather::Change
            | Gather::Copy { .. }
            | Gather::Create
            | Gather::Facts
            | Gather::Enable
            | Gather::Flags(_)
            | Gather::List
            | Gather::ListBelow
            | Gather::Namespaces
            | Gather::Nothing
            | Gather::Notify
            | Gather::Quota
            | Gather::Status { .. }
            | Gather::Store { .. }
            | Gather::Subscriptions(_)
            | Gather::Unselect => {}
        }
        self.end_command(step, refusal);
    }

    /// The command that was answered, and where it stood among those in flight.
    fn take_answered(&mut self, number: u64) -> Result<(usize, InFlight), ImapError> {
        let mut commands = self.in_flight.iter();
        let at = commands.position(|command| command.number == number);
        let answered = at.and_then(|at| Some((at, self.in_flight.remove(at)?)));
        let answered = answered.ok_or_else(|| ImapError::UnknownTag { tag: tag(number) })?;
        self.session.wire.drop_command(number);
        self.session.wire.progressed();
        self.session.listening.doubted = false;
        Ok(answered)
    }

    /// Tells what a change has come to: who the copies are, whose flags are changed.
    fn end_change(&mut self, step: usize, gather: Gather, code: Option<Code>, is_done: bool) {
        let event = match (gather, code) {
            (Gather::Copy { uids }, Some(Code::CopyUid(copied))) => {
                // What was not asked for says nothing of what was.
                let copied = copied.is_about(&uids).then_some(copied);
                copied.map(|copied| FlightEvent::Copied { step, copied })
            }
            (Gather::Store { uids }, _) if is_done => Some(FlightEvent::Stored { step, uids }),
            _ => None,
        };
        self.events.extend(event);
    }

    /// Takes in how a SELECT ended; `at` is where it stood among the commands in flight.
    fn end_select(&mut self, at: usize, step: usize, selecting: Option<Selecting>) {
        let is_select = |command: &InFlight| matches!(command.gather, Gather::Select(_));
        let is_last = !self.in_flight.iter().skip(at).any(is_select);
        self.session.forget_open_news();
        if let Some(selecting) = selecting {
            let examined = selecting.examined();
            let mut selected = selecting.selected;
            // Quirk::ModSeqWithoutCondstore: it means something, but not to us.
            if !self.session.capabilities.has_condstore() {
                selected.highest_mod_seq = None;
            }
            self.session.state = SessionState::Selected;
            self.session.unsolicited = Unsolicited {
                exists: selected.exists,
                ..Unsolicited::default()
            };
            if is_last {
                self.selection = Selection::Open;
                self.session.examined = examined;
            }
            self.events
                .push_back(FlightEvent::Selected { step, selected });
            return;
        }
        self.session.state = SessionState::Authenticated;
        if is_last {
            self.selection = Selection::None;
        }
        let later = self.in_flight.iter_mut().skip(at);
        for command in later.take_while(|command| !is_select(command)) {
            command.void |= command.gather.needs_mailbox();
        }
    }

    /// Lists what is below the prefixes that NAMESPACE named and that nothing has reached; `false`:
    /// there are none.
    fn list_further(&mut self, step: usize) -> bool {
        let Some(open) = self.open.get_mut(&step) else {
            return false;
        };
        let Some(listing) = open.listing.as_mut().filter(|_| open.refusal.is_none()) else {
            return false;
        };
        let unreached = listing.unreached();
        listing.asked.extend(unreached.iter().cloned());
        if let Some(prefixes) = &listing.prefixes {
            // Next time they are asked for at once. A name that UTF8=ACCEPT changes is not: it is
            // not known by then whether it is enabled.
            let asked = listing.asked.iter();
            let asked = asked.filter(|prefix| prefixes.contains(prefix) && prefix.is_alike());
            self.session.notes.namespaces = asked.cloned().collect();
        }
        let dialect = self.session.dialect();
        let mut commands = below(&dialect, &unreached).unwrap_or_default();
        if commands.is_empty() && listing.is_implausible() {
            listing.begin_plainly();
            commands.push((list::plain_command(), Gather::List));
        }
        open.commands_left = commands.len();
        let commands = commands.into_iter();
        let more = commands.len() > 0;
        self.ready
            .extend(commands.map(|(command, gather)| (step, command, gather)));
        more
    }

    fn end_search(&mut self, step: usize, found: Option<Findings>) {
        if let Some(open) = self.open.get_mut(&step) {
            open.searched = true;
            match found {
                Some(found) => open.found.append(found),
                None => open.unanswered += 1,
            }
        }
    }

    /// Ends the step with its last command.
    fn end_command(&mut self, step: usize, refusal: Option<Refusal>) {
        let Some(open) = self.open.get_mut(&step) else {
            return;
        };
        open.commands_left = open.commands_left.saturating_sub(1);
        if open.refusal.is_none() {
            open.refusal = refusal;
        }
        if open.commands_left > 0 {
            return;
        }
        if self.list_further(step) {
            return;
        }
        let Some(mut open) = self.open.remove(&step) else {
            return;
        };
        self.settle_early(step);
        if let Some(refusal) = open.refusal {
            self.events
                .push_back(FlightEvent::Refused { step, refusal });
            return;
        }
        if let Some(listing) = open.listing.take() {
            let rows = listing.into_rows().into_iter();
            self.events
                .extend(rows.map(|mailbox| FlightEvent::Listed { step, mailbox }));
        }
        if open.searched && open.unanswered == 0 {
            let uids = open.found.into_set();
            self.events.push_back(FlightEvent::Found { step, uids });
        }
        self.events.push_back(FlightEvent::Done { step });
    }
}
