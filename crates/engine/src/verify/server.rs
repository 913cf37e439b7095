//! The index against the server. What differs there is the next pass's work, not a fault.

use crate::connect::{self, Access};
use crate::error::EngineError;
use crate::place;
use postrider_core::account::Protocol;
use postrider_core::plan::flags::Reach;
use postrider_core::plan::imap::{Action, plan_imap};
use postrider_core::plan::view::{Base, LocalView, ServerMessage, ServerView};
use postrider_core::settings::AccountSettings;
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::{FlightEvent, Memory, RowItems, SelectMode, Session, Step};
use postrider_index::{Index, MailboxRow};
use postrider_pop3::UidlState;
use postrider_transport::Connector;
use std::collections::HashSet;

/// What differs between index and server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerReport {
    /// Messages that both have.
    pub same: u64,
    /// Messages at the server that the index does not know: not fetched yet.
    pub unknown: u64,
    /// Messages that the index takes to be there, and the server has no more.
    pub gone: u64,
    /// Messages whose flags are others than those last agreed on.
    pub reflagged: u64,
    /// Mailboxes that the server has renumbered.
    pub renumbered: u64,
    /// Mailboxes that the server does not show.
    pub refused: u64,
}

/// Asks the server for what it holds; not for an account of which the index knows nothing. A repair makes the
/// next pass look at every mailbox that differs as if for the first time.
pub(super) async fn compare(
    index: &mut Index,
    settings: &AccountSettings,
    repair: bool,
) -> Result<Option<ServerReport>, EngineError> {
    let Some(id) = index.account_named(&settings.name)? else {
        return Ok(None);
    };
    let mailboxes = index.mailboxes(id)?;
    let connector = Connector::new();
    if settings.protocol == Protocol::Pop3 {
        let compared = maildrop(index, settings, &mailboxes, &connector);
        return compared.await.map(Some);
    }
    let access = Access::new(Memory::default());
    let (mut session, _) = access.open(settings, &connector, Vec::new()).await?;
    let mut report = ServerReport::default();
    for row in mailboxes.iter().filter(|row| row.lost_at.is_none()) {
        let before = report.clone();
        mailbox(index, &mut session, row, &mut report).await?;
        let same = report.same;
        if repair && report != (ServerReport { same, ..before }) {
            index.forget_state(row.id)?;
        }
    }
    session.log_out().await;
    Ok(Some(report))
}

async fn mailbox(
    index: &Index,
    session: &mut Session,
    row: &MailboxRow,
    report: &mut ServerReport,
) -> Result<(), EngineError> {
    let Some((epoch, messages)) = listed(session, row).await? else {
        report.refused += 1;
        return Ok(());
    };
    if row.server.uid_validity.is_some_and(|known| known != epoch) {
        report.renumbered += 1;
        return Ok(());
    }
    let base = Base {
        messages: index.base(row.id, epoch)?,
    };
    let shown = messages.len() as u64;
    let skipped = index.skipped(row.id, epoch)?;
    let view = ServerView::Whole(messages);
    let mut unknown = 0;
    for action in plan_imap(&base, &LocalView::default(), &view, Reach::Nothing) {
        match action {
            Action::Fetch(uids) => {
                unknown = uids.count();
                let new = uids.iter().filter(|uid| !skipped.contains(*uid));
                report.unknown += new.count() as u64;
            }
            Action::Vanish { .. } => report.gone += 1,
            Action::PullFlags { .. } => report.reflagged += 1,
            Action::Return { .. } => {}
        }
    }
    report.same += shown.saturating_sub(unknown);
    Ok(())
}

/// What a mailbox holds; `None` when the server does not show all of it.
async fn listed(
    session: &mut Session,
    row: &MailboxRow,
) -> Result<Option<(UidValidity, Vec<ServerMessage>)>, EngineError> {
    let steps = vec![
        Step::Select {
            mailbox: place::wire_name(row),
            mode: SelectMode::ReadOnly,
            resync: None,
        },
        Step::Flags {
            uids: UidSet::range(Uid::MIN, Uid::MAX),
            changed_since: None,
            items: RowItems::default(),
        },
    ];
    let (mut epoch, mut messages) = (None, Vec::new());
    let (mut whole, mut unreadable) = (false, false);
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { selected, .. } => epoch = selected.uid_validity,
            FlightEvent::Flags { row, .. } => messages.push(ServerMessage {
                uid: row.uid,
                flags: row.flags,
            }),
            FlightEvent::Done { step: 1 } => whole = true,
            FlightEvent::Unreadable { .. } => unreadable = true,
            _ => {}
        }
    }
    messages.sort_by_key(|message| message.uid);
    messages.dedup_by_key(|message| message.uid);
    Ok(epoch
        .filter(|_| whole && !unreadable)
        .map(|epoch| (epoch, messages)))
}

/// By unique-ids, which is all that costs nothing to ask.
async fn maildrop(
    index: &Index,
    settings: &AccountSettings,
    mailboxes: &[MailboxRow],
    connector: &Connector,
) -> Result<ServerReport, EngineError> {
    let mut session = connect::pop3(settings, connector).await?;
    let maildrop = session.survey().await?;
    session.quit().await?;
    let mut known = HashSet::new();
    for row in mailboxes {
        let rows = index.maildrop(row.id)?.into_iter();
        known.extend(rows.filter_map(|row| row.uidl));
    }
    let mut report = ServerReport::default();
    for message in &maildrop.messages {
        match &message.uidl {
            UidlState::Unique(uidl) if known.remove(uidl) => report.same += 1,
            UidlState::Unique(_) | UidlState::Ambiguous | UidlState::Missing => {
                report.unknown += 1;
            }
        }
    }
    report.gone = known.len() as u64;
    Ok(report)
}
