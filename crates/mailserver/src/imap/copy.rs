//! COPY and MOVE (RFC 3501 §6.4.7; 6851; COPYUID of RFC 4315).

use std::collections::BTreeSet;

use super::args::Arg;
use super::set::{self, By};
use super::{Outcome, Refusal, Session};

impl Session {
    pub(super) fn copy(&mut self, args: &[Arg], by: By) -> Outcome {
        let (_, code) = self.copy_messages(args, by)?;
        Ok(format!("{code}copied"))
    }

    /// The EXPUNGE lines follow with the other news before the tagged line (RFC 6851 §4.3).
    pub(super) fn move_messages(&mut self, args: &[Arg], by: By) -> Outcome {
        self.needs("MOVE")?;
        let source = self.writable_view()?.name.clone();
        let (uids, code) = self.copy_messages(args, by)?;
        if !code.is_empty() {
            self.reply.line(&format!("* OK {code}moved"));
        }
        let account = self.account()?;
        let left = account
            .lock()
            .leave(&source, |message| uids.contains(&message.uid));
        let code = self.highest_mod_seq_code(&source, &left);
        Ok(format!("{code}moved"))
    }

    /// The source UIDs, and `[COPYUID …] ` where UIDPLUS is known.
    fn copy_messages(&mut self, args: &[Arg], by: By) -> Result<(BTreeSet<u32>, String), Refusal> {
        let account = self.account()?;
        let target = self.mailbox_name(args.get(1))?;
        let view = self.view()?;
        let set = args.first().and_then(Arg::text);
        let pairs = set.and_then(|set| view.resolve(&set, by));
        let pairs = pairs.ok_or(Refusal::Bad("Not a message set"))?;
        let source = view.name.clone();
        let mut state = account.lock();
        let from = state
            .mailbox(&source)
            .ok_or(Refusal::No("No such mailbox"))?;
        let found = pairs.iter().filter_map(|(_, uid)| from.find(*uid)).cloned();
        let mut messages: Vec<_> = found.collect();
        let to = state.mailbox(&target).filter(|to| to.selectable);
        let to = to.ok_or(Refusal::No("[TRYCREATE] No such mailbox"))?;
        for message in &mut messages {
            message.flags.retain(|flag| to.keeps(flag));
        }
        let uid_validity = to.uid_validity;
        let uids: Vec<u32> = messages.iter().map(|message| message.uid).collect();
        let copies = messages.into_iter();
        let copies = copies.filter_map(|message| state.add(&target, message));
        let copies: Vec<u32> = copies.collect();
        let code = if self.has("UIDPLUS") && !uids.is_empty() {
            let (uids, copies) = (set::format(&uids), set::format(&copies));
            format!("[COPYUID {uid_validity} {uids} {copies}] ")
        } else {
            String::new()
        };
        Ok((uids.into_iter().collect(), code))
    }
}
