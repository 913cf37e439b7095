//! What one session has been told about its selected mailbox: the meaning of its sequence numbers.

use std::collections::BTreeSet;

use super::Enabled;
use super::set::{self, By};
use crate::store::{Mailbox, Message};
use crate::wire::Reply;

/// A message that the client knows of.
#[derive(Clone, Copy, Debug)]
struct Known {
    uid: u32,
    mod_seq: u64,
}

/// What may be told at this point of the conversation.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    pub(super) may_expunge: bool,
    pub(super) enabled: Enabled,
}

/// A selected mailbox as its client knows it.
#[derive(Debug)]
pub(super) struct View {
    pub(super) name: String,
    pub(super) uid_validity: u32,
    pub(super) read_only: bool,
    /// At position n - 1 the message with sequence number n; UIDs ascend.
    known: Vec<Known>,
    /// UIDs that SEARCH RETURN (SAVE) found: the meaning of `$` (RFC 5182).
    saved: Vec<u32>,
    /// The mailbox's revision when everything was told.
    told: u64,
}

impl View {
    pub(super) fn open(name: String, mailbox: &Mailbox, read_only: bool) -> Self {
        let known = |m: &Message| Known {
            uid: m.uid,
            mod_seq: m.mod_seq,
        };
        Self {
            name,
            uid_validity: mailbox.uid_validity,
            read_only,
            known: mailbox.messages.iter().map(known).collect(),
            saved: Vec::new(),
            told: mailbox.revision,
        }
    }

    /// Keeps what a search found, when `options` ask for it; of MIN and MAX alone only these (RFC 5182 §2.4).
    pub(super) fn save(&mut self, uids: Vec<u32>, options: &[String]) {
        let wants = |option: &str| options.iter().any(|o| o == option);
        if !wants("SAVE") {
            return;
        }
        let all = wants("ALL") || wants("COUNT") || !(wants("MIN") || wants("MAX"));
        self.saved = if all {
            uids
        } else {
            let first = uids.first().filter(|_| wants("MIN"));
            let last = uids.last().filter(|_| wants("MAX"));
            first.into_iter().chain(last).copied().collect()
        };
    }

    /// The (sequence number, UID) pairs that a set names, ascending, each once; `None` when it is no set.
    pub(super) fn resolve(&self, text: &str, by: By) -> Option<Vec<(usize, u32)>> {
        if text == "$" {
            let saved = |known: &(usize, u32)| self.saved.contains(&known.1);
            return Some(self.all().filter(saved).collect());
        }
        let count = self.known.len();
        let largest = match by {
            By::Sequence => u32::try_from(count).ok()?,
            By::Uid => self.known.last().map_or(0, |known| known.uid),
        };
        let mut found = BTreeSet::new();
        for (from, to) in set::parse(text, largest)? {
            let (start, end) = match by {
                By::Sequence => (
                    usize::try_from(from.saturating_sub(1)).ok()?,
                    usize::try_from(to).ok()?.min(count),
                ),
                By::Uid => (
                    self.known.partition_point(|known| known.uid < from),
                    self.known.partition_point(|known| known.uid <= to),
                ),
            };
            let range = self.known.get(start..end).unwrap_or_default();
            found.extend((start + 1..).zip(range.iter().map(|known| known.uid)));
        }
        Some(found.into_iter().collect())
    }

    /// Every (sequence number, UID) pair.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        (1..).zip(self.known.iter().map(|known| known.uid))
    }

    /// Notes that the client knows the state of `uid` as of `mod_seq`.
    pub(super) fn note(&mut self, uid: u32, mod_seq: u64) {
        let at = self.known.binary_search_by_key(&uid, |known| known.uid);
        if let Some(known) = at.ok().and_then(|at| self.known.get_mut(at)) {
            known.mod_seq = mod_seq;
        }
    }

    /// Writes the untagged EXPUNGE, EXISTS and FETCH lines that bring the client up to date.
    pub(super) fn tell_changes(&mut self, mailbox: &Mailbox, reply: &mut Reply, news: News) {
        if self.told == mailbox.revision {
            return;
        }
        let untold = !self.tell_gone(mailbox, reply, news);
        for (seq, known) in (1..).zip(&mut self.known) {
            let changed = mailbox
                .find(known.uid)
                .filter(|m| m.mod_seq != known.mod_seq);
            if let Some(message) = changed {
                known.mod_seq = message.mod_seq;
                let flags = flag_list(message);
                let tells = news.enabled.condstore && mailbox.keeps_mod_seqs;
                let mod_seq = tells.then_some(message.mod_seq);
                let mod_seq = mod_seq.map_or_else(String::new, |n| format!(" MODSEQ ({n})"));
                let uid = message.uid;
                reply.line(&format!("* {seq} FETCH (UID {uid} FLAGS {flags}{mod_seq})"));
            }
        }
        let last = self.known.last().map_or(0, |known| known.uid);
        let before = self.known.len();
        let new = mailbox.messages.partition_point(|m| m.uid <= last);
        let new = mailbox.messages.get(new..).unwrap_or_default();
        self.known.extend(new.iter().map(|m| Known {
            uid: m.uid,
            mod_seq: m.mod_seq,
        }));
        if self.known.len() > before {
            reply.line(&format!("* {} EXISTS", self.known.len()));
        }
        if !untold {
            self.told = mailbox.revision;
        }
    }

    /// Tells what went away, as far as it may be told here; whether nothing is left untold.
    fn tell_gone(&mut self, mailbox: &Mailbox, reply: &mut Reply, news: News) -> bool {
        let gone: Vec<(usize, u32)> = (0..)
            .zip(&self.known)
            .filter(|(_, known)| mailbox.find(known.uid).is_none())
            .map(|(at, known)| (at, known.uid))
            .collect();
        if gone.is_empty() || !news.may_expunge {
            return gone.is_empty();
        }
        self.known.retain(|known| mailbox.find(known.uid).is_some());
        if news.enabled.qresync {
            let uids: Vec<u32> = gone.iter().map(|(_, uid)| *uid).collect();
            reply.line(&format!("* VANISHED {}", set::format(&uids)));
        } else {
            // From the last: the numbers of the others stay what they are meanwhile.
            for (at, _) in gone.iter().rev() {
                reply.line(&format!("* {} EXPUNGE", at + 1));
            }
        }
        true
    }
}

/// `(\Answered \Seen work)`.
pub(super) fn flag_list(message: &Message) -> String {
    let flags: Vec<&str> = message.flags.iter().map(String::as_str).collect();
    format!("({})", flags.join(" "))
}
