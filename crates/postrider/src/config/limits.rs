//! `limits`: what all accounts together may use.

use super::file::Entry;
use super::reading::{Reading, find, or};
use postrider_core::limits::Limits;
use std::num::{NonZeroU64, NonZeroUsize};

/// Every key of `limits`.
pub(super) const KEYS: &[&str] = &["connections", "bandwidth", "disk_free_min"];

/// More than a machine has ports for.
const MAX_CONNECTIONS: usize = 60_000;

/// Reads `limits`; without it nothing is limited.
pub(super) fn limits(reading: &mut Reading<'_>, top: &[Entry]) -> Option<Limits> {
    let Some(node) = find(top, "limits") else {
        return Some(Limits::default());
    };
    let entries = reading.map("limits", node)?;
    reading.keys(entries, KEYS);
    let connections = or(find(entries, "connections"), None, |node| {
        let number = reading.number("connections", node, 1..=MAX_CONNECTIONS);
        number.map(NonZeroUsize::new)
    });
    let bandwidth = or(find(entries, "bandwidth"), None, |node| {
        reading.size("bandwidth", node).map(NonZeroU64::new)
    });
    let disk_free_min = or(find(entries, "disk_free_min"), 0, |node| {
        reading.size("disk_free_min", node)
    });
    Some(Limits {
        connections: connections?,
        bandwidth_octets: bandwidth?,
        disk_free_min_octets: disk_free_min?,
    })
}
