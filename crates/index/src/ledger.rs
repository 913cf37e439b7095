//! What was done and why; entries are only ever added, the schema's triggers see to it.

use postrider_core::message::MessageKey;
use postrider_core::time::Now;
use rusqlite::{Transaction, params};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Expired,
    Moved,
    Removed,
    Restored,
    Stored,
    Uploaded,
    Vanished,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Moved => "moved",
            Self::Removed => "removed",
            Self::Restored => "restored",
            Self::Stored => "stored",
            Self::Uploaded => "uploaded",
            Self::Vanished => "vanished",
        }
    }
}

/// Adds an entry in the transaction that does what it tells.
pub(crate) fn append(
    transaction: &Transaction<'_>,
    message: MessageKey,
    action: Action,
    now: Now,
    because: &str,
) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO ledger_entry (at, account, mailbox, message, message_id, sha256, action, because)
        SELECT ?, account.name, mailbox.name, message.id, message.message_id, message.sha256, ?, ?
        FROM message
        JOIN mailbox ON mailbox.id = message.mailbox
        JOIN account ON account.id = mailbox.account
        WHERE message.id = ?";
    let row = params![now.0.as_seconds(), action.as_str(), because, message.0];
    transaction.prepare_cached(sql)?.execute(row).map(drop)
}

/// Adds an entry for each message of a run that was stored.
pub(crate) fn append_stored(
    transaction: &Transaction<'_>,
    (oldest, newest): (MessageKey, MessageKey),
    now: Now,
) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO ledger_entry (at, account, mailbox, message, message_id, sha256, action, because)
        SELECT ?, account.name, mailbox.name, message.id, message.message_id, message.sha256, ?,
          'new on the server'
        FROM message
        JOIN mailbox ON mailbox.id = message.mailbox
        JOIN account ON account.id = mailbox.account
        WHERE message.id BETWEEN ? AND ? ORDER BY message.id";
    let action = Action::Stored.as_str();
    let row = params![now.0.as_seconds(), action, oldest.0, newest.0];
    transaction.prepare_cached(sql)?.execute(row).map(drop)
}
