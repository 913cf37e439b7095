//! NOTIFY (RFC 5465): STATUS of mailboxes that are not open, whenever they change. Of the open one nothing
//! is told but what every session is told.

use std::collections::BTreeMap;

use tokio::sync::watch;

use super::args::Arg;
use super::{Outcome, Refusal, Session};
use crate::Misbehaviour;
use crate::store::Mailbox;

/// What a mailbox looked like when it was told: messages, next UID, mod-sequence.
type Told = (usize, u32, u64);

/// What a client asked to be told of.
#[derive(Debug)]
pub(super) struct Watched {
    /// `None`: every mailbox.
    names: Option<Vec<String>>,
    flags: bool,
    told: BTreeMap<String, Told>,
    changes: watch::Receiver<()>,
}

impl Watched {
    fn is_about(&self, name: &str) -> bool {
        self.names
            .as_ref()
            .is_none_or(|names| names.iter().any(|named| named == name))
    }
}

/// Returns when something may have changed that a client wants to be told of at any time.
pub(super) async fn changed(watched: &mut Option<Watched>) {
    let changed = match watched {
        Some(watched) => watched.changes.changed().await.is_ok(),
        None => false,
    };
    if !changed {
        std::future::pending::<()>().await;
    }
}

fn looks(mailbox: &Mailbox, flags: bool) -> Told {
    let mod_seq = if flags { mailbox.told_mod_seq() } else { 0 };
    (mailbox.messages.len(), mailbox.uid_next, mod_seq)
}

impl Session {
    /// `NOTIFY NONE`, and `NOTIFY SET [STATUS] (filter (events))` with one group.
    pub(super) fn notify(&mut self, args: &[Arg]) -> Outcome {
        self.needs("NOTIFY")?;
        let account = self.account()?;
        let mut words = args.iter();
        match words.next().and_then(Arg::word).as_deref() {
            Some("NONE") => {
                self.watched = None;
                return Ok("told no more".to_owned());
            }
            Some("SET") => {}
            _ => return Err(Refusal::Bad("NOTIFY SET or NONE")),
        }
        let mut group = words.next();
        let at_once = group.and_then(Arg::word).as_deref() == Some("STATUS");
        if at_once {
            group = words.next();
        }
        let (names, flags) = self.event_group(group.and_then(Arg::list))?;
        let mut watched = Watched {
            names,
            flags,
            told: BTreeMap::new(),
            changes: account.changes(),
        };
        if !at_once {
            for (name, mailbox) in &account.lock().mailboxes {
                watched.told.insert(name.clone(), looks(mailbox, flags));
            }
        }
        self.watched = Some(watched);
        self.tell_mailboxes();
        Ok("will be told".to_owned())
    }

    fn event_group(&self, group: Option<&[Arg]>) -> Result<(Option<Vec<String>>, bool), Refusal> {
        let wrong = Refusal::Bad("NOTIFY SET (mailboxes (...) (MessageNew MessageExpunge))");
        let mut group = group.unwrap_or_default().iter();
        let names = match group.next().and_then(Arg::word).as_deref() {
            Some("PERSONAL") => None,
            Some("MAILBOXES") => {
                let names = group.next().and_then(Arg::texts).unwrap_or_default();
                let spelling = self.spelling();
                Some(
                    names
                        .iter()
                        .filter_map(|name| spelling.decode(name))
                        .collect(),
                )
            }
            _ => return Err(wrong),
        };
        let events = group.next().and_then(Arg::texts).unwrap_or_default();
        let has = |event: &str| events.iter().any(|word| word.eq_ignore_ascii_case(event));
        // RFC 5465 §5: the one is of no use without the other.
        if !(has("MessageNew") && has("MessageExpunge")) {
            return Err(wrong);
        }
        if has("FlagChange") && !self.has("CONDSTORE") {
            return Err(Refusal::No(
                "[BADEVENT (MessageNew MessageExpunge)] no more",
            ));
        }
        Ok((names, has("FlagChange")))
    }

    /// The account, where IDLE may begin.
    pub(super) fn may_idle(&self) -> Result<crate::Account, Refusal> {
        self.needs("IDLE")?;
        self.account()
    }

    /// Tells what the watched mailboxes look like that have changed since they were told.
    pub(super) fn tell_mailboxes(&mut self) {
        let (Some(account), Some(watched)) = (&self.account, self.watched.take()) else {
            return;
        };
        let mut watched = watched;
        let open = self.selected.as_ref().map(|view| view.name.clone());
        let mut rows = Vec::new();
        for (name, mailbox) in &account.lock().mailboxes {
            let looks = looks(mailbox, watched.flags);
            let is_open = open.as_ref() == Some(name);
            let is_told = watched.told.get(name) == Some(&looks);
            if is_open || is_told || !mailbox.selectable || !watched.is_about(name) {
                continue;
            }
            let is_first = watched.told.insert(name.clone(), looks).is_none();
            let (messages, uid_next, mod_seq) = looks;
            let epoch = match is_first {
                true => format!(" UIDVALIDITY {}", mailbox.uid_validity),
                false => String::new(),
            };
            let mod_seq = match watched.flags {
                true => format!(" HIGHESTMODSEQ {mod_seq}"),
                false => String::new(),
            };
            let wire = self.quoted_name(name);
            rows.push(format!(
                "* STATUS {wire} (MESSAGES {messages} UIDNEXT {uid_next}{epoch}{mod_seq})"
            ));
        }
        let faults = &self.service.faults;
        if !rows.is_empty() && faults.has(Misbehaviour::OverflowsNotify) {
            self.reply
                .line("* OK [NOTIFICATIONOVERFLOW] that is too much");
            return;
        }
        if !faults.has(Misbehaviour::DeafWhileIdling) {
            rows.iter().for_each(|row| self.reply.line(row));
        }
        self.watched = Some(watched);
    }
}
