//! A flight that begins to compress on its way: it lets the pipeline drain, asks, and goes on.
//!
//! What is still to come is estimated from what has come: the bodies that wait to be asked for, at
//! the mean size of those that arrived.

use crate::error::Refusal;
use crate::ext::compress::{self, Compression, MESSAGES_AHEAD};
use crate::flight::{Flight, Gather, NO_STEP};
use crate::step::Step;

/// What a flight knows of its bodies.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bodies {
    asked: u64,
    begun: u64,
    arrived: u64,
    octets: u64,
}

/// Bodies besides twice as many as were asked for that a flight takes.
const SPARE: u64 = 16;

impl Bodies {
    pub(crate) const fn asked_for(&mut self, gather: &Gather) {
        self.asked = self.asked.saturating_add(bodies_of(gather));
    }

    /// Whether one that begins now can be one that was asked for. They are counted over the whole flight: a server may
    /// answer several commands at once (Dovecot does, when we are slow to read), and servers repeat one now and then.
    pub(crate) const fn one_begins(&mut self) -> bool {
        self.begun = self.begun.saturating_add(1);
        self.begun <= self.asked.saturating_mul(2).saturating_add(SPARE)
    }
}

impl Flight<'_> {
    /// A body has arrived.
    pub(crate) fn body_arrived(&mut self, octets: u64) {
        self.bodies.arrived += 1;
        self.bodies.octets = self.bodies.octets.saturating_add(octets);
    }

    fn may_compress(&self) -> bool {
        let able = compress::command(self.session.capabilities()).is_some();
        able && self.session.compression == Compression::Untried
    }

    fn octets_to_ask_for(&self) -> u64 {
        let asked = self.ready.iter().map(|(_, _, gather)| bodies_of(gather));
        let steps = self.steps.iter().map(|(_, step)| match step {
            Step::Bodies { uids } => uids.count(),
            _ => 0,
        });
        let messages: u64 = asked.chain(steps).sum();
        let mean = self.bodies.octets / self.bodies.arrived.max(1);
        messages.saturating_mul(mean)
    }

    /// Whether the next command must wait: for the pipeline to drain, for the server's agreement, or
    /// because so much is asked for already that compressing would come too late for it.
    pub(crate) fn holds_back(&mut self) -> bool {
        if self.may_compress() {
            let flow = self.session.wire.flow();
            if !flow.is_measured() || self.bodies.arrived == 0 {
                return self.next_is_bodies() && self.bodies_asked_for() >= MESSAGES_AHEAD;
            }
            // Counting what is left is for slow lines only.
            let worth = flow.is_worth_compressing(u64::MAX)
                && flow.is_worth_compressing(self.octets_to_ask_for());
            if worth {
                self.session.compression = Compression::Wanted;
            }
        }
        match self.session.compression {
            Compression::Untried => false,
            Compression::Wanted if !self.in_flight.is_empty() => true,
            Compression::Wanted => {
                self.session.compression = Compression::Tried;
                let command = compress::command(self.session.capabilities());
                let sent = command.map(|command| self.send(NO_STEP, command, Gather::Compress));
                sent.is_some()
            }
            Compression::Tried => {
                let asks = |gather: &Gather| matches!(gather, Gather::Compress);
                self.in_flight.iter().any(|command| asks(&command.gather))
            }
        }
    }

    fn bodies_asked_for(&self) -> u64 {
        let asked = self.in_flight.iter();
        asked.map(|command| bodies_of(&command.gather)).sum()
    }

    fn next_is_bodies(&self) -> bool {
        let next = self.ready.front();
        next.is_some_and(|(_, _, gather)| bodies_of(gather) > 0)
    }

    /// The server has agreed, or not: then everything goes on as before.
    pub(crate) fn end_compress(&mut self, refusal: Option<&Refusal>) {
        if refusal.is_none() {
            self.session.wire.compress();
        }
    }
}

const fn bodies_of(gather: &Gather) -> u64 {
    match gather {
        Gather::Bodies { messages } => *messages,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
