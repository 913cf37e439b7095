//! One message's way back to its mailbox, and what it is called there.

use crate::context::{Account, LocalMailbox, now};
use crate::error::EngineError;
use crate::imap::observe::Observed;
use crate::imap::rematch::describe;
use crate::outgoing;
use crate::place;
use crate::step::Step as Point;
use crate::undo::{Candidate, UndoOutcome};
use postrider_core::flag::Flag;
use postrider_core::message::ServerRef;
use postrider_core::plan::uid_validity::{Likeness, Orphan, rematch};
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::{Append, Appended, FlightEvent, SelectMode, Session, Step};
use postrider_index::{Attachment, Index, IndexError};
use postrider_maildir::Mailbox;
use std::path::Path;
use std::sync::Arc;

/// Appends the message from `path`, which was read back a moment ago.
pub(super) async fn put_back(
    account: &Account,
    session: &mut Session,
    candidate: &Candidate,
    path: &Path,
) -> Result<UndoOutcome, EngineError> {
    let (key, index) = (candidate.row.file.key, &account.shared.index);
    let expired_at = candidate.row.expired_at;
    if expired_at.is_none()
        && let Some(identity) = find(account, session, candidate).await?
    {
        end(account, candidate, Some(identity)).await?;
        return Ok(UndoOutcome::Found);
    }
    index
        .call(move |index| index.begin_undo(key, now()))
        .await?;
    account.shared.steps.reached(Point::UndoBegun)?;
    let source = outgoing::source(path, candidate.row.file.sha256)?;
    let appended = session.append(&append(candidate), source).await;
    let uid = match appended.map_err(EngineError::imap)? {
        Appended::Done { uid } => uid,
        Appended::Refused(refusal) => {
            let give_up = move |index: &mut Index| index.give_up_undo(key, expired_at, now());
            index.call(give_up).await?;
            return Ok(UndoOutcome::Refused(refusal.to_string()));
        }
    };
    account.shared.steps.reached(Point::Appended)?;
    let identity = match uid {
        Some(identity) => Some(identity),
        None => find(account, session, candidate).await?,
    };
    end(account, candidate, identity).await?;
    Ok(UndoOutcome::Restored)
}

fn append(candidate: &Candidate) -> Append {
    // Whoever puts a message back does not want it removed by the next client that expunges.
    let mut flags = candidate.row.flags.clone();
    flags.set(Flag::Deleted, false);
    Append {
        mailbox: place::wire_name(&candidate.mailbox),
        flags,
        internal_date: candidate.row.internal_date,
        octets: candidate.row.octets_crlf,
    }
}

/// Records that the message is back. An identity that another message has is none: the pass finds out.
async fn end(
    account: &Account,
    candidate: &Candidate,
    identity: Option<(UidValidity, Uid)>,
) -> Result<(), EngineError> {
    let key = candidate.row.file.key;
    let attachment = identity.map(|(uid_validity, uid)| Attachment {
        key,
        server: ServerRef::Imap { uid_validity, uid },
        server_octets: Some(candidate.row.octets_crlf),
    });
    let end = move |index: &mut Index| match index.end_undo(key, attachment.as_ref(), now()) {
        Err(IndexError::AlreadyKnown { .. }) => index.end_undo(key, None, now()),
        ended => ended,
    };
    account.shared.index.call(end).await
}

/// Looks whether a message of the mailbox that nobody knows is this one: what a server without UIDPLUS
/// does not tell, and what an interrupted undo did not hear.
async fn find(
    account: &Account,
    session: &mut Session,
    candidate: &Candidate,
) -> Result<Option<(UidValidity, Uid)>, EngineError> {
    let observed = observed(account, candidate);
    let Some((uid_validity, found)) = listed(session, &observed).await? else {
        return Ok(None);
    };
    let id = candidate.mailbox.id;
    let known = move |index: &mut Index| index.uids(id, uid_validity);
    let known = account.shared.index.call(known).await?;
    let unknown: UidSet = found.iter().filter(|uid| !known.contains(*uid)).collect();
    let candidates = describe(session, &observed.wire_name, unknown).await?;
    let orphan = Orphan {
        key: candidate.row.file.key,
        likeness: Likeness {
            message_id: candidate.row.message_id.clone(),
            size_octets: Some(candidate.row.octets_crlf),
            internal_date: candidate.row.internal_date,
        },
    };
    let matched = rematch(&[orphan], &candidates);
    let only = matched.attach.first().map(|(_, uid)| (uid_validity, *uid));
    Ok(only)
}

/// Every UID of the mailbox; `None` when the server does not say.
async fn listed(
    session: &mut Session,
    observed: &Observed,
) -> Result<Option<(UidValidity, UidSet)>, EngineError> {
    let steps = vec![
        Step::Select {
            mailbox: observed.wire_name.clone(),
            mode: SelectMode::ReadOnly,
            resync: None,
        },
        Step::Search {
            uids: UidSet::range(Uid::MIN, Uid::MAX),
        },
    ];
    let (mut epoch, mut found) = (None, None);
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { selected, .. } => epoch = selected.uid_validity,
            FlightEvent::Found { uids, .. } => found = Some(uids),
            _ => {}
        }
    }
    Ok(epoch.zip(found))
}

fn observed(account: &Account, candidate: &Candidate) -> Observed {
    let row = candidate.mailbox.clone();
    Observed {
        local: LocalMailbox {
            id: row.id,
            name: Arc::from(row.name.as_str()),
            maildir: Arc::new(Mailbox::new(&account.settings.maildir, &row.path)),
            synced: row.synced_at.is_some(),
        },
        wire_name: place::wire_name(&row),
        row,
        status: None,
    }
}
