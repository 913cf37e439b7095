//! Looking into mailboxes: which messages and flags they hold, many mailboxes in one flight.

use crate::context::Account;
use crate::error::EngineError;
use crate::events;
use crate::imap::observe::Observed;
use crate::report::PassReport;
use postrider_core::mod_seq::ModSeq;
use postrider_core::plan::view::{ServerMessage, ServerView};
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::{FlightEvent, SelectMode, Selected, Session, Step};

/// What one mailbox looks like from inside.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) observed: Observed,
    pub(crate) selected: Selected,
    pub(crate) view: ServerView,
    /// A row could not be read: what is missing may be there, and new mail may hide in it.
    pub(crate) unreadable: bool,
}

/// What came of one mailbox in the flight.
#[derive(Default)]
struct Shown {
    changes: bool,
    selected: Option<Selected>,
    rows: Vec<ServerMessage>,
    /// The listing ended with a tagged OK; only then it is believed (R7).
    complete: bool,
    unreadable: bool,
    refusal: Option<String>,
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
    let (mut steps, mut shown) = (Vec::new(), Vec::new());
    for observed in &group {
        let changed_since = changes_since(session, observed);
        shown.push(Shown {
            changes: changed_since.is_some(),
            ..Shown::default()
        });
        steps.push(Step::Select {
            mailbox: observed.wire_name.clone(),
            mode: SelectMode::ReadOnly,
        });
        steps.push(Step::Flags {
            uids: UidSet::range(Uid::MIN, Uid::MAX),
            changed_since,
        });
    }
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        take(&mut shown, event);
    }
    let mut looks = Vec::with_capacity(group.len());
    for (observed, shown) in group.into_iter().zip(shown) {
        if let Some(because) = &shown.refusal {
            skipped(account, &observed, because);
            report.skipped += 1;
        }
        if let Some(selected) = shown.selected.filter(|_| shown.complete) {
            looks.push(Look {
                observed,
                selected,
                view: view(shown.rows, shown.changes || shown.unreadable),
                unreadable: shown.unreadable,
            });
        }
    }
    Ok(looks)
}

/// Every mailbox has two steps: the even one opens it, the odd one lists it.
fn take(shown: &mut [Shown], event: FlightEvent) {
    let (FlightEvent::Done { step }
    | FlightEvent::Flags { step, .. }
    | FlightEvent::Refused { step, .. }
    | FlightEvent::Selected { step, .. }
    | FlightEvent::Unreadable { step, .. }) = event
    else {
        return;
    };
    let Some(shown) = shown.get_mut(step / 2) else {
        return;
    };
    match event {
        FlightEvent::Done { step } => shown.complete |= step % 2 == 1,
        FlightEvent::Flags { row, .. } => shown.rows.push(ServerMessage {
            uid: row.uid,
            flags: row.flags,
        }),
        FlightEvent::Refused { refusal, .. } => shown.refusal = Some(refusal.to_string()),
        FlightEvent::Selected { selected, .. } => shown.selected = Some(selected),
        FlightEvent::Unreadable { .. } => shown.unreadable = true,
        _ => {}
    }
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

/// The mod-sequence to ask changes since, where the server keeps them and the mailbox is still the
/// one that the recorded number belongs to, as far as STATUS told.
fn changes_since(session: &Session, observed: &Observed) -> Option<ModSeq> {
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
