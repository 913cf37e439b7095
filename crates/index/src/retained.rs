//! What retention decides upon: the messages of a mailbox whose server copy is there.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::message::MessageKey;
use postrider_core::retention::LocalCopy;
use postrider_core::time::UnixTime;
use postrider_core::uid::{Uid, UidValidity};
use rusqlite::{Row, params};

/// A message whose server copy is there. Small: a mailbox may have a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetainedRow {
    /// The message.
    pub key: MessageKey,
    /// Its UID; `None` under POP3.
    pub uid: Option<Uid>,
    /// INTERNALDATE; `None` under POP3.
    pub internal_date: Option<UnixTime>,
    /// When it was stored, when we first saw it: not by the wall clock, but by [`Judged::notes`](postrider_core::retention::Judged::notes).
    pub stored_at: UnixTime,
    /// When its local copy was proven (R1), by the same clock.
    pub proven_at: Option<UnixTime>,
    /// Whether it is flagged, at the server or in its file's name.
    pub flagged: bool,
    /// Whether it is read, at the server or in its file's name.
    pub read: bool,
    /// What it weighs at the server, by the server's word or else by ours.
    pub octets: u64,
    /// What became of its file, as far as scans noticed.
    pub local: LocalCopy,
    /// How often it was listed again after the server had confirmed its deletion (POP3).
    pub returns: u64,
}

impl Index {
    /// The messages of one epoch of a mailbox, or of a maildrop, whose server copy is there, ascending
    /// by UID.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn retained(
        &self,
        mailbox: MailboxId,
        epoch: Option<UidValidity>,
    ) -> Result<Vec<RetainedRow>, IndexError> {
        // By their places, as in `pop3`.
        const ROW: &str = "
            SELECT id, uid, internal_date, stored_at, proven_at, flags, file,
              coalesce(server_octets, octets_crlf) AS octets, absent_at, deleted_at,
              returns
            FROM message
            WHERE mailbox = ? AND vanished_at IS NULL AND expired_at IS NULL AND undone_at IS NULL";
        let doing = "list what is retained";
        match epoch {
            Some(epoch) => {
                let sql = format!("{ROW} AND uid_validity = ? ORDER BY uid, id");
                self.list(doing, &sql, (mailbox.0, epoch.as_u32()), retained)
            }
            None => {
                let sql = format!("{ROW} AND uid IS NULL");
                let mut rows: Vec<RetainedRow> = self.list(doing, &sql, [mailbox.0], retained)?;
                rows.sort_unstable_by_key(|row| row.key);
                Ok(rows)
            }
        }
    }

    /// Notes how full a box is, in steps worth a warning: `None` when it is not nearly full. Says
    /// whether it is fuller than when that was last noted.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn note_quota(
        &mut self,
        account: AccountId,
        share: Option<u64>,
    ) -> Result<bool, IndexError> {
        let doing = "note how full the box is";
        let sql = "SELECT quota_warned FROM account WHERE id = ?";
        let read = |row: &Row<'_>| column::count(row, "quota_warned");
        let before = self.connection.query_row(sql, [account.0], read);
        let before = before.map_err(IndexError::sql(doing))?;
        if before == share {
            return Ok(false);
        }
        let sql = "UPDATE account SET quota_warned = ? WHERE id = ?";
        let row = params![share.map(column::integer), account.0];
        let written = self.connection.execute(sql, row);
        written.map_err(IndexError::sql(doing))?;
        Ok(share > before)
    }
}

fn retained(row: &Row<'_>) -> rusqlite::Result<RetainedRow> {
    // Borrowed: a million rows are read in one go.
    let flags = FlagSet::from_index(row.get_ref(5)?.as_str()?);
    let file = row.get_ref(6)?.as_str()?;
    let letters = file.rsplit_once(":2,").map_or("", |(_, letters)| letters);
    let has = |flag: Flag| {
        let mut letters = letters.chars().filter_map(Flag::from_letter);
        flags.has(flag) || letters.any(|letter| letter == flag)
    };
    let absent_at = column::time(row, 8)?;
    let deleted_at = column::time(row, 9)?;
    Ok(RetainedRow {
        key: MessageKey(row.get(0)?),
        uid: column::uid(row, 1)?,
        internal_date: column::time(row, 2)?,
        stored_at: column::time(row, 3)?.unwrap_or_default(),
        proven_at: column::time(row, 4)?,
        flagged: has(Flag::Flagged),
        read: has(Flag::Seen),
        octets: column::count(row, 7)?.unwrap_or_default(),
        local: match (absent_at, deleted_at) {
            (_, Some(_)) => LocalCopy::Deleted,
            (Some(_), None) => LocalCopy::Missing,
            (None, None) => LocalCopy::Present,
        },
        returns: column::count(row, 10)?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, epoch, imap, message, now, pop3};
    use postrider_core::flag::FlagSet;

    #[test]
    fn flags_count_on_either_side() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
        let none = FlagSet::new();
        let agreed = [(keys[0], none), (keys[1], FlagSet::from_index("\\Flagged"))];
        bench.index.set_server_flags(&agreed).unwrap();
        bench.index.set_files(&[(keys[1], "new/base2")]).unwrap();
        let rows = bench.index.retained(bench.mailbox, Some(epoch(7))).unwrap();
        let flags: Vec<_> = rows.iter().map(|row| (row.flagged, row.read)).collect();
        // The first file's name says `:2,S`.
        assert_eq!(flags, [(false, true), (true, false)]);
    }

    #[test]
    fn only_what_the_server_has_in_this_epoch_is_retained() {
        let mut bench = Bench::new();
        let messages = vec![
            message(imap(7, 1), 1),
            message(imap(7, 2), 2),
            message(imap(8, 1), 3),
            message(pop3("a"), 4),
        ];
        let keys = bench.store(messages);
        bench.index.mark_proven(&keys, now(150)).unwrap();
        let gone = [(keys[0], "retention: delete")];
        bench.index.mark_expired(&gone, now(160)).unwrap();
        let retained = |epoch| {
            let rows = bench.index.retained(bench.mailbox, epoch).unwrap();
            rows.iter().map(|row| row.key).collect::<Vec<_>>()
        };
        assert_eq!(retained(Some(epoch(7))), keys[1..2]);
        assert_eq!(retained(Some(epoch(8))), keys[2..3]);
        assert_eq!(retained(None), keys[3..]);
    }

    #[test]
    fn a_box_that_gets_fuller_is_news_once() {
        let mut bench = Bench::new();
        let account = bench.account;
        let mut note = |share| bench.index.note_quota(account, share).unwrap();
        assert!(!note(None));
        assert!(note(Some(80)) && !note(Some(80)) && note(Some(90)));
        assert!(!note(Some(80)) && !note(None) && note(Some(80)));
    }
}
