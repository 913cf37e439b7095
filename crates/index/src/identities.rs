//! What a server says of a message that is true of its octets, wherever it shows them: the identity
//! by which a copy is known without fetching it (X-GM-MSGID, EMAILID), and Gmail's labels.

use crate::accounts::AccountId;
use crate::error::IndexError;
use crate::messages::{MessageFile, message_file};
use crate::open::Index;
use postrider_core::message::MessageKey;
use rusqlite::params;

/// What a server says of a message's octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The same for the same octets in the whole account.
    pub email_id: Option<String>,
    /// Gmail's labels; `None` when the server did not tell.
    pub labels: Option<Vec<String>>,
}

impl Index {
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
    pub fn copies(
        &self,
        account: AccountId,
        email_id: &str,
    ) -> Result<Vec<MessageFile>, IndexError> {
        let sql = "
            SELECT message.id, message.mailbox, mailbox.path AS mailbox_path, message.base,
              message.file, message.sha256, message.octets
            FROM message JOIN mailbox ON mailbox.id = message.mailbox
            WHERE message.email_id = ? AND mailbox.account = ? AND message.released_at IS NULL
            ORDER BY message.id";
        let doing = "look for copies of a message";
        self.list(doing, sql, (email_id, account.0), message_file)
    }
}
