//! ID (RFC 2971): who we are. NetEase's servers (163.com) refuse SELECT to clients that do not say.
//!
//! Nothing depends on the answer; without the capability it is not sent.

use crate::capability::{Capabilities, Capability};
use crate::encode::CommandText;

/// The command, when the server wants it.
pub(crate) fn command(capabilities: &Capabilities) -> Option<CommandText> {
    let version = env!("CARGO_PKG_VERSION");
    capabilities.has(Capability::Id).then(|| {
        CommandText::new(&format!(
            "ID (\"name\" \"postrider\" \"version\" \"{version}\")"
        ))
    })
}
