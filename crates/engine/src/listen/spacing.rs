//! How close together passes may begin that a server causes by what it tells.
//!
//! The first waits for nothing. As long as they bring nothing, each waits twice as long as the one before: a
//! server that tells of what is not there keeps nobody busy. Whoever is quiet for a while is believed again.

use std::time::Duration;
use tokio::time::Instant;

/// A quarter of a second becomes four minutes, about what polling costs.
const MOST_DOUBLINGS: u32 = 10;

/// Quiet for so many times the present gap, and the gap is the least again.
const QUIET: u32 = 4;

#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    least: Duration,
    last: Option<Instant>,
    doublings: u32,
}

impl Spacing {
    pub(super) const fn new(least: Duration) -> Self {
        Self {
            least,
            last: None,
            doublings: 0,
        }
    }

    /// When the next may begin.
    pub(super) fn next(&self) -> Option<Instant> {
        self.last.map(|last| last + self.gap())
    }

    /// One begins.
    pub(super) fn begins(&mut self, now: Instant) {
        let quiet = |last| now.saturating_duration_since(last) >= self.gap() * QUIET;
        if self.last.is_some_and(quiet) {
            self.doublings = 0;
        }
        self.last = Some(now);
    }

    /// The one that began last has brought something, or nothing.
    pub(super) fn ended(&mut self, has_brought: bool) {
        self.doublings = if has_brought {
            0
        } else {
            (self.doublings + 1).min(MOST_DOUBLINGS)
        };
    }

    fn gap(&self) -> Duration {
        self.least * (1 << self.doublings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(250);

    #[test]
    fn what_brings_something_is_never_far_apart() {
        let mut spacing = Spacing::new(LEAST);
        assert_eq!(spacing.next(), None);
        let mut now = Instant::now();
        for _ in 0..100 {
            spacing.begins(now);
            spacing.ended(true);
            assert_eq!(spacing.next(), Some(now + LEAST));
            now += LEAST;
        }
    }

    #[test]
    fn what_brings_nothing_comes_ever_more_rarely_until_it_is_quiet() {
        let mut spacing = Spacing::new(LEAST);
        let start = Instant::now();
        let mut now = start;
        for _ in 0..20 {
            spacing.begins(now);
            spacing.ended(false);
            now = spacing.next().unwrap();
        }
        assert!(now - start > Duration::from_secs(600), "{:?}", now - start);
        let gap = LEAST * 1_024;
        spacing.begins(now + gap * QUIET);
        spacing.ended(false);
        assert_eq!(spacing.next(), Some(now + gap * QUIET + LEAST * 2));
    }
}
