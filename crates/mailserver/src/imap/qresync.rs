//! Mod-sequences and quick resynchronisation (RFC 7162): what a client that was away is told.

use super::args::Arg;
use super::set::{self, By};
use super::view::flag_list;
use super::{Refusal, Session};
use crate::store::Mailbox;
use crate::wire::Reply;

/// `SELECT x (QRESYNC (uidvalidity mod-sequence [known-uids [(numbers uids)]]))`, §3.2.5.
#[derive(Debug)]
pub(super) struct Resync {
    uid_validity: u32,
    mod_seq: u64,
    known: Option<Vec<(u32, u32)>>,
    /// Pairs of sequence number and UID that were right when the client left.
    matches: Vec<(u32, u32)>,
}

impl Resync {
    /// `None` when it is not what the RFC says.
    pub(super) fn parse(list: &[Arg]) -> Option<Self> {
        let [uid_validity, mod_seq, rest @ ..] = list else {
            return None;
        };
        let ranges = |arg: &Arg| {
            // §3.2.5: `*` may not stand here.
            let text = arg.text().filter(|text| !text.contains('*'))?;
            set::parse(&text, u32::MAX)
        };
        let (known, pairs) = match rest {
            [] => (None, None),
            [Arg::List(pairs)] => (None, Some(pairs)),
            [known] => (Some(ranges(known)?), None),
            [known, Arg::List(pairs)] => (Some(ranges(known)?), Some(pairs)),
            _ => return None,
        };
        let matches = match pairs.map(Vec::as_slice) {
            None => Vec::new(),
            Some([numbers, uids]) => {
                let numbers = ranges(numbers)?.into_iter().flat_map(|(a, b)| a..=b);
                let uids = ranges(uids)?.into_iter().flat_map(|(a, b)| a..=b);
                numbers.zip(uids).collect()
            }
            Some(_) => return None,
        };
        Some(Self {
            uid_validity: u32::try_from(uid_validity.number()?).ok()?,
            mod_seq: mod_seq.number()?,
            known,
            matches,
        })
    }

    /// Writes `VANISHED (EARLIER)` and the FETCH lines of what changed; nothing under another UIDVALIDITY.
    pub(super) fn tell(&self, mailbox: &Mailbox, reply: &mut Reply) {
        if self.uid_validity != mailbox.uid_validity || !mailbox.keeps_mod_seqs {
            return;
        }
        let mut vanished = mailbox.vanished_since(self.mod_seq);
        if !mailbox.remembers(self.mod_seq) {
            // §3.2.5.2: up to the last pair that is still right nothing can have left.
            let still = |(number, uid): &&(u32, u32)| {
                let at = usize::try_from(*number).ok().and_then(|n| n.checked_sub(1));
                let message = at.and_then(|at| mailbox.messages.get(at));
                message.is_some_and(|message| message.uid == *uid)
            };
            let last = self.matches.iter().rfind(still).map_or(0, |(_, uid)| *uid);
            vanished.retain(|uid| *uid > last);
        }
        let everything = vec![(1, u32::MAX)];
        let known = self.known.as_ref().unwrap_or(&everything);
        tell_vanished(vanished, known, reply);
        for (seq, message) in (1..).zip(&mailbox.messages) {
            if message.mod_seq > self.mod_seq && contains(known, message.uid) {
                let (uid, mod_seq) = (message.uid, message.mod_seq);
                let flags = flag_list(message);
                let items = format!("UID {uid} FLAGS {flags} MODSEQ ({mod_seq})");
                reply.line(&format!("* {seq} FETCH ({items})"));
            }
        }
    }
}

impl Session {
    /// Notes that the client uses mod-sequences; refused where there are none.
    pub(super) fn uses_mod_seqs(&mut self) -> Result<(), Refusal> {
        self.needs("CONDSTORE")?;
        if !self.keeps_mod_seqs() {
            // RFC 7162 §3.1.2.2.
            return Err(Refusal::Bad("No mod-sequences in this mailbox"));
        }
        self.enabled.condstore = true;
        Ok(())
    }

    /// Whether the selected mailbox keeps mod-sequences; nothing selected has no say.
    pub(super) fn keeps_mod_seqs(&self) -> bool {
        let (Some(account), Some(view)) = (&self.account, &self.selected) else {
            return true;
        };
        let state = account.lock();
        state.mailbox(&view.name).is_none_or(|m| m.keeps_mod_seqs)
    }

    /// `[HIGHESTMODSEQ n] `, where QRESYNC is enabled and something was removed (RFC 7162 §3.2.8, §3.2.10).
    pub(super) fn highest_mod_seq_code(&self, name: &str, removed: &[u32]) -> String {
        let tells = self.enabled.qresync && !removed.is_empty();
        let account = self.account.as_ref().filter(|_| tells);
        let highest = account.and_then(|account| {
            let state = account.lock();
            let mailbox = state.mailbox(name).filter(|m| m.keeps_mod_seqs);
            mailbox.map(|m| m.highest_mod_seq)
        });
        highest.map_or_else(String::new, |n| format!("[HIGHESTMODSEQ {n}] "))
    }

    /// `UID FETCH set … (CHANGEDSINCE n VANISHED)`, §3.2.6.
    pub(super) fn tell_vanished_since(
        &mut self,
        changed_since: Option<u64>,
        set: &Arg,
        by: By,
    ) -> Result<(), Refusal> {
        let since = changed_since.filter(|_| by == By::Uid && self.enabled.qresync);
        let since = since.ok_or(Refusal::Bad(
            "VANISHED goes with QRESYNC, UID FETCH and CHANGEDSINCE",
        ))?;
        let account = self.account()?;
        let name = self.view()?.name.clone();
        let state = account.lock();
        let mailbox = state.mailbox(&name);
        let mailbox = mailbox.ok_or(Refusal::No("No such mailbox"))?;
        // `*` is the largest UID ever: the newest message may be what vanished.
        let largest = mailbox.uid_next.saturating_sub(1);
        let ranges = set.text().and_then(|set| set::parse(&set, largest));
        let ranges = ranges.ok_or(Refusal::Bad("Not a message set"))?;
        tell_vanished(mailbox.vanished_since(since), &ranges, &mut self.reply);
        Ok(())
    }
}

fn tell_vanished(mut uids: Vec<u32>, among: &[(u32, u32)], reply: &mut Reply) {
    uids.retain(|uid| contains(among, *uid));
    if !uids.is_empty() {
        reply.line(&format!("* VANISHED (EARLIER) {}", set::format(&uids)));
    }
}

fn contains(ranges: &[(u32, u32)], uid: u32) -> bool {
    ranges.iter().any(|(from, to)| (*from..=*to).contains(&uid))
}
