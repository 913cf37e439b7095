//! How long a connection on which nobody says anything may stay as it is.
//!
//! Servers end it after half an hour (RFC 9051 §5.4), and boxes in between forget it after whatever they like, without
//! a word. What the limit is shows only when it was overstepped: then the next silence is shorter.

use crate::time::{Now, UnixTime};
use std::time::Duration;

/// The longest silence: a minute below the 29 minutes after which RFC 2177 §3 wants IDLE begun anew.
pub const LONGEST: Duration = Duration::from_secs(28 * 60);
/// The shortest silence that is learned. A line that is lost sooner has other troubles.
pub const SHORTEST: Duration = Duration::from_secs(60);

/// Silences in a row that must be outlived before a longer one is tried: so a limit that is there costs a
/// connection in some hours, and one that is not is forgotten within a day or two.
const OUTLIVED: u32 = 16;

/// For how long a learned interval is remembered that nothing has changed since, in seconds: two weeks. Then the machine
/// may stand elsewhere, and the server may be another.
const REMEMBERED: i64 = 14 * 24 * 60 * 60;

/// An interval that was learned, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learned {
    /// How long the silence may last.
    pub interval: Duration,
    /// When that was learned.
    pub at: UnixTime,
}

/// When a silent connection is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refresh {
    interval: Duration,
    longest: Duration,
    outlived: u32,
}

impl Refresh {
    /// As the user said, or else learned, beginning with the longest.
    #[must_use]
    pub const fn new(wanted: Option<Duration>) -> Self {
        let longest = match wanted {
            Some(wanted) => wanted,
            None => LONGEST,
        };
        Self {
            interval: longest,
            longest,
            outlived: 0,
        }
    }

    /// Takes up what was learned earlier, which may be forgotten as if it had been learned now.
    #[must_use]
    pub fn recalling(mut self, learned: Option<Learned>, now: Now) -> Self {
        let fresh = learned.filter(|learned| {
            let age = now.0.as_seconds().saturating_sub(learned.at.as_seconds());
            age < REMEMBERED
        });
        if let Some(learned) = fresh {
            self.interval = self.interval.min(learned.interval.max(SHORTEST));
        }
        self
    }

    /// What was learned, if anything was: to be remembered over a restart.
    #[must_use]
    pub fn learned(&self, now: Now) -> Option<Learned> {
        let (at, interval) = (now.0, self.interval);
        (interval < self.longest).then_some(Learned { interval, at })
    }

    /// How long the silence may last.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// A silence of a whole interval was outlived, by one of so many connections of one account.
    pub fn outlived(&mut self, connections: u32) {
        self.outlived += 1;
        if self.outlived >= OUTLIVED.saturating_mul(connections.max(1)) {
            self.outlived = 0;
            let longer = self.interval.saturating_add(self.interval / 4);
            self.interval = longer.min(self.longest);
        }
    }

    /// The connection was found to be over after so much silence.
    pub fn lost_after(&mut self, silence: Duration) {
        self.outlived = 0;
        if silence < SHORTEST {
            return;
        }
        let shorter = (silence / 5 * 4).max(SHORTEST);
        self.interval = self.interval.min(shorter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_limit_is_learned_by_overstepping_it() {
        let mut refresh = Refresh::new(None);
        assert_eq!(refresh.interval(), 28 * MINUTE);
        refresh.lost_after(10 * MINUTE);
        assert_eq!(refresh.interval(), 8 * MINUTE);
        // It was not longer before, so it is not now.
        refresh.lost_after(20 * MINUTE);
        assert_eq!(refresh.interval(), 8 * MINUTE);
        for _ in 0..40 {
            refresh.lost_after(refresh.interval());
        }
        assert_eq!(refresh.interval(), SHORTEST);
    }

    #[test]
    fn a_line_that_is_cut_early_says_nothing_of_limits() {
        let mut refresh = Refresh::new(None);
        refresh.lost_after(59 * MINUTE / 60);
        assert_eq!(refresh.interval(), LONGEST);
    }

    #[test]
    fn what_was_learned_by_mistake_is_forgotten_slowly() {
        let mut refresh = Refresh::new(None);
        refresh.lost_after(5 * MINUTE);
        let learned = refresh.interval();
        for _ in 1..OUTLIVED {
            refresh.outlived(1);
            assert_eq!(refresh.interval(), learned);
        }
        refresh.outlived(1);
        assert_eq!(refresh.interval(), 5 * MINUTE);
        for _ in 0..200 {
            refresh.outlived(1);
        }
        assert_eq!(refresh.interval(), LONGEST);
    }

    #[test]
    fn what_was_learned_is_taken_up_after_a_restart_and_may_be_forgotten() {
        let at = |days: i64| Now(UnixTime::from_seconds(days * 24 * 3_600));
        let mut before = Refresh::new(None);
        assert_eq!(before.learned(at(0)), None);
        before.lost_after(10 * MINUTE);
        let learned = before.learned(at(0));
        let mut after = Refresh::new(None).recalling(learned, at(13));
        assert_eq!(after.interval(), 8 * MINUTE);
        for _ in 0..OUTLIVED {
            after.outlived(1);
        }
        assert_eq!(after.interval(), 10 * MINUTE);
        assert_eq!(after.learned(at(14)).unwrap().at, at(14).0);
        let later = Refresh::new(None).recalling(learned, at(14));
        assert_eq!(later.interval(), LONGEST);
        // A clock that was set back makes nothing old.
        let back = Refresh::new(None).recalling(learned, at(-400));
        assert_eq!(back.interval(), 8 * MINUTE);
    }

    #[test]
    fn what_is_remembered_exceeds_no_wish_and_is_never_absurd() {
        let at = UnixTime::from_seconds(0);
        let recalled = |wish: Option<u64>, learned: u64| {
            let interval = Duration::from_secs(learned);
            let learned = Some(Learned { interval, at });
            let refresh = Refresh::new(wish.map(Duration::from_secs));
            refresh.recalling(learned, Now(at)).interval().as_secs()
        };
        assert_eq!(recalled(Some(300), 480), 300);
        assert_eq!(recalled(Some(300), 200), 200);
        assert_eq!(recalled(None, 0), 60);
        assert_eq!(recalled(Some(1), 0), 1);
    }

    #[test]
    fn many_connections_grow_no_sooner_than_one() {
        let mut refresh = Refresh::new(None);
        refresh.lost_after(5 * MINUTE);
        for _ in 1..3 * OUTLIVED {
            refresh.outlived(3);
            assert_eq!(refresh.interval(), 4 * MINUTE);
        }
        refresh.outlived(3);
        assert_eq!(refresh.interval(), 5 * MINUTE);
    }

    #[test]
    fn a_wish_is_never_exceeded_but_what_is_shorter_is_learned() {
        let mut refresh = Refresh::new(Some(5 * MINUTE));
        for _ in 0..100 {
            refresh.outlived(1);
        }
        assert_eq!(refresh.interval(), 5 * MINUTE);
        refresh.lost_after(3 * MINUTE);
        assert_eq!(refresh.interval(), Duration::from_secs(144));
        let tiny = Refresh::new(Some(Duration::from_secs(1)));
        assert_eq!(tiny.interval().as_secs(), 1);
    }
}
