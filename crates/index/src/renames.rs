//! Mailboxes that the server renamed or has no more.

use crate::accounts::{AccountId, one};
use crate::error::IndexError;
use crate::mailboxes::{MailboxId, NewMailbox, require_free_for, text};
use crate::open::Index;
use postrider_core::mailbox::Role;
use postrider_core::time::Now;
use rusqlite::{Row, params};
use std::path::PathBuf;

/// A mailbox whose files are on their way to another directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenMove {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Where its files were; absolute.
    pub from: PathBuf,
    /// Where they belong; absolute.
    pub to: PathBuf,
}

impl Index {
    /// The server has this mailbox no more; two witnesses said so (R5). Its messages stay as they are,
    /// and when the mailbox is listed again it is as if nothing had been.
    ///
    /// # Errors
    /// When the mailbox is not there or the database refuses.
    pub fn lose_mailbox(&mut self, mailbox: MailboxId, now: Now) -> Result<(), IndexError> {
        let doing = "record a mailbox as lost";
        let sql = "UPDATE mailbox SET lost_at = coalesce(lost_at, ?) WHERE id = ?";
        let changed = self
            .connection
            .execute(sql, params![now.0.as_seconds(), mailbox.0]);
        one(changed.map_err(IndexError::sql(doing))?, doing, mailbox.0)
    }

    /// The server calls the mailbox by another name now, and its files belong elsewhere. They are to
    /// be moved, and [`Index::settle_move`] called when they lie there.
    ///
    /// # Errors
    /// [`IndexError::AlreadyKnown`] when another mailbox has that name, [`IndexError::PathTaken`] when it
    /// has that directory; else when the mailbox is not there or the database refuses.
    pub fn rename_mailbox(
        &mut self,
        mailbox: MailboxId,
        new: &NewMailbox,
    ) -> Result<(), IndexError> {
        let doing = "record the new name of a mailbox";
        require_free_for(&self.connection, mailbox, &new.path)?;
        let sql = "
            UPDATE mailbox SET wire_name = ?, name = ?, role = ?, path = ?,
              moved_from = coalesce(moved_from, path), lost_at = NULL,
              stamp_new_ns = NULL, stamp_cur_ns = NULL
            WHERE id = ?";
        let row = params![
            new.wire_name,
            new.name.to_string(),
            new.role.map(Role::as_str),
            text(&new.path)?,
            mailbox.0,
        ];
        let changed = self.connection.execute(sql, row);
        one(changed.map_err(IndexError::sql(doing))?, doing, mailbox.0)
    }

    /// The moves of an account's mailboxes that were begun and not settled.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn open_moves(&self, account: AccountId) -> Result<Vec<OpenMove>, IndexError> {
        let sql = "
            SELECT id, moved_from, path FROM mailbox
            WHERE account = ? AND moved_from IS NOT NULL ORDER BY id";
        let row = |row: &Row<'_>| {
            Ok(OpenMove {
                mailbox: MailboxId(row.get("id")?),
                from: row.get::<_, String>("moved_from")?.into(),
                to: row.get::<_, String>("path")?.into(),
            })
        };
        self.list("list mailboxes under way", sql, [account.0], row)
    }

    /// The mailbox's files lie where they belong.
    ///
    /// # Errors
    /// When the mailbox is not there or the database refuses.
    pub fn settle_move(&mut self, mailbox: MailboxId) -> Result<(), IndexError> {
        let doing = "record a mailbox as moved";
        let sql = "UPDATE mailbox SET moved_from = NULL WHERE id = ?";
        let changed = self.connection.execute(sql, [mailbox.0]);
        one(changed.map_err(IndexError::sql(doing))?, doing, mailbox.0)
    }
}
