//! PIPELINING (RFC 2449 §6.8): commands in flight.

use crate::ext::capa::Capabilities;

/// The name on the wire.
pub(crate) const CAPABILITY: &str = "PIPELINING";

/// How many commands are in flight at most: a day's mail in one flight, and enough that a line of 200 ms
/// never runs dry on messages of 4 KiB up to 80 Mbit/s. They are 6 KiB of commands at most, which the
/// smallest receive buffer holds while the server writes and does not read.
const WINDOW: usize = 512;

/// How many commands may be in flight at once: one, unless the server announces more.
pub(crate) fn window(capabilities: &Capabilities) -> usize {
    if capabilities.has(CAPABILITY) {
        WINDOW
    } else {
        1
    }
}
