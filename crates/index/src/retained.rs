//! What retention decides upon: the messages of a mailbox whose server copy is there.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::message::MessageKey;
use postrider_core::retention::clock::{Leap, Run};
use postrider_core::retention::{Clock, Judged, LocalCopy, Ticks};
use postrider_core::time::{Now, UnixTime};
use postrider_core::uid::{Uid, UidValidity};
use rusqlite::{Row, Transaction, params};
use std::time::Duration;

/// A message whose server copy is there. Small: a mailbox may have a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetainedRow {
    /// The message.
    pub key: MessageKey,
    /// Its UID; `None` under POP3.
    pub uid: Option<Uid>,
    /// INTERNALDATE; `None` under POP3.
    pub internal_date: Option<UnixTime>,
    /// When it was stored, when we first saw it: not by the wall clock, but by [`Judged::notes`].
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
        const ROW: &str = "
            SELECT id, uid, internal_date, stored_at, proven_at, flags, file,
              coalesce(server_octets, octets_crlf) AS octets, absent_at, deleted_at
            FROM message
            WHERE mailbox = ? AND vanished_at IS NULL AND expired_at IS NULL AND undone_at IS NULL";
        let doing = "list what is retained";
        match epoch {
            Some(epoch) => {
                let sql = format!("{ROW} AND uid_validity = ? ORDER BY uid, id");
                self.list(doing, &sql, (mailbox.0, epoch.as_u32()), retained)
            }
            None => {
                let sql = format!("{ROW} AND uid IS NULL ORDER BY id");
                self.list(doing, &sql, [mailbox.0], retained)
            }
        }
    }

    /// What holds for a pass that starts now, after so many ticks; see [`Clock`]. Remembers what the clock says, with the next commit
    /// that is flushed: a pass that goes through has one.
    ///
    /// # Errors
    /// When the account is not there or the database refuses.
    pub fn judge_clock(
        &mut self,
        account: AccountId,
        now: Now,
        ticks: Ticks,
    ) -> Result<Judged, IndexError> {
        let doing = "look at the clock";
        let sql = "
            SELECT clock_seen_at, clock_own_at, clock_behind_since, clock_leap_from, clock_leap_to,
              clock_run, clock_run_ticks, clock_run_began
            FROM account WHERE id = ?";
        let read = |row: &Row<'_>| {
            let from = column::time(row, "clock_leap_from")?;
            let leap = from.zip(column::time(row, "clock_leap_to")?);
            Ok(Clock {
                seen: column::time(row, "clock_seen_at")?,
                own: column::time(row, "clock_own_at")?,
                behind_since: column::time(row, "clock_behind_since")?,
                leap: leap.map(|(from, to)| Leap { from, to }),
                run: run(row)?,
            })
        };
        let clock = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([account.0], read)
        };
        let judged = clock().map_err(IndexError::sql(doing))?.judge(now, ticks);
        self.flushed_later(doing, |index| index.remember_clock(doing, account, judged))?;
        Ok(judged)
    }

    fn remember_clock(
        &mut self,
        doing: &'static str,
        account: AccountId,
        judged: Judged,
    ) -> Result<(), IndexError> {
        let remember = "
            UPDATE account SET clock_seen_at = ?, clock_own_at = ?, clock_behind_since = ?,
              clock_leap_from = ?, clock_leap_to = ?,
              clock_run = ?, clock_run_ticks = ?, clock_run_began = ?
            WHERE id = ?";
        let clock = judged.clock;
        let seconds = |time: Option<UnixTime>| time.map(UnixTime::as_seconds);
        let ticks = clock.run.map(|run| run.ticks);
        let row = params![
            seconds(clock.seen),
            seconds(clock.own),
            seconds(clock.behind_since),
            seconds(clock.leap.map(|leap| leap.from)),
            seconds(clock.leap.map(|leap| leap.to)),
            ticks.map(|ticks| ticks.run),
            ticks.map(|ticks| column::integer(ticks.at.as_secs())),
            seconds(clock.run.map(|run| run.began)),
            account.0
        ];
        let transaction = self.transaction(doing)?;
        let write = || {
            transaction.prepare_cached(remember)?.execute(row)?;
            correct(&transaction, account, judged)
        };
        write().map_err(IndexError::sql(doing))?;
        transaction.commit().map_err(IndexError::sql(doing))
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

/// Times that were noted by a clock that was wrong.
fn correct(
    transaction: &Transaction<'_>,
    account: AccountId,
    judged: Judged,
) -> rusqlite::Result<()> {
    const OF_THE_ACCOUNT: &str = "vanished_at IS NULL AND expired_at IS NULL
        AND mailbox IN (SELECT id FROM mailbox WHERE account = ?1)";
    if let Some(behind) = judged.behind {
        let sql = format!(
            "UPDATE message SET
              stored_at = CASE WHEN stored_at BETWEEN ?2 AND ?3 THEN stored_at + ?4 ELSE stored_at END,
              proven_at = CASE WHEN proven_at BETWEEN ?2 AND ?3 THEN proven_at + ?4 ELSE proven_at END
            WHERE (stored_at BETWEEN ?2 AND ?3 OR proven_at BETWEEN ?2 AND ?3) AND {OF_THE_ACCOUNT}"
        );
        let (from, until) = (behind.from.as_seconds(), behind.until.as_seconds());
        let by = column::integer(behind.by.as_secs());
        transaction.execute(&sql, params![account.0, from, until, by])?;
    }
    if let Some(latest) = judged.latest {
        let sql = format!(
            "UPDATE message SET stored_at = min(stored_at, ?2), proven_at = min(proven_at, ?2)
            WHERE (stored_at > ?2 OR proven_at > ?2) AND {OF_THE_ACCOUNT}"
        );
        transaction.execute(&sql, params![account.0, latest.as_seconds()])?;
    }
    Ok(())
}

fn run(row: &Row<'_>) -> rusqlite::Result<Option<Run>> {
    let (run, at): (Option<i64>, _) = (
        row.get("clock_run")?,
        column::count(row, "clock_run_ticks")?,
    );
    let began = column::time(row, "clock_run_began")?;
    let run = run.zip(at).zip(began).map(|((run, at), began)| {
        let at = Duration::from_secs(at);
        let ticks = Ticks { run, at };
        Run { ticks, began }
    });
    Ok(run)
}

fn retained(row: &Row<'_>) -> rusqlite::Result<RetainedRow> {
    // Borrowed: a million rows are read in one go.
    let flags = FlagSet::from_index(row.get_ref("flags")?.as_str()?);
    let file = row.get_ref("file")?.as_str()?;
    let letters = file.rsplit_once(":2,").map_or("", |(_, letters)| letters);
    let has = |flag: Flag| {
        let mut letters = letters.chars().filter_map(Flag::from_letter);
        flags.has(flag) || letters.any(|letter| letter == flag)
    };
    let absent_at = column::time(row, "absent_at")?;
    let deleted_at = column::time(row, "deleted_at")?;
    Ok(RetainedRow {
        key: MessageKey(row.get("id")?),
        uid: column::uid(row, "uid")?,
        internal_date: column::time(row, "internal_date")?,
        stored_at: column::time(row, "stored_at")?.unwrap_or_default(),
        proven_at: column::time(row, "proven_at")?,
        flagged: has(Flag::Flagged),
        read: has(Flag::Seen),
        octets: column::count(row, "octets")?.unwrap_or_default(),
        local: match (absent_at, deleted_at) {
            (_, Some(_)) => LocalCopy::Deleted,
            (Some(_), None) => LocalCopy::Missing,
            (None, None) => LocalCopy::Present,
        },
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, epoch, imap, message, now, pop3, ticks};
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
    fn the_clock_is_remembered_from_pass_to_pass() {
        let mut bench = Bench::new();
        let year = 365 * 86_400;
        for (says, judged) in [(0, 0), (year, 0), (year + 60, 0), (300, 300), (400, 400)] {
            let (account, index) = (bench.account, &mut bench.index);
            let found = index
                .judge_clock(account, now(says), ticks(says, 0))
                .unwrap();
            assert_eq!(found.ages_by, now(judged));
            bench = bench.restart();
        }
    }

    /// It has started at the time of its last shutdown, and asks for the time after five minutes.
    #[test]
    fn what_came_while_the_clock_was_behind_moves_with_it_when_it_is_set_right() {
        let mut bench = Bench::new();
        let (account, month) = (bench.account, 30 * 86_400);
        let judge = |bench: &mut Bench, says, ticks| {
            bench.index.judge_clock(account, now(says), ticks).unwrap()
        };
        judge(&mut bench, 1_000, ticks(1, 50));
        let before = bench.store(vec![message(pop3("a"), 1)]);
        bench.index.mark_proven(&before, now(1_000)).unwrap();
        bench = bench.restart();
        let notes = judge(&mut bench, 2_000, ticks(2, 10)).notes;
        let intents = [crate::testing::intent(message(pop3("b"), 2))];
        let begun = bench.index.begin(&intents).unwrap();
        let keys = bench.index.record(&begun, notes, now(2_001)).unwrap();
        bench.index.mark_proven(&keys, notes).unwrap();
        bench = bench.restart();
        let judged = judge(&mut bench, 2_300 + month, ticks(2, 310));
        assert_eq!(judged.ages_by, now(2_300), "until it has stood by it");
        let rows = bench.index.retained(bench.mailbox, None).unwrap();
        let times: Vec<_> = rows
            .iter()
            .map(|row| (row.stored_at, row.proven_at.unwrap()))
            .collect();
        let at = postrider_core::time::UnixTime::from_seconds;
        let moved = at(2_000 + month);
        assert_eq!(times, [(at(100), at(1_000)), (moved, moved)]);
    }

    #[test]
    fn what_comes_while_the_clock_is_behind_is_noted_by_the_latest_that_it_said() {
        let mut bench = Bench::new();
        let day = 86_400;
        let judge = |bench: &mut Bench, says| {
            let ticks = ticks(says, 0);
            let judged = bench.index.judge_clock(bench.account, now(says), ticks);
            judged.unwrap().notes
        };
        assert_eq!(judge(&mut bench, 20_000 * day), now(20_000 * day));
        bench = bench.restart();
        // The machine has booted in 1970.
        let notes = judge(&mut bench, 60);
        assert_eq!(notes, now(20_000 * day));
        let intents = [crate::testing::intent(message(pop3("a"), 1))];
        let begun = bench.index.begin(&intents).unwrap();
        let keys = bench.index.record(&begun, notes, now(61)).unwrap();
        bench.index.mark_proven(&keys, notes).unwrap();
        let told = |bench: &Bench, sql: &str| {
            let read = bench
                .index
                .connection
                .query_row(sql, (), |row| row.get::<_, i64>(0));
            read.unwrap()
        };
        let (stored, proven) = (
            "SELECT stored_at FROM message",
            "SELECT proven_at FROM message",
        );
        assert_eq!(told(&bench, stored), 20_000 * day);
        assert_eq!(told(&bench, proven), 20_000 * day);
        assert_eq!(
            told(&bench, "SELECT at FROM ledger_entry"),
            61,
            "the wall's"
        );
        // It goes on so for eight days, and is believed then: nothing is younger than that.
        for days in 1..=8 {
            judge(&mut bench, 60 + days * day);
            bench = bench.restart();
        }
        assert_eq!(told(&bench, stored), 60 + 8 * day);
        assert_eq!(told(&bench, proven), 60 + 8 * day);
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
