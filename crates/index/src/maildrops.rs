//! What POP3 servers do to a maildrop besides giving out its messages, and what is left there on purpose.

use crate::accounts::{AccountId, one};
use crate::column;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use postrider_core::message::MessageKey;
use rusqlite::{Row, params};
use std::collections::HashSet;

/// A message of a maildrop that is left there because of `max_size`. It is never expired: there is no
/// local copy to prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaildropSkip {
    /// Its unique-id, or `#` and its number in this session.
    pub name: String,
    /// LIST's word on its size.
    pub octets: Option<u64>,
    /// The limit, in words.
    pub because: String,
}

impl Index {
    /// These and no others are left in the maildrop. Returns the names that were not left there before.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn set_maildrop_skips(
        &mut self,
        mailbox: MailboxId,
        skips: &[MaildropSkip],
    ) -> Result<HashSet<String>, IndexError> {
        let doing = "record what is left in a maildrop";
        let failed = || IndexError::sql(doing);
        let sql = "SELECT name FROM maildrop_skip WHERE mailbox = ?";
        let name = |row: &Row<'_>| row.get(0);
        let before: HashSet<String> = self.list(doing, sql, [mailbox.0], name)?;
        let names: HashSet<String> = skips.iter().map(|skip| skip.name.clone()).collect();
        if before == names {
            return Ok(HashSet::new());
        }
        let transaction = self.transaction(doing)?;
        let forget = "DELETE FROM maildrop_skip WHERE mailbox = ?";
        transaction.execute(forget, [mailbox.0]).map_err(failed())?;
        let sql = "INSERT OR REPLACE INTO maildrop_skip (mailbox, name, octets, because)
            VALUES (?, ?, ?, ?)";
        for skip in skips {
            let octets = skip.octets.map(column::integer);
            let row = params![mailbox.0, skip.name, octets, skip.because];
            let mut statement = transaction.prepare_cached(sql).map_err(failed())?;
            statement.execute(row).map_err(failed())?;
        }
        transaction.commit().map_err(failed())?;
        Ok(names.difference(&before).cloned().collect())
    }

    /// These messages are listed again though the server had confirmed their deletion.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn note_returned(&mut self, keys: &[MessageKey]) -> Result<(), IndexError> {
        if keys.is_empty() {
            return Ok(());
        }
        let doing = "note that deleted messages are back";
        let sql = "UPDATE message SET returns = returns + 1 WHERE id = ?";
        let transaction = self.transaction(doing)?;
        for key in keys {
            let changed = transaction.execute(sql, [key.0]);
            one(changed.map_err(IndexError::sql(doing))?, doing, key.0)?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// Notes after how many days the server deletes by itself (0: on retrieval; `None`: never). Says
    /// whether that is news.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn note_server_expiry(
        &mut self,
        account: AccountId,
        days: Option<u64>,
    ) -> Result<bool, IndexError> {
        let doing = "note when the server deletes";
        let sql = "SELECT server_expires_after FROM account WHERE id = ?";
        let read = |row: &Row<'_>| column::count(row, "server_expires_after");
        let before = self.connection.query_row(sql, [account.0], read);
        if before.map_err(IndexError::sql(doing))? == days {
            return Ok(false);
        }
        let sql = "UPDATE account SET server_expires_after = ? WHERE id = ?";
        let row = params![days.map(column::integer), account.0];
        self.flushed_later(doing, |index| {
            let written = index.connection.execute(sql, row);
            written.map_err(IndexError::sql(doing))?;
            Ok(true)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, message, new_mailbox, pop3};
    use postrider_core::account::{AccountName, Protocol};

    fn skip(name: &str) -> MaildropSkip {
        MaildropSkip {
            name: name.to_owned(),
            octets: Some(9),
            because: "too large".to_owned(),
        }
    }

    #[test]
    fn what_is_left_is_news_once() {
        let mut bench = Bench::new();
        let id = bench.mailbox;
        let mut told = |names: &[&str]| {
            let skips: Vec<_> = names.iter().map(|name| skip(name)).collect();
            bench.index.set_maildrop_skips(id, &skips).unwrap().len()
        };
        assert_eq!(told(&["a", "b"]), 2);
        assert_eq!(told(&["a", "b"]), 0);
        assert_eq!(told(&["b", "c"]), 1);
        assert_eq!(told(&[]), 0);
        assert_eq!(told(&["a"]), 1);
        assert_eq!(bench.count("maildrop_skip"), 1);
    }

    #[test]
    fn returns_are_counted() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(pop3("a"), 1), message(pop3("b"), 2)]);
        bench.index.note_returned(&keys[1..]).unwrap();
        bench.index.note_returned(&keys[1..]).unwrap();
        let rows = bench.index.maildrop(bench.mailbox).unwrap();
        assert_eq!((rows[0].returns, rows[1].returns), (0, 2));
        assert!(bench.index.note_returned(&[MessageKey(99)]).is_err());
    }

    #[test]
    fn when_the_server_deletes_is_news_once() {
        let mut bench = Bench::new();
        let id = bench.account;
        let mut told = |days| bench.index.note_server_expiry(id, days).unwrap();
        assert!(!told(None) && told(Some(0)) && !told(Some(0)) && told(Some(60)) && told(None));
    }

    #[test]
    fn only_maildrops_of_several_accounts_share_a_directory() {
        let mut bench = Bench::new();
        let mut account = |name: &str, protocol| {
            let name = AccountName::parse(name).unwrap();
            bench.index.account(&name, protocol).unwrap()
        };
        let ids = ["isp", "uni"].map(|name| account(name, Protocol::Pop3));
        let imap = account("work", Protocol::Imap);
        let mut drop = new_mailbox("INBOX");
        drop.path = "/mail/shared".into();
        let [isp, uni] = ids.map(|id| bench.index.mailbox(id, &drop).unwrap());
        assert_ne!(isp, uni);
        let refused = bench.index.mailbox(imap, &drop);
        assert!(matches!(refused, Err(IndexError::PathTaken { .. })));
        let mut second = new_mailbox("Second");
        second.path.clone_from(&drop.path);
        let refused = bench.index.mailbox(ids[0], &second);
        assert!(matches!(refused, Err(IndexError::PathTaken { .. })));
    }
}
