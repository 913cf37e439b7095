//! Messages that have a file and no identity at the server, and may be there in another mailbox than their file's.

use crate::accounts::AccountId;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use postrider_core::message::{MessageKey, Sha256};
use rusqlite::Row;

/// Such a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The message.
    pub key: MessageKey,
    /// Where its file lies.
    pub mailbox: MailboxId,
    /// Whether we received it from the server, whole.
    pub received: bool,
}

/// What is done here, for people.
const DOING: &str = "look for messages without an identity";

/// Strays that are held beside a message with their octets (R11).
const MOST_ALIKE: u32 = 64;

impl Index {
    /// Messages of an account that a reader, or the server, may have moved while nobody knew who they are, the
    /// newest, and no more than `most` (R11). While the index is new or known to be old, all are that have no
    /// identity; else those that are being put back. What is on its way to its own mailbox is none.
    ///
    /// # Errors
    /// When the account is not there or the database refuses.
    pub fn strays(&self, account: AccountId, most: u32) -> Result<Vec<Stray>, IndexError> {
        let sql = self.sql_of_strays(account)?;
        let sql = format!("{sql} ORDER BY message.id DESC LIMIT ?");
        self.list(DOING, &sql, (account.0, most), stray)
    }

    /// Those of them, old or new, whose file holds these octets, oldest first and not more than a few.
    ///
    /// # Errors
    /// When the account is not there or the database refuses.
    pub fn strays_with(
        &self,
        account: AccountId,
        sha256: Sha256,
    ) -> Result<Vec<Stray>, IndexError> {
        let sql = self.sql_of_strays(account)?;
        let sql = format!("{sql} AND sha256 = ? ORDER BY message.id LIMIT {MOST_ALIKE}");
        self.list(DOING, &sql, (account.0, sha256.0), stray)
    }

    fn sql_of_strays(&self, account: AccountId) -> Result<String, IndexError> {
        let outdated = "SELECT outdated_at IS NOT NULL FROM account WHERE id = ?";
        let outdated = self
            .connection
            .query_row(outdated, [account.0], |row| row.get(0));
        let which = match outdated.map_err(IndexError::sql(DOING))? {
            true => "TRUE",
            false => "undo_requested_at IS NOT NULL AND undone_at IS NULL",
        };
        // As it stands, each condition has a partial index.
        Ok(format!(
            "SELECT message.id, mailbox, received
             FROM mailbox CROSS JOIN message ON message.mailbox = mailbox.id
             WHERE mailbox.account = ? AND {which} AND message.uid IS NULL AND uidl IS NULL
               AND expired_at IS NULL AND removed_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM outgoing WHERE outgoing.message = message.id)"
        ))
    }
}

fn stray(row: &Row<'_>) -> rusqlite::Result<Stray> {
    Ok(Stray {
        key: MessageKey(row.get("id")?),
        mailbox: MailboxId(row.get("mailbox")?),
        received: row.get("received")?,
    })
}

#[cfg(test)]
mod tests {
    use super::MOST_ALIKE;
    use crate::testing::{Bench, epoch, found, imap, message, new_mailbox, now};
    use crate::{FoundFile, Relocation};
    use postrider_core::message::Sha256;
    use postrider_core::uid::Uid;

    #[test]
    fn r4_what_has_no_identity_strays_while_the_index_is_old() {
        let mut bench = Bench::new();
        bench.store(vec![message(imap(7, 1), 1)]);
        let mailbox = bench.mailbox;
        let keys = bench
            .index
            .take_in(mailbox, &[found(2, true)], now(9), now(9))
            .unwrap();
        let strays = |bench: &Bench| {
            let strays = bench.index.strays(bench.account, 9).unwrap();
            strays.iter().map(|stray| stray.key).collect::<Vec<_>>()
        };
        assert!(strays(&bench).is_empty());
        bench.index.mark_outdated(bench.account, now(10)).unwrap();
        assert_eq!(strays(&bench), keys);
        let with = |mark| {
            let strays = bench.index.strays_with(bench.account, Sha256([mark; 32]));
            strays.unwrap().len()
        };
        assert_eq!([1, 2].map(with), [0, 1]);
        let seen = [mailbox];
        bench
            .index
            .catch_up(bench.account, Some(&seen), now(11))
            .unwrap();
        assert!(strays(&bench).is_empty());
    }

    #[test]
    fn r4_what_is_being_put_back_strays_until_it_is_found() {
        let mut bench = Bench::new();
        let key = bench.store(vec![message(imap(7, 1), 1)])[0];
        bench.index.mark_proven(&[key], now(150)).unwrap();
        let going = [(key, "x".to_owned())];
        bench.index.request_expiry(&going, now(160)).unwrap();
        bench.index.mark_expired(&going, now(170)).unwrap();
        assert!(bench.index.strays(bench.account, 9).unwrap().is_empty());
        bench.index.begin_undo(key, now(200)).unwrap();
        assert_eq!(bench.index.strays(bench.account, 9).unwrap()[0].key, key);
        let other = bench
            .index
            .mailbox(bench.account, &new_mailbox("Other"))
            .unwrap();
        let found = Relocation {
            key,
            mailbox: other,
            uid_validity: epoch(3),
            uid: Uid::new(4).unwrap(),
            follows: true,
        };
        bench.index.relocate(&[found], now(210)).unwrap();
        assert!(bench.index.strays(bench.account, 9).unwrap().is_empty());
        let sql = "SELECT undone_at, vanished_at, released_at FROM message";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let state: (Option<i64>, Option<i64>, Option<i64>) =
            bench.index.connection.query_row(sql, [], row).unwrap();
        assert_eq!(state, (Some(210), None, None));
    }

    #[test]
    fn r11_of_very_many_strays_few_are_held() {
        let mut bench = Bench::new();
        let one_of = |n: u32| FoundFile {
            base: format!("base-{n}"),
            file: format!("new/base-{n}"),
            ..found(2, true)
        };
        let files: Vec<_> = (0..MOST_ALIKE + 6).map(one_of).collect();
        let taken_in = bench.index.take_in(bench.mailbox, &files, now(9), now(9));
        let keys = taken_in.unwrap();
        bench.index.mark_outdated(bench.account, now(10)).unwrap();
        let alike = bench.index.strays_with(bench.account, Sha256([2; 32]));
        let alike: Vec<_> = alike.unwrap().iter().map(|stray| stray.key).collect();
        assert_eq!(alike, keys[..MOST_ALIKE as usize], "the oldest");
        let newest = bench.index.strays(bench.account, 3).unwrap();
        let newest: Vec<_> = newest.iter().rev().map(|stray| stray.key).collect();
        assert_eq!(newest, keys[keys.len() - 3..], "the newest");
    }
}
