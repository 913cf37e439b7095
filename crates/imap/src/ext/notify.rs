//! NOTIFY (RFC 5465): the server tells of many mailboxes on one connection, as soon as something happens in
//! them, whatever else is asked meanwhile.
//!
//! The server says first what they look like (STATUS, §3.1), so that nothing is missed between a listing and
//! this. Of a mailbox that is open nothing is told: none is, while we listen. A server that will not tell
//! all that is asked (BADEVENT) or that cannot keep up (NOTIFICATIONOVERFLOW) tells nothing.
//!
//! Without it the caller listens to one mailbox by IDLE.

use crate::capability::Capability;
use crate::dialect::Dialect;
use crate::encode::{CommandText, EncodeError};
use crate::session::Session;
use crate::wire_name::WireName;

impl Session {
    /// Whether the server can tell of many mailboxes, and of this session's too when none is open.
    #[must_use]
    pub const fn can_notify(&self) -> bool {
        self.capabilities.has(Capability::Notify) && self.capabilities.has(Capability::Unselect)
    }

    /// Whether the server tells of many mailboxes, as far as we know.
    #[must_use]
    pub const fn is_notifying(&self) -> bool {
        self.listening.notifying
    }
}

/// Ends what is in force.
pub(crate) fn end_command() -> CommandText {
    CommandText::new("NOTIFY NONE")
}

/// The command; `None` where the server lacks it. So many names that a line would be too long
/// (RFC 7162 §4) are all of the user's.
pub(crate) fn command(
    dialect: &Dialect<'_>,
    mailboxes: &[WireName],
) -> Result<Option<CommandText>, EncodeError> {
    if mailboxes.is_empty() || !dialect.capabilities.has(Capability::Notify) {
        return Ok(None);
    }
    let octets: usize = mailboxes.iter().map(|name| name.octets().len() + 3).sum();
    let mut command = CommandText::new("NOTIFY SET STATUS (");
    if octets > dialect.limits.set_octets {
        command.text("personal");
    } else {
        command.text("mailboxes (");
        for (at, mailbox) in mailboxes.iter().enumerate() {
            if at > 0 {
                command.text(" ");
            }
            dialect.mailbox(&mut command, mailbox)?;
        }
        command.text(")");
    }
    // Of flags in a mailbox that is not open only a mod-sequence can tell (§5.4).
    let flags = if dialect.capabilities.has(Capability::Condstore) {
        " FlagChange"
    } else {
        ""
    };
    command.text(&format!(" (MessageNew MessageExpunge{flags}))"));
    Ok(Some(command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Capabilities;
    use crate::ext::enable::Enabled;
    use crate::limits::Limits;

    fn shown(capabilities: &str, mailboxes: &[&str]) -> Option<String> {
        let words = capabilities.split(' ').map(str::to_owned).collect();
        let dialect = Dialect {
            capabilities: &Capabilities::from_words(words),
            enabled: Enabled::default(),
            limits: Limits::default(),
            namespaces: &[],
            named: true,
        };
        let names: Vec<_> = mailboxes
            .iter()
            .map(|name| WireName::encode(name))
            .collect();
        let command = command(&dialect, &names).unwrap();
        command.map(|command| command.shown())
    }

    #[test]
    fn mailboxes_are_named_and_flags_asked_for_where_they_can_be_told() {
        let both = shown("NOTIFY CONDSTORE", &["INBOX", "a b"]);
        assert_eq!(
            both.as_deref(),
            Some(
                "NOTIFY SET STATUS (mailboxes (\"INBOX\" \"a b\") (MessageNew MessageExpunge FlagChange))"
            )
        );
        let one = shown("NOTIFY", &["INBOX"]);
        assert_eq!(
            one.as_deref(),
            Some("NOTIFY SET STATUS (mailboxes (\"INBOX\") (MessageNew MessageExpunge))")
        );
        assert_eq!(shown("NOTIFY", &[]), None);
        assert_eq!(shown("IDLE", &["INBOX"]), None);
    }

    #[test]
    fn very_many_mailboxes_are_all_of_the_users() {
        let names: Vec<String> = (0..1_000).map(|n| format!("Archive/{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let many = shown("NOTIFY", &names).unwrap();
        assert_eq!(
            many,
            "NOTIFY SET STATUS (personal (MessageNew MessageExpunge))"
        );
    }
}
