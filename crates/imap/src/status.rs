//! STATUS: what a mailbox looks like from outside (RFC 9051 §6.3.11, §7.3.4).

use crate::capability::{Capabilities, Capability};
use crate::cursor::{Cursor, Parsed, Value, parse_number};
use crate::dialect::Dialect;
use crate::encode::{CommandText, EncodeError};
use crate::ext::append_limit;
use crate::wire_name::WireName;
use postrider_core::mod_seq::ModSeq;
use postrider_core::uid::{Uid, UidValidity};

/// What a server says of a mailbox without selecting it. Each part only when it said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxStatus {
    /// How many messages it holds.
    pub messages: Option<u32>,
    /// The UID that the next message will have at least.
    pub uid_next: Option<Uid>,
    /// The epoch of its UIDs.
    pub uid_validity: Option<UidValidity>,
    /// How many octets a message may have that is appended. Requires APPENDLIMIT (RFC 7889), in the
    /// form that speaks for single mailboxes.
    pub append_limit: Option<u64>,
    /// Requires CONDSTORE (RFC 7162).
    pub highest_mod_seq: Option<ModSeq>,
}

/// A STATUS response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusRow {
    /// The mailbox.
    pub wire_name: WireName,
    /// What was said.
    pub status: MailboxStatus,
}

/// The items we ask for. Not MAILBOXID, which SELECT tells as well: `Quirk::MailboxIdOfFreedMemory`.
pub(crate) fn items(capabilities: &Capabilities) -> String {
    let has = |capability| capabilities.has(capability);
    let mod_seq = has(Capability::Condstore).then_some(" HIGHESTMODSEQ");
    let mod_seq = mod_seq.unwrap_or_default();
    let limit = append_limit::status_item(capabilities);
    format!("(MESSAGES UIDNEXT UIDVALIDITY{mod_seq}{limit})")
}

pub(crate) fn command(
    dialect: &Dialect<'_>,
    mailbox: &WireName,
) -> Result<CommandText, EncodeError> {
    let mut command = CommandText::new("STATUS ");
    dialect.mailbox(&mut command, mailbox)?;
    command.text(" ");
    command.text(&items(dialect.capabilities));
    Ok(command)
}

pub(crate) fn parse_status(cursor: &mut Cursor<'_>) -> Parsed<StatusRow> {
    let name = cursor.string()?;
    let wire_name = WireName::from_octets(&name);
    let mut status = MailboxStatus::default();
    cursor.skip_spaces();
    cursor.expect(b'(')?;
    loop {
        cursor.skip_spaces();
        if cursor.eat(b')') {
            return Ok(StatusRow { wire_name, status });
        }
        let item = cursor.word().to_ascii_uppercase();
        cursor.skip_spaces();
        let number = match cursor.peek() {
            Some(b'(') => {
                cursor.skip_value()?;
                None
            }
            _ => match cursor.value()? {
                Value::Octets(digits) => parse_number(&digits).ok(),
                Value::Nil | Value::Streamed(_) => None,
            },
        };
        let small = number.and_then(|number| u32::try_from(number).ok());
        match item.as_slice() {
            b"MESSAGES" => status.messages = small,
            b"UIDNEXT" => status.uid_next = small.and_then(Uid::new),
            b"UIDVALIDITY" => status.uid_validity = small.and_then(UidValidity::new),
            b"APPENDLIMIT" => status.append_limit = number,
            b"HIGHESTMODSEQ" => status.highest_mod_seq = number.and_then(ModSeq::new),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Malformed;

    fn status(text: &str) -> Parsed<StatusRow> {
        parse_status(&mut Cursor::over(text.as_bytes()))
    }

    #[test]
    fn known_items_are_read_and_others_skipped() {
        let row = status("\"a b\" (MESSAGES 231  UIDNEXT 44292 X (1 2) UIDVALIDITY 7 MAILBOXID (F1) HIGHESTMODSEQ 0 SIZE -1)").unwrap();
        assert_eq!(row.wire_name, WireName::from_octets(b"a b"));
        assert_eq!(row.status.messages, Some(231));
        assert_eq!(row.status.uid_next, Uid::new(44_292));
        assert_eq!(row.status.uid_validity, UidValidity::new(7));
        assert_eq!(row.status.highest_mod_seq, None);
        let limit = |text: &str| status(text).unwrap().status.append_limit;
        assert_eq!(limit("a (APPENDLIMIT 250)"), Some(250));
        assert_eq!(limit("a (APPENDLIMIT NIL)"), None);
    }

    #[test]
    fn a_row_without_its_end_is_malformed() {
        for text in [
            "",
            "a",
            "a (",
            "a (MESSAGES",
            "a (MESSAGES 1",
            "(MESSAGES 1)",
        ] {
            assert_eq!(status(text), Err(Malformed), "{text}");
        }
    }
}
