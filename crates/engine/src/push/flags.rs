//! Flags that readers changed: one UID STORE for each flag and direction, all of a mailbox in one flight.

use crate::context::{Account, LocalMailbox};
use crate::error::EngineError;
use crate::events;
use crate::imap::observe::Observed;
use crate::push::{open, refused};
use crate::rehearsal::Leave;
use crate::report::PassReport;
use crate::step::Step as Point;
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::message::MessageKey;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::local::{Change, Push, PushPlan, StorePlan, plan_push};
use postrider_imap::{FlagChange, FlightEvent, Selected, Session, Step};
use postrider_index::{FlagChangeRow, Index};
use std::collections::{HashMap, HashSet};

/// Tells the server of every changed flag of these mailboxes.
pub(super) async fn send(
    account: &Account,
    session: &mut Session,
    observed: &[Observed],
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let changed = index.call(move |index| index.changed_by_readers(id));
    let changed = changed.await?;
    for mailbox in observed.iter().filter(|o| changed.contains(&o.local.id)) {
        send_mailbox(account, session, mailbox, report).await?;
    }
    Ok(())
}

async fn send_mailbox(
    account: &Account,
    session: &mut Session,
    observed: &Observed,
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let (id, name) = (observed.local.id, &observed.local.name);
    let rows = account
        .shared
        .index
        .call(move |index| index.flag_changes(id));
    let rows = rows.await?;
    let Some(leave) = account.part.leave() else {
        let plan = plan_push(&changes(&rows), |_| true);
        let keys = foresee(account, &observed.local, &plan);
        report.flags_pushed += keys.len() as u64;
        return Ok(());
    };
    let selected = match open(session, &observed.wire_name, leave).await? {
        Ok(selected) => selected,
        Err(because) => {
            refused(account, name, rows.len() as u64, ("flags", &because));
            return Ok(());
        }
    };
    // What has been renumbered since is somebody else by now: the next look finds out who is who.
    let same_epoch = |row: &FlagChangeRow| selected.uid_validity == Some(row.uid_validity);
    let rows: Vec<_> = rows.into_iter().filter(same_epoch).collect();
    let plan = plan_push(&changes(&rows), |flag| keeps(&selected, flag));
    let done = store(account, session, observed, (&plan.stores, leave)).await?;
    account.shared.steps.reached(Point::FlagsPushed)?;
    let pushed: HashSet<MessageKey> = done.iter().flat_map(|store| &store.keys).copied().collect();
    report.flags_pushed += pushed.len() as u64;
    record(account, &rows, (&plan, &done)).await
}

fn changes(rows: &[FlagChangeRow]) -> Vec<Change> {
    let change = |row: &FlagChangeRow| Change {
        key: row.key,
        uid: row.uid,
        agreed: row.agreed.clone(),
        flag: row.flag,
        is_set: row.is_set,
    };
    rows.iter().map(change).collect()
}

fn keeps(selected: &Selected, flag: Flag) -> bool {
    selected.permanent_flags.keeps(flag)
}

/// Writes down what would be told; of which messages.
fn foresee(account: &Account, mailbox: &LocalMailbox, plan: &PushPlan) -> HashSet<MessageKey> {
    let mut keys = HashSet::new();
    for store in &plan.stores {
        for message in &store.keys {
            keys.insert(*message);
            account.note(&mailbox.name, || {
                Deed::Push(Push::Flag {
                    message: *message,
                    flag: store.flag,
                    is_set: store.is_set,
                })
            });
        }
    }
    keys
}

/// Those that the server has carried out.
async fn store<'p>(
    account: &Account,
    session: &mut Session,
    observed: &Observed,
    (stores, _leave): (&'p [StorePlan], Leave),
) -> Result<Vec<&'p StorePlan>, EngineError> {
    if stores.is_empty() {
        return Ok(Vec::new());
    }
    let steps = stores.iter().map(|store| {
        let flags = FlagSet::new().with(store.flag);
        Step::StoreFlags {
            uids: store.uids.clone(),
            change: match store.is_set {
                true => FlagChange::Add(flags),
                false => FlagChange::Remove(flags),
            },
        }
    });
    let steps: Vec<Step> = steps.collect();
    let mut done = Vec::with_capacity(stores.len());
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Done { step } => done.extend(stores.get(step)),
            FlightEvent::Refused { step, refusal } => {
                if let Some(store) = stores.get(step) {
                    let (messages, because) = (store.keys.len() as u64, refusal.to_string());
                    let deed = (store.flag.as_str(), because.as_str());
                    refused(account, &observed.local.name, messages, deed);
                }
            }
            _ => {}
        }
    }
    for store in &done {
        tell(account, observed, store);
    }
    Ok(done)
}

fn tell(account: &Account, observed: &Observed, store: &StorePlan) {
    let sign = if store.is_set { '+' } else { '-' };
    let deed = format!("{sign}{}", store.flag.as_str());
    for uid in store.uids.iter() {
        events::MessagePushed {
            account: account.log_name(),
            mailbox: &observed.local.name,
            uid: Some(uid.as_u32().into()),
            deed: &deed,
        }
        .emit();
    }
}

/// What was carried out is agreed on; what is moot or will never be kept is settled.
async fn record(
    account: &Account,
    rows: &[FlagChangeRow],
    (plan, done): (&PushPlan, &[&StorePlan]),
) -> Result<(), EngineError> {
    let before = rows.iter().map(|row| (row.key, row.agreed.clone()));
    let mut before: HashMap<MessageKey, FlagSet> = before.collect();
    let mut agreed: HashMap<MessageKey, FlagSet> = HashMap::new();
    let mut settled: Vec<(MessageKey, Flag)> = Vec::new();
    for store in done {
        for key in &store.keys {
            let known = before.remove(key);
            let flags = agreed
                .entry(*key)
                .or_insert_with(|| known.unwrap_or_default());
            flags.set(store.flag, store.is_set);
            settled.push((*key, store.flag));
        }
    }
    settled.extend(&plan.moot);
    settled.extend(&plan.unkept);
    if settled.is_empty() {
        return Ok(());
    }
    let agreed: Vec<_> = agreed.into_iter().collect();
    let settle = move |index: &mut Index| index.settle_flag_changes(&settled, &agreed);
    account.shared.index.call(settle).await
}
