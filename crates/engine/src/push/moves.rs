//! Messages whose files readers moved to other mailboxes: UID MOVE, or COPY and then EXPUNGE.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::imap::observe::Observed;
use crate::imap::removal::{self, Whither};
use crate::place;
use crate::push::{End, attachment, end, find, fly, identity, look, refused, tell};
use crate::rehearsal::Leave;
use crate::report::PassReport;
use crate::step::Step as Point;
use postrider_core::message::MessageKey;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::local::Push;
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_imap::capability::Capability;
use postrider_imap::{Session, Step};
use postrider_index::{Attachment, Index, IndexError, MailboxId, MailboxRow, OutgoingRow};
use std::collections::BTreeMap;

/// What is moved from one mailbox to another together: from where, in which epoch, and to where.
type Route = (MailboxId, UidValidity, MailboxId);

/// Has everything moved that readers moved.
pub(super) async fn send(
    account: &Account,
    session: &mut Session,
    (observed, rows): (&[Observed], Vec<OutgoingRow>),
    report: &mut PassReport,
) -> Result<(), EngineError> {
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
    let id = account.id;
    let mailboxes = account.shared.index.call(move |index| index.mailboxes(id));
    let mailboxes = mailboxes.await?;
    for ((from, epoch, to), rows) in routes {
        let from = mailboxes.iter().find(|row| row.id == from);
        // A mailbox that is not chosen any more waits until it is.
        if let (Some(from), Some(to)) = (from, find(observed, to)) {
            send_route(account, session, (from, epoch, to), rows, report).await?;
        }
    }
    Ok(())
}

async fn send_route(
    account: &Account,
    session: &mut Session,
    (from, epoch, to): (&MailboxRow, UidValidity, &Observed),
    rows: Vec<(Uid, OutgoingRow)>,
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let keys: Vec<MessageKey> = rows.iter().map(|(_, row)| row.file.key).collect();
    let deeds = || {
        keys.iter().map(|message| {
            let (message, from) = (*message, from.name.clone());
            Deed::Push(Push::Move { message, from })
        })
    };
    let Some(leave) = account.leave(&to.local.name, deeds) else {
        report.pushed += keys.len() as u64;
        return end(account, ends(&keys)).await;
    };
    let there = match look(
        session,
        &place::wire_name(from),
        (epoch, uids(&rows)),
        leave,
    )
    .await?
    {
        Ok(there) => there,
        Err(because) => return put_off(account, (from, to), keys, &because).await,
    };
    let (here, gone): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(uid, _)| there.contains(*uid));
    // Somebody moved or deleted them already, perhaps we did: who they are now the next look finds out.
    let gone: Vec<_> = gone.iter().map(|(_, row)| row.file.key).collect();
    end(account, ends(&gone)).await?;
    // Where a copy is there already, of an attempt that was cut short, only the original has to go.
    let (copied, whole): (Vec<_>, Vec<_>) = here
        .into_iter()
        .partition(|(_, row)| row.identity.is_some());
    if session.capabilities().has(Capability::Move) {
        report.pushed += move_all(account, session, (from, to), whole).await?;
        return remove(account, session, (from, to, leave), copied).await;
    }
    let mut leaving = copied;
    let whole = copy_all(account, session, (from, to), whole).await?;
    report.pushed += whole.len() as u64;
    leaving.extend(whole);
    remove(account, session, (from, to, leave), leaving).await
}

fn uids(rows: &[(Uid, OutgoingRow)]) -> UidSet {
    rows.iter().map(|(uid, _)| *uid).collect()
}

/// Moves them; how many went.
async fn move_all(
    account: &Account,
    session: &mut Session,
    (from, to): (&MailboxRow, &Observed),
    rows: Vec<(Uid, OutgoingRow)>,
) -> Result<u64, EngineError> {
    if rows.is_empty() {
        return Ok(0);
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
    let deed = format!("moved from {}", from.name);
    let ends = moved.iter().map(|(uid, row)| End {
        key: row.file.key,
        server: identity(&told, *uid),
        sent: None,
    });
    let ends: Vec<End> = ends.collect();
    ends.iter()
        .for_each(|end| tell(account, to, (end.server.as_ref(), &deed)));
    end(account, ends).await?;
    if let Some(because) = refusal {
        let keys = left.iter().map(|(_, row)| row.file.key).collect();
        put_off(account, (from, to), keys, &because).await?;
    }
    Ok(moved.len() as u64)
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
    let attach = move |index: &mut Index| match index.attach(&identities, now()) {
        // A server that gives out a UID twice: who is who is found out by the next look.
        Err(IndexError::AlreadyKnown { .. }) => Ok(()),
        attached => attached,
    };
    account.shared.index.call(attach).await?;
    let deed = format!("moved from {}", from.name);
    for (uid, _) in &rows {
        tell(account, to, (identity(&told, *uid).as_ref(), &deed));
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
        None => end(account, ends(&keys)).await,
    }
}

/// Messages that are where they belong, as far as we know: the next look finds out who they are there.
fn ends(keys: &[MessageKey]) -> Vec<End> {
    let end = |key: &MessageKey| End {
        key: *key,
        server: None,
        sent: None,
    };
    keys.iter().map(end).collect()
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
