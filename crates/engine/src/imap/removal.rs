//! How server copies go: UID EXPUNGE, or into the trash by MOVE, or by COPY and EXPUNGE.

use crate::error::EngineError;
use crate::rehearsal::Leave;
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::uid::{Uid, UidSet};
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
    let keeps_deleted = selected.permanent_flags.keeps(Flag::Deleted);
    (!moves && !keeps_deleted).then_some("the server keeps no \\Deleted in this mailbox")
}

/// Where a copy is made before the message is expunged, if it goes that way.
pub(crate) fn copies_to(session: &Session, whither: &Whither) -> Option<WireName> {
    match whither {
        Whither::Trash(to) if !session.capabilities().has(Capability::Move) => Some(to.clone()),
        Whither::Trash(_) | Whither::Away | Whither::Nowhere => None,
    }
}

/// What the server would not do.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) because: String,
    /// Whether copies were made of what is still there.
    pub(crate) is_copied: bool,
}

/// Removes messages of the open mailbox, of which `copied` are in the trash already. `Some` with the reason
/// when the server would not; then nothing stays marked. Of a long set moved in pieces some may be gone all
/// the same: those are found to be by the next pass.
pub(crate) async fn remove(
    session: &mut Session,
    (uids, copied): (UidSet, &UidSet),
    whither: &Whither,
    _leave: Leave,
) -> Result<Option<Refused>, EngineError> {
    let is_copy = copies_to(session, whither).is_some();
    let (refused, is_copied) = match whither {
        Whither::Away => (expunge_ours(session, uids).await?, false),
        Whither::Nowhere => (Some("there is no trash".to_owned()), false),
        Whither::Trash(to) if is_copy => copy_and_expunge(session, (uids, copied), to).await?,
        Whither::Trash(to) => {
            let to = to.clone();
            (refusal(session, Step::Move { uids, to }).await?, false)
        }
    };
    Ok(refused.map(|because| Refused { because, is_copied }))
}

/// The words of a refusal, and whether copies had been made before it.
async fn copy_and_expunge(
    session: &mut Session,
    (uids, copied): (UidSet, &UidSet),
    to: &WireName,
) -> Result<(Option<String>, bool), EngineError> {
    // Asked before the copy is made: one that could not be expunged would be of no use.
    if strangers(session, &uids).await? {
        return Ok((Some(STRANGERS.to_owned()), false));
    }
    let is_missing = |uid: &Uid| !copied.contains(*uid);
    let copy = Step::Copy {
        uids: uids.iter().filter(is_missing).collect(),
        to: to.clone(),
    };
    match refusal(session, copy).await? {
        Some(because) => Ok((Some(because), !copied.is_empty())),
        None => Ok((expunge_ours(session, uids).await?, true)),
    }
}

/// Expunges, where no stranger would go along.
async fn expunge_ours(session: &mut Session, uids: UidSet) -> Result<Option<String>, EngineError> {
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
        let unmark = Step::StoreFlags {
            uids,
            change: FlagChange::Remove(deleted),
        };
        refusal(session, unmark).await?;
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
