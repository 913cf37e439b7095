//! Where the files come from that lie in a mailbox and are no message's there. The server is not asked.
//!
//! A file is believed to have been moved when the message that it is like is not where it was, by two
//! readings of that directory, and it is here: two witnesses (R5). What is not explained waits: mutt writes
//! the copy first and removes the original when it is told to.

mod look;

use crate::absence;
use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::imap::observe::Observed;
use crate::push::find;
use crate::step::Step as Point;
use look::{Looked, look};
use postrider_core::mailbox::Role;
use postrider_core::message::MessageKey;
use postrider_core::plan::local;
use postrider_core::plan::origin::{Kin, Kinship, Origin, origin};
use postrider_core::settings::Moves;
use postrider_core::time::UnixTime;
use postrider_index::{Index, MailboxId, MessageFile, Octets, Parting};
use postrider_maildir::{Entry, Mailbox};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// How long a file that nobody knows may turn out to be one that was moved: as long as somebody leaves mutt
/// open before it removes the originals.
pub(super) const UNDECIDED: Duration = Duration::from_secs(24 * 60 * 60);

/// Files that are looked at together.
const FILES_IN_A_GROUP: usize = 256;

/// Octets by which a reader's header fields may make a message longer.
const ADDED_AT_MOST: u64 = 1_024;

/// Explains what can be explained: moves, copies and uploads are under way then. `changed`: what was looked at
/// in vain may have an explanation now. Where absent files were looked for: how many were missed for the first
/// time.
pub(super) async fn explain(
    account: &Account,
    observed: &[Observed],
    changed: bool,
) -> Result<Option<u64>, EngineError> {
    let (id, all) = (account.id, account.settings.upload);
    // Where nothing has changed, only those that nobody has come to look at: the pass before was cut short.
    let since = if changed {
        before(UNDECIDED)
    } else {
        UnixTime::from_seconds(i64::MAX)
    };
    let newcomers = move |index: &mut Index| index.newcomers(id, since, all);
    let mut newcomers = account.shared.index.call(newcomers).await?;
    newcomers.retain(|newcomer| find(observed, newcomer.mailbox).is_some());
    let mut missed = None;
    for group in newcomers.chunks(FILES_IN_A_GROUP) {
        let mut looked = look(account, observed, group.to_vec()).await?;
        let is_rewritten = |looked: &Looked| may_be_rewritten(looked, observed);
        if looked.iter().any(is_rewritten) && missed.is_none() {
            // It is like a message by its header alone: who is missing must be known.
            for mailbox in observed {
                let directories = absence::recognise(account, &mailbox.local).await?;
                absence::review(account, &mailbox.local).await?;
                let here = absence::compare(account, &mailbox.local, directories).await?;
                missed = Some(missed.unwrap_or_default() + here);
            }
        }
        add_missing(account, observed, &mut looked).await?;
        decide(account, looked).await?;
    }
    Ok(missed)
}

/// The time so long ago.
pub(super) fn before(span: Duration) -> UnixTime {
    let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    UnixTime::from_seconds(now().0.as_seconds().saturating_sub(seconds))
}

/// Whether a file may be a message that a reader wrote anew while it moved it: it is like nothing by name or
/// octets, and has what readers add to headers. Copies of what was sent have that too, and are not moved.
fn may_be_rewritten(looked: &Looked, observed: &[Observed]) -> bool {
    let role = find(observed, looked.newcomer.mailbox).and_then(|mailbox| mailbox.row.role);
    let is_written = matches!(role, Some(Role::Drafts | Role::Sent));
    looked.kin.is_empty() && looked.plain.is_some() && !is_written
}

/// Adds, to files that may have been written anew, the missing messages that they are like by their header.
async fn add_missing(
    account: &Account,
    observed: &[Observed],
    looked: &mut [Looked],
) -> Result<(), EngineError> {
    let id = account.id;
    let is_rewritten = |looked: &&mut Looked| may_be_rewritten(looked, observed);
    for looked in looked.iter_mut().filter(is_rewritten) {
        let Some(message_id) = looked.found.header.message_id.clone() else {
            continue;
        };
        let (subject, octets) = (looked.found.header.subject.clone(), looked.found.octets);
        let missing = move |index: &mut Index| {
            let files = index.missing_by_message_id(id, &message_id)?;
            let keys: Vec<MessageKey> = files.iter().map(|file| file.key).collect();
            let named = index.named(&keys)?;
            let alike = |file: &MessageFile| {
                let same = named
                    .get(&file.key)
                    .is_some_and(|row| row.subject == subject);
                same && octets.abs_diff(file.octets) <= ADDED_AT_MOST
            };
            Ok(files.into_iter().filter(alike).collect::<Vec<_>>())
        };
        let missing = account.shared.index.call(missing).await?;
        looked.kin = missing.into_iter().map(|f| (f, Kinship::Header)).collect();
    }
    Ok(())
}

async fn decide(account: &Account, looked: Vec<Looked>) -> Result<(), EngineError> {
    let files = looked.iter().flat_map(|looked| &looked.kin);
    let files: Vec<MessageFile> = files.map(|(file, _)| file.clone()).collect();
    let keys: Vec<MessageKey> = files.iter().map(|file| file.key).collect();
    let in_place = in_place(account, files).await?;
    let held = move |index: &mut Index| index.held_by_server(&keys);
    let held: HashSet<_> = account.shared.index.call(held).await?.into_iter().collect();
    let mut taken = HashSet::new();
    for looked in looked {
        let free = looked
            .kin
            .iter()
            .filter(|(file, _)| !taken.contains(&file.key));
        let kin = free.map(|(file, kinship)| Kin {
            key: file.key,
            mailbox: file.mailbox,
            kinship: *kinship,
            is_same: file.sha256 == looked.found.sha256 || Some(file.sha256) == looked.plain,
            is_in_place: in_place.contains(&file.key),
            is_held: held.contains(&file.key),
        });
        let kin: Vec<Kin<MailboxId>> = kin.collect();
        if is_its_own(&looked, &in_place) {
            let id = looked.newcomer.id;
            let forget = move |index: &mut Index| index.forget_newcomers(&[id]);
            account.shared.index.call(forget).await?;
            continue;
        }
        let origin = origin(looked.newcomer.mailbox, &kin);
        if let Origin::Adopted(key, _) | Origin::Moved(key, _) = origin {
            taken.insert(key);
        }
        carry_out(account, looked, origin).await?;
    }
    Ok(())
}

/// Whether it is a message's of its mailbox by now: the server had moved that here as well.
fn is_its_own(looked: &Looked, in_place: &HashSet<MessageKey>) -> bool {
    looked.kin.iter().any(|(file, kinship)| {
        let same = *kinship == Kinship::Base && file.mailbox == looked.newcomer.mailbox;
        same && in_place.contains(&file.key)
    })
}

/// Those whose file is where it was last seen, or is found in its mailbox by two readings.
async fn in_place(
    account: &Account,
    files: Vec<MessageFile>,
) -> Result<HashSet<MessageKey>, EngineError> {
    let tree = account.settings.maildir.clone();
    let look = move || {
        let mut found = HashSet::new();
        let mut open: HashMap<_, HashMap<String, Vec<MessageKey>>> = HashMap::new();
        for file in files {
            let mailbox = Mailbox::new(&tree, &file.mailbox_path);
            match Entry::parse(&file.file) {
                Some(known) if postrider_maildir::is_there(&mailbox, &known)? => {
                    found.insert(file.key);
                }
                _ => {
                    let bases = open.entry(file.mailbox_path).or_default();
                    bases.entry(file.base).or_default().push(file.key);
                }
            }
        }
        for (path, mut bases) in open {
            let mailbox = Mailbox::new(&tree, &path);
            for _ in 0..absence::READINGS {
                if bases.is_empty() || !mailbox.exists()? {
                    break;
                }
                for entry in postrider_maildir::scan(&mailbox)? {
                    let keys = bases.remove(entry?.file_name.base());
                    found.extend(keys.into_iter().flatten());
                }
            }
        }
        Ok(found)
    };
    DeliveryPool::run(look).await?.map_err(EngineError::disk)
}

async fn carry_out(account: &Account, looked: Looked, origin: Origin) -> Result<(), EngineError> {
    let index = &account.shared.index;
    let (newcomer, found) = (looked.newcomer.clone(), looked.found.clone());
    let id = newcomer.id;
    let (moves, uploads) = (
        account.settings.moves == Moves::Push,
        account.settings.upload,
    );
    match origin {
        Origin::Adopted(key, kinship) => {
            let parting = parting(account, looked, key, kinship);
            index.call(move |index| index.adopt(&parting)).await
        }
        Origin::Moved(key, kinship) if moves => {
            let parting = parting(account, looked, key, kinship);
            let begin = move |index: &mut Index| index.begin_move(&[parting], now());
            index.call(begin).await?;
            account.shared.steps.reached(Point::Parted)
        }
        Origin::Copied(original) if uploads => {
            let begin = move |index: &mut Index| {
                index.begin_store(&newcomer, &found, Some(original), now())
            };
            index.call(begin).await?;
            account.shared.steps.reached(Point::Parted)
        }
        Origin::New if uploads => {
            let begin = move |index: &mut Index| index.begin_store(&newcomer, &found, None, now());
            index.call(begin).await?;
            account.shared.steps.reached(Point::Parted)
        }
        Origin::Copied(_) | Origin::Moved(..) | Origin::New => {
            let judge = move |index: &mut Index| index.judge_newcomers(&[id], now());
            index.call(judge).await
        }
    }
}

/// What the index is to know of a message whose file lies elsewhere now.
fn parting(account: &Account, looked: Looked, key: MessageKey, kinship: Kinship) -> Parting {
    let Looked {
        newcomer,
        found,
        plain,
        kin,
    } = looked;
    let kin = kin.into_iter().find(|(file, _)| file.key == key);
    let was = kin.as_ref().map(|(file, _)| file.sha256);
    let flags = |file: &str| Entry::parse(file).map(|entry| entry.file_name.flags());
    let before = kin.and_then(|(file, _)| flags(&file.file));
    let changed = match (before, flags(&newcomer.file)) {
        (Some(before), Some(after)) if account.settings.flags.pushes() => {
            local::changed(&before, &after, account.settings.deleted_flag)
        }
        _ => Vec::new(),
    };
    let octets = if was == Some(found.sha256) {
        Octets::Same
    } else if kinship == Kinship::Wrapped || (plain.is_some() && was == plain) {
        Octets::Wrapped {
            sha256: found.sha256,
            octets: found.octets,
            octets_crlf: found.octets_crlf,
        }
    } else {
        Octets::Other
    };
    Parting {
        key,
        newcomer,
        octets,
        changed,
    }
}
