//! The quick pass: what the server has told of, in the mailboxes that it named, at once and without a listing.
//!
//! It brings what is new and what flags changed, and removes nothing anywhere. What it cannot know it leaves to
//! a pass over all mailboxes, and says so: what is gone, what readers did, and a new message whose octets are here
//! in another mailbox, for it may have been moved from there, and then its file is to follow.

use crate::connect::Access;
use crate::context::Account;
use crate::error::EngineError;
use crate::imap::moves::Missing;
use crate::imap::observe::{self, Observed};
use crate::imap::pass::{fetch, look_all, opened, remembered};
use crate::imap::planned::{Planned, record_states};
use crate::imap::strays::Strays;
use crate::imap::{absent, moves};
use crate::listen::Told;
use crate::local;
use crate::place;
use crate::report::PassReport;
use postrider_core::mailbox::MailboxName;
use postrider_core::message::Sha256;
use postrider_imap::{Listed, MailboxStatus, Session};
use postrider_index::{Index, MailboxId, MailboxRow};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// What a quick pass is about.
#[derive(Debug)]
pub(crate) struct Quick {
    told: Vec<Told>,
    /// Mailboxes of which something is left to a pass over all.
    left: Mutex<HashSet<MailboxId>>,
}

impl Quick {
    pub(crate) fn new(told: Vec<Told>) -> Self {
        let left = Mutex::default();
        Self { told, left }
    }

    /// Leaves something of this mailbox to a pass over all.
    pub(super) fn leave(&self, mailbox: MailboxId) {
        // Nobody panics while holding it.
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.insert(mailbox);
    }

    fn left(&self) -> HashSet<MailboxId> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.clone()
    }
}

/// Looks into the mailboxes that the server told of.
pub(crate) async fn run(account: &Account, quick: &Quick) -> Result<PassReport, EngineError> {
    let mut report = PassReport::default();
    let observed = observed(account, &quick.told).await?;
    if observed.is_empty() {
        return Ok(report);
    }
    report.mailboxes = observed.len() as u64;
    let opened = observed.iter().map(|o| o.wire_name.clone());
    account.kept.opened(opened.collect());
    let seen: Vec<_> = observed.iter().map(|o| (&o.local, o.row.stamp)).collect();
    // What readers did is known now, and only a pass over all mailboxes tells the server.
    report.postponed += u64::from(local::refresh(account, &seen).await?);
    let access = Access::new(remembered(account).await?);
    let (mut session, mut planned) = look(account, &access, observed, &mut report).await?;
    report.postponed += planned.iter().map(|p| p.absent.len() as u64).sum::<u64>();
    let gone = absent::confirm(account, &mut session, &mut planned).await?;
    let missing = Missing {
        gone: gone.messages,
        ..Missing::default()
    };
    moves::follow(account, &mut session, &mut planned, missing, &mut report).await?;
    let wanted = (&mut planned[..], Strays::default());
    let session = fetch(account, &access, session, wanted, &mut report).await?;
    let left = quick.left();
    report.postponed += left.len() as u64;
    for mailbox in &mut planned {
        mailbox.complete &= !left.contains(&mailbox.observed.local.id);
        account
            .kept
            .saw(&mailbox.observed.wire_name, state(mailbox));
    }
    record_states(account, &planned).await?;
    report.round_trips += session.round_trips();
    if let Some(session) = account.kept.leave(session) {
        session.log_out().await;
    }
    Ok(report)
}

/// The first look, with the session that was kept. If that turns out to be dead, with another, once.
async fn look(
    account: &Account,
    access: &Access,
    observed: Vec<Observed>,
    report: &mut PassReport,
) -> Result<(Session, Vec<Planned>), EngineError> {
    if let Some(mut session) = account.kept.take() {
        let looked = look_all(account, &mut session, observed.clone(), report).await;
        match looked {
            Err(EngineError::Imap { .. }) if session.is_doubted() => {}
            looked => return Ok((session, looked?)),
        }
    }
    let (mut session, _) = opened(account, access, Vec::new()).await?;
    let planned = look_all(account, &mut session, observed, report).await?;
    Ok((session, planned))
}

/// How a mailbox was just looked at.
fn state(planned: &Planned) -> MailboxStatus {
    let state = &planned.state;
    MailboxStatus {
        messages: state.messages.and_then(|count| u32::try_from(count).ok()),
        uid_next: state.uid_next,
        uid_validity: state.uid_validity,
        append_limit: None,
        highest_mod_seq: state.highest_mod_seq,
    }
}

/// The mailboxes that the server told of, as if it had listed them. What it did not say is as it was.
async fn observed(account: &Account, told: &[Told]) -> Result<Vec<Observed>, EngineError> {
    let id = account.id;
    let rows = account.shared.index.call(move |index| index.mailboxes(id));
    let rows = rows.await?;
    let listed = told.iter().filter_map(|told| {
        let is_it = |row: &&MailboxRow| place::wire_name(row) == told.mailbox;
        let row = rows
            .iter()
            .find(is_it)
            .filter(|row| row.lost_at.is_none())?;
        Some(Listed {
            wire_name: told.mailbox.clone(),
            name: MailboxName::from_decoded(&row.name, Some('/')),
            delimiter: Some('/'),
            role: row.role,
            selectable: true,
            exists: true,
            subscribed: None,
            status: Some(MailboxStatus {
                uid_validity: told.status.uid_validity.or(row.server.uid_validity),
                highest_mod_seq: told.status.highest_mod_seq.or(row.server.highest_mod_seq),
                ..told.status.clone()
            }),
            old_name: None,
        })
    });
    observe::placed(account, listed.collect()).await
}

/// Whether a quick pass leaves a new message to one over all mailboxes, because its octets are here in
/// another mailbox.
pub(crate) async fn leaves(
    account: &Account,
    mailbox: MailboxId,
    sha256: Sha256,
) -> Result<bool, EngineError> {
    let Some(quick) = &account.quick else {
        return Ok(false);
    };
    let id = account.id;
    let is_elsewhere = move |index: &mut Index| index.is_elsewhere(id, mailbox, sha256);
    let leaves = account.shared.index.call(is_elsewhere).await?;
    if leaves {
        quick.leave(mailbox);
    }
    Ok(leaves)
}
