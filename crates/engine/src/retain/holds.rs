//! What is said of server copies that a rule lets go and that stay all the same: somebody waits for them to go.

use crate::context::{Account, LocalMailbox, now};
use crate::error::EngineError;
use crate::events;
use crate::retain::Held;
use postrider_core::message::MessageKey;
use postrider_core::plan::deed::Deed;
use postrider_core::retention::{Facts, KeepReason, KeepReasons, LocalCopy, Verdict};
use postrider_index::Index;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Tells of messages that the policy lets go and a guard holds. A rehearsal names each, and those that are
/// protected as well.
pub(super) async fn tell_held(
    account: &Account,
    held: &[Held<'_>],
    verdicts: &[Verdict],
) -> Result<(), EngineError> {
    note_held(account, held, verdicts);
    let mut held_back = kept(verdicts, KeepReasons::is_only_guards);
    let told = told_before(account, &held_back).await?;
    held_back.retain(|key, _| !told.contains(key));
    for held in held {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for facts in &held.facts {
            if let Some(because) = held_back.get(&facts.message) {
                *counts.entry(because.to_string()).or_default() += 1;
            }
        }
        for (because, messages) in counts {
            say(account, held.mailbox, messages, &because);
        }
    }
    Ok(())
}

/// Those that stay for such reasons.
fn kept(verdicts: &[Verdict], such: fn(KeepReasons) -> bool) -> HashMap<MessageKey, KeepReasons> {
    let kept = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::Keep { message, because } => such(*because).then_some((*message, *because)),
        Verdict::Expire { .. } => None,
    });
    kept.collect()
}

/// Those that nothing can be done for any more, and of which that was said: once is enough.
async fn told_before(
    account: &Account,
    held_back: &HashMap<MessageKey, KeepReasons>,
) -> Result<HashSet<MessageKey>, EngineError> {
    let for_good = held_back
        .iter()
        .filter(|(_, because)| because.has(KeepReason::DeletedUnproven));
    let for_good: Vec<_> = for_good.map(|(key, _)| *key).collect();
    if for_good.is_empty() {
        return Ok(HashSet::new());
    }
    let mut told: HashSet<_> = for_good.iter().copied().collect();
    let tell = move |index: &mut Index| index.tell_unproven(&for_good, now());
    for news in account.shared.index.call(tell).await? {
        told.remove(&news);
    }
    Ok(told)
}

fn note_held(account: &Account, held: &[Held<'_>], verdicts: &[Verdict]) {
    if account.part.leave().is_some() {
        return;
    }
    let held_back = kept(verdicts, KeepReasons::is_hold);
    let looks = account.settings.retention.looks_for_deleted();
    for held in held {
        for facts in &held.facts {
            let waits = || (looks && is_missing(facts)).then(missing);
            let Some(because) = held_back.get(&facts.message).copied().or_else(waits) else {
                continue;
            };
            account.note(&held.mailbox.name, || Deed::Hold {
                message: Some(facts.message),
                messages: 1,
                because: because.to_string(),
            });
        }
    }
}

/// Where deletions count, a file that is gone may be one: the second witness will say (R5).
fn is_missing(facts: &Facts) -> bool {
    facts.local == LocalCopy::Missing
}

fn missing() -> KeepReasons {
    KeepReasons::NONE.and(KeepReason::LocalCopyMissing, true)
}

/// One line for server copies that stay though the policy lets them go.
pub(crate) fn tell(account: &Account, mailbox: &LocalMailbox, messages: u64, because: &str) {
    account.note(&mailbox.name, || Deed::Hold {
        message: None,
        messages,
        because: because.to_owned(),
    });
    say(account, mailbox, messages, because);
}

fn say(account: &Account, mailbox: &LocalMailbox, messages: u64, because: &str) {
    events::ServerCopyHeld {
        account: account.log_name(),
        mailbox: &mailbox.name,
        messages,
        because,
    }
    .emit();
}
