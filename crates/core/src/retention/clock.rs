//! By which time ages are judged, and which time is noted for what comes: a machine whose battery is dead wakes
//! up in another year, and `delete_after` must not take that for the passing of time.
//!
//! Ages are the difference of two times, and each of them may be wrong.
//!
//! **By which they are judged.** What a clock says is believed when it goes on from where it was. After a
//! leap forward it is not, for [`SETTLES`]: until then ages are judged by the time before the leap. When the clock is
//! set right within that time, as machines with a network do, it was as if it had never leapt. When it stands by its leap
//! (the machine was off for a month), it is believed.
//!
//! **From which they count.** What is noted is never before the latest time that was believed: a clock that
//! says less is behind now, or was ahead then, and one cannot know which. While it says less, our own time goes
//! on from that latest one as the clock goes on. After [`LEAP`] the lower time is believed, and nothing counts
//! from a later one any more: else what came after a clock had been in the year 2100 would stay for good.
//!
//! Guaranteed: times that were noted while the clock was ahead make nothing older
//! ([`Facts::age`](super::Facts::age) is never negative); a clock that is set back makes nothing older, and what
//! comes until it is set right, within [`LEAP`], is taken for older than it is by no more than two pauses between
//! passes; a leap of more than [`LEAP`] makes nothing older unless the clock stands by it for [`SETTLES`]. Not
//! guaranteed: of a clock that is wrong from the first pass on nothing can be known; one that went on from where it was when
//! the machine was switched off is not known to be behind; one that is ahead for longer, by less than [`LEAP`], or that
//! leaps twice, deletes as much too early as it is wrong. R1 holds all the same.

use crate::time::{Now, UnixTime};
use std::time::Duration;

/// A pause between two passes longer than this may be a leap: more than a week, so that whoever syncs
/// once a week has ordinary pauses. And for so long a clock that was set back is taken to be behind.
pub const LEAP: Duration = Duration::from_secs(8 * 86_400);

/// How long a clock must stand by its leap: machines set their clocks right within minutes of being
/// online.
pub const SETTLES: Duration = Duration::from_secs(3_600);

/// What is remembered of the clock from pass to pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// What it said in the last pass.
    pub seen: Option<UnixTime>,
    /// Our own time in the last pass: the latest that was believed, and what has passed since by a clock that
    /// said less.
    pub own: Option<UnixTime>,
    /// What it said when it began to say less than our own time.
    pub behind_since: Option<UnixTime>,
    /// The leap that it has not stood by for long enough.
    pub leap: Option<Leap>,
}

/// A leap of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leap {
    /// Our own time before it.
    pub from: UnixTime,
    /// What it said then.
    pub to: UnixTime,
}

/// What holds for a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// By this ages are judged.
    pub ages_by: Now,
    /// This is noted of what comes in the pass: when it was first seen, when it was proven.
    pub notes: Now,
    /// A later time than this was noted by a clock that was ahead: it counts as this one.
    pub latest: Option<UnixTime>,
    /// What to remember.
    pub clock: Clock,
}

impl Clock {
    /// What holds for a pass that starts now.
    #[must_use]
    pub fn judge(self, now: Now) -> Judged {
        let Some(last) = self.seen else {
            return Judged::believed(now);
        };
        // Earlier versions remembered no time of our own.
        let own = self.own.or_else(|| self.leap.map(|leap| leap.from));
        let own = own.unwrap_or(last);
        let Some(leap) = self.leap else {
            return match now.0.since(own) > LEAP {
                true => Judged::leapt(own, now),
                false => self.went_on(last, own, now),
            };
        };
        if now.0.since(last.max(leap.to)) > LEAP {
            // Upon an earlier leap too: whoever syncs once a month leaps in every pass, and what the
            // clock said until then is believed. Not where it had gone back meanwhile.
            let from = if last >= leap.to { last } else { own };
            Judged::leapt(from, now)
        } else if now.0 >= leap.to {
            match now.0.since(leap.to) < SETTLES {
                true => Judged::standing(leap, own, now),
                false => Judged::believed(now),
            }
        } else if now.0 >= leap.from {
            // It was set right, and what was noted meanwhile was wrong.
            let right = Judged::believed(Now(now.0.max(own)));
            right.seen(now, Some(right.notes.0))
        } else {
            self.went_on(last, own, now)
        }
    }

    /// The clock says little more than our own time, or less.
    fn went_on(self, last: UnixTime, own: UnixTime, now: Now) -> Judged {
        if now.0 >= own {
            return Judged::believed(now);
        }
        let went = now.0.since(last);
        let has_jumped = now.0 < last || went > LEAP;
        let since = self.behind_since.filter(|_| !has_jumped).unwrap_or(now.0);
        if now.0.since(since) >= LEAP {
            return Judged::believed(now).seen(now, Some(now.0));
        }
        let own = if has_jumped { own } else { own.after(went) };
        Judged {
            ages_by: now,
            notes: Now(own),
            latest: None,
            clock: Self {
                seen: Some(now.0),
                own: Some(own),
                behind_since: Some(since),
                leap: self.leap,
            },
        }
    }
}

impl Judged {
    const fn believed(now: Now) -> Self {
        Self {
            ages_by: now,
            notes: now,
            latest: None,
            clock: Clock {
                seen: Some(now.0),
                own: Some(now.0),
                behind_since: None,
                leap: None,
            },
        }
    }

    const fn leapt(from: UnixTime, now: Now) -> Self {
        Self::standing(Leap { from, to: now.0 }, from, now)
    }

    /// The time before the leap counts. What comes is noted by the time after it: should that be right, it must
    /// not be older than it is.
    const fn standing(leap: Leap, own: UnixTime, now: Now) -> Self {
        Self {
            ages_by: Now(leap.from),
            notes: now,
            latest: None,
            clock: Clock {
                seen: Some(now.0),
                own: Some(own),
                behind_since: None,
                leap: Some(leap),
            },
        }
    }

    fn seen(self, now: Now, latest: Option<UnixTime>) -> Self {
        let clock = Clock {
            seen: Some(now.0),
            ..self.clock
        };
        Self {
            ages_by: now,
            latest,
            clock,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400;

    fn now(seconds: i64) -> Now {
        Now(UnixTime::from_seconds(seconds))
    }

    /// What ages are judged by at each of these times, one pass after another.
    fn judged(passes: &[i64]) -> Vec<i64> {
        let mut clock = Clock::default();
        let judge = |seconds: &i64| {
            let judged = clock.judge(now(*seconds));
            clock = judged.clock;
            judged.ages_by.0.as_seconds()
        };
        passes.iter().map(judge).collect()
    }

    #[test]
    fn an_ordinary_clock_is_believed() {
        let daily: Vec<_> = (0..9).map(|day| day * DAY).collect();
        assert_eq!(judged(&daily), daily);
        let weekly: Vec<_> = (0..9).map(|week| week * 7 * DAY).collect();
        assert_eq!(judged(&weekly), weekly);
        assert_eq!(judged(&[500, 400, 600]), [500, 400, 600], "set back");
    }

    #[test]
    fn a_clock_that_leaps_and_is_set_right_was_never_believed() {
        let year = 365 * DAY;
        let passes = [0, year, year + 300, year + 600, 900, 1_200];
        assert_eq!(judged(&passes), [0, 0, 0, 0, 900, 1_200]);
    }

    #[test]
    fn a_clock_that_stands_by_its_leap_is_believed_after_an_hour() {
        let month = 30 * DAY;
        let passes = [0, month, month + 3_599, month + 3_600, month + 3_900];
        assert_eq!(
            judged(&passes),
            [0, 0, 0, month + 3_600, month + 3_900],
            "the machine was off"
        );
    }

    #[test]
    fn who_syncs_once_a_month_is_one_pass_late() {
        let monthly: Vec<_> = (0..5).map(|month| month * 30 * DAY).collect();
        assert_eq!(
            judged(&monthly),
            [0, 0, 30 * DAY, 60 * DAY, 90 * DAY],
            "never starved"
        );
    }

    /// A mailbox into which each pass stores one message.
    #[derive(Default)]
    struct World {
        clock: Clock,
        ages_by: i64,
        /// When each was stored in truth, and when by our notes.
        messages: Vec<(i64, i64)>,
    }

    impl World {
        fn pass(&mut self, truth: i64, clock_says: i64) {
            let judged = self.clock.judge(now(clock_says));
            self.clock = judged.clock;
            if let Some(latest) = judged.latest {
                for (_, noted) in &mut self.messages {
                    *noted = latest.as_seconds().min(*noted);
                }
            }
            self.ages_by = judged.ages_by.0.as_seconds();
            self.messages.push((truth, judged.notes.0.as_seconds()));
        }

        /// By how much the message that looks oldest for its years is taken for older than it is.
        fn too_old(&self, truth: i64) -> i64 {
            let ages = self.messages.iter().map(|(stored, noted)| {
                let age = (self.ages_by - noted).max(0);
                age - (truth - stored)
            });
            ages.max().unwrap_or(0)
        }
    }

    #[test]
    fn what_comes_while_the_clock_is_behind_is_not_older_when_it_is_set_right() {
        let start = 20_000 * DAY;
        // Four days behind, and in 1970.
        for behind in [start - 4 * DAY, 0] {
            let mut world = World::default();
            world.pass(start, start);
            for minutes in [5, 10, 15] {
                world.pass(start + minutes * 60, behind + minutes * 60);
            }
            for minutes in [20, 25, 120, 24 * 60] {
                let truth = start + minutes * 60;
                world.pass(truth, truth);
                assert!(world.too_old(truth) <= 300, "{behind} {minutes}");
                assert_eq!(world.ages_by, truth, "and is believed at once");
            }
        }
    }

    #[test]
    fn what_comes_after_a_clock_was_ahead_waits_for_no_more_than_eight_days() {
        let (start, year) = (20_000 * DAY, 365 * DAY);
        let mut world = World::default();
        let mut pass = |day: i64, ahead| world.pass(start + day * DAY, start + day * DAY + ahead);
        pass(0, 0);
        // Believed: it stood by its leap for a day.
        (1..=2).for_each(|day| pass(day, year));
        (3..=11).for_each(|day| pass(day, 0));
        let noted: Vec<_> = world.messages.iter().map(|m| (m.1 - start) / DAY).collect();
        assert_eq!(noted[1..4], [11, 11, 11]);
        assert_eq!(noted[11], 11);
    }

    #[test]
    fn what_was_noted_during_a_leap_counts_from_the_day_on_which_the_clock_was_set_right() {
        let mut world = World::default();
        world.pass(0, 0);
        world.pass(300, 365 * DAY);
        world.pass(600, 365 * DAY + 300);
        world.pass(900, 900);
        let noted: Vec<_> = world.messages.iter().map(|message| message.1).collect();
        assert_eq!(noted, [0, 900, 900, 900]);
    }

    #[test]
    fn a_leap_that_an_earlier_version_remembers_is_taken_back_as_any_other() {
        let at = UnixTime::from_seconds;
        let (from, to) = (at(1_000), at(365 * DAY));
        let remembered = Clock {
            seen: Some(to),
            leap: Some(Leap { from, to }),
            ..Clock::default()
        };
        let judged = remembered.judge(now(1_300));
        assert_eq!(judged.notes, now(1_300));
        assert_eq!(judged.latest, Some(at(1_300)));
    }

    #[test]
    fn a_clock_that_leaps_again_after_it_went_back_is_not_believed_for_having_leapt_before() {
        let (year, start) = (365 * DAY, 20_000 * DAY);
        assert_eq!(
            judged(&[start, start + year, 0, start + 99 * year])[3],
            start
        );
    }

    /// What a clock does for a while, of which the first pass follows the one before after a longer pause.
    #[derive(Clone, Copy, Debug)]
    enum While {
        Right,
        /// By so much; by all there is: it began at 1970.
        Behind(i64),
        /// By so much, for less than an hour.
        Ahead(i64),
    }

    /// So long may a pause be. The one in which the clock is set back is not counted, and one that is as long as the
    /// clock is behind hides that.
    const PAUSE: i64 = 6 * 3_600;

    fn any_while() -> impl Strategy<Value = (While, i64, Vec<i64>)> {
        let wrong = prop_oneof![
            Just(While::Right),
            (1..3_000 * DAY).prop_map(While::Behind),
            Just(While::Behind(i64::MAX)),
            (9 * DAY..3_000 * DAY).prop_map(While::Ahead),
        ];
        let passes = proptest::collection::vec(60..PAUSE, 1..20);
        (wrong, 60..PAUSE, passes)
    }

    proptest! {
        #[test]
        fn nothing_goes_before_its_true_age_but_by_two_pauses_where_the_clock_was_set_back(
            whiles in proptest::collection::vec(any_while(), 1..12),
        ) {
            let mut world = World::default();
            let mut truth = 20_000 * DAY;
            world.pass(truth, truth);
            for (how, first, pauses) in whiles {
                let mut pauses = pauses;
                truth += first;
                if let While::Ahead(_) = how {
                    pauses = pauses.iter().take(5).map(|pause| pause % 600).collect();
                }
                let wrong_by = match how {
                    While::Right => 0,
                    While::Behind(by) => -by.min(truth),
                    While::Ahead(by) => by,
                };
                for pause in pauses {
                    world.pass(truth, truth + wrong_by);
                    prop_assert!(world.too_old(truth) <= 2 * PAUSE, "{how:?}");
                    truth += pause;
                }
                for _ in 0..3 {
                    world.pass(truth, truth);
                    prop_assert!(world.too_old(truth) <= 2 * PAUSE, "after {how:?}");
                    truth += 1_800;
                }
            }
        }

        #[test]
        fn once_the_clock_is_right_for_good_nothing_waits_for_longer_than_nine_days(
            nonsense in proptest::collection::vec(0..40_000 * DAY, 0..30),
            pauses in proptest::collection::vec(3_600..PAUSE, 9 * 24),
        ) {
            let mut world = World::default();
            let mut truth = 20_000 * DAY;
            for clock_says in nonsense {
                world.pass(truth, clock_says);
                truth += 60;
            }
            for pause in pauses {
                world.pass(truth, truth);
                truth += pause;
            }
            let last = world.messages.last().map(|message| message.0);
            prop_assert_eq!(Some(world.ages_by), last);
            prop_assert!(world.messages.iter().all(|(_, noted)| *noted <= world.ages_by));
        }

        #[test]
        fn ages_are_never_judged_by_a_later_time_than_the_clock_shows(
            passes in proptest::collection::vec(0_i64..4_000 * DAY, 1..40),
        ) {
            for (judged, says) in judged(&passes).into_iter().zip(&passes) {
                prop_assert!(judged <= *says);
            }
        }

        #[test]
        fn what_is_noted_never_goes_back_before_eight_days_are_over(
            passes in proptest::collection::vec(0_i64..4_000 * DAY, 1..40),
        ) {
            let (mut clock, mut noted) = (Clock::default(), i64::MIN);
            for says in passes {
                let judged = clock.judge(now(says));
                clock = judged.clock;
                if judged.latest.is_none() {
                    prop_assert!(judged.notes.0.as_seconds() >= says);
                    prop_assert!(clock.own.unwrap().as_seconds() >= noted);
                }
                noted = clock.own.unwrap().as_seconds();
            }
        }

        #[test]
        fn a_single_leap_that_is_taken_back_within_the_hour_changes_nothing(
            before in 0_i64..1_000 * DAY,
            leap in 9 * DAY..4_000 * DAY,
            ahead in proptest::collection::vec(0_i64..3_600, 1..10),
        ) {
            let mut ahead = ahead;
            ahead.sort_unstable();
            let mut passes = vec![before];
            passes.push(before + leap);
            passes.extend(ahead.iter().map(|later| before + leap + later));
            for judged in judged(&passes) {
                prop_assert_eq!(judged, before);
            }
        }
    }
}
