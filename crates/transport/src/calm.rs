//! Whether silence on a connection is as it should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Told to a stream from outside, through whatever lies over it: as long as it is calm, nobody has been
/// asked anything, and the peer may be silent for as long as it likes. Clones are one and the same.
///
/// Whoever ends the calm reads or writes next: time counts from then on.
#[derive(Clone, Debug, Default)]
pub struct Calm(Arc<AtomicBool>);

impl Calm {
    /// From now on silence is as it should be.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// From now on an answer is awaited.
    pub fn end(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether silence is as it should be.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
