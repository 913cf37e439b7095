//! Messages that a reader moved to another mailbox, and that somebody else moved at the server before we came
//! to tell it: they leave from where they are now.

use crate::context::Account;
use crate::error::EngineError;
use crate::imap::planned::Planned;
use postrider_core::message::MessageKey;
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::{FlightEvent, SelectMode, Session, Step};
use postrider_index::{MailboxId, ServerCopy};
use std::collections::HashMap;

/// Which messages on their way are not where they should leave any more, each with that mailbox. Only mailboxes
/// that changed can have lost one, and a listing is not enough: they are asked for by name (R5).
pub(crate) async fn look(
    account: &Account,
    session: &mut Session,
    planned: &[Planned],
) -> Result<HashMap<MessageKey, MailboxId>, EngineError> {
    let id = account.id;
    let departing = account.shared.index.call(move |index| index.departing(id));
    let departing: Vec<(MessageKey, ServerCopy)> = departing.await?;
    let mut departed = HashMap::new();
    for mailbox in planned {
        let (id, epoch) = (mailbox.observed.local.id, mailbox.uid_validity);
        let here = |from: &ServerCopy| from.mailbox == id && from.uid_validity == epoch;
        let here = departing.iter().filter(|(_, from)| here(from));
        let here: HashMap<Uid, MessageKey> = here.map(|(key, from)| (from.uid, *key)).collect();
        if here.is_empty() {
            continue;
        }
        let uids: UidSet = here.keys().copied().collect();
        if let Some(there) = search(session, mailbox, uids).await? {
            let gone = here.into_iter().filter(|(uid, _)| !there.contains(*uid));
            departed.extend(gone.map(|(_, key)| (key, id)));
        }
    }
    Ok(departed)
}

/// Which of these the mailbox holds; `None` when the server does not say, or has renumbered it.
async fn search(
    session: &mut Session,
    mailbox: &Planned,
    uids: UidSet,
) -> Result<Option<UidSet>, EngineError> {
    let steps = [
        Step::Select {
            mailbox: mailbox.observed.wire_name.clone(),
            mode: SelectMode::ReadOnly,
            resync: None,
        },
        Step::Search { uids },
    ];
    let (mut found, mut same, mut done) = (None, false, false);
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { selected, .. } => {
                same = selected.uid_validity == Some(mailbox.uid_validity);
            }
            FlightEvent::Found { uids, .. } => found = Some(uids),
            FlightEvent::Done { step: 1 } => done = true,
            _ => {}
        }
    }
    Ok(found.filter(|_| same && done))
}
