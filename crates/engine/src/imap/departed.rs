//! Messages that a reader moved to another mailbox, and that somebody else moved at the server before we came
//! to tell it: they leave from where they are now.

use crate::context::Account;
use crate::error::EngineError;
use crate::imap::planned::Planned;
use crate::imap::there::there;
use postrider_core::message::MessageKey;
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::{SelectMode, Session};
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
        let asked = (&mailbox.observed.wire_name, SelectMode::ReadOnly);
        let there = there(session, asked, uids).await?;
        if let Some((_, there)) = there.in_epoch(epoch) {
            let gone = here.into_iter().filter(|(uid, _)| !there.contains(*uid));
            departed.extend(gone.map(|(_, key)| (key, id)));
        }
    }
    Ok(departed)
}
