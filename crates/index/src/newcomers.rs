//! Files that lie in a mailbox and are no message's there, until somebody has explained them.

use crate::accounts::AccountId;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::messages::{FILE, MessageFile, message_file};
use crate::open::Index;
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::time::{Now, UnixTime};
use rusqlite::{Row, params};
use std::collections::HashSet;

/// Messages with the same octets that are held beside a newcomer: a hostile server can send a million (R11).
const MOST_ALIKE: u32 = 64;

/// A newcomer's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NewcomerId(pub(crate) i64);

/// A file that is no message's in its mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// Its row.
    pub id: NewcomerId,
    /// Where it lies.
    pub mailbox: MailboxId,
    /// Its base name.
    pub base: String,
    /// The file relative to the mailbox, where it was last seen.
    pub file: String,
}

impl Index {
    /// Notes that these files, each a base name and the file, lie in a mailbox.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn note_newcomers(
        &mut self,
        mailbox: MailboxId,
        files: &[(String, String)],
        now: Now,
    ) -> Result<(), IndexError> {
        let doing = "note files of readers";
        let sql = "
            INSERT INTO newcomer (mailbox, base, file, seen_at) VALUES (?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET file = excluded.file";
        let transaction = self.transaction(doing)?;
        for (base, file) in files {
            let write = || {
                let mut statement = transaction.prepare_cached(sql)?;
                statement.execute(params![mailbox.0, base, file, now.0.as_seconds()])
            };
            write().map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// The newcomers of an account, oldest first: those that nobody has looked at, and those that came
    /// after `since`, which may still turn out to be moved. With `all`, every one.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn newcomers(
        &self,
        account: AccountId,
        since: UnixTime,
        all: bool,
    ) -> Result<Vec<Newcomer>, IndexError> {
        let sql = "
            SELECT newcomer.id, newcomer.mailbox, base, file
            FROM newcomer CROSS JOIN mailbox ON mailbox.id = newcomer.mailbox
            WHERE account = ? AND (? OR judged_at IS NULL OR seen_at >= ?)
            ORDER BY newcomer.id";
        let row = |row: &Row<'_>| {
            Ok(Newcomer {
                id: NewcomerId(row.get("id")?),
                mailbox: MailboxId(row.get("mailbox")?),
                base: row.get("base")?,
                file: row.get("file")?,
            })
        };
        let asked = params![account.0, all, since.as_seconds()];
        self.list("list files of readers", sql, asked, row)
    }

    /// These files were looked at: there is nothing to be done about them for now.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn judge_newcomers(&mut self, ids: &[NewcomerId], now: Now) -> Result<(), IndexError> {
        let doing = "note files of readers as looked at";
        let sql = "UPDATE newcomer SET judged_at = ? WHERE id = ? AND judged_at IS NULL";
        let transaction = self.transaction(doing)?;
        for id in ids {
            let write = || {
                let mut statement = transaction.prepare_cached(sql)?;
                statement.execute(params![now.0.as_seconds(), id.0])
            };
            write().map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// These files are gone, or some message's.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn forget_newcomers(&mut self, ids: &[NewcomerId]) -> Result<(), IndexError> {
        let doing = "forget files of readers";
        let transaction = self.transaction(doing)?;
        for id in ids {
            let write = || {
                let mut statement =
                    transaction.prepare_cached("DELETE FROM newcomer WHERE id = ?")?;
                statement.execute([id.0])
            };
            write().map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// Messages of an account whose file had this base name, or these octets, oldest first and not more than a
    /// few: a newcomer may be one of them. Those that were removed are none.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn kin(
        &self,
        account: AccountId,
        base: &str,
        octets: &[Sha256],
    ) -> Result<Vec<MessageFile>, IndexError> {
        let doing = "look for a message by its octets";
        let by_base = format!(
            "{FILE} WHERE message.base = ? AND mailbox.account = ? AND message.removed_at IS NULL
             ORDER BY message.id"
        );
        let mut kin: Vec<MessageFile> =
            self.list(doing, &by_base, (base, account.0), message_file)?;
        let by_octets = FILE.replacen(
            "FROM message JOIN mailbox ON mailbox.id = message.mailbox",
            "FROM mailbox CROSS JOIN message ON message.mailbox = mailbox.id",
            1,
        );
        let by_octets = format!(
            "{by_octets} WHERE mailbox.account = ? AND message.sha256 = ? AND message.removed_at IS NULL
             ORDER BY message.id LIMIT {MOST_ALIKE}"
        );
        for sha256 in octets {
            let found: Vec<MessageFile> =
                self.list(doing, &by_octets, (account.0, sha256.0), message_file)?;
            kin.extend(found);
        }
        let mut seen = HashSet::new();
        kin.retain(|file| seen.insert(file.key));
        Ok(kin)
    }

    /// Messages of an account whose file was missed, by their Message-ID, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn missing_by_message_id(
        &self,
        account: AccountId,
        message_id: &str,
    ) -> Result<Vec<MessageFile>, IndexError> {
        let from = FILE.replacen(
            "FROM message JOIN mailbox ON mailbox.id = message.mailbox",
            "FROM mailbox CROSS JOIN message ON message.mailbox = mailbox.id",
            1,
        );
        let sql = format!(
            "{from} WHERE mailbox.account = ? AND message.absent_at IS NOT NULL
               AND message.message_id = ? AND message.removed_at IS NULL
             ORDER BY message.id"
        );
        let doing = "look for a message by its Message-ID";
        self.list(doing, &sql, (account.0, message_id), message_file)
    }

    /// Those of `keys` that the server holds: their identity is known and they are not gone.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn held_by_server(&self, keys: &[MessageKey]) -> Result<Vec<MessageKey>, IndexError> {
        let sql = "
            SELECT EXISTS (SELECT 1 FROM message WHERE id = ? AND uid IS NOT NULL
              AND vanished_at IS NULL AND expired_at IS NULL)";
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut held = Vec::with_capacity(keys.len());
            for key in keys {
                if statement.query_row([key.0], |row| row.get(0))? {
                    held.push(*key);
                }
            }
            Ok(held)
        };
        read().map_err(IndexError::sql("look what the server holds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, imap, message, new_mailbox, now};

    fn file(base: &str, flags: &str) -> (String, String) {
        (base.to_owned(), format!("cur/{base}:2,{flags}"))
    }

    #[test]
    fn a_newcomer_is_looked_at_again_for_a_while_and_for_ever_by_who_uploads() {
        let mut bench = Bench::new();
        let (account, mailbox) = (bench.account, bench.mailbox);
        let note = |bench: &mut Bench, files: &[(String, String)]| {
            bench
                .index
                .note_newcomers(mailbox, files, now(100))
                .unwrap();
        };
        note(&mut bench, &[file("a", ""), file("b", "")]);
        note(&mut bench, &[file("a", "S")]);
        let asked = |bench: &Bench, since, all| {
            let since = UnixTime::from_seconds(since);
            bench.index.newcomers(account, since, all).unwrap()
        };
        let found = asked(&bench, 100, false);
        assert_eq!(
            found.iter().map(|n| n.file.as_str()).collect::<Vec<_>>(),
            ["cur/a:2,S", "cur/b:2,"]
        );
        bench
            .index
            .judge_newcomers(&[found[0].id], now(110))
            .unwrap();
        assert_eq!(asked(&bench, 100, false).len(), 2);
        assert_eq!(asked(&bench, 101, false), found[1..]);
        assert_eq!(asked(&bench, 101, true).len(), 2);
        bench.index.forget_newcomers(&[found[1].id]).unwrap();
        assert_eq!(asked(&bench, 0, true).len(), 1);
    }

    #[test]
    fn kin_are_found_in_the_whole_account() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
        bench
            .index
            .mailbox(bench.account, &new_mailbox("Other"))
            .unwrap();
        let kin = |base: &str, mark: u8| {
            let octets = [Sha256([mark; 32])];
            let found = bench.index.kin(bench.account, base, &octets).unwrap();
            found.iter().map(|file| file.key).collect::<Vec<_>>()
        };
        assert_eq!(kin("base1", 1), keys[..1]);
        assert_eq!(kin("base1", 2), keys);
        assert_eq!(kin("x", 2), keys[1..]);
        assert!(kin("x", 9).is_empty());
        let by_id = |bench: &Bench| {
            let found = bench
                .index
                .missing_by_message_id(bench.account, "2@example.org");
            found.unwrap().len()
        };
        assert_eq!(by_id(&bench), 0);
        bench.index.note_absent(&keys, now(200)).unwrap();
        assert_eq!(by_id(&bench), 1);
        bench.index.mark_vanished(&keys[..1], now(300)).unwrap();
        assert_eq!(bench.index.held_by_server(&keys).unwrap(), keys[1..]);
    }
}
