//! Letting go what retention lets go from an IMAP server: exactly those UIDs, and only after the
//! server has shown in the same session that they are still the same messages.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use crate::imap::in_trash;
use crate::imap::observe::Observed;
use crate::imap::quota::{self, Room};
use crate::imap::removal::{self, Whither};
use crate::imap::there::there;
use crate::rehearsal::Leave;
use crate::report::PassReport;
use crate::retain::{self, Going, Held, Judge};
use crate::step::Step as Point;
use postrider_core::message::MessageKey;
use postrider_core::retention::{ExpireReason, Method, Policy, Usage};
use postrider_core::time::Now;
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::{SelectMode, Session, WireName};
use postrider_index::{Index, MailboxId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Why nothing goes into the trash.
const NO_TRASH: &str = "no mailbox has the role \\Trash, and `method: trash` wants one; make one on the server, or choose `method: expunge`";

/// A mailbox, the epoch that its rows are of, and what the server holds for us in it.
struct Opened<'a> {
    observed: &'a Observed,
    epoch: UidValidity,
    uids: HashMap<MessageKey, Uid>,
}

/// Expires what the policy lets go in all mailboxes. Only where a quota is exceeded are they looked at
/// together: the oldest message of them all goes first, wherever it lies.
pub(crate) async fn expire_all(
    account: &Account,
    session: &mut Session,
    (observed, trash, searched): (&[Observed], Option<&WireName>, Option<u64>),
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let policy = account.settings.retention;
    let mut room = Room::default();
    if policy.quota.is_some() || (account.live.has_outdated_quota() && quota::is_told(session)) {
        room = quota::ask(account, session, observed).await?;
        quota::warn(account, room.fullest()).await?;
    }
    if !account.sees_all() {
        // The oldest of some mailboxes are not the oldest of the box.
        room = Room::default();
    }
    retain::release_of_another_policy(account).await?;
    if !policy.has_rule() {
        return Ok(());
    }
    if policy.looks_for_deleted() {
        report.missed += searched.unwrap_or_default();
    }
    let whither = match (policy.method, trash) {
        (Method::Expunge, _) => Whither::Away,
        (Method::Trash, Some(trash)) => Whither::Trash(trash.clone()),
        (Method::Trash, None) => Whither::Nowhere,
    };
    // What lies in the trash already is the server's to empty.
    let in_trash = |o: &&Observed| policy.method == Method::Trash && trash == Some(&o.wire_name);
    let (in_trash, mailboxes): (Vec<_>, Vec<_>) = observed.iter().partition(in_trash);
    let how = How {
        policy,
        now: account.ages_by(),
        epochs: epochs(account).await?,
        whither,
        searched: searched.is_some(),
    };
    let (together, alone) = room.above(policy.quota, mailboxes);
    for (usage, group) in together {
        expire(account, session, (&group, usage, &how), report).await?;
    }
    for (usage, mailbox) in alone {
        expire(account, session, (&[mailbox], usage, &how), report).await?;
    }
    if policy.in_trash().has_rule() && !in_trash.is_empty() {
        let how = How {
            policy: policy.in_trash(),
            whither: Whither::Away,
            ..how
        };
        let group = (&*in_trash, Usage::default(), &how);
        expire(account, session, group, report).await?;
    }
    Ok(())
}

/// What holds for the whole pass.
struct How {
    policy: Policy,
    now: Now,
    epochs: HashMap<MailboxId, UidValidity>,
    whither: Whither,
    /// Whether absent files were looked for already.
    searched: bool,
}

async fn expire(
    account: &Account,
    session: &mut Session,
    (observed, usage, how): (&[&Observed], Usage, &How),
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let (mut boxes, mut held) = (Vec::new(), Vec::new());
    for (number, observed) in (0_i64..).zip(observed) {
        let id = observed.local.id;
        let Some(epoch) = how.epochs.get(&id).copied() else {
            continue;
        };
        if !how.searched {
            retain::look_for_absent(account, &observed.local, report).await?;
        }
        let rows = move |index: &mut Index| index.retained(id, Some(epoch));
        let rows = account.shared.index.call(rows).await?;
        let facts = rows.iter().map(|row| retain::facts(row, number));
        held.push(Held {
            mailbox: &observed.local,
            facts: facts.collect(),
            went: 0,
        });
        let uids = rows.iter().filter_map(|row| Some((row.key, row.uid?)));
        boxes.push(Opened {
            observed,
            epoch,
            uids: uids.collect(),
        });
    }
    let judge = Judge {
        policy: how.policy,
        usage,
        now: how.now,
    };
    let going = retain::let_go(account, (held, &HashSet::new()), judge, report).await?;
    for mailbox in &boxes {
        remove(account, session, (mailbox, &how.whither), &going, report).await?;
    }
    Ok(())
}

/// The epoch in which each mailbox was last in step.
async fn epochs(account: &Account) -> Result<HashMap<MailboxId, UidValidity>, EngineError> {
    let id = account.id;
    let rows = account.shared.index.call(move |index| index.mailboxes(id));
    let rows = rows.await?.into_iter();
    let epoch = rows.filter_map(|row| Some((row.id, row.server.uid_validity?)));
    Ok(epoch.collect())
}

/// Removes what is to go from one mailbox.
async fn remove(
    account: &Account,
    session: &mut Session,
    (mailbox, whither): (&Opened<'_>, &Whither),
    going: &[Going],
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let observed = mailbox.observed;
    let here = going.iter();
    let here = here.filter_map(|(key, why)| Some((*mailbox.uids.get(key)?, (*key, *why))));
    let mut here: BTreeMap<Uid, Going> = here.collect();
    if here.is_empty() {
        return Ok(());
    }
    if matches!(whither, Whither::Nowhere) {
        retain::tell(account, &observed.local, here.len() as u64, NO_TRASH);
        return Ok(());
    }
    let keys = here.values().map(|(key, _)| *key).collect();
    let copied = in_trash::copied_before(account, session, whither, keys).await?;
    let copied = here.iter().filter(|(_, (key, _))| copied.contains(key));
    let copied: UidSet = copied.map(|(uid, _)| *uid).collect();
    let asked = here.keys().copied().collect();
    let leave = account.part.leave();
    let there = match open(session, (mailbox, whither, leave), asked).await? {
        Ok(there) => there,
        Err(because) => {
            retain::tell(account, &observed.local, here.len() as u64, because);
            return Ok(());
        }
    };
    here.retain(|uid, _| there.contains(*uid));
    if here.is_empty() {
        return Ok(());
    }
    let told = here.values().map(|(key, why)| (*key, why.to_string()));
    let told: Vec<(MessageKey, String)> = told.collect();
    let Some(leave) = leave else {
        let refused = removal::foresee(session, &there, whither).await?;
        return foreseen(account, observed, (&here, refused, whither), report).await;
    };
    let (requested, index) = (told.clone(), &account.shared.index);
    let request = move |index: &mut Index| index.request_expiry(&requested, now());
    index.call(request).await?;
    account.shared.steps.reached(Point::ExpiryRequested)?;
    if let Some(refused) = removal::remove(session, (there, &copied), whither, leave).await? {
        // What is copied stays asked for: the next pass is to know that it need not be copied again.
        if !refused.is_copied {
            let keys: Vec<_> = told.iter().map(|(key, _)| *key).collect();
            let withdraw = move |index: &mut Index| index.withdraw_expiry(&keys);
            index.call(withdraw).await?;
        }
        let because = &refused.because;
        retain::tell(account, &observed.local, here.len() as u64, because);
        return Ok(());
    }
    account.shared.steps.reached(Point::Expired)?;
    index
        .call(move |index| index.mark_expired(&told, now()))
        .await?;
    report.expired += here.len() as u64;
    for (uid, (_, why)) in &here {
        log_expired(account, observed, *uid, &why.to_string());
    }
    let went: Vec<ExpireReason> = here.values().map(|(_, why)| *why).collect();
    retain::went(account, &observed.local, &went).await
}

/// Where a rehearsal ends: with the deeds, which would be done now, and the copy of the index told of them.
async fn foreseen(
    account: &Account,
    observed: &Observed,
    (here, refused, whither): (&BTreeMap<Uid, Going>, Option<String>, &Whither),
    report: &mut PassReport,
) -> Result<(), EngineError> {
    if let Some(because) = refused {
        retain::tell(account, &observed.local, here.len() as u64, &because);
        return Ok(());
    }
    let method = match whither {
        Whither::Trash(_) => Method::Trash,
        Whither::Away | Whither::Nowhere => Method::Expunge,
    };
    for going in here.values() {
        account.note(&observed.local.name, || {
            retain::deed(account, *going, method)
        });
    }
    report.expired += here.len() as u64;
    let told = here.values().map(|(key, why)| (*key, why.to_string()));
    let told: Vec<(MessageKey, String)> = told.collect();
    let index = &account.shared.index;
    let expired = index.call(move |index| index.mark_expired(&told, now()));
    expired.await.map(drop)
}

/// Opens the mailbox, for writing with leave, and asks which of the messages it still holds. None when the
/// server has renumbered since; the reason where the server lets nothing be deleted.
async fn open(
    session: &mut Session,
    (mailbox, whither, leave): (&Opened<'_>, &Whither, Option<Leave>),
    uids: UidSet,
) -> Result<Result<UidSet, &'static str>, EngineError> {
    let mode = match leave {
        Some(_) => SelectMode::ReadWrite,
        // What is opened for reading only does not say what could be deleted in it.
        None => SelectMode::ReadOnly,
    };
    let there = there(session, (&mailbox.observed.wire_name, mode), uids).await?;
    let Some((selected, found)) = there.in_epoch(mailbox.epoch) else {
        return Ok(Ok(UidSet::new()));
    };
    let obstacle = leave.and_then(|_| removal::obstacle(session, &selected, whither));
    Ok(match obstacle {
        Some(because) => Err(because),
        None => Ok(found),
    })
}

/// Tells of those among messages that are gone whose deletion was asked for, and the answer lost (R2), before the
/// index is told. Returns them.
pub(crate) async fn tell_lost_answers(
    account: &Account,
    observed: &Observed,
    gone: &[(MessageKey, Uid)],
) -> Result<Vec<MessageKey>, EngineError> {
    let uids: HashMap<MessageKey, Uid> = gone.iter().copied().collect();
    let keys: Vec<MessageKey> = gone.iter().map(|(key, _)| *key).collect();
    let foresee = move |index: &mut Index| index.foresee_vanished(&keys);
    let foreseen = account.shared.index.call(foresee).await?.into_iter();
    let mut lost = Vec::new();
    for (key, because) in foreseen.filter_map(|(key, because)| Some((key, because?))) {
        if let Some(uid) = uids.get(&key) {
            log_expired(account, observed, *uid, &because);
            lost.push(key);
        }
    }
    Ok(lost)
}

fn log_expired(account: &Account, observed: &Observed, uid: Uid, because: &str) {
    events::ServerCopyExpired {
        account: account.log_name(),
        mailbox: &observed.local.name,
        uid: Some(uid.as_u32().into()),
        uidl: None,
        because,
    }
    .emit();
    account.live.change(|live| live.totals.expired += 1);
}
