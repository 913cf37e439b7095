//! How we may talk to a server at this moment.

use crate::capability::Capabilities;
use crate::encode::{CommandText, EncodeError};
use crate::ext::enable::Enabled;
use crate::limits::Limits;
use crate::wire_name::WireName;

/// What decides how a step is put into words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect<'s> {
    pub(crate) capabilities: &'s Capabilities,
    pub(crate) enabled: Enabled,
    pub(crate) limits: Limits,
    /// Prefixes that are listed besides.
    pub(crate) namespaces: &'s [WireName],
    /// Whether this session has already said who we are.
    pub(crate) named: bool,
}

impl Dialect<'_> {
    /// Adds a mailbox's name.
    pub(crate) fn mailbox(
        &self,
        command: &mut CommandText,
        mailbox: &WireName,
    ) -> Result<(), EncodeError> {
        if self.enabled.utf8 {
            return command.utf8_string(&mailbox.utf8_octets(), self.capabilities);
        }
        command.string(mailbox.octets(), self.capabilities)
    }
}
