//! Local copies whose server copy has vanished, and what `retention.vanished` made of them.

use crate::error::IndexError;
use crate::ledger::Action;
use crate::mailboxes::MailboxId;
use crate::messages::{FILE, MessageFile, message_file};
use crate::open::Index;
use postrider_core::message::MessageKey;
use postrider_core::time::Now;

impl Index {
    /// The local copies of a mailbox whose server copy has vanished and for which nothing was done
    /// about it yet, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn unreleased(&self, mailbox: MailboxId) -> Result<Vec<MessageFile>, IndexError> {
        let sql = format!(
            "{FILE} WHERE message.mailbox = ? AND message.vanished_at IS NOT NULL
               AND message.released_at IS NULL
             ORDER BY message.id"
        );
        self.list("list vanished messages", &sql, [mailbox.0], message_file)
    }

    /// How many local copies a mailbox holds, as far as we know: the whole of which the brake takes a
    /// share.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn held(&self, mailbox: MailboxId) -> Result<u64, IndexError> {
        let sql = "SELECT count(*) AS n FROM message WHERE mailbox = ? AND removed_at IS NULL";
        let rows: Vec<Option<u64>> = self.list("count local copies", sql, [mailbox.0], |row| {
            crate::column::count(row, "n")
        })?;
        Ok(rows.into_iter().flatten().sum())
    }

    /// The local copies were flagged as trash, as `because` says. Says how many were new.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn mark_released(
        &mut self,
        keys: &[MessageKey],
        now: Now,
        because: &str,
    ) -> Result<usize, IndexError> {
        let sql = "UPDATE message SET released_at = ? WHERE id = ? AND released_at IS NULL";
        self.end(keys, sql, now, (Action::Vanished, because))
    }

    /// The local copies were removed, as `because` says. Says how many were new.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn mark_removed(
        &mut self,
        keys: &[MessageKey],
        now: Now,
        because: &str,
    ) -> Result<usize, IndexError> {
        let sql = "
            UPDATE message SET released_at = ?1, removed_at = ?1 WHERE id = ?2 AND removed_at IS NULL";
        self.end(keys, sql, now, (Action::Removed, because))
    }
}
