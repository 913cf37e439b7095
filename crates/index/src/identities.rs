//! What a server says of a message that is true of its octets, wherever it shows them: the identity
//! by which a copy is known without fetching it (X-GM-MSGID, EMAILID), and Gmail's labels.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::messages::{MessageFile, message_file};
use crate::open::Index;
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::plan::uid_validity::Likeness;
use postrider_core::time::UnixTime;
use rusqlite::{OptionalExtension, Row, params};

/// What a server says of a message's octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The same for the same octets in the whole account.
    pub email_id: Option<String>,
    /// Gmail's labels; `None` when the server did not tell.
    pub labels: Option<Vec<String>>,
}

/// What tells a message from others, as we recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The message.
    pub key: MessageKey,
    /// Where it is, or was.
    pub mailbox: MailboxId,
    /// Message-ID, size and date, as the server said when it was stored.
    pub likeness: Likeness,
    /// X-GM-MSGID or EMAILID.
    pub email_id: Option<String>,
}

/// A message of which a further copy may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalCopy {
    /// Where it lies and what it holds.
    pub file: MessageFile,
    /// Octets with CRLF line ends.
    pub octets_crlf: u64,
    /// INTERNALDATE.
    pub internal_date: Option<UnixTime>,
    /// What the server says of its size.
    pub server_octets: Option<u64>,
}

impl Index {
    /// Whether the server has a message with these octets in another mailbox of the account, as far as we
    /// know.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn is_elsewhere(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        sha256: Sha256,
    ) -> Result<bool, IndexError> {
        let sql = "
            SELECT EXISTS (
              SELECT 1 FROM mailbox CROSS JOIN message ON message.mailbox = mailbox.id
              WHERE mailbox.account = ? AND mailbox.id <> ? AND mailbox.lost_at IS NULL
                AND message.sha256 = ? AND message.uid IS NOT NULL
                AND message.expired_at IS NULL AND message.vanished_at IS NULL)";
        let ask = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let asked = params![account.0, mailbox.0, sha256.0];
            statement.query_row(asked, |row| row.get(0))
        };
        ask().map_err(IndexError::sql("look for a message in other mailboxes"))
    }

    /// What tells these messages from others, in the order of `keys`.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn describe(&self, keys: &[MessageKey]) -> Result<Vec<Described>, IndexError> {
        let doing = "describe messages";
        let sql = "
            SELECT id, mailbox, message_id, server_octets, internal_date, email_id
            FROM message WHERE id = ?";
        let row = |row: &Row<'_>| {
            Ok(Described {
                key: MessageKey(row.get("id")?),
                mailbox: MailboxId(row.get("mailbox")?),
                likeness: Likeness {
                    message_id: row.get("message_id")?,
                    size_octets: column::count(row, "server_octets")?,
                    internal_date: column::time(row, "internal_date")?,
                },
                email_id: row.get("email_id")?,
            })
        };
        let one = |key: &MessageKey| {
            let read = || {
                let mut statement = self.connection.prepare_cached(sql)?;
                statement.query_row([key.0], row).optional()
            };
            let found = read().map_err(IndexError::sql(doing))?;
            found.ok_or(IndexError::NoSuchRow { doing, id: key.0 })
        };
        keys.iter().map(one).collect()
    }

    /// Records what the server says of these messages. What it did not say stays.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn set_identities(
        &mut self,
        identities: &[(MessageKey, Identity)],
    ) -> Result<(), IndexError> {
        let doing = "record what the server says of messages";
        let transaction = self.transaction(doing)?;
        let write = || {
            for (key, identity) in identities {
                let sql = "
                    UPDATE message SET email_id = coalesce(?1, email_id)
                    WHERE id = ?2 AND email_id IS NOT coalesce(?1, email_id)";
                let mut statement = transaction.prepare_cached(sql)?;
                statement.execute(params![identity.email_id, key.0])?;
                let Some(labels) = &identity.labels else {
                    continue;
                };
                let mut clear =
                    transaction.prepare_cached("DELETE FROM label WHERE message = ?")?;
                clear.execute([key.0])?;
                let sql = "INSERT OR IGNORE INTO label (message, label) VALUES (?, ?)";
                let mut add = transaction.prepare_cached(sql)?;
                for label in labels {
                    add.execute(params![key.0, label])?;
                }
            }
            Ok(())
        };
        write().map_err(IndexError::sql(doing))?;
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// Local copies of the message with this identity, wherever in the account they lie, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn copies(&self, account: AccountId, email_id: &str) -> Result<Vec<LocalCopy>, IndexError> {
        let sql = "
            SELECT message.id, message.mailbox, mailbox.path AS mailbox_path, message.base,
              message.file, message.sha256, message.octets, message.octets_crlf,
              message.internal_date, message.server_octets
            FROM message JOIN mailbox ON mailbox.id = message.mailbox
            WHERE message.email_id = ? AND mailbox.account = ? AND message.removed_at IS NULL
            ORDER BY message.id";
        let doing = "look for copies of a message";
        let row = |row: &Row<'_>| {
            Ok(LocalCopy {
                file: message_file(row)?,
                octets_crlf: column::count(row, "octets_crlf")?.unwrap_or_default(),
                internal_date: column::time(row, "internal_date")?,
                server_octets: column::count(row, "server_octets")?,
            })
        };
        self.list(doing, sql, (email_id, account.0), row)
    }
}
