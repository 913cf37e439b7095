//! UIDPLUS (RFC 4315): expunging exactly the messages we name.
//!
//! Without it only EXPUNGE is left, which takes every message that bears `\Deleted`: the caller
//! asks first who bears it, and flies it only when those are all ours.

use crate::capability::{Capabilities, Capability};
use crate::encode::CommandText;
use postrider_core::uid::UidSet;

/// UID EXPUNGE, when the server has it.
pub(crate) fn command(capabilities: &Capabilities, uids: &UidSet) -> Option<CommandText> {
    capabilities.has(Capability::UidPlus).then(|| {
        let mut command = CommandText::new("UID EXPUNGE ");
        command.text(&uids.to_string());
        command
    })
}
