//! The journey of one pass: list, look, plan, follow what moved, fetch, apply, push, release, expire.

use crate::connect::Access;
use crate::context::{Account, now};
use crate::error::EngineError;
use crate::imap::crew::Fetched;
use crate::imap::fetch::Order;
use crate::imap::moves::Missing;
use crate::imap::observe::{self, Observed};
use crate::imap::planned::{Planned, plan_mailbox, record_states, unseen};
use crate::imap::strays::{self, Strays};
use crate::imap::{
    absent, apply, copies, crew, expire, limits, look, lost, moves, promise, release, unlisted,
};
use crate::local;
use crate::push;
use crate::report::{PassReport, Progress};
use crate::strength;
use postrider_imap::{FlightEvent, ImapError, Memory, Session, Step, WireName};
use postrider_index::{Index, KnownCapabilities, MailboxId};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::timeout;

/// Mailboxes that are looked at in one flight.
const MAILBOXES_IN_A_GROUP: usize = 64;
/// Messages whose flags are held at once: at 32 octets each well below the memory bound (R11). A
/// larger mailbox is a group of its own.
const MESSAGES_IN_A_GROUP: u64 = 50_000;

/// How long a kept session may take for its first answer, before it is given up and another opened: longer than a
/// server thinks, and much shorter than `timeout`, for nobody knows whether there is a server.
const KEPT_PATIENCE: Duration = Duration::from_secs(20);

/// Syncs every chosen mailbox once.
pub(crate) async fn run(account: &Account) -> Result<PassReport, EngineError> {
    let mut report = PassReport::default();
    limits::welcome_back(account).await?;
    if account.lets_go() {
        let id = account.id;
        let doubt = move |index: &mut Index| index.doubt_unreceived(id, now());
        account.shared.index.call(doubt).await?;
    }
    let access = Access::new(remembered(account).await?);
    let (mut session, events) = first(account, &access).await?;
    let mut listed = observe::listed(events)?;
    let lost = lost::follow(account, &mut session, &mut listed).await?;
    unlisted::take_in(account, session.capabilities(), &listed).await?;
    push::create::create(account, &mut session, &mut listed).await?;
    let trash = observe::trash(&listed);
    let observed = observe::chosen(account, &mut session, listed).await?;
    account.kept.saw_all(&observed);
    report.mailboxes = observed.len() as u64;
    let seen: Vec<_> = observed.iter().map(|o| (&o.local, o.row.stamp)).collect();
    let rescanned = local::refresh(account, &seen).await?;
    let searched = push::settle(account, &observed, rescanned).await?;
    let changed = observed.iter().filter(|o| observe::may_have_changed(o));
    let changed = changed.cloned().collect();
    let mut planned = look_all(account, &mut session, changed, &mut report).await?;
    let mut gone = absent::confirm(account, &mut session, &mut planned).await?;
    gone.messages
        .extend(lost.iter().flat_map(|lost| &lost.messages));
    let (alike, strays) = strays::look(account, (&observed, &planned)).await?;
    let missing = Missing {
        gone: gone.messages.clone(),
        strays: alike,
    };
    let moved = moves::follow(account, &mut session, &mut planned, missing, &mut report).await?;
    report.expired += gone.by_us.len() as u64;
    gone.messages
        .retain(|key| !gone.by_us.contains(key) && !moved.contains_key(key));
    report.vanished = gone.messages.len() as u64;
    lost::tell(account, &lost, &moved).await?;
    let wanted = (&mut planned[..], strays);
    let mut session = fetch(account, &access, session, wanted, &mut report).await?;
    record_states(account, &planned).await?;
    push::send(account, &mut session, &observed, &mut report).await?;
    finish(
        account,
        session,
        (observed, trash, searched),
        &planned,
        report,
    )
    .await
}

/// The rest, for which nothing has to be fetched any more.
async fn finish(
    account: &Account,
    mut session: Session,
    (observed, trash, searched): (Vec<Observed>, Option<WireName>, Option<u64>),
    planned: &[Planned],
    mut report: PassReport,
) -> Result<PassReport, EngineError> {
    let unseen = unseen(&observed, planned);
    catch_up(account, &observed, planned).await?;
    release::release_all(account, &unseen, &mut report).await?;
    let mailboxes = (&observed[..], trash.as_ref(), searched);
    expire::expire_all(account, &mut session, mailboxes, &mut report).await?;
    report.round_trips += session.round_trips();
    if let Some(session) = account.kept.leave(session) {
        session.log_out().await;
    }
    Ok(report)
}

/// The session that was kept, if the server is still there, else a fresh one, and what it answers to the
/// first questions.
async fn first(
    account: &Account,
    access: &Access,
) -> Result<(Session, Vec<FlightEvent>), EngineError> {
    let questions = observe::first_questions(&account.settings.folders);
    if let Some(mut session) = account.kept.take() {
        let asked = ask_kept(&mut session, questions.clone());
        if let Ok(Ok(Some(events))) = timeout(KEPT_PATIENCE, asked).await {
            return Ok((session, events));
        }
    }
    opened(account, access, questions).await
}

/// Asks a session that may have a mailbox open, of which a listing need not tell the truth then
/// (RFC 9051 §6.3.11). `None`: it cannot be closed without harm.
async fn ask_kept(
    session: &mut Session,
    questions: Vec<Step>,
) -> Result<Option<Vec<FlightEvent>>, ImapError> {
    let steps = [Step::Unselect].into_iter().chain(questions);
    let mut events = Vec::new();
    let mut flight = session.flight(steps)?;
    while let Some(event) = flight.next().await? {
        match event {
            FlightEvent::Refused { step: 0, .. } => return Ok(None),
            // Whoever reads them counts the questions alone.
            FlightEvent::Refused { step, refusal } => events.push(FlightEvent::Refused {
                step: step - 1,
                refusal,
            }),
            event => events.push(event),
        }
    }
    Ok(Some(events))
}

/// A fresh session, and what it answers to `questions`.
pub(super) async fn opened(
    account: &Account,
    access: &Access,
    questions: Vec<Step>,
) -> Result<(Session, Vec<FlightEvent>), EngineError> {
    let (settings, connector) = (&account.settings, &account.shared.connector);
    let (session, events) = access.open(settings, connector, questions).await?;
    let memory = session.memory();
    let before = &access.memory().greeting;
    strength::compare(account.log_name(), before, &memory.greeting);
    remember(account, memory).await?;
    Ok((session, events))
}

/// What an old index misses may be gone by our own doing: its local copies stay (R4). After a pass over all
/// mailboxes it is as good as any of those that could be looked at.
async fn catch_up(
    account: &Account,
    observed: &[Observed],
    planned: &[Planned],
) -> Result<(), EngineError> {
    let looked = planned.iter().filter(|mailbox| mailbox.readable);
    let looked: HashSet<MailboxId> = looked.map(|p| p.observed.local.id).collect();
    let is_seen = |o: &&Observed| !observe::may_have_changed(o) || looked.contains(&o.local.id);
    let seen = observed.iter().filter(is_seen).map(|o| o.local.id);
    let (id, seen) = (account.id, account.sees_all().then(|| seen.collect()));
    let catch_up = move |index: &mut Index| {
        let seen: Option<Vec<MailboxId>> = seen;
        index.catch_up(id, seen.as_deref(), now())
    };
    account.shared.index.call(catch_up).await.map(drop)
}

pub(crate) async fn remembered(account: &Account) -> Result<Memory, EngineError> {
    let id = account.id;
    let known = account
        .shared
        .index
        .call(move |index| index.capabilities(id));
    let KnownCapabilities { greeting, session } = known.await?;
    Ok(Memory { greeting, session })
}

async fn remember(account: &Account, memory: Memory) -> Result<(), EngineError> {
    let Memory { greeting, session } = memory;
    let (id, known) = (account.id, KnownCapabilities { greeting, session });
    let write = move |index: &mut Index| index.set_capabilities(id, &known);
    account.shared.index.call(write).await
}

/// Looks into every changed mailbox and plans for it. Flags are pulled group by group, so that no
/// more than a group's are held.
pub(super) async fn look_all(
    account: &Account,
    session: &mut Session,
    changed: Vec<Observed>,
    report: &mut PassReport,
) -> Result<Vec<Planned>, EngineError> {
    let mut planned = Vec::with_capacity(changed.len());
    for group in groups(changed) {
        for look in look::look(account, session, group, report).await? {
            let Some(mut mailbox) = plan_mailbox(account, session, look, report).await? else {
                continue;
            };
            let plan = std::mem::take(&mut mailbox.plan);
            let local = &mailbox.observed.local;
            mailbox.complete &= apply::apply(account, local, &plan, report).await?;
            planned.push(mailbox);
        }
    }
    Ok(planned)
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

/// Downloads what is not here, and makes further copies of what is.
pub(super) async fn fetch(
    account: &Account,
    access: &Access,
    session: Session,
    (planned, strays): (&mut [Planned], Strays),
    report: &mut PassReport,
) -> Result<Session, EngineError> {
    let later = copies::set_aside(account, planned).await?;
    let orders: Vec<Order> = planned.iter_mut().filter_map(order).collect();
    found(account, &orders);
    if orders.is_empty() && later.is_empty() {
        return Ok(session);
    }
    // Of what is promised, only what somebody asks for later need be known.
    let wanted = account.lets_go() || !later.is_empty();
    let orders = (orders, strays.clone(), wanted);
    let (mut session, mut fetched) = download(account, access, session, orders, report).await?;
    copies::identify(account, planned).await?;
    let linking = !later.is_empty();
    let missing = copies::link(account, later, report).await?;
    if linking {
        // Of the copies too, which were not recorded before.
        copies::identify(account, planned).await?;
    }
    let orders: Vec<Order> = missing.into_iter().collect();
    if !orders.is_empty() {
        let rest;
        let orders = (orders, strays, wanted);
        (session, rest) = download(account, access, session, orders, report).await?;
        fetched.incomplete.extend(rest.incomplete);
        fetched.known.extend(rest.known);
    }
    for mailbox in planned {
        let id = mailbox.observed.local.id;
        mailbox.complete &= !fetched.incomplete.contains(&id);
        if fetched.known.contains(&id) {
            // It may bear other flags there: without a mod-sequence the next pass compares them all.
            mailbox.state.highest_mod_seq = None;
        }
    }
    Ok(session)
}

/// Fetches all orders; in a rehearsal, promises them. Gives back the session, and what came of it.
async fn download(
    account: &Account,
    access: &Access,
    mut session: Session,
    (orders, strays, wanted): (Vec<Order>, Strays, bool),
    report: &mut PassReport,
) -> Result<(Session, Fetched), EngineError> {
    for order in &orders {
        account.note(&order.observed.local.name, || promise::deed(order));
    }
    if let Some(leave) = account.part.leave() {
        return crew::fetch(account, access, session, (orders, strays, leave), report).await;
    }
    let incomplete = promise::promise(account, &mut session, (&orders, wanted), report).await?;
    let known = HashSet::new();
    Ok((session, Fetched { incomplete, known }))
}

fn order(planned: &mut Planned) -> Option<Order> {
    if planned.fetch.is_empty() {
        return None;
    }
    Some(Order {
        observed: planned.observed.clone(),
        uid_validity: planned.uid_validity,
        pieces: planned.fresh.pieces(&planned.fetch),
        octets: planned.fresh.octets(&planned.fetch),
        uids: planned.fetch.clone(),
        orphans: std::mem::take(&mut planned.orphans),
    })
}

fn found(account: &Account, orders: &[Order]) {
    let messages = orders.iter().map(|order| order.uids.count()).sum();
    if messages > 0 {
        account.tell(Progress::Found {
            account: account.name().clone(),
            messages,
            octets: orders.iter().map(|order| order.octets).sum(),
        });
    }
}
