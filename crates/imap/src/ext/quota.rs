//! QUOTA (RFC 9208, RFC 2087): how full the box is.
//!
//! Without it nobody knows, and no rule by quota lets anything go.

use crate::capability::Capability;
use crate::cursor::{Cursor, Malformed, Parsed, Value, parse_number};
use crate::dialect::Dialect;
use crate::encode::{CommandText, EncodeError};
use crate::wire_name::WireName;

/// What one quota root says. A mailbox may have several; what is not limited is not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// The root's name: mailboxes that share it share the room.
    pub root: String,
    /// `STORAGE` in octets: used and allowed.
    pub octets: Option<(u64, u64)>,
    /// `MESSAGE`: used and allowed.
    pub messages: Option<(u64, u64)>,
}

/// RFC 9208 §5.1: STORAGE is in units of 1,024 octets.
const STORAGE_UNIT: u64 = 1_024;
/// Resources of one root that are read; RFC 9208 knows four.
const MAX_RESOURCES: usize = 32;

/// GETQUOTAROOT, when the server has it.
pub(crate) fn command(
    dialect: &Dialect<'_>,
    mailbox: &WireName,
) -> Result<Option<CommandText>, EncodeError> {
    if !dialect.capabilities.has(Capability::Quota) {
        return Ok(None);
    }
    let mut command = CommandText::new("GETQUOTAROOT ");
    dialect.mailbox(&mut command, mailbox)?;
    Ok(Some(command))
}

/// Reads `"root" (STORAGE 10 512 MESSAGE 20 100)`.
pub(crate) fn parse_quota(cursor: &mut Cursor<'_>) -> Parsed<Quota> {
    let mut quota = Quota {
        root: String::from_utf8_lossy(&cursor.string()?).into_owned(),
        ..Quota::default()
    };
    cursor.skip_spaces();
    cursor.expect(b'(')?;
    for _ in 0..MAX_RESOURCES {
        cursor.skip_spaces();
        if cursor.eat(b')') {
            return Ok(quota);
        }
        let resource = cursor.word().to_ascii_uppercase();
        let (used, limit) = (number(cursor)?, number(cursor)?);
        match resource.as_slice() {
            b"STORAGE" => {
                let octets = |units: u64| units.saturating_mul(STORAGE_UNIT);
                quota.octets = Some((octets(used), octets(limit)));
            }
            b"MESSAGE" => quota.messages = Some((used, limit)),
            _ => {}
        }
    }
    Err(Malformed)
}

fn number(cursor: &mut Cursor<'_>) -> Parsed<u64> {
    cursor.skip_spaces();
    match cursor.value()? {
        Value::Octets(digits) => parse_number(&digits),
        Value::Nil | Value::Streamed(_) => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Step;
    use crate::testing::{flown, logged_in};

    fn quota(text: &str) -> Parsed<Quota> {
        parse_quota(&mut Cursor::over(text.as_bytes()))
    }

    #[test]
    fn what_is_limited_is_read_and_the_rest_skipped() {
        let full = quota("\"\" (STORAGE 10 512 X-OTHER 1 2  message 20 100)").unwrap();
        assert_eq!(full.octets, Some((10_240, 524_288)));
        assert_eq!(full.messages, Some((20, 100)));
        let none = quota("\"User quota\" ()").unwrap();
        assert_eq!((none.root.as_str(), none.octets), ("User quota", None));
        let huge = quota("root (STORAGE 18446744073709551615 1)").unwrap();
        assert_eq!(huge.octets, Some((u64::MAX, 1_024)));
    }

    #[test]
    fn a_row_that_breaks_off_is_malformed() {
        for text in [
            "",
            "\"\"",
            "\"\" (",
            "\"\" (STORAGE",
            "\"\" (STORAGE 10)",
            "\"\" (STORAGE x 10)",
            "\"\" (STORAGE -1 10)",
            "\"\" (STORAGE 1 10",
        ] {
            assert_eq!(quota(text), Err(Malformed), "{text}");
        }
        let many = format!("\"\" ({})", "X 1 2 ".repeat(40));
        assert_eq!(quota(&many), Err(Malformed));
    }

    #[tokio::test]
    async fn every_root_of_a_mailbox_is_told() {
        let script = "C: p1 GETQUOTAROOT \"INBOX\"\nS: * QUOTAROOT INBOX \"\" all\n\
            S: * QUOTA \"\" (STORAGE 1 2)\nS: * QUOTA all (MESSAGE 3 4)\nS: * QUOTA broken\nS: p1 OK";
        let (mut session, server) = logged_in("QUOTA", script).await;
        let events = flown(&mut session, [Step::Quota(WireName::encode("INBOX"))]).await;
        assert_eq!(
            events.unwrap(),
            [
                "0 quota \"\" Some((1024, 2048)) None",
                "0 quota \"all\" None Some((3, 4))",
                "0 unreadable Quota",
                "0 done"
            ]
        );
        server.await.unwrap();
        let (mut session, _server) = logged_in("", "S?").await;
        let events = flown(&mut session, [Step::Quota(WireName::encode("INBOX"))]).await;
        assert_eq!(
            events.unwrap(),
            ["0 refused not sent: the server lacks QUOTA"]
        );
    }
}
