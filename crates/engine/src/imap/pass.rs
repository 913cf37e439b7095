//! The journey of one pass: look, plan, fetch, apply, expire.

use crate::connect;
use crate::context::{Account, now};
use crate::deliver::{Delivery, Orphans};
use crate::error::EngineError;
use crate::imap::fetch::{Order, fetch};
use crate::imap::look::{self, Look};
use crate::imap::observe::{self, Observed};
use crate::imap::{apply, expire, rematch};
use crate::local;
use crate::report::{PassReport, Progress};
use postrider_core::plan::imap::{Action, Plan, plan_imap, reflagged};
use postrider_core::plan::view::{Base, ServerView};
use postrider_core::uid::{UidSet, UidValidity};
use postrider_imap::Session;
use postrider_index::{Index, ServerState};

/// Mailboxes that are looked at in one flight.
const MAILBOXES_IN_A_GROUP: usize = 64;
/// Messages whose flags are held at once: at 32 octets each well below the memory bound (R11). A
/// larger mailbox is a group of its own.
const MESSAGES_IN_A_GROUP: u64 = 50_000;

/// Syncs every chosen mailbox once.
pub(crate) async fn run(account: &Account) -> Result<PassReport, EngineError> {
    let mut report = PassReport::default();
    let mut session = connect::imap(&account.settings, &account.shared.connector).await?;
    let observed = observe::chosen(account, &mut session).await?;
    report.mailboxes = observed.len() as u64;
    for mailbox in &observed {
        local::refresh(account, &mailbox.local, mailbox.row.stamp).await?;
    }
    let changed: Vec<_> = observed
        .iter()
        .filter(|o| observe::may_have_changed(o))
        .cloned()
        .collect();
    for group in groups(changed) {
        sync_group(account, &mut session, group, &mut report).await?;
    }
    for mailbox in &observed {
        expire::expire(account, &mut session, mailbox, &mut report).await?;
    }
    report.round_trips = session.round_trips();
    session.log_out().await;
    Ok(report)
}

fn groups(mailboxes: Vec<Observed>) -> Vec<Vec<Observed>> {
    let mut groups: Vec<Vec<Observed>> = Vec::new();
    let mut room = 0;
    for mailbox in mailboxes {
        let messages = mailbox
            .status
            .as_ref()
            .and_then(|s| s.messages)
            .map_or(0, u64::from);
        match groups.last_mut() {
            Some(group) if group.len() < MAILBOXES_IN_A_GROUP && room >= messages => {
                room -= messages;
                group.push(mailbox);
            }
            _ => {
                room = MESSAGES_IN_A_GROUP.saturating_sub(messages);
                groups.push(vec![mailbox]);
            }
        }
    }
    groups
}

/// A mailbox that was looked at and planned for.
struct Planned {
    observed: Observed,
    uid_validity: UidValidity,
    plan: Plan,
    state: ServerState,
    /// Whether the look showed everything.
    whole: bool,
}

async fn sync_group(
    account: &Account,
    session: &mut Session,
    group: Vec<Observed>,
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let mut orphans = Orphans::new();
    let mut planned = Vec::new();
    for look in look::look(account, session, group, report).await? {
        planned.push(plan_mailbox(account, session, look, &mut orphans, report).await?);
    }
    let orders: Vec<_> = planned.iter().filter_map(order).collect();
    found(account, &planned);
    let mut delivery = Delivery::new(account.clone(), orphans);
    let fetched = fetch(account, session, &orders, &mut delivery, report).await;
    // What arrived whole is stored even when the line broke: it will not be fetched again.
    let stored = delivery.finish().await?;
    report.new += stored.iter().filter(|message| message.fresh).count() as u64;
    let incomplete = fetched?;
    let unfinished = |mailbox: &Planned| {
        let ordered = orders
            .iter()
            .position(|o| o.observed.local.id == mailbox.observed.local.id);
        ordered.is_some_and(|at| incomplete.contains(&at))
    };
    for mailbox in &planned {
        let applied =
            apply::apply(account, session, &mailbox.observed, &mailbox.plan, report).await?;
        if applied && mailbox.whole && !unfinished(mailbox) {
            record_state(account, mailbox).await?;
        }
    }
    Ok(())
}

/// Compares what the mailbox holds with what we know of it.
async fn plan_mailbox(
    account: &Account,
    session: &mut Session,
    mut look: Look,
    orphans: &mut Orphans,
    report: &mut PassReport,
) -> Result<Planned, EngineError> {
    let Some(uid_validity) = look.selected.uid_validity else {
        let name = &look.observed.local.name;
        return Err(EngineError::Refused {
            what: format!("to give mailbox {name} a UIDVALIDITY, without which no UID can be kept"),
            text: "no UIDVALIDITY in the answer to SELECT".to_owned(),
        });
    };
    let renumbered = look
        .observed
        .row
        .server
        .uid_validity
        .is_some_and(|known| known != uid_validity);
    if renumbered {
        rematch::rematch(account, session, &look, uid_validity, orphans).await?;
        look.observed.row.server.uid_validity = Some(uid_validity);
    }
    let id = look.observed.local.id;
    let base = account
        .shared
        .index
        .call(move |index| index.base(id, uid_validity));
    let base = Base {
        messages: base.await?,
    };
    if lacks_something(&base, &look) {
        look = whole_look(account, session, look, report).await?;
    }
    let local = local::view(account, &look.observed.local, reflagged(&base, &look.view)).await?;
    let plan = plan_imap(&base, &local, &look.view);
    let state = ServerState {
        uid_validity: Some(uid_validity),
        uid_next: look.selected.uid_next,
        // Messages found again by their octets may bear other flags now: without a mod-sequence the
        // next pass compares them all.
        highest_mod_seq: look.selected.highest_mod_seq.filter(|_| !renumbered),
        messages: look.selected.exists.map(u64::from),
    };
    Ok(Planned {
        observed: look.observed,
        uid_validity,
        plan,
        state,
        whole: !look.unreadable,
    })
}

/// A view of changes cannot show what vanished; the number of messages tells that something did.
fn lacks_something(base: &Base, look: &Look) -> bool {
    let ServerView::Changes(changed) = &look.view else {
        return false;
    };
    let known: UidSet = base.messages.iter().map(|m| m.uid).collect();
    let live = base.messages.iter().filter(|m| !m.vanished).count() as u64;
    let new = changed.iter().filter(|m| !known.contains(m.uid)).count() as u64;
    let expected = live + new;
    look.selected
        .exists
        .is_none_or(|exists| u64::from(exists) != expected)
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
    Ok(looks.pop().unwrap_or(look))
}

fn order(planned: &Planned) -> Option<Order> {
    let fetch = planned.plan.iter().find_map(|action| match action {
        Action::Fetch(uids) => Some(uids.clone()),
        Action::PullFlags { .. } | Action::Return { .. } | Action::Vanish { .. } => None,
    });
    Some(Order {
        observed: planned.observed.clone(),
        uid_validity: planned.uid_validity,
        uids: fetch?,
    })
}

fn found(account: &Account, planned: &[Planned]) {
    let messages = planned
        .iter()
        .filter_map(order)
        .map(|o| o.uids.count())
        .sum();
    if messages > 0 {
        account.tell(Progress::Found {
            account: account.name().clone(),
            messages,
            octets: 0,
        });
    }
}

/// Everything below this state is recorded now, so the state itself may be.
async fn record_state(account: &Account, planned: &Planned) -> Result<(), EngineError> {
    let (id, state) = (planned.observed.local.id, planned.state);
    let record = move |index: &mut Index| index.set_server_states(&[(id, state)], now());
    account.shared.index.call(record).await
}
