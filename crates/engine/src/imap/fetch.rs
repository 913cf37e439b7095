//! Receiving messages: from the socket towards the Maildir, several commands in flight.

use crate::context::Account;
use crate::deliver::{Arrival, Delivery};
use crate::delivery_pool::Intake;
use crate::error::EngineError;
use crate::events;
use crate::imap::observe::Observed;
use crate::report::PassReport;
use postrider_core::message::ServerRef;
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::{FlightEvent, SelectMode, Selected, Session, Step};
use std::collections::HashSet;

/// UIDs asked for by one command. The commands of a flight run one after another at the server while
/// we store; small ones keep what a refusal costs small.
const UIDS_PER_COMMAND: u64 = 256;

/// What is to be fetched from one mailbox.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) observed: Observed,
    pub(crate) uid_validity: UidValidity,
    pub(crate) uids: UidSet,
}

/// One command of the flight.
enum Leg {
    Select(usize),
    Bodies(usize),
}

/// Fetches all orders in one flight and hands every whole message to `delivery`. Returns the orders
/// that were not fetched completely: their mailboxes' state must not be recorded as seen.
pub(crate) async fn fetch(
    account: &Account,
    session: &mut Session,
    orders: &[Order],
    delivery: &mut Delivery,
    report: &mut PassReport,
) -> Result<HashSet<usize>, EngineError> {
    let (legs, steps) = legs(orders);
    let mut receiving = Receiving {
        account,
        orders,
        incomplete: HashSet::new(),
        epoch_holds: vec![false; orders.len()],
        intake: None,
        fetched: vec![HashSet::new(); orders.len()],
    };
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    loop {
        let event = tokio::select! {
            event = flight.next() => event.map_err(EngineError::imap)?,
            () = account.shutdown.requested() => return Err(EngineError::Stopped),
        };
        let Some(event) = event else { break };
        receiving.receive(&legs, event, delivery, report).await?;
    }
    Ok(receiving.incomplete())
}

fn legs(orders: &[Order]) -> (Vec<Leg>, Vec<Step>) {
    let (mut legs, mut steps) = (Vec::new(), Vec::new());
    for (at, order) in orders.iter().enumerate() {
        legs.push(Leg::Select(at));
        steps.push(Step::Select {
            mailbox: order.observed.wire_name.clone(),
            mode: SelectMode::ReadOnly,
        });
        for uids in newest_first(&order.uids) {
            legs.push(Leg::Bodies(at));
            steps.push(Step::Bodies { uids });
        }
    }
    (legs, steps)
}

/// Cuts a set into commands, the highest UIDs first: whoever waits for mail waits for the newest.
fn newest_first(uids: &UidSet) -> Vec<UidSet> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Uid> = Vec::new();
    for uid in uids.iter().rev() {
        piece.push(uid);
        if piece.len() as u64 >= UIDS_PER_COMMAND {
            pieces.push(piece.drain(..).rev().collect());
        }
    }
    if !piece.is_empty() {
        pieces.push(piece.drain(..).rev().collect());
    }
    pieces
}

struct Receiving<'a> {
    account: &'a Account,
    orders: &'a [Order],
    incomplete: HashSet<usize>,
    epoch_holds: Vec<bool>,
    intake: Option<Intake>,
    fetched: Vec<HashSet<Uid>>,
}

impl Receiving<'_> {
    async fn receive(
        &mut self,
        legs: &[Leg],
        event: FlightEvent,
        delivery: &mut Delivery,
        report: &mut PassReport,
    ) -> Result<(), EngineError> {
        let order_of = |step: usize| match legs.get(step) {
            Some(Leg::Select(at) | Leg::Bodies(at)) => *at,
            None => usize::MAX,
        };
        match event {
            FlightEvent::Selected { step, selected } => self.opened(order_of(step), &selected),
            FlightEvent::BodyStart { step, .. } => {
                self.intake = self.orders.get(order_of(step)).map(|order| {
                    let maildir = order.observed.local.maildir.clone();
                    Intake::new(self.account.shared.pool.clone(), maildir)
                });
            }
            FlightEvent::BodyChunk(chunk) => {
                if let Some(intake) = &mut self.intake {
                    intake.take(chunk).await?;
                }
            }
            FlightEvent::BodyEnd { step, fetched } => {
                let (at, intake) = (order_of(step), self.intake.take());
                if let Some(intake) = intake {
                    self.arrived(at, fetched, intake, delivery, report).await?;
                }
            }
            FlightEvent::BodyMissing { step, uid } => {
                self.skip(
                    order_of(step),
                    uid,
                    "the server sent no body for it",
                    report,
                );
            }
            FlightEvent::Refused { step, refusal } => {
                self.skip(
                    order_of(step),
                    None,
                    &format!("the server refused: {refusal}"),
                    report,
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// An order is complete when everything ordered arrived. A message that was expunged meanwhile
    /// cannot be told from one that the server forgot to send: the next look will tell.
    fn incomplete(mut self) -> HashSet<usize> {
        for (at, (order, fetched)) in self.orders.iter().zip(&self.fetched).enumerate() {
            if (fetched.len() as u64) < order.uids.count() {
                self.incomplete.insert(at);
            }
        }
        self.incomplete
    }

    fn opened(&mut self, at: usize, selected: &Selected) {
        let expected = self.orders.get(at).map(|order| order.uid_validity);
        let holds = expected.is_some() && selected.uid_validity == expected;
        if let Some(slot) = self.epoch_holds.get_mut(at) {
            *slot = holds;
        }
        if !holds {
            self.incomplete.insert(at);
        }
    }

    async fn arrived(
        &mut self,
        at: usize,
        fetched: postrider_imap::Fetched,
        intake: Intake,
        delivery: &mut Delivery,
        report: &mut PassReport,
    ) -> Result<(), EngineError> {
        let (Some(order), Some(seen)) = (self.orders.get(at), self.fetched.get_mut(at)) else {
            return Ok(());
        };
        // The server renumbered between two looks, or sends what nobody asked for, or sends it
        // twice: none of that is ours to store under this UID.
        let expected = self.epoch_holds.get(at) == Some(&true)
            && order.uids.contains(fetched.uid)
            && seen.insert(fetched.uid);
        if !expected {
            return Ok(());
        }
        report.octets += fetched.octets;
        let arrival = Arrival {
            mailbox: order.observed.local.clone(),
            server: ServerRef::Imap {
                uid_validity: order.uid_validity,
                uid: fetched.uid,
            },
            number: None,
            flags: fetched.flags.unwrap_or_default(),
            internal_date: fetched.internal_date,
            size_octets: fetched.size_octets,
            octets: fetched.octets,
            arriving: intake.end(fetched.internal_date).await?,
        };
        delivery.take(arrival).await
    }

    fn skip(&mut self, at: usize, uid: Option<Uid>, because: &str, report: &mut PassReport) {
        self.incomplete.insert(at);
        report.skipped += 1;
        let mailbox = self
            .orders
            .get(at)
            .map(|order| order.observed.local.name.clone());
        events::MessageSkipped {
            account: self.account.log_name(),
            mailbox: mailbox.as_deref().unwrap_or_default(),
            uid: uid.map(|uid| uid.as_u32().into()),
            number: None,
            because,
        }
        .emit();
    }
}
