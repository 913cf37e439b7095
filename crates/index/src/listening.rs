//! What listening between passes remembers: how long a line may be silent, and where mail came lately.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use postrider_core::refresh::Learned;
use postrider_core::time::UnixTime;
use rusqlite::{Row, params};
use std::collections::HashMap;
use std::time::Duration;

impl Index {
    /// How long a silent connection to the account's server lasts, as far as that was learned.
    ///
    /// # Errors
    /// When the account is not there or the database refuses.
    pub fn silence(&self, account: AccountId) -> Result<Option<Learned>, IndexError> {
        let sql = "SELECT silence_s, silence_learned_at FROM account WHERE id = ?";
        let read = |row: &Row<'_>| {
            let seconds = column::count(row, 0)?;
            Ok(seconds.zip(column::time(row, 1)?))
        };
        let found = self.connection.query_row(sql, [account.0], read);
        let found = found.map_err(IndexError::sql("read how long a silent line lasts"))?;
        let learned = |(seconds, at)| {
            let interval = Duration::from_secs(seconds);
            Learned { interval, at }
        };
        Ok(found.map(learned))
    }

    /// Remembers how long a silent connection to the account's server lasts; `None` forgets it.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn set_silence(
        &mut self,
        account: AccountId,
        learned: Option<Learned>,
    ) -> Result<(), IndexError> {
        let sql = "UPDATE account SET silence_s = ?, silence_learned_at = ? WHERE id = ?";
        let seconds = learned.map(|learned| column::integer(learned.interval.as_secs()));
        let at = learned.map(|learned| learned.at.as_seconds());
        let changed = self
            .connection
            .execute(sql, params![seconds, at, account.0]);
        let doing = "record how long a silent line lasts";
        changed.map(drop).map_err(IndexError::sql(doing))
    }

    /// When the newest message of each mailbox came, as far as the index knows: no later than it was stored, whatever
    /// the server says. Reads one row for each mailbox.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn newest(&self, account: AccountId) -> Result<HashMap<MailboxId, UnixTime>, IndexError> {
        let sql = "
            SELECT mailbox.id, (
                SELECT min(coalesce(internal_date, stored_at), stored_at) FROM message
                WHERE message.mailbox = mailbox.id AND message.uid_validity = mailbox.uid_validity
                ORDER BY uid DESC LIMIT 1)
            FROM mailbox WHERE account = ?";
        let read = |row: &Row<'_>| Ok((MailboxId(row.get(0)?), column::time(row, 1)?));
        let rows: Vec<_> = self.list("look where mail came lately", sql, [account.0], read)?;
        let known = |(mailbox, newest): (MailboxId, Option<UnixTime>)| Some((mailbox, newest?));
        Ok(rows.into_iter().filter_map(known).collect())
    }
}
