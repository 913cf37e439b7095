//! Mailboxes that the server does not list any more: renamed there, or gone.
//!
//! LIST is one witness; STATUS is the second (R5). A mailbox that both deny may be listed under
//! another name: what its UIDVALIDITY, its MAILBOXID or the server's OLDNAME make likely, the messages
//! themselves must confirm. Then the row takes the new name, and the files follow.

use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::events;
use crate::imap::observe;
use crate::local;
use crate::place;
use crate::rehearsal::Leave;
use crate::step::Step as Point;
use postrider_core::mailbox::MailboxName;
use postrider_core::message::MessageKey;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::moves::{FoundMailbox, LostMailbox, renames};
use postrider_core::plan::uid_validity::Likeness;
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::{FlightEvent, Listed, SelectMode, Session, Step, WireName};
use postrider_index::{Index, MailboxId, MailboxRow, OpenMove};
use postrider_maildir::{Mailbox, MaildirError};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// Messages whose descriptions must agree before a mailbox is believed to be another one renamed.
const SAMPLE: usize = 16;

/// A mailbox that the server has no more, and the messages that were in it.
#[derive(Debug)]
pub(crate) struct Lost {
    row: MailboxRow,
    pub(crate) messages: Vec<MessageKey>,
}

/// Finds out what became of the mailboxes that `listed` lacks. Those that are there all the same are
/// added to it; renamed ones are renamed here; the others are returned, and [`tell`] tells of them when
/// it is known what became of their messages. A pass over some mailboxes leaves all that to one over all.
pub(crate) async fn follow(
    account: &Account,
    session: &mut Session,
    listed: &mut Vec<Listed>,
) -> Result<Vec<Lost>, EngineError> {
    if !account.sees_all() {
        return Ok(Vec::new());
    }
    let (id, index) = (account.id, &account.shared.index);
    let rows = index.call(move |index| index.mailboxes(id)).await?;
    let shown: HashSet<String> = listed.iter().map(|l| l.wire_name.to_string()).collect();
    let missing = rows
        .iter()
        .filter(|row| row.lost_at.is_none() && !shown.contains(&row.wire_name));
    let mut missing: Vec<MailboxRow> = missing.cloned().collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    ask_again(session, listed, &mut missing).await?;
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let known: HashSet<&str> = rows.iter().map(|row| row.wire_name.as_str()).collect();
    let new = |l: &&Listed| l.selectable && !known.contains(l.wire_name.to_string().as_str());
    let found: Vec<Listed> = listed.iter().filter(new).cloned().collect();
    let found = observe::with_status(session, found).await?;
    let identities = identities(session, &missing, &found).await?;
    for (lost, to) in candidates(&missing, &found, &identities) {
        if is_the_same(account, session, &lost, (&to, &identities)).await? {
            rename(account, &lost, &to).await?;
            missing.retain(|row| row.id != lost.id);
        }
    }
    let mut lost = Vec::new();
    for row in missing {
        let messages = lose(account, &row).await?;
        lost.push(Lost { row, messages });
    }
    Ok(lost)
}

/// STATUS for each mailbox that LIST left out. One that answers is there; only one that is refused
/// stays in `missing`.
async fn ask_again(
    session: &mut Session,
    listed: &mut Vec<Listed>,
    missing: &mut Vec<MailboxRow>,
) -> Result<(), EngineError> {
    let names: Vec<WireName> = missing.iter().map(place::wire_name).collect();
    let steps: Vec<Step> = names.iter().cloned().map(Step::Status).collect();
    let (mut there, mut denied) = (HashMap::new(), HashSet::new());
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Status { step, status } => drop(there.insert(step, status)),
            FlightEvent::Refused { step, .. } => drop(denied.insert(step)),
            _ => {}
        }
    }
    for (at, (row, wire_name)) in missing.iter().zip(names).enumerate() {
        if let Some(status) = there.remove(&at) {
            listed.push(Listed {
                wire_name,
                name: MailboxName::from_decoded(&row.name, Some('/')),
                delimiter: Some('/'),
                role: row.role,
                selectable: true,
                exists: true,
                subscribed: None,
                status: Some(status),
                old_name: None,
            });
        }
    }
    let mut at = 0;
    missing.retain(|_| {
        at += 1;
        denied.contains(&(at - 1))
    });
    Ok(())
}

/// MAILBOXIDs, by the names on the wire.
type Identities = HashMap<WireName, String>;

/// The identities of new mailboxes, where we know any of those that are missing: opening a mailbox
/// tells it.
async fn identities(
    session: &mut Session,
    missing: &[MailboxRow],
    found: &[Listed],
) -> Result<Identities, EngineError> {
    let mut identities = Identities::new();
    if !missing.iter().any(|row| row.server.mailbox_id.is_some()) {
        return Ok(identities);
    }
    let steps: Vec<Step> = found.iter().map(|l| open(&l.wire_name)).collect();
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        let FlightEvent::Selected { step, selected } = event else {
            continue;
        };
        if let (Some(listed), Some(id)) = (found.get(step), selected.mailbox_id) {
            identities.insert(listed.wire_name.clone(), id);
        }
    }
    Ok(identities)
}

fn open(mailbox: &WireName) -> Step {
    Step::Select {
        mailbox: mailbox.clone(),
        mode: SelectMode::ReadOnly,
        resync: None,
    }
}

fn candidates(
    missing: &[MailboxRow],
    found: &[Listed],
    identities: &Identities,
) -> Vec<(MailboxRow, Listed)> {
    let lost: Vec<LostMailbox<MailboxId>> = missing
        .iter()
        .map(|row| LostMailbox {
            id: row.id,
            name: row.wire_name.clone(),
            uid_validity: row.server.uid_validity,
            uid_next: row.server.uid_next,
            mailbox_id: row.server.mailbox_id.clone(),
        })
        .collect();
    let shown: Vec<FoundMailbox> = found
        .iter()
        .map(|listed| {
            let status = listed.status.clone().unwrap_or_default();
            FoundMailbox {
                uid_validity: status.uid_validity,
                uid_next: status.uid_next,
                mailbox_id: identities.get(&listed.wire_name).cloned(),
                old_name: listed.old_name.as_ref().map(ToString::to_string),
            }
        })
        .collect();
    let pairs = renames(&lost, &shown).into_iter();
    let pair = |(id, at): (MailboxId, usize)| {
        let row = missing.iter().find(|row| row.id == id)?;
        Some((row.clone(), found.get(at)?.clone()))
    };
    pairs.filter_map(pair).collect()
}

/// Whether the messages of the new mailbox are those of the old one, as far as a sample tells. UIDs
/// that are not there any more tell nothing; one that is another message decides.
async fn is_the_same(
    account: &Account,
    session: &mut Session,
    lost: &MailboxRow,
    (to, identities): (&Listed, &Identities),
) -> Result<bool, EngineError> {
    let (id, index) = (lost.id, &account.shared.index);
    let present = index.call(move |index| index.present(id)).await?;
    let Some((epoch, present)) = present.filter(|(_, present)| !present.is_empty()) else {
        // Empty ones are alike; only the server's own word tells them apart.
        let known = lost.server.mailbox_id.as_ref();
        return Ok(known.is_some() && known == identities.get(&to.wire_name));
    };
    let stride = present.len().div_ceil(SAMPLE);
    let sample: Vec<_> = present.iter().rev().step_by(stride.max(1)).collect();
    let keys: Vec<MessageKey> = sample.iter().map(|row| row.key).collect();
    let described = index.call(move |index| index.describe(&keys)).await?;
    let expected: HashMap<Uid, Likeness> = sample
        .iter()
        .zip(described)
        .map(|(row, described)| (row.uid, described.likeness))
        .collect();
    let steps = vec![
        open(&to.wire_name),
        Step::Facts {
            uids: expected.keys().copied().collect::<UidSet>(),
        },
    ];
    let (mut alike, mut same_epoch) = (0, false);
    let mut differs = false;
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { selected, .. } => {
                same_epoch = selected.uid_validity == Some(epoch);
            }
            FlightEvent::Facts { row, .. } => match expected.get(&row.uid) {
                Some(likeness) if *likeness == row.likeness => alike += 1,
                Some(_) => differs = true,
                None => {}
            },
            FlightEvent::Refused { .. } => return Ok(false),
            _ => {}
        }
    }
    Ok(same_epoch && alike > 0 && !differs)
}

async fn rename(account: &Account, lost: &MailboxRow, to: &Listed) -> Result<(), EngineError> {
    let new = local::free_place(account, place::listed(&account.settings, to)).await?;
    let (id, name) = (lost.id, new.name.to_string());
    let index = &account.shared.index;
    let row = new.clone();
    index
        .call(move |index| index.rename_mailbox(id, &row))
        .await?;
    account.shared.steps.reached(Point::Renamed)?;
    finish(account).await?;
    account.note(&name, || Deed::Rename {
        was: lost.name.clone(),
    });
    events::MailboxRenamed {
        account: account.log_name(),
        mailbox: &name,
        was: &lost.name,
    }
    .emit();
    Ok(())
}

/// Brings the files of renamed mailboxes to where they belong, now or after a crash (R3).
pub(crate) async fn finish(account: &Account) -> Result<(), EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let open = index.call(move |index| index.open_moves(id)).await?;
    for one in open {
        let mailbox = one.mailbox;
        let tree = account.settings.maildir.clone();
        let Some(leave) = account.part.leave() else {
            // The files stay, and so does the row's word on where they are.
            let stay = move |index: &mut Index| {
                index.settle_move(mailbox)?;
                index.move_mailbox(mailbox, &one.from)
            };
            index.call(stay).await?;
            continue;
        };
        let moved = DeliveryPool::run(move || carry(&tree, &one, leave)).await?;
        moved.map_err(EngineError::disk)?;
        account.shared.steps.reached(Point::Followed)?;
        index.call(move |index| index.settle_move(mailbox)).await?;
    }
    Ok(())
}

fn carry(tree: &Path, open: &OpenMove, _leave: Leave) -> Result<(), MaildirError> {
    let (from, to) = (Mailbox::new(tree, &open.from), Mailbox::new(tree, &open.to));
    to.create()?;
    postrider_maildir::follow_all(&from, &to)
}

/// The mailbox is gone, and its messages with it. Their local copies are another matter
/// (`retention.vanished`).
async fn lose(account: &Account, row: &MailboxRow) -> Result<Vec<MessageKey>, EngineError> {
    let (id, index) = (row.id, &account.shared.index);
    let present = index.call(move |index| index.present(id)).await?;
    let present = present.map_or_else(Vec::new, |(_, rows)| rows);
    let gone: Vec<MessageKey> = present.iter().map(|row| row.key).collect();
    account.note_gone(&row.name, &gone).await?;
    let lost = gone.clone();
    let lose = move |index: &mut Index| {
        index.mark_vanished(&lost, now())?;
        index.lose_mailbox(id, now())
    };
    index.call(lose).await?;
    Ok(gone)
}

/// Tells what became of lost mailboxes. One whose messages have all moved to one other was renamed,
/// by a server that numbers them anew then (Courier); nothing of it is left here.
pub(crate) async fn tell(
    account: &Account,
    lost: &[Lost],
    moved: &HashMap<MessageKey, Arc<str>>,
) -> Result<(), EngineError> {
    for Lost { row, messages } in lost {
        let to: HashSet<&Arc<str>> = messages.iter().filter_map(|key| moved.get(key)).collect();
        let left = messages.iter().filter(|key| !moved.contains_key(key));
        let left = left.count() as u64;
        let mut to = to.into_iter();
        if let (Some(mailbox), None, 0) = (to.next(), to.next(), left) {
            let was = row.name.clone();
            if let Some(leave) = account.leave(mailbox, || [Deed::Rename { was }]) {
                let maildir = Mailbox::new(&account.settings.maildir, &row.path);
                let removed = DeliveryPool::run(move || clear(&maildir, leave)).await?;
                removed.map_err(EngineError::disk)?;
            }
            events::MailboxRenamed {
                account: account.log_name(),
                mailbox,
                was: &row.name,
            }
            .emit();
        } else {
            account.note(&row.name, || Deed::Lose { messages: left });
            events::MailboxVanished {
                account: account.log_name(),
                mailbox: &row.name,
                messages: left,
            }
            .emit();
        }
    }
    Ok(())
}

fn clear(mailbox: &Mailbox, _leave: Leave) -> Result<(), MaildirError> {
    postrider_maildir::remove_empty(mailbox)
}
