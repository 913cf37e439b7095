//! One message's way back to its mailbox, and what it is called there.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::outgoing;
use crate::place;
use crate::step::Step as Point;
use crate::undo::find::{self, Identity, Sought};
use crate::undo::{Candidate, UndoOutcome, UndoRun};
use postrider_core::flag::Flag;
use postrider_core::message::ServerRef;
use postrider_imap::{Append, Appended, Session};
use postrider_index::{Attachment, Index, IndexError};
use std::path::Path;

/// Appends the message from `path`, which was read back a moment ago.
pub(super) async fn put_back(
    account: &Account,
    session: &mut Session,
    (candidate, path): (&Candidate, &Path),
    run: &UndoRun,
) -> Result<UndoOutcome, EngineError> {
    let (key, index) = (candidate.row.file.key, &account.shared.index);
    let expired_at = candidate.row.expired_at;
    if expired_at.is_none() {
        match find::interrupted(account, session, candidate, run).await? {
            Sought::Found(identity) => {
                end(account, candidate, Some(identity)).await?;
                return Ok(UndoOutcome::Found);
            }
            Sought::Missing => {}
            // It stays on its way: the next undo asks again.
            Sought::Untold(because) => return Ok(UndoOutcome::Refused(because)),
        }
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
        None => find::taken(account, session, candidate).await?,
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
    identity: Option<Identity>,
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
