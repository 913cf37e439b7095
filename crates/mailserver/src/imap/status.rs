//! STATUS, alone and in LIST (RFC 3501 §6.3.10; 5819; 7162; 8438; 8474).

use super::args::Arg;
use super::{Outcome, Refusal, Session};
use crate::store::Mailbox;

impl Session {
    pub(super) fn status(&mut self, args: &[Arg]) -> Outcome {
        let account = self.account()?;
        let name = self.mailbox_name(args.first())?;
        let items = args.get(1).and_then(Arg::texts);
        let items = items.ok_or(Refusal::Bad("STATUS mailbox (items)"))?;
        let state = account.lock();
        let mailbox = state.mailbox(&name).filter(|mailbox| mailbox.selectable);
        let mailbox = mailbox.ok_or(Refusal::No("[NONEXISTENT] No such mailbox"))?;
        let values = self.status_values(mailbox, &items)?;
        let wire = self.quoted_name(&name);
        self.reply.line(&format!("* STATUS {wire} ({values})"));
        Ok("that is all".to_owned())
    }

    /// `MESSAGES 2 UIDNEXT 3`, in the order of `items`.
    pub(super) fn status_values(
        &self,
        mailbox: &Mailbox,
        items: &[String],
    ) -> Result<String, Refusal> {
        let unseen = || {
            let messages = mailbox.messages.iter();
            messages.filter(|m| !m.flags.contains("\\Seen")).count()
        };
        let mut values = Vec::new();
        for item in items {
            let item = item.to_ascii_uppercase();
            let value = match item.as_str() {
                "MESSAGES" => mailbox.messages.len().to_string(),
                "RECENT" => "0".to_owned(),
                "UIDNEXT" => mailbox.uid_next.to_string(),
                "UIDVALIDITY" => mailbox.uid_validity.to_string(),
                "UNSEEN" => unseen().to_string(),
                "MAILBOXID" if self.has("OBJECTID") => format!("({})", mailbox.object_id()),
                "HIGHESTMODSEQ" if self.has("CONDSTORE") => mailbox.told_mod_seq().to_string(),
                "SIZE" if self.has("STATUS=SIZE") => {
                    let octets: usize = mailbox.messages.iter().map(|m| m.bytes.len()).sum();
                    octets.to_string()
                }
                "APPENDLIMIT" if self.has_append_limit() => {
                    let limit = self.append_limit(mailbox);
                    limit.map_or_else(|| "NIL".to_owned(), |limit| limit.to_string())
                }
                _ => return Err(Refusal::Bad("Unknown STATUS item")),
            };
            values.push(format!("{item} {value}"));
        }
        Ok(values.join(" "))
    }
}
