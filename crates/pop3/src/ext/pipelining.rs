//! PIPELINING (RFC 2449 §6.8): commands in flight.

use crate::ext::capa::Capabilities;

/// The name on the wire.
pub(crate) const CAPABILITY: &str = "PIPELINING";

/// How many commands are in flight at most. Enough that a line of 200 ms never runs dry on messages
/// of 16 KiB up to 40 Mbit/s; few enough that a server which reads ahead is not flooded.
const WINDOW: usize = 64;

/// How many commands may be in flight at once: one, unless the server announces more.
pub(crate) fn window(capabilities: &Capabilities) -> usize {
    if capabilities.has(CAPABILITY) {
        WINDOW
    } else {
        1
    }
}
