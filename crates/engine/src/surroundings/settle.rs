//! Bursts: a network that comes up is a dozen messages, and a suspend ends with one.

use std::time::Duration;
use tokio::time::Instant;

/// After the last message of a burst: what a new address needs before it can be used is over by then.
pub(super) const QUIET: Duration = Duration::from_millis(500);
/// After the first, however long the burst goes on.
pub(super) const MOST: Duration = Duration::from_secs(3);
/// The least time between two that are told.
pub(super) const APART: Duration = Duration::from_secs(10);

/// Changes that have not been told yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settling {
    /// The first and the last of the burst.
    burst: Option<(Instant, Instant)>,
    told: Option<Instant>,
}

impl Settling {
    /// Something has changed.
    pub(super) fn happened(&mut self, now: Instant) {
        let first = self.burst.map_or(now, |(first, _)| first);
        self.burst = Some((first, now));
    }

    /// When that is to be told; `None`: there is nothing.
    pub(super) fn due(&self) -> Option<Instant> {
        let (first, last) = self.burst?;
        let settled = (last + QUIET).min(first + MOST);
        Some(self.told.map_or(settled, |told| settled.max(told + APART)))
    }

    /// It is told.
    pub(super) fn told(&mut self, now: Instant) {
        (self.burst, self.told) = (None, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_once_and_not_too_late() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut settling = Settling::default();
        assert_eq!(settling.due(), None);
        settling.happened(at(0));
        assert_eq!(settling.due(), Some(at(500)));
        settling.happened(at(400));
        assert_eq!(settling.due(), Some(at(900)));
        settling.happened(at(2_900));
        assert_eq!(settling.due(), Some(at(3_000)), "however long it goes on");
        settling.told(at(3_000));
        assert_eq!(settling.due(), None);
    }

    #[test]
    fn the_next_is_told_ten_seconds_later_at_the_earliest() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut settling = Settling::default();
        settling.happened(at(0));
        settling.told(at(500));
        settling.happened(at(600));
        assert_eq!(settling.due(), Some(at(10_500)));
        settling.told(at(10_500));
        settling.happened(at(60_000));
        assert_eq!(settling.due(), Some(at(60_500)));
    }
}
