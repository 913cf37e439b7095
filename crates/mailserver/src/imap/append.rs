//! APPEND (RFC 3501 §6.3.11; several messages: 3502; APPENDUID of RFC 4315; APPENDLIMIT: 7889).

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::args::Arg;
use super::set;
use super::{Outcome, Refusal, Session};
use crate::date;
use crate::store::{Mailbox, canonical_flag};

const USAGE: Refusal = Refusal::Bad("APPEND mailbox (flags) date literal");

/// One message of the command.
struct Wish {
    flags: BTreeSet<String>,
    internal_date: i64,
    bytes: Bytes,
}

impl Wish {
    /// Reads `(flags) date literal`, and what is left behind it.
    fn parse(args: &[Arg]) -> Result<(Self, &[Arg]), Refusal> {
        let (flags, args) = match args {
            [list @ Arg::List(_), rest @ ..] => (list.texts().ok_or(USAGE)?, rest),
            args => (Vec::new(), args),
        };
        let (internal_date, args) = match args {
            [Arg::Text(when), rest @ ..] => {
                let when = std::str::from_utf8(when).ok().and_then(date::parse);
                (when.ok_or(Refusal::Bad("Not a date-time"))?, rest)
            }
            args => (now(), args),
        };
        let [Arg::Literal(message), rest @ ..] = args else {
            return Err(USAGE);
        };
        let wish = Self {
            flags: flags.iter().map(|flag| canonical_flag(flag)).collect(),
            internal_date,
            bytes: Bytes::from(message.clone()),
        };
        Ok((wish, rest))
    }
}

impl Session {
    /// All of the messages, or none (RFC 3502 §6.3.11).
    pub(super) fn append(&self, args: &[Arg]) -> Outcome {
        let account = self.account()?;
        let name = self.mailbox_name(args.first())?;
        let mut wishes = Vec::new();
        let mut rest = args.get(1..).unwrap_or_default();
        while !rest.is_empty() || wishes.is_empty() {
            let (wish, others) = Wish::parse(rest)?;
            wishes.push(wish);
            rest = others;
        }
        if wishes.len() > 1 {
            self.needs("MULTIAPPEND")?;
        }
        let mut state = account.lock();
        let mailbox = state.mailbox(&name).filter(|mailbox| mailbox.selectable);
        let mailbox = mailbox.ok_or(Refusal::No("[TRYCREATE] No such mailbox"))?;
        if let Some(limit) = self.append_limit(mailbox)
            && wishes.iter().any(|wish| wish.bytes.len() as u64 > limit)
        {
            return Err(Refusal::No("[TOOBIG] The message is too large"));
        }
        for wish in &mut wishes {
            wish.flags.retain(|flag| mailbox.keeps(flag));
        }
        let uid_validity = mailbox.uid_validity;
        let uids = wishes
            .into_iter()
            .filter_map(|wish| state.append(&name, wish.bytes, wish.flags, wish.internal_date));
        let uids: Vec<u32> = uids.collect();
        Ok(if self.has("UIDPLUS") {
            let uids = set::format(&uids);
            format!("[APPENDUID {uid_validity} {uids}] appended")
        } else {
            "appended".to_owned()
        })
    }

    /// Whether limits are told at all, in either form (RFC 7889 §2).
    pub(super) fn has_append_limit(&self) -> bool {
        let mut words = self.service.options.imap_capabilities.iter();
        words.any(|word| word == "APPENDLIMIT" || word.starts_with("APPENDLIMIT="))
    }

    /// How large a message may be that comes into `mailbox`: its own limit, else that of the server.
    pub(super) fn append_limit(&self, mailbox: &Mailbox) -> Option<u64> {
        let words = self.service.options.imap_capabilities.iter();
        let mut limits = words.filter_map(|word| word.strip_prefix("APPENDLIMIT="));
        let limit = limits.find_map(|limit| limit.parse().ok());
        mailbox.append_limit.or(limit)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
}
