//! What a process takes, and whether it takes ever more.

use std::fmt::{self, Write};
use std::time::Duration;

/// What a process took at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// After so many rounds.
    pub round: usize,
    /// Memory that is the process's own (`RssAnon`), in KiB. Pages of files (the binary, the index) come and go with the
    /// page cache.
    pub own_kib: u64,
    /// All resident memory (`VmRSS`), in KiB.
    pub resident_kib: u64,
    /// Open file descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: u64,
}

impl Sample {
    /// Of a process of this machine.
    pub(super) fn of(pid: u32, round: usize) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
        let status = status.expect("the process lives");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|line| line.split_whitespace().next());
            word.and_then(|word| word.parse().ok()).expect("a number")
        };
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the process lives");
        Self {
            round,
            own_kib: number("RssAnon:"),
            resident_kib: number("VmRSS:"),
            descriptors: open.count(),
            threads: number("Threads:"),
        }
    }
}

/// A daemon after its work.
#[derive(Clone, Debug, Default)]
pub struct Soaked {
    /// Passes in all.
    pub passes: usize,
    /// How often all lines broke.
    pub reconnects: usize,
    /// How long it took.
    pub took: Duration,
    /// From the first to the last.
    pub samples: Vec<Sample>,
}

/// By how much a daemon has grown since it was warm.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Own memory: the slope of a line through the samples, in KiB over 1,000 rounds.
    pub own_kib_per_thousand: f64,
    /// Descriptors: the least of the last quarter over the least of the quarter before. A pass that has
    /// just ended may still hold some.
    pub descriptors: i64,
}

impl Soaked {
    /// How it grew. The first half is not looked at: caches fill, threads start, the allocator makes its arenas.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "these numbers are small")]
    pub fn growth(&self) -> Growth {
        let half = self.samples.len() / 2;
        let warm = self.samples.get(half..).unwrap_or_default();
        let count = warm.len() as f64;
        let mean = |of: &dyn Fn(&Sample) -> f64| warm.iter().map(of).sum::<f64>() / count;
        let (x, y) = (|s: &Sample| s.round as f64, |s: &Sample| s.own_kib as f64);
        let (mean_x, mean_y) = (mean(&x), mean(&y));
        let together = mean(&|s| (x(s) - mean_x) * (y(s) - mean_y));
        let spread = mean(&|s| (x(s) - mean_x).powi(2));
        let (middle, last) = warm.split_at(warm.len() / 2);
        let least = |samples: &[Sample]| samples.iter().map(|s| s.descriptors as i64).min();
        Growth {
            own_kib_per_thousand: together / spread * 1_000.0,
            descriptors: least(last).unwrap_or_default() - least(middle).unwrap_or_default(),
        }
    }
}

/// A table, every fourth sample a row, and the growth.
impl fmt::Display for Soaked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = String::from("round    own KiB  resident KiB  descriptors  threads\n");
        let rows = self.samples.iter().rev().step_by(4);
        for sample in rows.collect::<Vec<_>>().into_iter().rev() {
            writeln!(
                table,
                "{:5} {:10} {:13} {:12} {:8}",
                sample.round,
                sample.own_kib,
                sample.resident_kib,
                sample.descriptors,
                sample.threads
            )?;
        }
        let growth = self.growth();
        write!(
            f,
            "{table}{} passes, {} reconnects in {:.0} s; since it was warm: {:+.0} KiB own memory over 1,000 rounds, \
             {:+} descriptors",
            self.passes,
            self.reconnects,
            self.took.as_secs_f64(),
            growth.own_kib_per_thousand,
            growth.descriptors
        )
    }
}
