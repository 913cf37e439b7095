//! What a rehearsal does instead of downloading: it asks what the new messages are, not for their octets,
//! and promises them.

use crate::context::Account;
use crate::error::EngineError;
use crate::imap::fetch::Order;
use crate::rehearsal::Promise;
use crate::report::PassReport;
use postrider_core::message::ServerRef;
use postrider_core::plan::deed::Deed;
use postrider_imap::{FactsRow, FlightEvent, SelectMode, Session, Step};
use postrider_index::MailboxId;
use std::collections::HashSet;

/// Messages that are promised together; it bounds what is held of them.
const BATCH: usize = 256;

/// What would be downloaded.
pub(crate) fn deed(order: &Order) -> Deed {
    Deed::Fetch {
        messages: order.uids.count(),
        octets: order.octets,
        suspected: order.orphans.values().map(|keys| keys.len() as u64).sum(),
    }
}

/// Counts what is ordered as stored, and promises it where somebody will ask for it later in the pass.
/// Returns the mailboxes of which not everything was shown.
pub(crate) async fn promise(
    account: &Account,
    session: &mut Session,
    (orders, wanted): (&[Order], bool),
    report: &mut PassReport,
) -> Result<HashSet<MailboxId>, EngineError> {
    let mut incomplete = HashSet::new();
    for order in orders {
        report.new += order.uids.count();
        report.octets += order.octets;
        if wanted && promise_one(account, session, order).await? != order.uids.count() {
            incomplete.insert(order.observed.local.id);
        }
    }
    Ok(incomplete)
}

/// How many messages of the order were promised.
async fn promise_one(
    account: &Account,
    session: &mut Session,
    order: &Order,
) -> Result<u64, EngineError> {
    let steps = vec![
        Step::Select {
            mailbox: order.observed.wire_name.clone(),
            mode: SelectMode::ReadOnly,
            resync: None,
        },
        Step::Facts {
            uids: order.uids.clone(),
        },
    ];
    let (mut promised, mut same_epoch) = (HashSet::new(), false);
    let mut batch: Vec<Promise> = Vec::new();
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { selected, .. } => {
                same_epoch = selected.uid_validity == Some(order.uid_validity);
            }
            FlightEvent::Facts { row, .. } => {
                if same_epoch && order.uids.contains(row.uid) && promised.insert(row.uid) {
                    batch.push(of(order, row));
                }
                if batch.len() >= BATCH {
                    account.promise(std::mem::take(&mut batch)).await?;
                }
            }
            _ => {}
        }
    }
    account.promise(batch).await?;
    Ok(promised.len() as u64)
}

fn of(order: &Order, row: FactsRow) -> Promise {
    Promise {
        mailbox: order.observed.local.id,
        server: ServerRef::Imap {
            uid_validity: order.uid_validity,
            uid: row.uid,
        },
        flags: row.flags.unwrap_or_default(),
        internal_date: row.likeness.internal_date,
        message_id: row.likeness.message_id,
        octets: row.likeness.size_octets,
    }
}
