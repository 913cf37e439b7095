//! Messages whose files readers moved to other mailboxes: UID MOVE, or COPY and then EXPUNGE.

use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::events;
use crate::imap::observe::Observed;
use crate::imap::removal::{self, Whither};
use crate::push::explain::{UNDECIDED, before};
use crate::push::{find, open, refused};
use crate::rehearsal::Leave;
use crate::step::Step as Point;
use postrider_core::message::{MessageKey, ServerRef};
use postrider_core::plan::deed::Deed;
use postrider_core::plan::local::Push;
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::capability::Capability;
use postrider_imap::{CopyUid, FlightEvent, Session, Step, WireName};
use postrider_index::{
    Attachment, Index, IndexError, MailboxId, MailboxRow, MessageFile, OutgoingRow, ServerCopy,
};
use postrider_maildir::{Entry, Mailbox, MaildirError};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// What is moved from one mailbox to another together: from where, in which epoch, and to where.
type Route = (MailboxId, UidValidity, MailboxId);

/// Has everything moved that readers moved.
pub(super) async fn send(
    account: &Account,
    session: &mut Session,
    observed: &[Observed],
) -> Result<(), EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let rows = index.call(move |index| index.outgoing(id, now())).await?;
    let mut routes: BTreeMap<Route, Vec<(Uid, OutgoingRow)>> = BTreeMap::new();
    for row in rows {
        if let Some(from) = row.departure {
            let route = (from.mailbox, from.uid_validity, row.file.mailbox);
            routes.entry(route).or_default().push((from.uid, row));
        }
    }
    if routes.is_empty() {
        return Ok(());
    }
    let mailboxes = index.call(move |index| index.mailboxes(id)).await?;
    for ((from, epoch, to), rows) in routes {
        let from = mailboxes.iter().find(|row| row.id == from);
        // A mailbox that is not chosen any more waits until it is.
        if let (Some(from), Some(to)) = (from, find(observed, to)) {
            send_route(account, session, (from, epoch, to), rows).await?;
        }
    }
    Ok(())
}

async fn send_route(
    account: &Account,
    session: &mut Session,
    (from, epoch, to): (&MailboxRow, UidValidity, &Observed),
    rows: Vec<(Uid, OutgoingRow)>,
) -> Result<(), EngineError> {
    let keys: Vec<MessageKey> = rows.iter().map(|(_, row)| row.file.key).collect();
    let deeds = || {
        keys.iter().map(|message| {
            let (message, from) = (*message, from.name.clone());
            Deed::Push(Push::Move { message, from })
        })
    };
    let Some(leave) = account.leave(&to.local.name, deeds) else {
        let ends = keys.iter().map(|key| (*key, None)).collect();
        return end(account, ends).await;
    };
    let wire_name = WireName::from_octets(from.wire_name.as_bytes());
    let there = match look(session, &wire_name, (epoch, uids(&rows)), leave).await? {
        Ok(there) => there,
        Err(because) => return put_off(account, (from, to), keys, &because).await,
    };
    let (here, gone): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(uid, _)| there.contains(*uid));
    // Somebody moved or deleted them already, perhaps we did: who they are now the next look finds out.
    let gone = gone.into_iter().map(|(_, row)| (row.file.key, None));
    end(account, gone.collect()).await?;
    // Where a copy is there already, of an attempt that was cut short, only the original has to go.
    let (copied, whole): (Vec<_>, Vec<_>) = here
        .into_iter()
        .partition(|(_, row)| row.identity.is_some());
    if session.capabilities().has(Capability::Move) {
        move_all(account, session, (from, to), whole).await?;
        return remove(account, session, (from, to, leave), copied).await;
    }
    let mut leaving = copied;
    leaving.extend(copy_all(account, session, (from, to), whole).await?);
    remove(account, session, (from, to, leave), leaving).await
}

fn uids(rows: &[(Uid, OutgoingRow)]) -> UidSet {
    rows.iter().map(|(uid, _)| *uid).collect()
}

/// Opens the mailbox for writing, and says which of the messages it still holds; none where it was
/// renumbered. The reason where the server does not let us.
async fn look(
    session: &mut Session,
    mailbox: &WireName,
    (epoch, uids): (UidValidity, UidSet),
    leave: Leave,
) -> Result<Result<UidSet, String>, EngineError> {
    let selected = match open(session, mailbox, leave).await? {
        Ok(selected) => selected,
        Err(because) => return Ok(Err(because)),
    };
    if selected.uid_validity != Some(epoch) {
        return Ok(Ok(UidSet::new()));
    }
    let (mut found, mut done) = (None, false);
    let steps = [Step::Search { uids: uids.clone() }];
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Found { uids, .. } => found = Some(uids),
            FlightEvent::Done { .. } => done = true,
            _ => {}
        }
    }
    Ok(match found.filter(|_| done) {
        Some(found) => Ok(uids.intersect(found.iter())),
        None => Err("the server does not say which messages it holds".to_owned()),
    })
}

async fn move_all(
    account: &Account,
    session: &mut Session,
    (from, to): (&MailboxRow, &Observed),
    rows: Vec<(Uid, OutgoingRow)>,
) -> Result<(), EngineError> {
    if rows.is_empty() {
        return Ok(());
    }
    let step = Step::Move {
        uids: uids(&rows),
        to: to.wire_name.clone(),
    };
    let (told, refusal) = fly(session, step).await?;
    account.shared.steps.reached(Point::Sent)?;
    // Of a refused MOVE some may have been moved all the same (RFC 6851 §4.3): those that it told of were.
    let is_moved = |uid: Uid| refusal.is_none() || identity(&told, uid).is_some();
    let (moved, left): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(uid, _)| is_moved(*uid));
    for (uid, _) in &moved {
        tell(account, (from, to), identity(&told, *uid));
    }
    let ends = moved
        .iter()
        .map(|(uid, row)| (row.file.key, identity(&told, *uid)));
    end(account, ends.collect()).await?;
    match refusal {
        Some(because) => {
            let keys = left.iter().map(|(_, row)| row.file.key).collect();
            put_off(account, (from, to), keys, &because).await
        }
        None => Ok(()),
    }
}

/// Makes the copies; those of which there is one now.
async fn copy_all(
    account: &Account,
    session: &mut Session,
    (from, to): (&MailboxRow, &Observed),
    rows: Vec<(Uid, OutgoingRow)>,
) -> Result<Vec<(Uid, OutgoingRow)>, EngineError> {
    if rows.is_empty() {
        return Ok(rows);
    }
    let step = Step::Copy {
        uids: uids(&rows),
        to: to.wire_name.clone(),
    };
    let (told, refusal) = fly(session, step).await?;
    account.shared.steps.reached(Point::Sent)?;
    if let Some(because) = refusal {
        let keys = rows.iter().map(|(_, row)| row.file.key).collect();
        put_off(account, (from, to), keys, &because).await?;
        return Ok(Vec::new());
    }
    let identities = rows.iter().filter_map(|(uid, row)| {
        let server = identity(&told, *uid)?;
        Some(attachment(row.file.key, server))
    });
    let identities: Vec<Attachment> = identities.collect();
    let attach = move |index: &mut Index| match index.attach(&identities) {
        // A server that gives out a UID twice: who is who is found out by the next look.
        Err(IndexError::AlreadyKnown { .. }) => Ok(()),
        attached => attached,
    };
    account.shared.index.call(attach).await?;
    for (uid, _) in &rows {
        tell(account, (from, to), identity(&told, *uid));
    }
    Ok(rows)
}

/// Lets go, in the open mailbox, what has its copy in the other.
async fn remove(
    account: &Account,
    session: &mut Session,
    (from, to, leave): (&MailboxRow, &Observed, Leave),
    rows: Vec<(Uid, OutgoingRow)>,
) -> Result<(), EngineError> {
    if rows.is_empty() {
        return Ok(());
    }
    let keys: Vec<MessageKey> = rows.iter().map(|(_, row)| row.file.key).collect();
    let going = (uids(&rows), &UidSet::new());
    let refusal = removal::remove(session, going, &Whither::Away, leave).await?;
    account.shared.steps.reached(Point::Sent)?;
    match refusal {
        Some(refusal) => put_off(account, (from, to), keys, &refusal.because).await,
        None => end(account, keys.into_iter().map(|key| (key, None)).collect()).await,
    }
}

/// Flies a step that makes copies: who they are, as far as the server tells, and its words where it would
/// not.
pub(super) async fn fly(
    session: &mut Session,
    step: Step,
) -> Result<(Vec<CopyUid>, Option<String>), EngineError> {
    let (mut told, mut refusal) = (Vec::new(), Some("the server did not answer".to_owned()));
    let mut flight = session.flight([step]).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Copied { copied, .. } => told.push(copied),
            FlightEvent::Done { .. } => refusal = None,
            FlightEvent::Refused { refusal: said, .. } => refusal = Some(said.to_string()),
            _ => {}
        }
    }
    Ok((told, refusal))
}

/// Who the copy of a message is.
pub(super) fn identity(told: &[CopyUid], source: Uid) -> Option<ServerRef> {
    told.iter().find_map(|copied| {
        Some(ServerRef::Imap {
            uid_validity: copied.uid_validity,
            uid: copied.copy_of(source)?,
        })
    })
}

pub(super) const fn attachment(key: MessageKey, server: ServerRef) -> Attachment {
    Attachment {
        key,
        server,
        server_octets: None,
    }
}

/// Records messages as being where they belong, each with who it is there, where that is known.
async fn end(
    account: &Account,
    ends: Vec<(MessageKey, Option<ServerRef>)>,
) -> Result<(), EngineError> {
    let record = move |index: &mut Index| {
        for (key, server) in ends {
            let known = server.map(|server| attachment(key, server));
            match index.end_outgoing((key, known.as_ref()), None, now()) {
                Err(IndexError::AlreadyKnown { .. }) => {
                    index.end_outgoing((key, None), None, now())?;
                }
                ended => ended?,
            }
        }
        Ok(())
    };
    account.shared.index.call(record).await
}

async fn put_off(
    account: &Account,
    (from, to): (&MailboxRow, &Observed),
    keys: Vec<MessageKey>,
    because: &str,
) -> Result<(), EngineError> {
    if keys.is_empty() {
        return Ok(());
    }
    let deed = format!("move from {}", from.name);
    refused(account, &to.local.name, keys.len() as u64, (&deed, because));
    let because = because.to_owned();
    let put_off = move |index: &mut Index| index.put_off(&keys, &because, now());
    account.shared.index.call(put_off).await
}

fn tell(account: &Account, (from, to): (&MailboxRow, &Observed), server: Option<ServerRef>) {
    let uid = match server {
        Some(ServerRef::Imap { uid, .. }) => Some(uid.as_u32().into()),
        _ => None,
    };
    events::MessagePushed {
        account: account.log_name(),
        mailbox: &to.local.name,
        uid,
        deed: &format!("moved from {}", from.name),
    }
    .emit();
}

/// Ends moves that readers made as a copy, which the server has, and then a deletion: what they removed goes
/// at the server too.
pub(super) async fn end_copies(
    account: &Account,
    session: &mut Session,
    observed: &[Observed],
) -> Result<(), EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let since = before(UNDECIDED);
    let copied = index.call(move |index| index.copied_since(id, since));
    let copied = copied.await?;
    if copied.is_empty() {
        return Ok(());
    }
    let tree = account.settings.maildir.clone();
    let missing = DeliveryPool::run(move || missing(&tree, copied)).await?;
    let mut going: HashMap<MailboxId, Vec<(MessageKey, ServerCopy)>> = HashMap::new();
    for (key, copy) in missing.map_err(EngineError::disk)? {
        going.entry(copy.mailbox).or_default().push((key, copy));
    }
    for (mailbox, going) in going {
        if let Some(mailbox) = find(observed, mailbox) {
            end_copies_of(account, session, mailbox, going).await?;
        }
    }
    Ok(())
}

/// Those whose file is not in its mailbox, by two readings.
fn missing(
    tree: &Path,
    copied: Vec<(MessageFile, ServerCopy)>,
) -> Result<Vec<(MessageKey, ServerCopy)>, MaildirError> {
    let mut missing = Vec::new();
    for (file, copy) in copied {
        let mailbox = Mailbox::new(tree, &file.mailbox_path);
        let Some(known) = Entry::parse(&file.file) else {
            continue;
        };
        if mailbox.exists()? && postrider_maildir::locate(&mailbox, &known)?.is_none() {
            missing.push((file.key, copy));
        }
    }
    Ok(missing)
}

async fn end_copies_of(
    account: &Account,
    session: &mut Session,
    observed: &Observed,
    going: Vec<(MessageKey, ServerCopy)>,
) -> Result<(), EngineError> {
    let Some(epoch) = going.first().map(|(_, copy)| copy.uid_validity) else {
        return Ok(());
    };
    let name = &observed.local.name;
    let keys: Vec<MessageKey> = going.iter().map(|(key, _)| *key).collect();
    let deeds = || {
        keys.iter()
            .map(|message| Deed::Push(Push::Depart { message: *message }))
    };
    let record = {
        let keys = keys.clone();
        move |index: &mut Index| index.end_move_by_copy(&keys, now())
    };
    let Some(leave) = account.leave(name, deeds) else {
        return account.shared.index.call(record).await;
    };
    let uids = going.iter().map(|(_, copy)| copy.uid).collect();
    let because = match look(session, &observed.wire_name, (epoch, uids), leave).await? {
        Ok(there) if there.is_empty() => return Ok(()),
        Ok(there) => {
            let going = (there, &UidSet::new());
            let refusal = removal::remove(session, going, &Whither::Away, leave).await?;
            refusal.map(|refusal| refusal.because)
        }
        Err(because) => Some(because),
    };
    account.shared.steps.reached(Point::Sent)?;
    match because {
        Some(because) => {
            refused(account, name, keys.len() as u64, ("move away", &because));
            Ok(())
        }
        None => account.shared.index.call(record).await,
    }
}
