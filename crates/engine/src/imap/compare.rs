//! A look beside what is known, until the numbers agree: a view of changes that cannot explain how many
//! messages there are is not believed.

use crate::context::Account;
use crate::error::EngineError;
use crate::imap::doubt;
use crate::imap::look::{self, Look};
use crate::report::PassReport;
use postrider_core::plan::view::{Base, ServerView};
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::{FlightEvent, SelectMode, Session, Step};
use postrider_index::Index;

/// A mailbox from both sides.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) look: Look,
    /// What is known of the messages that the look is about.
    pub(crate) base: Base,
    /// Who says so of what is gone.
    pub(crate) witness: Witness,
}

/// Who first said that a message is gone (R5): the second to be asked must be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Witness {
    /// A listing of all messages, or the server's own word (VANISHED).
    Listing,
    /// UID SEARCH.
    Search,
}

/// Reads what is known of the messages that `look` shows. Looks again, and wider, where the look does
/// not explain the mailbox, or where the server went back in time.
pub(crate) async fn compare(
    account: &Account,
    session: &mut Session,
    (mut look, uid_validity): (Look, UidValidity),
    report: &mut PassReport,
) -> Result<Compared, EngineError> {
    if doubt::went_back(&look) && matches!(look.view, ServerView::Changes { .. }) {
        look = whole_look(account, session, look, report).await?;
    }
    let mut witness = Witness::Listing;
    let mut base = base(account, &look, uid_validity).await?;
    if lacks_something(account, &base, &look, uid_validity).await? {
        (look, witness) = search(account, session, look, uid_validity).await?;
        base = self::base(account, &look, uid_validity).await?;
        if lacks_something(account, &base, &look, uid_validity).await? {
            look = whole_look(account, session, look, report).await?;
            witness = Witness::Listing;
            base = self::base(account, &look, uid_validity).await?;
        }
    }
    if doubt::settle(account, session, &look, &base).await? {
        base = self::base(account, &look, uid_validity).await?;
    }
    Ok(Compared {
        look,
        base,
        witness,
    })
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

pub(crate) async fn whole_look(
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
