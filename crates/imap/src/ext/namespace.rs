//! NAMESPACE (RFC 2342): where mailboxes of other users and shared ones begin.
//!
//! Dovecot and Cyrus show them in `LIST "" "*"`, Courier and UW do not: those are listed by their
//! prefix. Without it the plain listing is all there is.

use crate::capability::{Capabilities, Capability};
use crate::cursor::{Cursor, Malformed, Parsed, Value};
use crate::encode::CommandText;
use crate::memory::MAX_NAMESPACES;
use crate::wire_name::WireName;

/// Nested lists of one namespace that are skipped as extensions (§5).
const MAX_EXTENSIONS: usize = 32;

/// The command, where the server knows it.
pub(crate) fn command(capabilities: &Capabilities) -> Option<CommandText> {
    let able = capabilities.has(Capability::Namespace);
    able.then(|| CommandText::new("NAMESPACE"))
}

/// Reads the prefixes of all three kinds of namespaces. Those that name nothing to look below are left out:
/// empty ones, and ones without a delimiter at their end (UW's `~` and `#mhinbox`).
pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Vec<WireName>> {
    let mut prefixes = Vec::new();
    for _kind in 0..3 {
        cursor.skip_spaces();
        if cursor.peek() != Some(b'(') {
            match cursor.value()? {
                Value::Nil => continue,
                Value::Octets(_) | Value::Streamed(_) => return Err(Malformed),
            }
        }
        cursor.expect(b'(')?;
        loop {
            cursor.skip_spaces();
            if cursor.eat(b')') {
                break;
            }
            let prefix = parse_one(cursor)?;
            prefixes.extend(prefix.filter(|_| prefixes.len() < MAX_NAMESPACES));
        }
    }
    Ok(prefixes)
}

fn parse_one(cursor: &mut Cursor<'_>) -> Parsed<Option<WireName>> {
    cursor.expect(b'(')?;
    cursor.skip_spaces();
    let prefix = cursor.string()?;
    cursor.skip_spaces();
    let delimiter = match cursor.value()? {
        Value::Octets(delimiter) => delimiter.into_owned(),
        Value::Nil | Value::Streamed(_) => Vec::new(),
    };
    for _ in 0..MAX_EXTENSIONS {
        cursor.skip_spaces();
        if cursor.eat(b')') {
            let inner = prefix.len() > delimiter.len() && !delimiter.is_empty();
            let prefix = (inner && prefix.ends_with(&delimiter)).then_some(prefix);
            return Ok(prefix.map(|prefix| WireName::from_octets(&prefix)));
        }
        cursor.skip_value()?;
    }
    Err(Malformed)
}

/// Whether a listing that shows `name` reaches below `prefix`.
pub(crate) fn covers(name: &WireName, prefix: &WireName) -> bool {
    let (name, prefix) = (name.octets(), prefix.octets());
    // The mailbox `INBOX` is the top of the namespace `INBOX.`; its name has no case.
    let (_delimiter, top) = prefix.split_last().unwrap_or((&0, prefix));
    let start = name.get(..prefix.len());
    name.eq_ignore_ascii_case(top) || start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(text: &str) -> Parsed<Vec<String>> {
        let prefixes = parse(&mut Cursor::over(text.as_bytes()))?;
        Ok(prefixes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn prefixes_of_many_servers() {
        for (text, expected) in [
            ("((\"\" \"/\")) NIL NIL", &[][..]),
            (
                "((\"INBOX.\" \".\")) NIL ((\"#shared.\" \".\")(\"shared.\" \".\"))",
                &["INBOX.", "#shared.", "shared."],
            ),
            (
                "((\"\" \"/\")) ((\"Other Users/\" \"/\")) ((\"Shared Folders/\" \"/\"))",
                &["Other Users/", "Shared Folders/"],
            ),
            // RFC 2342 §5, example 7: UW, with an extension.
            (
                "((\"\" \"/\")(\"#mh/\" \"/\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\"))) ((\"~\" \"/\")) ((\"#mhinbox\" NIL))",
                &["#mh/"],
            ),
            ("nil NIL ( ( {7}\r\nshared\\ \"\\\\\") )", &["shared\\x5C"]),
        ] {
            assert_eq!(
                prefixes(text).as_deref(),
                Ok(expected
                    .iter()
                    .map(|p| (*p).to_owned())
                    .collect::<Vec<_>>()
                    .as_slice()),
                "{text}"
            );
        }
        for text in ["", "NIL NIL", "((\"\" \"/\"", "() x NIL", "((\"a/\"))"] {
            assert_eq!(prefixes(text), Err(Malformed), "{text}");
        }
        let many = format!("NIL NIL ({})", "(\"a/\" \"/\")".repeat(1_000));
        assert_eq!(prefixes(&many).unwrap().len(), MAX_NAMESPACES);
    }

    #[test]
    fn what_a_listing_covers() {
        let covers = |name: &str, prefix: &str| {
            covers(
                &WireName::from_octets(name.as_bytes()),
                &WireName::from_octets(prefix.as_bytes()),
            )
        };
        assert!(covers("INBOX", "INBOX.") && covers("inbox.Sent", "INBOX."));
        assert!(covers("shared.team", "shared.") && covers("shared", "shared."));
        assert!(!covers("INBOX", "#shared.") && !covers("sharedby", "shared."));
    }
}
