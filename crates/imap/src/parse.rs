//! One response, from octets to a typed value.
//!
//! Forgiving: what is unknown is kept as [`Untagged::Unknown`], and what is known but unreadable as
//! [`Untagged::Malformed`], because the reader of a listing must learn that a row of it is missing
//! (R5: an unreadable row is not an absent one).

use crate::code::{Code, parse_code};
use crate::cursor::{Cursor, Malformed, Parsed, parse_number};
use crate::ext::namespace;
use crate::ext::qresync::{Vanished, parse_vanished};
use crate::ext::quota::{Quota, parse_quota};
use crate::fetch::{FetchRow, parse_fetch};
use crate::framer::RawResponse;
use crate::list::{ListRow, parse_list};
use crate::search::{Esearch, Search, parse_esearch, parse_search};
use crate::select::parse_flags;
use crate::status::{StatusRow, parse_status};
use crate::wire_name::WireName;
use postrider_core::flag::FlagSet;

/// Words of a list that are kept. Dovecot, the most able server there is, names about 50
/// capabilities.
pub(crate) const MAX_WORDS: usize = 512;

/// How a server judges a command or itself (RFC 9051 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `OK`.
    Ok,
    /// `NO`.
    No,
    /// `BAD`.
    Bad,
    /// `BYE`, untagged only.
    Bye,
    /// `PREAUTH`, untagged only.
    PreAuth,
}

/// A status response: verdict, machine-readable code, text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusText {
    /// The verdict.
    pub verdict: Verdict,
    /// The code in brackets.
    pub code: Option<Code>,
    /// The text; may be empty (`A1 NO` alone is seen, CVE-2018-14349). At most 1,024 octets.
    pub text: String,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// `+ …`: go on. SASL challenges stand here, so it is not escaped or shortened.
    Continuation(Vec<u8>),
    /// The end of one of our commands.
    Tagged {
        /// The tag as sent.
        tag: String,
        /// How it went.
        status: StatusText,
    },
    /// Anything else.
    Untagged(Untagged),
}

/// A response that starts with `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untagged {
    /// CAPABILITY, as sent.
    Capability(Vec<String>),
    /// ENABLED (RFC 5161), as sent.
    Enabled(Vec<String>),
    /// ESEARCH (RFC 4731).
    Esearch(Esearch),
    /// EXISTS.
    Exists(u32),
    /// EXPUNGE, by message number.
    Expunge(u32),
    /// FETCH.
    Fetch(Box<FetchRow>),
    /// FLAGS.
    Flags(FlagSet),
    /// ID (RFC 2971): keys and values.
    Id(Vec<(String, String)>),
    /// LIST, and XLIST, Gmail's old word for it.
    List(ListRow),
    /// LSUB.
    Lsub(ListRow),
    /// A response we know, that broke its own grammar.
    Malformed(Kind),
    /// NAMESPACE (RFC 2342): the prefixes below which mailboxes may be.
    Namespace(Vec<WireName>),
    /// QUOTA (RFC 9208).
    Quota(Quota),
    /// SEARCH.
    Search(Search),
    /// OK, NO, BAD, BYE, PREAUTH.
    Status(StatusText),
    /// STATUS of a mailbox.
    MailboxStatus(StatusRow),
    /// What we do not know, and what we could not have asked for (`* -1 EXISTS`).
    Unknown,
    /// VANISHED (RFC 7162 §3.2.10).
    Vanished(Vanished),
}

/// Which response was unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// FETCH.
    Fetch,
    /// LIST.
    List,
    /// QUOTA.
    Quota,
    /// SEARCH or ESEARCH.
    Search,
    /// STATUS.
    Status,
    /// VANISHED.
    Vanished,
}

/// The line is none of the three forms a response has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server sent a line that is no IMAP response")]
pub struct NotAResponse {
    /// The beginning of the line, as sent.
    pub text: String,
}

/// Reads a response.
///
/// # Errors
/// [`NotAResponse`] when it begins neither with `*`, nor `+`, nor a tag and a verdict.
pub fn parse(raw: &RawResponse) -> Result<Response, NotAResponse> {
    let mut cursor = Cursor::new(raw);
    cursor.skip_spaces();
    if cursor.eat(b'+') {
        cursor.skip_spaces();
        return Ok(Response::Continuation(continuation(raw)));
    }
    let not_a_response = || NotAResponse {
        text: Cursor::new(raw).text(),
    };
    let tag = cursor.word();
    if tag == b"*" {
        return Ok(Response::Untagged(untagged(&mut cursor)));
    }
    cursor.skip_spaces();
    let verdict = verdict(cursor.word()).ok_or_else(not_a_response)?;
    if tag.is_empty() || matches!(verdict, Verdict::Bye | Verdict::PreAuth) {
        return Err(not_a_response());
    }
    Ok(Response::Tagged {
        tag: String::from_utf8_lossy(tag).into_owned(),
        status: status_text(&mut cursor, verdict),
    })
}

fn continuation(raw: &RawResponse) -> Vec<u8> {
    let text = raw.text.trim_ascii();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    text.trim_ascii_start().to_vec()
}

fn untagged(cursor: &mut Cursor<'_>) -> Untagged {
    cursor.skip_spaces();
    let word = cursor.word();
    if word.first().is_some_and(u8::is_ascii_digit) {
        return numbered(cursor, word);
    }
    if let Some(verdict) = verdict(word) {
        return Untagged::Status(status_text(cursor, verdict));
    }
    cursor.skip_spaces();
    let name = word.to_ascii_uppercase();
    match name.as_slice() {
        b"CAPABILITY" => Untagged::Capability(words(cursor)),
        b"ENABLED" => Untagged::Enabled(words(cursor)),
        b"ESEARCH" => known(Kind::Search, parse_esearch(cursor), Untagged::Esearch),
        b"FLAGS" => {
            parse_flags(cursor).map_or(Untagged::Unknown, |(flags, _)| Untagged::Flags(flags))
        }
        b"ID" => parse_id(cursor).map_or(Untagged::Unknown, Untagged::Id),
        b"LIST" | b"XLIST" => known(Kind::List, parse_list(cursor), Untagged::List),
        b"LSUB" => known(Kind::List, parse_list(cursor), Untagged::Lsub),
        b"NAMESPACE" => namespace::parse(cursor).map_or(Untagged::Unknown, Untagged::Namespace),
        b"QUOTA" => known(Kind::Quota, parse_quota(cursor), Untagged::Quota),
        b"SEARCH" => known(Kind::Search, parse_search(cursor), Untagged::Search),
        b"STATUS" => known(Kind::Status, parse_status(cursor), Untagged::MailboxStatus),
        b"VANISHED" => known(Kind::Vanished, parse_vanished(cursor), Untagged::Vanished),
        _ => Untagged::Unknown,
    }
}

fn known<T>(kind: Kind, parsed: Parsed<T>, make: impl FnOnce(T) -> Untagged) -> Untagged {
    parsed.map_or(Untagged::Malformed(kind), make)
}

/// `* 12 EXISTS`, `* 3 FETCH (…)` and the like.
fn numbered(cursor: &mut Cursor<'_>, number: &[u8]) -> Untagged {
    let number = parse_number(number).and_then(|n| u32::try_from(n).map_err(|_| Malformed));
    cursor.skip_spaces();
    let name = cursor.word().to_ascii_uppercase();
    cursor.skip_spaces();
    match (name.as_slice(), number) {
        (b"EXISTS", Ok(number)) => Untagged::Exists(number),
        (b"EXPUNGE", Ok(number)) => Untagged::Expunge(number),
        (b"FETCH", Ok(_)) => known(Kind::Fetch, parse_fetch(cursor), |row| {
            Untagged::Fetch(Box::new(row))
        }),
        (b"FETCH", Err(Malformed)) => Untagged::Malformed(Kind::Fetch),
        _ => Untagged::Unknown,
    }
}

fn verdict(word: &[u8]) -> Option<Verdict> {
    const WORDS: [(&[u8], Verdict); 5] = [
        (b"OK", Verdict::Ok),
        (b"NO", Verdict::No),
        (b"BAD", Verdict::Bad),
        (b"BYE", Verdict::Bye),
        (b"PREAUTH", Verdict::PreAuth),
    ];
    let row = WORDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word));
    row.map(|(_, verdict)| *verdict)
}

fn status_text(cursor: &mut Cursor<'_>, verdict: Verdict) -> StatusText {
    cursor.skip_spaces();
    let code = parse_code(cursor);
    StatusText {
        verdict,
        code,
        text: cursor.text(),
    }
}

fn words(cursor: &mut Cursor<'_>) -> Vec<String> {
    let mut words = Vec::new();
    loop {
        cursor.skip_spaces();
        match cursor.word() {
            b"" => return words,
            _ if words.len() >= MAX_WORDS => return words,
            word => words.push(String::from_utf8_lossy(word).into_owned()),
        }
    }
}

/// Reads the fields of an ID. RFC 2971 §3.3 allows 30.
fn parse_id(cursor: &mut Cursor<'_>) -> Parsed<Vec<(String, String)>> {
    let mut fields = Vec::new();
    if !cursor.eat(b'(') {
        return Ok(fields);
    }
    loop {
        cursor.skip_spaces();
        if cursor.eat(b')') || fields.len() >= 30 {
            return Ok(fields);
        }
        let key = cursor.string()?;
        cursor.skip_spaces();
        let value = cursor.string()?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        fields.push((text(&key), text(&value)));
    }
}

#[cfg(test)]
mod tests;
