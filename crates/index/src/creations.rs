//! Mailboxes that we make at the server for directories of readers.
//!
//! The life of one: [`Index::begin_create`], durably; the server makes it; [`Index::end_create`] records it as
//! in step, so that what lies in its directory is a reader's and new. Killed in between, the next pass finds
//! the mailbox listed and knows by [`Index::is_created_by_us`] whose it is.

use crate::accounts::AccountId;
use crate::error::IndexError;
use crate::mailboxes::{NewMailbox, record, text};
use crate::open::Index;
use postrider_core::time::Now;
use rusqlite::params;
use std::path::Path;

impl Index {
    /// A mailbox is about to be made for this directory.
    ///
    /// # Errors
    /// When the path is no text or the database refuses.
    pub fn begin_create(&mut self, account: AccountId, path: &Path) -> Result<(), IndexError> {
        let sql = "INSERT OR IGNORE INTO creation (account, path) VALUES (?, ?)";
        let made = self
            .connection
            .execute(sql, params![account.0, text(path)?]);
        made.map(drop).map_err(IndexError::sql(CREATE))
    }

    /// Whether a mailbox was about to be made for this directory.
    ///
    /// # Errors
    /// When the path is no text or the database refuses.
    pub fn is_created_by_us(&self, account: AccountId, path: &Path) -> Result<bool, IndexError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM creation WHERE account = ? AND path = ?)";
        let asked = params![account.0, text(path)?];
        let found = self.connection.query_row(sql, asked, |row| row.get(0));
        found.map_err(IndexError::sql(CREATE))
    }

    /// The server would not make it.
    ///
    /// # Errors
    /// When the path is no text or the database refuses.
    pub fn give_up_create(&mut self, account: AccountId, path: &Path) -> Result<(), IndexError> {
        let sql = "DELETE FROM creation WHERE account = ? AND path = ?";
        let gone = self
            .connection
            .execute(sql, params![account.0, text(path)?]);
        gone.map(drop).map_err(IndexError::sql(CREATE))
    }

    /// The mailbox is there. Nobody but a reader can have put anything into its directory.
    ///
    /// # Errors
    /// [`IndexError::PathTaken`] when another mailbox lies there; else when the database refuses.
    pub fn end_create(
        &mut self,
        account: AccountId,
        mailbox: &NewMailbox,
        now: Now,
    ) -> Result<(), IndexError> {
        let failed = || IndexError::sql(CREATE);
        let transaction = self.transaction(CREATE)?;
        let id = record(&transaction, account, mailbox)?;
        let sql = "UPDATE mailbox SET synced_at = ? WHERE id = ?";
        let row = params![now.0.as_seconds(), id.0];
        transaction.execute(sql, row).map_err(failed())?;
        let sql = "DELETE FROM creation WHERE account = ? AND path = ?";
        let row = params![account.0, text(&mailbox.path)?];
        transaction.execute(sql, row).map_err(failed())?;
        transaction.commit().map_err(failed())
    }
}

const CREATE: &str = "record a mailbox that is made at the server";

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, new_mailbox, now};

    #[test]
    fn r3_a_mailbox_that_was_about_to_be_made_is_remembered_until_it_is_recorded() {
        let mut bench = Bench::new();
        let made = new_mailbox("Job");
        let account = bench.account;
        let asked = |bench: &Bench| bench.index.is_created_by_us(account, &made.path).unwrap();
        assert!(!asked(&bench));
        bench.index.begin_create(account, &made.path).unwrap();
        let mut bench = bench.restart();
        assert!(asked(&bench));
        bench.index.give_up_create(account, &made.path).unwrap();
        assert!(!asked(&bench), "the server would not make it");
        bench.index.begin_create(account, &made.path).unwrap();
        bench.index.end_create(account, &made, now(7)).unwrap();
        assert!(!asked(&bench));
        let rows = bench.index.mailboxes(account).unwrap();
        let row = rows.iter().find(|row| row.wire_name == "Job").unwrap();
        assert!(row.synced_at.is_some() && row.server.uid_next.is_none());
    }
}
