//! Messages that the server moved to another mailbox: their files follow, nothing is fetched again.
//!
//! The life of one: [`Index::relocate`] gives the row its new mailbox and UID and notes that the file
//! is on its way, durably; the file is renamed; [`Index::settle_relocations`]. Killed in between, the
//! next start finds the note and moves the file.

use crate::accounts::AccountId;
use crate::error::IndexError;
use crate::ledger::{self, Action};
use crate::mailboxes::MailboxId;
use crate::open::Index;
use crate::undo;
use postrider_core::message::MessageKey;
use postrider_core::time::Now;
use postrider_core::uid::{Uid, UidValidity};
use rusqlite::{OptionalExtension, Row, params};
use std::path::PathBuf;

/// A message that has another mailbox at the server now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// The message.
    pub key: MessageKey,
    /// Its new mailbox.
    pub mailbox: MailboxId,
    /// The epoch of its new UID.
    pub uid_validity: UidValidity,
    /// Its new UID.
    pub uid: Uid,
    /// Whether its file is to follow. Else it stays where it is, and is found there.
    pub follows: bool,
}

/// A file that has still to follow its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRelocation {
    /// The message.
    pub key: MessageKey,
    /// The directory of the mailbox where the file was; absolute.
    pub from: PathBuf,
    /// The directory of the mailbox where it belongs; absolute.
    pub to: PathBuf,
    /// The file relative to either.
    pub file: String,
}

impl Index {
    /// Gives messages another mailbox and UID. They are present again, and retention decides anew. Where nobody
    /// knew what had become of a message at the server, an undo of it has ended with this.
    ///
    /// # Errors
    /// [`IndexError::AlreadyKnown`] when a message has that UID already; else when a message is not
    /// there or the database refuses.
    pub fn relocate(&mut self, relocations: &[Relocation], now: Now) -> Result<(), IndexError> {
        let doing = "move messages between mailboxes";
        let failed = || IndexError::sql(doing);
        let note = "
            INSERT OR IGNORE INTO relocation (message, source) SELECT id, mailbox FROM message WHERE id = ?";
        let change = "
            UPDATE message SET mailbox = ?, uid_validity = ?, uid = ?, vanished_at = NULL,
              expire_requested_at = NULL, expire_because = NULL,
              released_at = CASE WHEN removed_at IS NULL THEN NULL ELSE released_at END
            WHERE id = ?";
        let known = "SELECT uid IS NOT NULL FROM message WHERE id = ?";
        let transaction = self.transaction(doing)?;
        for to in relocations {
            let known: Option<bool> = transaction
                .query_row(known, [to.key.0], |row| row.get(0))
                .optional()
                .map_err(failed())?;
            if to.follows {
                let mut statement = transaction.prepare_cached(note).map_err(failed())?;
                statement.execute([to.key.0]).map_err(failed())?;
            }
            let row = params![
                to.mailbox.0,
                to.uid_validity.as_u32(),
                to.uid.as_u32(),
                to.key.0
            ];
            let mut statement = transaction.prepare_cached(change).map_err(failed())?;
            if statement.execute(row).map_err(failed())? != 1 {
                return Err(IndexError::NoSuchRow {
                    doing,
                    id: to.key.0,
                });
            }
            let because = match known {
                Some(true) => "moved on the server",
                Some(false) | None => "found at the server in another mailbox",
            };
            ledger::append(&transaction, to.key, Action::Moved, now, because).map_err(failed())?;
            undo::arrived(&transaction, to.key, now).map_err(failed())?;
        }
        transaction.commit().map_err(failed())
    }

    /// The files of an account that have still to follow their messages.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn open_relocations(&self, account: AccountId) -> Result<Vec<OpenRelocation>, IndexError> {
        let sql = "
            SELECT message.id, source.path AS from_path, mailbox.path AS to_path, message.file
            FROM relocation
            JOIN message ON message.id = relocation.message
            JOIN mailbox ON mailbox.id = message.mailbox
            JOIN mailbox AS source ON source.id = relocation.source
            WHERE mailbox.account = ? ORDER BY message.id";
        let row = |row: &Row<'_>| {
            Ok(OpenRelocation {
                key: MessageKey(row.get("id")?),
                from: row.get::<_, String>("from_path")?.into(),
                to: row.get::<_, String>("to_path")?.into(),
                file: row.get("file")?,
            })
        };
        self.list("list files under way", sql, [account.0], row)
    }

    /// These files lie where they belong (or nowhere, a reader having removed them).
    ///
    /// # Errors
    /// When the database refuses.
    pub fn settle_relocations(&mut self, keys: &[MessageKey]) -> Result<(), IndexError> {
        let doing = "record files as moved";
        let failed = || IndexError::sql(doing);
        let transaction = self.transaction(doing)?;
        for key in keys {
            let sql = "DELETE FROM relocation WHERE message = ?";
            let mut statement = transaction.prepare_cached(sql).map_err(failed())?;
            statement.execute([key.0]).map_err(failed())?;
        }
        transaction.commit().map_err(failed())
    }
}
