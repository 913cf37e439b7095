//! What the server moved or renamed while we looked away: a message that left one mailbox and showed
//! up in another, and a mailbox that left and came back under another name. Whoever finds them again
//! renames files instead of fetching them a second time.
//!
//! Both functions pair only what is the only one of its kind on both sides. A wrong pair would let
//! retention delete a message that was never downloaded; a missing one costs a download.

use crate::flag::FlagSet;
use crate::message::MessageKey;
use crate::plan::uid_validity::Likeness;
use crate::uid::{Uid, UidValidity};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// A known message that its mailbox has no more. `M` is what the caller tells mailboxes apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone<M> {
    /// The message.
    pub key: MessageKey,
    /// The mailbox that it left.
    pub mailbox: M,
    /// What tells it from others.
    pub likeness: Likeness,
    /// Its identity wherever it lies. Requires OBJECTID (RFC 8474 §5.1) or X-GM-EXT-1.
    pub email_id: Option<String>,
}

/// A message that is new in its mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown<M> {
    /// The mailbox that it came to.
    pub mailbox: M,
    /// Its UID there.
    pub uid: Uid,
    /// What tells it from others.
    pub likeness: Likeness,
    /// Its identity wherever it lies. Requires OBJECTID (RFC 8474 §5.1) or X-GM-EXT-1.
    pub email_id: Option<String>,
    /// Its flags there, where the server told.
    pub flags: Option<FlagSet>,
}

/// A known message and where it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move<M> {
    /// The message.
    pub key: MessageKey,
    /// The mailbox that it came to.
    pub mailbox: M,
    /// Its UID there.
    pub uid: Uid,
}

/// Finds messages that were moved, in the order of `new`.
///
/// A pair lies in two different mailboxes, and
/// a) has the same EMAILID, which nothing else on either side has; or, where one of the two has none,
/// b) agrees in all of Message-ID, size and date, and nothing else on either side does.
/// No message is in two pairs.
#[must_use]
pub fn moves<M: Copy + Eq>(gone: &[Gone<M>], new: &[Shown<M>]) -> Vec<Move<M>> {
    let gone_ids = only(gone.iter().map(|g| (g.email_id.as_deref(), g)));
    let new_ids = only(new.iter().map(|s| (s.email_id.as_deref(), s)));
    let gone_alike = only(gone.iter().map(|g| (telling(&g.likeness), g)));
    let new_alike = only(new.iter().map(|s| (telling(&s.likeness), s)));
    let same_id = |shown: &Shown<M>| {
        let id = shown.email_id.as_deref()?;
        new_ids.get(id)?.as_ref()?;
        *gone_ids.get(id)?
    };
    let alike = |shown: &Shown<M>| {
        let likeness = telling(&shown.likeness)?;
        new_alike.get(likeness)?.as_ref()?;
        let gone = (*gone_alike.get(likeness)?)?;
        match (gone.email_id.as_deref(), shown.email_id.as_deref()) {
            // Two identities are two messages, or a) has judged them.
            (Some(_), Some(_)) => None,
            // It is taken, or one of several.
            (Some(id), None) if new_ids.contains_key(id) => None,
            (None, Some(id)) if gone_ids.contains_key(id) => None,
            _ => Some(gone),
        }
    };
    let moved = |shown: &Shown<M>| {
        let gone = same_id(shown).or_else(|| alike(shown))?;
        (gone.mailbox != shown.mailbox).then_some(Move {
            key: gone.key,
            mailbox: shown.mailbox,
            uid: shown.uid,
        })
    };
    new.iter().filter_map(moved).collect()
}

fn telling(likeness: &Likeness) -> Option<&Likeness> {
    likeness.is_telling().then_some(likeness)
}

/// What each word names: `None` where it names several. What has no word is left out.
fn only<W: Eq + Hash, T>(named: impl Iterator<Item = (Option<W>, T)>) -> HashMap<W, Option<T>> {
    let mut only = HashMap::new();
    for (word, thing) in named {
        if let Some(word) = word {
            only.entry(word)
                .and_modify(|known| *known = None)
                .or_insert(Some(thing));
        }
    }
    only
}

/// A known mailbox that the server lists no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostMailbox<M> {
    /// The mailbox.
    pub id: M,
    /// Its name as the server wrote it.
    pub name: String,
    /// The epoch of its UIDs when it was last in step.
    pub uid_validity: Option<UidValidity>,
    /// The UID that its next message would have had at least.
    pub uid_next: Option<Uid>,
    /// Its identity across renames. Requires OBJECTID (RFC 8474 §4.1).
    pub mailbox_id: Option<String>,
}

/// A mailbox that the server lists and we do not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundMailbox {
    /// The epoch of its UIDs.
    pub uid_validity: Option<UidValidity>,
    /// The UID that its next message will have at least.
    pub uid_next: Option<Uid>,
    /// Its identity across renames. Requires OBJECTID (RFC 8474 §4.1).
    pub mailbox_id: Option<String>,
    /// The name that it had, as the server writes it (OLDNAME, RFC 9051 §6.3.9.7).
    pub old_name: Option<String>,
}

/// Why a found mailbox may be a lost one, the surest reason first.
#[derive(Clone, Copy, Debug)]
enum Reason {
    MailboxId,
    OldName,
    UidValidity,
}

impl Reason {
    fn speaks_for<M>(self, lost: &LostMailbox<M>, found: &FoundMailbox) -> bool {
        let same_id = lost.mailbox_id.is_some() && lost.mailbox_id == found.mailbox_id;
        // Two identities are two mailboxes, whatever else agrees.
        let contradicted = !same_id && lost.mailbox_id.is_some() && found.mailbox_id.is_some();
        match self {
            Self::MailboxId => same_id,
            Self::OldName => !contradicted && found.old_name.as_ref() == Some(&lost.name),
            Self::UidValidity => {
                let same_epoch =
                    lost.uid_validity.is_some() && lost.uid_validity == found.uid_validity;
                let goes_on = lost.uid_next.is_some() && found.uid_next >= lost.uid_next;
                same_epoch && goes_on && !contradicted
            }
        }
    }
}

/// Finds mailboxes that may have been renamed: pairs of a lost one and its place in `found`, in the
/// order of `lost` within each reason. No mailbox is in two pairs.
///
/// The reasons, each tried on what those before it left:
/// a) the same MAILBOXID;
/// b) the server says under which name it was known;
/// c) the same UIDVALIDITY, and a UIDNEXT not smaller than the known one.
///
/// Candidates only: servers give many mailboxes the same UIDVALIDITY, so the caller compares the
/// content of a sample before it believes one.
#[must_use]
pub fn renames<M: Copy>(lost: &[LostMailbox<M>], found: &[FoundMailbox]) -> Vec<(M, usize)> {
    let mut lost: Vec<&LostMailbox<M>> = lost.iter().collect();
    let mut found: Vec<(usize, &FoundMailbox)> = found.iter().enumerate().collect();
    let mut pairs = Vec::new();
    for reason in [Reason::MailboxId, Reason::OldName, Reason::UidValidity] {
        let (mut left, mut taken) = (Vec::new(), HashSet::new());
        for candidate in &lost {
            let theirs = found
                .iter()
                .filter(|(_, f)| reason.speaks_for(candidate, f));
            let only = sole(theirs).filter(|(_, found)| {
                let ours = lost.iter().filter(|lost| reason.speaks_for(lost, found));
                sole(ours).is_some()
            });
            match only {
                Some((at, _)) => {
                    pairs.push((candidate.id, *at));
                    taken.insert(*at);
                }
                None => left.push(*candidate),
            }
        }
        found.retain(|(at, _)| !taken.contains(at));
        lost = left;
    }
    pairs
}

/// The item of an iterator that has exactly one.
fn sole<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests;
