//! When a certificate that runs out was last told of.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::open::Index;
use postrider_core::time::{Now, UnixTime};
use rusqlite::params;

impl Index {
    /// When it was last told that a certificate of the account runs out.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn certificate_told(&mut self, account: AccountId) -> Result<Option<UnixTime>, IndexError> {
        let sql = "SELECT certificate_told_at FROM account WHERE id = ?";
        let read = |row: &rusqlite::Row<'_>| column::time(row, "certificate_told_at");
        let told = self.connection.query_row(sql, [account.0], read);
        told.map_err(IndexError::sql("look when a certificate was told of"))
    }

    /// Notes that it is told now.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn note_certificate_told(
        &mut self,
        account: AccountId,
        Now(now): Now,
    ) -> Result<(), IndexError> {
        let sql = "UPDATE account SET certificate_told_at = ? WHERE id = ?";
        let row = params![now.as_seconds(), account.0];
        let written = self.connection.execute(sql, row);
        written.map_err(IndexError::sql("note that a certificate was told of"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;
    use postrider_core::time::{Now, UnixTime};

    #[test]
    fn each_account_remembers_when_it_was_told() {
        let mut bench = Bench::new();
        let account = bench.account;
        assert_eq!(bench.index.certificate_told(account).unwrap(), None);
        let now = UnixTime::from_seconds(1_700_000_000);
        bench
            .index
            .note_certificate_told(account, Now(now))
            .unwrap();
        let mut bench = bench.restart();
        assert_eq!(bench.index.certificate_told(account).unwrap(), Some(now));
    }
}
