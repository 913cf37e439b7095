//! How many connections an account may use, after its server said that there are too many.

use crate::time::UnixTime;
use std::time::Duration;

/// For how long one fewer is used. Other programs of the same user, whose connections count too, come and go.
pub const FEWER_FOR: Duration = Duration::from_secs(60 * 60);

/// What a server's refusals have left of an account's connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    fewer: usize,
    until: Option<UnixTime>,
}

impl Allowance {
    /// How many of the `configured` connections may be used now; one at the least.
    #[must_use]
    pub fn of(&self, configured: usize, now: UnixTime) -> usize {
        let fewer = if self.holds(now) { self.fewer } else { 0 };
        configured.saturating_sub(fewer).max(1)
    }

    /// The server said that there are too many. How many may be used from now on, if that is fewer than before.
    pub fn refused(&mut self, configured: usize, now: UnixTime) -> Option<usize> {
        let before = self.of(configured, now);
        let after = before.saturating_sub(1).max(1);
        self.fewer = configured.saturating_sub(after);
        self.until = Some(now.after(FEWER_FOR));
        (after < before).then_some(after)
    }

    fn holds(&self, now: UnixTime) -> bool {
        // A clock that was set back does not make it last for ever.
        let left = |until: UnixTime| until.since(now);
        self.until
            .is_some_and(|until| until > now && left(until) <= FEWER_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> UnixTime {
        UnixTime::from_seconds(1_700_000_000 + seconds)
    }

    #[test]
    fn each_refusal_takes_one_for_an_hour_and_leaves_one() {
        let mut allowance = Allowance::default();
        assert_eq!(allowance.of(3, at(0)), 3);
        assert_eq!(allowance.refused(3, at(0)), Some(2));
        assert_eq!(allowance.of(3, at(0)), 2);
        assert_eq!(allowance.refused(3, at(60)), Some(1));
        assert_eq!(allowance.refused(3, at(120)), None);
        assert_eq!(allowance.of(3, at(3_719)), 1);
        assert_eq!(allowance.of(3, at(3_720)), 3);
        assert_eq!(allowance.refused(3, at(4_000)), Some(2));
    }

    #[test]
    fn a_clock_that_was_set_back_gives_the_connections_back() {
        let mut allowance = Allowance::default();
        allowance.refused(3, at(0));
        assert_eq!(allowance.of(3, at(-1)), 3);
    }

    #[test]
    fn whoever_has_one_keeps_it() {
        let mut allowance = Allowance::default();
        assert_eq!(allowance.refused(1, at(0)), None);
        assert_eq!(allowance.of(1, at(0)), 1);
    }
}
