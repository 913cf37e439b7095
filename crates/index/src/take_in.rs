//! Files of the Maildir that no row knows: of an index that was lost or put back from a backup, or of
//! another program (R4, CONTRACT section 9); and those that are back after their absence was written down
//! (`returned`).
//!
//! They are recorded without an identity at the server and as if they had vanished there, which is
//! what is known of them; a pass finds out who they are. Nothing local follows from that guess:
//! they are recorded as released.

use crate::accounts::{AccountId, one};
use crate::column;
use crate::error::IndexError;
use crate::flag_changes::note_changes;
use crate::ledger::{self, Action};
use crate::mailboxes::MailboxId;
use crate::message::HeaderFields;
use crate::open::Index;
use crate::outdated::{Doubted, disbelieve};
use crate::returned;
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::time::{Now, UnixTime};
use rusqlite::{Row, Transaction, params};

/// A file, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// What its header says.
    pub header: HeaderFields,
    /// INTERNALDATE, which is the file's time; `None` under POP3.
    pub internal_date: Option<UnixTime>,
    /// Octets of the file.
    pub octets: u64,
    /// Octets with CRLF line ends.
    pub octets_crlf: u64,
    /// What the server will say of its size; `None` when nothing but the octets shall tell who it is.
    pub server_octets: Option<u64>,
    /// The hash of the file.
    pub sha256: Sha256,
    /// The hash of the header block.
    pub header_sha256: Sha256,
    /// The file's base name.
    pub base: String,
    /// The file relative to its mailbox.
    pub file: String,
    /// The flags in its name, as far as they are for the server to know.
    pub flags: FlagSet,
    /// Whether we received it from the server, whole, in an earlier life.
    pub received: bool,
}

impl Index {
    /// Records files that lie in a mailbox, in this order; says which messages they are now. One that was thought
    /// to be gone is the message that it was; the others are first seen at `seen`, by the clock of
    /// [`Index::judge_clock`]. The ledger has `now`.
    ///
    /// # Errors
    /// When the database refuses; then none is recorded.
    pub fn take_in(
        &mut self,
        mailbox: MailboxId,
        files: &[FoundFile],
        seen: Now,
        now: Now,
    ) -> Result<Vec<MessageKey>, IndexError> {
        let doing = "take files in";
        let transaction = self.transaction(doing)?;
        let mut keys = Vec::with_capacity(files.len());
        for file in files {
            let take = || match returned::revive(&transaction, mailbox, file, now)? {
                Some(key) => Ok(key),
                None => insert(
                    &transaction,
                    mailbox,
                    (file, "found in the Maildir"),
                    (seen, now),
                ),
            };
            let key = take().map_err(IndexError::sql(doing))?;
            // Nobody knows whether the server has them: if it has, they are agreed on when it shows them.
            let set: Vec<_> = file.flags.flags().map(|flag| (flag, true)).collect();
            note_changes(&transaction, key, &set).map_err(IndexError::sql(doing))?;
            keys.push(key);
        }
        transaction.commit().map_err(IndexError::sql(doing))?;
        Ok(keys)
    }

    /// Which of these base names are no message's, and no delivery's under way, as far as a `mailbox` that
    /// knows none of them can tell. Maildrops of several accounts may share a directory. A file there that
    /// was taken in for another one, and that the other's server does not show, may be this one's. And a message
    /// of which it was written down here that its file is gone does not know a file that is back.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn unknown_bases<'b>(
        &self,
        mailbox: MailboxId,
        bases: &[&'b str],
    ) -> Result<Vec<&'b str>, IndexError> {
        let sql = "
            SELECT EXISTS (SELECT 1 FROM message JOIN mailbox ON mailbox.id = message.mailbox
                WHERE base = ?1 AND NOT (message.mailbox = ?2 AND removed_at IS NOT NULL)
                  AND NOT (message.mailbox <> ?2 AND uid IS NULL AND uidl IS NULL
                  AND vanished_at IS NOT NULL AND expired_at IS NULL AND removed_at IS NULL
                  AND path = (SELECT path FROM mailbox WHERE id = ?2)))
              OR EXISTS (SELECT 1 FROM journal WHERE base = ?1)";
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut unknown = Vec::new();
            for base in bases {
                if !statement.query_row(params![base, mailbox.0], |row| row.get::<_, bool>(0))? {
                    unknown.push(*base);
                }
            }
            Ok(unknown)
        };
        read().map_err(IndexError::sql("look for messages by their files"))
    }

    /// Whether a base name is a message's or that of a delivery under way, in whatever mailbox, there or gone.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn has_base(&self, base: &str) -> Result<bool, IndexError> {
        let sql = "
            SELECT EXISTS (SELECT 1 FROM message WHERE base = ?1)
              OR EXISTS (SELECT 1 FROM journal WHERE base = ?1)";
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([base], |row| row.get(0))
        };
        read().map_err(IndexError::sql("look for a message by its file"))
    }

    /// Whether a mailbox has messages that are to be matched with what the server shows.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn has_displaced(&self, mailbox: MailboxId) -> Result<bool, IndexError> {
        let sql = "
            SELECT EXISTS (SELECT 1 FROM message
              WHERE mailbox = ? AND uid IS NULL AND uidl IS NULL
                AND expired_at IS NULL AND removed_at IS NULL)";
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([mailbox.0], |row| row.get(0))
        };
        read().map_err(IndexError::sql("look for displaced messages"))
    }

    /// The octets of these messages came from the server and are those of their files.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn mark_received(&mut self, keys: &[MessageKey]) -> Result<(), IndexError> {
        let doing = "record what was compared";
        let transaction = self.transaction(doing)?;
        for key in keys {
            let changed = transaction
                .execute("UPDATE message SET received = 1 WHERE id = ?", [key.0])
                .map_err(IndexError::sql(doing))?;
            one(changed, doing, key.0)?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// Those of `keys` that were received from the server: the others prove nothing, whatever their
    /// files hold (R1).
    ///
    /// # Errors
    /// When the database refuses.
    pub fn only_received(&self, keys: &[MessageKey]) -> Result<Vec<MessageKey>, IndexError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM message WHERE id = ? AND received = 1)";
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut received = Vec::with_capacity(keys.len());
            for key in keys {
                if statement.query_row([key.0], |row| row.get::<_, bool>(0))? {
                    received.push(*key);
                }
            }
            Ok(received)
        };
        let doing = "look what was received";
        self.read_at_once(doing, || read().map_err(IndexError::sql(doing)))
    }

    /// The account's policy lets server copies go by now, and some messages are known by their likeness
    /// alone: they lose their UIDs, so that the next look asks for their octets. Says how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn doubt_unreceived(&mut self, account: AccountId, now: Now) -> Result<usize, IndexError> {
        let doing = "doubt what was never compared";
        let failed = || IndexError::sql(doing);
        let sql = "
            SELECT DISTINCT mailbox FROM message
            WHERE received = 0 AND uid IS NOT NULL AND expired_at IS NULL
              AND mailbox IN (SELECT id FROM mailbox WHERE account = ?)";
        let mailbox = |row: &Row<'_>| row.get(0).map(MailboxId);
        let mailboxes: Vec<MailboxId> = self.list(doing, sql, [account.0], mailbox)?;
        // Nearly always there is nothing, and nothing is written.
        if mailboxes.is_empty() {
            return Ok(0);
        }
        let transaction = self.transaction(doing)?;
        let mut displaced = 0;
        for mailbox in mailboxes {
            let unreceived = (mailbox, Doubted::Unreceived);
            displaced += disbelieve(&transaction, unreceived, now).map_err(failed())?;
        }
        transaction.commit().map_err(failed())?;
        Ok(displaced)
    }

    /// What the server said of this mailbox is not believed any more: the next pass looks at all of it.
    ///
    /// # Errors
    /// When a mailbox is not there or the database refuses.
    pub fn forget_state(&mut self, mailbox: MailboxId) -> Result<(), IndexError> {
        let doing = "forget the state of a mailbox";
        let sql = "
            UPDATE mailbox SET uid_next = NULL, highest_mod_seq = NULL, messages = NULL WHERE id = ?";
        let changed = self.connection.execute(sql, [mailbox.0]);
        one(changed.map_err(IndexError::sql(doing))?, doing, mailbox.0)
    }
}

pub(crate) fn insert(
    transaction: &Transaction<'_>,
    mailbox: MailboxId,
    (found, because): (&FoundFile, &str),
    (seen, now): (Now, Now),
) -> rusqlite::Result<MessageKey> {
    // No flags are agreed with the server: those of the file and the server's own are joined.
    let sql = "
        INSERT INTO message (mailbox, message_id, subject, from_addr, to_addrs, date, internal_date,
          octets, octets_crlf, server_octets, sha256, header_sha256, flags, base, file, received,
          stored_at, vanished_at, released_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, '', ?13, ?14, ?15, ?17, ?16, ?16)";
    let header = &found.header;
    let row = params![
        mailbox.0,
        header.message_id,
        header.subject,
        header.from_addr,
        header.to_addrs,
        header.date.map(UnixTime::as_seconds),
        found.internal_date.map(UnixTime::as_seconds),
        column::integer(found.octets),
        column::integer(found.octets_crlf),
        found.server_octets.map(column::integer),
        found.sha256.0,
        found.header_sha256.0,
        found.base,
        found.file,
        found.received,
        now.0.as_seconds(),
        seen.0.as_seconds(),
    ];
    transaction.prepare_cached(sql)?.execute(row)?;
    let key = MessageKey(transaction.last_insert_rowid());
    ledger::append(transaction, key, Action::Stored, now, because)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use crate::Attachment;
    use crate::testing::{Bench, epoch, found, imap, message, new_mailbox, now, pop3};
    use postrider_core::account::{AccountName, Protocol};

    #[test]
    fn r4_what_is_taken_in_waits_for_a_match_and_is_never_released() {
        let mut bench = Bench::new();
        let keys = bench
            .index
            .take_in(
                bench.mailbox,
                &[found(1, true), found(2, false)],
                now(9),
                now(9),
            )
            .unwrap();
        let unmatched = bench.index.unmatched(bench.mailbox, epoch(7)).unwrap();
        assert_eq!(
            unmatched.iter().map(|row| row.key).collect::<Vec<_>>(),
            keys
        );
        assert!(bench.index.has_displaced(bench.mailbox).unwrap());
        assert!(bench.index.unreleased(bench.mailbox).unwrap().is_empty());
        assert_eq!(bench.index.only_received(&keys).unwrap(), keys[..1]);
        assert_eq!(bench.count("ledger_entry"), 2);
    }

    #[test]
    fn a_base_is_known_in_every_mailbox_and_while_it_is_delivered() {
        let mut bench = Bench::new();
        bench.store(vec![message(imap(7, 1), 1)]);
        let under_way = crate::testing::intent(message(imap(7, 2), 2));
        bench.index.begin(&[under_way]).unwrap();
        let other = bench.index.mailbox(bench.account, &new_mailbox("Other"));
        for asking in [bench.mailbox, other.unwrap()] {
            let unknown = bench
                .index
                .unknown_bases(asking, &["base1", "base2", "base3"]);
            assert_eq!(unknown.unwrap(), ["base3"]);
        }
        let has = ["base1", "base2", "base3"].map(|base| bench.index.has_base(base).unwrap());
        assert_eq!(has, [true, true, false]);
    }

    #[test]
    fn what_no_maildrop_of_a_directory_was_found_to_hold_is_unknown_to_the_others() {
        let mut bench = Bench::new();
        let mut place = new_mailbox("INBOX");
        place.path = "/mail/shared".into();
        let ids = ["isp", "uni"].map(|name| {
            let name = AccountName::parse(name).unwrap();
            let account = bench.index.account(&name, Protocol::Pop3).unwrap();
            bench.index.mailbox(account, &place).unwrap()
        });
        let files = [found(1, true), found(2, true)];
        let keys = bench.index.take_in(ids[0], &files, now(9), now(9)).unwrap();
        let attachment = Attachment {
            key: keys[0],
            server: pop3("a"),
            server_octets: None,
        };
        bench.index.attach(&[attachment], now(9)).unwrap();
        let unknown = |id| bench.index.unknown_bases(id, &["base1", "base2"]);
        assert_eq!(unknown(ids[1]).unwrap(), ["base2"]);
        assert!(unknown(ids[0]).unwrap().is_empty());
        assert!(unknown(bench.mailbox).unwrap().is_empty());
    }
}
