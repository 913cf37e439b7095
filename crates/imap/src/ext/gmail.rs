//! X-GM-EXT-1: Gmail's own words, in no RFC (developers.google.com/workspace/gmail/imap). One message
//! stands in many mailboxes there; X-GM-MSGID tells that it is one, X-GM-LABELS where it stands.
//!
//! Without it every mailbox's copy is a message of its own.

use crate::capability::{Capabilities, Capability};
use crate::cursor::{Cursor, Parsed, Value};
use crate::wire_name::decode_name;

/// Labels of one message that are read; Gmail allows 10,000 in an account, and people use few.
const MAX_LABELS: usize = 1_024;

/// What FETCH is asked for.
pub(crate) fn items(capabilities: &Capabilities) -> Option<&'static str> {
    let able = capabilities.has(Capability::XGmExt1);
    able.then_some("X-GM-MSGID X-GM-LABELS")
}

/// Reads `("\\Inbox" Work "a b")`: strings and atoms in modified UTF-7. What is no string is left
/// out; `None` when there is no list at all.
pub(crate) fn parse_labels(cursor: &mut Cursor<'_>) -> Parsed<Option<Vec<String>>> {
    if !cursor.eat(b'(') {
        cursor.skip_value()?;
        return Ok(None);
    }
    let mut labels = Vec::new();
    loop {
        cursor.skip_spaces();
        match cursor.peek() {
            Some(b')') => {
                cursor.eat(b')');
                return Ok(Some(labels));
            }
            Some(b'(') => cursor.skip_value()?,
            _ => match cursor.value()? {
                Value::Octets(label) if labels.len() < MAX_LABELS => {
                    labels.push(decode_name(&label));
                }
                Value::Octets(_) | Value::Nil | Value::Streamed(_) => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Malformed;

    fn labels(text: &str) -> Parsed<Option<Vec<String>>> {
        parse_labels(&mut Cursor::over(text.as_bytes()))
    }

    #[test]
    fn labels_of_every_shape() {
        let list = |words: &[&str]| Ok(Some(words.iter().map(|w| (*w).to_owned()).collect()));
        assert_eq!(labels("()"), list(&[]));
        assert_eq!(
            labels("(\"\\\\Inbox\" \\Sent  Work \"a b\" Entw&APw-rfe {3}\r\na)b inbox)"),
            list(&[
                "\\Inbox",
                "\\Sent",
                "Work",
                "a b",
                "Entwürfe",
                "a)b",
                "inbox"
            ])
        );
        assert_eq!(labels("(a (b c) NIL \"&\" \"\")"), list(&["a", "&", ""]));
        assert_eq!(labels("NIL"), Ok(None));
        for text in ["", "(", "(a", "(\"a"] {
            assert_eq!(labels(text), Err(Malformed), "{text}");
        }
    }
}
