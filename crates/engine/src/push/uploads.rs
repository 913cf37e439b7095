//! Messages that readers wrote or copied into a mailbox: UID COPY where the server holds the original,
//! APPEND where it does not, of many at once where it takes many.

use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::imap::observe::Observed;
use crate::local::{self, Reflag};
use crate::outgoing;
use crate::place;
use crate::push::{End, end, find, fly, identity, open, refused, tell};
use crate::rehearsal::Leave;
use crate::report::PassReport;
use crate::step::Step as Point;
use crate::take_in::found_file;
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::mailbox::Role;
use postrider_core::message::ServerRef;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::local::{Push, changed};
use postrider_core::uid::{Uid, UidValidity};
use postrider_imap::capability::Capability;
use postrider_imap::{Append, AppendedAll, Session, Source, Step};
use postrider_index::{Followed, Index, OutgoingRow, ServerCopy};
use postrider_maildir::{Entry, Examined, MaildirError, examine};
use std::path::PathBuf;
use std::sync::Arc;

/// A message, its mailbox, and its file as it is now.
struct Ready<'a> {
    row: OutgoingRow,
    to: &'a Observed,
    entry: Entry,
    path: PathBuf,
}

/// Messages that are made ready together: no more than one command takes.
const IN_A_GROUP: usize = 100;

/// Sends these, of which none is to leave another mailbox.
pub(super) async fn send(
    account: &Account,
    session: &mut Session,
    (observed, mut rows): (&[Observed], Vec<OutgoingRow>),
    report: &mut PassReport,
) -> Result<(), EngineError> {
    rows.sort_by_key(|row| (row.file.mailbox, row.file.key));
    for group in rows.chunk_by(|one, next| one.file.mailbox == next.file.mailbox) {
        // A mailbox that is not chosen any more waits until it is.
        let to = group
            .first()
            .and_then(|row| find(observed, row.file.mailbox));
        let Some(to) = to else { continue };
        for group in group.chunks(IN_A_GROUP) {
            if account.shutdown.is_requested() {
                return Err(EngineError::Stopped);
            }
            send_group(account, session, (to, group), report).await?;
        }
    }
    Ok(())
}

/// Sends messages that are for one mailbox: what the server can copy one by one, the rest together.
async fn send_group(
    account: &Account,
    session: &mut Session,
    (to, rows): (&Observed, &[OutgoingRow]),
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let mut to_upload = Vec::new();
    for row in rows {
        if row.identity.is_some() {
            // An attempt that was cut short had come through.
            end_one(account, row, (None, None)).await?;
            continue;
        }
        let Some(ready) = ready(account, row.clone(), to).await? else {
            continue;
        };
        let deed = || {
            let message = ready.row.file.key;
            [Deed::Push(match ready.row.original {
                Some(_) => Push::Copy { message },
                None => Push::Upload { message },
            })]
        };
        let Some(leave) = account.leave(&to.local.name, deed) else {
            report.pushed += 1;
            end_one(account, &ready.row, (None, None)).await?;
            continue;
        };
        let copied = match ready.row.original {
            Some(original) => copy(account, session, &ready, (original, leave)).await?,
            None => false,
        };
        if copied {
            report.pushed += 1;
        } else {
            to_upload.push((ready, leave));
        }
    }
    upload_all(account, session, &to_upload, report).await
}

/// Finds the file, and looks whether it holds what was recorded. `None`: it is gone, and so is what there was
/// to be done; or it cannot be read, and waits.
async fn ready<'a>(
    account: &Account,
    mut row: OutgoingRow,
    to: &'a Observed,
) -> Result<Option<Ready<'a>>, EngineError> {
    let maildir = Arc::clone(&to.local.maildir);
    let file = row.file.file.clone();
    let look = move || {
        let Some(known) = Entry::parse(&file) else {
            return Ok(None);
        };
        let Some(entry) = postrider_maildir::locate(&maildir, &known)? else {
            return Ok(None);
        };
        let path = maildir.path_of(&entry);
        match examine(&path) {
            Ok(found) => Ok(Some((entry, path, found))),
            Err(MaildirError::Gone { .. } | MaildirError::NotAFile { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let found = match DeliveryPool::run(look).await? {
        Ok(found) => found,
        // One file that is not ours to read must not hold up an account.
        Err(error) if error.is_forbidden() => {
            put_off(account, (to, &row), &error.to_string()).await?;
            return Ok(None);
        }
        Err(error) => return Err(EngineError::disk(error).in_mailbox(&to.local.name)),
    };
    let (key, index) = (row.file.key, &account.shared.index);
    let Some((entry, path, found)) = found else {
        index
            .call(move |index| index.forget_outgoing(&[key], now()))
            .await?;
        return Ok(None);
    };
    if found.sha256 != row.file.sha256 {
        take_anew(account, &mut row, (&entry, found)).await?;
    }
    Ok(Some(Ready {
        row,
        to,
        entry,
        path,
    }))
}

/// A reader wrote the file anew since it was first seen: a draft. What it holds now is what is sent.
async fn take_anew(
    account: &Account,
    row: &mut OutgoingRow,
    (entry, found): (&Entry, Examined),
) -> Result<(), EngineError> {
    row.file.sha256 = found.sha256;
    row.file.octets = found.octets;
    row.octets_crlf = found.octets_crlf;
    row.internal_date = Some(found.modified_at);
    // It is no copy any more.
    row.original = None;
    let found = found_file(entry, found, &account.settings);
    let key = row.file.key;
    let rewrite = move |index: &mut Index| index.rewrite_outgoing(key, &found);
    account.shared.index.call(rewrite).await
}

/// Has the server copy it. `false` where it would not or cannot: then the octets are sent.
async fn copy(
    account: &Account,
    session: &mut Session,
    ready: &Ready<'_>,
    (original, leave): (ServerCopy, Leave),
) -> Result<bool, EngineError> {
    let id = account.id;
    let mailboxes = account.shared.index.call(move |index| index.mailboxes(id));
    let from = mailboxes
        .await?
        .into_iter()
        .find(|row| row.id == original.mailbox);
    let Some(from) = from else { return Ok(false) };
    match open(session, &place::wire_name(&from), leave).await? {
        Ok(selected) if selected.uid_validity == Some(original.uid_validity) => {}
        Ok(_) | Err(_) => return Ok(false),
    }
    let step = Step::Copy {
        uids: [original.uid].into_iter().collect(),
        to: ready.to.wire_name.clone(),
    };
    let (told, refusal) = fly(session, step).await?;
    let server = identity(&told, original.uid);
    // A server that has UIDPLUS and names no copy made none, though it says OK: the original is gone.
    let is_made = server.is_some() || !session.capabilities().has(Capability::UidPlus);
    if refusal.is_some() || !is_made {
        return Ok(false);
    }
    account.shared.steps.reached(Point::Sent)?;
    tell(account, ready.to, (server.as_ref(), "copied"));
    let agreed = ready.row.agreed.clone();
    end_one(account, &ready.row, (server, Some(&agreed))).await?;
    // The copy has the original's flags; what a reader gave the file in the meantime is its change.
    let after = ready.entry.file_name.flags();
    let before = agreed.without_keywords();
    let followed = Followed {
        key: ready.row.file.key,
        file: ready.entry.to_string(),
        changed: match account.settings.flags.pushes() {
            true => changed(&before, &after, account.settings.deleted_flag),
            false => Vec::new(),
        },
    };
    let follow = move |index: &mut Index| index.follow_files(&[followed]);
    account.shared.index.call(follow).await?;
    Ok(true)
}

/// Sends octets: as many messages in one command as the server takes (MULTIAPPEND, RFC 3502).
async fn upload_all(
    account: &Account,
    session: &mut Session,
    mut rest: &[(Ready<'_>, Leave)],
    report: &mut PassReport,
) -> Result<(), EngineError> {
    while !rest.is_empty() {
        let appends: Vec<Append> = rest.iter().map(|(r, _)| append(account, r)).collect();
        let count = session.together(&appends).clamp(1, rest.len());
        let (these, later) = rest.split_at(count);
        let all = appends.iter().zip(these);
        let messages = all.map(|(append, (ready, _))| (append, source(ready)));
        let appended = session.append_all(messages.collect()).await;
        match appended.map_err(EngineError::imap)? {
            AppendedAll::Done { uids } => {
                account.shared.steps.reached(Point::Sent)?;
                uploaded(account, these, uids).await?;
                report.pushed += these.len() as u64;
            }
            AppendedAll::Refused(refusal) => {
                if let [(only, _)] = these {
                    put_off(account, (only.to, &only.row), &refusal.to_string()).await?;
                } else {
                    // The server does not say which of them it would not have.
                    for one in these {
                        let one = std::slice::from_ref(one);
                        Box::pin(upload_all(account, session, one, report)).await?;
                    }
                }
            }
        }
        rest = later;
    }
    Ok(())
}

fn append(account: &Account, ready: &Ready<'_>) -> Append {
    Append {
        mailbox: ready.to.wire_name.clone(),
        flags: flags(account, ready),
        internal_date: ready.row.internal_date,
        octets: ready.row.octets_crlf,
    }
}

/// The file is opened when its turn comes.
fn source(ready: &Ready<'_>) -> Source {
    let (path, sha256) = (ready.path.clone(), ready.row.file.sha256);
    Source::opened_by(move || outgoing::source(&path, sha256).map_err(std::io::Error::other))
}

/// Records what was uploaded, each with who it is there, where the server told.
async fn uploaded(
    account: &Account,
    sent: &[(Ready<'_>, Leave)],
    uids: Option<(UidValidity, Vec<Uid>)>,
) -> Result<(), EngineError> {
    let (epoch, uids) = uids.unzip();
    let uids = uids.unwrap_or_default();
    let (mut wanted, mut ends) = (Vec::new(), Vec::new());
    for (at, (ready, _)) in sent.iter().enumerate() {
        let uid = epoch.zip(uids.get(at).copied());
        let server = uid.map(|(uid_validity, uid)| ServerRef::Imap { uid_validity, uid });
        let flags = flags(account, ready);
        tell(account, ready.to, (server.as_ref(), "uploaded"));
        ends.push(End {
            key: ready.row.file.key,
            server,
            sent: Some(flags.clone()),
        });
        // What the role of the mailbox says of the message, its file says too.
        let before = ready.entry.file_name.flags();
        let mut after = before.clone();
        flags.flags().for_each(|flag| after.set(flag, true));
        if after != before {
            wanted.push(Reflag {
                key: ready.row.file.key,
                flags: after,
                agreed: None,
            });
        }
    }
    end(account, ends).await?;
    if let Some((first, leave)) = sent.first()
        && account.settings.flags.pulls()
        && !wanted.is_empty()
    {
        local::set_flags(account, &first.to.local, wanted, Some(*leave)).await?;
    }
    Ok(())
}

/// The flags of the file, and those that the mailbox's role implies: readers give drafts and sent mail none.
fn flags(account: &Account, ready: &Ready<'_>) -> FlagSet {
    let mut flags = ready.entry.file_name.flags();
    if !account.settings.deleted_flag {
        flags.set(Flag::Deleted, false);
    }
    match ready.to.row.role {
        Some(Role::Drafts) => flags.with(Flag::Draft).with(Flag::Seen),
        Some(Role::Sent) => flags.with(Flag::Seen),
        _ => flags,
    }
}

async fn end_one(
    account: &Account,
    row: &OutgoingRow,
    (server, sent): (Option<ServerRef>, Option<&FlagSet>),
) -> Result<(), EngineError> {
    let (key, sent) = (row.file.key, sent.cloned());
    end(account, vec![End { key, server, sent }]).await
}

async fn put_off(
    account: &Account,
    (to, row): (&Observed, &OutgoingRow),
    because: &str,
) -> Result<(), EngineError> {
    refused(account, &to.local.name, 1, ("upload", because));
    let (key, because) = (row.file.key, because.to_owned());
    let put_off = move |index: &mut Index| index.put_off(&[key], &because, now());
    account.shared.index.call(put_off).await
}
