//! Surviving a changed UIDVALIDITY (R4): known messages are found again by what the server says of
//! them, the rest by their octets. Nothing is deleted, nothing stored twice.

use crate::context::{Account, now};
use crate::deliver::Orphans;
use crate::error::EngineError;
use crate::events;
use crate::imap::look::Look;
use postrider_core::message::ServerRef;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::uid_validity::{Candidate, Likeness, Orphan, rematch as match_again};
use postrider_core::uid::{UidSet, UidValidity};
use postrider_imap::{FlightEvent, SelectMode, Session, Step, WireName};
use postrider_index::{Attachment, Index, UnmatchedRow};
use std::collections::HashSet;

/// Attaches what can be matched by description to its new UID and leaves the others in `orphans`,
/// where their octets will find them.
pub(crate) async fn rematch(
    account: &Account,
    session: &mut Session,
    look: &Look,
    uid_validity: UidValidity,
    orphans: &mut Orphans,
) -> Result<(), EngineError> {
    let id = look.observed.local.id;
    let matched = match_by_likeness(account, session, look, uid_validity).await?;
    for row in &matched.rest {
        orphans.entry((id, row.sha256)).or_default().push(row.key);
    }
    account.note(&look.observed.local.name, || Deed::Renumber {
        rematched: matched.attached,
        fetching: matched.fetching,
    });
    events::UidValidityChanged {
        account: account.log_name(),
        mailbox: &look.observed.local.name,
        was: look
            .observed
            .row
            .server
            .uid_validity
            .map_or(0, |v| v.as_u32().into()),
        uidvalidity: uid_validity.as_u32().into(),
        rematched: matched.attached,
        fetching: matched.fetching,
    }
    .emit();
    // What the new epoch lacks is gone until its octets turn up.
    let rest: Vec<_> = matched.rest.iter().map(|row| row.key).collect();
    account.note_gone(&look.observed.local.name, &rest).await?;
    let gone = move |index: &mut Index| index.mark_vanished(&rest, now()).map(drop);
    account.shared.index.call(gone).await
}

/// Attaches those messages of the mailbox that have no UID, because the index was lost or they were
/// displaced, to what the server shows of new ones. The others wait for their octets.
pub(crate) async fn find_again(
    account: &Account,
    session: &mut Session,
    look: &Look,
    uid_validity: UidValidity,
) -> Result<(), EngineError> {
    let id = look.observed.local.id;
    let has_displaced = move |index: &mut Index| index.has_displaced(id);
    if account.shared.index.call(has_displaced).await? {
        match_by_likeness(account, session, look, uid_validity).await?;
    }
    Ok(())
}

/// What came of a comparison by what the server says of its messages.
struct Matched {
    attached: u64,
    /// Messages at the server that are like none of ours.
    fetching: u64,
    /// Messages of ours that are like none, or like several, at the server.
    rest: Vec<UnmatchedRow>,
}

async fn match_by_likeness(
    account: &Account,
    session: &mut Session,
    look: &Look,
    uid_validity: UidValidity,
) -> Result<Matched, EngineError> {
    let id = look.observed.local.id;
    let index = &account.shared.index;
    let read = move |index: &mut Index| {
        let unmatched = index.unmatched(id, uid_validity)?;
        Ok((unmatched, index.uids(id, uid_validity)?))
    };
    let (unmatched, known_uids) = index.call(read).await?;
    let unknown = look.view.messages().iter().map(|m| m.uid);
    let unknown: UidSet = unknown.filter(|uid| !known_uids.contains(*uid)).collect();
    let candidates = describe(session, &look.observed.wire_name, unknown).await?;
    // What another program delivered may be like a message and not be it: where something will be
    // deleted because of it, its octets are asked for.
    let likeness_will_do = |row: &&UnmatchedRow| row.received || !account.lets_go();
    let known: Vec<_> = unmatched
        .iter()
        .filter(likeness_will_do)
        .map(orphan)
        .collect();
    let found = match_again(&known, &candidates);
    let attached: HashSet<_> = found.attach.iter().map(|(key, _)| *key).collect();
    let matched = Matched {
        attached: found.attach.len() as u64,
        fetching: found.fetch.count(),
        rest: unmatched
            .into_iter()
            .filter(|row| !attached.contains(&row.key))
            .collect(),
    };
    let attachments = found.attach.iter().map(|(key, uid)| Attachment {
        key: *key,
        server: ServerRef::Imap {
            uid_validity,
            uid: *uid,
        },
        server_octets: None,
    });
    let attachments: Vec<_> = attachments.collect();
    let attach = move |index: &mut Index| index.attach(&attachments, now());
    index.call(attach).await?;
    Ok(matched)
}

fn orphan(row: &UnmatchedRow) -> Orphan {
    Orphan {
        key: row.key,
        likeness: Likeness {
            message_id: row.message_id.clone(),
            size_octets: row.server_octets,
            internal_date: row.internal_date,
        },
    }
}

/// What the server says of messages without handing out their octets.
pub(crate) async fn describe(
    session: &mut Session,
    mailbox: &WireName,
    uids: UidSet,
) -> Result<Vec<Candidate>, EngineError> {
    if uids.is_empty() {
        return Ok(Vec::new());
    }
    let steps = vec![
        Step::Select {
            mailbox: mailbox.clone(),
            mode: SelectMode::ReadOnly,
            resync: None,
        },
        Step::Facts { uids: uids.clone() },
    ];
    let mut candidates = Vec::new();
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        if let FlightEvent::Facts { row, .. } = event {
            // Messages that nobody asked about could be any number.
            let is_asked = uids.contains(row.uid) && (candidates.len() as u64) < uids.count();
            if !is_asked {
                continue;
            }
            candidates.push(Candidate {
                uid: row.uid,
                likeness: row.likeness,
            });
        }
    }
    Ok(candidates)
}
