//! What the brake holds (R6), and what a person let go.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use postrider_core::time::{Now, UnixTime};
use rusqlite::{OptionalExtension, Row, params};

/// From which side messages would be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Files in the Maildir.
    Local,
    /// Server copies.
    Server,
}

impl Side {
    /// The word in the index and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Server => "server",
        }
    }
}

/// What would be removed from one side of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Braking<'a> {
    /// So many messages
    pub removing: u64,
    /// of so many,
    pub held: u64,
    /// by this rule.
    pub because: &'a str,
}

/// A brake that has engaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrakeRow {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Its decoded name.
    pub name: String,
    /// `local` or `server`.
    pub side: String,
    /// Messages that would be removed.
    pub removing: u64,
    /// Of so many.
    pub held: u64,
    /// The rule by which they would go.
    pub because: String,
    /// When it engaged.
    pub engaged_at: Option<UnixTime>,
    /// When a person said that it may go on; as many messages as `removing` says, and no more.
    pub approved_at: Option<UnixTime>,
}

impl Index {
    /// The brake has engaged. Says whether that is news: the same brake engages again in every pass
    /// until somebody decides. An approval for fewer messages, or for another rule, is no approval for
    /// these.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn engage_brake(
        &mut self,
        mailbox: MailboxId,
        side: Side,
        braking: Braking<'_>,
        now: Now,
    ) -> Result<bool, IndexError> {
        let doing = "record the brake";
        let sql = "
            INSERT INTO brake (mailbox, side, removing, held, because, engaged_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (mailbox, side) DO UPDATE
              SET removing = ?3, held = ?4, because = ?5, engaged_at = ?6, approved_at = NULL
              WHERE removing <> ?3 OR held <> ?4 OR because <> ?5 OR approved_at IS NOT NULL";
        let row = params![
            mailbox.0,
            side.as_str(),
            column::integer(braking.removing),
            column::integer(braking.held),
            braking.because,
            now.0.as_seconds(),
        ];
        let changed = self.connection.execute(sql, row);
        Ok(changed.map_err(IndexError::sql(doing))? > 0)
    }

    /// Whether a person has let this brake go for so many messages by this rule.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn brake_approved(
        &self,
        mailbox: MailboxId,
        side: Side,
        braking: Braking<'_>,
    ) -> Result<bool, IndexError> {
        let sql = "
            SELECT approved_at IS NOT NULL AND removing >= ? AND because = ? FROM brake
            WHERE mailbox = ? AND side = ?";
        let removing = column::integer(braking.removing);
        let row = params![removing, braking.because, mailbox.0, side.as_str()];
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row(row, |row| row.get(0)).optional()
        };
        let approved: Option<bool> = read().map_err(IndexError::sql("look at the brake"))?;
        Ok(approved.unwrap_or(false))
    }

    /// The brake holds nothing any more. Says whether it did.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn release_brake(&mut self, mailbox: MailboxId, side: Side) -> Result<bool, IndexError> {
        let sql = "DELETE FROM brake WHERE mailbox = ? AND side = ?";
        let changed = self
            .connection
            .execute(sql, params![mailbox.0, side.as_str()]);
        Ok(changed.map_err(IndexError::sql("release the brake"))? > 0)
    }

    /// What the brakes of an account hold.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn brakes(&self, account: AccountId) -> Result<Vec<BrakeRow>, IndexError> {
        let sql = "
            SELECT brake.*, mailbox.name FROM brake JOIN mailbox ON mailbox.id = brake.mailbox
            WHERE mailbox.account = ? ORDER BY mailbox.name, side";
        self.list("list the brakes", sql, [account.0], brake_row)
    }

    /// A person lets everything go that the account's brakes hold now. Says what that is.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn approve(&mut self, account: AccountId, now: Now) -> Result<Vec<BrakeRow>, IndexError> {
        let sql = "
            UPDATE brake SET approved_at = coalesce(approved_at, ?2)
            WHERE mailbox IN (SELECT id FROM mailbox WHERE account = ?1)";
        let approved = self
            .connection
            .execute(sql, params![account.0, now.0.as_seconds()]);
        approved.map_err(IndexError::sql("approve what the brake holds"))?;
        self.brakes(account)
    }
}

fn brake_row(row: &Row<'_>) -> rusqlite::Result<BrakeRow> {
    Ok(BrakeRow {
        mailbox: MailboxId(row.get("mailbox")?),
        name: row.get("name")?,
        side: row.get("side")?,
        removing: column::count(row, "removing")?.unwrap_or_default(),
        held: column::count(row, "held")?.unwrap_or_default(),
        because: row.get("because")?,
        engaged_at: column::time(row, "engaged_at")?,
        approved_at: column::time(row, "approved_at")?,
    })
}
