//! Looking at the server: which mailboxes there are, which of them changed, and how.

use crate::choose::choose;
use crate::context::{Account, LocalMailbox};
use crate::error::EngineError;
use crate::events;
use crate::report::PassReport;
use postrider_core::message::MessageKey;
use postrider_core::plan::view::{ServerMessage, ServerView};
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::{
    FlightEvent, Listed, MailboxStatus, Refusal, SelectMode, Selected, Session, Step, WireName,
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

/// What one mailbox looks like from inside.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) observed: Observed,
    pub(crate) selected: Selected,
    pub(crate) view: ServerView,
    /// A row could not be read: what is missing may be there, and new mail may hide in it.
    pub(crate) unreadable: bool,
}

/// Opens mailboxes one after another in one flight and asks each for its flags: for those that
/// changed since the recorded HIGHESTMODSEQ where the server can tell, else for all.
///
/// A mailbox that the server will not show is left out, and the log and `report` tell.
pub(crate) async fn look(
    account: &Account,
    session: &mut Session,
    group: Vec<Observed>,
    report: &mut PassReport,
) -> Result<Vec<Look>, EngineError> {
    let mut steps = Vec::with_capacity(group.len() * 2);
    for observed in &group {
        steps.push(Step::Select {
            mailbox: observed.wire_name.clone(),
            mode: SelectMode::ReadOnly,
        });
        steps.push(Step::Flags {
            uids: UidSet::range(Uid::MIN, Uid::MAX),
            changed_since: changes_since(session, observed),
        });
    }
    let changes: Vec<_> = group
        .iter()
        .map(|o| changes_since(session, o).is_some())
        .collect();
    let mut selected: Vec<Option<Selected>> = group.iter().map(|_| None).collect();
    let mut rows: Vec<Vec<ServerMessage>> = group.iter().map(|_| Vec::new()).collect();
    let mut complete = vec![false; group.len()];
    let mut unreadable = vec![false; group.len()];
    let mut refusals = vec![None; group.len()];
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { step, selected: s } => put(&mut selected, step / 2, Some(s)),
            FlightEvent::Flags { step, row } => {
                if let Some(rows) = rows.get_mut(step / 2) {
                    rows.push(ServerMessage {
                        uid: row.uid,
                        flags: row.flags,
                    });
                }
            }
            // Only a listing that ended with a tagged OK is believed (R7).
            FlightEvent::Done { step } if step % 2 == 1 => put(&mut complete, step / 2, true),
            FlightEvent::Unreadable { step, .. } => put(&mut unreadable, step / 2, true),
            FlightEvent::Refused { step, refusal } => {
                put(&mut refusals, step / 2, Some(refusal.to_string()));
            }
            _ => {}
        }
    }
    for (observed, refusal) in group.iter().zip(refusals) {
        if let Some(because) = refusal {
            skipped(account, observed, &because);
            report.skipped += 1;
        }
    }
    let told = selected
        .into_iter()
        .zip(rows)
        .zip(complete)
        .zip(changes)
        .zip(unreadable);
    let looks = group.into_iter().zip(told).filter_map(|(observed, told)| {
        let ((((selected, rows), complete), changes), unreadable) = told;
        Some(Look {
            observed,
            selected: selected.filter(|_| complete)?,
            view: view(rows, changes || unreadable),
            unreadable,
        })
    });
    Ok(looks.collect())
}

fn skipped(account: &Account, observed: &Observed, because: &str) {
    events::MessageSkipped {
        account: account.log_name(),
        mailbox: &observed.local.name,
        uid: None,
        number: None,
        because,
    }
    .emit();
}

fn put<T>(list: &mut [T], at: usize, value: T) {
    if let Some(slot) = list.get_mut(at) {
        *slot = value;
    }
}

/// The mod-sequence to ask changes since, where the server keeps them and the mailbox is still the
/// one that the recorded number belongs to, as far as STATUS told.
fn changes_since(
    session: &Session,
    observed: &Observed,
) -> Option<postrider_core::mod_seq::ModSeq> {
    let status = observed.status.as_ref()?;
    let same_epoch = observed.row.server.uid_validity.is_some()
        && observed.row.server.uid_validity == status.uid_validity;
    let recorded = observed.row.server.highest_mod_seq.filter(|_| same_epoch)?;
    // A mod-sequence that went backwards means a restored server: look at everything.
    let forward = status.highest_mod_seq.is_some_and(|now| now >= recorded);
    (forward && session.capabilities().has_condstore()).then_some(recorded)
}

fn view(mut rows: Vec<ServerMessage>, changes: bool) -> ServerView {
    // The server may name a message twice: what it said last counts.
    rows.reverse();
    rows.sort_by_key(|row| row.uid);
    rows.dedup_by_key(|row| row.uid);
    if changes {
        ServerView::Changes(rows)
    } else {
        ServerView::Whole(rows)
    }
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
