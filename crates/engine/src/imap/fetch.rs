//! Receiving messages on one connection: from the socket towards the Maildir, many commands in
//! flight.

use crate::context::Account;
use crate::deliver::{Arrival, Delivery, Orphans};
use crate::delivery_pool::Intake;
use crate::error::EngineError;
use crate::events;
use crate::imap::crew::Queue;
use crate::imap::observe::Observed;
use crate::report::PassReport;
use postrider_core::message::ServerRef;
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::{
    Fetched, Flight, FlightEvent, Refusal, SelectMode, Selected, Session, Step, WireName,
};
use postrider_index::MailboxId;
use std::collections::HashSet;

/// Steps and octets under way below which further orders are begun, and up to which. A burst is one round
/// trip however many mailboxes it opens; the lower bounds keep the pipe full meanwhile, the upper ones
/// leave something for the other connections.
const FEW: Load = Load {
    steps: 64,
    octets: 8 << 20,
};
const ENOUGH: Load = Load {
    steps: 512,
    octets: 32 << 20,
};
/// Refusals of one mailbox that are looked into: each costs two commands. A server that refuses more
/// is not asked for each message.
const REFUSALS: usize = 64;

/// What is to be fetched from one mailbox.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) observed: Observed,
    pub(crate) uid_validity: UidValidity,
    pub(crate) uids: UidSet,
    /// The same, cut into commands, the newest first.
    pub(crate) pieces: Vec<UidSet>,
    /// As far as the server told.
    pub(crate) octets: u64,
    /// Messages that are here under another identity: their octets will tell.
    pub(crate) orphans: Orphans,
}

impl Order {
    pub(crate) fn is_inbox(&self) -> bool {
        &*self.observed.local.name == "INBOX"
    }
}

/// What a connection has to do.
#[derive(Clone, Copy, Debug)]
struct Load {
    steps: usize,
    octets: u64,
}

impl Load {
    const fn is_below(self, bound: Self) -> bool {
        self.steps < bound.steps && self.octets < bound.octets
    }
}

/// What one connection did.
#[derive(Debug)]
pub(crate) struct Worked {
    /// The connection, as long as it stands.
    pub(crate) session: Option<Session>,
    pub(crate) failure: Option<EngineError>,
    pub(crate) report: PassReport,
    /// Mailboxes of which not everything arrived.
    pub(crate) incomplete: HashSet<MailboxId>,
    /// Those of which something arrived that was here.
    pub(crate) known: HashSet<MailboxId>,
}

impl Worked {
    fn not_at_all(failure: EngineError) -> Self {
        Self {
            session: None,
            failure: Some(failure),
            report: PassReport::default(),
            incomplete: HashSet::new(),
            known: HashSet::new(),
        }
    }

    /// Adds what another connection did. Its failure is ours when we had none.
    pub(crate) fn join(&mut self, other: Self) {
        self.report.add(&other.report);
        self.incomplete.extend(other.incomplete);
        self.known.extend(other.known);
        if self.failure.is_none() {
            self.failure = other.failure;
        }
    }
}

/// Fetches orders until the queue is empty, and stores every whole message. What arrived is stored
/// even when the line breaks: it will not be fetched again.
pub(crate) async fn work(account: &Account, mut session: Session, queue: Queue) -> Worked {
    let delivery = match Delivery::start(account.clone(), queue.leave).await {
        Ok(delivery) => delivery.gathering(queue.strays.clone()),
        Err(failure) => return Worked::not_at_all(failure),
    };
    let mut receiving = Receiving {
        account,
        delivery,
        report: PassReport::default(),
        taken: Vec::new(),
        legs: Vec::new(),
        pending: 0,
        ordered_octets: 0,
        intake: None,
        examined: None,
    };
    let received = receiving.receive_all(&mut session, &queue).await;
    let Receiving {
        delivery,
        mut report,
        taken,
        ..
    } = receiving;
    let stored = delivery.finish().await;
    let mut known = HashSet::new();
    if let Ok(stored) = &stored {
        report.new += stored.iter().filter(|message| message.fresh).count() as u64;
        let here = stored.iter().filter(|message| !message.fresh);
        known.extend(here.map(|message| message.mailbox));
    }
    let incomplete = taken.iter().filter(|taken| !taken.is_complete());
    let incomplete = incomplete.map(|taken| taken.order.observed.local.id);
    let failure = received.err().or_else(|| stored.err());
    Worked {
        report,
        incomplete: incomplete.collect(),
        known,
        session: failure.is_none().then_some(session),
        failure,
    }
}

/// One command of the flight.
enum Leg {
    Select(usize),
    Bodies { taken: usize, uids: UidSet },
}

impl Leg {
    const fn taken(&self) -> usize {
        match self {
            Self::Select(taken) | Self::Bodies { taken, .. } => *taken,
        }
    }
}

/// An order that was begun.
struct Taken {
    order: Order,
    /// The mailbox was opened and its UIDs mean what they meant when the order was written.
    open: bool,
    fetched: UidSet,
    refusals: usize,
}

impl Taken {
    /// Everything ordered arrived, and no command failed (R7). A message that was expunged meanwhile
    /// cannot be told from one that the server forgot to send: the next look will tell.
    fn is_complete(&self) -> bool {
        self.open && self.refusals == 0 && self.fetched.count() == self.order.uids.count()
    }
}

struct Receiving<'a> {
    account: &'a Account,
    delivery: Delivery,
    report: PassReport,
    taken: Vec<Taken>,
    legs: Vec<Leg>,
    /// Steps that have not ended.
    pending: usize,
    /// Octets of all orders that were begun.
    ordered_octets: u64,
    intake: Option<Intake>,
    /// What is open before the first order.
    examined: Option<(WireName, UidValidity)>,
}

impl Receiving<'_> {
    async fn receive_all(
        &mut self,
        session: &mut Session,
        queue: &Queue,
    ) -> Result<(), EngineError> {
        // Whoever looked has left the mailbox open. To open it again would have the server look through it again.
        self.examined = session
            .examined()
            .map(|(mailbox, epoch)| (mailbox.clone(), epoch));
        let mut flight = session.flight(Vec::new()).map_err(EngineError::imap)?;
        loop {
            if self.load().is_below(FEW) {
                while self.load().is_below(ENOUGH)
                    && let Some(order) = queue.take()
                {
                    self.begin(&mut flight, order);
                }
            }
            let event = tokio::select! {
                event = flight.next() => event.map_err(EngineError::imap)?,
                () = self.account.shutdown.requested() => return Err(EngineError::Stopped),
            };
            let Some(event) = event else { return Ok(()) };
            self.receive(&mut flight, event).await?;
        }
    }

    /// By the server's word on sizes; it only paces us.
    const fn load(&self) -> Load {
        Load {
            steps: self.pending,
            octets: self.ordered_octets.saturating_sub(self.report.octets),
        }
    }

    fn begin(&mut self, flight: &mut Flight<'_>, mut order: Order) {
        let taken = self.taken.len();
        self.ordered_octets += order.octets;
        let mailbox = &order.observed.wire_name;
        let open = self.examined.take() == Some((mailbox.clone(), order.uid_validity));
        if !open {
            let open = Step::Select {
                mailbox: mailbox.clone(),
                mode: SelectMode::ReadOnly,
                resync: None,
            };
            self.push(flight, open, Leg::Select(taken));
        }
        for uids in std::mem::take(&mut order.pieces) {
            self.ask(flight, taken, uids);
        }
        self.delivery.expect(std::mem::take(&mut order.orphans));
        self.taken.push(Taken {
            order,
            open,
            fetched: UidSet::new(),
            refusals: 0,
        });
    }

    fn ask(&mut self, flight: &mut Flight<'_>, taken: usize, uids: UidSet) {
        let step = Step::Bodies { uids: uids.clone() };
        self.push(flight, step, Leg::Bodies { taken, uids });
    }

    fn push(&mut self, flight: &mut Flight<'_>, step: Step, leg: Leg) {
        let number = flight.push(step);
        debug_assert_eq!(number, self.legs.len(), "steps and legs go side by side");
        self.legs.push(leg);
        self.pending += 1;
    }

    fn taken_by(&self, step: usize) -> usize {
        self.legs.get(step).map_or(usize::MAX, Leg::taken)
    }

    async fn receive(
        &mut self,
        flight: &mut Flight<'_>,
        event: FlightEvent,
    ) -> Result<(), EngineError> {
        match event {
            FlightEvent::Selected { step, selected } => self.opened(step, &selected),
            FlightEvent::BodyStart { step, .. } => {
                self.intake = self.taken.get(self.taken_by(step)).map(|taken| {
                    let maildir = taken.order.observed.local.maildir.clone();
                    Intake::new(self.account.shared.pool.clone(), maildir)
                });
            }
            FlightEvent::BodyChunk(chunk) => {
                if let Some(intake) = &mut self.intake {
                    intake.take(chunk).await?;
                }
            }
            FlightEvent::BodyEnd { step, fetched } => {
                if let Some(intake) = self.intake.take() {
                    self.arrived(step, fetched, intake).await?;
                }
            }
            FlightEvent::BodyMissing { step, uid } => {
                self.intake = None;
                self.skip(step, uid, "the server sent no body for it");
            }
            FlightEvent::Refused { step, refusal } => self.refused(flight, step, &refusal),
            FlightEvent::Done { .. } => self.pending = self.pending.saturating_sub(1),
            _ => {}
        }
        Ok(())
    }

    fn opened(&mut self, step: usize, selected: &Selected) {
        let at = self.taken_by(step);
        if let Some(taken) = self.taken.get_mut(at) {
            taken.open = selected.uid_validity == Some(taken.order.uid_validity);
        }
    }

    async fn arrived(
        &mut self,
        step: usize,
        fetched: Fetched,
        intake: Intake,
    ) -> Result<(), EngineError> {
        let at = self.taken_by(step);
        let Some(taken) = self.taken.get_mut(at) else {
            return Ok(());
        };
        // The server renumbered between two looks, or sends what nobody asked for, or sends it
        // twice: none of that is ours to store under this UID.
        let uid = fetched.uid;
        if !taken.open || !taken.order.uids.contains(uid) || taken.fetched.contains(uid) {
            return Ok(());
        }
        taken.fetched.insert(uid);
        self.report.octets += fetched.octets;
        let arrival = Arrival {
            mailbox: taken.order.observed.local.clone(),
            server: ServerRef::Imap {
                uid_validity: taken.order.uid_validity,
                uid,
            },
            number: None,
            flags: fetched.flags.unwrap_or_default(),
            internal_date: fetched.internal_date,
            size_octets: fetched.size_octets,
            octets: fetched.octets,
            arriving: intake.end(fetched.internal_date).await?,
        };
        self.delivery.take(arrival).await
    }

    /// One message that a server cannot read (Exchange: "FETCH failed", Courier: a file gone from
    /// under it) must not cost the others of its command: halves are asked for until it is alone.
    fn refused(&mut self, flight: &mut Flight<'_>, step: usize, refusal: &Refusal) {
        self.pending = self.pending.saturating_sub(1);
        let (at, uids) = match self.legs.get(step) {
            Some(Leg::Bodies { taken, uids }) => (*taken, uids),
            _ => return self.skip(step, None, &format!("the server refused: {refusal}")),
        };
        let Some(taken) = self.taken.get_mut(at).filter(|taken| taken.open) else {
            // Its SELECT was refused, and that was told.
            return;
        };
        let missing: Vec<Uid> = uids
            .iter()
            .filter(|uid| !taken.fetched.contains(*uid))
            .collect();
        taken.refusals += 1;
        match missing.as_slice() {
            [] => {}
            several if several.len() > 1 && taken.refusals <= REFUSALS => {
                let (older, newer) = several.split_at(several.len() / 2);
                for half in [newer, older] {
                    self.ask(flight, at, half.iter().copied().collect());
                }
            }
            rest => {
                let because = format!("the server refused: {refusal}");
                let only = (rest.len() == 1).then(|| rest.first().copied()).flatten();
                self.skip(step, only, &because);
            }
        }
    }

    fn skip(&mut self, step: usize, uid: Option<Uid>, because: &str) {
        self.report.skipped += 1;
        let taken = self.taken.get(self.taken_by(step));
        let mailbox = taken.map_or("", |taken| &taken.order.observed.local.name);
        events::MessageSkipped {
            account: self.account.log_name(),
            mailbox,
            uid: uid.map(|uid| uid.as_u32().into()),
            number: None,
            because,
        }
        .emit();
    }
}
