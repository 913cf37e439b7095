//! Downloading with as many connections as there is work for.
//!
//! Orders, one for each mailbox, wait in one queue; each connection takes the next when it has little
//! left to ask, so that its pipe never runs dry. The first connection is the one that looked; others
//! are opened only where there is enough to fetch to pay for their login, and a server that refuses
//! them is left with the first.

use crate::connect::Access;
use crate::context::Account;
use crate::error::EngineError;
use crate::heart::shared;
use crate::imap::fetch::{Order, Worked, work};
use crate::imap::strays::Strays;
use crate::rehearsal::Leave;
use crate::report::PassReport;
use postrider_imap::Session;
use postrider_index::MailboxId;
use postrider_transport::Slots;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// Messages that are worth a further connection. A login costs two to four round trips, in which one
/// connection fetches some hundreds.
const MESSAGES_PER_HAND: u64 = 2_000;
/// Octets that are worth one.
const OCTETS_PER_HAND: u64 = 16 << 20;

/// Orders that nobody has taken yet.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    /// To store what is ordered.
    pub(crate) leave: Leave,
    /// What may be among it, though its file lies in another mailbox.
    pub(crate) strays: Strays,
    orders: Arc<Mutex<VecDeque<Order>>>,
    /// Where nothing more is taken once an account that has no connection waits for one.
    yields: Option<Slots>,
}

impl Queue {
    /// INBOX first, for it is waited for; then the large ones, so that all hands end together.
    fn new((mut orders, strays): (Vec<Order>, Strays), leave: Leave) -> Self {
        orders.sort_by_key(|order| (!order.is_inbox(), std::cmp::Reverse(order.octets)));
        Self {
            leave,
            strays,
            orders: Arc::new(Mutex::new(orders.into())),
            yields: None,
        }
    }

    /// The same queue for a further connection, which ends when others have none.
    fn while_unwanted(&self, slots: &Slots) -> Self {
        let mut queue = self.clone();
        queue.yields = Some(slots.clone());
        queue
    }

    /// The next order.
    pub(crate) fn take(&self) -> Option<Order> {
        if self.yields.as_ref().is_some_and(Slots::is_wanted) {
            return None;
        }
        // Nobody panics while holding it; and if, a queue has no half-done states.
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.pop_front()
    }
}

/// What came of a fetch, by mailbox.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    /// Not everything arrived.
    pub(crate) incomplete: HashSet<MailboxId>,
    /// Something arrived that was here: its flags were not compared.
    pub(crate) known: HashSet<MailboxId>,
}

/// Fetches all orders. Gives back the session, and what came of it.
pub(crate) async fn fetch(
    account: &Account,
    access: &Access,
    session: Session,
    (orders, strays, leave): (Vec<Order>, Strays, Leave),
    report: &mut PassReport,
) -> Result<(Session, Fetched), EngineError> {
    let octets = orders.iter().map(|order| order.octets).sum();
    let (shares, tree) = (&account.shared.shares, &account.settings.maildir);
    shares.admits(tree, octets).await?;
    let sizes = orders
        .iter()
        .map(|order| (order.uids.count(), order.octets));
    let hands = hands(&sizes.collect::<Vec<_>>(), account.connections_now());
    let queue = Queue::new((orders, strays), leave);
    let mut crew = JoinSet::new();
    for _ in 1..hands {
        let (account, access) = (account.clone(), access.clone());
        let queue = queue.while_unwanted(&account.shared.shares.slots);
        crew.spawn(shared(async move { help(&account, &access, queue).await }));
    }
    let mut all = work(account, session, queue).await;
    while let Some(helped) = crew.join_next().await {
        let helped = helped.map_err(|_| EngineError::JobLost)?;
        if let Some(worked) = helped {
            all.join(worked);
        }
    }
    report.add(&all.report);
    match (all.failure.take(), all.session.take()) {
        (Some(failure), _) => Err(failure),
        (None, Some(session)) => {
            let Worked {
                incomplete, known, ..
            } = all;
            Ok((session, Fetched { incomplete, known }))
        }
        (None, None) => Err(EngineError::JobLost),
    }
}

/// How many connections the orders are worth; each order is its messages and octets.
fn hands(orders: &[(u64, u64)], connections: usize) -> usize {
    let messages: u64 = orders.iter().map(|(messages, _)| messages).sum();
    let octets: u64 = orders.iter().map(|(_, octets)| octets).sum();
    let worth = 1 + (messages / MESSAGES_PER_HAND).max(octets / OCTETS_PER_HAND);
    let worth = usize::try_from(worth).unwrap_or(usize::MAX);
    worth.min(connections).min(orders.len()).max(1)
}

/// One further connection; `None` where it cannot be had, for whatever reason: the first does the work
/// then, and if that reason is worth telling the first will meet it too.
async fn help(account: &Account, access: &Access, queue: Queue) -> Option<Worked> {
    // Who only listens to a further mailbox makes room within its farewell.
    let _place = account.places()?.first().await;
    let (settings, connector) = (&account.settings, account.shared.connector.further());
    let opened = access.open(settings, &connector, Vec::new()).await;
    let opened = opened.inspect_err(|error| account.heed_limits(error));
    let (session, _) = opened.ok()?;
    let mut worked = work(account, session, queue).await;
    if let Some(session) = worked.session.take() {
        worked.report.round_trips = session.round_trips();
        session.log_out().await;
    }
    Some(worked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_connections_must_be_worth_their_login() {
        let small = vec![(5, 40_000); 200];
        assert_eq!(hands(&small, 3), 1);
        let large = vec![(400, 4 << 20); 50];
        assert_eq!(hands(&large, 3), 3);
        assert_eq!(hands(&large, 1), 1);
        assert_eq!(hands(&[(20_000, 1 << 30)], 3), 1, "one mailbox");
        assert_eq!(hands(&[], 3), 1);
    }
}
