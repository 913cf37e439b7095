//! GETQUOTAROOT (RFC 9208 §4.1.3): one root for the whole account, without a name.

use super::args::Arg;
use super::{Outcome, Refusal, Session};

impl Session {
    pub(super) fn quota_root(&mut self, args: &[Arg]) -> Outcome {
        self.needs("QUOTA")?;
        let account = self.account()?;
        let name = self.mailbox_name(args.first())?;
        let state = account.lock();
        if state.mailbox(&name).is_none() {
            return Err(Refusal::No("[NONEXISTENT] No such mailbox"));
        }
        let messages = || state.mailboxes.values().flat_map(|m| &m.messages);
        let mut resources = Vec::new();
        if let Some(limit) = state.quota_kib {
            let octets: usize = messages().map(|m| m.bytes.len()).sum();
            resources.push(format!("STORAGE {} {limit}", octets.div_ceil(1_024)));
        }
        if let Some(limit) = state.quota_messages {
            resources.push(format!("MESSAGE {} {limit}", messages().count()));
        }
        let wire = self.quoted_name(&name);
        self.reply.line(&format!("* QUOTAROOT {wire} \"\""));
        let resources = resources.join(" ");
        self.reply.line(&format!("* QUOTA \"\" ({resources})"));
        Ok("that is all".to_owned())
    }
}
