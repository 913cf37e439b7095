//! Looking at the server: which mailboxes there are, which of them changed, and how.

use crate::choose::{Chooser, is_meant};
use crate::context::{Account, LocalMailbox};
use crate::error::EngineError;
use crate::place;
use postrider_core::mailbox::Role;
use postrider_core::settings::FolderChoice;
use postrider_imap::{FlightEvent, Listed, MailboxStatus, Refusal, Session, Step, WireName};
use postrider_index::MailboxRow;
use std::collections::HashSet;
use std::sync::Arc;

/// A chosen mailbox on both sides.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) local: LocalMailbox,
    pub(crate) row: MailboxRow,
    pub(crate) wire_name: WireName,
    pub(crate) status: Option<MailboxStatus>,
}

/// What is asked with the login.
pub(crate) fn first_questions(folders: &FolderChoice) -> Vec<Step> {
    let subscriptions = folders.subscribed.then_some(Step::Subscriptions);
    [Step::List].into_iter().chain(subscriptions).collect()
}

/// What the server told to the first questions. Where nobody knows what is subscribed, all counts.
pub(crate) fn listed(events: Vec<FlightEvent>) -> Result<Vec<Listed>, EngineError> {
    let mut listed = Vec::new();
    let mut seen = HashSet::new();
    let mut subscribed: Option<HashSet<WireName>> = None;
    for event in events {
        match event {
            FlightEvent::Listed { mailbox, .. } if seen.insert(mailbox.wire_name.clone()) => {
                listed.push(mailbox);
            }
            FlightEvent::Subscribed { mailboxes, .. } => {
                subscribed = Some(mailboxes.into_iter().collect());
            }
            FlightEvent::Refused { step: 0, refusal } => return Err(refused("LIST", &refusal)),
            _ => {}
        }
    }
    if let Some(subscribed) = subscribed {
        for mailbox in &mut listed {
            let told = subscribed.contains(&mailbox.wire_name);
            mailbox.subscribed = mailbox.subscribed.or(Some(told));
        }
    }
    Ok(listed)
}

/// Adds the state of those mailboxes for which LIST did not tell it, all asked for in one flight.
pub(crate) async fn with_status(
    session: &mut Session,
    mut listed: Vec<Listed>,
) -> Result<Vec<Listed>, EngineError> {
    let untold: Vec<usize> = (0..listed.len())
        .filter(|at| listed.get(*at).is_some_and(|l| l.status.is_none()))
        .collect();
    let names = untold.iter().filter_map(|at| listed.get(*at));
    let steps: Vec<_> = names.map(|l| Step::Status(l.wire_name.clone())).collect();
    if steps.is_empty() {
        return Ok(listed);
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
    Ok(listed)
}

/// Where `method: trash` moves server copies: chosen or not, the server says which it is.
pub(crate) fn trash(listed: &[Listed]) -> Option<WireName> {
    let trash = |l: &&Listed| l.role == Some(Role::Trash) && l.selectable;
    listed.iter().find(trash).map(|l| l.wire_name.clone())
}

/// The chosen mailboxes, each with a row in the index and a directory on disk.
pub(crate) async fn chosen(
    account: &Account,
    session: &mut Session,
    mut listed: Vec<Listed>,
) -> Result<Vec<Observed>, EngineError> {
    let chooser = Chooser::of(&account.settings, session.capabilities(), &listed);
    let chosen: Vec<bool> = listed
        .iter()
        .map(|l| chooser.choose(l).is_chosen())
        .collect();
    let mut chosen = chosen.into_iter();
    let only = account.only.as_deref();
    listed.retain(|l| {
        chosen.next().unwrap_or_default() && is_meant(only, &l.name.to_string(), l.role)
    });
    let listed = with_status(session, listed).await?;
    placed(account, listed).await
}

/// Mailboxes, each with a row in the index and a directory on disk.
pub(crate) async fn placed(
    account: &Account,
    listed: Vec<Listed>,
) -> Result<Vec<Observed>, EngineError> {
    let mut observed = Vec::with_capacity(listed.len());
    let new = listed
        .iter()
        .map(|l| place::listed(&account.settings, l))
        .collect();
    let rows = crate::local::register(account, new).await?;
    for (listed, (row, maildir)) in listed.into_iter().zip(rows) {
        let local = LocalMailbox {
            id: row.id,
            name: Arc::from(row.name.as_str()),
            maildir: Arc::new(maildir),
            synced: row.synced_at.is_some(),
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

pub(crate) fn refused(what: &str, refusal: &Refusal) -> EngineError {
    EngineError::Refused {
        what: what.to_owned(),
        text: refusal.to_string(),
    }
}
