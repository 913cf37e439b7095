//! By which time ages are judged: a machine whose battery is dead wakes up in another year, and
//! `delete_after` must not take that for the passing of time.
//!
//! What a clock says is believed when it goes on from where it was. After a leap forward it is not,
//! for [`SETTLES`]: until then ages are judged by the time before the leap. When the clock is set
//! right within that time, as machines with a network do, it was as if it had never leapt. When it
//! stands by its leap (the machine was off for a month), it is believed.
//!
//! Guaranteed: times that were recorded while the clock was ahead make nothing older
//! ([`Facts::age`](super::Facts::age) is never negative); a clock that is set back makes nothing
//! older; a leap of more than [`LEAP`] makes nothing older unless the clock stands by it for
//! [`SETTLES`]. Not guaranteed: a clock that is wrong for longer, by less than [`LEAP`], or that leaps
//! twice, deletes as much too early as it is wrong; R1 holds all the same.

use crate::time::{Now, UnixTime};
use std::time::Duration;

/// A pause between two passes longer than this may be a leap: more than a week, so that whoever syncs
/// once a week has ordinary pauses.
pub const LEAP: Duration = Duration::from_secs(8 * 86_400);

/// How long a clock must stand by its leap: machines set their clocks right within minutes of being
/// online.
pub const SETTLES: Duration = Duration::from_secs(3_600);

/// What is remembered of the clock from pass to pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// What it said in the last pass.
    pub seen: Option<UnixTime>,
    /// The leap that it has not stood by for long enough.
    pub leap: Option<Leap>,
}

/// A leap of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leap {
    /// What it said in the last pass before.
    pub from: UnixTime,
    /// What it said then.
    pub to: UnixTime,
}

impl Clock {
    /// The time by which ages are judged, and what to remember.
    #[must_use]
    pub fn judge(self, now: Now) -> (Now, Self) {
        let seen = Some(now.0);
        let settled = (now, Self { seen, leap: None });
        let Some(last) = self.seen else {
            return settled;
        };
        let standing = self.leap.filter(|leap| now.0 >= leap.to);
        if now.0.since(last) > LEAP {
            // Upon an earlier leap too: whoever syncs once a month leaps in every pass.
            let leap = Leap {
                from: last,
                to: now.0,
            };
            return leap.judged(seen);
        }
        match standing.filter(|leap| now.0.since(leap.to) < SETTLES) {
            Some(leap) => leap.judged(seen),
            None => settled,
        }
    }
}

impl Leap {
    /// The time before it counts, and it is remembered.
    const fn judged(self, seen: Option<UnixTime>) -> (Now, Clock) {
        let leap = Some(self);
        (Now(self.from), Clock { seen, leap })
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
            let (judged, next) = clock.judge(now(*seconds));
            clock = next;
            judged.0.as_seconds()
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

    proptest! {
        #[test]
        fn ages_are_never_judged_by_a_time_that_no_clock_showed(
            passes in proptest::collection::vec(0_i64..4_000 * DAY, 1..40),
        ) {
            for (at, judged) in judged(&passes).into_iter().enumerate() {
                prop_assert!(judged <= passes[at]);
                prop_assert!(passes[..=at].contains(&judged));
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
