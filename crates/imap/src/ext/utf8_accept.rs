//! UTF8=ACCEPT (RFC 6855): names travel as UTF-8 once it is enabled.
//!
//! Without it they travel in modified UTF-7. A mailbox's identity is the same either way
//! ([`WireName`]), so a server that learns it later has nothing fetched anew.

use crate::capability::{Capabilities, Capability};
use crate::parse::Untagged;
use crate::wire_name::WireName;

/// What ENABLE is asked for.
pub(crate) fn enable_word(capabilities: &Capabilities) -> Option<&'static str> {
    let able = capabilities.has(Capability::Utf8Accept);
    able.then_some("UTF8=ACCEPT")
}

/// Gives the names in a response their identity.
pub(crate) fn normalise(untagged: &mut Untagged) {
    match untagged {
        Untagged::List(row) | Untagged::Lsub(row) => {
            to_identity(&mut row.wire_name);
            row.old_name.iter_mut().for_each(to_identity);
        }
        Untagged::MailboxStatus(row) => to_identity(&mut row.wire_name),
        Untagged::Namespace(prefixes) => prefixes.iter_mut().for_each(to_identity),
        _ => {}
    }
}

fn to_identity(name: &mut WireName) {
    *name = WireName::from_utf8(name.octets());
}
