//! Accounts: when they last went well, and what last went wrong.

use crate::column;
use crate::error::IndexError;
use crate::open::Index;
use postrider_core::account::{AccountName, Protocol};
use postrider_core::fault::Fault;
use postrider_core::time::{Now, UnixTime};
use rusqlite::{OptionalExtension, params};

/// An account's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub(crate) i64);

/// What a server can do, as capability words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownCapabilities {
    /// Before login.
    pub greeting: Vec<String>,
    /// After login.
    pub session: Vec<String>,
}

/// Characters of an error kept: the log has it whole, `status` shows a line.
const LONGEST_ERROR: usize = 1_000;

impl Index {
    /// The account of this name; made where missing.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn account(
        &mut self,
        name: &AccountName,
        protocol: Protocol,
    ) -> Result<AccountId, IndexError> {
        // Not one UPSERT: every start would then write, though nothing has changed.
        let known = "SELECT id FROM account WHERE name = ? AND protocol = ?";
        let upsert = "
            INSERT INTO account (name, protocol) VALUES (?, ?)
            ON CONFLICT (name) DO UPDATE SET protocol = excluded.protocol
            RETURNING id";
        let row = params![name.as_str(), protocol.as_str()];
        let id = |row: &rusqlite::Row<'_>| row.get(0);
        let found = self.connection.query_row(known, row, id).optional();
        let id = match found.map_err(IndexError::sql("look for an account"))? {
            Some(known) => known,
            None => self.flushed_later("record an account", |index| {
                let made = index.connection.query_row(upsert, row, id);
                made.map_err(IndexError::sql("record an account"))
            })?,
        };
        Ok(AccountId(id))
    }

    /// The account of this name, if the index knows it.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn account_named(&self, name: &AccountName) -> Result<Option<AccountId>, IndexError> {
        let sql = "SELECT id FROM account WHERE name = ?";
        let id = |row: &rusqlite::Row<'_>| row.get(0).map(AccountId);
        let found = self.connection.query_row(sql, [name.as_str()], id);
        found
            .optional()
            .map_err(IndexError::sql("look for an account"))
    }

    /// What the account's server could do last time: words before and after login. Empty when it was
    /// never asked.
    ///
    /// # Errors
    /// When the account is not there or the database refuses.
    pub fn capabilities(&self, account: AccountId) -> Result<KnownCapabilities, IndexError> {
        let sql = "SELECT greeting_capabilities, session_capabilities FROM account WHERE id = ?";
        let words = |text: Option<String>| {
            let text = text.unwrap_or_default();
            text.split_ascii_whitespace().map(str::to_owned).collect()
        };
        let read = |row: &rusqlite::Row<'_>| {
            Ok(KnownCapabilities {
                greeting: words(row.get(0)?),
                session: words(row.get(1)?),
            })
        };
        let found = self.connection.query_row(sql, [account.0], read);
        found.map_err(IndexError::sql("read what the server can do"))
    }

    /// What the account's server can do. Writes only what is new.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn set_capabilities(
        &mut self,
        account: AccountId,
        known: &KnownCapabilities,
    ) -> Result<(), IndexError> {
        let doing = "record what the server can do";
        let sql = "
            UPDATE account SET greeting_capabilities = ?1, session_capabilities = ?2
            WHERE id = ?3
              AND (greeting_capabilities IS NOT ?1 OR session_capabilities IS NOT ?2)";
        let (greeting, session) = (known.greeting.join(" "), known.session.join(" "));
        let row = params![greeting, session, account.0];
        self.flushed_later(doing, |index| {
            let changed = index.connection.execute(sql, row);
            changed.map(drop).map_err(IndexError::sql(doing))
        })
    }

    /// When a pass over the account last went through.
    ///
    /// # Errors
    /// When the account is not there or the database refuses.
    pub fn last_success(&self, account: AccountId) -> Result<Option<UnixTime>, IndexError> {
        let sql = "SELECT last_success_at FROM account WHERE id = ?";
        let read = |row: &rusqlite::Row<'_>| column::time(row, "last_success_at");
        let found = self.connection.query_row(sql, [account.0], read);
        found.map_err(IndexError::sql("read when the account was last well"))
    }

    /// A pass over the account went through.
    ///
    /// # Errors
    /// When the account is not there or the database refuses.
    pub fn record_success(&mut self, account: AccountId, now: Now) -> Result<(), IndexError> {
        let doing = "record a success";
        let sql = "UPDATE account SET last_success_at = ? WHERE id = ?";
        let changed = self
            .connection
            .execute(sql, params![now.0.as_seconds(), account.0]);
        one(changed.map_err(IndexError::sql(doing))?, doing, account.0)
    }

    /// A pass over the account failed. `text` is for people: control characters are escaped and it
    /// is cut at 1,000 characters, for a server may have had a word in it.
    ///
    /// # Errors
    /// When the account is not there or the database refuses.
    pub fn record_error(
        &mut self,
        account: AccountId,
        now: Now,
        fault: Fault,
        text: &str,
    ) -> Result<(), IndexError> {
        let doing = "record an error";
        let sql = "
            UPDATE account SET last_error_at = ?, last_error_kind = ?, last_error = ?
            WHERE id = ?";
        let mut shown = String::new();
        for c in text.chars().take(LONGEST_ERROR) {
            if c.is_control() {
                shown.extend(c.escape_default());
            } else {
                shown.push(c);
            }
        }
        let row = params![now.0.as_seconds(), fault.kind(), shown, account.0];
        let changed = self
            .connection
            .execute(sql, row)
            .map_err(IndexError::sql(doing))?;
        one(changed, doing, account.0)
    }
}

/// An UPDATE by key that changed nothing named a row that is not there.
pub(crate) fn one(changed: usize, doing: &'static str, id: i64) -> Result<(), IndexError> {
    if changed == 1 {
        Ok(())
    } else {
        Err(IndexError::NoSuchRow { doing, id })
    }
}
