//! Directories that readers made: each becomes a mailbox at the server, where `upload` is on.

use crate::choose::Chooser;
use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::events;
use crate::place;
use crate::push::refused;
use crate::rehearsal::Leave;
use crate::step::Step as Point;
use postrider_core::mailbox::MailboxName;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::local::Push;
use postrider_imap::{FlightEvent, Listed, Session, Step, WireName};
use postrider_index::{Index, NewMailbox};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Makes a mailbox for each directory that is none yet and would be chosen, and adds it to what is listed.
/// A mailbox that was known and is gone from the server is not made anew: somebody deleted it there.
pub(crate) async fn create(
    account: &Account,
    session: &mut Session,
    listed: &mut Vec<Listed>,
) -> Result<(), EngineError> {
    if !account.settings.upload || !account.sees_all() {
        return Ok(());
    }
    for (path, name) in candidates(account).await? {
        let known = listed.iter().find(|listed| listed.name == name);
        let wire_name = known.map(|listed| listed.wire_name.clone());
        if known.is_some() && !was_begun(account, &path).await? {
            // It is on both sides: the pass finds out what is in which.
            continue;
        }
        let Some(mailbox) = mailbox(listed, (&name, wire_name)) else {
            let because = "its name has the character that parts levels at the server";
            refused(
                account,
                &name.to_string(),
                0,
                ("create the mailbox", because),
            );
            continue;
        };
        let chooser = Chooser::of(&account.settings, session.capabilities(), listed);
        if !chooser.choose(&mailbox).is_chosen() {
            continue;
        }
        let leave = account.leave(&name.to_string(), || [Deed::Push(Push::Create)]);
        if let Some(leave) = leave
            && make(account, session, (&path, &mailbox), leave).await?
        {
            listed.push(mailbox);
        }
    }
    Ok(())
}

/// Directories that the index does not know, with the names of the mailboxes that would lie there. One that
/// no name leads to is a stranger's.
async fn candidates(account: &Account) -> Result<Vec<(PathBuf, MailboxName)>, EngineError> {
    let id = account.id;
    let rows = account.shared.index.call(move |index| index.mailboxes(id));
    let known: HashSet<PathBuf> = rows.await?.into_iter().map(|row| row.path).collect();
    if known.is_empty() {
        // The first pass: a tree that was here before is another program's.
        return Ok(Vec::new());
    }
    let (tree, layout) = (account.settings.maildir.clone(), account.settings.layout);
    let look = {
        let tree = tree.clone();
        move || postrider_maildir::mailboxes(&tree, layout)
    };
    let found = DeliveryPool::run(look).await?.map_err(EngineError::disk)?;
    let folders = &account.settings.folders;
    let candidates = found.into_iter().filter_map(|relative| {
        let path = tree.join(&relative);
        let name = postrider_maildir::name_of(layout, &relative)?;
        // What another mailbox is called here is not its own name at the server.
        let own = folders.local_name(&name) == name;
        let renamed = folders
            .rename
            .values()
            .any(|local| *local == name.to_string());
        (own && !renamed && !known.contains(&path)).then_some((path, name))
    });
    Ok(candidates.collect())
}

/// What the server will list. `None` where the name cannot be said to it.
fn mailbox(
    listed: &[Listed],
    (name, wire_name): (&MailboxName, Option<WireName>),
) -> Option<Listed> {
    let delimiter = place::delimiter(listed);
    let parted = |level: &String| delimiter.is_some_and(|delimiter| level.contains(delimiter));
    let is_flat = delimiter.is_none() && name.levels().len() > 1;
    if is_flat || name.levels().iter().any(parted) {
        return None;
    }
    Some(Listed {
        wire_name: wire_name.unwrap_or_else(|| place::spelt(name, delimiter)),
        name: name.clone(),
        delimiter,
        role: None,
        selectable: true,
        exists: true,
        subscribed: Some(true),
        status: None,
        old_name: None,
    })
}

/// Whether an earlier pass was about to make the mailbox of this directory, and was stopped.
async fn was_begun(account: &Account, path: &Path) -> Result<bool, EngineError> {
    let (id, path) = (account.id, path.to_owned());
    let ask = move |index: &mut Index| index.is_created_by_us(id, &path);
    account.shared.index.call(ask).await
}

/// Makes it, subscribes to it, and records it as in step: what lies in it is a reader's, and new.
async fn make(
    account: &Account,
    session: &mut Session,
    (path, mailbox): (&Path, &Listed),
    _leave: Leave,
) -> Result<bool, EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let place = path.to_owned();
    let begin = move |index: &mut Index| index.begin_create(id, &place);
    index.call(begin).await?;
    let refusal = ask(session, &mailbox.wire_name).await?;
    let name = mailbox.name.to_string();
    if let Some(because) = refusal {
        // Whoever makes it now is somebody else.
        let (id, place) = (account.id, path.to_owned());
        let give_up = move |index: &mut Index| index.give_up_create(id, &place);
        index.call(give_up).await?;
        refused(account, &name, 0, ("create the mailbox", &because));
        return Ok(false);
    }
    account.shared.steps.reached(Point::Sent)?;
    let made = NewMailbox {
        wire_name: mailbox.wire_name.to_index(),
        name: mailbox.name.clone(),
        role: None,
        path: path.to_owned(),
    };
    let end = move |index: &mut Index| index.end_create(id, &made, now());
    index.call(end).await?;
    events::MailboxCreated {
        account: account.log_name(),
        mailbox: &name,
    }
    .emit();
    Ok(true)
}

/// Has the server make a mailbox, and subscribes to it. Its words, where it would not.
pub(crate) async fn ask(
    session: &mut Session,
    mailbox: &WireName,
) -> Result<Option<String>, EngineError> {
    let steps = [
        Step::Create(mailbox.clone()),
        Step::Subscribe(mailbox.clone()),
    ];
    let mut refusal = Some("the server did not answer".to_owned());
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Done { step: 0 } => refusal = None,
            FlightEvent::Refused {
                step: 0,
                refusal: said,
            } => refusal = Some(said.to_string()),
            // A mailbox that cannot be subscribed to is one all the same.
            _ => {}
        }
    }
    Ok(refusal)
}
