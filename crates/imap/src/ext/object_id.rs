//! OBJECTID (RFC 8474): names for mailboxes and messages that outlive renaming and moving.
//!
//! Without it a renamed mailbox is found by what is in it, and a moved message by its octets.

use crate::capability::{Capabilities, Capability};
use crate::cursor::{Cursor, Parsed, Value};

/// What FETCH is asked for, §5.1.
pub(crate) fn fetch_item(capabilities: &Capabilities) -> Option<&'static str> {
    capabilities.has(Capability::ObjectId).then_some("EMAILID")
}

/// Reads `(M6d99ac3275bb4e)`; what is no `objectid` (§7) is no identity, nor is NIL, which §5.3 gives
/// to messages without one.
pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Option<String>> {
    if !cursor.eat(b'(') {
        cursor.skip_value()?;
        return Ok(None);
    }
    cursor.skip_spaces();
    let id = match cursor.value()? {
        Value::Octets(octets) => object_id(&octets),
        Value::Nil | Value::Streamed(_) => None,
    };
    cursor.skip_spaces();
    cursor.expect(b')')?;
    Ok(id)
}

/// The text of an `objectid`: 1 to 255 letters, digits, `_` and `-`.
pub(crate) fn object_id(octets: &[u8]) -> Option<String> {
    let safe = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
    let good = matches!(octets.len(), 1..=255) && octets.iter().all(safe);
    good.then(|| String::from_utf8_lossy(octets).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Malformed;

    #[test]
    fn identities() {
        let id = |text: &str| parse(&mut Cursor::over(text.as_bytes()));
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(id("(M6d99ac3275bb4e)"), some("M6d99ac3275bb4e"));
        assert_eq!(id("( a_-9 )"), some("a_-9"));
        for none in ["NIL", "(NIL)", "(\"a b\")", "(\"\")", "(a.b)", "x"] {
            assert_eq!(id(none), Ok(None), "{none}");
        }
        assert_eq!(id(&format!("({})", "a".repeat(256))), Ok(None));
        for broken in ["", "(", "()", "(a b)", "(a"] {
            assert_eq!(id(broken), Err(Malformed), "{broken}");
        }
    }
}
