//! Looking at the server: which mailboxes there are, which of them changed, and how.

use crate::choose::choose;
use crate::context::{Account, LocalMailbox};
use crate::error::EngineError;
use postrider_core::message::MessageKey;
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::{
    FlightEvent, Listed, MailboxStatus, Refusal, SelectMode, Session, Step, WireName,
};
use postrider_index::{MailboxRow, NewMailbox};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// A chosen mailbox on both sides.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) local: LocalMailbox,
    pub(crate) row: MailboxRow,
    pub(crate) wire_name: WireName,
    pub(crate) status: Option<MailboxStatus>,
}

/// Asks for every mailbox with its state: one round trip where the server has LIST-STATUS, two
/// where it has not.
pub(crate) async fn list(session: &mut Session) -> Result<Vec<Listed>, EngineError> {
    let mut listed = Vec::new();
    let mut flight = session
        .flight(vec![Step::List])
        .map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Listed { mailbox, .. } => listed.push(mailbox),
            FlightEvent::Refused { refusal, .. } => return Err(refused("LIST", &refusal)),
            _ => {}
        }
    }
    Ok(listed)
}

/// Asks for the state of those chosen mailboxes for which LIST did not tell it, all in one flight.
async fn complete(session: &mut Session, listed: &mut [Listed]) -> Result<(), EngineError> {
    let untold: Vec<usize> = (0..listed.len())
        .filter(|at| listed.get(*at).is_some_and(|l| l.status.is_none()))
        .collect();
    let names = untold.iter().filter_map(|at| listed.get(*at));
    let steps: Vec<_> = names.map(|l| Step::Status(l.wire_name.clone())).collect();
    if steps.is_empty() {
        return Ok(());
    }
    let mut told = Vec::new();
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        // A mailbox that refuses STATUS is looked at by SELECT; what that says counts.
        if let FlightEvent::Status { step, status } = event {
            told.push((step, status));
        }
    }
    for (step, status) in told {
        if let Some(mailbox) = untold.get(step).and_then(|at| listed.get_mut(*at)) {
            mailbox.status = Some(status);
        }
    }
    Ok(())
}

/// The chosen mailboxes, each with a row in the index and a directory on disk.
pub(crate) async fn chosen(
    account: &Account,
    session: &mut Session,
) -> Result<Vec<Observed>, EngineError> {
    let mut listed = list(session).await?;
    let settings = &account.settings;
    listed.retain(|l| l.selectable && choose(&settings.folders, &l.name, l.role).chosen);
    let mut seen = HashSet::new();
    listed.retain(|l| seen.insert(l.wire_name.clone()));
    complete(session, &mut listed).await?;
    let mut observed = Vec::with_capacity(listed.len());
    let rows = crate::local::register(account, new_mailboxes(account, &listed)).await?;
    for (listed, (row, maildir)) in listed.into_iter().zip(rows) {
        let local = LocalMailbox {
            id: row.id,
            name: Arc::from(row.name.as_str()),
            maildir: Arc::new(maildir),
        };
        observed.push(Observed {
            local,
            row,
            wire_name: listed.wire_name,
            status: listed.status,
        });
    }
    Ok(observed)
}

fn new_mailboxes(account: &Account, listed: &[Listed]) -> Vec<NewMailbox> {
    let directory = |l: &Listed| -> PathBuf {
        let relative = postrider_maildir::directory(account.settings.layout, &l.name);
        account.settings.maildir.join(relative)
    };
    let new = |l: &Listed| NewMailbox {
        wire_name: l.wire_name.to_string(),
        name: l.name.clone(),
        role: l.role,
        mailbox_id: None,
        path: directory(l),
    };
    listed.iter().map(new).collect()
}

/// Whether a mailbox may have changed since the state in its row was recorded. Without a
/// HIGHESTMODSEQ nobody can say that flags did not change.
pub(crate) fn may_have_changed(observed: &Observed) -> bool {
    let (row, Some(status)) = (&observed.row, &observed.status) else {
        return true;
    };
    let same = row.server.uid_validity.is_some()
        && row.server.uid_validity == status.uid_validity
        && row.server.uid_next.is_some()
        && row.server.uid_next == status.uid_next
        && row.server.messages.is_some()
        && row.server.messages == status.messages.map(u64::from)
        && row.server.highest_mod_seq.is_some()
        && row.server.highest_mod_seq == status.highest_mod_seq;
    !same
}

/// Which of `uids` the selected mailbox still holds: the second witness of an absence (R5).
pub(crate) async fn still_there(
    session: &mut Session,
    observed: &Observed,
    uids: &[(MessageKey, Uid)],
) -> Result<Option<UidSet>, EngineError> {
    let asked: UidSet = uids.iter().map(|(_, uid)| *uid).collect();
    let steps = vec![
        Step::Select {
            mailbox: observed.wire_name.clone(),
            mode: SelectMode::ReadOnly,
        },
        Step::Search { uids: asked },
    ];
    let (mut found, mut done, mut same_epoch) = (UidSet::new(), false, false);
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { selected, .. } => {
                same_epoch = selected.uid_validity == observed.row.server.uid_validity;
            }
            FlightEvent::Found { uids, .. } => found = uids,
            FlightEvent::Done { step: 1 } => done = true,
            _ => {}
        }
    }
    Ok((done && same_epoch).then_some(found))
}

pub(crate) fn refused(what: &str, refusal: &Refusal) -> EngineError {
    EngineError::Refused {
        what: what.to_owned(),
        text: refusal.to_string(),
    }
}
