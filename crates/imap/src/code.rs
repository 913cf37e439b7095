//! Response codes: the part of a status that machines may read (RFC 9051 §7.1, RFC 5530).

use crate::cursor::{Cursor, Malformed, Parsed, parse_number};
use crate::ext::object_id;
use crate::ext::uidplus::{self, CopyUid, UidList};
use crate::parse::MAX_WORDS;
use crate::select::parse_flags;
use postrider_core::flag::FlagSet;
use postrider_core::mod_seq::ModSeq;
use postrider_core::uid::{Uid, UidValidity};

/// A response code. Nobody trusts one that was not asked for (CVE-2021-3578).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// `ALERT`: a human must see the text.
    Alert,
    /// `ALREADYEXISTS`.
    AlreadyExists,
    /// `APPENDUID`: who the appended messages are, in the order of the command. Requires UIDPLUS
    /// (RFC 4315).
    AppendUid(UidValidity, UidList),
    /// `AUTHENTICATIONFAILED`: wrong name or password.
    AuthenticationFailed,
    /// `AUTHORIZATIONFAILED`.
    AuthorizationFailed,
    /// `CAPABILITY`, as sent.
    Capability(Vec<String>),
    /// `CLOSED`: what follows belongs to the mailbox being selected. Requires QRESYNC (RFC 7162).
    Closed,
    /// `CONTACTADMIN`.
    ContactAdmin,
    /// `COPYUID`: who the copies are. Requires UIDPLUS (RFC 4315).
    CopyUid(CopyUid),
    /// `EXPIRED`: the password is too old.
    Expired,
    /// `HIGHESTMODSEQ`. Requires CONDSTORE (RFC 7162).
    HighestModSeq(ModSeq),
    /// `INUSE`.
    InUse,
    /// `LIMIT`.
    Limit,
    /// `MAILBOXID`: an identity that outlives renaming. Requires OBJECTID (RFC 8474).
    MailboxId(String),
    /// `NOMODSEQ`: this mailbox has no mod-sequences (RFC 7162).
    NoModSeq,
    /// `NOPERM`.
    NoPerm,
    /// `NONEXISTENT`.
    NonExistent,
    /// `NOTIFICATIONOVERFLOW`: the server tells nothing more (RFC 5465).
    NotificationOverflow,
    /// `OVERQUOTA`.
    OverQuota,
    /// `PERMANENTFLAGS`: flags that last, and whether new keywords may be made (`\*`).
    PermanentFlags(FlagSet, bool),
    /// `PRIVACYREQUIRED`: the server wants TLS first.
    PrivacyRequired,
    /// `READ-ONLY`.
    ReadOnly,
    /// `READ-WRITE`.
    ReadWrite,
    /// `SERVERBUG`.
    ServerBug,
    /// `THROTTLED`: less of us, please. In no RFC; some servers say it.
    Throttled,
    /// `TOOBIG`: the message is larger than the server takes (RFC 4469).
    TooBig,
    /// `TRYCREATE`.
    TryCreate,
    /// `UIDNEXT`.
    UidNext(Uid),
    /// `UIDNOTSTICKY`: UIDs do not outlive the session (RFC 4315).
    UidNotSticky,
    /// `UIDVALIDITY`.
    UidValidity(UidValidity),
    /// `UNAVAILABLE`: something behind the server is down.
    Unavailable,
    /// Another code, or a known one with nonsense in it: its word, at most 64 octets.
    Unknown(String),
}

/// Reads `[…]` if it comes next. Broken codes are skipped like unknown ones; a `[` that never
/// closes is the beginning of the text.
pub(crate) fn parse_code(cursor: &mut Cursor<'_>) -> Option<Code> {
    let mut attempt = cursor.clone();
    if !attempt.eat(b'[') {
        return None;
    }
    let word = attempt.code_word();
    let parsed = arguments(&mut attempt, word);
    let closed = parsed.is_ok() && {
        attempt.skip_spaces();
        attempt.eat(b']')
    };
    if let (true, Ok(code)) = (closed, parsed) {
        *cursor = attempt;
        return Some(code);
    }
    // Not as expected: everything up to the bracket belongs to the code all the same.
    let mut attempt = cursor.clone();
    attempt.skip_code().ok()?;
    *cursor = attempt;
    Some(unknown(word))
}

fn unknown(word: &[u8]) -> Code {
    let word = word.get(..word.len().min(64)).unwrap_or_default();
    Code::Unknown(String::from_utf8_lossy(word).into_owned())
}

fn arguments(cursor: &mut Cursor<'_>, word: &[u8]) -> Parsed<Code> {
    cursor.skip_spaces();
    let name = word.to_ascii_uppercase();
    Ok(match name.as_slice() {
        b"ALERT" => Code::Alert,
        b"ALREADYEXISTS" => Code::AlreadyExists,
        b"APPENDUID" => {
            let epoch = UidValidity::new(number32(cursor)?).ok_or(Malformed)?;
            cursor.skip_spaces();
            Code::AppendUid(epoch, uidplus::parse_list(cursor.code_word())?)
        }
        b"AUTHENTICATIONFAILED" => Code::AuthenticationFailed,
        b"AUTHORIZATIONFAILED" => Code::AuthorizationFailed,
        b"CAPABILITY" => Code::Capability(capabilities(cursor)),
        b"CLOSED" => Code::Closed,
        b"CONTACTADMIN" => Code::ContactAdmin,
        b"COPYUID" => {
            let epoch = UidValidity::new(number32(cursor)?).ok_or(Malformed)?;
            cursor.skip_spaces();
            let sources = uidplus::parse_list(cursor.code_word())?;
            cursor.skip_spaces();
            let copies = uidplus::parse_list(cursor.code_word())?;
            Code::CopyUid(CopyUid::pair(epoch, &sources, &copies)?)
        }
        b"EXPIRED" => Code::Expired,
        b"HIGHESTMODSEQ" => Code::HighestModSeq(ModSeq::new(number(cursor)?).ok_or(Malformed)?),
        b"INUSE" => Code::InUse,
        b"LIMIT" => Code::Limit,
        b"MAILBOXID" => Code::MailboxId(object_id::parse(cursor)?.ok_or(Malformed)?),
        b"NOMODSEQ" => Code::NoModSeq,
        b"NOPERM" => Code::NoPerm,
        b"NONEXISTENT" => Code::NonExistent,
        b"NOTIFICATIONOVERFLOW" => Code::NotificationOverflow,
        b"OVERQUOTA" => Code::OverQuota,
        b"PERMANENTFLAGS" => {
            let (flags, new_keywords) = parse_flags(cursor)?;
            Code::PermanentFlags(flags, new_keywords)
        }
        b"PRIVACYREQUIRED" => Code::PrivacyRequired,
        b"READ-ONLY" => Code::ReadOnly,
        b"READ-WRITE" => Code::ReadWrite,
        b"SERVERBUG" => Code::ServerBug,
        b"THROTTLED" => Code::Throttled,
        b"TOOBIG" => Code::TooBig,
        b"TRYCREATE" => Code::TryCreate,
        b"UIDNEXT" => Code::UidNext(Uid::new(number32(cursor)?).ok_or(Malformed)?),
        b"UIDNOTSTICKY" => Code::UidNotSticky,
        b"UIDVALIDITY" => Code::UidValidity(UidValidity::new(number32(cursor)?).ok_or(Malformed)?),
        b"UNAVAILABLE" => Code::Unavailable,
        _ => return Err(Malformed),
    })
}

fn number(cursor: &mut Cursor<'_>) -> Parsed<u64> {
    parse_number(cursor.code_word())
}

fn number32(cursor: &mut Cursor<'_>) -> Parsed<u32> {
    u32::try_from(number(cursor)?).map_err(|_| Malformed)
}

fn capabilities(cursor: &mut Cursor<'_>) -> Vec<String> {
    let mut words = Vec::new();
    loop {
        cursor.skip_spaces();
        match cursor.code_word() {
            b"" => return words,
            _ if words.len() >= MAX_WORDS => {}
            word => words.push(String::from_utf8_lossy(word).into_owned()),
        }
    }
}
