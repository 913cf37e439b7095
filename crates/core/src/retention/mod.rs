//! Which server copies may go, and why.
//!
//! [`Policy`] is what the user chose, [`Facts`] are what is known of the messages, and [`decide()`]
//! turns both into one [`Verdict`] each. Nothing here deletes: the engine carries out what these
//! values say, after it has proven the local copy (R1). [`Clock`] says by which time ages are judged, and
//! from which they count, when the machine's clock is wrong. [`Vanished`] is the one choice about the local copy.

pub mod clock;
pub mod decide;
pub mod facts;
pub mod policy;
pub mod reason;

pub use clock::{Clock, Judged, Ticks};
pub use decide::{Verdict, decide};
pub use facts::{Arrival, Facts, Level, LocalCopy, Usage};
pub use policy::{Method, Policy, Protect, Vanished};
pub use reason::{ExpireReason, KeepReason, KeepReasons};
