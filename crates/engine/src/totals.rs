//! What an account has done since the daemon started: counted up and never down, for whoever measures.

use crate::live::Load;
use crate::report::PassReport;
use postrider_core::fault::Fault;
use std::collections::BTreeMap;
use std::time::Duration;

/// The upper bounds of the classes that passes fall into by how long they take, in milliseconds: from one round
/// trip over a pass that fetches to the first one of a large account. What took longer is in the last class.
pub const PASS_BOUNDS_MS: [u64; 10] = [
    100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000,
];

/// How long passes took, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassTimes {
    /// How many took no longer than the bound of the class, and longer than the one before. The last class has
    /// no bound.
    pub classes: [u64; PASS_BOUNDS_MS.len() + 1],
    /// All of them together.
    pub sum: Duration,
}

impl PassTimes {
    fn add(&mut self, elapsed: Duration) {
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let class = PASS_BOUNDS_MS.partition_point(|bound| *bound < elapsed_ms);
        if let Some(passes) = self.classes.get_mut(class) {
            *passes = passes.saturating_add(1);
        }
        self.sum = self.sum.saturating_add(elapsed);
    }
}

/// Sums over the life of the daemon. A changed configuration does not reset them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Passes that were complete, of all chosen mailboxes or of some.
    pub passes: u64,
    /// Passes that failed, by the kind of the failure.
    pub failures: BTreeMap<&'static str, u64>,
    /// Messages stored, whether their pass was complete or not.
    pub stored: Load,
    /// Messages whose flags the server had changed.
    pub flags_pulled: u64,
    /// Messages whose flags a reader had changed.
    pub flags_pushed: u64,
    /// Messages that a reader moved, copied or wrote, and that the server has there by now.
    pub pushed: u64,
    /// Server copies deleted by policy, whether their pass was complete or not.
    pub expired: u64,
    /// Local copies removed by policy, whether their pass was complete or not.
    pub removed: u64,
    /// Server copies that were gone, and not by us.
    pub vanished: u64,
    /// Messages that were not stored.
    pub skipped: u64,
    /// Times we waited for the server after the greeting.
    pub round_trips: u64,
    /// How long complete passes took.
    pub times: PassTimes,
}

impl Totals {
    /// A pass is complete. What is counted at the very moment that it happens is not taken from its report.
    pub(crate) fn complete(&mut self, report: &PassReport) {
        let sums = [
            (&mut self.passes, 1),
            (&mut self.flags_pulled, report.flags_pulled),
            (&mut self.flags_pushed, report.flags_pushed),
            (&mut self.pushed, report.pushed),
            (&mut self.vanished, report.vanished),
            (&mut self.skipped, report.skipped),
            (&mut self.round_trips, report.round_trips),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
        self.times.add(report.elapsed);
    }

    pub(crate) fn failed(&mut self, fault: Fault) {
        let failures = self.failures.entry(fault.kind()).or_default();
        *failures = failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_fall_into_the_class_of_their_time() {
        let mut times = PassTimes::default();
        for elapsed_ms in [0, 100, 101, 3_000_000, 3_000_001] {
            times.add(Duration::from_millis(elapsed_ms));
        }
        assert_eq!(times.classes, [2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(times.sum, Duration::from_millis(6_000_202));
    }

    #[test]
    fn failures_are_counted_by_kind() {
        let mut totals = Totals::default();
        for fault in [Fault::Busy, Fault::Throttled, Fault::Tls] {
            totals.failed(fault);
        }
        let counted: Vec<_> = totals.failures.into_iter().collect();
        assert_eq!(counted, [("throttled", 2), ("tls", 1)]);
    }
}
