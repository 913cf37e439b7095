//! What `status` shows.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::open::Index;
use postrider_core::time::UnixTime;
use rusqlite::Row;

/// An account at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountStatusRow {
    /// Its row.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// `imap` or `pop3`.
    pub protocol: String,
    /// When a pass last went through.
    pub last_success_at: Option<UnixTime>,
    /// When a pass last failed.
    pub last_error_at: Option<UnixTime>,
    /// The fault's kind.
    pub last_error_kind: Option<String>,
    /// The error, fit to be shown.
    pub last_error: Option<String>,
    /// How many mailboxes it has.
    pub mailboxes: u64,
    /// How many messages were ever stored.
    pub messages: u64,
    /// Messages whose local copy waits to be proven.
    pub waiting_for_proof: u64,
    /// Server copies that were asked to go and whose end the server has not confirmed.
    pub waiting_for_expiry: u64,
    /// Messages whose removal the brake holds and nobody has approved.
    pub waiting_for_approval: u64,
    /// Server copies that stay because a reader deleted the local one before it was proven (R1).
    pub deleted_unproven: u64,
    /// Deliveries under way, or left open by a crash.
    pub deliveries: u64,
}

impl Index {
    /// All accounts, by name.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn statuses(&self) -> Result<Vec<AccountStatusRow>, IndexError> {
        let sql = "
            SELECT account.*,
              (SELECT count(*) FROM mailbox WHERE account = account.id) AS mailboxes,
              (SELECT count(*) FROM mailbox JOIN message ON message.mailbox = mailbox.id
                WHERE mailbox.account = account.id) AS messages,
              (SELECT count(*) FROM mailbox JOIN message ON message.mailbox = mailbox.id
                WHERE mailbox.account = account.id AND message.proven_at IS NULL) AS unproven,
              (SELECT count(*) FROM mailbox JOIN message ON message.mailbox = mailbox.id
                WHERE mailbox.account = account.id AND message.expire_requested_at IS NOT NULL
                  AND message.expired_at IS NULL) AS expiring,
              (SELECT coalesce(sum(removing), 0) FROM mailbox JOIN brake ON brake.mailbox = mailbox.id
                WHERE mailbox.account = account.id AND brake.approved_at IS NULL) AS braked,
              (SELECT count(*) FROM mailbox JOIN message ON message.mailbox = mailbox.id
                WHERE mailbox.account = account.id AND message.absent_at IS NOT NULL
                  AND message.deleted_at IS NOT NULL AND message.proven_at IS NULL
                  AND message.vanished_at IS NULL) AS deleted_unproven,
              (SELECT count(*) FROM mailbox JOIN journal ON journal.mailbox = mailbox.id
                WHERE mailbox.account = account.id) AS deliveries
            FROM account ORDER BY name";
        self.list("read the state of the accounts", sql, (), status_row)
    }
}

fn status_row(row: &Row<'_>) -> rusqlite::Result<AccountStatusRow> {
    let count =
        |column: &str| Ok::<_, rusqlite::Error>(column::count(row, column)?.unwrap_or_default());
    Ok(AccountStatusRow {
        id: AccountId(row.get("id")?),
        name: row.get("name")?,
        protocol: row.get("protocol")?,
        last_success_at: column::time(row, "last_success_at")?,
        last_error_at: column::time(row, "last_error_at")?,
        last_error_kind: row.get("last_error_kind")?,
        last_error: row.get("last_error")?,
        mailboxes: count("mailboxes")?,
        messages: count("messages")?,
        waiting_for_proof: count("unproven")?,
        waiting_for_expiry: count("expiring")?,
        waiting_for_approval: count("braked")?,
        deleted_unproven: count("deleted_unproven")?,
        deliveries: count("deliveries")?,
    })
}
