//! LIST-STATUS (RFC 5819): what is in every mailbox, in the same round trip as their names.
//!
//! Without it the caller flies a `Status` step for each mailbox, pipelined.

use crate::capability::{Capabilities, Capability};
use crate::status;

/// What LIST is asked to return besides.
pub(crate) fn return_option(capabilities: &Capabilities) -> Option<String> {
    capabilities
        .has(Capability::ListStatus)
        .then(|| format!("STATUS {}", status::items(capabilities)))
}
