//! What readers moved, copied or wrote, on its way into a mailbox at the server (R3).
//!
//! The life of one: the row lies in the mailbox that it is for and has no identity there
//! ([`Index::begin_move`] in [`crate::partings`], [`Index::begin_store`]), durably, before the server is asked; from then on a
//! copy that the server shows is found to be this message by the pass, whatever becomes of us.
//! [`Index::end_outgoing`] gives it the identity that the server told. While its server copy is still in
//! another mailbox, that is nobody's message, and not to be fetched.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::ledger::{self, Action};
use crate::mailboxes::MailboxId;
use crate::marks::Attachment;
use crate::messages::{FILE, MessageFile, message_file};
use crate::newcomers::Newcomer;
use crate::open::Index;
use crate::partings::forget;
use crate::take_in::{FoundFile, insert};
use postrider_core::flag::FlagSet;
use postrider_core::message::MessageKey;
use postrider_core::time::{Now, UnixTime};
use postrider_core::uid::{Uid, UidValidity};
use rusqlite::{OptionalExtension, Row, params};

/// A server copy: one that is to leave its mailbox, or one that is to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerCopy {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The epoch of its UID.
    pub uid_validity: UidValidity,
    /// Its UID.
    pub uid: Uid,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRow {
    /// Where its file lies, in the mailbox that it is for.
    pub file: MessageFile,
    /// Octets with CRLF line ends.
    pub octets_crlf: u64,
    /// INTERNALDATE, or the file's time.
    pub internal_date: Option<UnixTime>,
    /// Its server copy, while it is still in another mailbox.
    pub departure: Option<ServerCopy>,
    /// The message of which it is a copy, where the server still holds that.
    pub original: Option<ServerCopy>,
    /// Its flags, as last agreed with the server; those of the original, where it is a copy.
    pub agreed: FlagSet,
    /// Who it is in its mailbox, where a look has found it there.
    pub identity: Option<(UidValidity, Uid)>,
}

impl Index {
    /// A file of a reader is a message from now on, which is to be put into its mailbox: from its octets, or
    /// as a copy of `original`. Says which it is.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn begin_store(
        &mut self,
        newcomer: &Newcomer,
        found: &FoundFile,
        original: Option<MessageKey>,
        now: Now,
    ) -> Result<MessageKey, IndexError> {
        let doing = "begin to upload a message";
        let transaction = self.transaction(doing)?;
        let because = match original {
            Some(_) => "copied by a reader",
            None => "put here by a reader",
        };
        let begin = || {
            // Its age counts from its date and its proof.
            let times = (now, now);
            let key = insert(&transaction, newcomer.mailbox, (found, because), times)?;
            let sql = "INSERT INTO outgoing (message, original) VALUES (?, ?)";
            transaction.execute(sql, params![key.0, original.map(|o| o.0)])?;
            let sql = "UPDATE message SET copy_of = ?, copied_at = ? WHERE id = ?";
            let copied_at = original.map(|_| now.0.as_seconds());
            transaction.execute(sql, params![original.map(|o| o.0), copied_at, key.0])?;
            // What the server will say of the copy is what it says of the original, whatever a reader wrote
            // into the file.
            let sql = "
                UPDATE message SET (server_octets, internal_date) =
                  (SELECT server_octets, internal_date FROM message WHERE id = ?1)
                WHERE id = ?2 AND ?1 IS NOT NULL";
            transaction.execute(sql, params![original.map(|o| o.0), key.0])?;
            forget(&transaction, newcomer)?;
            Ok(key)
        };
        let key = begin().map_err(IndexError::sql(doing))?;
        transaction.commit().map_err(IndexError::sql(doing))?;
        Ok(key)
    }

    /// The messages of an account that are on their way, oldest first; those that the server refused wait
    /// for twice as long after each time, a day at most.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn outgoing(&self, account: AccountId, now: Now) -> Result<Vec<OutgoingRow>, IndexError> {
        let file = FILE.replacen(
            "message.octets",
            "message.octets, message.octets_crlf, message.internal_date, message.uid_validity,
              message.uid, outgoing.source, outgoing.uid_validity AS source_epoch,
              outgoing.uid AS source_uid, original.mailbox AS original,
              original.uid_validity AS original_epoch, original.uid AS original_uid,
              coalesce(original.flags, message.flags) AS agreed",
            1,
        );
        let sql = format!(
            "{file} CROSS JOIN outgoing ON outgoing.message = message.id
             LEFT JOIN message AS original ON original.id = outgoing.original
               AND original.vanished_at IS NULL AND original.expired_at IS NULL
             WHERE mailbox.account = ?1
               AND (tried_at IS NULL OR tried_at > ?2
                 OR tried_at + 60 * min(1440, 1 << min(tries, 11)) <= ?2)
             ORDER BY message.id"
        );
        let asked = (account.0, now.0.as_seconds());
        self.list("list what is on its way", &sql, asked, outgoing_row)
    }

    /// A message is in its mailbox at the server, and nowhere else. Where the server told who it is there it
    /// gets that identity; else the next look finds it by its likeness. `sent`: its octets went there from
    /// here, with these flags.
    ///
    /// # Errors
    /// [`IndexError::AlreadyKnown`] when another message has the identity; else when the message is not
    /// there or the database refuses.
    pub fn end_outgoing(
        &mut self,
        attachment: (MessageKey, Option<&Attachment>),
        sent: Option<&FlagSet>,
        now: Now,
    ) -> Result<(), IndexError> {
        let (key, attachment) = attachment;
        if let Some(attachment) = attachment {
            self.attach(std::slice::from_ref(attachment), now)?;
        }
        let doing = "record a message as sent";
        let transaction = self.transaction(doing)?;
        let end = || {
            if let Some(flags) = sent {
                // What the server will show is compared with what is here only where it told who that is.
                let sql = "UPDATE message SET flags = ?, received = ? WHERE id = ?";
                transaction
                    .execute(sql, params![flags.to_string(), attachment.is_some(), key.0])?;
            }
            let sql = "DELETE FROM outgoing WHERE message = ? RETURNING source, original";
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let was: Option<(Option<i64>, Option<i64>)> =
                transaction.query_row(sql, [key.0], row).optional()?;
            let told = match was {
                Some((Some(_), _)) => Some((Action::Moved, "moved by a reader")),
                Some((None, Some(_))) => Some((Action::Uploaded, "copied by a reader")),
                Some((None, None)) => Some((Action::Uploaded, "put here by a reader")),
                None => None,
            };
            if let Some((action, because)) = told {
                ledger::append(&transaction, key, action, now, because)?;
            }
            Ok(())
        };
        end().map_err(IndexError::sql(doing))?;
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// The messages of an account that are to leave a mailbox, and have not been found in their own yet.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn departing(
        &self,
        account: AccountId,
    ) -> Result<Vec<(MessageKey, ServerCopy)>, IndexError> {
        let sql = "
            SELECT message.id, outgoing.source, outgoing.uid_validity, outgoing.uid
            FROM outgoing CROSS JOIN message ON message.id = outgoing.message
            CROSS JOIN mailbox ON mailbox.id = outgoing.source
            WHERE outgoing.source IS NOT NULL AND message.uid IS NULL AND account = ?";
        let row = |row: &Row<'_>| {
            let from = server_copy(row, ["source", "uid_validity", "uid"])?;
            let from = from.ok_or_else(|| column::absent("source"))?;
            Ok((MessageKey(row.get("id")?), from))
        };
        self.list("list what is leaving", sql, [account.0], row)
    }

    /// Somebody moved these at the server before we came to it: they leave from where they are now.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn redirect(&mut self, departing: &[(MessageKey, ServerCopy)]) -> Result<(), IndexError> {
        let doing = "redirect what is leaving";
        let sql = "UPDATE outgoing SET source = ?, uid_validity = ?, uid = ? WHERE message = ?";
        let transaction = self.transaction(doing)?;
        for (key, from) in departing {
            let (epoch, uid) = (from.uid_validity.as_u32(), from.uid.as_u32());
            let changed = transaction.execute(sql, params![from.mailbox.0, epoch, uid, key.0]);
            changed.map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// The server would not have these, for the reason given.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_off(
        &mut self,
        keys: &[MessageKey],
        refusal: &str,
        now: Now,
    ) -> Result<(), IndexError> {
        let doing = "put off what was refused";
        let sql = "
            UPDATE outgoing SET tries = tries + 1, tried_at = ?, refusal = ? WHERE message = ?";
        let transaction = self.transaction(doing)?;
        for key in keys {
            let row = params![now.0.as_seconds(), refusal, key.0];
            let changed = transaction.execute(sql, row);
            changed.map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// The octets of a file on its way have changed: what it holds now is what will be sent, and it is a copy of
    /// nothing any more.
    ///
    /// # Errors
    /// When the message is not there or the database refuses.
    pub fn rewrite_outgoing(
        &mut self,
        key: MessageKey,
        found: &FoundFile,
    ) -> Result<(), IndexError> {
        let doing = "record what a reader wrote anew";
        let sql = "
            UPDATE message SET copy_of = NULL, copied_at = NULL, message_id = ?, subject = ?, from_addr = ?, to_addrs = ?, date = ?,
              internal_date = ?, octets = ?, octets_crlf = ?, server_octets = ?, sha256 = ?,
              header_sha256 = ?
            WHERE id = ?";
        let header = &found.header;
        let row = params![
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
            key.0,
        ];
        let failed = || IndexError::sql(doing);
        let transaction = self.transaction(doing)?;
        let changed = transaction.execute(sql, row).map_err(failed())?;
        crate::accounts::one(changed, doing, key.0)?;
        let sql = "UPDATE outgoing SET original = NULL WHERE message = ?";
        transaction.execute(sql, [key.0]).map_err(failed())?;
        transaction.commit().map_err(failed())
    }

    /// Nothing is sent any more of these: their files are gone.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn forget_outgoing(&mut self, keys: &[MessageKey], now: Now) -> Result<(), IndexError> {
        let doing = "forget what is not sent";
        let failed = || IndexError::sql(doing);
        let transaction = self.transaction(doing)?;
        for key in keys {
            let sql = "DELETE FROM outgoing WHERE message = ?";
            transaction.execute(sql, [key.0]).map_err(failed())?;
            let sql = "UPDATE message SET removed_at = ? WHERE id = ?";
            let row = params![now.0.as_seconds(), key.0];
            transaction.execute(sql, row).map_err(failed())?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// Messages of which a reader made a copy in another mailbox after `since`, where the server has both:
    /// when the original's file goes, it was moved. What went with its directory does not count (R5). Each
    /// with its server copy.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn copied_since(
        &self,
        account: AccountId,
        since: UnixTime,
    ) -> Result<Vec<(MessageFile, ServerCopy)>, IndexError> {
        let file = FILE
            .replacen(
                "message.octets",
                "message.octets, message.uid_validity, message.uid",
                1,
            )
            .replacen(
                "FROM message JOIN mailbox ON mailbox.id = message.mailbox",
                "FROM message AS copy INDEXED BY message_copy_of
             CROSS JOIN message ON message.id = copy.copy_of
             CROSS JOIN mailbox ON mailbox.id = message.mailbox",
                1,
            );
        let sql = format!(
            "{file}
             WHERE copy.copy_of > 0 AND copy.copied_at >= ?2
               AND mailbox.account = ?1 AND copy.mailbox <> message.mailbox
               AND copy.uid IS NOT NULL AND copy.vanished_at IS NULL AND copy.expired_at IS NULL
               AND message.uid IS NOT NULL AND message.vanished_at IS NULL
               AND message.expired_at IS NULL AND message.lost_at IS NULL
             ORDER BY message.id"
        );
        let row = |row: &Row<'_>| {
            let place = server_copy(row, ["mailbox", "uid_validity", "uid"])?;
            let place = place.ok_or_else(|| column::absent("uid"))?;
            Ok((message_file(row)?, place))
        };
        let asked = (account.0, since.as_seconds());
        self.list("look for copies that readers made", &sql, asked, row)
    }

    /// The server copies of these are gone: their copies in other mailboxes are the message now. Nothing
    /// local follows from it.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn end_move_by_copy(&mut self, keys: &[MessageKey], now: Now) -> Result<(), IndexError> {
        let sql = "
            UPDATE message SET vanished_at = ?1, released_at = ?1, removed_at = ?1
            WHERE id = ?2 AND vanished_at IS NULL AND expired_at IS NULL";
        let because = (Action::Moved, "moved by a reader");
        self.end(keys, sql, now, because).map(drop)
    }
}

fn outgoing_row(row: &Row<'_>) -> rusqlite::Result<OutgoingRow> {
    let identity = column::uid_validity(row, "uid_validity")?.zip(column::uid(row, "uid")?);
    Ok(OutgoingRow {
        file: message_file(row)?,
        octets_crlf: column::count(row, "octets_crlf")?.unwrap_or_default(),
        internal_date: column::time(row, "internal_date")?,
        departure: server_copy(row, ["source", "source_epoch", "source_uid"])?,
        original: server_copy(row, ["original", "original_epoch", "original_uid"])?,
        agreed: FlagSet::from_index(&row.get::<_, String>("agreed")?),
        identity,
    })
}

fn server_copy(
    row: &Row<'_>,
    [mailbox, epoch, uid]: [&'static str; 3],
) -> rusqlite::Result<Option<ServerCopy>> {
    let mailbox: Option<i64> = row.get(mailbox)?;
    let place = (
        mailbox,
        column::uid_validity(row, epoch)?,
        column::uid(row, uid)?,
    );
    Ok(match place {
        (Some(mailbox), Some(uid_validity), Some(uid)) => Some(ServerCopy {
            mailbox: MailboxId(mailbox),
            uid_validity,
            uid,
        }),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
