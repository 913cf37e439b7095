//! Deleting what retention lets go from an IMAP server: exactly those UIDs, and only after the
//! server has shown in the same session that they are still the same messages.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use crate::imap::observe::Observed;
use crate::prove::prove;
use crate::report::PassReport;
use crate::step::Step as Point;
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::message::MessageKey;
use postrider_core::retention::{ExpireReason, Facts, Policy, Verdict, decide};
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::capability::Capability;
use postrider_imap::{FlagChange, FlightEvent, SelectMode, Session, Step};
use postrider_index::PresentRow;
use std::collections::HashMap;

/// Why nothing was expunged.
const STRANGERS: &str =
    "another message bears \\Deleted, and without UIDPLUS the server would expunge it too";

/// Expires what the policy lets go in one mailbox.
pub(crate) async fn expire(
    account: &Account,
    session: &mut Session,
    observed: &Observed,
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let policy = account.settings.retention;
    if policy == Policy::Keep {
        return Ok(());
    }
    let (id, index) = (observed.local.id, &account.shared.index);
    let Some((epoch, present)) = index.call(move |index| index.present(id)).await? else {
        return Ok(());
    };
    // What a person has put back is not deleted again at once: that person says when (`undo --release`).
    let mut present = present;
    present.retain(|row| row.undone_at.is_none());
    let let_go = verdicts(account, policy, &present).await?;
    let uids: HashMap<MessageKey, Uid> = present.iter().map(|row| (row.key, row.uid)).collect();
    let going = let_go
        .iter()
        .filter_map(|(key, why)| Some((*uids.get(key)?, (*key, *why))));
    let mut going: HashMap<Uid, (MessageKey, ExpireReason)> = going.collect();
    if going.is_empty() {
        return Ok(());
    }
    let there = open(session, observed, epoch, going.keys().copied().collect()).await?;
    going.retain(|uid, _| there.contains(*uid));
    let keys: Vec<_> = going.values().map(|(key, _)| *key).collect();
    let asked = keys.clone();
    index
        .call(move |index| index.request_expiry(&asked, now()))
        .await?;
    account.shared.steps.reached(Point::ExpiryRequested)?;
    let has_uidplus = session.capabilities().has(Capability::UidPlus);
    if !has_uidplus && others_deleted(session, &there).await? {
        held(account, observed, going.len(), STRANGERS);
        return Ok(());
    }
    if let Some(reason) = expunge(session, there).await? {
        held(account, observed, going.len(), &reason);
        return Ok(());
    }
    account.shared.steps.reached(Point::Expired)?;
    let because = ExpireReason::Delete.to_string();
    index
        .call(move |index| index.mark_expired(&keys, now(), &because))
        .await?;
    report.expired += going.len() as u64;
    going
        .iter()
        .for_each(|(uid, (_, why))| log_expired(account, observed, *uid, *why));
    Ok(())
}

/// The messages that may go, after their local copies were proven.
async fn verdicts(
    account: &Account,
    policy: Policy,
    present: &[PresentRow],
) -> Result<Vec<(MessageKey, ExpireReason)>, EngineError> {
    let unproven = present.iter().filter(|row| !row.proven).map(|row| row.key);
    let proven = prove(account, &unproven.collect::<Vec<_>>()).await?;
    let facts = present.iter().map(|row| Facts {
        message: row.key,
        proven: row.proven || proven.contains(&row.key),
        identified: true,
    });
    let verdicts = decide(policy, &facts.collect::<Vec<_>>());
    let going = verdicts.into_iter().filter_map(|verdict| match verdict {
        Verdict::Expire { message, because } => Some((message, because)),
        Verdict::Keep { .. } => None,
    });
    Ok(going.collect())
}

/// Opens the mailbox for writing and asks which of the messages it still holds. Nothing when the
/// server has renumbered since.
async fn open(
    session: &mut Session,
    observed: &Observed,
    epoch: UidValidity,
    uids: UidSet,
) -> Result<UidSet, EngineError> {
    let steps = vec![
        Step::Select {
            mailbox: observed.wire_name.clone(),
            mode: SelectMode::ReadWrite,
            resync: None,
        },
        Step::Search { uids: uids.clone() },
    ];
    let (mut found, mut same, mut done) = (UidSet::new(), false, false);
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { selected, .. } => {
                same = selected.uid_validity == Some(epoch) && !selected.read_only;
            }
            FlightEvent::Found { uids: f, .. } => found = f,
            FlightEvent::Done { step: 1 } => done = true,
            _ => {}
        }
    }
    Ok(if same && done {
        uids.intersect(found.iter())
    } else {
        UidSet::new()
    })
}

/// Whether a message that is not ours to expunge bears `\Deleted`: plain EXPUNGE would take it too.
async fn others_deleted(session: &mut Session, ours: &UidSet) -> Result<bool, EngineError> {
    let mut deleted = None;
    let mut flight = session
        .flight([Step::SearchDeleted])
        .map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        if let FlightEvent::Found { uids, .. } = event {
            deleted = Some(uids);
        }
    }
    // No answer is no permission.
    Ok(deleted.is_none_or(|uids| uids.intersect(ours.iter()).count() != uids.count()))
}

/// Marks and expunges. `Some` with the reason when the server would not; then nothing stays marked.
async fn expunge(session: &mut Session, uids: UidSet) -> Result<Option<String>, EngineError> {
    let deleted = FlagSet::new().with(Flag::Deleted);
    let mark = Step::StoreFlags {
        uids: uids.clone(),
        change: FlagChange::Add(deleted.clone()),
    };
    // One after the other: what could not be marked must not be expunged.
    let mut refused = refusal(session, mark).await?;
    if refused.is_none() {
        let remove = if session.capabilities().has(Capability::UidPlus) {
            Step::Expunge { uids: uids.clone() }
        } else {
            Step::ExpungeDeleted
        };
        refused = refusal(session, remove).await?;
    }
    if refused.is_some() {
        let change = FlagChange::Remove(deleted);
        refusal(session, Step::StoreFlags { uids, change }).await?;
    }
    Ok(refused)
}

/// Flies one step; the words of its refusal, or of a silence that is none.
async fn refusal(session: &mut Session, step: Step) -> Result<Option<String>, EngineError> {
    let mut outcome = Some("the server did not answer".to_owned());
    let mut flight = session.flight(vec![step]).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Done { .. } => outcome = None,
            FlightEvent::Refused { refusal, .. } => outcome = Some(refusal.to_string()),
            _ => {}
        }
    }
    Ok(outcome)
}

fn held(account: &Account, observed: &Observed, messages: usize, because: &str) {
    events::ServerCopyHeld {
        account: account.log_name(),
        mailbox: &observed.local.name,
        messages: messages as u64,
        because,
    }
    .emit();
}

fn log_expired(account: &Account, observed: &Observed, uid: Uid, because: ExpireReason) {
    events::ServerCopyExpired {
        account: account.log_name(),
        mailbox: &observed.local.name,
        uid: Some(uid.as_u32().into()),
        uidl: None,
        because: &because.to_string(),
    }
    .emit();
}
