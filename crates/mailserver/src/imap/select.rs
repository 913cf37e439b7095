//! SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501 §6.3, §6.4; 3691; 7162).

use super::args::Arg;
use super::qresync::Resync;
use super::view::View;
use super::{Outcome, Refusal, Session};
use crate::store::{Mailbox, Message, PermanentFlags};

impl Session {
    pub(super) fn select(&mut self, args: &[Arg], read_only: bool) -> Outcome {
        let account = self.account()?;
        // RFC 3501 §6.3.1: whatever comes of it, the mailbox before is no longer selected.
        if self.selected.take().is_some() && self.has("CONDSTORE") {
            // RFC 7162 §3.2.11: what follows belongs to the next.
            self.reply.line("* OK [CLOSED] the mailbox before");
        }
        let name = self.mailbox_name(args.first())?;
        let parameters = args.get(1).and_then(Arg::list).unwrap_or_default();
        let resync = self.select_parameters(parameters)?;
        let state = account.lock();
        let mailbox = state.mailbox(&name).filter(|mailbox| mailbox.selectable);
        let mailbox = mailbox.ok_or(Refusal::No("[NONEXISTENT] No such mailbox"))?;
        for line in self.selection_lines(mailbox, read_only) {
            self.reply.line(&line);
        }
        let view = View::open(name, mailbox, read_only);
        if let Some(resync) = resync {
            resync.tell(mailbox, &mut self.reply);
        }
        self.selected = Some(view);
        let code = if read_only { "READ-ONLY" } else { "READ-WRITE" };
        Ok(format!("[{code}] selected"))
    }

    fn selection_lines(&self, mailbox: &Mailbox, read_only: bool) -> Vec<String> {
        let mut flags = vec!["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];
        let keywords = mailbox.messages.iter().flat_map(|m| &m.flags);
        for keyword in keywords.filter(|flag| !flag.starts_with('\\')) {
            if !flags.contains(&keyword.as_str()) {
                flags.push(keyword);
            }
        }
        let mut lines = vec![
            format!("* FLAGS ({})", flags.join(" ")),
            format!("* {} EXISTS", mailbox.messages.len()),
            "* 0 RECENT".to_owned(),
        ];
        lines.extend(permanent_flags(mailbox, &flags, read_only));
        let mut messages = mailbox.messages.iter();
        let unseen = messages.position(|m| !m.flags.contains("\\Seen"));
        lines.extend(unseen.map(|at| format!("* OK [UNSEEN {}] first unseen", at + 1)));
        lines.push(format!(
            "* OK [UIDVALIDITY {}] UIDs valid",
            mailbox.uid_validity
        ));
        lines.push(format!("* OK [UIDNEXT {}] next UID", mailbox.uid_next));
        if self.has("OBJECTID") {
            let id = mailbox.object_id();
            lines.push(format!("* OK [MAILBOXID ({id})] its name for ever"));
        }
        if self.has("CONDSTORE") {
            lines.push(if mailbox.keeps_mod_seqs {
                format!("* OK [HIGHESTMODSEQ {}] highest", mailbox.highest_mod_seq)
            } else {
                "* OK [NOMODSEQ] no mod-sequences here".to_owned()
            });
        }
        lines
    }

    /// CLOSE expunges silently, unless the mailbox is read-only (RFC 3501 §6.4.2).
    pub(super) fn close(&mut self) -> Outcome {
        let account = self.account()?;
        let view = self
            .selected
            .take()
            .ok_or(Refusal::Bad("Select a mailbox first"))?;
        if view.read_only {
            return Ok("closed".to_owned());
        }
        let deleted = |message: &Message| message.flags.contains("\\Deleted");
        let removed = account.lock().remove(&view.name, deleted);
        let code = self.highest_mod_seq_code(&view.name, &removed);
        Ok(format!("{code}closed"))
    }

    fn select_parameters(&mut self, parameters: &[Arg]) -> Result<Option<Resync>, Refusal> {
        let mut words = parameters.iter();
        let mut resync = None;
        while let Some(word) = words.next() {
            match word.word().as_deref() {
                Some("CONDSTORE") if self.has("CONDSTORE") => self.enabled.condstore = true,
                Some("QRESYNC") if self.enabled.qresync => {
                    let list = words.next().and_then(Arg::list);
                    let parsed = list.and_then(Resync::parse);
                    resync = Some(parsed.ok_or(Refusal::Bad("QRESYNC (uidvalidity modseq)"))?);
                }
                // RFC 7162 §3.2.5: BAD unless enabled before.
                _ => return Err(Refusal::Bad("Unknown SELECT parameter")),
            }
        }
        Ok(resync)
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

/// PERMANENTFLAGS; a mailbox without limits may as well be silent (RFC 3501 §6.3.1).
fn permanent_flags(mailbox: &Mailbox, flags: &[&str], read_only: bool) -> Option<String> {
    let mut permanent = match &mailbox.permanent_flags {
        PermanentFlags::Unsaid => return None,
        PermanentFlags::All => [flags, &["\\*"]].concat(),
        PermanentFlags::These(flags) => flags.iter().map(String::as_str).collect(),
    };
    if read_only {
        permanent.clear();
    }
    let permanent = permanent.join(" ");
    Some(format!("* OK [PERMANENTFLAGS ({permanent})] limited"))
}
