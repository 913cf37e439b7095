//! An index that is older than its Maildir, or new (R4): it may miss what we did ourselves, so what it takes for
//! somebody else's doing has no consequences until a pass over all mailboxes has gone through.

use crate::accounts::AccountId;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use postrider_core::time::Now;
use rusqlite::Transaction;

impl Index {
    /// Whether the Maildir may hold what the index should know: it is older than that, or new.
    ///
    /// # Errors
    /// When the account is not there or the database refuses.
    pub fn is_behind(&mut self, account: AccountId, now: Now) -> Result<bool, IndexError> {
        let doing = "look whether the index is new";
        let sql = "
            SELECT outdated_at IS NOT NULL, EXISTS (SELECT 1 FROM mailbox WHERE mailbox.account = account.id)
            FROM account WHERE id = ?";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (is_old, has_mailboxes): (bool, bool) = self
            .connection
            .query_row(sql, [account.0], row)
            .map_err(IndexError::sql(doing))?;
        if !is_old && !has_mailboxes {
            self.flushed_later(doing, |index| index.mark_outdated(account, now))?;
        }
        Ok(is_old || !has_mailboxes)
    }

    /// The Maildir holds what the index should know: it is older than that.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn mark_outdated(&mut self, account: AccountId, now: Now) -> Result<(), IndexError> {
        let sql = "UPDATE account SET outdated_at = ? WHERE id = ? AND outdated_at IS NULL";
        let row = (now.0.as_seconds(), account.0);
        let done = self.connection.execute(sql, row);
        done.map(drop)
            .map_err(IndexError::sql("record that the index is old"))
    }

    /// While the index is known to be old: of messages that are missing at the server by now, the local
    /// copies stay, whoever deleted them there. Says of how many, `None` where the index is not old. It
    /// is old no more after a whole pass, of which `seen` are the mailboxes. What it says of the others is as
    /// old as before: it is not believed, and what lies there waits for a match, as if it were taken in.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn catch_up(
        &mut self,
        account: AccountId,
        seen: Option<&[MailboxId]>,
        now: Now,
    ) -> Result<Option<usize>, IndexError> {
        let doing = "keep what an old index misses";
        let failed = || IndexError::sql(doing);
        let began = "SELECT outdated_at IS NOT NULL FROM account WHERE id = ?";
        let began = self
            .connection
            .query_row(began, [account.0], |row| row.get(0));
        if !began.map_err(failed())? {
            return Ok(None);
        }
        // A power cut that takes it back leaves an index that is old, and the next pass does it.
        self.flushed_later(doing, |index| {
            let transaction = index.transaction(doing)?;
            let keep = "
                UPDATE message SET released_at = ?
                WHERE vanished_at IS NOT NULL AND released_at IS NULL
                  AND mailbox IN (SELECT id FROM mailbox WHERE account = ?)";
            let kept = transaction
                .execute(keep, (now.0.as_seconds(), account.0))
                .map_err(failed())?;
            if let Some(seen) = seen {
                for mailbox in unseen(&transaction, account, seen).map_err(failed())? {
                    let all = (mailbox, Doubted::All);
                    disbelieve(&transaction, all, now).map_err(failed())?;
                }
                let end = "UPDATE account SET outdated_at = NULL WHERE id = ?";
                transaction.execute(end, [account.0]).map_err(failed())?;
            }
            transaction.commit().map_err(failed())?;
            Ok(Some(kept))
        })
    }
}

/// The mailboxes of an account that are not among `seen`.
fn unseen(
    transaction: &Transaction<'_>,
    account: AccountId,
    seen: &[MailboxId],
) -> rusqlite::Result<Vec<MailboxId>> {
    let mut statement = transaction.prepare("SELECT id FROM mailbox WHERE account = ?")?;
    let all = statement.query_map([account.0], |row| row.get(0).map(MailboxId))?;
    let mut all: Vec<MailboxId> = all.collect::<rusqlite::Result<_>>()?;
    all.retain(|mailbox| !seen.contains(mailbox));
    Ok(all)
}

/// Which messages of a mailbox are not believed any more.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doubted {
    All,
    /// Those that are known by their likeness alone.
    Unreceived,
}

/// Forgets who such messages of a mailbox are at the server, and what the server said of it. Says how many.
pub(crate) fn disbelieve(
    transaction: &Transaction<'_>,
    (mailbox, doubted): (MailboxId, Doubted),
    now: Now,
) -> rusqlite::Result<usize> {
    let which = match doubted {
        Doubted::All => "",
        Doubted::Unreceived => "AND received = 0",
    };
    let displace = format!(
        "UPDATE message SET uid_validity = NULL, uid = NULL, vanished_at = coalesce(vanished_at, ?1),
          released_at = coalesce(released_at, ?1)
        WHERE mailbox = ?2 AND uid IS NOT NULL AND expired_at IS NULL {which}"
    );
    let displaced = transaction.execute(&displace, (now.0.as_seconds(), mailbox.0))?;
    let forget = "
        UPDATE mailbox SET uid_next = NULL, highest_mod_seq = NULL, messages = NULL WHERE id = ?";
    transaction.execute(forget, [mailbox.0])?;
    Ok(displaced)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, imap, message, now};

    #[test]
    fn r4_what_an_old_index_misses_is_kept_once() {
        let mut bench = Bench::new();
        let mailbox = bench.mailbox;
        let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
        assert_eq!(
            bench
                .index
                .catch_up(bench.account, Some(&[mailbox]), now(8))
                .unwrap(),
            None
        );
        bench.index.mark_outdated(bench.account, now(9)).unwrap();
        bench.index.mark_vanished(&keys[..1], now(9)).unwrap();
        assert_eq!(
            bench
                .index
                .catch_up(bench.account, Some(&[mailbox]), now(9))
                .unwrap(),
            Some(1)
        );
        bench.index.mark_vanished(&keys[1..], now(10)).unwrap();
        assert_eq!(
            bench
                .index
                .catch_up(bench.account, Some(&[mailbox]), now(10))
                .unwrap(),
            None
        );
        let unreleased = bench.index.unreleased(bench.mailbox).unwrap();
        assert_eq!(
            unreleased.iter().map(|f| f.key).collect::<Vec<_>>(),
            keys[1..]
        );
    }

    #[test]
    fn r4_what_an_old_index_says_of_a_mailbox_that_was_not_seen_is_not_believed() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1)]);
        bench.index.mark_outdated(bench.account, now(9)).unwrap();
        let seen = bench.index.catch_up(bench.account, Some(&[]), now(10));
        assert_eq!(seen.unwrap(), Some(0));
        let displaced = bench.index.displaced(bench.mailbox).unwrap();
        assert_eq!(
            displaced.iter().map(|row| row.key).collect::<Vec<_>>(),
            keys
        );
        assert!(bench.index.unreleased(bench.mailbox).unwrap().is_empty());
    }
}
