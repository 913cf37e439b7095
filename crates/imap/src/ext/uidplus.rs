//! UIDPLUS (RFC 4315): expunging exactly the messages we name.
//!
//! Without it only EXPUNGE is left, which takes every message that bears `\Deleted`: it is asked
//! first who bears it, and sent only when those are all ours.

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

/// EXPUNGE, when `deleted`, the messages that bear `\Deleted`, are all among `ours`.
pub(crate) fn fallback(ours: &UidSet, deleted: &UidSet) -> Option<CommandText> {
    // Both are ranges, and ours may be broken into many: no UID is walked one by one.
    let mut both = ours.clone();
    for (first, last) in deleted.ranges() {
        both.insert_range(first, last);
    }
    (both == *ours).then(|| CommandText::new("EXPUNGE"))
}
