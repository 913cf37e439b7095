//! Which server copies may go, and why.
//!
//! [`Policy`] is what the user chose, [`decide()`] turns it and the facts about messages into one
//! [`Verdict`] each. Nothing here deletes: the engine carries out what these values say, after it
//! has proven the local copy (R1). [`Vanished`] is the one choice about the local copy.

pub mod decide;
pub mod policy;

pub use decide::{ExpireReason, Facts, KeepReason, Verdict, decide};
pub use policy::{Policy, Vanished};
