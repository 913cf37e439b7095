//! Looking into mailboxes: which messages and flags they hold, many mailboxes in one flight.
//!
//! What is asked depends on what was recorded and what the server can do. With QRESYNC the SELECT
//! itself tells what changed and what is gone. With CONDSTORE a FETCH tells what changed. Without
//! either, or for a mailbox that was never in step, every message's flags are listed. Of messages
//! that may be new, more is asked: sizes, to cut the downloads by them, and what `max_age` and
//! copies want to know.

use crate::context::Account;
use crate::error::EngineError;
use crate::events;
use crate::imap::fresh::Fresh;
use crate::imap::observe::Observed;
use crate::report::PassReport;
use postrider_core::mod_seq::ModSeq;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::view::{ServerMessage, ServerView};
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::{
    FlagsRow, FlightEvent, Resync, RowItems, SelectMode, Selected, Session, Step,
};

/// Why a message may be missing that the server tells of in a row that is none.
const UNREADABLE: &str = "the server told of a message in a row that cannot be read";

/// What one mailbox looks like from inside.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) observed: Observed,
    pub(crate) selected: Selected,
    pub(crate) view: ServerView,
    /// What is known of messages that may be new, besides their flags.
    pub(crate) fresh: Fresh,
    /// A row could not be read: what is missing may be there, and new mail may hide in it.
    pub(crate) unreadable: bool,
}

/// What a step of the flight asks.
#[derive(Clone, Copy, Debug)]
struct Leg {
    mailbox: usize,
    /// Whether it lists messages: only what ended with a tagged OK is believed (R7).
    lists: bool,
}

/// What came of one mailbox in the flight.
#[derive(Default)]
struct Shown {
    changes: bool,
    selected: Option<Selected>,
    rows: Vec<ServerMessage>,
    vanished: UidSet,
    fresh: Fresh,
    /// Listings that have not ended with OK.
    open: usize,
    unreadable: bool,
    refusal: Option<String>,
}

/// Opens mailboxes one after another in one flight and asks each what it holds.
///
/// A mailbox that the server will not show is left out, and the log and `report` tell.
pub(crate) async fn look(
    account: &Account,
    session: &mut Session,
    group: Vec<Observed>,
    report: &mut PassReport,
) -> Result<Vec<Look>, EngineError> {
    let (mut steps, mut legs, mut shown) = (Vec::new(), Vec::new(), Vec::new());
    for (mailbox, observed) in group.iter().enumerate() {
        let since = changes_since(session.capabilities().has_condstore(), observed);
        let asked = ask(account, session.can_resync(), observed, since);
        shown.push(Shown {
            changes: since.is_some(),
            open: asked.iter().filter(|(_, lists)| *lists).count(),
            ..Shown::default()
        });
        for (step, lists) in asked {
            steps.push(step);
            legs.push(Leg { mailbox, lists });
        }
    }
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        take(&legs, &mut shown, event);
    }
    let mut looks = Vec::with_capacity(group.len());
    for (observed, mut shown) in group.into_iter().zip(shown) {
        shown.fresh.settle();
        if let Some(because) = &shown.refusal {
            skipped(account, &observed, because);
            report.skipped += 1;
        }
        if shown.unreadable {
            skipped(account, &observed, UNREADABLE);
            report.skipped += 1;
        }
        let complete = shown.open == 0;
        if let (Some(selected), true) = (shown.selected, complete) {
            let changes = shown.changes || shown.unreadable;
            looks.push(Look {
                observed,
                selected,
                view: view(shown.rows, changes.then_some(shown.vanished)),
                fresh: shown.fresh,
                unreadable: shown.unreadable,
            });
        }
    }
    Ok(looks)
}

/// The questions for one mailbox, each with whether its answer is a listing.
fn ask(
    account: &Account,
    can_resync: bool,
    observed: &Observed,
    since: Option<(UidValidity, ModSeq)>,
) -> Vec<(Step, bool)> {
    let resync = since.filter(|_| can_resync);
    let resync = resync.map(|(uid_validity, mod_seq)| Resync {
        uid_validity,
        mod_seq,
        known: None,
    });
    let resyncs = resync.is_some();
    let mut asked = vec![(
        Step::Select {
            mailbox: observed.wire_name.clone(),
            mode: SelectMode::ReadOnly,
            resync,
        },
        resyncs,
    )];
    let known_up_to = known_up_to(observed);
    let wanted = wanted(account);
    if !resyncs {
        let items = match known_up_to {
            // Labels change like flags do.
            Some(_) => RowItems {
                gmail: wanted.gmail,
                ..RowItems::default()
            },
            None => wanted,
        };
        asked.push((
            Step::Flags {
                uids: UidSet::range(Uid::MIN, Uid::MAX),
                changed_since: since.map(|(_, mod_seq)| mod_seq),
                items,
            },
            true,
        ));
    }
    let next = observed.status.as_ref().and_then(|status| status.uid_next);
    if let Some(from) = known_up_to.filter(|known| next != Some(*known)) {
        asked.push((
            Step::Flags {
                uids: UidSet::range(from, Uid::MAX),
                changed_since: None,
                items: wanted,
            },
            true,
        ));
    }
    asked
}

fn wanted(account: &Account) -> RowItems {
    RowItems {
        size: true,
        internal_date: account.settings.max_age.is_some(),
        gmail: true,
        email_id: true,
    }
}

/// The UID from which on messages are new, when the mailbox is still the one that was recorded.
fn known_up_to(observed: &Observed) -> Option<Uid> {
    let status = observed.status.as_ref()?;
    let recorded = &observed.row.server;
    let same_epoch =
        recorded.uid_validity.is_some() && recorded.uid_validity == status.uid_validity;
    recorded.uid_next.filter(|_| same_epoch)
}

fn take(legs: &[Leg], shown: &mut [Shown], event: FlightEvent) {
    let (FlightEvent::Done { step }
    | FlightEvent::Flags { step, .. }
    | FlightEvent::Refused { step, .. }
    | FlightEvent::Selected { step, .. }
    | FlightEvent::Unreadable { step, .. }
    | FlightEvent::Vanished { step, .. }) = event
    else {
        return;
    };
    let Some(leg) = legs.get(step) else { return };
    let Some(shown) = shown.get_mut(leg.mailbox) else {
        return;
    };
    match event {
        FlightEvent::Done { .. } if leg.lists => shown.open = shown.open.saturating_sub(1),
        FlightEvent::Flags { row, .. } => take_row(shown, row),
        FlightEvent::Refused { refusal, .. } => shown.refusal = Some(refusal.to_string()),
        FlightEvent::Selected { selected, .. } => shown.selected = Some(selected),
        FlightEvent::Unreadable { .. } => shown.unreadable = true,
        FlightEvent::Vanished { uids, .. } => {
            for (first, last) in uids.ranges() {
                shown.vanished.insert_range(first, last);
            }
        }
        _ => {}
    }
}

fn take_row(shown: &mut Shown, row: FlagsRow) {
    let message = ServerMessage {
        uid: row.uid,
        flags: row.flags.clone(),
    };
    shown.rows.push(message);
    shown.fresh.take(row);
}

fn skipped(account: &Account, observed: &Observed, because: &str) {
    account.note(&observed.local.name, || Deed::Skip {
        uid: None,
        octets: None,
        because: because.to_owned(),
    });
    events::MessageSkipped {
        account: account.log_name(),
        mailbox: &observed.local.name,
        uid: None,
        number: None,
        because,
    }
    .emit();
}

/// The mod-sequence to ask changes since, where the server keeps them and the mailbox is still the
/// one that the recorded number belongs to, as far as STATUS told.
fn changes_since(has_condstore: bool, observed: &Observed) -> Option<(UidValidity, ModSeq)> {
    let status = observed.status.as_ref()?;
    let epoch = observed.row.server.uid_validity?;
    let recorded = observed.row.server.highest_mod_seq?;
    // Messages below an unknown UID would be asked for nowhere.
    let whole = observed.row.server.uid_next.is_some() && status.uid_validity == Some(epoch);
    // A mod-sequence that went backwards means a restored server: look at everything.
    let forward = status.highest_mod_seq.is_some_and(|now| now >= recorded);
    (whole && forward && has_condstore).then_some((epoch, recorded))
}

fn view(mut rows: Vec<ServerMessage>, changes: Option<UidSet>) -> ServerView {
    // The server may name a message twice: what it said last counts.
    rows.reverse();
    rows.sort_by_key(|row| row.uid);
    rows.dedup_by_key(|row| row.uid);
    match changes {
        Some(vanished) => ServerView::Changes {
            messages: rows,
            vanished,
        },
        None => ServerView::Whole(rows),
    }
}
