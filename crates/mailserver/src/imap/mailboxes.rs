//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7).

use super::args::Arg;
use super::{Outcome, Refusal, Session};

impl Session {
    pub(super) fn create(&self, args: &[Arg]) -> Outcome {
        let account = self.account()?;
        let name = self.mailbox_name(args.first())?;
        // RFC 3501 §6.3.3: a trailing separator only announces children.
        let name = name.trim_end_matches('/');
        let created = account.create(name);
        let objects = created && self.has("OBJECTID");
        let state = account.lock();
        let mailbox = state.mailbox(name).filter(|_| objects);
        let code =
            mailbox.map_or_else(String::new, |m| format!("[MAILBOXID ({})] ", m.object_id()));
        done(
            created,
            &format!("{code}created"),
            "[ALREADYEXISTS] There is such a mailbox",
        )
    }

    pub(super) fn delete(&self, args: &[Arg]) -> Outcome {
        let account = self.account()?;
        let name = self.mailbox_name(args.first())?;
        if name.eq_ignore_ascii_case("INBOX") {
            return Err(Refusal::No("[CANNOT] INBOX stays"));
        }
        done(
            account.delete(&name),
            "deleted",
            "[NONEXISTENT] No such mailbox",
        )
    }

    pub(super) fn rename(&mut self, args: &[Arg]) -> Outcome {
        let account = self.account()?;
        let from = self.mailbox_name(args.first())?;
        let to = self.mailbox_name(args.get(1))?;
        if !account.rename(&from, &to) {
            return Err(Refusal::No(
                "[CANNOT] No such mailbox, or one of the new name",
            ));
        }
        // A mailbox stays selected under its new name.
        if let Some(view) = self.selected.as_mut().filter(|view| view.name == from) {
            view.name = to;
        }
        Ok("renamed".to_owned())
    }

    pub(super) fn subscribe(&self, args: &[Arg], subscribed: bool) -> Outcome {
        let account = self.account()?;
        let name = self.mailbox_name(args.first())?;
        done(
            account.set_subscribed(&name, subscribed),
            "noted",
            "[NONEXISTENT] No such mailbox",
        )
    }
}

fn done(worked: bool, yes: &str, no: &'static str) -> Outcome {
    worked.then(|| yes.to_owned()).ok_or(Refusal::No(no))
}
