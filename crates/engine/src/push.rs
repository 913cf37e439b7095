//! Carrying to an IMAP server what readers did in the Maildir.
//!
//! [`create`] makes mailboxes for new directories. Scans note the rest in the index (`local::refresh`), where it waits for the server however long that takes.
//! [`settle`] explains the files that nobody knows: moved, copied, written anew, or new. After the server's
//! own changes were pulled, [`send`] tells it: [`moves`], [`uploads`], [`moved_by_copy`], and last the [`flags`], which then are
//! those of messages that are where they belong.
//!
//! A pass over some mailboxes cannot tell where a file comes from: it pushes flags alone.

pub(crate) mod create;
mod explain;
mod flags;
mod moved_by_copy;
mod moves;
mod uploads;

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use crate::imap::observe::Observed;
use crate::imap::there::there;
use crate::rehearsal::Leave;
use crate::report::PassReport;
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, ServerRef};
use postrider_core::settings::Moves;
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::{CopyUid, FlightEvent, SelectMode, Selected, Session, Step, WireName};
use postrider_index::{Attachment, Index, IndexError, MailboxId};

/// Why nothing was done.
const SILENCE: &str = "the server did not answer";
const READ_ONLY: &str = "the server opens the mailbox read-only";

/// Explains files that came into mailboxes, before anything is compared with the server: what moved is no
/// message of its old mailbox any more. `changed`: a scan found something new, or something is gone. Says,
/// where absent files were looked for in these mailboxes, how many were missed for the first time: doing it twice
/// in one pass would count twice (R5).
pub(crate) async fn settle(
    account: &Account,
    observed: &[Observed],
    changed: bool,
) -> Result<Option<u64>, EngineError> {
    if account.sees_all() {
        return explain::explain(account, observed, changed).await;
    }
    Ok(None)
}

/// Tells the server.
pub(crate) async fn send(
    account: &Account,
    session: &mut Session,
    observed: &[Observed],
    report: &mut PassReport,
) -> Result<(), EngineError> {
    if account.sees_all() {
        let (id, index) = (account.id, &account.shared.index);
        let rows = index.call(move |index| index.outgoing(id, now())).await?;
        let (moving, new): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.departure.is_some());
        moves::send(account, session, (observed, moving), report).await?;
        uploads::send(account, session, (observed, new), report).await?;
        if account.settings.moves == Moves::Push {
            moved_by_copy::end(account, session, observed, report).await?;
        }
    }
    if account.settings.flags.pushes() {
        flags::send(account, session, observed, report).await?;
    }
    Ok(())
}

/// The chosen mailbox of this row.
fn find(observed: &[Observed], id: MailboxId) -> Option<&Observed> {
    observed.iter().find(|observed| observed.local.id == id)
}

/// Opens a mailbox for writing; the server's words where it would not.
async fn open(
    session: &mut Session,
    mailbox: &WireName,
    _leave: Leave,
) -> Result<Result<Selected, String>, EngineError> {
    let steps = [Step::Select {
        mailbox: mailbox.clone(),
        mode: SelectMode::ReadWrite,
        resync: None,
    }];
    let mut opened = Err(SILENCE.to_owned());
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { selected, .. } if selected.read_only => {
                opened = Err(READ_ONLY.to_owned());
            }
            FlightEvent::Selected { selected, .. } => opened = Ok(selected),
            FlightEvent::Refused { refusal, .. } => opened = Err(refusal.to_string()),
            _ => {}
        }
    }
    Ok(opened)
}

/// Opens a mailbox for writing, and says which of the messages it still holds; none where it was renumbered. The
/// reason where the server does not let us.
async fn look(
    session: &mut Session,
    mailbox: &WireName,
    (epoch, uids): (UidValidity, UidSet),
    _leave: Leave,
) -> Result<Result<UidSet, String>, EngineError> {
    let there = there(session, (mailbox, SelectMode::ReadWrite), uids).await?;
    if let Some(refusal) = there.refusal {
        return Ok(Err(refusal));
    }
    if there.is_read_only() {
        return Ok(Err(READ_ONLY.to_owned()));
    }
    Ok(Ok(there
        .in_epoch(epoch)
        .map(|(_, uids)| uids)
        .unwrap_or_default()))
}

/// Flies a step that makes copies: who they are, as far as the server tells, and its words where it would
/// not.
async fn fly(
    session: &mut Session,
    step: Step,
) -> Result<(Vec<CopyUid>, Option<String>), EngineError> {
    let (mut told, mut refusal) = (Vec::new(), Some(SILENCE.to_owned()));
    let mut flight = session.flight([step]).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Copied { copied, .. } => told.push(copied),
            FlightEvent::Done { .. } => refusal = None,
            FlightEvent::Refused { refusal: said, .. } => refusal = Some(said.to_string()),
            _ => {}
        }
    }
    Ok((told, refusal))
}

/// Who the copy of a message is.
fn identity(told: &[CopyUid], source: Uid) -> Option<ServerRef> {
    told.iter().find_map(|copied| {
        Some(ServerRef::Imap {
            uid_validity: copied.uid_validity,
            uid: copied.copy_of(source)?,
        })
    })
}

const fn attachment(key: MessageKey, server: ServerRef) -> Attachment {
    Attachment {
        key,
        server,
        server_octets: None,
    }
}

/// A message that is where it belongs at the server.
#[derive(Debug)]
struct End {
    key: MessageKey,
    /// Who it is there, where the server told.
    server: Option<ServerRef>,
    /// With which flags, where it did not come there as the message that it was.
    sent: Option<FlagSet>,
}

/// Records messages as being where they belong. An identity that another message has is none: the next look
/// finds out.
async fn end(account: &Account, ends: Vec<End>) -> Result<(), EngineError> {
    let record = move |index: &mut Index| {
        for End { key, server, sent } in ends {
            let known = server.map(|server| attachment(key, server));
            match index.end_outgoing((key, known.as_ref()), sent.as_ref(), now()) {
                Err(IndexError::AlreadyKnown { .. }) => {
                    index.end_outgoing((key, None), sent.as_ref(), now())?;
                }
                ended => ended?,
            }
        }
        Ok(())
    };
    account.shared.index.call(record).await
}

/// Tells the log of a message that is where a reader put it.
fn tell(account: &Account, to: &Observed, (server, deed): (Option<&ServerRef>, &str)) {
    let uid = match server {
        Some(ServerRef::Imap { uid, .. }) => Some(uid.as_u32().into()),
        Some(ServerRef::Pop3 { .. }) | None => None,
    };
    events::MessagePushed {
        account: account.log_name(),
        mailbox: &to.local.name,
        uid,
        deed,
    }
    .emit();
}

/// Tells the log that the server would not do something. It is tried again.
fn refused(account: &Account, mailbox: &str, messages: u64, (deed, because): (&str, &str)) {
    events::PushRefused {
        account: account.log_name(),
        mailbox,
        messages,
        deed,
        because,
    }
    .emit();
}
