//! Deliveries under way: the heart of R3.
//!
//! The life of one: its file is whole and flushed in `tmp`; [`Index::begin`] notes the intent,
//! durably; the file is renamed and the directory flushed; [`Index::record`] turns the intent into a
//! message. Killed before `begin`, nothing happened, and the file in `tmp` is rubbish of a dead
//! writer. Killed between the two, the next start finds the intent ([`Index::open_entries`]), and the
//! file either under its intended name or still in `tmp`: it brings the delivery to its end and
//! records it, or, where neither is there, forgets it and the message is fetched again.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::ledger;
use crate::mailboxes::MailboxId;
use crate::message::{HeaderFields, NewMessage};
use crate::open::Index;
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, Sha256};
#[cfg(doc)]
use postrider_core::retention::Judged;
use postrider_core::time::{Now, UnixTime};
use rusqlite::{Row, Transaction, params};

/// A delivery's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalId(pub(crate) i64);

/// A delivery that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Into which mailbox.
    pub mailbox: MailboxId,
    /// What will be recorded once it is made.
    pub message: NewMessage,
    /// The file's name in `tmp`.
    pub tmp: String,
}

/// A delivery that was begun and neither recorded nor forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenEntry {
    /// Its row.
    pub id: JournalId,
    /// What was intended.
    pub intent: Intent,
}

/// The columns that a message has from the moment it is intended.
macro_rules! intended {
    () => {
        "mailbox, uid_validity, uid, uidl, message_id, subject, from_addr, to_addrs, date, \
         internal_date, octets, octets_crlf, server_octets, sha256, header_sha256, flags, base, file"
    };
}

const INSERT: &str = concat!(
    "INSERT INTO journal (",
    intended!(),
    ", tmp)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
);

const RECORD: &str = concat!(
    "INSERT INTO message (",
    intended!(),
    ", stored_at)
     SELECT ",
    intended!(),
    ", ? FROM journal WHERE id BETWEEN ? AND ? ORDER BY id"
);

impl Index {
    /// Notes that these files will get their names, in whatever mailboxes. Durable when it returns; only
    /// then may the first be renamed.
    ///
    /// # Errors
    /// [`IndexError::AlreadyKnown`], and nothing noted, when one of the messages is recorded or under
    /// way; else when the database refuses.
    pub fn begin(&mut self, intents: &[Intent]) -> Result<Vec<JournalId>, IndexError> {
        let doing = "begin deliveries";
        let transaction = self.transaction(doing)?;
        let mut begun = Vec::with_capacity(intents.len());
        for intent in intents {
            // Here rather than at `record`: a file that cannot be recorded must not be delivered.
            if is_known(&transaction, intent).map_err(IndexError::sql(doing))? {
                return Err(IndexError::AlreadyKnown { doing });
            }
            insert(&transaction, intent).map_err(IndexError::sql(doing))?;
            begun.push(JournalId(transaction.last_insert_rowid()));
        }
        transaction.commit().map_err(IndexError::sql(doing))?;
        Ok(begun)
    }

    /// Turns deliveries that were made into messages, all or none: row, ledger entry `stored`, and
    /// the journal's row gone. The keys are in the order of `entries`. They are first seen at `seen`, by
    /// [`Judged::notes`]; the ledger has `now`.
    ///
    /// Durable with the next commit that is; until then a power cut leaves the entries open.
    ///
    /// # Errors
    /// When an entry is not there or the database refuses.
    pub fn record(
        &mut self,
        entries: &[JournalId],
        seen: Now,
        now: Now,
    ) -> Result<Vec<MessageKey>, IndexError> {
        let doing = "record deliveries";
        self.flushed_later(doing, |index| index.record_now(doing, entries, (seen, now)))
    }

    fn record_now(
        &mut self,
        doing: &'static str,
        entries: &[JournalId],
        times: (Now, Now),
    ) -> Result<Vec<MessageKey>, IndexError> {
        let transaction = self.transaction(doing)?;
        let mut keys = Vec::with_capacity(entries.len());
        for run in entries.chunk_by(|one, next| one.0.checked_add(1) == Some(next.0)) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else {
                continue;
            };
            let recorded = record(&transaction, (*first, *last), times);
            let recorded = recorded.map_err(IndexError::sql(doing))?;
            if recorded.len() != run.len() {
                return Err(IndexError::NoSuchRow { doing, id: first.0 });
            }
            keys.extend(recorded);
        }
        transaction.commit().map_err(IndexError::sql(doing))?;
        Ok(keys)
    }

    /// What a crash left of an account's deliveries, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn open_entries(&self, account: AccountId) -> Result<Vec<OpenEntry>, IndexError> {
        let sql = "
            SELECT * FROM journal
            WHERE mailbox IN (SELECT id FROM mailbox WHERE account = ?)
            ORDER BY id";
        self.list("list open deliveries", sql, [account.0], open_entry)
    }

    /// Gives up deliveries that were never made. Entries that are not there are no error.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn forget(&mut self, entries: &[JournalId]) -> Result<(), IndexError> {
        let doing = "forget deliveries";
        let transaction = self.transaction(doing)?;
        for entry in entries {
            delete(&transaction, *entry).map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }
}

/// Whether a recorded message has the identity; the journal's own is guarded by its constraints.
fn is_known(transaction: &Transaction<'_>, intent: &Intent) -> rusqlite::Result<bool> {
    let (uid_validity, uid, uidl) = column::identity(&intent.message.server);
    let sql = "
        SELECT EXISTS (SELECT 1 FROM message
            WHERE mailbox = ?1 AND uid_validity = ?2 AND uid = ?3)
          OR EXISTS (SELECT 1 FROM message
            WHERE mailbox = ?1 AND uidl = ?4 AND expired_at IS NULL AND vanished_at IS NULL)";
    let mut statement = transaction.prepare_cached(sql)?;
    statement.query_row(params![intent.mailbox.0, uid_validity, uid, uidl], |row| {
        row.get(0)
    })
}

fn insert(transaction: &Transaction<'_>, intent: &Intent) -> rusqlite::Result<()> {
    let message = &intent.message;
    let (uid_validity, uid, uidl) = column::identity(&message.server);
    let header = &message.header;
    let row = params![
        intent.mailbox.0,
        uid_validity,
        uid,
        uidl,
        header.message_id,
        header.subject,
        header.from_addr,
        header.to_addrs,
        header.date.map(UnixTime::as_seconds),
        message.internal_date.map(UnixTime::as_seconds),
        column::integer(message.octets),
        column::integer(message.octets_crlf),
        message.server_octets.map(column::integer),
        message.sha256.0,
        message.header_sha256.map(|hash| hash.0),
        message.flags.to_string(),
        message.base,
        message.file,
        intent.tmp,
    ];
    transaction.prepare_cached(INSERT)?.execute(row).map(drop)
}

/// Records a run of entries that were begun together, by three statements instead of three for each. SQLite
/// numbers the rows that are added to a table one after the other.
fn record(
    transaction: &Transaction<'_>,
    (first, last): (JournalId, JournalId),
    (seen, now): (Now, Now),
) -> rusqlite::Result<Vec<MessageKey>> {
    let row = params![seen.0.as_seconds(), first.0, last.0];
    let recorded = transaction.prepare_cached(RECORD)?.execute(row)?;
    let newest = transaction.last_insert_rowid();
    let oldest = newest - i64::try_from(recorded).unwrap_or(i64::MAX) + 1;
    let keys = (MessageKey(oldest), MessageKey(newest));
    ledger::append_stored(transaction, keys, now)?;
    let mut statement =
        transaction.prepare_cached("DELETE FROM journal WHERE id BETWEEN ? AND ?")?;
    statement.execute([first.0, last.0])?;
    Ok((oldest..=newest).map(MessageKey).collect())
}

fn delete(transaction: &Transaction<'_>, entry: JournalId) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("DELETE FROM journal WHERE id = ?")?;
    statement.execute([entry.0]).map(drop)
}

fn open_entry(row: &Row<'_>) -> rusqlite::Result<OpenEntry> {
    let octets =
        |column: &'static str| column::count(row, column)?.ok_or_else(|| column::absent(column));
    let header_sha256: Option<[u8; 32]> = row.get("header_sha256")?;
    let message = NewMessage {
        server: column::server(row)?,
        flags: FlagSet::from_index(&row.get::<_, String>("flags")?),
        header: HeaderFields {
            message_id: row.get("message_id")?,
            subject: row.get("subject")?,
            from_addr: row.get("from_addr")?,
            to_addrs: row.get("to_addrs")?,
            date: column::time(row, "date")?,
        },
        internal_date: column::time(row, "internal_date")?,
        octets: octets("octets")?,
        octets_crlf: octets("octets_crlf")?,
        server_octets: column::count(row, "server_octets")?,
        sha256: column::sha256(row, "sha256")?,
        header_sha256: header_sha256.map(Sha256),
        base: row.get("base")?,
        file: row.get("file")?,
    };
    Ok(OpenEntry {
        id: JournalId(row.get("id")?),
        intent: Intent {
            mailbox: MailboxId(row.get("mailbox")?),
            message,
            tmp: row.get("tmp")?,
        },
    })
}
