//! Mailboxes: who they are, where they lie, what the server last said of them.

use crate::accounts::{AccountId, one};
use crate::column;
use crate::error::IndexError;
use crate::open::Index;
use postrider_core::mailbox::{MailboxName, Role};
use postrider_core::mod_seq::ModSeq;
use postrider_core::time::{Now, UnixTime};
use postrider_core::uid::{Uid, UidValidity};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, params};
use std::path::{Path, PathBuf};

/// A mailbox's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId(pub(crate) i64);

/// A mailbox as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMailbox {
    /// The name as the server writes it: the mailbox's identity within its account.
    pub wire_name: String,
    /// The decoded name.
    pub name: MailboxName,
    /// What it is for.
    pub role: Option<Role>,
    /// Its directory; absolute. Kept from the first time on.
    pub path: PathBuf,
}

/// What the server said of a mailbox when it was last in step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerState {
    /// The epoch of its UIDs.
    pub uid_validity: Option<UidValidity>,
    /// The UID that the next message will have at least.
    pub uid_next: Option<Uid>,
    /// Requires CONDSTORE (RFC 7162).
    pub highest_mod_seq: Option<ModSeq>,
    /// How many messages it holds.
    pub messages: Option<u64>,
    /// Its identity across renames; once told it is kept. Requires OBJECTID (RFC 8474).
    pub mailbox_id: Option<String>,
}

/// When a mailbox's `new` and `cur` had last changed, in nanoseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanStamp {
    /// The modification time of `new`.
    pub new_ns: i64,
    /// The modification time of `cur`.
    pub cur_ns: i64,
}

/// A mailbox as we know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxRow {
    /// Its row.
    pub id: MailboxId,
    /// The name as the server writes it.
    pub wire_name: String,
    /// The decoded name, `/` between its levels.
    pub name: String,
    /// What it is for.
    pub role: Option<Role>,
    /// When two witnesses said that the server has it no more.
    pub lost_at: Option<UnixTime>,
    /// Its directory; absolute.
    pub path: PathBuf,
    /// What the server last said.
    pub server: ServerState,
    /// When that was.
    pub synced_at: Option<UnixTime>,
    /// The stamp of the last scan.
    pub stamp: Option<ScanStamp>,
}

impl Index {
    /// All mailboxes of an account, by name.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn mailboxes(&self, account: AccountId) -> Result<Vec<MailboxRow>, IndexError> {
        let sql = "SELECT * FROM mailbox WHERE account = ? ORDER BY name, wire_name";
        self.list("list mailboxes", sql, [account.0], mailbox_row)
    }

    /// Whether some account's mailbox lies in this directory.
    ///
    /// # Errors
    /// When the path is no text or the database refuses.
    pub fn is_mailbox(&self, directory: &Path) -> Result<bool, IndexError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM mailbox WHERE path = ?)";
        let path = text(directory)?;
        let found = self.connection.query_row(sql, [path], |row| row.get(0));
        found.map_err(IndexError::sql("look for a mailbox by its directory"))
    }

    /// The mailbox of this name on the wire; made where missing. Name and role follow the server,
    /// the path is kept: the caller reads it back with [`Index::mailboxes`].
    ///
    /// # Errors
    /// [`IndexError::PathTaken`] when another mailbox lies there; else when the database refuses.
    pub fn mailbox(
        &mut self,
        account: AccountId,
        mailbox: &NewMailbox,
    ) -> Result<MailboxId, IndexError> {
        let transaction = self.transaction(RECORD)?;
        let id = record(&transaction, account, mailbox)?;
        transaction.commit().map_err(IndexError::sql(RECORD))?;
        Ok(id)
    }

    /// [`Index::mailbox`] for many, in one transaction.
    ///
    /// # Errors
    /// As there; then none is recorded.
    pub fn record_mailboxes(
        &mut self,
        account: AccountId,
        mailboxes: &[NewMailbox],
    ) -> Result<(), IndexError> {
        if mailboxes.is_empty() {
            return Ok(());
        }
        self.flushed_later(RECORD, |index| {
            let transaction = index.transaction(RECORD)?;
            for mailbox in mailboxes {
                record(&transaction, account, mailbox)?;
            }
            transaction.commit().map_err(IndexError::sql(RECORD))
        })
    }

    /// These mailboxes are in step with what the server says here.
    ///
    /// # Errors
    /// When a mailbox is not there or the database refuses; then none is recorded.
    pub fn set_server_states(
        &mut self,
        states: &[(MailboxId, ServerState)],
        now: Now,
    ) -> Result<(), IndexError> {
        let doing = "record the state of a mailbox";
        let failed = || IndexError::sql(doing);
        let sql = "
            UPDATE mailbox SET uid_validity = ?, uid_next = ?, highest_mod_seq = ?, messages = ?,
              mailbox_id = coalesce(?, mailbox_id), synced_at = ?
            WHERE id = ?";
        self.flushed_later(doing, |index| {
            let transaction = index.transaction(doing)?;
            for (mailbox, server) in states {
                let row = params![
                    server.uid_validity.map(UidValidity::as_u32),
                    server.uid_next.map(Uid::as_u32),
                    server.highest_mod_seq.map(ModSeq::as_i64),
                    server.messages.map(column::integer),
                    server.mailbox_id,
                    now.0.as_seconds(),
                    mailbox.0,
                ];
                let mut statement = transaction.prepare_cached(sql).map_err(failed())?;
                one(statement.execute(row).map_err(failed())?, doing, mailbox.0)?;
            }
            transaction.commit().map_err(failed())
        })
    }

    /// The account's mail tree lies elsewhere now, and the mailbox with it.
    ///
    /// # Errors
    /// [`IndexError::PathTaken`] when another mailbox lies there; else when the mailbox is not there or
    /// the database refuses.
    pub fn move_mailbox(&mut self, mailbox: MailboxId, path: &Path) -> Result<(), IndexError> {
        let doing = "record where a mailbox lies";
        require_free_for(&self.connection, mailbox, path)?;
        let sql = "
            UPDATE mailbox SET path = ?, stamp_new_ns = NULL, stamp_cur_ns = NULL WHERE id = ?";
        let changed = self
            .connection
            .execute(sql, params![text(path)?, mailbox.0]);
        one(changed.map_err(IndexError::sql(doing))?, doing, mailbox.0)
    }

    /// The stamps of these mailboxes, in their order; `None` also for a mailbox that is not there.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn stamps(&self, mailboxes: &[MailboxId]) -> Result<Vec<Option<ScanStamp>>, IndexError> {
        let doing = "look for the scans of mailboxes";
        let sql = "SELECT stamp_new_ns, stamp_cur_ns FROM mailbox WHERE id = ?";
        let one = |id: &MailboxId| {
            let mut statement = self.connection.prepare_cached(sql)?;
            let found = statement.query_row([id.0], stamp).optional()?;
            Ok(found.flatten())
        };
        let all = mailboxes.iter().map(one).collect::<rusqlite::Result<_>>();
        all.map_err(IndexError::sql(doing))
    }

    /// All files of the mailboxes are known as of these stamps. Set only a stamp that had settled.
    ///
    /// # Errors
    /// When a mailbox is not there or the database refuses.
    pub fn set_stamps(&mut self, stamps: &[(MailboxId, ScanStamp)]) -> Result<(), IndexError> {
        let doing = "record the scans of mailboxes";
        let sql = "UPDATE mailbox SET stamp_new_ns = ?, stamp_cur_ns = ? WHERE id = ?";
        self.flushed_later(doing, |index| {
            let transaction = index.transaction(doing)?;
            for (mailbox, stamp) in stamps {
                let write = || {
                    let mut statement = transaction.prepare_cached(sql)?;
                    statement.execute(params![stamp.new_ns, stamp.cur_ns, mailbox.0])
                };
                one(write().map_err(IndexError::sql(doing))?, doing, mailbox.0)?;
            }
            transaction.commit().map_err(IndexError::sql(doing))
        })
    }
}

const RECORD: &str = "record a mailbox";

pub(crate) fn record(
    transaction: &Transaction<'_>,
    account: AccountId,
    mailbox: &NewMailbox,
) -> Result<MailboxId, IndexError> {
    let path = text(&mailbox.path)?;
    let (name, role) = (mailbox.name.to_string(), mailbox.role.map(Role::as_str));
    let known = || {
        let sql = "SELECT id FROM mailbox WHERE account = ? AND wire_name = ?";
        let mut statement = transaction.prepare_cached(sql)?;
        let found = statement.query_row(params![account.0, mailbox.wire_name], |row| row.get(0));
        found.optional()
    };
    if let Some(id) = known().map_err(IndexError::sql(RECORD))? {
        // Only where something is new: a write is a flush.
        let sql = "
            UPDATE mailbox SET name = ?1, role = ?2, lost_at = NULL
            WHERE id = ?3 AND (name <> ?1 OR role IS NOT ?2 OR lost_at IS NOT NULL)";
        write(transaction, sql, params![name, role, id])?;
        return Ok(MailboxId(id));
    }
    require_free(transaction, account, (None, &mailbox.path))?;
    let sql = "
        INSERT INTO mailbox (account, wire_name, name, role, path) VALUES (?, ?, ?, ?, ?)";
    let row = params![account.0, mailbox.wire_name, name, role, path];
    write(transaction, sql, row)?;
    Ok(MailboxId(transaction.last_insert_rowid()))
}

/// A mailbox that we have may lie in this directory; see [`require_free`].
pub(crate) fn require_free_for(
    connection: &Connection,
    mailbox: MailboxId,
    path: &Path,
) -> Result<(), IndexError> {
    let sql = "SELECT account FROM mailbox WHERE id = ?";
    let account = connection.query_row(sql, [mailbox.0], |row| row.get(0));
    match account.optional().map_err(IndexError::sql(RECORD))? {
        Some(account) => require_free(connection, AccountId(account), (Some(mailbox), path)),
        // Whoever writes next will find that it is not there.
        None => Ok(()),
    }
}

/// A directory has one mailbox. Only maildrops of several accounts may share theirs: POP3 tells the
/// server nothing of what a reader does to flags, and each message is known by its base name.
fn require_free(
    connection: &Connection,
    account: AccountId,
    (own, path): (Option<MailboxId>, &Path),
) -> Result<(), IndexError> {
    let sql = "
        SELECT EXISTS (
          SELECT 1 FROM mailbox
          JOIN account AS owner ON owner.id = mailbox.account
          JOIN account AS comer ON comer.id = ?1
          WHERE mailbox.path = ?2 AND mailbox.id IS NOT ?3
            AND (owner.id = comer.id OR owner.protocol <> 'pop3' OR comer.protocol <> 'pop3'))";
    let ask = |path: &str| {
        let mut statement = connection.prepare_cached(sql)?;
        let row = params![account.0, path, own.map(|own| own.0)];
        statement.query_row(row, |row| row.get(0))
    };
    let taken: bool = ask(text(path)?).map_err(IndexError::sql(RECORD))?;
    if taken {
        return Err(IndexError::PathTaken {
            path: path.to_owned(),
        });
    }
    Ok(())
}

fn write(
    transaction: &Transaction<'_>,
    sql: &str,
    row: &[&dyn ToSql],
) -> Result<usize, IndexError> {
    let execute = || transaction.prepare_cached(sql)?.execute(row);
    execute().map_err(IndexError::sql(RECORD))
}

fn mailbox_row(row: &Row<'_>) -> rusqlite::Result<MailboxRow> {
    let role: Option<String> = row.get("role")?;
    let mod_seq: Option<i64> = row.get("highest_mod_seq")?;
    let mod_seq = mod_seq.and_then(|number| u64::try_from(number).ok());
    Ok(MailboxRow {
        id: MailboxId(row.get("id")?),
        wire_name: row.get("wire_name")?,
        name: row.get("name")?,
        role: role.as_deref().and_then(Role::parse),
        lost_at: column::time(row, "lost_at")?,
        path: PathBuf::from(row.get::<_, String>("path")?),
        server: ServerState {
            uid_validity: column::uid_validity(row, "uid_validity")?,
            uid_next: column::uid(row, "uid_next")?,
            highest_mod_seq: mod_seq.and_then(ModSeq::new),
            messages: column::count(row, "messages")?,
            mailbox_id: row.get("mailbox_id")?,
        },
        synced_at: column::time(row, "synced_at")?,
        stamp: stamp(row)?,
    })
}

fn stamp(row: &Row<'_>) -> rusqlite::Result<Option<ScanStamp>> {
    Ok(match (row.get("stamp_new_ns")?, row.get("stamp_cur_ns")?) {
        (Some(new_ns), Some(cur_ns)) => Some(ScanStamp { new_ns, cur_ns }),
        _ => None,
    })
}

pub(crate) fn text(path: &Path) -> Result<&str, IndexError> {
    path.to_str().ok_or_else(|| IndexError::PathNotText {
        path: path.to_owned(),
    })
}
