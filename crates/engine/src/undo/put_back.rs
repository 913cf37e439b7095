//! One message's way back to its mailbox, and what it is called there.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use crate::outgoing;
use crate::place;
use crate::push::create;
use crate::step::Step as Point;
use crate::undo::find::{self, Identity, Sought};
use crate::undo::{Candidate, UndoOutcome, UndoRun};
use postrider_core::flag::Flag;
use postrider_core::message::ServerRef;
use postrider_imap::code::Code;
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
    let refused = match send(account, session, (candidate, path)).await? {
        Sent::Done(uid) => return arrived(account, session, candidate, uid).await,
        Sent::Refused(outcome) => outcome,
    };
    let give_up = move |index: &mut Index| index.give_up_undo(key, expired_at, now());
    index.call(give_up).await?;
    Ok(refused)
}

/// What came of sending it.
enum Sent {
    Done(Option<Identity>),
    Refused(UndoOutcome),
}

/// Appends it; where its mailbox was deleted meanwhile, to a new one of that name.
async fn send(
    account: &Account,
    session: &mut Session,
    (candidate, path): (&Candidate, &Path),
) -> Result<Sent, EngineError> {
    let refusal = match append(session, (candidate, path)).await? {
        Appended::Done { uid } => return Ok(Sent::Done(uid)),
        Appended::Refused(refusal) => refusal,
    };
    let mailbox = place::wire_name(&candidate.mailbox);
    // Any other code says what else is wrong.
    let may_be_gone = matches!(
        refusal.code,
        None | Some(Code::NonExistent | Code::TryCreate)
    );
    if !may_be_gone || !find::is_gone(session, &mailbox, &refusal).await? {
        return Ok(Sent::Refused(UndoOutcome::Refused(refusal.to_string())));
    }
    if let Some(because) = create::ask(session, &mailbox).await? {
        return Ok(Sent::Refused(UndoOutcome::NoMailbox(because)));
    }
    events::MailboxCreated {
        account: account.log_name(),
        mailbox: &candidate.mailbox.name,
    }
    .emit();
    Ok(match append(session, (candidate, path)).await? {
        Appended::Done { uid } => Sent::Done(uid),
        Appended::Refused(refusal) => Sent::Refused(UndoOutcome::Refused(refusal.to_string())),
    })
}

async fn append(
    session: &mut Session,
    (candidate, path): (&Candidate, &Path),
) -> Result<Appended, EngineError> {
    let source = outgoing::source(path, candidate.row.file.sha256)?;
    let appended = session.append(&as_it_was(candidate), source).await;
    appended.map_err(EngineError::imap)
}

/// The server has it; where it does not say as whom, it is asked.
async fn arrived(
    account: &Account,
    session: &mut Session,
    candidate: &Candidate,
    uid: Option<Identity>,
) -> Result<UndoOutcome, EngineError> {
    account.shared.steps.reached(Point::Appended)?;
    let identity = match uid {
        Some(identity) => Some(identity),
        None => find::taken(account, session, candidate).await?,
    };
    end(account, candidate, identity).await?;
    Ok(UndoOutcome::Restored)
}

fn as_it_was(candidate: &Candidate) -> Append {
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
