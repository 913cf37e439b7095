//! Absence and its second witness (R5): what one question did not find, another is asked about.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::imap::compare::Witness;
use crate::imap::expire;
use crate::imap::observe::Observed;
use crate::imap::planned::Planned;
use postrider_core::message::MessageKey;
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::{FlightEvent, RowItems, SelectMode, Session, Step};
use postrider_index::Index;
use std::collections::HashSet;

/// Messages that are gone.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    pub(crate) messages: Vec<MessageKey>,
    /// Those of them that went by us: their deletion was asked for, and the answer lost.
    pub(crate) by_us: HashSet<MessageKey>,
}

/// Asks about every absent message of every mailbox in one flight, and marks as vanished those that
/// are not found again. Returns them. A mailbox whose answer is missing stays incomplete.
pub(crate) async fn confirm(
    account: &Account,
    session: &mut Session,
    planned: &mut [Planned],
) -> Result<Gone, EngineError> {
    let mut gone = Gone::default();
    if !account.sees_all() {
        postpone(planned);
        return Ok(gone);
    }
    let asked: Vec<usize> = (0..planned.len())
        .filter(|at| planned.get(*at).is_some_and(|p| !p.absent.is_empty()))
        .collect();
    if asked.is_empty() {
        return Ok(gone);
    }
    let mailboxes = asked.iter().filter_map(|at| planned.get(*at));
    let steps = mailboxes.flat_map(|mailbox| questions(&mailbox.observed, mailbox));
    let answers = ask(session, steps.collect(), asked.len()).await?;
    for (at, answer) in asked.into_iter().zip(answers) {
        let Some(mailbox) = planned.get_mut(at) else {
            continue;
        };
        let same_epoch = answer.epoch == Some(mailbox.uid_validity);
        if !(answer.done && answer.answered && same_epoch) {
            mailbox.complete = false;
            continue;
        }
        let absent = mailbox.absent.len();
        mailbox
            .absent
            .retain(|(_, uid)| !answer.found.contains(*uid));
        mailbox.complete &= mailbox.absent.len() == absent;
        let here: Vec<_> = mailbox.absent.iter().map(|(key, _)| *key).collect();
        account
            .note_gone(&mailbox.observed.local.name, &here)
            .await?;
        let lost = expire::tell_lost_answers(account, &mailbox.observed, &mailbox.absent);
        gone.by_us.extend(lost.await?);
        gone.messages.extend(here);
    }
    let keys = gone.messages.clone();
    let write = move |index: &mut Index| index.mark_vanished(&keys, now());
    account.shared.index.call(write).await?;
    Ok(gone)
}

/// What is gone from a mailbox may have moved to one that is not looked at: then its file is to follow, and
/// nothing to be fetched again. A pass over all mailboxes finds out; until then it is not believed.
fn postpone(planned: &mut [Planned]) {
    for mailbox in planned {
        if !mailbox.absent.is_empty() {
            mailbox.absent.clear();
            mailbox.complete = false;
        }
    }
}

/// Opens the mailbox again and asks differently from the first time.
fn questions(observed: &Observed, planned: &Planned) -> [Step; 2] {
    let uids: UidSet = planned.absent.iter().map(|(_, uid)| *uid).collect();
    let question = match planned.witness {
        Witness::Listing => Step::Search { uids },
        Witness::Search => Step::Flags {
            uids,
            changed_since: None,
            items: RowItems::default(),
        },
    };
    let open = Step::Select {
        mailbox: observed.wire_name.clone(),
        mode: SelectMode::ReadOnly,
        resync: None,
    };
    [open, question]
}

#[derive(Clone, Default)]
struct Answer {
    found: UidSet,
    epoch: Option<postrider_core::uid::UidValidity>,
    /// There was an answer: a search may end with OK and have said nothing.
    answered: bool,
    done: bool,
}

/// Every mailbox has two steps: the even one opens it, the odd one asks.
async fn ask(
    session: &mut Session,
    steps: Vec<Step>,
    mailboxes: usize,
) -> Result<Vec<Answer>, EngineError> {
    let mut answers = vec![Answer::default(); mailboxes];
    // A FETCH that finds nothing says nothing.
    for (at, step) in steps.iter().enumerate() {
        if let (Step::Flags { .. }, Some(answer)) = (step, answers.get_mut(at / 2)) {
            answer.answered = true;
        }
    }
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { step, selected } => {
                if let Some(answer) = answers.get_mut(step / 2) {
                    answer.epoch = selected.uid_validity;
                }
            }
            FlightEvent::Found { step, uids } => {
                if let Some(answer) = answers.get_mut(step / 2) {
                    (answer.found, answer.answered) = (uids, true);
                }
            }
            FlightEvent::Flags { step, row } => found(&mut answers, step, row.uid),
            FlightEvent::Done { step } if step % 2 == 1 => {
                if let Some(answer) = answers.get_mut(step / 2) {
                    answer.done = true;
                }
            }
            FlightEvent::Unreadable { step, .. } => {
                if let Some(answer) = answers.get_mut(step / 2) {
                    answer.answered = false;
                }
            }
            _ => {}
        }
    }
    Ok(answers)
}

fn found(answers: &mut [Answer], step: usize, uid: Uid) {
    if let Some(answer) = answers.get_mut(step / 2) {
        answer.found.insert(uid);
    }
}
