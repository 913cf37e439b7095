//! What we hold of a maildrop.

use crate::column;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::time::UnixTime;
use postrider_core::uidl::Uidl;
use rusqlite::{OptionalExtension, Row};

/// A message of a maildrop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pop3Row {
    /// The message.
    pub key: MessageKey,
    /// Its unique-id; `None` once another message has taken its place.
    pub uidl: Option<Uidl>,
    /// LIST's word.
    pub server_octets: Option<u64>,
    /// Octets with CRLF line ends: what LIST should have said.
    pub octets_crlf: u64,
    /// The hash of the header block, to compare with a TOP.
    pub header_sha256: Option<Sha256>,
    /// The hash of the file.
    pub sha256: Sha256,
    /// Whether its octets came from the server; else its header alone must not let it go.
    pub received: bool,
    /// When the local copy was proven (R1).
    pub proven_at: Option<UnixTime>,
    /// When a DELE was about to be sent; it counts only after QUIT's `+OK` (R2).
    pub expire_requested_at: Option<UnixTime>,
    /// The rule by which it was to go.
    pub expire_because: Option<String>,
    /// When the server copy went, by us.
    pub expired_at: Option<UnixTime>,
    /// When the server copy was found gone, not by us.
    pub vanished_at: Option<UnixTime>,
    /// How often it was listed again after the server had confirmed its deletion.
    pub returns: u64,
    /// Whether its header has a Message-ID: one without may be another message's, octet for octet.
    pub named: bool,
}

impl Index {
    /// What a maildrop holds, as far as we know, oldest first. Costs what that costs, however many it has
    /// held before.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn maildrop(&self, mailbox: MailboxId) -> Result<Vec<Pop3Row>, IndexError> {
        let sql = format!("{ROW} mailbox = ? AND {HELD}");
        let doing = "list the messages of a maildrop";
        let mut rows: Vec<Pop3Row> = self.list(doing, &sql, [mailbox.0], pop3_row)?;
        // Its index goes by unique-ids, which most servers give out in this order: SQLite would copy them all.
        rows.sort_unstable_by_key(|row| row.key);
        Ok(rows)
    }

    /// Shows key, unique-id and LIST's word of what a maildrop holds, as far as we know, in the order of the unique-ids'
    /// octets, those without one first, until `look` has seen enough. Whether it has seen all.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn look_through_maildrop(
        &self,
        mailbox: MailboxId,
        mut look: impl FnMut(MessageKey, Option<&str>, Option<u64>) -> bool,
    ) -> Result<bool, IndexError> {
        let sql = format!(
            "SELECT id, uidl, server_octets FROM message WHERE mailbox = ? AND {HELD} ORDER BY uidl"
        );
        let mut read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([mailbox.0])?;
            while let Some(row) = rows.next()? {
                let uidl = row.get_ref(1)?.as_str_or_null()?;
                if !look(MessageKey(row.get(0)?), uidl, column::count(row, 2)?) {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        read().map_err(IndexError::sql("look through a maildrop"))
    }

    /// Whether a maildrop holds a message that another program delivered, and whose octets were not compared since.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn holds_unreceived(&self, mailbox: MailboxId) -> Result<bool, IndexError> {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM message WHERE mailbox = ? AND received = 0 AND {HELD})"
        );
        let doing = "look for what was never compared";
        let held = self.connection.prepare_cached(&sql);
        let held = held.and_then(|mut held| held.query_row([mailbox.0], |row| row.get(0)));
        held.map_err(IndexError::sql(doing))
    }

    /// Messages of maildrops, in the order of `keys`; those that are not there are left out.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn pop3_rows(&self, keys: &[MessageKey]) -> Result<Vec<Pop3Row>, IndexError> {
        let sql = format!("{ROW} id = ?");
        let read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut row = |key: &MessageKey| statement.query_row([key.0], pop3_row).optional();
            let rows = keys.iter().filter_map(|key| row(key).transpose());
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let doing = "look up messages of a maildrop";
        self.read_at_once(doing, || read().map_err(IndexError::sql(doing)))
    }

    /// What a maildrop has held and holds no more, oldest first: its content still says what need not be
    /// fetched again when unique-ids change (R4). What was forgotten with its file is to be fetched again, and is not
    /// among it.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn former_maildrop(&self, mailbox: MailboxId) -> Result<Vec<Pop3Row>, IndexError> {
        let sql = format!(
            "{ROW} mailbox = ? AND uid_validity IS NULL AND (vanished_at IS NOT NULL OR expired_at IS NOT NULL)
              AND NOT (uidl IS NULL AND removed_at IS NOT NULL)
            ORDER BY id"
        );
        let doing = "list the messages that a maildrop has held";
        self.list(doing, &sql, [mailbox.0], pop3_row)
    }

    /// Another message has the same header as these: theirs tells nothing any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn forget_headers(&mut self, keys: &[MessageKey]) -> Result<(), IndexError> {
        let doing = "forget headers";
        let transaction = self.transaction(doing)?;
        for key in keys {
            let forget = "UPDATE message SET header_sha256 = NULL WHERE id = ?";
            let forgotten = transaction.execute(forget, [key.0]);
            forgotten.map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }
}

/// What a maildrop holds, and not what it held once.
const HELD: &str = "uid IS NULL AND vanished_at IS NULL AND expired_at IS NULL";

// By their places: a pass reads them all, and looking columns up by name was a third of that.
const ROW: &str = "
    SELECT id, uidl, server_octets, octets_crlf, header_sha256, sha256,
      received, proven_at, expire_requested_at, expire_because, expired_at, vanished_at, returns,
      message_id IS NOT NULL
    FROM message WHERE";

fn pop3_row(row: &Row<'_>) -> rusqlite::Result<Pop3Row> {
    let uidl = row.get_ref(1)?.as_str_or_null()?;
    let header_sha256: Option<[u8; 32]> = row.get(4)?;
    Ok(Pop3Row {
        key: MessageKey(row.get(0)?),
        uidl: uidl.map(Uidl::from_index),
        server_octets: column::count(row, 2)?,
        octets_crlf: column::count(row, 3)?.unwrap_or_default(),
        header_sha256: header_sha256.map(Sha256),
        sha256: column::sha256(row, 5)?,
        received: row.get(6)?,
        proven_at: column::time(row, 7)?,
        expire_requested_at: column::time(row, 8)?,
        expire_because: row.get(9)?,
        expired_at: column::time(row, 10)?,
        vanished_at: column::time(row, 11)?,
        returns: column::count(row, 12)?.unwrap_or_default(),
        named: row.get(13)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Attachment;
    use crate::testing::{Bench, found, message, now, pop3};

    fn seen(bench: &Bench, most: usize) -> (Vec<(MessageKey, Option<String>)>, bool) {
        let mut seen = Vec::new();
        let look = |key, uidl: Option<&str>, octets: Option<u64>| {
            assert!(octets.is_some());
            seen.push((key, uidl.map(str::to_owned)));
            seen.len() < most
        };
        let has_seen_all = bench.index.look_through_maildrop(bench.mailbox, look);
        (seen, has_seen_all.unwrap())
    }

    #[test]
    fn a_maildrop_is_looked_through_by_unique_ids_until_it_is_enough() {
        let mut bench = Bench::new();
        let stored = ["b", "C", "a", "gone"].map(pop3);
        let stored: Vec<_> = (1..)
            .zip(stored)
            .map(|(mark, at)| message(at, mark))
            .collect();
        let keys = bench.store(stored);
        bench.index.mark_vanished(&keys[3..], now(9)).unwrap();
        let at = |n: usize, uidl: &str| (keys[n], Some(uidl.to_owned()));
        // By octets, as `Uidl` compares.
        let all = vec![at(1, "C"), at(2, "a"), at(0, "b")];
        assert_eq!(seen(&bench, 9), (all.clone(), true));
        assert_eq!(seen(&bench, 2), (all[..2].to_vec(), false));
        let held = bench.index.maildrop(bench.mailbox).unwrap();
        let held: Vec<_> = held.iter().map(|row| row.key).collect();
        assert_eq!(held, keys[..3], "oldest first");
    }

    #[test]
    fn r1_what_was_never_compared_is_held_until_it_goes() {
        let mut bench = Bench::new();
        bench.store(vec![message(pop3("a"), 1)]);
        let holds = |bench: &Bench| bench.index.holds_unreceived(bench.mailbox).unwrap();
        assert!(!holds(&bench));
        let (index, mailbox) = (&mut bench.index, bench.mailbox);
        let taken_in = index.take_in(mailbox, &[found(2, false)], now(5), now(5));
        let keys = taken_in.unwrap();
        let attachment = Attachment {
            key: keys[0],
            server: pop3("b"),
            server_octets: None,
        };
        index.attach(&[attachment], now(6)).unwrap();
        assert!(holds(&bench));
        bench.index.mark_vanished(&keys, now(9)).unwrap();
        assert!(!holds(&bench));
    }
}
