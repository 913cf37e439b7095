//! What lies in the trash already: without MOVE a message is copied there and then expunged, and where the line
//! broke between the two, the next pass must not copy it again (R3).

use crate::context::Account;
use crate::error::EngineError;
use crate::imap::rematch::describe;
use crate::imap::removal;
use postrider_core::message::MessageKey;
use postrider_core::plan::uid_validity::{Candidate, Orphan, rematch};
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::{FlightEvent, Session, Step, WireName};
use postrider_index::Index;
use std::collections::HashSet;

/// How many of the trash's newest messages are looked at. A copy that more than these came after is made a
/// second time: a full trash is not worth the memory (R11).
const NEWEST: u32 = 5_000;

/// Which of `keys` an earlier pass put into the trash and could not expunge. A server that is asked for the
/// first time is not asked about it. Opens the trash, and leaves it open.
pub(crate) async fn copied_before(
    account: &Account,
    session: &mut Session,
    whither: &removal::Whither,
    keys: Vec<MessageKey>,
) -> Result<HashSet<MessageKey>, EngineError> {
    let Some(trash) = removal::copies_to(session, whither) else {
        return Ok(HashSet::new());
    };
    let asked = move |index: &mut Index| {
        let foreseen = index.foresee_vanished(&keys)?.into_iter();
        let requested = foreseen.filter_map(|(key, because)| because.is_some().then_some(key));
        index.describe(&requested.collect::<Vec<_>>())
    };
    let described = account.shared.index.call(asked).await?;
    if described.is_empty() {
        return Ok(HashSet::new());
    }
    let orphans: Vec<Orphan> = described
        .into_iter()
        .map(|row| Orphan {
            key: row.key,
            likeness: row.likeness,
        })
        .collect();
    // Its local copy is proven whichever it is: a likeness will do.
    let found = rematch(&orphans, &newest(session, trash).await?);
    Ok(found.attach.into_iter().map(|(key, _)| key).collect())
}

async fn newest(session: &mut Session, trash: WireName) -> Result<Vec<Candidate>, EngineError> {
    let mut next = None;
    let mut flight = session
        .flight([Step::Status(trash.clone())])
        .map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        if let FlightEvent::Status { status, .. } = event {
            next = status.uid_next;
        }
    }
    drop(flight);
    let last = next.and_then(|next| Uid::new(next.as_u32() - 1));
    let Some(last) = last else {
        return Ok(Vec::new());
    };
    let first = Uid::new(last.as_u32().saturating_sub(NEWEST)).unwrap_or(Uid::MIN);
    describe(session, &trash, UidSet::range(first, last)).await
}
