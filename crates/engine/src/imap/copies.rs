//! Messages that the server shows in several mailboxes (Gmail's labels; EMAILID): fetched once, and
//! hard-linked wherever else they are.

use crate::context::Account;
use crate::deliver::{Arrival, Delivery};
use crate::delivery_pool::{Arriving, DeliveryPool};
use crate::error::EngineError;
use crate::imap::fetch::Order;
use crate::imap::observe::Observed;
use crate::imap::planned::Planned;
use crate::local::locate_anywhere;
use crate::rehearsal::Promise;
use crate::report::PassReport;
use crate::written::Written;
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, ServerRef};
use postrider_core::plan::deed::Deed;
use postrider_core::uid::{Uid, UidSet, UidValidity};
use postrider_index::{Identity, Index, LocalCopy, MailboxRow};
use postrider_maildir::{Entry, Original};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// A message that need not be fetched: its octets are here, or will be when the downloads are done.
#[derive(Debug)]
pub(crate) struct Further {
    observed: Observed,
    uid_validity: UidValidity,
    uid: Uid,
    email_id: String,
    flags: FlagSet,
}

/// Takes out of the downloads what is here under another UID already, and of what is new in several
/// mailboxes all but the first.
pub(crate) async fn set_aside(
    account: &Account,
    planned: &mut [Planned],
) -> Result<Vec<Further>, EngineError> {
    let mut further = Vec::new();
    let mut seen = HashSet::new();
    for mailbox in planned {
        // Octets decide about orphans, and only a download shows them.
        if mailbox.fresh.identities().is_empty() || !mailbox.orphans.is_empty() {
            continue;
        }
        let mut fetch = UidSet::new();
        for uid in mailbox.fetch.iter() {
            let told = mailbox.fresh.told(uid);
            let named = told.and_then(|told| Some((told, told.identity.email_id.clone()?)));
            let Some((told, email_id)) = named else {
                fetch.insert(uid);
                continue;
            };
            if seen.insert(email_id.clone()) && copies(account, &email_id).await?.is_empty() {
                fetch.insert(uid);
                continue;
            }
            // What is here in another mailbox may have moved from there: a quick pass cannot tell.
            if let Some(quick) = &account.quick {
                quick.leave(mailbox.observed.local.id);
                continue;
            }
            further.push(Further {
                observed: mailbox.observed.clone(),
                uid_validity: mailbox.uid_validity,
                uid,
                email_id,
                flags: told.flags.clone(),
            });
        }
        mailbox.fetch = fetch;
    }
    Ok(further)
}

async fn copies(account: &Account, email_id: &str) -> Result<Vec<LocalCopy>, EngineError> {
    let (id, email_id) = (account.id, email_id.to_owned());
    let look = move |index: &mut Index| index.copies(id, &email_id);
    account.shared.index.call(look).await
}

/// Records by which name the server knows the octets of what is stored now.
pub(crate) async fn identify(account: &Account, planned: &[Planned]) -> Result<(), EngineError> {
    for mailbox in planned {
        let (id, epoch) = (mailbox.observed.local.id, mailbox.uid_validity);
        let told: HashMap<Uid, Identity> = mailbox
            .fresh
            .identities()
            .iter()
            .map(|(uid, told)| (*uid, told.identity.clone()))
            .collect();
        if told.is_empty() {
            continue;
        }
        let write = move |index: &mut Index| {
            let uids: UidSet = told.keys().copied().collect();
            let stored = index.base_among(id, epoch, &uids)?;
            let identities: Vec<(MessageKey, Identity)> = stored
                .iter()
                .filter_map(|known| Some((known.key, told.get(&known.uid)?.clone())))
                .collect();
            index.set_identities(&identities)
        };
        account.shared.index.call(write).await?;
    }
    Ok(())
}

/// Delivers further copies as hard links. Returns what has to be fetched after all, because no local
/// copy holds what it should.
pub(crate) async fn link(
    account: &Account,
    further: Vec<Further>,
    report: &mut PassReport,
) -> Result<Vec<Order>, EngineError> {
    if further.is_empty() {
        return Ok(Vec::new());
    }
    let Some(leave) = account.part.leave() else {
        return promise(account, further, report).await;
    };
    let id = account.id;
    let rows = account.shared.index.call(move |index| index.mailboxes(id));
    let rows = Arc::new(rows.await?);
    let mut delivery = Delivery::start(account.clone(), leave).await?;
    let mut missing = Vec::new();
    for one in further {
        let copies = copies(account, &one.email_id).await?;
        match find(account, &rows, &one, copies).await? {
            Some((written, copy)) => delivery.take(arrival(one, written, &copy)).await?,
            None => missing.push(one),
        }
    }
    let stored = delivery.finish().await?;
    report.new += stored.iter().filter(|message| message.fresh).count() as u64;
    Ok(orders(missing))
}

/// What a rehearsal does instead: what is here, or promised, would be linked.
async fn promise(
    account: &Account,
    further: Vec<Further>,
    report: &mut PassReport,
) -> Result<Vec<Order>, EngineError> {
    let mut missing = Vec::new();
    for one in further {
        let Some(copy) = copies(account, &one.email_id).await?.pop() else {
            missing.push(one);
            continue;
        };
        let promise = Promise {
            mailbox: one.observed.local.id,
            server: ServerRef::Imap {
                uid_validity: one.uid_validity,
                uid: one.uid,
            },
            flags: one.flags,
            internal_date: copy.internal_date,
            message_id: None,
            octets: copy.server_octets,
        };
        for message in account.promise(vec![promise]).await? {
            account.note(&one.observed.local.name, || Deed::Link { message });
        }
        report.new += 1;
    }
    Ok(orders(missing))
}

fn arrival(one: Further, written: Written, copy: &LocalCopy) -> Arrival {
    Arrival {
        mailbox: one.observed.local,
        server: ServerRef::Imap {
            uid_validity: one.uid_validity,
            uid: one.uid,
        },
        number: None,
        flags: one.flags,
        internal_date: copy.internal_date,
        size_octets: copy.server_octets,
        octets: written.received.octets,
        arriving: Arriving::here(written),
    }
}

/// The first local copy that can be linked.
async fn find(
    account: &Account,
    rows: &Arc<Vec<MailboxRow>>,
    one: &Further,
    copies: Vec<LocalCopy>,
) -> Result<Option<(Written, LocalCopy)>, EngineError> {
    let tree = account.settings.maildir.clone();
    let (pool, maildir) = (&account.shared.pool, &one.observed.local.maildir);
    for copy in copies {
        let (tree, rows, known) = (tree.clone(), Arc::clone(rows), copy.file.clone());
        let path = DeliveryPool::run(move || {
            let path: PathBuf = known.mailbox_path.join(&known.file);
            if path.exists() {
                return Some(path);
            }
            // A reader has moved or re-flagged it.
            locate_anywhere(&tree, &rows, &Entry::parse(&known.file)?)
        });
        let Some(path) = path.await? else { continue };
        let original = Original {
            octets: copy.file.octets,
            octets_crlf: copy.octets_crlf,
            sha256: copy.file.sha256,
        };
        let linked = pool.link(Arc::clone(maildir), path, original).await;
        let linked = linked.map_err(|error| error.in_mailbox(&one.observed.local.name))?;
        if let Some(written) = linked {
            return Ok(Some((written, copy)));
        }
    }
    Ok(None)
}

fn orders(missing: Vec<Further>) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for one in missing {
        let same = |order: &&mut Order| order.observed.local.id == one.observed.local.id;
        if let Some(order) = orders.iter_mut().find(same) {
            order.uids.insert(one.uid);
            order.pieces = vec![order.uids.clone()];
            continue;
        }
        let uids: UidSet = [one.uid].into_iter().collect();
        orders.push(Order {
            observed: one.observed,
            uid_validity: one.uid_validity,
            pieces: vec![uids.clone()],
            uids,
            octets: 0,
            orphans: HashMap::new(),
        });
    }
    orders
}
