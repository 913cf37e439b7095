//! How long the machine has been suspended.

use crate::ticks::read;
use rustix::time::ClockId;
#[cfg(test)]
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where that is known from.
#[derive(Clone, Debug, Default)]
pub(super) enum Slept {
    /// From the kernel: CLOCK_BOOTTIME goes on in a suspend, CLOCK_MONOTONIC does not (clock_gettime(2)).
    #[default]
    System,
    /// From a test, in milliseconds.
    #[cfg(test)]
    Set(Arc<AtomicU64>),
}

impl Slept {
    /// The time of all suspends since the machine was started. Only its differences mean anything: in a time
    /// namespace both clocks are shifted.
    pub(super) fn total(&self) -> Duration {
        match self {
            Self::System => {
                let since_boot = read(ClockId::Boottime);
                // Read last: whatever holds us up between the two must not look like a suspend.
                let awake = read(ClockId::Monotonic);
                since_boot.saturating_sub(awake)
            }
            #[cfg(test)]
            Self::Set(millis) => Duration::from_millis(millis.load(Ordering::SeqCst)),
        }
    }
}
