//! Messages whose file a reader moved, within their mailbox or to another one.

use crate::column;
use crate::error::IndexError;
use crate::flag_changes::note_changes;
use crate::newcomers::Newcomer;
use crate::open::Index;
use postrider_core::flag::Flag;
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::time::Now;
use rusqlite::{OptionalExtension, Row, Transaction, params};

/// A message whose file a reader moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The message.
    pub key: MessageKey,
    /// Where its file lies now.
    pub newcomer: Newcomer,
    /// What the reader made of its octets.
    pub octets: Octets,
    /// The flags that it changed as well, and whether they are set now.
    pub changed: Vec<(Flag, bool)>,
}

/// What a reader made of a message's octets when it moved its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Octets {
    /// They are the same.
    Same,
    /// It added header fields of its own; without them they are the same. What the file holds now.
    Wrapped {
        /// The hash of the file.
        sha256: Sha256,
        /// Octets of the file.
        octets: u64,
        /// Octets with CRLF line ends.
        octets_crlf: u64,
    },
    /// Nobody can say: the local copy proves nothing any more (R1).
    Other,
}

impl Index {
    /// A message's file lies under another name in its own mailbox: a reader wrote it anew.
    ///
    /// # Errors
    /// When the message is not there or the database refuses.
    pub fn adopt(&mut self, parting: &Parting) -> Result<(), IndexError> {
        let doing = "record a file under its new name";
        let transaction = self.transaction(doing)?;
        let place = || {
            place(&transaction, parting)?;
            forget(&transaction, &parting.newcomer)
        };
        place().map_err(IndexError::sql(doing))?;
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// Messages belong to the mailboxes now where their files lie. Those that the server holds elsewhere are
    /// to leave there.
    ///
    /// # Errors
    /// When the database refuses; then none is recorded.
    pub fn begin_move(&mut self, partings: &[Parting], now: Now) -> Result<(), IndexError> {
        let doing = "begin to move messages";
        let transaction = self.transaction(doing)?;
        for parting in partings {
            begin_move(&transaction, parting, now).map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }
}

fn begin_move(transaction: &Transaction<'_>, parting: &Parting, now: Now) -> rusqlite::Result<()> {
    let (key, to) = (parting.key.0, parting.newcomer.mailbox.0);
    place(transaction, parting)?;
    forget(transaction, &parting.newcomer)?;
    // A reader who changes its mind before the server was asked: the message is where it was.
    let sql = "DELETE FROM outgoing WHERE message = ? AND source = ? RETURNING uid_validity, uid";
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let back: Option<(i64, i64)> = transaction.query_row(sql, [key, to], row).optional()?;
    if let Some((uid_validity, uid)) = back {
        let sql = "
            UPDATE message SET mailbox = ?, uid_validity = ?, uid = ?, vanished_at = NULL,
              released_at = NULL
            WHERE id = ?";
        return transaction
            .execute(sql, params![to, uid_validity, uid, key])
            .map(drop);
    }
    let sql = "
        INSERT INTO outgoing (message, source, uid_validity, uid)
        SELECT id, mailbox, uid_validity, uid FROM message
        WHERE id = ? AND uid IS NOT NULL AND vanished_at IS NULL AND expired_at IS NULL
        ON CONFLICT DO NOTHING";
    transaction.execute(sql, [key])?;
    let sql = "
        UPDATE message SET mailbox = ?1, uid_validity = NULL, uid = NULL,
          vanished_at = iif(expired_at IS NULL, coalesce(vanished_at, ?2), vanished_at),
          released_at = coalesce(released_at, ?2),
          expire_requested_at = NULL, expire_because = NULL
        WHERE id = ?3";
    let row = params![to, now.0.as_seconds(), key];
    transaction.execute(sql, row).map(drop)
}

/// Where the file lies, and what it holds.
fn place(transaction: &Transaction<'_>, parting: &Parting) -> rusqlite::Result<()> {
    let key = parting.key.0;
    let sql = "
        UPDATE message SET base = ?, file = ?, absent_at = NULL, deleted_at = NULL, lost_at = NULL
        WHERE id = ?";
    let newcomer = &parting.newcomer;
    transaction.execute(sql, params![newcomer.base, newcomer.file, key])?;
    note_changes(transaction, parting.key, &parting.changed)?;
    match parting.octets {
        Octets::Same => Ok(()),
        Octets::Wrapped {
            sha256,
            octets,
            octets_crlf,
        } => {
            let sql = "
                UPDATE message SET sha256 = ?, octets = ?, octets_crlf = ?, proven_at = NULL,
                  expire_requested_at = NULL
                WHERE id = ?";
            let octets = (column::integer(octets), column::integer(octets_crlf));
            let row = params![sha256.0, octets.0, octets.1, key];
            transaction.execute(sql, row).map(drop)
        }
        Octets::Other => {
            let sql = "
                UPDATE message SET proven_at = NULL, expire_requested_at = NULL WHERE id = ?";
            transaction.execute(sql, [key]).map(drop)
        }
    }
}

pub(crate) fn forget(transaction: &Transaction<'_>, newcomer: &Newcomer) -> rusqlite::Result<()> {
    let sql = "DELETE FROM newcomer WHERE id = ?";
    transaction.execute(sql, [newcomer.id.0]).map(drop)
}
