//! UID FETCH: what we ask of messages, and the rows that come back (RFC 9051 §6.4.5, §7.5.2).

use crate::capability::Capabilities;
use crate::cursor::{Cursor, Malformed, Parsed, Value};
use crate::date::parse_internal_date;
use crate::encode::CommandText;
use crate::ext::{condstore, gmail, object_id};
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
    /// EMAILID. Requires OBJECTID (RFC 8474).
    pub email_id: Option<String>,
    /// X-GM-MSGID. Requires X-GM-EXT-1.
    pub gmail_msg_id: Option<u64>,
    /// X-GM-LABELS, decoded. Requires X-GM-EXT-1.
    pub gmail_labels: Option<Vec<String>>,
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

/// What is asked about each message besides its flags. What the server cannot tell is not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one item of a FETCH, and any of them may be wanted"
)]
pub struct RowItems {
    /// RFC822.SIZE.
    pub size: bool,
    /// INTERNALDATE.
    pub internal_date: bool,
    /// X-GM-MSGID and X-GM-LABELS. Requires X-GM-EXT-1.
    pub gmail: bool,
    /// EMAILID. Requires OBJECTID (RFC 8474).
    pub email_id: bool,
}

/// What Gmail says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GmailRow {
    /// X-GM-MSGID: the same in every mailbox that shows the message.
    pub msg_id: u64,
    /// X-GM-LABELS, decoded to UTF-8; system labels as they are (`\\Inbox`). The mailbox that was asked
    /// is not among them.
    pub labels: Vec<String>,
}

/// What FLAGS says of a message, and what else was asked for. `None`: the server did not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagsRow {
    /// The message.
    pub uid: Uid,
    /// Its flags at the server.
    pub flags: FlagSet,
    /// Its mod-sequence. Requires CONDSTORE (RFC 7162).
    pub mod_seq: Option<ModSeq>,
    /// RFC822.SIZE. It may lie (R7): it decides nothing.
    pub size_octets: Option<u64>,
    /// INTERNALDATE; `None` also when it is no date.
    pub internal_date: Option<UnixTime>,
    /// Requires X-GM-EXT-1.
    pub gmail: Option<GmailRow>,
    /// EMAILID: the same for the same octets in every mailbox. Requires OBJECTID (RFC 8474).
    pub email_id: Option<String>,
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
pub(crate) fn flags_command(
    uids: &UidSet,
    items: &str,
    changed_since: Option<ModSeq>,
) -> CommandText {
    let mut command = CommandText::new("UID FETCH ");
    command.text(&format!("{uids} ({items})"));
    condstore::changed_since(&mut command, changed_since);
    command
}

impl RowItems {
    /// What the server can tell of this, on the wire.
    pub(crate) fn on_wire(self, capabilities: &Capabilities) -> String {
        let gmail = gmail::items(capabilities).filter(|_| self.gmail);
        let email_id = object_id::fetch_item(capabilities).filter(|_| self.email_id);
        let items = [
            Some("UID FLAGS"),
            self.size.then_some("RFC822.SIZE"),
            self.internal_date.then_some("INTERNALDATE"),
            gmail,
            email_id,
        ];
        let items: Vec<_> = items.into_iter().flatten().collect();
        items.join(" ")
    }
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
            b"RFC822.SIZE" => row.size_octets = number(cursor)?,
            b"EMAILID" => row.email_id = object_id::parse(cursor)?,
            b"X-GM-MSGID" => row.gmail_msg_id = number(cursor)?,
            b"X-GM-LABELS" => row.gmail_labels = gmail::parse_labels(cursor)?,
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

/// A number that is none, or negative (seen from broken indexes), is not told.
fn number(cursor: &mut Cursor<'_>) -> Parsed<Option<u64>> {
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
            size_octets: self.size_octets,
            internal_date: self.internal_date,
            gmail: self.as_gmail(),
            email_id: self.email_id.clone(),
        })
    }

    /// Both or nothing: labels that were not told are not the same as none.
    fn as_gmail(&self) -> Option<GmailRow> {
        Some(GmailRow {
            msg_id: self.gmail_msg_id?,
            labels: self.gmail_labels.clone()?,
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
mod tests;
