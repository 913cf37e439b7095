//! One verdict for each message that the server holds.

use crate::message::MessageKey;
use crate::retention::{ExpireReason, Facts, KeepReason, KeepReasons, LocalCopy, Policy, Usage};
use crate::time::Now;
use std::collections::HashMap;

/// What becomes of one server copy, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes.
    Expire {
        /// The message.
        message: MessageKey,
        /// The rule that says so.
        because: ExpireReason,
    },
    /// It stays.
    Keep {
        /// The message.
        message: MessageKey,
        /// All that holds it; never empty.
        because: KeepReasons,
    },
}

/// Decides which server copies may go. Every verdict says why; there is one for each message given,
/// in the same order, and the order makes no difference.
///
/// `messages` are all that the box holds where `usage` is told; else those of one mailbox or more.
#[must_use]
pub fn decide(policy: &Policy, messages: &[Facts], usage: Usage, now: Now) -> Vec<Verdict> {
    let latest = latest(policy, messages);
    let judge = |(at, facts): (usize, &Facts)| {
        let is_latest = latest.get(at).copied().unwrap_or(true);
        Judgement::of(policy, facts, is_latest, now)
    };
    let mut judged: Vec<_> = messages.iter().enumerate().map(judge).collect();
    if let Some(mark) = policy.quota {
        let mut room = Room {
            octets: usage.octets.map_or(0, |level| level.above(mark)),
            messages: usage.messages.map_or(0, |level| level.above(mark)),
        };
        make_room(&mut judged, messages, &mut room, ExpireReason::Quota(mark));
        let waits = if usage.is_told() {
            KeepReason::BelowMark
        } else {
            KeepReason::NoQuota
        };
        for judged in &mut judged {
            judged.waits = judged.waits.and(waits, true);
        }
    }
    let verdicts = messages.iter().zip(judged);
    verdicts
        .map(|(facts, judged)| judged.verdict(facts.message))
        .collect()
}

/// What the rules and the guards say of one message.
struct Judgement {
    /// The first rule that lets it go.
    goes: Option<ExpireReason>,
    /// What the other rules wait for.
    waits: KeepReasons,
    /// What holds it whatever the rules say.
    held: KeepReasons,
}

impl Judgement {
    /// All but the quota: that looks at all messages.
    fn of(policy: &Policy, facts: &Facts, is_latest: bool, now: Now) -> Self {
        let mut waits = KeepReasons::NONE.and(KeepReason::Policy, !policy.has_rule());
        let deleted = facts.local == LocalCopy::Deleted;
        let protected = protected(policy, facts);
        let guarded = guarded(facts);
        // What a reader did is not a rule of retention, so what protects from those does not hold it.
        // Where plain `delete` takes it anyway, that is the reason: it was on its way.
        if policy.deletions_pushed && deleted && !(policy.delete && protected.is_empty()) {
            return Self {
                goes: Some(ExpireReason::DeletionPushed),
                waits,
                held: guarded,
            };
        }
        waits = waits.and(
            KeepReason::NotDeletedLocally,
            policy.deletions_pushed && !deleted,
        );
        let mut goes = policy.delete.then_some(ExpireReason::Delete);
        let mut rule = |says: bool, reason: ExpireReason, wait: KeepReason| {
            if says {
                goes = goes.or(Some(reason));
            } else {
                waits = waits.and(wait, true);
            }
        };
        if policy.until_deleted_locally {
            let wait = KeepReason::NotDeletedLocally;
            rule(deleted, ExpireReason::DeletedLocally, wait);
        }
        if let Some(age) = policy.delete_after {
            let old = facts.age(now) >= age;
            rule(old, ExpireReason::DeleteAfter(age), KeepReason::TooYoung);
        }
        if let Some(count) = policy.keep_latest {
            let wait = KeepReason::AmongLatest;
            rule(!is_latest, ExpireReason::KeepLatest(count), wait);
        }
        Self {
            goes,
            waits,
            held: protected.with(guarded),
        }
    }

    const fn verdict(self, message: MessageKey) -> Verdict {
        match self.goes {
            Some(because) if self.held.is_empty() => Verdict::Expire { message, because },
            // What other rules wait for does not hold it.
            Some(_) => Verdict::Keep {
                message,
                because: self.held,
            },
            None => Verdict::Keep {
                message,
                because: self.waits.with(self.held),
            },
        }
    }
}

/// What the user asked to hold whatever the rules of retention say.
fn protected(policy: &Policy, facts: &Facts) -> KeepReasons {
    let protect = policy.protect;
    KeepReasons::NONE
        .and(KeepReason::Flagged, protect.flagged && facts.flagged)
        .and(KeepReason::Unread, protect.unread && !facts.read)
}

/// What holds a message whatever anybody says.
fn guarded(facts: &Facts) -> KeepReasons {
    let unproven = facts.proven_at.is_none();
    let deleted = facts.local == LocalCopy::Deleted;
    KeepReasons::NONE
        .and(KeepReason::NotIdentified, !facts.identified)
        .and(KeepReason::NotProven, unproven && !deleted)
        .and(KeepReason::DeletedUnproven, unproven && deleted)
        .and(
            KeepReason::LocalCopyMissing,
            facts.local == LocalCopy::Missing,
        )
}

/// Which messages are among the latest of their mailbox: by INTERNALDATE and then by UID, or in the order in
/// which they were first seen. Those that must stay anyway count among them: no rule may take more because
/// another holds some.
fn latest(policy: &Policy, messages: &[Facts]) -> Vec<bool> {
    let Some(count) = policy.keep_latest else {
        return Vec::new();
    };
    let mut newest_first: Vec<(usize, &Facts)> = messages.iter().enumerate().collect();
    newest_first.sort_unstable_by_key(|(_, facts)| std::cmp::Reverse(facts.seniority()));
    let mut counted: HashMap<i64, u32> = HashMap::new();
    let mut latest = vec![false; messages.len()];
    for (at, facts) in newest_first {
        let counted = counted.entry(facts.mailbox).or_default();
        *counted = counted.saturating_add(1);
        if let Some(latest) = latest.get_mut(at) {
            *latest = *counted <= count.get();
        }
    }
    latest
}

/// What a box is above its mark.
struct Room {
    octets: u64,
    messages: u64,
}

impl Room {
    const fn is_needed(&self) -> bool {
        self.octets > 0 || self.messages > 0
    }

    const fn free(&mut self, facts: &Facts) {
        self.octets = self.octets.saturating_sub(facts.octets);
        self.messages = self.messages.saturating_sub(1);
    }
}

/// Lets the oldest go until there is room. What the other rules let go makes room first; one that is
/// held makes none, and the next older one goes in its place.
fn make_room(judged: &mut [Judgement], messages: &[Facts], room: &mut Room, because: ExpireReason) {
    let going = |(judged, _): &(&mut Judgement, &Facts)| judged.goes.is_some();
    let (going, mut staying): (Vec<_>, Vec<_>) = judged.iter_mut().zip(messages).partition(going);
    for (judged, facts) in going {
        if judged.held.is_empty() {
            room.free(facts);
        }
    }
    staying.sort_unstable_by_key(|(_, facts)| facts.seniority());
    for (judged, facts) in staying {
        if !room.is_needed() {
            return;
        }
        judged.goes = Some(because);
        if judged.held.is_empty() {
            room.free(facts);
        }
    }
}

#[cfg(test)]
mod tests;
