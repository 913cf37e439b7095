//! What all accounts together may use (CONTRACT section 3, `limits`). What is not limited here, the system
//! limits, and every server.

use std::num::{NonZeroU64, NonZeroUsize};

/// What all accounts together may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Connections to servers at once.
    pub connections: Option<NonZeroUsize>,
    /// Octets that may pass in a second, both ways together.
    pub bandwidth_octets: Option<NonZeroU64>,
    /// Octets that stay free on the disks of mail trees and state directory; 0: down to the last one.
    pub disk_free_min_octets: u64,
}
