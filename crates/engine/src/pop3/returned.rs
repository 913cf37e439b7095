//! Messages that are listed again after the server had said `+OK` to DELE and to QUIT.
//!
//! A server that crashed before it wrote its maildrop deserves a second try. One that confirms
//! deletions and does not carry them out would be asked in every pass, for ever, and the ledger would
//! grow by as much; so it is told of once and asked no more.

use crate::context::{Account, LocalMailbox};
use crate::error::EngineError;
use crate::retain;
use postrider_core::message::MessageKey;
use postrider_index::{Index, Pop3Row};
use std::collections::HashSet;

/// So many times a message comes back before its deletion is given up.
const MOST_RETURNS: u64 = 2;

/// Whether the server was asked often enough to delete this message.
pub(crate) const fn is_given_up(row: &Pop3Row) -> bool {
    row.returns >= MOST_RETURNS
}

/// Notes which of the `expired` messages are `held` by the server again, and tells of those that are
/// given up.
pub(crate) async fn note(
    account: &Account,
    mailbox: &LocalMailbox,
    expired: &HashSet<MessageKey>,
    held: impl Iterator<Item = MessageKey>,
) -> Result<(), EngineError> {
    let back: Vec<_> = held.filter(|key| expired.contains(key)).collect();
    if back.is_empty() {
        return Ok(());
    }
    let (id, keys) = (mailbox.id, back.clone());
    let note = move |index: &mut Index| {
        index.note_returned(&keys)?;
        index.maildrop(id)
    };
    let rows = account.shared.index.call(note).await?;
    let back: HashSet<_> = back.into_iter().collect();
    let given_up = rows
        .iter()
        .filter(|row| back.contains(&row.key) && is_given_up(row));
    let given_up = given_up.count() as u64;
    if given_up > 0 {
        let because = "the server confirms deletions and does not carry them out; \
            it is not asked again";
        retain::tell(account, mailbox, given_up, because);
    }
    Ok(())
}
