//! UID FETCH: what we ask of messages, and the rows that come back (RFC 9051 §6.4.5, §7.5.2).

use crate::cursor::{Cursor, Malformed, Parsed, Value};
use crate::date::parse_internal_date;
use crate::encode::CommandText;
use crate::ext::condstore;
use crate::select::parse_flags;
use postrider_core::flag::FlagSet;
use postrider_core::mod_seq::ModSeq;
use postrider_core::plan::uid_validity::Likeness;
use postrider_core::time::UnixTime;
use postrider_core::uid::{Uid, UidSet};

/// One message's row, as far as we read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchRow {
    /// UID; `None` when the server left it out, or named two different ones in one row.
    pub uid: Option<Uid>,
    /// FLAGS.
    pub flags: Option<FlagSet>,
    /// MODSEQ. Requires CONDSTORE (RFC 7162).
    pub mod_seq: Option<ModSeq>,
    /// INTERNALDATE, when it was a date.
    pub internal_date: Option<UnixTime>,
    /// RFC822.SIZE. It may lie (R7): it decides nothing.
    pub size_octets: Option<u64>,
    /// The header fields asked for, as sent.
    pub header: Option<Vec<u8>>,
    /// `BODY[]`.
    pub body: Option<Body>,
}

/// What stood in the place of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A quoted string: some servers send short and empty messages so.
    Inline(Vec<u8>),
    /// `NIL`: the server has no such body. Never an empty message.
    Nil,
    /// A literal of so many octets, handed out while it arrived.
    Streamed(u64),
}

/// What FLAGS says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagsRow {
    /// The message.
    pub uid: Uid,
    /// Its flags at the server.
    pub flags: FlagSet,
    /// Its mod-sequence. Requires CONDSTORE (RFC 7162).
    pub mod_seq: Option<ModSeq>,
}

/// What tells a message from others without its octets: for matching it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactsRow {
    /// The message.
    pub uid: Uid,
    /// Its flags at the server; `None` when the server did not say.
    pub flags: Option<FlagSet>,
    /// Message-ID, size and date.
    pub likeness: Likeness,
}

/// A message whose body has arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The message.
    pub uid: Uid,
    /// Its flags at the server; `None` when the server did not say.
    pub flags: Option<FlagSet>,
    /// INTERNALDATE; `None` when missing or no date.
    pub internal_date: Option<UnixTime>,
    /// RFC822.SIZE. It may lie (R7): it decides nothing.
    pub size_octets: Option<u64>,
    /// The octets of the body that were handed out: all that the server announced.
    pub octets: u64,
}

/// Flags of messages. CHANGEDSINCE goes along when the server has it; without it every row comes,
/// which is the same answer at a higher price.
pub(crate) fn flags_command(uids: &UidSet, changed_since: Option<ModSeq>) -> CommandText {
    let mut command = CommandText::new("UID FETCH ");
    command.text(&format!("{uids} (UID FLAGS)"));
    condstore::changed_since(&mut command, changed_since);
    command
}

/// What tells messages apart, without their octets.
pub(crate) fn facts_command(uids: &UidSet) -> CommandText {
    let mut command = CommandText::new("UID FETCH ");
    command.text(&format!(
        "{uids} (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"
    ));
    command
}

/// Whole messages. PEEK, so that fetching never sets `\Seen`.
pub(crate) fn bodies_command(uids: &UidSet) -> CommandText {
    let mut command = CommandText::new("UID FETCH ");
    command.text(&format!(
        "{uids} (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"
    ));
    command
}

pub(crate) fn parse_fetch(cursor: &mut Cursor<'_>) -> Parsed<FetchRow> {
    let mut row = FetchRow::default();
    let mut two_uids = false;
    cursor.expect(b'(')?;
    loop {
        cursor.skip_spaces();
        if cursor.eat(b')') {
            break;
        }
        let name = cursor.item_name()?.to_ascii_uppercase();
        cursor.skip_spaces();
        match name.as_slice() {
            b"UID" => {
                let uid = Uid::new(cursor.number32()?).ok_or(Malformed)?;
                two_uids |= row.uid.is_some_and(|other| other != uid);
                row.uid = Some(uid);
            }
            b"FLAGS" => row.flags = Some(parse_flags(cursor)?.0),
            b"INTERNALDATE" => {
                if let Value::Octets(date) = cursor.value()? {
                    row.internal_date = parse_internal_date(&date);
                }
            }
            b"RFC822.SIZE" => row.size_octets = size(cursor)?,
            b"MODSEQ" => row.mod_seq = condstore::parse_mod_seq(cursor)?,
            name if is_body(name) => row.body = Some(body(cursor)?),
            name if name.starts_with(b"BODY[HEADER") => {
                if let Value::Octets(octets) = cursor.value()? {
                    row.header = Some(octets.into_owned());
                }
            }
            _ => cursor.skip_value()?,
        }
    }
    if two_uids {
        row.uid = None;
    }
    Ok(row)
}

/// A size that is no number, or negative (seen from broken indexes), is no size.
fn size(cursor: &mut Cursor<'_>) -> Parsed<Option<u64>> {
    match cursor.value()? {
        Value::Octets(digits) => Ok(crate::cursor::parse_number(&digits).ok()),
        Value::Nil => Ok(None),
        Value::Streamed(_) => Err(Malformed),
    }
}

fn is_body(name: &[u8]) -> bool {
    let name = match name.iter().rposition(|octet| *octet == b'<') {
        Some(at) => name.get(..at).unwrap_or_default(),
        None => name,
    };
    matches!(name, b"BODY[]" | b"BINARY[]" | b"RFC822")
}

fn body(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    Ok(match cursor.value()? {
        Value::Nil => Body::Nil,
        Value::Octets(octets) => Body::Inline(octets.into_owned()),
        Value::Streamed(octets) => Body::Streamed(octets),
    })
}

impl FetchRow {
    /// The row as an answer about flags.
    pub(crate) fn as_flags(&self) -> Option<FlagsRow> {
        Some(FlagsRow {
            uid: self.uid?,
            flags: self.flags.clone()?,
            mod_seq: self.mod_seq,
        })
    }

    /// The row as an answer about a message's facts.
    pub(crate) fn as_facts(&self) -> Option<FactsRow> {
        Some(FactsRow {
            uid: self.uid?,
            flags: self.flags.clone(),
            likeness: Likeness {
                message_id: self.header.as_deref().and_then(message_id),
                size_octets: self.size_octets,
                internal_date: self.internal_date,
            },
        })
    }
}

/// The Message-ID of a header block without its angle brackets, folded lines joined; `None` when
/// there is none, or nothing in it.
fn message_id(header: &[u8]) -> Option<String> {
    let mut value: Option<Vec<u8>> = None;
    for line in header.split(|octet| *octet == b'\n') {
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        match (&mut value, folded) {
            (Some(value), true) => value.extend_from_slice(line.trim_ascii()),
            (Some(_), false) => break,
            (None, _) => value = message_id_field(line),
        }
    }
    let value = String::from_utf8_lossy(&value?).into_owned();
    let inner = value.trim_start_matches('<').trim_end_matches('>');
    (!inner.is_empty()).then(|| inner.to_owned())
}

/// The first line of the field, if this is it.
fn message_id_field(line: &[u8]) -> Option<Vec<u8>> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let (name, rest) = line.split_at_checked(colon)?;
    let named = name.trim_ascii().eq_ignore_ascii_case(b"Message-ID");
    named.then(|| {
        rest.strip_prefix(b":")
            .unwrap_or(rest)
            .trim_ascii()
            .to_vec()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Parsed<FetchRow> {
        parse_fetch(&mut Cursor::over(text.as_bytes()))
    }

    #[test]
    fn a_row_is_read_in_any_order_and_with_strangers_in_it() {
        let row = row(
            "(X-GM-LABELS (\"\\\\Inbox\" \"a b\") FLAGS  (\\Seen $MDNSent)  MODSEQ (12) \
             ENVELOPE (NIL \"s\" ((NIL NIL \"a\" \"b\"))) RFC822.SIZE 44 X NIL \
             INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" UID 9 UID 9)\r\n",
        )
        .unwrap();
        assert_eq!(row.uid, Uid::new(9));
        assert_eq!(row.flags.unwrap().to_string(), "\\Seen $MDNSent");
        assert_eq!(row.mod_seq, ModSeq::new(12));
        assert_eq!(row.size_octets, Some(44));
        assert_eq!(row.internal_date, Some(UnixTime::from_seconds(837_596_665)));
        assert_eq!(row.body, None);
    }

    #[test]
    fn a_row_that_names_two_messages_names_none() {
        assert_eq!(row("(UID 9 UID 8 FLAGS ())").unwrap().uid, None);
    }

    #[test]
    fn nil_is_no_body_and_a_quoted_one_is() {
        let body = |text: &str| row(text).unwrap().body;
        assert_eq!(body("(UID 1 BODY[] NIL)"), Some(Body::Nil));
        assert_eq!(body("(UID 1 BODY[] \"\")"), Some(Body::Inline(Vec::new())));
        assert_eq!(
            body("(RFC822 \"a\\\"b\")"),
            Some(Body::Inline(b"a\"b".to_vec()))
        );
        assert_eq!(
            body("(BODY[]<0> {2}\r\nhi)"),
            Some(Body::Inline(b"hi".to_vec()))
        );
        assert_eq!(body("(BODY (\"text\" \"plain\" NIL) UID 1)"), None);
    }

    #[test]
    fn broken_rows_are_malformed_and_bad_values_only_missing() {
        for text in [
            "",
            "(",
            "(UID",
            "(UID 0)",
            "(UID x)",
            "(FLAGS (\\Seen)",
            "()x",
            "(X",
        ] {
            let empty = Ok(FetchRow::default());
            let parsed = row(text);
            assert!(parsed.is_err() || parsed == empty, "{text:?}: {parsed:?}");
        }
        let odd = row("(RFC822.SIZE -1 INTERNALDATE \"soon\" UID 3)").unwrap();
        assert_eq!((odd.size_octets, odd.internal_date), (None, None));
    }

    #[test]
    fn message_ids_are_found_folded_or_not() {
        for (header, id) in [
            ("Message-ID: <a@b>\r\n\r\n", Some("a@b")),
            ("MESSAGE-ID:\r\n\t<a@b>\r\n\r\n", Some("a@b")),
            ("Message-Id : a@b\r\n", Some("a@b")),
            ("Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n", Some("a@b")),
            ("Message-ID: <>\r\n\r\n", None),
            ("Message-ID:", None),
            ("\r\n", None),
            ("", None),
        ] {
            let length = header.len();
            let item = "BODY[HEADER.FIELDS (MESSAGE-ID)]";
            let row = row(&format!("(UID 1 {item} {{{length}}}\r\n{header})")).unwrap();
            let facts = row.as_facts().unwrap();
            assert_eq!(facts.likeness.message_id.as_deref(), id, "{header:?}");
        }
    }
}
