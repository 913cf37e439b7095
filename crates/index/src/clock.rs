//! What is remembered of the clock from pass to pass, and the times that it noted wrongly.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::open::Index;
use postrider_core::retention::clock::{Leap, Run};
use postrider_core::retention::{Clock, Judged, Ticks};
use postrider_core::time::{Now, UnixTime};
use rusqlite::{Row, Transaction, params};
use std::time::Duration;

impl Index {
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

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, message, now, pop3, ticks};

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
}
