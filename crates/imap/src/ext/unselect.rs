//! UNSELECT (RFC 3691): no mailbox is open any more, and nothing is expunged by it.
//!
//! Of the open mailbox neither STATUS nor LIST need say how it is (RFC 9051 §6.3.11). Without it a session
//! that has opened a mailbox is not asked for a listing again: CLOSE would expunge, where a mailbox is not
//! as read-only as we asked for.

use crate::capability::{Capabilities, Capability};
use crate::encode::CommandText;

/// The command, where the server knows it.
pub(crate) fn command(capabilities: &Capabilities) -> Option<CommandText> {
    let able = capabilities.has(Capability::Unselect);
    able.then(|| CommandText::new("UNSELECT"))
}
