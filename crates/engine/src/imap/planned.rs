//! From a look to a plan: what is known of a mailbox against what it holds now.

use crate::context::{Account, now};
use crate::deliver::Orphans;
use crate::error::EngineError;
use crate::events;
use crate::imap::compare::{Compared, Witness, compare, whole_look};
use crate::imap::fresh::Fresh;
use crate::imap::look::Look;
use crate::imap::observe::{Observed, may_have_changed};
use crate::imap::{doubt, limits, rematch};
use crate::local;
use crate::report::PassReport;
use postrider_core::message::MessageKey;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::imap::{Action, Plan, plan_imap, reflagged};
use postrider_core::plan::view::{Base, ServerView};
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::Session;
use postrider_index::{Identity, Index, MailboxId, ServerState};
use std::collections::HashSet;

/// Why nothing of a mailbox is kept.
const NOT_LASTING: &str =
    "the server gives its messages no lasting UIDs (UIDVALIDITY is missing, or UIDNOTSTICKY)";

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
    /// Whether the server showed everything that it was asked for.
    pub(crate) readable: bool,
    /// Whether everything so far was done and shown.
    pub(crate) complete: bool,
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
    let recorded = match look.observed.row.server.uid_validity {
        // No pass over it was ever completed, but those that were begun left messages.
        None => other_epoch(account, &look, uid_validity).await?,
        recorded => recorded,
    };
    look.observed.row.server.uid_validity = recorded;
    let renumbered = recorded.is_some_and(|known| known != uid_validity);
    let mut orphans = Orphans::new();
    if renumbered {
        if matches!(look.view, ServerView::Changes { .. }) {
            // It was renumbered between STATUS and SELECT: what it told is of the other epoch.
            look = whole_look(account, session, look, report).await?;
        }
        rematch::rematch(account, session, &look, uid_validity, &mut orphans).await?;
        // What was recorded of the old epoch says nothing about this one, whose UIDs count from one.
        let recorded = &mut look.observed.row.server;
        recorded.uid_validity = Some(uid_validity);
        (recorded.uid_next, recorded.highest_mod_seq) = (None, None);
    } else {
        rematch::find_again(account, session, &look, uid_validity).await?;
    }
    let compared = compare(account, session, (look, uid_validity), report).await?;
    let actions = actions(account, &compared).await?;
    let Compared {
        look,
        base,
        witness,
    } = compared;
    identify(account, &base, &look.fresh).await?;
    let mut planned = planned((look, uid_validity), witness);
    planned.orphans = orphans;
    for action in actions {
        match action {
            Action::Fetch(uids) => planned.fetch = uids,
            Action::Vanish { key, uid } => planned.absent.push((key, uid)),
            Action::PullFlags { .. } | Action::Return { .. } => planned.plan.push(action),
        }
    }
    limits::hold_back(account, &mut planned, report).await?;
    if !planned.fetch.is_empty() {
        let id = planned.observed.local.id;
        doubt::expect_displaced(account, id, &mut planned.orphans).await?;
    }
    Ok(Some(planned))
}

async fn other_epoch(
    account: &Account,
    look: &Look,
    uid_validity: UidValidity,
) -> Result<Option<UidValidity>, EngineError> {
    let id = look.observed.local.id;
    let look_up = move |index: &mut Index| index.other_epoch(id, uid_validity);
    account.shared.index.call(look_up).await
}

async fn actions(account: &Account, compared: &Compared) -> Result<Plan, EngineError> {
    let Compared { look, base, .. } = compared;
    let reflagged = reflagged(base, &look.view);
    let local = local::view(account, &look.observed.local, reflagged).await?;
    let reach = account.settings.reach();
    Ok(plan_imap(base, &local, &look.view, reach))
}

/// A plan without actions.
fn planned((look, uid_validity): (Look, UidValidity), witness: Witness) -> Planned {
    let state = ServerState {
        uid_validity: Some(uid_validity),
        uid_next: look.selected.uid_next,
        highest_mod_seq: look.selected.highest_mod_seq,
        messages: look.selected.exists.map(u64::from),
        mailbox_id: look.selected.mailbox_id,
    };
    Planned {
        uid_validity,
        plan: Plan::new(),
        fetch: UidSet::new(),
        fresh: look.fresh,
        absent: Vec::new(),
        witness,
        orphans: Orphans::new(),
        state,
        readable: !look.unreadable,
        complete: !look.unreadable,
        observed: look.observed,
    }
}

fn unkeepable(account: &Account, look: &Look, report: &mut PassReport) {
    report.skipped += 1;
    let mailbox = &look.observed.local.name;
    account.note(mailbox, || Deed::Skip {
        uid: None,
        octets: None,
        because: NOT_LASTING.to_owned(),
    });
    events::MessageSkipped {
        account: account.log_name(),
        mailbox,
        uid: None,
        number: None,
        because: NOT_LASTING,
    }
    .emit();
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

/// The mailboxes that may have changed, and that could not be looked at whole: of what they hold nobody can tell.
pub(crate) fn unseen(observed: &[Observed], planned: &[Planned]) -> Vec<MailboxId> {
    let complete = planned.iter().filter(|mailbox| mailbox.complete);
    let complete: HashSet<MailboxId> = complete.map(|p| p.observed.local.id).collect();
    let changed = observed.iter().filter(|o| may_have_changed(o));
    let changed = changed.map(|observed| observed.local.id);
    changed.filter(|id| !complete.contains(id)).collect()
}

/// Everything below these states is recorded now, so the states themselves may be.
pub(crate) async fn record_states(
    account: &Account,
    planned: &[Planned],
) -> Result<(), EngineError> {
    let complete = planned.iter().filter(|mailbox| mailbox.complete);
    let states: Vec<(MailboxId, ServerState)> = complete
        .map(|mailbox| (mailbox.observed.local.id, mailbox.state.clone()))
        .collect();
    if states.is_empty() {
        return Ok(());
    }
    let record = move |index: &mut Index| index.set_server_states(&states, now());
    account.shared.index.call(record).await
}
