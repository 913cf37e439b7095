//! How server copies go: UID EXPUNGE, or into the trash by MOVE, or by COPY and EXPUNGE.

use crate::error::EngineError;
use crate::rehearsal::Leave;
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::uid::UidSet;
use postrider_imap::capability::Capability;
use postrider_imap::{FlagChange, FlightEvent, Selected, Session, Step, WireName};

/// Why nothing was expunged.
const STRANGERS: &str =
    "another message bears \\Deleted, and without UIDPLUS the server would expunge it too";

/// Where server copies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whither {
    /// For good.
    Away,
    /// Nowhere: there is no trash.
    Nowhere,
    /// Into the mailbox with the role `\Trash`.
    Trash(WireName),
}

/// Why nothing can be removed from a mailbox as the server has opened it. A server that does not keep
/// `\Deleted` (PERMANENTFLAGS, RFC 9051 §7.1) says OK to STORE and EXPUNGE and removes nothing.
pub(crate) fn obstacle(
    session: &Session,
    selected: &Selected,
    whither: &Whither,
) -> Option<&'static str> {
    if selected.read_only {
        return Some("the server opens the mailbox read-only");
    }
    let moves =
        matches!(whither, Whither::Trash(_)) && session.capabilities().has(Capability::Move);
    let kept = selected.permanent_flags.as_ref();
    let keeps_deleted = kept.is_none_or(|flags| flags.flags().any(|flag| flag == Flag::Deleted));
    (!moves && !keeps_deleted).then_some("the server keeps no \\Deleted in this mailbox")
}

/// Removes messages of the open mailbox. `Some` with the reason when the server would not; then nothing
/// stays marked. Of a long set moved in pieces some may be gone all the same: those are found to be by
/// the next pass.
pub(crate) async fn remove(
    session: &mut Session,
    uids: UidSet,
    whither: &Whither,
    _leave: Leave,
) -> Result<Option<String>, EngineError> {
    let to = match whither {
        Whither::Away => None,
        Whither::Nowhere => return Ok(Some("there is no trash".to_owned())),
        Whither::Trash(to) => Some(to.clone()),
    };
    let can_move = session.capabilities().has(Capability::Move);
    match to {
        Some(to) if can_move => return refusal(session, Step::Move { uids, to }).await,
        Some(to) => {
            // Asked before the copy is made: one that could not be expunged would be copied again
            // in every pass.
            if strangers(session, &uids).await? {
                return Ok(Some(STRANGERS.to_owned()));
            }
            let uids = uids.clone();
            let refused = refusal(session, Step::Copy { uids, to }).await?;
            if refused.is_some() {
                return Ok(refused);
            }
        }
        None => {}
    }
    if strangers(session, &uids).await? {
        return Ok(Some(STRANGERS.to_owned()));
    }
    expunge(session, uids).await
}

/// What [`remove`] would not do, as far as questions tell that change nothing.
pub(crate) async fn foresee(
    session: &mut Session,
    uids: &UidSet,
    whither: &Whither,
) -> Result<Option<String>, EngineError> {
    let moves = matches!(whither, Whither::Trash(_));
    if moves && session.capabilities().has(Capability::Move) {
        return Ok(None);
    }
    let hindered = strangers(session, uids).await?;
    Ok(hindered.then(|| STRANGERS.to_owned()))
}

/// Whether plain EXPUNGE, where there is nothing better, would take a message that is not ours to take.
async fn strangers(session: &mut Session, ours: &UidSet) -> Result<bool, EngineError> {
    if session.capabilities().has(Capability::UidPlus) {
        return Ok(false);
    }
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

/// Marks and expunges.
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
