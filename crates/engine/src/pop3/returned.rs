//! Messages that are listed again after the server had said `+OK` to DELE and to QUIT.
//!
//! A server that crashed before it wrote its maildrop deserves a second try. One that confirms
//! deletions and does not carry them out would be asked in every pass, for ever, and the ledger would
//! grow by as much; so it is told of once and asked no more.

use crate::context::{Account, LocalMailbox};
use crate::error::EngineError;
use crate::retain;
use postrider_core::message::MessageKey;
use postrider_index::Index;
use std::collections::HashSet;

/// So many times a message comes back before its deletion is given up.
const MOST_RETURNS: u64 = 2;

/// Whether the server was asked often enough to delete a message that came back so often.
pub(crate) const fn is_given_up(returns: u64) -> bool {
    returns >= MOST_RETURNS
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
    let note = move |index: &mut Index| {
        index.note_returned(&back)?;
        index.pop3_rows(&back)
    };
    let rows = account.shared.index.call(note).await?.into_iter();
    let given_up = rows.filter(|row| is_given_up(row.returns)).count() as u64;
    if given_up > 0 {
        let because = "the server confirms deletions and does not carry them out; \
            it is not asked again";
        retain::tell(account, mailbox, given_up, because);
    }
    Ok(())
}
