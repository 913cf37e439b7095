//! SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501 §6.3, §6.4; 3691; 7162).

use super::args::Arg;
use super::view::View;
use super::{Outcome, Refusal, Session};

impl Session {
    pub(super) fn select(&mut self, args: &[Arg], read_only: bool) -> Outcome {
        let account = self.account()?;
        // RFC 3501 §6.3.1: whatever comes of it, the mailbox before is no longer selected.
        self.selected = None;
        let name = self.mailbox_name(args.first())?;
        for parameter in args.get(1).and_then(Arg::list).unwrap_or_default() {
            match parameter.word().as_deref() {
                Some("CONDSTORE") if self.has("CONDSTORE") => self.knows_condstore = true,
                _ => return Err(Refusal::Bad("Unknown SELECT parameter")),
            }
        }
        let state = account.lock();
        let mailbox = state.mailbox(&name);
        let mailbox = mailbox.ok_or(Refusal::No("[NONEXISTENT] No such mailbox"))?;
        let mut flags = vec!["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];
        let keywords = mailbox.messages.iter().flat_map(|m| &m.flags);
        for keyword in keywords.filter(|flag| !flag.starts_with('\\')) {
            if !flags.contains(&keyword.as_str()) {
                flags.push(keyword);
            }
        }
        let flags = flags.join(" ");
        let permanent = if read_only {
            String::new()
        } else {
            format!("{flags} \\*")
        };
        let reply = &mut self.reply;
        reply.line(&format!("* FLAGS ({flags})"));
        reply.line(&format!("* OK [PERMANENTFLAGS ({permanent})] limited"));
        reply.line(&format!("* {} EXISTS", mailbox.messages.len()));
        reply.line("* 0 RECENT");
        let unseen = mailbox
            .messages
            .iter()
            .position(|m| !m.flags.contains("\\Seen"));
        if let Some(at) = unseen {
            reply.line(&format!("* OK [UNSEEN {}] first unseen", at + 1));
        }
        reply.line(&format!(
            "* OK [UIDVALIDITY {}] UIDs valid",
            mailbox.uid_validity
        ));
        reply.line(&format!("* OK [UIDNEXT {}] next UID", mailbox.uid_next));
        let view = View::open(name, mailbox, read_only);
        if self.has("CONDSTORE") {
            let highest = mailbox.highest_mod_seq;
            self.reply
                .line(&format!("* OK [HIGHESTMODSEQ {highest}] highest"));
        }
        self.selected = Some(view);
        let code = if read_only { "READ-ONLY" } else { "READ-WRITE" };
        Ok(format!("[{code}] selected"))
    }

    /// CLOSE expunges silently, unless the mailbox is read-only (RFC 3501 §6.4.2).
    pub(super) fn close(&mut self) -> Outcome {
        let account = self.account()?;
        let view = self
            .selected
            .take()
            .ok_or(Refusal::Bad("Select a mailbox first"))?;
        if !view.read_only
            && let Some(mailbox) = account.lock().mailbox_mut(&view.name)
        {
            mailbox.remove(|message| message.flags.contains("\\Deleted"));
        }
        Ok("closed".to_owned())
    }

    pub(super) fn unselect(&mut self) -> Outcome {
        self.needs("UNSELECT")?;
        let view = self.selected.take();
        view.map(|_| "unselected".to_owned())
            .ok_or(Refusal::Bad("Select a mailbox first"))
    }

    /// The selected mailbox.
    pub(super) fn view(&mut self) -> Result<&mut View, Refusal> {
        self.selected
            .as_mut()
            .ok_or(Refusal::Bad("Select a mailbox first"))
    }

    /// The selected mailbox, when it may be changed.
    pub(super) fn writable_view(&mut self) -> Result<&mut View, Refusal> {
        let view = self.view()?;
        if view.read_only {
            return Err(Refusal::No("[READ-ONLY] The mailbox is read-only"));
        }
        Ok(view)
    }
}
