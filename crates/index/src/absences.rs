//! Local copies whose file scans do not find (R5): one scan is one witness, a second one makes it a
//! reader's deletion. Where the directory itself was gone nobody deleted anything.

use crate::accounts::one;
use crate::error::IndexError;
use crate::mailboxes::{MailboxId, ScanStamp};
use crate::messages::{FILE, MessageFile, message_file};
use crate::open::Index;
use postrider_core::message::MessageKey;
use postrider_core::time::Now;
use rusqlite::{OptionalExtension, Transaction, params};

impl Index {
    /// The files of a mailbox's messages whose server copy is there, oldest first: those that a scan
    /// should find.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn each_retained_file(
        &self,
        mailbox: MailboxId,
        mut each: impl FnMut(MessageKey, &str),
    ) -> Result<(), IndexError> {
        let sql = "
            SELECT id, file FROM message
            WHERE mailbox = ? AND vanished_at IS NULL AND expired_at IS NULL";
        let mut read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([mailbox.0])?;
            while let Some(row) = rows.next()? {
                each(MessageKey(row.get("id")?), row.get_ref("file")?.as_str()?);
            }
            Ok(())
        };
        read().map_err(IndexError::sql("list the files of a mailbox"))
    }

    /// A scan has not found the files of these messages, neither in their mailbox nor in another of
    /// the account. What an earlier scan had missed too is a reader's deletion from now on.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn note_absent(&mut self, keys: &[MessageKey], now: Now) -> Result<(), IndexError> {
        let sql = "
            UPDATE message SET
              deleted_at = CASE WHEN absent_at IS NOT NULL AND lost_at IS NULL
                THEN coalesce(deleted_at, ?1) END,
              absent_at = coalesce(absent_at, ?1)
            WHERE id = ?2";
        let note = |transaction: &Transaction<'_>, key: MessageKey| {
            let mut statement = transaction.prepare_cached(sql)?;
            statement.execute(params![now.0.as_seconds(), key.0])
        };
        self.note("note what a scan missed", keys, note)
    }

    /// The directories of a mailbox are others than those that a scan last read: what no scan finds from
    /// now on, and what only one had missed before, went with them and is lost, not deleted, until it is
    /// found again. `missing` are those that are in the new ones neither.
    ///
    /// # Errors
    /// When the database refuses; then nothing is noted.
    pub fn note_lost(
        &mut self,
        mailbox: MailboxId,
        missing: &[MessageKey],
        now: Now,
    ) -> Result<(), IndexError> {
        let doing = "note that a directory is another";
        let before = "
            UPDATE message SET lost_at = ?1
            WHERE mailbox = ?2 AND absent_at IS NOT NULL AND deleted_at IS NULL
              AND lost_at IS NULL";
        let lost = "
            UPDATE message SET lost_at = ?1, absent_at = coalesce(absent_at, ?1)
            WHERE id = ?2 AND deleted_at IS NULL";
        let at = now.0.as_seconds();
        let transaction = self.transaction(doing)?;
        let write = || {
            transaction.execute(before, params![at, mailbox.0])?;
            let mut statement = transaction.prepare_cached(lost)?;
            for key in missing {
                statement.execute(params![at, key.0])?;
            }
            Ok(())
        };
        write().map_err(IndexError::sql(doing))?;
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// Which of these messages, deleted by a reader before they were proven, nobody has been told of; from
    /// now on all of them are told.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn tell_unproven(
        &mut self,
        keys: &[MessageKey],
        now: Now,
    ) -> Result<Vec<MessageKey>, IndexError> {
        let sql = "
            UPDATE message SET unproven_told_at = ? WHERE id = ? AND unproven_told_at IS NULL";
        let mut news = Vec::new();
        let note = |transaction: &Transaction<'_>, key: MessageKey| {
            let mut statement = transaction.prepare_cached(sql)?;
            let changed = statement.execute(params![now.0.as_seconds(), key.0])?;
            if changed > 0 {
                news.push(key);
            }
            Ok(changed)
        };
        self.note("note what stays on the server", keys, note)?;
        Ok(news)
    }

    /// The files of these messages are there, whatever was noted before.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn note_there(&mut self, keys: &[MessageKey]) -> Result<(), IndexError> {
        let sql = "
            UPDATE message
            SET absent_at = NULL, deleted_at = NULL, lost_at = NULL, unproven_told_at = NULL
            WHERE id = ? AND absent_at IS NOT NULL";
        let note = |transaction: &Transaction<'_>, key: MessageKey| {
            transaction.prepare_cached(sql)?.execute([key.0])
        };
        self.note("note what a scan found again", keys, note)
    }

    /// The directory of a mailbox was gone and has been made anew: whatever lay in it is lost, not
    /// deleted, until it is found again, and so is that of other maildrops which share the directory.
    /// What a reader had deleted before stays deleted.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn note_remade(&mut self, mailbox: MailboxId, now: Now) -> Result<(), IndexError> {
        let sql = "
            UPDATE message SET lost_at = ?1, absent_at = coalesce(absent_at, ?1)
            WHERE deleted_at IS NULL AND expired_at IS NULL AND mailbox IN
              (SELECT id FROM mailbox WHERE path = (SELECT path FROM mailbox WHERE id = ?2))";
        let row = params![now.0.as_seconds(), mailbox.0];
        let changed = self.connection.execute(sql, row);
        let failed = IndexError::sql("note that a directory was gone");
        changed.map(drop).map_err(failed)
    }

    /// The messages of a mailbox whose file the last scan did not find.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn absent(&self, mailbox: MailboxId) -> Result<Vec<MessageFile>, IndexError> {
        let sql = format!(
            "{FILE} WHERE message.mailbox = ? AND message.absent_at IS NOT NULL
               AND message.vanished_at IS NULL AND message.expired_at IS NULL
             ORDER BY message.id"
        );
        self.list("list what a scan missed", &sql, [mailbox.0], message_file)
    }

    /// What the directory of a mailbox looked like when a scan last found nothing absent in it that
    /// was not noted twice.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn checked(&self, mailbox: MailboxId) -> Result<Option<ScanStamp>, IndexError> {
        let sql = "
            SELECT checked_new_ns, checked_cur_ns FROM mailbox
            WHERE id = ? AND checked_new_ns IS NOT NULL AND checked_cur_ns IS NOT NULL";
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let stamp = statement.query_row([mailbox.0], |row| {
                Ok(ScanStamp {
                    new_ns: row.get(0)?,
                    cur_ns: row.get(1)?,
                })
            });
            stamp.optional()
        };
        read().map_err(IndexError::sql("read the check of a mailbox"))
    }

    /// Remembers for [`Index::checked`].
    ///
    /// # Errors
    /// When the mailbox is not there or the database refuses.
    pub fn set_checked(
        &mut self,
        mailbox: MailboxId,
        stamp: Option<ScanStamp>,
    ) -> Result<(), IndexError> {
        let doing = "record the check of a mailbox";
        let sql = "UPDATE mailbox SET checked_new_ns = ?, checked_cur_ns = ? WHERE id = ?";
        let (new, cur) = (stamp.map(|s| s.new_ns), stamp.map(|s| s.cur_ns));
        let changed = self.connection.execute(sql, params![new, cur, mailbox.0]);
        one(changed.map_err(IndexError::sql(doing))?, doing, mailbox.0)
    }

    /// Which directories a scan last read in a mailbox; `None` before the first.
    ///
    /// # Errors
    /// When the mailbox is not there or the database refuses.
    pub fn directories(&self, mailbox: MailboxId) -> Result<Option<String>, IndexError> {
        let sql = "SELECT directories FROM mailbox WHERE id = ?";
        let read = self
            .connection
            .query_row(sql, [mailbox.0], |row| row.get(0));
        read.map_err(IndexError::sql("read which directories a mailbox has"))
    }

    /// Remembers for [`Index::directories`].
    ///
    /// # Errors
    /// When the mailbox is not there or the database refuses.
    pub fn set_directories(
        &mut self,
        mailbox: MailboxId,
        directories: &str,
    ) -> Result<(), IndexError> {
        let doing = "record which directories a mailbox has";
        let sql = "UPDATE mailbox SET directories = ? WHERE id = ?";
        self.flushed_later(doing, |index| {
            let row = params![directories, mailbox.0];
            let changed = index.connection.execute(sql, row);
            one(changed.map_err(IndexError::sql(doing))?, doing, mailbox.0)
        })
    }

    fn note(
        &mut self,
        doing: &'static str,
        keys: &[MessageKey],
        mut note: impl FnMut(&Transaction<'_>, MessageKey) -> rusqlite::Result<usize>,
    ) -> Result<(), IndexError> {
        if keys.is_empty() {
            return Ok(());
        }
        let transaction = self.transaction(doing)?;
        for key in keys {
            note(&transaction, *key).map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, epoch, imap, message, now};
    use postrider_core::retention::LocalCopy;

    fn local(bench: &Bench) -> Vec<LocalCopy> {
        let rows = bench.index.retained(bench.mailbox, Some(epoch(7)));
        rows.unwrap().iter().map(|row| row.local).collect()
    }

    #[test]
    fn r5_two_scans_make_a_deletion_and_a_third_that_finds_it_undoes_it() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
        assert_eq!(local(&bench), [LocalCopy::Present; 2]);
        bench.index.note_absent(&keys[..1], now(200)).unwrap();
        assert_eq!(local(&bench), [LocalCopy::Missing, LocalCopy::Present]);
        bench.index.note_absent(&keys[..1], now(300)).unwrap();
        assert_eq!(local(&bench), [LocalCopy::Deleted, LocalCopy::Present]);
        let absent = bench.index.absent(bench.mailbox).unwrap();
        assert_eq!(absent.iter().map(|f| f.key).collect::<Vec<_>>(), keys[..1]);
        bench.index.note_there(&keys).unwrap();
        assert_eq!(local(&bench), [LocalCopy::Present; 2]);
    }

    #[test]
    fn r5_what_went_with_its_directory_is_never_a_deletion_until_it_is_found_again() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
        for at in [150, 160] {
            bench.index.note_absent(&keys[..1], now(at)).unwrap();
        }
        bench.index.note_remade(bench.mailbox, now(200)).unwrap();
        for at in [300, 400, 500] {
            bench.index.note_absent(&keys, now(at)).unwrap();
            assert_eq!(local(&bench), [LocalCopy::Deleted, LocalCopy::Missing]);
        }
        bench.index.note_there(&keys[1..]).unwrap();
        for at in [600, 700] {
            bench.index.note_absent(&keys[1..], now(at)).unwrap();
        }
        assert_eq!(local(&bench), [LocalCopy::Deleted; 2]);
    }

    #[test]
    fn r5_what_another_directory_lacks_is_lost_and_what_was_deleted_before_stays_deleted() {
        let mut bench = Bench::new();
        let messages = (1..=3_u8).map(|n| message(imap(7, n.into()), n)).collect();
        let keys = bench.store(messages);
        for at in [150, 160] {
            bench.index.note_absent(&keys[..1], now(at)).unwrap();
        }
        bench.index.note_absent(&keys[1..2], now(170)).unwrap();
        let lost = bench.index.note_lost(bench.mailbox, &keys[2..], now(200));
        lost.unwrap();
        for at in [300, 400] {
            bench.index.note_absent(&keys, now(at)).unwrap();
            let seen = [LocalCopy::Deleted, LocalCopy::Missing, LocalCopy::Missing];
            assert_eq!(local(&bench), seen);
        }
    }

    #[test]
    fn a_mailbox_remembers_its_directories() {
        let mut bench = Bench::new();
        let mailbox = bench.mailbox;
        assert_eq!(bench.index.directories(mailbox).unwrap(), None);
        bench.index.set_directories(mailbox, "1.0 2.0").unwrap();
        bench = bench.restart();
        let known = bench.index.directories(mailbox).unwrap();
        assert_eq!(known.as_deref(), Some("1.0 2.0"));
    }

    #[test]
    fn r1_what_was_deleted_before_it_was_proven_is_told_once_until_it_comes_back() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
        bench.index.note_absent(&keys, now(150)).unwrap();
        let index = &mut bench.index;
        assert_eq!(
            index.tell_unproven(&keys[..1], now(200)).unwrap(),
            keys[..1]
        );
        assert_eq!(index.tell_unproven(&keys, now(210)).unwrap(), keys[1..]);
        assert!(index.tell_unproven(&keys, now(220)).unwrap().is_empty());
        index.note_there(&keys[..1]).unwrap();
        assert_eq!(index.tell_unproven(&keys, now(230)).unwrap(), keys[..1]);
    }
}
