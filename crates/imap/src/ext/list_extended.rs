//! LIST-EXTENDED (RFC 5258): subscriptions in the same listing.
//!
//! Without it LSUB (RFC 3501 §6.3.9) tells them, when a caller wants to know.

use crate::capability::{Capabilities, Capability};
use crate::encode::CommandText;
use crate::list::ListRow;
use crate::wire_name::WireName;

/// What LIST is asked to return, for subscriptions.
pub(crate) fn subscribed_option(capabilities: &Capabilities) -> Option<String> {
    capabilities
        .has(Capability::ListExtended)
        .then(|| "SUBSCRIBED".to_owned())
}

/// LSUB, where LIST does not tell.
pub(crate) fn command(capabilities: &Capabilities) -> Option<CommandText> {
    let told = capabilities.has(Capability::ListExtended);
    (!told).then(|| CommandText::new("LSUB \"\" \"*\""))
}

/// The name in an LSUB row. With `\Noselect` it is only the way to one that is subscribed.
pub(crate) fn subscription(row: ListRow) -> Option<WireName> {
    (!row.has("\\Noselect")).then_some(row.wire_name)
}
