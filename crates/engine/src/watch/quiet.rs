//! When changes have come to rest.

use std::time::{Duration, Instant};

/// Readers do one thing in several renames, and give a copy two transient names: whoever looks sooner
/// sees half of it. A person does not notice it.
const QUIET: Duration = Duration::from_millis(400);
/// Where changes go on, the first of them waits no longer than this: half of the two seconds in which a
/// reader's change should be at the server.
const AT_MOST: Duration = Duration::from_secs(1);

/// The changes since somebody last looked: of all of them the first and the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quiet(Option<(Instant, Instant)>);

impl Quiet {
    /// Something has changed. Says whether it is the first.
    pub(super) fn heard(&mut self, now: Instant) -> bool {
        let first = self.0.map_or(now, |(first, _)| first);
        let is_first = self.0.is_none();
        self.0 = Some((first, now));
        is_first
    }

    /// When it is time to look; `None`: nothing has changed.
    pub(super) fn due(self) -> Option<Instant> {
        let (first, last) = self.0?;
        Some((last + QUIET).min(first + AT_MOST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_waits_for_quiet_and_no_longer_than_a_second() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut quiet = Quiet::default();
        assert_eq!(quiet.due(), None);
        assert!(quiet.heard(at(0)));
        assert_eq!(quiet.due(), Some(at(400)));
        assert!(!quiet.heard(at(300)));
        assert_eq!(quiet.due(), Some(at(700)));
        for more in (310..5_000).step_by(10) {
            quiet.heard(at(more));
        }
        assert_eq!(quiet.due(), Some(at(1_000)));
        quiet = Quiet::default();
        assert!(quiet.heard(at(6_000)));
        assert_eq!(quiet.due(), Some(at(6_400)));
    }
}
