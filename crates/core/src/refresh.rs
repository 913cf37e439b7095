//! How long a connection on which nobody says anything may stay as it is.
//!
//! Servers end it after half an hour (RFC 9051 §5.4), and boxes in between forget it after whatever they like, without
//! a word. What the limit is shows only when it was overstepped: then the next silence is shorter.

use std::time::Duration;

/// The longest silence: a minute below the 29 minutes after which RFC 2177 §3 wants IDLE begun anew.
pub const LONGEST: Duration = Duration::from_secs(28 * 60);
/// The shortest silence that is learned. A line that is lost sooner has other troubles.
pub const SHORTEST: Duration = Duration::from_secs(60);

/// Silences in a row that must be outlived before a longer one is tried: so a limit that is there costs a
/// connection in some hours, and one that is not is forgotten within a day or two.
const OUTLIVED: u32 = 16;

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

    /// How long the silence may last.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// A silence of a whole interval was outlived.
    pub fn outlived(&mut self) {
        self.outlived += 1;
        if self.outlived >= OUTLIVED {
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
            refresh.outlived();
            assert_eq!(refresh.interval(), learned);
        }
        refresh.outlived();
        assert_eq!(refresh.interval(), 5 * MINUTE);
        for _ in 0..200 {
            refresh.outlived();
        }
        assert_eq!(refresh.interval(), LONGEST);
    }

    #[test]
    fn a_wish_is_never_exceeded_but_what_is_shorter_is_learned() {
        let mut refresh = Refresh::new(Some(5 * MINUTE));
        for _ in 0..100 {
            refresh.outlived();
        }
        assert_eq!(refresh.interval(), 5 * MINUTE);
        refresh.lost_after(3 * MINUTE);
        assert_eq!(refresh.interval(), Duration::from_secs(144));
        let tiny = Refresh::new(Some(Duration::from_secs(1)));
        assert_eq!(tiny.interval().as_secs(), 1);
    }
}
