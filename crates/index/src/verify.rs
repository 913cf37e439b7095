//! What `verify` reads of the messages, a page at a time, and what its repair writes down.

use crate::column;
use crate::error::IndexError;
use crate::ledger::{self, Action};
use crate::mailboxes::MailboxId;
use crate::messages::{FILE, MessageFile, message_file};
use crate::open::Index;
use postrider_core::flag::FlagSet;
use postrider_core::message::MessageKey;
use postrider_core::time::Now;
use rusqlite::Row;

/// A message whose file should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRow {
    /// Where it lies and what it must hold.
    pub file: MessageFile,
    /// Octets with CRLF line ends.
    pub octets_crlf: u64,
    /// Whether the server has its copy, as far as we know.
    pub on_server: bool,
    /// The flags last agreed on with the server; `None` under POP3, and of what no pass has found there.
    pub agreed: Option<FlagSet>,
}

impl Index {
    /// The next messages of a mailbox after `after` and not after `last` whose local copy we did not remove, in the
    /// order of their keys, at most so many. One that a reader deleted, and that went at the server because of that, is
    /// missed by nobody.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn kept(
        &self,
        mailbox: MailboxId,
        (after, last): (MessageKey, MessageKey),
        at_most: u32,
    ) -> Result<Vec<KeptRow>, IndexError> {
        let file = FILE.replacen(
            "message.octets",
            "message.octets, message.octets_crlf,
              message.vanished_at IS NULL AND message.expired_at IS NULL AS on_server,
              message.flags, message.uid IS NOT NULL AS has_uid",
            1,
        );
        let sql = format!(
            "{file} WHERE message.mailbox = ? AND message.id > ? AND message.id <= ?
               AND message.removed_at IS NULL
               AND NOT (message.deleted_at IS NOT NULL AND message.expired_at IS NOT NULL)
             ORDER BY message.id LIMIT ?"
        );
        let row = |row: &Row<'_>| {
            let flags = FlagSet::from_index(row.get_ref("flags")?.as_str()?);
            let has_uid: bool = row.get("has_uid")?;
            Ok(KeptRow {
                file: message_file(row)?,
                octets_crlf: column::count(row, "octets_crlf")?.unwrap_or_default(),
                on_server: row.get("on_server")?,
                agreed: has_uid.then_some(flags),
            })
        };
        let page = (mailbox.0, after.0, last.0, at_most);
        self.list("list the messages of a mailbox", &sql, page, row)
    }

    /// The newest message of all: who walks through them, and records more meanwhile, knows where to end.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn last_key(&self) -> Result<MessageKey, IndexError> {
        let sql = "SELECT coalesce(max(id), 0) FROM message";
        let newest = self
            .connection
            .query_row(sql, [], |row| row.get(0).map(MessageKey));
        newest.map_err(IndexError::sql("look for the newest message"))
    }

    /// The local copies of these messages are no more, or are not what they were, for the reason given. A
    /// server copy that is there is a new message from now on, and fetched by the next pass.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn forget_copies(
        &mut self,
        mailbox: MailboxId,
        keys: &[MessageKey],
        now: Now,
        because: &str,
    ) -> Result<(), IndexError> {
        let doing = "forget lost copies";
        let failed = || IndexError::sql(doing);
        let transaction = self.transaction(doing)?;
        for key in keys {
            let sql = "
                UPDATE message SET uid_validity = NULL, uid = NULL, uidl = NULL, removed_at = ?1,
                  released_at = coalesce(released_at, ?1),
                  vanished_at = CASE WHEN expired_at IS NULL THEN coalesce(vanished_at, ?1) END
                WHERE id = ?2";
            let row = (now.0.as_seconds(), key.0);
            let changed = transaction.execute(sql, row).map_err(failed())?;
            crate::accounts::one(changed, doing, key.0)?;
            ledger::append(&transaction, *key, Action::Removed, now, because).map_err(failed())?;
        }
        // Its directory may be put back with the time that it had when it was last read.
        let sql = "UPDATE mailbox SET stamp_new_ns = NULL, stamp_cur_ns = NULL WHERE id = ?";
        transaction.execute(sql, [mailbox.0]).map_err(failed())?;
        transaction.commit().map_err(failed())?;
        self.forget_state(mailbox)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, epoch, imap, message, now, pop3};

    #[test]
    fn messages_come_in_pages() {
        let mut bench = Bench::new();
        let keys = bench.store([1, 2, 3].map(|n| message(imap(7, n.into()), n)).into());
        bench.index.mark_vanished(&keys[1..2], now(9)).unwrap();
        let last = bench.index.last_key().unwrap();
        assert_eq!(last, keys[2]);
        let kept = |bench: &Bench, after, at_most| {
            let page = bench.index.kept(bench.mailbox, (after, last), at_most);
            page.unwrap()
        };
        let page = kept(&bench, MessageKey(0), 2);
        let seen: Vec<_> = page
            .iter()
            .map(|row| (row.file.key, row.on_server))
            .collect();
        assert_eq!(seen, [(keys[0], true), (keys[1], false)]);
        assert_eq!(kept(&bench, keys[1], 2).len(), 1);
        let more = bench.store(vec![message(imap(7, 4), 4)]);
        assert_eq!(kept(&bench, keys[1], 2).len(), 1, "{more:?} came later");
        for at in [10, 20] {
            bench.index.note_absent(&keys, now(at)).unwrap();
        }
        bench.index.mark_proven(&keys[..1], now(21)).unwrap();
        let going = [(keys[0], "deletions: push")];
        bench.index.mark_expired(&going, now(22)).unwrap();
        assert_eq!(
            kept(&bench, MessageKey(0), 9).len(),
            2,
            "what a reader deleted everywhere is missed by nobody"
        );
    }

    #[test]
    fn what_was_lost_is_neither_known_nor_matched_any_more() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1), message(pop3("a"), 2)]);
        let because = "its file is missing";
        bench
            .index
            .forget_copies(bench.mailbox, &keys, now(9), because)
            .unwrap();
        assert!(
            bench
                .index
                .uids(bench.mailbox, epoch(7))
                .unwrap()
                .is_empty()
        );
        assert!(bench.index.displaced(bench.mailbox).unwrap().is_empty());
        let all = (MessageKey(0), keys[1]);
        assert!(bench.index.kept(bench.mailbox, all, 9).unwrap().is_empty());
        let former = bench.index.former_maildrop(bench.mailbox).unwrap();
        assert!(former.is_empty(), "{former:?}");
        assert_eq!(bench.count("ledger WHERE action = 'removed'"), 2);
    }
}
