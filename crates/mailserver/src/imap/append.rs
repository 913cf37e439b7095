//! APPEND (RFC 3501 §6.3.11; APPENDUID of RFC 4315).

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::args::Arg;
use super::{Outcome, Refusal, Session};
use crate::date;
use crate::store::canonical_flag;

impl Session {
    pub(super) fn append(&self, args: &[Arg]) -> Outcome {
        let account = self.account()?;
        let name = self.mailbox_name(args.first())?;
        let mut rest = args.get(1..).unwrap_or_default();
        let mut flags = Vec::new();
        if let [list @ Arg::List(_), tail @ ..] = rest {
            flags = list.texts().ok_or(Refusal::Bad("APPEND mailbox (flags)"))?;
            rest = tail;
        }
        let (internal_date, message) = match rest {
            [Arg::Text(message)] => (now(), message),
            [Arg::Text(when), Arg::Text(message)] => {
                let when = std::str::from_utf8(when).ok().and_then(date::parse);
                (when.ok_or(Refusal::Bad("Not a date-time"))?, message)
            }
            _ => return Err(Refusal::Bad("APPEND mailbox (flags) date literal")),
        };
        let mut state = account.lock();
        let mailbox = state.mailbox(&name);
        let mailbox = mailbox.ok_or(Refusal::No("[TRYCREATE] No such mailbox"))?;
        let uid_validity = mailbox.uid_validity;
        let flags = flags.iter().map(|flag| canonical_flag(flag)).collect();
        let message = Bytes::from(message.clone());
        let uid = state.append(&name, message, flags, internal_date);
        let uid = uid.unwrap_or(0);
        Ok(if self.has("UIDPLUS") {
            format!("[APPENDUID {uid_validity} {uid}] appended")
        } else {
            "appended".to_owned()
        })
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
}
