//! Mail of mailboxes that the server does not list any more, or that are not chosen, and that an index knew which
//! was lost (R4, CONTRACT section 9). It is taken in like that of the others: `history` and `verify` know it, and
//! what the server has moved from there to another mailbox is not fetched a second time ([`super::strays`]).
//!
//! It takes a walk through the tree, so it is done only while the index is new or known to be old.

use crate::choose::Chooser;
use crate::context::{Account, LocalMailbox, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::place;
use crate::take_in;
use postrider_imap::{Capabilities, Listed};
use postrider_index::{Index, MailboxId, MailboxRow, NewMailbox};
use postrider_maildir::name::token_of;
use postrider_maildir::{Entry, Mailbox, MaildirError, name_of, scan};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whose a directory is that no pass looks at.
enum Owner {
    /// A mailbox that has a row.
    Known(MailboxId, String),
    /// One that has none yet.
    New(NewMailbox),
}

/// Takes in what lies in such directories, and bears names of our making.
pub(super) async fn take_in(
    account: &Account,
    capabilities: &Capabilities,
    listed: &[Listed],
) -> Result<(), EngineError> {
    let id = account.id;
    let is_behind = move |index: &mut Index| index.is_behind(id, now());
    if !account.shared.index.call(is_behind).await? || !account.sees_all() {
        return Ok(());
    }
    let (tree, layout) = (account.settings.maildir.clone(), account.settings.layout);
    let walk = {
        let tree = tree.clone();
        move || postrider_maildir::mailboxes(&tree, layout)
    };
    let found = DeliveryPool::run(walk).await?.map_err(EngineError::disk)?;
    let rows = account.shared.index.call(move |index| index.mailboxes(id));
    let rows = rows.await?;
    let chooser = Chooser::of(&account.settings, capabilities, listed);
    for relative in found {
        let directory = tree.join(&relative);
        if account.shared.trees.has_within(&tree, &directory) {
            continue;
        }
        let Some(owner) = owner(account, (&relative, &directory), (&rows, listed), chooser) else {
            continue;
        };
        let maildir = Arc::new(Mailbox::new(&tree, &directory));
        let ours = ours(account, Arc::clone(&maildir)).await?;
        if !ours.is_empty() {
            record(account, (owner, maildir), ours).await?;
        }
    }
    Ok(())
}

/// `None`: the pass looks at it, or no name leads to it, which is to say that it is a stranger's.
fn owner(
    account: &Account,
    (relative, directory): (&Path, &PathBuf),
    (rows, listed): (&[MailboxRow], &[Listed]),
    chooser: Chooser<'_>,
) -> Option<Owner> {
    let settings = &account.settings;
    if let Some(row) = rows.iter().find(|row| row.path == *directory) {
        let shown = listed
            .iter()
            .find(|l| l.wire_name.to_string() == row.wire_name);
        let is_seen = shown.is_some_and(|listed| chooser.choose(listed).is_chosen());
        return (!is_seen).then(|| Owner::Known(row.id, row.name.clone()));
    }
    let placed = |listed: &&Listed| place::listed(settings, listed).path == *directory;
    if let Some(shown) = listed.iter().find(placed) {
        let is_seen = chooser.choose(shown).is_chosen();
        return (!is_seen).then(|| Owner::New(place::listed(settings, shown)));
    }
    let name = name_of(settings.layout, relative)?;
    let delimiter = place::delimiter(listed).or(Some('/'));
    let wire_name = place::spelt(&name, delimiter).to_string();
    let is_another = listed.iter().any(|l| l.wire_name.to_string() == wire_name)
        || rows.iter().any(|row| row.wire_name == wire_name);
    (!is_another).then(|| {
        Owner::New(NewMailbox {
            wire_name,
            name,
            role: None,
            path: directory.clone(),
        })
    })
}

/// Files of our making that are no message's.
async fn ours(account: &Account, maildir: Arc<Mailbox>) -> Result<Vec<Entry>, EngineError> {
    let read = move || {
        let mut ours = Vec::new();
        for entry in scan(&maildir)? {
            let entry = entry?;
            if token_of(entry.file_name.as_str()).is_some() {
                ours.push(entry);
            }
        }
        Ok::<_, MaildirError>(ours)
    };
    let ours = DeliveryPool::run(read).await?.map_err(EngineError::disk)?;
    let unknown = move |index: &mut Index| {
        let mut unknown = Vec::new();
        for entry in ours {
            // What a reader carried there from a mailbox that is known is that one's.
            if !index.has_base(entry.file_name.base())? {
                unknown.push(entry);
            }
        }
        Ok(unknown)
    };
    account.shared.index.call(unknown).await
}

async fn record(
    account: &Account,
    (owner, maildir): (Owner, Arc<Mailbox>),
    ours: Vec<Entry>,
) -> Result<(), EngineError> {
    let id = account.id;
    let make = move |index: &mut Index| match owner {
        Owner::Known(mailbox, name) => Ok((mailbox, name)),
        // Whether the server has it no more, the next pass asks a second witness (R5).
        Owner::New(new) => Ok((index.mailbox(id, &new)?, new.name.to_string())),
    };
    let (mailbox, name) = account.shared.index.call(make).await?;
    let local = LocalMailbox {
        id: mailbox,
        name: Arc::from(name),
        maildir,
        synced: false,
    };
    let recorded = take_in::take_in(account, &local, (ours, Vec::new())).await?;
    take_in::tell(account, &local, recorded);
    Ok(())
}
