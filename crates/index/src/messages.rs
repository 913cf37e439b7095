//! What we hold of each mailbox: the base of every comparison with the server or the Maildir.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::plan::view::BaseMessage;
use postrider_core::time::UnixTime;
use postrider_core::uid::{Uid, UidSet, UidValidity};
use rusqlite::{OptionalExtension, Row};
use std::path::PathBuf;

/// A message whose server copy is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentRow {
    /// The message.
    pub key: MessageKey,
    /// Its UID.
    pub uid: Uid,
    /// Whether its local copy is proven (R1).
    pub proven: bool,
    /// When it was put back by `undo`: whatever its age, that counts from then.
    pub undone_at: Option<UnixTime>,
}

/// A message of another epoch of its mailbox, to be matched by content (R4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedRow {
    /// The message.
    pub key: MessageKey,
    /// What the server said of its size.
    pub server_octets: Option<u64>,
    /// Octets with CRLF line ends: what an honest server says of its size.
    pub octets_crlf: u64,
    /// INTERNALDATE.
    pub internal_date: Option<UnixTime>,
    /// `Message-ID`.
    pub message_id: Option<String>,
    /// The hash of the file.
    pub sha256: Sha256,
    /// Its flags at the server, as last agreed.
    pub flags: FlagSet,
    /// Whether it had vanished; such a one may be back.
    pub vanished: bool,
    /// Whether its octets came from the server; else its likeness alone must not let anything go.
    pub received: bool,
}

/// Where a message's file lies, and what it must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageFile {
    /// The message.
    pub key: MessageKey,
    /// Its mailbox.
    pub mailbox: MailboxId,
    /// The mailbox's directory; absolute.
    pub mailbox_path: PathBuf,
    /// The file's base name.
    pub base: String,
    /// The file relative to the mailbox, where it was last seen.
    pub file: String,
    /// The hash of the file.
    pub sha256: Sha256,
    /// Octets of the file.
    pub octets: u64,
}

/// A message with a certain base name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseHit {
    /// The message.
    pub key: MessageKey,
    /// Its mailbox.
    pub mailbox: MailboxId,
    /// The file relative to the mailbox.
    pub file: String,
    /// Whether it was written down that the file is gone.
    pub removed: bool,
    /// Whether its octets came from the server.
    pub received: bool,
}

pub(crate) const FILE: &str = "
    SELECT message.id, message.mailbox, mailbox.path AS mailbox_path, message.base, message.file,
      message.sha256, message.octets
    FROM message JOIN mailbox ON mailbox.id = message.mailbox";

impl Index {
    /// Every message of one epoch of a mailbox, ascending by UID, the gone ones included.
    ///
    /// A million take 40 MB (measured: 39) and a second; [`Index::each_base`] takes none.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn base(
        &self,
        mailbox: MailboxId,
        epoch: UidValidity,
    ) -> Result<Vec<BaseMessage>, IndexError> {
        let sql = "SELECT count(*) FROM message WHERE mailbox = ? AND uid_validity = ?";
        let count = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row((mailbox.0, epoch.as_u32()), |row| row.get::<_, i64>(0))
        };
        let count = count().map_err(IndexError::sql("count messages"))?;
        // Grown by doubling it would be twice as large for a moment.
        let mut base = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
        self.each_base(mailbox, epoch, |row| base.push(row))?;
        Ok(base)
    }

    /// Hands every message of one epoch of a mailbox to `each`, ascending by UID.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn each_base(
        &self,
        mailbox: MailboxId,
        epoch: UidValidity,
        mut each: impl FnMut(BaseMessage),
    ) -> Result<(), IndexError> {
        let sql = "
            SELECT id, uid, flags, vanished_at IS NOT NULL OR expired_at IS NOT NULL AS gone
            FROM message WHERE mailbox = ? AND uid_validity = ? ORDER BY uid";
        let mut read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query((mailbox.0, epoch.as_u32()))?;
            while let Some(row) = rows.next()? {
                each(base_row(row)?);
            }
            Ok(())
        };
        read().map_err(IndexError::sql("list messages"))
    }

    /// Those messages of one epoch of a mailbox that are in `uids`, ascending by UID, the gone ones
    /// included. Costs what they cost, however large the mailbox.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn base_among(
        &self,
        mailbox: MailboxId,
        epoch: UidValidity,
        uids: &UidSet,
    ) -> Result<Vec<BaseMessage>, IndexError> {
        let sql = "
            SELECT id, uid, flags, vanished_at IS NOT NULL OR expired_at IS NOT NULL AS gone
            FROM message
            WHERE mailbox = ? AND uid_validity = ? AND uid BETWEEN ? AND ? ORDER BY uid";
        let mut base = Vec::new();
        for (first, last) in uids.ranges() {
            let range = (mailbox.0, epoch.as_u32(), first.as_u32(), last.as_u32());
            let mut rows: Vec<_> = self.list("look for messages", sql, range, base_row)?;
            base.append(&mut rows);
        }
        Ok(base)
    }

    /// How many messages of one epoch of a mailbox the server has, as far as we know: recorded and
    /// not gone, and skipped.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn live(&self, mailbox: MailboxId, epoch: UidValidity) -> Result<u64, IndexError> {
        // Both counts read an index alone; the gone ones are few.
        let sql = "
            SELECT (SELECT count(*) FROM message WHERE mailbox = ?1 AND uid_validity = ?2)
              - (SELECT count(*) FROM message WHERE mailbox = ?1 AND uid_validity = ?2
                  AND (vanished_at IS NOT NULL OR expired_at IS NOT NULL))
              + (SELECT count(*) FROM skip WHERE mailbox = ?1 AND uid_validity = ?2)
              + (SELECT count(*) FROM outgoing WHERE source = ?1 AND uid_validity = ?2) AS live";
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row((mailbox.0, epoch.as_u32()), |row| {
                column::count(row, "live")
            })
        };
        let live = read().map_err(IndexError::sql("count messages"))?;
        Ok(live.unwrap_or_default())
    }

    /// Every UID of one epoch that was ever recorded: what need not be fetched.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn uids(&self, mailbox: MailboxId, epoch: UidValidity) -> Result<UidSet, IndexError> {
        let sql = "SELECT uid FROM message WHERE mailbox = ? AND uid_validity = ? ORDER BY uid";
        let uid = |row: &Row<'_>| column::uid(row, "uid")?.ok_or_else(|| column::absent("uid"));
        self.list("list UIDs", sql, (mailbox.0, epoch.as_u32()), uid)
    }

    /// The messages of a mailbox that have no UID in this epoch and that we neither expired nor removed: those of
    /// other epochs, and those whose UID became another's. To be matched with what the server has.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn unmatched(
        &self,
        mailbox: MailboxId,
        epoch: UidValidity,
    ) -> Result<Vec<UnmatchedRow>, IndexError> {
        let sql = format!("{UNMATCHED} AND uid_validity IS NOT ? ORDER BY id");
        let key = (mailbox.0, epoch.as_u32());
        self.list("list messages of other epochs", &sql, key, unmatched_row)
    }

    /// An epoch other than `epoch` of which there are messages that may be the server's.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn other_epoch(
        &self,
        mailbox: MailboxId,
        epoch: UidValidity,
    ) -> Result<Option<UidValidity>, IndexError> {
        let rows = "FROM message WHERE mailbox = ?1 AND expired_at IS NULL AND removed_at IS NULL";
        let sql = format!(
            "SELECT uid_validity {rows} AND uid_validity < ?2
            UNION ALL SELECT uid_validity {rows} AND uid_validity > ?2 LIMIT 1"
        );
        let read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let row = statement.query_row((mailbox.0, epoch.as_u32()), |row| row.get::<_, u32>(0));
            row.optional()
        };
        let found = read().map_err(IndexError::sql("look for messages of other epochs"))?;
        Ok(found.and_then(UidValidity::new))
    }

    /// Those of [`Index::unmatched`] whose UID became another's ([`Index::displace`]).
    ///
    /// # Errors
    /// When the database refuses.
    pub fn displaced(&self, mailbox: MailboxId) -> Result<Vec<UnmatchedRow>, IndexError> {
        let sql = format!("{UNMATCHED} AND uid_validity IS NULL ORDER BY id");
        self.list("list displaced messages", &sql, [mailbox.0], unmatched_row)
    }

    /// Whether no message of the mailbox was ever recorded.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn is_empty(&self, mailbox: MailboxId) -> Result<bool, IndexError> {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM message WHERE mailbox = ?)";
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([mailbox.0], |row| row.get(0))
        };
        read().map_err(IndexError::sql("look for messages"))
    }

    /// The messages of a mailbox's present epoch whose server copy is there, ascending by UID, with
    /// that epoch; `None` while the mailbox was never in step.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn present(
        &self,
        mailbox: MailboxId,
    ) -> Result<Option<(UidValidity, Vec<PresentRow>)>, IndexError> {
        let doing = "list present messages";
        let epoch = || {
            let sql = "SELECT uid_validity FROM mailbox WHERE id = ?";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([mailbox.0], |row| column::uid_validity(row, "uid_validity"))
        };
        let Some(epoch) = epoch().map_err(IndexError::sql(doing))? else {
            return Ok(None);
        };
        let sql = "
            SELECT id, uid, proven_at IS NOT NULL AS proven, undone_at FROM message
            WHERE mailbox = ? AND uid_validity = ? AND vanished_at IS NULL AND expired_at IS NULL
            ORDER BY uid";
        let row = |row: &Row<'_>| {
            Ok(PresentRow {
                key: MessageKey(row.get("id")?),
                uid: column::uid(row, "uid")?.ok_or_else(|| column::absent("uid"))?,
                proven: row.get("proven")?,
                undone_at: column::time(row, "undone_at")?,
            })
        };
        let rows = self.list(doing, sql, (mailbox.0, epoch.as_u32()), row)?;
        Ok(Some((epoch, rows)))
    }

    /// Where the files of these messages lie, in the order of `keys`.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn file_of(&self, keys: &[MessageKey]) -> Result<Vec<MessageFile>, IndexError> {
        let doing = "look for files";
        let sql = format!("{FILE} WHERE message.id = ?");
        let one = |key: &MessageKey| {
            let read = || {
                let mut statement = self.connection.prepare_cached(&sql)?;
                statement.query_row([key.0], message_file).optional()
            };
            let found = read().map_err(IndexError::sql(doing))?;
            found.ok_or(IndexError::NoSuchRow { doing, id: key.0 })
        };
        self.read_at_once(doing, || keys.iter().map(one).collect())
    }

    /// The files of a mailbox's messages that are not proven yet, oldest first, at most so many.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn unproven(
        &self,
        mailbox: MailboxId,
        at_most: u32,
    ) -> Result<Vec<MessageFile>, IndexError> {
        let sql = format!(
            "{FILE} WHERE message.mailbox = ? AND message.proven_at IS NULL
             ORDER BY message.id LIMIT ?"
        );
        self.list(
            "list messages not proven",
            &sql,
            (mailbox.0, at_most),
            message_file,
        )
    }

    /// The messages of a mailbox whose file has this hash, oldest first, gone ones included.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn by_sha256(
        &self,
        mailbox: MailboxId,
        sha256: Sha256,
    ) -> Result<Vec<MessageKey>, IndexError> {
        let sql = "SELECT id FROM message WHERE mailbox = ? AND sha256 = ? ORDER BY id";
        let key = |row: &Row<'_>| row.get(0).map(MessageKey);
        self.list(
            "look for a message by its hash",
            sql,
            (mailbox.0, sha256.0),
            key,
        )
    }

    /// The messages of an account whose file has this base name; readers copy files with their names.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn find_by_base(&self, account: AccountId, base: &str) -> Result<Vec<BaseHit>, IndexError> {
        let sql = "
            SELECT message.id, message.mailbox, message.file,
              message.removed_at IS NOT NULL AS removed, message.received
            FROM message JOIN mailbox ON mailbox.id = message.mailbox
            WHERE message.base = ? AND mailbox.account = ? ORDER BY message.id";
        let hit = |row: &Row<'_>| {
            Ok(BaseHit {
                key: MessageKey(row.get("id")?),
                mailbox: MailboxId(row.get("mailbox")?),
                file: row.get("file")?,
                removed: row.get("removed")?,
                received: row.get("received")?,
            })
        };
        self.list(
            "look for a message by its file",
            sql,
            (base, account.0),
            hit,
        )
    }
}

const UNMATCHED: &str = "
    SELECT id, server_octets, octets_crlf, internal_date, message_id, sha256, flags,
      vanished_at IS NOT NULL AS gone, received
    FROM message
    WHERE mailbox = ? AND expired_at IS NULL AND removed_at IS NULL";

fn unmatched_row(row: &Row<'_>) -> rusqlite::Result<UnmatchedRow> {
    Ok(UnmatchedRow {
        key: MessageKey(row.get("id")?),
        server_octets: column::count(row, "server_octets")?,
        octets_crlf: column::count(row, "octets_crlf")?.unwrap_or_default(),
        internal_date: column::time(row, "internal_date")?,
        message_id: row.get("message_id")?,
        sha256: column::sha256(row, "sha256")?,
        flags: flags(row)?,
        vanished: row.get("gone")?,
        received: row.get("received")?,
    })
}

fn base_row(row: &Row<'_>) -> rusqlite::Result<BaseMessage> {
    Ok(BaseMessage {
        key: MessageKey(row.get("id")?),
        flags: flags(row)?,
        uid: column::uid(row, "uid")?.ok_or_else(|| column::absent("uid"))?,
        vanished: row.get("gone")?,
    })
}

fn flags(row: &Row<'_>) -> rusqlite::Result<FlagSet> {
    // Borrowed: a million rows are read in one go.
    let text = row.get_ref("flags")?.as_str()?;
    Ok(FlagSet::from_index(text))
}

pub(crate) fn message_file(row: &Row<'_>) -> rusqlite::Result<MessageFile> {
    Ok(MessageFile {
        key: MessageKey(row.get("id")?),
        mailbox: MailboxId(row.get("mailbox")?),
        mailbox_path: PathBuf::from(row.get::<_, String>("mailbox_path")?),
        base: row.get("base")?,
        file: row.get("file")?,
        sha256: column::sha256(row, "sha256")?,
        octets: column::count(row, "octets")?.unwrap_or_default(),
    })
}
