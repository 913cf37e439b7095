//! What happens to messages after they are recorded. Each method is one transaction, all or nothing.
//!
//! The life of a server copy: stored → proven → expiry requested → expired, or at any time vanished
//! (gone, not by us) and perhaps present again.

use crate::accounts::one;
use crate::column;
use crate::error::IndexError;
use crate::flag_changes::settle_alike;
use crate::ledger::{self, Action};
use crate::open::Index;
use crate::undo;
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, ServerRef};
use postrider_core::time::Now;
use rusqlite::{OptionalExtension, ToSql, Transaction, params};

/// A message that has a new identity at its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The message.
    pub key: MessageKey,
    /// Who it is to the server now.
    pub server: ServerRef,
    /// What the server says of its size.
    pub server_octets: Option<u64>,
}

impl Index {
    /// Gives messages new identities at the server after a change of UIDVALIDITY or of unique-ids
    /// (R4). They are present again, and an expiry under the old identity is forgotten: retention
    /// decides anew. The flags agreed on stay: what the server has now is compared with them. Identities may change hands within one call.
    ///
    /// A message whose undo was begun and not ended is put back by this: it is there.
    ///
    /// # Errors
    /// [`IndexError::AlreadyKnown`] when a message outside `attachments` has one of the identities;
    /// else when a message is not there or the database refuses.
    pub fn attach(&mut self, attachments: &[Attachment], now: Now) -> Result<(), IndexError> {
        let doing = "match messages anew";
        let detach = "UPDATE message SET uid_validity = NULL, uid = NULL, uidl = NULL WHERE id = ?";
        let attach = "
            UPDATE message SET uid_validity = ?, uid = ?, uidl = ?, server_octets = coalesce(?, server_octets),
              vanished_at = NULL, expire_requested_at = NULL, expire_because = NULL,
              expired_at = NULL,
              released_at = CASE WHEN removed_at IS NULL THEN NULL ELSE released_at END
            WHERE id = ?";
        let transaction = self.transaction(doing)?;
        for Attachment { key, .. } in attachments {
            update(&transaction, doing, detach, *key, &[&key.0])?;
        }
        for Attachment {
            key,
            server,
            server_octets,
        } in attachments
        {
            let (uid_validity, uid, uidl) = column::identity(server);
            let octets = server_octets.map(column::integer);
            let row: [&dyn ToSql; 5] = [&uid_validity, &uid, &uidl, &octets, &key.0];
            update(&transaction, doing, attach, *key, &row)?;
            undo::arrived(&transaction, *key, now).map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// The UIDs of these messages belong to others now: a restored server gave them out again. Who they
    /// were is free for those; their server copies are gone.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn displace(&mut self, keys: &[MessageKey], now: Now) -> Result<(), IndexError> {
        let gone = "UPDATE message SET vanished_at = ? WHERE id = ? AND vanished_at IS NULL AND expired_at IS NULL";
        let because = (Action::Vanished, "its UID was given to another message");
        self.end(keys, gone, now, because)?;
        let doing = "free the UIDs of messages";
        let detach = "UPDATE message SET uid_validity = NULL, uid = NULL WHERE id = ?";
        let transaction = self.transaction(doing)?;
        for key in keys {
            update(&transaction, doing, detach, *key, &[&key.0])?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// The files have other names, relative to their mailboxes.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn set_files<F: AsRef<str>>(
        &mut self,
        files: &[(MessageKey, F)],
    ) -> Result<(), IndexError> {
        let doing = "record the names of files";
        let transaction = self.transaction(doing)?;
        for (key, file) in files {
            update(
                &transaction,
                doing,
                "UPDATE message SET file = ? WHERE id = ?",
                *key,
                &[&file.as_ref(), &key.0],
            )?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// These flags are now agreed with the server. What readers changed alike need not be told any more.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn set_server_flags(&mut self, agreed: &[(MessageKey, FlagSet)]) -> Result<(), IndexError> {
        let doing = "record flags";
        let transaction = self.transaction(doing)?;
        for (key, flags) in agreed {
            let row: [&dyn ToSql; 2] = [&flags.to_string(), &key.0];
            update(
                &transaction,
                doing,
                "UPDATE message SET flags = ? WHERE id = ?",
                *key,
                &row,
            )?;
            settle_alike(&transaction, *key, flags).map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// The server is not going to let these copies go after all: it refused.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn withdraw_expiry(&mut self, keys: &[MessageKey]) -> Result<(), IndexError> {
        let doing = "withdraw an expiry";
        let sql = "
            UPDATE message SET expire_requested_at = NULL, expire_because = NULL WHERE id = ?";
        let transaction = self.transaction(doing)?;
        for key in keys {
            update(&transaction, doing, sql, *key, &[&key.0])?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// The server copies are gone; two witnesses say so (R5). Those that we had asked the server to
    /// let go went by us, only its answer was lost: what becomes of *vanished* messages must not
    /// become of them. Those gone already stay as they are. Says how many vanished, not by us.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn mark_vanished(&mut self, keys: &[MessageKey], now: Now) -> Result<usize, IndexError> {
        let foreseen = self.foresee_vanished(keys)?.into_iter();
        let requested = foreseen.filter_map(|(key, because)| Some((key, because?)));
        let requested: Vec<_> = requested.collect();
        if !requested.is_empty() {
            self.mark_expired(&requested, now)?;
        }
        let sql = "
            UPDATE message SET vanished_at = ?
            WHERE id = ? AND vanished_at IS NULL AND expired_at IS NULL";
        self.end(keys, sql, now, (Action::Vanished, "gone on the server"))
    }

    /// Messages that had vanished are there again, under the identity they had.
    ///
    /// # Errors
    /// [`IndexError::AlreadyKnown`] when another message has the unique-id by now; else when a
    /// message is not there or the database refuses.
    pub fn mark_present(&mut self, keys: &[MessageKey]) -> Result<(), IndexError> {
        let doing = "record messages as present";
        let transaction = self.transaction(doing)?;
        for key in keys {
            update(
                &transaction,
                doing,
                "UPDATE message SET vanished_at = NULL WHERE id = ?",
                *key,
                &[&key.0],
            )?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// The files were read back and hold what was received (R1): at `now`, by the clock of
    /// [`Index::judge_clock`]. The first proof's time stays.
    ///
    /// Durable with the next commit that is, and so before anything follows from it
    /// ([`Index::request_expiry`]); until then a power cut takes the proof back.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn mark_proven(&mut self, keys: &[MessageKey], now: Now) -> Result<(), IndexError> {
        let doing = "record messages as proven";
        let sql = "UPDATE message SET proven_at = coalesce(proven_at, ?) WHERE id = ?";
        self.flushed_later(doing, |index| {
            let transaction = index.transaction(doing)?;
            for key in keys {
                let row: [&dyn ToSql; 2] = [&now.0.as_seconds(), &key.0];
                update(&transaction, doing, sql, *key, &row)?;
            }
            transaction.commit().map_err(IndexError::sql(doing))
        })
    }

    /// Notes that the server will be asked to let these copies go, each for the reason given (the
    /// rule's name); before it is asked (R2). The first request's time stays.
    ///
    /// # Errors
    /// [`IndexError::NotProven`], and nothing noted, when one of them is not proven (R1); else when a
    /// message is not there or the database refuses.
    pub fn request_expiry<B: AsRef<str>>(
        &mut self,
        going: &[(MessageKey, B)],
        now: Now,
    ) -> Result<(), IndexError> {
        let doing = "request an expiry";
        let sql = "
            UPDATE message
            SET expire_requested_at = coalesce(expire_requested_at, ?), expire_because = ?
            WHERE id = ? AND proven_at IS NOT NULL";
        let transaction = self.transaction(doing)?;
        for (key, because) in going {
            let row: [&dyn ToSql; 3] = [&now.0.as_seconds(), &because.as_ref(), &key.0];
            let run = || transaction.prepare_cached(sql)?.execute(row.as_slice());
            if run().map_err(IndexError::sql(doing))? == 0 {
                require_proof(&transaction, doing, *key)?;
            }
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// The server has let these copies go, each for the reason given (the rule's name). Those gone by
    /// us already stay as they are. Says how many were new.
    ///
    /// Taken back by a power cut, it is found out anew: what was asked for and is gone went by us.
    ///
    /// # Errors
    /// [`IndexError::NotProven`] when one of them is not proven; else when a message is not there or
    /// the database refuses.
    pub fn mark_expired<B: AsRef<str>>(
        &mut self,
        gone: &[(MessageKey, B)],
        now: Now,
    ) -> Result<usize, IndexError> {
        let sql = "
            UPDATE message SET expired_at = ?
            WHERE id = ? AND expired_at IS NULL AND proven_at IS NOT NULL";
        let gone = gone.iter().map(|(key, because)| (*key, because.as_ref()));
        self.flushed_later("record the end of server copies", |index| {
            index.end_each(gone, sql, now, Action::Expired)
        })
    }

    /// Those among `keys` that [`Index::mark_vanished`] would change; with what the ledger would say, where
    /// their expiry was asked for and never answered.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn foresee_vanished(
        &self,
        keys: &[MessageKey],
    ) -> Result<Vec<(MessageKey, Option<String>)>, IndexError> {
        let sql = "
            SELECT iif(expire_requested_at IS NULL, NULL,
              coalesce(expire_because, 'retention') || ' (the server''s answer was lost)')
            FROM message
            WHERE id = ? AND expired_at IS NULL AND vanished_at IS NULL";
        let one = |key: &MessageKey| {
            let mut statement = self.connection.prepare_cached(sql)?;
            let because = statement.query_row([key.0], |row| row.get(0)).optional()?;
            Ok(because.map(|because| (*key, because)))
        };
        let foreseen: rusqlite::Result<Vec<_>> = keys.iter().map(one).collect();
        let foreseen = foreseen.map_err(IndexError::sql("look for lost answers"))?;
        Ok(foreseen.into_iter().flatten().collect())
    }

    /// Ends the server copies of `keys` by `sql`, and tells the ledger of those it changed.
    pub(crate) fn end(
        &mut self,
        keys: &[MessageKey],
        sql: &'static str,
        now: Now,
        (action, because): (Action, &str),
    ) -> Result<usize, IndexError> {
        let ending = keys.iter().map(|key| (*key, because));
        self.end_each(ending, sql, now, action)
    }

    fn end_each<'b>(
        &mut self,
        ending: impl Iterator<Item = (MessageKey, &'b str)>,
        sql: &'static str,
        now: Now,
        action: Action,
    ) -> Result<usize, IndexError> {
        let doing = "record the end of server copies";
        let failed = || IndexError::sql(doing);
        let transaction = self.transaction(doing)?;
        let mut ended = 0;
        for (key, because) in ending {
            let mut statement = transaction.prepare_cached(sql).map_err(failed())?;
            let row = params![now.0.as_seconds(), key.0];
            if statement.execute(row).map_err(failed())? == 1 {
                ledger::append(&transaction, key, action, now, because).map_err(failed())?;
                ended += 1;
            } else if action == Action::Expired {
                require_proof(&transaction, doing, key)?;
            }
        }
        transaction.commit().map_err(failed())?;
        Ok(ended)
    }
}

fn update(
    transaction: &Transaction<'_>,
    doing: &'static str,
    sql: &'static str,
    key: MessageKey,
    row: &[&dyn ToSql],
) -> Result<(), IndexError> {
    let run = || transaction.prepare_cached(sql)?.execute(row);
    one(run().map_err(IndexError::sql(doing))?, doing, key.0)
}

fn require_proof(
    transaction: &Transaction<'_>,
    doing: &'static str,
    key: MessageKey,
) -> Result<(), IndexError> {
    let sql = "SELECT proven_at IS NOT NULL FROM message WHERE id = ?";
    let read = || {
        transaction
            .prepare_cached(sql)?
            .query_row([key.0], |row| row.get(0))
            .optional()
    };
    match read().map_err(IndexError::sql(doing))? {
        Some(true) => Ok(()),
        Some(false) => Err(IndexError::NotProven { key: key.0 }),
        None => Err(IndexError::NoSuchRow { doing, id: key.0 }),
    }
}
