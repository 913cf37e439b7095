//! Which server copies may go, and why.

pub mod policy;

pub use policy::Policy;
