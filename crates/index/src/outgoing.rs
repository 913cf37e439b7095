//! What readers moved, copied or wrote, on its way into a mailbox at the server (R3).
//!
//! The life of one: the row lies in the mailbox that it is for and has no identity there
//! ([`Index::begin_move`], [`Index::begin_store`]), durably, before the server is asked; from then on a
//! copy that the server shows is found to be this message by the pass, whatever becomes of us.
//! [`Index::end_outgoing`] gives it the identity that the server told. While its server copy is still in
//! another mailbox, that is nobody's message, and not to be fetched.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::flag_changes::note_changes;
use crate::ledger::{self, Action};
use crate::mailboxes::MailboxId;
use crate::marks::Attachment;
use crate::messages::{FILE, MessageFile, message_file};
use crate::newcomers::Newcomer;
use crate::open::Index;
use crate::take_in::{FoundFile, insert};
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::time::{Now, UnixTime};
use postrider_core::uid::{Uid, UidValidity};
use rusqlite::{OptionalExtension, Row, Transaction, params};

/// A message whose file a reader moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The message.
    pub key: MessageKey,
    /// Where its file lies now.
    pub newcomer: Newcomer,
    /// What the reader made of its octets.
    pub octets: Octets,
    /// The flags that it changed as well, and whether they are set now.
    pub changed: Vec<(Flag, bool)>,
}

/// What a reader made of a message's octets when it moved its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Octets {
    /// They are the same.
    Same,
    /// It added header fields of its own; without them they are the same. What the file holds now.
    Wrapped {
        /// The hash of the file.
        sha256: Sha256,
        /// Octets of the file.
        octets: u64,
        /// Octets with CRLF line ends.
        octets_crlf: u64,
    },
    /// Nobody can say: the local copy proves nothing any more (R1).
    Other,
}

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
    /// A message's file lies under another name in its own mailbox: a reader wrote it anew.
    ///
    /// # Errors
    /// When the message is not there or the database refuses.
    pub fn adopt(&mut self, parting: &Parting) -> Result<(), IndexError> {
        let doing = "record a file under its new name";
        let transaction = self.transaction(doing)?;
        let place = || {
            place(&transaction, parting)?;
            forget(&transaction, &parting.newcomer)
        };
        place().map_err(IndexError::sql(doing))?;
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// Messages belong to the mailboxes now where their files lie. Those that the server holds elsewhere are
    /// to leave there.
    ///
    /// # Errors
    /// When the database refuses; then none is recorded.
    pub fn begin_move(&mut self, partings: &[Parting], now: Now) -> Result<(), IndexError> {
        let doing = "begin to move messages";
        let transaction = self.transaction(doing)?;
        for parting in partings {
            begin_move(&transaction, parting, now).map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

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
            let key = insert(&transaction, newcomer.mailbox, (found, because), now)?;
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
            self.attach(std::slice::from_ref(attachment))?;
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

    /// The octets of a file on its way have changed: what it holds now is what will be sent.
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
            UPDATE message SET message_id = ?, subject = ?, from_addr = ?, to_addrs = ?, date = ?,
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
        let changed = self.connection.execute(sql, row);
        let changed = changed.map_err(IndexError::sql(doing))?;
        crate::accounts::one(changed, doing, key.0)
    }

    /// Nothing is sent any more of these: their files are gone.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn forget_outgoing(&mut self, keys: &[MessageKey]) -> Result<(), IndexError> {
        let doing = "forget what is not sent";
        let transaction = self.transaction(doing)?;
        for key in keys {
            let sql = "DELETE FROM outgoing WHERE message = ?";
            transaction
                .execute(sql, [key.0])
                .map_err(IndexError::sql(doing))?;
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
            UPDATE message SET vanished_at = ?1, released_at = ?1
            WHERE id = ?2 AND vanished_at IS NULL AND expired_at IS NULL";
        let because = (Action::Moved, "moved by a reader");
        self.end(keys, sql, now, because).map(drop)
    }
}

fn begin_move(transaction: &Transaction<'_>, parting: &Parting, now: Now) -> rusqlite::Result<()> {
    let (key, to) = (parting.key.0, parting.newcomer.mailbox.0);
    place(transaction, parting)?;
    forget(transaction, &parting.newcomer)?;
    // A reader who changes its mind before the server was asked: the message is where it was.
    let sql = "DELETE FROM outgoing WHERE message = ? AND source = ? RETURNING uid_validity, uid";
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let back: Option<(i64, i64)> = transaction.query_row(sql, [key, to], row).optional()?;
    if let Some((uid_validity, uid)) = back {
        let sql = "
            UPDATE message SET mailbox = ?, uid_validity = ?, uid = ?, vanished_at = NULL,
              released_at = NULL
            WHERE id = ?";
        return transaction
            .execute(sql, params![to, uid_validity, uid, key])
            .map(drop);
    }
    let sql = "
        INSERT INTO outgoing (message, source, uid_validity, uid)
        SELECT id, mailbox, uid_validity, uid FROM message
        WHERE id = ? AND uid IS NOT NULL AND vanished_at IS NULL AND expired_at IS NULL
        ON CONFLICT DO NOTHING";
    transaction.execute(sql, [key])?;
    let sql = "
        UPDATE message SET mailbox = ?1, uid_validity = NULL, uid = NULL,
          vanished_at = iif(expired_at IS NULL, coalesce(vanished_at, ?2), vanished_at),
          released_at = coalesce(released_at, ?2),
          expire_requested_at = NULL, expire_because = NULL
        WHERE id = ?3";
    let row = params![to, now.0.as_seconds(), key];
    transaction.execute(sql, row).map(drop)
}

/// Where the file lies, and what it holds.
fn place(transaction: &Transaction<'_>, parting: &Parting) -> rusqlite::Result<()> {
    let key = parting.key.0;
    let sql = "
        UPDATE message SET base = ?, file = ?, absent_at = NULL, deleted_at = NULL, lost_at = NULL
        WHERE id = ?";
    let newcomer = &parting.newcomer;
    transaction.execute(sql, params![newcomer.base, newcomer.file, key])?;
    note_changes(transaction, parting.key, &parting.changed)?;
    match parting.octets {
        Octets::Same => Ok(()),
        Octets::Wrapped {
            sha256,
            octets,
            octets_crlf,
        } => {
            let sql = "
                UPDATE message SET sha256 = ?, octets = ?, octets_crlf = ?, proven_at = NULL,
                  expire_requested_at = NULL
                WHERE id = ?";
            let octets = (column::integer(octets), column::integer(octets_crlf));
            let row = params![sha256.0, octets.0, octets.1, key];
            transaction.execute(sql, row).map(drop)
        }
        Octets::Other => {
            let sql = "
                UPDATE message SET proven_at = NULL, expire_requested_at = NULL WHERE id = ?";
            transaction.execute(sql, [key]).map(drop)
        }
    }
}

fn forget(transaction: &Transaction<'_>, newcomer: &Newcomer) -> rusqlite::Result<()> {
    let sql = "DELETE FROM newcomer WHERE id = ?";
    transaction.execute(sql, [newcomer.id.0]).map(drop)
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
mod tests {
    use super::*;
    use crate::testing::{Bench, epoch, imap, message, new_mailbox, now};

    struct World {
        bench: Bench,
        other: MailboxId,
        key: MessageKey,
    }

    fn world() -> World {
        let mut bench = Bench::new();
        let other = new_mailbox("Other");
        let other = bench.index.mailbox(bench.account, &other).unwrap();
        let key = bench.store(vec![message(imap(7, 1), 1)])[0];
        World { bench, other, key }
    }

    fn newcomer(bench: &mut Bench, mailbox: MailboxId, base: &str) -> Newcomer {
        let file = [(base.to_owned(), format!("cur/{base}:2,S"))];
        bench
            .index
            .note_newcomers(mailbox, &file, now(100))
            .unwrap();
        let all = bench
            .index
            .newcomers(bench.account, UnixTime::from_seconds(0), true);
        all.unwrap().pop().unwrap()
    }

    fn attachment(key: MessageKey, uid: u32) -> Attachment {
        Attachment {
            key,
            server: imap(9, uid),
            server_octets: None,
        }
    }

    fn part(world: &mut World, to: MailboxId, octets: Octets) {
        let newcomer = newcomer(&mut world.bench, to, "base1");
        let parting = Parting {
            key: world.key,
            newcomer,
            octets,
            changed: vec![(Flag::Flagged, true)],
        };
        world.bench.index.begin_move(&[parting], now(200)).unwrap();
    }

    #[test]
    fn r3_what_is_moved_waits_in_its_new_mailbox_and_leaves_the_old_one() {
        let mut world = world();
        let to = world.other;
        part(&mut world, to, Octets::Same);
        let World {
            bench, other, key, ..
        } = world;
        let mut bench = bench.restart();
        assert_eq!(
            bench.index.skipped(bench.mailbox, epoch(7)).unwrap(),
            "1".parse().unwrap()
        );
        assert_eq!(bench.index.live(bench.mailbox, epoch(7)).unwrap(), 1);
        assert_eq!(bench.index.displaced(other).unwrap()[0].key, key);
        let row = bench.index.outgoing(bench.account, now(200)).unwrap();
        assert_eq!(row[0].departure.unwrap().uid.as_u32(), 1);
        assert_eq!(row[0].identity, None);
        bench
            .index
            .end_outgoing((key, Some(&attachment(key, 5))), None, now(210))
            .unwrap();
        assert!(
            bench
                .index
                .outgoing(bench.account, now(300))
                .unwrap()
                .is_empty()
        );
        let base = bench.index.base(other, epoch(9)).unwrap();
        assert_eq!((base[0].uid.as_u32(), base[0].vanished), (5, false));
        let told = "ledger WHERE action = 'moved' AND because = 'moved by a reader'";
        assert_eq!(bench.count(told), 1);
        assert_eq!(bench.count("newcomer"), 0);
        assert_eq!(
            bench.index.changed_by_readers(bench.account).unwrap(),
            [other]
        );
    }

    #[test]
    fn a_reader_that_changes_its_mind_in_time_moves_nothing() {
        let mut world = world();
        let (home, other) = (world.bench.mailbox, world.other);
        part(&mut world, other, Octets::Same);
        part(&mut world, home, Octets::Same);
        let index = &world.bench.index;
        assert!(
            index
                .outgoing(world.bench.account, now(200))
                .unwrap()
                .is_empty()
        );
        let base = index.base(home, epoch(7)).unwrap();
        assert_eq!((base[0].uid.as_u32(), base[0].vanished), (1, false));
    }

    #[test]
    fn r1_octets_that_a_reader_changed_are_proven_no_more() {
        let changed = Octets::Wrapped {
            sha256: Sha256([9; 32]),
            octets: 20,
            octets_crlf: 22,
        };
        for octets in [changed, Octets::Other] {
            let mut world = world();
            let key = world.key;
            world.bench.index.mark_proven(&[key], now(150)).unwrap();
            let to = world.other;
            part(&mut world, to, octets);
            let proven = "message WHERE proven_at IS NOT NULL";
            assert_eq!(world.bench.count(proven), 0);
        }
    }

    #[test]
    fn what_was_refused_waits_longer_each_time() {
        let mut world = world();
        let to = world.other;
        part(&mut world, to, Octets::Same);
        let (index, account) = (&mut world.bench.index, world.bench.account);
        for (tried, soon, then) in [(1_000, 1_119, 1_120), (2_000, 2_239, 2_240)] {
            index.put_off(&[world.key], "no", now(tried)).unwrap();
            assert!(index.outgoing(account, now(soon)).unwrap().is_empty());
            assert_eq!(index.outgoing(account, now(then)).unwrap().len(), 1);
        }
    }

    #[test]
    fn a_copy_whose_original_is_deleted_soon_was_a_move() {
        let mut world = world();
        let original = world.key;
        let newcomer = newcomer(&mut world.bench, world.other, "copy");
        let like = message(imap(7, 1), 1);
        let found = FoundFile {
            header: like.header,
            internal_date: like.internal_date,
            octets: like.octets,
            octets_crlf: like.octets_crlf,
            server_octets: Some(like.octets_crlf),
            sha256: like.sha256,
            header_sha256: Sha256([1; 32]),
            base: newcomer.base.clone(),
            file: newcomer.file.clone(),
            received: false,
        };
        let (index, account) = (&mut world.bench.index, world.bench.account);
        let copy = index.begin_store(&newcomer, &found, Some(original), now(500));
        let copy = copy.unwrap();
        let copied = |index: &Index, since| {
            let found = index.copied_since(account, UnixTime::from_seconds(since));
            let found = found.unwrap().into_iter();
            found
                .map(|(file, place)| (file.key, place.uid.as_u32()))
                .collect::<Vec<_>>()
        };
        assert!(copied(index, 500).is_empty(), "the server has no copy yet");
        let flags = FlagSet::new();
        index
            .end_outgoing((copy, Some(&attachment(copy, 3))), Some(&flags), now(530))
            .unwrap();
        assert_eq!(copied(index, 500), [(original, 1)]);
        assert!(copied(index, 501).is_empty());
        index.note_remade(world.bench.mailbox, now(535)).unwrap();
        assert!(copied(index, 500).is_empty(), "r5: its directory went");
        index.note_there(&[original]).unwrap();
        index.end_move_by_copy(&[original], now(540)).unwrap();
        assert!(copied(index, 500).is_empty());
        let unreleased = index.unreleased(world.bench.mailbox).unwrap();
        assert!(unreleased.is_empty(), "its file is not ours to remove");
    }
}
