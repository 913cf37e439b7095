//! Whether a message that was on its way back has arrived.
//!
//! An undo that was cut off heard no answer, and its row has no identity: only the server can tell. What it
//! shows of its messages tells, where one of them alone is like ours; else their octets do. Of several that
//! hold the same octets one is ours. Nothing is appended before the server has said that there is none (R3).

use crate::context::Account;
use crate::error::EngineError;
use crate::imap::rematch::describe;
use crate::place;
use crate::undo::{Candidate, UndoRun};
use postrider_core::plan::uid_validity::{self, Likeness, Orphan, rematch};
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::code::Code;
use postrider_imap::{FlightEvent, Refusal, SelectMode, Session, Step, WireName};
use postrider_index::{Index, UndoRow};
use postrider_maildir::ContentHash;

/// Who a message is at its server.
pub(super) type Identity = (UidValidity, Uid);

/// What came of looking for a message.
pub(super) enum Sought {
    /// It is there.
    Found(Identity),
    /// It is not.
    Missing,
    /// The server does not say, for the reason given: it may be there or not.
    Untold(String),
}

/// Looks for what an interrupted undo may have put back. What is not there is looked for once more after a
/// while: the server may still be at work on what a killed process sent.
pub(super) async fn interrupted(
    account: &Account,
    session: &mut Session,
    candidate: &Candidate,
    run: &UndoRun,
) -> Result<Sought, EngineError> {
    let was_settled = run.is_settled();
    let sought = look(account, session, candidate).await?;
    if !matches!(sought, Sought::Missing) || was_settled {
        return Ok(sought);
    }
    tokio::select! {
        () = run.settled() => look(account, session, candidate).await,
        () = account.shutdown.requested() => Err(EngineError::Stopped),
    }
}

/// Looks for what a server without UIDPLUS has just taken, by its likeness alone: what that does not tell,
/// the next pass finds out.
pub(super) async fn taken(
    account: &Account,
    session: &mut Session,
    candidate: &Candidate,
) -> Result<Option<Identity>, EngineError> {
    let wire_name = place::wire_name(&candidate.mailbox);
    let Listing::Shown(epoch, shown) = list(session, &wire_name).await? else {
        return Ok(None);
    };
    let unknown = unknown(account, candidate, (epoch, shown)).await?;
    let described = describe(session, &wire_name, unknown).await?;
    Ok(alike(&candidate.row, &described).map(|uid| (epoch, uid)))
}

async fn look(
    account: &Account,
    session: &mut Session,
    candidate: &Candidate,
) -> Result<Sought, EngineError> {
    let wire_name = place::wire_name(&candidate.mailbox);
    let (epoch, shown) = match list(session, &wire_name).await? {
        Listing::Shown(epoch, shown) => (epoch, shown),
        Listing::NoMailbox => return Ok(Sought::Missing),
        Listing::Untold(because) => return Ok(Sought::Untold(because)),
    };
    let unknown = unknown(account, candidate, (epoch, shown)).await?;
    let described = describe(session, &wire_name, unknown.clone()).await?;
    if let Some(uid) = alike(&candidate.row, &described) {
        return Ok(Sought::Found((epoch, uid)));
    }
    let others = described
        .iter()
        .filter(|it| is_another(&candidate.row, &it.likeness));
    let others: UidSet = others.map(|it| it.uid).collect();
    let suspects = unknown.iter().filter(|uid| !others.contains(*uid));
    by_octets(account, session, candidate, (epoch, suspects.collect())).await
}

/// The one message that all that the server says of it tells from others.
fn alike(row: &UndoRow, described: &[uid_validity::Candidate]) -> Option<Uid> {
    let orphan = Orphan {
        key: row.file.key,
        likeness: Likeness {
            message_id: row.message_id.clone(),
            size_octets: Some(row.octets_crlf),
            internal_date: row.internal_date,
        },
    };
    let matched = rematch(&[orphan], described);
    matched.attach.first().map(|(_, uid)| *uid)
}

/// Whether a message cannot be ours. Some servers count a line end as one octet and some guess sizes (R7): so
/// its Message-ID speaks for a message as well.
fn is_another(row: &UndoRow, shown: &Likeness) -> bool {
    let sizes = [Some(row.octets_crlf), Some(row.file.octets), None];
    let named = row.message_id.is_some() && shown.message_id == row.message_id;
    !named && !sizes.contains(&shown.size_octets)
}

/// The first of these that holds our octets. They are hashed as they come, and none is marked as read.
async fn by_octets(
    account: &Account,
    session: &mut Session,
    candidate: &Candidate,
    (epoch, suspects): (UidValidity, UidSet),
) -> Result<Sought, EngineError> {
    if suspects.is_empty() {
        return Ok(Sought::Missing);
    }
    let steps = [
        examine(&place::wire_name(&candidate.mailbox)),
        Step::Bodies {
            uids: suspects.clone(),
        },
    ];
    let (mut hash, mut found, mut untold) = (ContentHash::default(), None, None);
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    loop {
        let event = tokio::select! {
            event = flight.next() => event.map_err(EngineError::imap)?,
            () = account.shutdown.requested() => return Err(EngineError::Stopped),
        };
        match event {
            None => break,
            Some(FlightEvent::Selected { selected, .. })
                if selected.uid_validity != Some(epoch) =>
            {
                untold = Some("the mailbox was numbered anew meanwhile".to_owned());
            }
            Some(FlightEvent::BodyStart { .. }) => hash = ContentHash::default(),
            Some(FlightEvent::BodyChunk(chunk)) => hash.update(&chunk),
            Some(FlightEvent::BodyEnd { fetched, .. }) => {
                let is_ours = std::mem::take(&mut hash).finish() == candidate.row.file.sha256;
                if is_ours && suspects.contains(fetched.uid) {
                    found.get_or_insert(fetched.uid);
                }
            }
            Some(FlightEvent::BodyMissing { .. }) => {
                untold = Some("the server sent no body for a message that may be it".to_owned());
            }
            Some(FlightEvent::Refused { refusal, .. }) => untold = Some(refusal.to_string()),
            Some(_) => {}
        }
    }
    Ok(match (found, untold) {
        (Some(uid), _) => Sought::Found((epoch, uid)),
        (None, Some(because)) => Sought::Untold(because),
        (None, None) => Sought::Missing,
    })
}

/// Those messages of a mailbox that no row has.
async fn unknown(
    account: &Account,
    candidate: &Candidate,
    (epoch, shown): (UidValidity, UidSet),
) -> Result<UidSet, EngineError> {
    let id = candidate.mailbox.id;
    let known = account
        .shared
        .index
        .call(move |index: &mut Index| index.uids(id, epoch));
    let known = known.await?;
    Ok(shown.iter().filter(|uid| !known.contains(*uid)).collect())
}

/// What a mailbox holds.
enum Listing {
    Shown(UidValidity, UidSet),
    NoMailbox,
    /// The server does not say.
    Untold(String),
}

async fn list(session: &mut Session, mailbox: &WireName) -> Result<Listing, EngineError> {
    let everything = Step::Search {
        uids: UidSet::range(Uid::MIN, Uid::MAX),
    };
    let (mut epoch, mut found, mut refused) = (None, None, None::<Refusal>);
    {
        let steps = [examine(mailbox), everything];
        let mut flight = session.flight(steps).map_err(EngineError::imap)?;
        while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
            match event {
                FlightEvent::Selected { selected, .. } => epoch = selected.uid_validity,
                FlightEvent::Found { uids, .. } => found = Some(uids),
                FlightEvent::Refused { refusal, .. } => {
                    refused.get_or_insert(refusal);
                }
                _ => {}
            }
        }
    }
    Ok(match (epoch.zip(found), refused) {
        (Some((epoch, shown)), _) => Listing::Shown(epoch, shown),
        (None, Some(refusal)) if is_gone(session, mailbox, &refusal).await? => Listing::NoMailbox,
        (None, Some(refusal)) => Listing::Untold(refusal.to_string()),
        (None, None) => {
            Listing::Untold("the server does not say what the mailbox holds".to_owned())
        }
    })
}

/// Whether a mailbox of which the server refused something is not there. Some servers say so in words alone:
/// those are asked for all that they have.
pub(super) async fn is_gone(
    session: &mut Session,
    mailbox: &WireName,
    refusal: &Refusal,
) -> Result<bool, EngineError> {
    if matches!(refusal.code, Some(Code::NonExistent | Code::TryCreate)) {
        return Ok(true);
    }
    let (mut is_listed, mut is_told) = (false, false);
    let mut flight = session.flight([Step::List]).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Listed { mailbox: it, .. } => {
                is_listed |= it.wire_name == *mailbox && it.selectable && it.exists;
            }
            FlightEvent::Done { .. } => is_told = true,
            _ => {}
        }
    }
    Ok(is_told && !is_listed)
}

fn examine(mailbox: &WireName) -> Step {
    Step::Select {
        mailbox: mailbox.clone(),
        mode: SelectMode::ReadOnly,
        resync: None,
    }
}
