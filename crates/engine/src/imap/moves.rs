//! Messages that somebody moved to another mailbox at the server: the file follows, nothing is
//! fetched again.

use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::events;
use crate::imap::apply::apply;
use crate::imap::departed;
use crate::imap::planned::Planned;
use crate::imap::strays;
use crate::local;
use crate::rehearsal::Leave;
use crate::report::PassReport;
use crate::step::Step as Point;
use postrider_core::message::MessageKey;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::imap::{plan_imap, reflagged};
use postrider_core::plan::moves::{Gone, Move, Shown, moves};
use postrider_core::plan::view::{Base, ServerMessage, ServerView};
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::{FlightEvent, SelectMode, Session, Step};
use postrider_index::{Index, MailboxId, OpenRelocation, Relocation, ServerCopy};
use postrider_maildir::{Entry, Mailbox, MaildirError};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// New messages of one mailbox that are described to be compared with the gone ones. A mailbox with
/// more is being filled, not sorted into; describing them would cost more than it saves.
const DESCRIBED_AT_MOST: u64 = 5_000;

/// Messages that may be in another mailbox.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    /// Those that their mailbox has no more.
    pub(crate) gone: Vec<MessageKey>,
    /// Those of which nobody knows in which mailbox they were.
    pub(crate) strays: Vec<MessageKey>,
}

/// Finds the messages of `missing` among the new ones, gives them their new place in index and Maildir,
/// and takes them out of the downloads. Returns them with the names of their mailboxes.
pub(crate) async fn follow(
    account: &Account,
    session: &mut Session,
    planned: &mut [Planned],
    missing: Missing,
    report: &mut PassReport,
) -> Result<HashMap<MessageKey, Arc<str>>, EngineError> {
    let Missing { gone, strays } = missing;
    let wanted =
        |mailbox: &Planned| !mailbox.fetch.is_empty() && mailbox.fetch.count() <= DESCRIBED_AT_MOST;
    if !planned.iter().any(wanted) {
        return Ok(HashMap::new());
    }
    // What a reader moved here, and somebody else at the server, is gone from where it was as well.
    let departed = departed::look(account, session, planned).await?;
    let gone = gone.into_iter().chain(strays.iter().copied());
    let asked: Vec<MessageKey> = gone.chain(departed.keys().copied()).collect();
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let index = &account.shared.index;
    let described = index.call(move |index| index.describe(&asked)).await?;
    let gone = described.into_iter().map(|row| Gone {
        key: row.key,
        mailbox: departed.get(&row.key).copied().unwrap_or(row.mailbox),
        likeness: row.likeness,
        email_id: row.email_id,
    });
    let gone: Vec<Gone<MailboxId>> = gone.collect();
    let new = describe(session, planned).await?;
    let moved = moves(&gone, &new);
    if moved.is_empty() {
        return Ok(HashMap::new());
    }
    let (mut relocations, redirected) = take_out(planned, &moved, &departed);
    let strays: HashSet<MessageKey> = strays.into_iter().collect();
    for to in &mut relocations {
        to.follows = !strays.contains(&to.key) || strays::follow(account);
    }
    let follows = |to: &Move<MailboxId>| !departed.contains_key(&to.key);
    let moved: Vec<_> = moved.into_iter().filter(follows).collect();
    index.call(move |index| index.redirect(&redirected)).await?;
    let relocate = move |index: &mut Index| index.relocate(&relocations, now());
    index.call(relocate).await?;
    account.shared.steps.reached(Point::Relocated)?;
    finish(account).await?;
    let places = moved.iter().filter_map(|to| tell(account, planned, to));
    let places = places.collect();
    let moved = moved.iter().map(|to| (to.mailbox, to.uid)).collect();
    reflag(account, planned, &new, &moved, report).await?;
    Ok(places)
}

/// Takes what moved out of the downloads. What follows, and what a reader moved elsewhere and leaves from here
/// now.
fn take_out(
    planned: &mut [Planned],
    moved: &[Move<MailboxId>],
    departed: &HashMap<MessageKey, MailboxId>,
) -> (Vec<Relocation>, Vec<(MessageKey, ServerCopy)>) {
    let (mut relocations, mut redirected) = (Vec::with_capacity(moved.len()), Vec::new());
    for mailbox in planned.iter_mut() {
        let id = mailbox.observed.local.id;
        let here: HashMap<Uid, MessageKey> = moved
            .iter()
            .filter(|to| to.mailbox == id)
            .map(|to| (to.uid, to.key))
            .collect();
        mailbox.fetch = mailbox
            .fetch
            .iter()
            .filter(|uid| !here.contains_key(uid))
            .collect();
        for (uid, key) in here {
            let uid_validity = mailbox.uid_validity;
            if departed.contains_key(&key) {
                let from = ServerCopy {
                    mailbox: id,
                    uid_validity,
                    uid,
                };
                redirected.push((key, from));
                continue;
            }
            relocations.push(Relocation {
                key,
                mailbox: id,
                uid_validity,
                uid,
                follows: true,
            });
        }
    }
    (relocations, redirected)
}

fn tell(
    account: &Account,
    planned: &[Planned],
    to: &Move<MailboxId>,
) -> Option<(MessageKey, Arc<str>)> {
    let mailbox = planned.iter().find(|p| p.observed.local.id == to.mailbox)?;
    let name = &mailbox.observed.local.name;
    let (message, uid) = (to.key, to.uid);
    account.note(name, || Deed::Move { message, uid });
    events::MessageMoved {
        account: account.log_name(),
        mailbox: name,
        uid: to.uid.as_u32().into(),
    }
    .emit();
    Some((to.key, Arc::clone(name)))
}

/// Pulls the flags that the messages have in their new mailbox.
async fn reflag(
    account: &Account,
    planned: &mut [Planned],
    new: &[Shown<MailboxId>],
    moved: &HashSet<(MailboxId, Uid)>,
    report: &mut PassReport,
) -> Result<(), EngineError> {
    for mailbox in planned {
        let (id, epoch) = (mailbox.observed.local.id, mailbox.uid_validity);
        let here = |s: &&Shown<MailboxId>| s.mailbox == id && moved.contains(&(id, s.uid));
        let mut messages: Vec<ServerMessage> = new
            .iter()
            .filter(here)
            .filter_map(|shown| {
                Some(ServerMessage {
                    uid: shown.uid,
                    flags: shown.flags.clone()?,
                })
            })
            .collect();
        if messages.is_empty() {
            continue;
        }
        messages.sort_by_key(|message| message.uid);
        let uids: UidSet = messages.iter().map(|message| message.uid).collect();
        let base = move |index: &mut Index| index.base_among(id, epoch, &uids);
        let base = Base {
            messages: account.shared.index.call(base).await?,
        };
        let view = ServerView::Changes {
            messages,
            vanished: UidSet::new(),
        };
        let local = &mailbox.observed.local;
        let files = local::view(account, local, reflagged(&base, &view)).await?;
        let plan = plan_imap(&base, &files, &view, account.settings.reach());
        mailbox.complete &= apply(account, local, &plan, report).await?;
    }
    Ok(())
}

/// What the server says of the new messages, without their octets.
async fn describe(
    session: &mut Session,
    planned: &[Planned],
) -> Result<Vec<Shown<MailboxId>>, EngineError> {
    let few = |p: &&Planned| !p.fetch.is_empty() && p.fetch.count() <= DESCRIBED_AT_MOST;
    let asked: Vec<&Planned> = planned.iter().filter(few).collect();
    let steps = asked.iter().flat_map(|mailbox| {
        let open = Step::Select {
            mailbox: mailbox.observed.wire_name.clone(),
            mode: SelectMode::ReadOnly,
            resync: None,
        };
        let facts = Step::Facts {
            uids: mailbox.fetch.clone(),
        };
        [open, facts]
    });
    let mut new = Vec::new();
    let mut same_epoch = vec![false; asked.len()];
    let steps: Vec<Step> = steps.collect();
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { step, selected } => {
                if let (Some(holds), Some(mailbox)) =
                    (same_epoch.get_mut(step / 2), asked.get(step / 2))
                {
                    *holds = selected.uid_validity == Some(mailbox.uid_validity);
                }
            }
            FlightEvent::Facts { step, row } => {
                let holds = same_epoch.get(step / 2) == Some(&true);
                let Some(mailbox) = asked.get(step / 2).filter(|_| holds) else {
                    continue;
                };
                if mailbox.fetch.contains(row.uid) {
                    let told = mailbox.fresh.told(row.uid);
                    new.push(Shown {
                        mailbox: mailbox.observed.local.id,
                        uid: row.uid,
                        likeness: row.likeness,
                        email_id: told.and_then(|told| told.identity.email_id.clone()),
                        flags: row.flags,
                    });
                }
            }
            _ => {}
        }
    }
    Ok(new)
}

/// Brings files to where their messages are, after a relocation or after a crash in one (R3).
pub(crate) async fn finish(account: &Account) -> Result<(), EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let open = index.call(move |index| index.open_relocations(id)).await?;
    if open.is_empty() {
        return Ok(());
    }
    let keys: Vec<MessageKey> = open.iter().map(|open| open.key).collect();
    let tree = account.settings.maildir.clone();
    let moved = match account.part.leave() {
        Some(leave) => DeliveryPool::run(move || carry(&tree, &open, leave)).await?,
        // They are found where they lie: in the account, if not in their mailbox.
        None => Ok(Vec::new()),
    };
    let moved = moved.map_err(EngineError::disk)?;
    account.shared.steps.reached(Point::Followed)?;
    let settle = move |index: &mut Index| {
        index.set_files(&moved)?;
        index.settle_relocations(&keys)
    };
    index.call(settle).await
}

fn carry(
    tree: &Path,
    open: &[OpenRelocation],
    _leave: Leave,
) -> Result<Vec<(MessageKey, String)>, MaildirError> {
    let (mut moved, mut targets, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    for file in open {
        let (from, to) = (Mailbox::new(tree, &file.from), Mailbox::new(tree, &file.to));
        let Some(known) = Entry::parse(&file.file) else {
            continue;
        };
        if let Some(entry) = postrider_maildir::follow(&from, &to, &known)? {
            moved.push((file.key, entry.to_string()));
            targets.push(to);
            sources.push(from);
        }
    }
    // The new names first: between the two a power cut may leave both, never neither.
    postrider_maildir::flush_directories(&targets.iter().collect::<Vec<_>>())?;
    postrider_maildir::flush_directories(&sources.iter().collect::<Vec<_>>())?;
    Ok(moved)
}
