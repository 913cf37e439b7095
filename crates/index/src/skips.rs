//! Messages that are left on the server on purpose, because of `max_size` or `max_age`. They are
//! counted, and never expired: there is no local copy to prove.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use postrider_core::time::{Now, UnixTime};
use postrider_core::uid::{Uid, UidSet, UidValidity};
use rusqlite::{Row, params};

/// A message that is left on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Its UID.
    pub uid: Uid,
    /// RFC822.SIZE, if the server told.
    pub octets: Option<u64>,
    /// INTERNALDATE, if the server told.
    pub internal_date: Option<UnixTime>,
    /// The limit, in words.
    pub because: String,
}

impl Index {
    /// Notes that these messages are left alone.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn skip(
        &mut self,
        mailbox: MailboxId,
        epoch: UidValidity,
        skips: &[Skip],
    ) -> Result<(), IndexError> {
        let doing = "record messages as skipped";
        let failed = || IndexError::sql(doing);
        let sql = "
            INSERT OR REPLACE INTO skip (mailbox, uid_validity, uid, octets, internal_date, because)
            VALUES (?, ?, ?, ?, ?, ?)";
        let transaction = self.transaction(doing)?;
        for skip in skips {
            let row = params![
                mailbox.0,
                epoch.as_u32(),
                skip.uid.as_u32(),
                skip.octets.map(column::integer),
                skip.internal_date.map(UnixTime::as_seconds),
                skip.because,
            ];
            let mut statement = transaction.prepare_cached(sql).map_err(failed())?;
            statement.execute(row).map_err(failed())?;
        }
        transaction.commit().map_err(failed())
    }

    /// The messages of one epoch of a mailbox that are left alone, or on their way to another mailbox.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn skipped(&self, mailbox: MailboxId, epoch: UidValidity) -> Result<UidSet, IndexError> {
        let sql = "
            SELECT uid FROM skip WHERE mailbox = ?1 AND uid_validity = ?2
            UNION SELECT uid FROM outgoing WHERE source = ?1 AND uid_validity = ?2 ORDER BY uid";
        let uid = |row: &Row<'_>| column::uid(row, "uid")?.ok_or_else(|| column::absent("uid"));
        self.list(
            "list skipped messages",
            sql,
            (mailbox.0, epoch.as_u32()),
            uid,
        )
    }

    /// Messages skipped before that the limits of today let in: their mailboxes are looked at anew.
    /// Says how many there were.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn unskip(
        &mut self,
        account: AccountId,
        max_octets: Option<u64>,
        oldest: Option<Now>,
    ) -> Result<usize, IndexError> {
        let doing = "look for skipped messages that are welcome now";
        let failed = || IndexError::sql(doing);
        let welcome = "
            mailbox IN (SELECT id FROM mailbox WHERE account = ?1)
              AND (?2 IS NULL OR octets IS NULL OR octets <= ?2)
              AND (?3 IS NULL OR internal_date IS NULL OR internal_date >= ?3)";
        let row = params![
            account.0,
            max_octets.map(column::integer),
            oldest.map(|now| now.0.as_seconds()),
        ];
        let transaction = self.transaction(doing)?;
        // Without a state the next look shows everything.
        let look = format!(
            "UPDATE mailbox SET uid_next = NULL, highest_mod_seq = NULL
             WHERE id IN (SELECT mailbox FROM skip WHERE {welcome})"
        );
        let touched = transaction.execute(&look, row).map_err(failed())?;
        if touched == 0 {
            return Ok(0);
        }
        let forget = format!("DELETE FROM skip WHERE {welcome}");
        let forgotten = transaction.execute(&forget, row).map_err(failed())?;
        transaction.commit().map_err(failed())?;
        Ok(forgotten)
    }
}
