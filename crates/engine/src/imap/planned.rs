//! From a look to a plan: what is known of a mailbox against what it holds now.

use crate::context::{Account, now};
use crate::deliver::Orphans;
use crate::error::EngineError;
use crate::events;
use crate::imap::fresh::Fresh;
use crate::imap::look::{self, Look};
use crate::imap::observe::Observed;
use crate::imap::{doubt, limits, rematch};
use crate::local;
use crate::report::PassReport;
use postrider_core::message::MessageKey;
use postrider_core::plan::imap::{Action, Plan, plan_imap, reflagged};
use postrider_core::plan::view::{Base, ServerView};
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::{FlightEvent, SelectMode, Session, Step};
use postrider_index::{Identity, Index, MailboxId, ServerState};

/// A mailbox that was looked at and planned for.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) observed: Observed,
    pub(crate) uid_validity: UidValidity,
    /// Flags to agree on and messages that are back; carried out already when this is handed on.
    pub(crate) plan: Plan,
    /// Messages to be downloaded, unless they turn out to be here.
    pub(crate) fetch: UidSet,
    pub(crate) fresh: Fresh,
    /// Messages that are gone, if a second witness agrees.
    pub(crate) absent: Vec<(MessageKey, Uid)>,
    /// Who said so first.
    pub(crate) witness: Witness,
    /// Messages of another epoch, to be known by their octets.
    pub(crate) orphans: Orphans,
    /// What may be recorded of the server when all of this is done.
    pub(crate) state: ServerState,
    /// Whether everything so far was done and shown.
    pub(crate) complete: bool,
}

/// Who first said that a message is gone (R5): the second to be asked must be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Witness {
    /// A listing of all messages, or the server's own word (VANISHED).
    Listing,
    /// UID SEARCH.
    Search,
}

/// Compares what the mailbox holds with what we know of it. `None`: it has no lasting UIDs, nothing
/// can be kept of it, and the log and `report` tell.
pub(crate) async fn plan_mailbox(
    account: &Account,
    session: &mut Session,
    mut look: Look,
    report: &mut PassReport,
) -> Result<Option<Planned>, EngineError> {
    let lasting = look
        .selected
        .uid_validity
        .filter(|_| !look.selected.uid_not_sticky);
    let Some(uid_validity) = lasting else {
        unkeepable(account, &look, report);
        return Ok(None);
    };
    let recorded = look.observed.row.server.uid_validity;
    let renumbered = recorded.is_some_and(|known| known != uid_validity);
    let mut orphans = Orphans::new();
    if renumbered {
        if matches!(look.view, ServerView::Changes { .. }) {
            // It was renumbered between STATUS and SELECT: what it told is of the other epoch.
            look = whole_look(account, session, look, report).await?;
        }
        rematch::rematch(account, session, &look, uid_validity, &mut orphans).await?;
        look.observed.row.server.uid_validity = Some(uid_validity);
    }
    if doubt::went_back(&look) && matches!(look.view, ServerView::Changes { .. }) {
        look = whole_look(account, session, look, report).await?;
    }
    let mut witness = Witness::Listing;
    let mut base = base(account, &look, uid_validity).await?;
    if lacks_something(account, &base, &look, uid_validity).await? {
        (look, witness) = search(account, session, look, uid_validity).await?;
        base = self::base(account, &look, uid_validity).await?;
        if lacks_something(account, &base, &look, uid_validity).await? {
            (look, witness) = (
                whole_look(account, session, look, report).await?,
                Witness::Listing,
            );
            base = self::base(account, &look, uid_validity).await?;
        }
    }
    if doubt::settle(account, session, &look, &base).await? {
        base = self::base(account, &look, uid_validity).await?;
    }
    let local = local::view(account, &look.observed.local, reflagged(&base, &look.view)).await?;
    let actions = plan_imap(&base, &local, &look.view, account.settings.deleted_flag);
    identify(account, &base, &look.fresh).await?;
    let state = ServerState {
        uid_validity: Some(uid_validity),
        uid_next: look.selected.uid_next,
        // Messages found again by their octets may bear other flags now: without a mod-sequence the
        // next pass compares them all.
        highest_mod_seq: look.selected.highest_mod_seq.filter(|_| !renumbered),
        messages: look.selected.exists.map(u64::from),
    };
    let mut planned = Planned {
        uid_validity,
        plan: Plan::new(),
        fetch: UidSet::new(),
        fresh: look.fresh,
        absent: Vec::new(),
        witness,
        orphans,
        state,
        complete: !look.unreadable,
        observed: look.observed,
    };
    for action in actions {
        match action {
            Action::Fetch(uids) => planned.fetch = uids,
            Action::Vanish { key, uid } => planned.absent.push((key, uid)),
            Action::PullFlags { .. } | Action::Return { .. } => planned.plan.push(action),
        }
    }
    limits::hold_back(account, &mut planned, report).await?;
    if !planned.fetch.is_empty() && !renumbered {
        let id = planned.observed.local.id;
        doubt::expect_displaced(account, id, &mut planned.orphans).await?;
    }
    Ok(Some(planned))
}

fn unkeepable(account: &Account, look: &Look, report: &mut PassReport) {
    report.skipped += 1;
    events::MessageSkipped {
        account: account.log_name(),
        mailbox: &look.observed.local.name,
        uid: None,
        number: None,
        because: "the server gives its messages no lasting UIDs (UIDVALIDITY is missing, or UIDNOTSTICKY)",
    }
    .emit();
}

/// What we know of the messages that the look is about: of a large mailbox that changed a little,
/// little.
async fn base(
    account: &Account,
    look: &Look,
    uid_validity: UidValidity,
) -> Result<Base, EngineError> {
    let (id, index) = (look.observed.local.id, &account.shared.index);
    let among = match &look.view {
        ServerView::Whole(_) => None,
        ServerView::Changes { messages, vanished } => {
            let mut uids = vanished.clone();
            messages.iter().for_each(|message| uids.insert(message.uid));
            Some(uids)
        }
    };
    let read = move |index: &mut Index| match among {
        None => index.base(id, uid_validity),
        Some(uids) => index.base_among(id, uid_validity, &uids),
    };
    let messages = index.call(read).await?;
    Ok(Base { messages })
}

/// Whether the number of messages tells that something changed which the view does not show: without
/// QRESYNC nothing else tells what vanished.
async fn lacks_something(
    account: &Account,
    base: &Base,
    look: &Look,
    uid_validity: UidValidity,
) -> Result<bool, EngineError> {
    let ServerView::Changes { messages, .. } = &look.view else {
        return Ok(false);
    };
    let (id, index) = (look.observed.local.id, &account.shared.index);
    let (live, skipped) = index
        .call(move |index| {
            Ok((
                index.live(id, uid_validity)?,
                index.skipped(id, uid_validity)?,
            ))
        })
        .await?;
    let known: UidSet = base.messages.iter().map(|m| m.uid).collect();
    let new = |uid: Uid| !known.contains(uid) && !skipped.contains(uid);
    let new = messages.iter().filter(|m| new(m.uid)).count() as u64;
    let shown: UidSet = messages.iter().map(|m| m.uid).collect();
    let back = base
        .messages
        .iter()
        .filter(|m| m.vanished && shown.contains(m.uid));
    let gone = base
        .messages
        .iter()
        .filter(|m| !m.vanished && !shown.contains(m.uid));
    let expected = (live + new + back.count() as u64).saturating_sub(gone.count() as u64);
    Ok(look
        .selected
        .exists
        .is_none_or(|exists| u64::from(exists) != expected))
}

/// Asks which messages there are at all, and adds to the view those that are not.
async fn search(
    account: &Account,
    session: &mut Session,
    mut look: Look,
    uid_validity: UidValidity,
) -> Result<(Look, Witness), EngineError> {
    let steps = vec![
        Step::Select {
            mailbox: look.observed.wire_name.clone(),
            mode: SelectMode::ReadOnly,
            resync: None,
        },
        Step::Search {
            uids: UidSet::range(Uid::MIN, Uid::MAX),
        },
    ];
    let (mut found, mut done) = (None, false);
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Found { uids, .. } => found = Some(uids),
            FlightEvent::Done { step: 1 } => done = true,
            FlightEvent::Selected { selected, .. } => {
                done = false;
                if selected.uid_validity != Some(uid_validity) {
                    return Ok((look, Witness::Listing));
                }
            }
            _ => {}
        }
    }
    let Some(found) = found.filter(|_| done) else {
        return Ok((look, Witness::Listing));
    };
    let id = look.observed.local.id;
    let lacking = move |index: &mut Index| {
        let mut lacking = UidSet::new();
        index.each_base(id, uid_validity, |row| {
            if !row.vanished && !found.contains(row.uid) {
                lacking.insert(row.uid);
            }
        })?;
        Ok(lacking)
    };
    let lacking = account.shared.index.call(lacking).await?;
    if let ServerView::Changes { messages, vanished } = &mut look.view {
        let shown: UidSet = messages.iter().map(|m| m.uid).collect();
        *vanished = lacking.iter().filter(|uid| !shown.contains(*uid)).collect();
    }
    Ok((look, Witness::Search))
}

async fn whole_look(
    account: &Account,
    session: &mut Session,
    look: Look,
    report: &mut PassReport,
) -> Result<Look, EngineError> {
    let mut observed = look.observed.clone();
    // Without a recorded mod-sequence everything is asked for.
    observed.row.server.highest_mod_seq = None;
    let mut looks = look::look(account, session, vec![observed], report).await?;
    let name = &look.observed.local.name;
    looks.pop().ok_or_else(|| EngineError::Refused {
        what: format!("to list mailbox {name}"),
        text: "it was listed a moment ago".to_owned(),
    })
}

/// Records what the server says of messages that are here already: labels change.
async fn identify(account: &Account, base: &Base, fresh: &Fresh) -> Result<(), EngineError> {
    if fresh.identities().is_empty() {
        return Ok(());
    }
    let told = |known: &postrider_core::plan::view::BaseMessage| {
        Some((known.key, fresh.told(known.uid)?.identity.clone()))
    };
    let identities: Vec<(MessageKey, Identity)> = base.messages.iter().filter_map(told).collect();
    let write = move |index: &mut Index| index.set_identities(&identities);
    account.shared.index.call(write).await
}

/// Everything below these states is recorded now, so the states themselves may be.
pub(crate) async fn record_states(
    account: &Account,
    planned: &[Planned],
) -> Result<(), EngineError> {
    let complete = planned.iter().filter(|mailbox| mailbox.complete);
    let states: Vec<(MailboxId, ServerState)> = complete
        .map(|mailbox| (mailbox.observed.local.id, mailbox.state))
        .collect();
    if states.is_empty() {
        return Ok(());
    }
    let record = move |index: &mut Index| index.set_server_states(&states, now());
    account.shared.index.call(record).await
}
