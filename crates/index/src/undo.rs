//! Putting expired messages back on their server, as the index sees it.
//!
//! The life of one: [`Index::begin_undo`] takes its identity and its expiry away, durably, before the
//! server is asked; from then on a copy that the server shows is found to be this message by the pass,
//! whatever becomes of us, and [`Index::attach`] ends the undo. So does [`Index::end_undo`], where the
//! server answered; [`Index::give_up_undo`] puts everything back as it was.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::history::sqlite_glob;
use crate::ledger::{self, Action};
use crate::marks::Attachment;
use crate::messages::{FILE, MessageFile, message_file};
use crate::open::Index;
use postrider_core::flag::FlagSet;
use postrider_core::message::MessageKey;
use postrider_core::time::{Now, UnixTime};
use rusqlite::{Row, Transaction, params};

/// What the ledger says.
const UNDO: &str = "undo";

/// Which expired messages are to be put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UndoFilter {
    /// In mailboxes whose decoded name matches.
    pub mailbox: Option<String>,
    /// With this Message-ID.
    pub message_id: Option<String>,
    /// Expired at this time or later.
    pub since: Option<UnixTime>,
    /// Expired before this.
    pub until: Option<UnixTime>,
}

/// A message that can be put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoRow {
    /// Where its local copy lies and what it must hold.
    pub file: MessageFile,
    /// Octets with CRLF line ends: what goes to the server.
    pub octets_crlf: u64,
    /// Its flags, as last agreed with the server.
    pub flags: FlagSet,
    /// INTERNALDATE.
    pub internal_date: Option<UnixTime>,
    /// `Message-ID`.
    pub message_id: Option<String>,
    /// `Subject`.
    pub subject: Option<String>,
    /// When it was expired; `None` when an earlier undo was interrupted.
    pub expired_at: Option<UnixTime>,
}

impl Index {
    /// The messages of an account that we expired and whose local copy we did not remove, oldest first,
    /// those of an interrupted undo included.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn undoable(
        &self,
        account: AccountId,
        filter: &UndoFilter,
    ) -> Result<Vec<UndoRow>, IndexError> {
        let file = FILE.replacen(
            "message.octets",
            "message.octets, message.octets_crlf, message.flags, message.internal_date,
              message.message_id, message.subject, message.expired_at",
            1,
        );
        let sql = format!(
            "{file}
            WHERE mailbox.account = ?1 AND message.removed_at IS NULL
              AND (message.expired_at IS NOT NULL
                OR (message.undo_requested_at IS NOT NULL AND message.undone_at IS NULL
                  AND message.uid IS NULL))
              AND (?2 IS NULL OR mailbox.name GLOB ?2)
              AND (?3 IS NULL OR message.message_id = ?3)
              AND (?4 IS NULL OR coalesce(message.expired_at, message.undo_requested_at) >= ?4)
              AND (?5 IS NULL OR coalesce(message.expired_at, message.undo_requested_at) < ?5)
            ORDER BY message.mailbox, message.id"
        );
        let message_id = filter.message_id.as_deref();
        let row = params![
            account.0,
            filter.mailbox.as_deref().map(sqlite_glob),
            message_id.map(|id| id.trim_start_matches('<').trim_end_matches('>')),
            filter.since.map(UnixTime::as_seconds),
            filter.until.map(UnixTime::as_seconds),
        ];
        self.list("list what can be put back", &sql, row, undo_row)
    }

    /// A message is about to be put back: it has no identity at the server and is not expired any more.
    ///
    /// # Errors
    /// When the message is not there or the database refuses.
    pub fn begin_undo(&mut self, key: MessageKey, now: Now) -> Result<(), IndexError> {
        let sql = "
            UPDATE message SET undo_requested_at = ?1, undone_at = NULL, expired_at = NULL,
              expire_requested_at = NULL, uid_validity = NULL, uid = NULL,
              vanished_at = coalesce(vanished_at, ?1), released_at = coalesce(released_at, ?1)
            WHERE id = ?2";
        self.undo_one("begin to put a message back", sql, key, now)
    }

    /// The server would not have it: it is expired, as before.
    ///
    /// # Errors
    /// When the message is not there or the database refuses.
    pub fn give_up_undo(
        &mut self,
        key: MessageKey,
        expired_at: Option<UnixTime>,
        now: Now,
    ) -> Result<(), IndexError> {
        let sql = "
            UPDATE message SET undo_requested_at = NULL, vanished_at = NULL, released_at = NULL,
              expired_at = ?1
            WHERE id = ?2";
        let at = Now(expired_at.unwrap_or(now.0));
        self.undo_one("give up putting a message back", sql, key, at)
    }

    /// The message is back. Where the server told who it is now it gets that identity; else the next pass
    /// finds it by its likeness. The ledger tells of it.
    ///
    /// # Errors
    /// [`IndexError::AlreadyKnown`] when another message has the identity; else when the message is not
    /// there or the database refuses.
    pub fn end_undo(
        &mut self,
        key: MessageKey,
        attachment: Option<&Attachment>,
        now: Now,
    ) -> Result<(), IndexError> {
        if let Some(attachment) = attachment {
            self.attach(std::slice::from_ref(attachment), now)?;
        }
        let doing = "record a message as put back";
        let transaction = self.transaction(doing)?;
        arrived(&transaction, key, now).map_err(IndexError::sql(doing))?;
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// Retention may judge these again: of one account, those that [`UndoFilter`] would have put back.
    /// Says of how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn release_undone(
        &mut self,
        account: AccountId,
        filter: &UndoFilter,
    ) -> Result<usize, IndexError> {
        let sql = "
            UPDATE message SET undone_at = NULL, undo_requested_at = NULL
            WHERE undone_at IS NOT NULL
              AND mailbox IN (SELECT id FROM mailbox
                WHERE account = ?1 AND (?2 IS NULL OR name GLOB ?2))
              AND (?3 IS NULL OR message_id = ?3)
              AND (?4 IS NULL OR undone_at >= ?4) AND (?5 IS NULL OR undone_at < ?5)";
        let message_id = filter.message_id.as_deref();
        let row = params![
            account.0,
            filter.mailbox.as_deref().map(sqlite_glob),
            message_id.map(|id| id.trim_start_matches('<').trim_end_matches('>')),
            filter.since.map(UnixTime::as_seconds),
            filter.until.map(UnixTime::as_seconds),
        ];
        let released = self.connection.execute(sql, row);
        released.map_err(IndexError::sql("release what was put back"))
    }

    fn undo_one(
        &self,
        doing: &'static str,
        sql: &str,
        key: MessageKey,
        now: Now,
    ) -> Result<(), IndexError> {
        let row = (now.0.as_seconds(), key.0);
        let changed = self.connection.execute(sql, row);
        crate::accounts::one(changed.map_err(IndexError::sql(doing))?, doing, key.0)
    }
}

/// Ends the undo of a message, if one was begun: retention leaves it alone from now on.
pub(crate) fn arrived(
    transaction: &Transaction<'_>,
    key: MessageKey,
    now: Now,
) -> rusqlite::Result<()> {
    let sql = "
        UPDATE message SET undone_at = ?
        WHERE id = ? AND undo_requested_at IS NOT NULL AND undone_at IS NULL";
    let row = (now.0.as_seconds(), key.0);
    if transaction.prepare_cached(sql)?.execute(row)? == 1 {
        ledger::append(transaction, key, Action::Restored, now, UNDO)?;
    }
    Ok(())
}

fn undo_row(row: &Row<'_>) -> rusqlite::Result<UndoRow> {
    Ok(UndoRow {
        file: message_file(row)?,
        octets_crlf: column::count(row, "octets_crlf")?.unwrap_or_default(),
        flags: FlagSet::from_index(&row.get::<_, String>("flags")?),
        internal_date: column::time(row, "internal_date")?,
        message_id: row.get("message_id")?,
        subject: row.get("subject")?,
        expired_at: column::time(row, "expired_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, epoch, imap, message, now};

    fn expired(bench: &mut Bench) -> MessageKey {
        let key = bench.store(vec![message(imap(7, 1), 1)])[0];
        bench.index.mark_proven(&[key], now(150)).unwrap();
        let going = [(key, "x".to_owned())];
        bench.index.request_expiry(&going, now(160)).unwrap();
        bench.index.mark_expired(&going, now(170)).unwrap();
        key
    }

    #[test]
    fn a_message_that_is_put_back_is_present_and_remembers_it() {
        let mut bench = Bench::new();
        let key = expired(&mut bench);
        let filter = UndoFilter::default();
        assert_eq!(
            bench.index.undoable(bench.account, &filter).unwrap().len(),
            1
        );
        bench.index.begin_undo(key, now(200)).unwrap();
        // Killed here, it is found again by the pass, and by the next undo.
        let displaced = bench.index.displaced(bench.mailbox).unwrap();
        assert_eq!(displaced[0].key, key);
        let again = bench.index.undoable(bench.account, &filter).unwrap();
        assert_eq!(again[0].expired_at, None);
        let attachment = Attachment {
            key,
            server: imap(7, 9),
            server_octets: None,
        };
        bench
            .index
            .end_undo(key, Some(&attachment), now(210))
            .unwrap();
        assert!(
            bench
                .index
                .undoable(bench.account, &filter)
                .unwrap()
                .is_empty()
        );
        let base = bench.index.base(bench.mailbox, epoch(7)).unwrap();
        assert!(!base[0].vanished);
        let told = "ledger WHERE action = 'restored' AND because = 'undo'";
        assert_eq!(bench.count(told), 1);
        assert_eq!(
            bench.index.release_undone(bench.account, &filter).unwrap(),
            1
        );
    }

    /// A kill after the server had the message and before we knew: whoever finds it there ends the undo.
    #[test]
    fn r3_what_is_found_to_have_arrived_is_held_and_told_of_once() {
        let mut bench = Bench::new();
        let key = expired(&mut bench);
        bench.index.begin_undo(key, now(200)).unwrap();
        let to = |uid| Attachment {
            key,
            server: imap(7, uid),
            server_octets: None,
        };
        let told = "ledger WHERE action = 'restored' AND because = 'undo'";
        let retained = |bench: &Bench| bench.index.retained(bench.mailbox, Some(epoch(7)));
        for (uid, at) in [(9, 300), (10, 400)] {
            bench.index.attach(&[to(uid)], now(at)).unwrap();
            assert!(
                retained(&bench).unwrap().is_empty(),
                "no rule lets it go again"
            );
            assert_eq!(bench.count(told), 1);
        }
        let filter = UndoFilter::default();
        let undoable = bench.index.undoable(bench.account, &filter).unwrap();
        assert!(undoable.is_empty(), "it is back");
        let release = bench.index.release_undone(bench.account, &filter);
        assert_eq!(release.unwrap(), 1);
        assert_eq!(retained(&bench).unwrap().len(), 1);
        bench.index.attach(&[to(11)], now(500)).unwrap();
        assert_eq!(retained(&bench).unwrap().len(), 1, "nobody undid it anew");
        assert_eq!(bench.count(told), 1);
    }

    #[test]
    fn what_the_server_would_not_have_is_expired_as_before() {
        let mut bench = Bench::new();
        let key = expired(&mut bench);
        bench.index.begin_undo(key, now(200)).unwrap();
        let at = Some(UnixTime::from_seconds(170));
        bench.index.give_up_undo(key, at, now(201)).unwrap();
        let undoable = bench.index.undoable(bench.account, &UndoFilter::default());
        assert_eq!(undoable.unwrap()[0].expired_at, at);
        assert!(bench.index.displaced(bench.mailbox).unwrap().is_empty());
    }

    #[test]
    fn filters_narrow() {
        let mut bench = Bench::new();
        expired(&mut bench);
        let filter = |mailbox: Option<&str>, message_id: Option<&str>, since, until| UndoFilter {
            mailbox: mailbox.map(str::to_owned),
            message_id: message_id.map(str::to_owned),
            since,
            until,
        };
        let at = |seconds| Some(UnixTime::from_seconds(seconds));
        for (filter, expected) in [
            (filter(Some("IN*"), None, None, None), 1),
            (filter(Some("Sent"), None, None, None), 0),
            (filter(None, Some("1@example.org"), None, None), 1),
            (filter(None, Some("x"), None, None), 0),
            (filter(None, None, at(170), None), 1),
            (filter(None, None, at(171), None), 0),
            (filter(None, None, None, at(170)), 0),
        ] {
            let found = bench.index.undoable(bench.account, &filter).unwrap();
            assert_eq!(found.len(), expected, "{filter:?}");
        }
    }
}
