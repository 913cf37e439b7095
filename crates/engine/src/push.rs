//! Carrying to an IMAP server what readers did in the Maildir.
//!
//! [`create`] makes mailboxes for new directories. Scans note the rest in the index (`local::refresh`), where it waits for the server however long that takes.
//! [`settle`] explains the files that nobody knows: moved, copied, written anew, or new. After the server's
//! own changes were pulled, [`send`] tells it: [`moves`], [`uploads`], and last the [`flags`], which then are
//! those of messages that are where they belong.
//!
//! A pass over some mailboxes cannot tell where a file comes from: it pushes flags alone.

pub(crate) mod create;
mod explain;
mod flags;
mod moves;
mod uploads;

use crate::context::Account;
use crate::error::EngineError;
use crate::events;
use crate::imap::observe::Observed;
use crate::rehearsal::Leave;
use crate::report::PassReport;
use postrider_core::settings::Moves;
use postrider_imap::{FlightEvent, SelectMode, Selected, Session, Step, WireName};
use postrider_index::MailboxId;

/// Explains files that came into mailboxes, before anything is compared with the server: what moved is no
/// message of its old mailbox any more. `changed`: a scan found something new, or something is gone. Says,
/// where absent files were looked for in these mailboxes, how many were missed for the first time: doing it twice
/// in one pass would count twice (R5).
pub(crate) async fn settle(
    account: &Account,
    observed: &[Observed],
    changed: bool,
) -> Result<Option<u64>, EngineError> {
    if changed && account.sees_all() {
        return explain::explain(account, observed).await;
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
        moves::send(account, session, observed).await?;
        uploads::send(account, session, observed).await?;
        if account.settings.moves == Moves::Push {
            moves::end_copies(account, session, observed).await?;
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
    let mut opened = Err("the server did not answer".to_owned());
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { selected, .. } if selected.read_only => {
                opened = Err("the server opens the mailbox read-only".to_owned());
            }
            FlightEvent::Selected { selected, .. } => opened = Ok(selected),
            FlightEvent::Refused { refusal, .. } => opened = Err(refusal.to_string()),
            _ => {}
        }
    }
    Ok(opened)
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
