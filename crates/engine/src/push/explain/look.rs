//! Reading the files that nobody knows, once they are whole, and finding what is like them.

use crate::context::Account;
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::imap::observe::Observed;
use crate::push::refused;
use crate::take_in::found_file;
use postrider_core::message::Sha256;
use postrider_core::plan::origin::Kinship;
use postrider_core::settings::AccountSettings;
use postrider_index::{
    AccountId, FoundFile, Index, IndexError, MailboxId, MessageFile, Newcomer, NewcomerId,
};
use postrider_maildir::{Entry, Mailbox, MaildirError, examine, hash_of_plain};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A file that is younger than this may still be written: aerc writes drafts where they will lie.
const YOUNG: Duration = Duration::from_secs(2);

/// How long a young file must keep its size and time.
const STILL: Duration = Duration::from_millis(250);

/// A file that is whole, and what is known to be like it.
pub(super) struct Looked {
    pub(super) newcomer: Newcomer,
    pub(super) found: FoundFile,
    /// The hash without what readers add to headers, where they added something.
    pub(super) plain: Option<Sha256>,
    pub(super) kin: Vec<(MessageFile, Kinship)>,
}

/// Reads files that are whole, and looks for what is like them. Those that are gone are forgotten; those
/// that are being written are left for later.
pub(super) async fn look(
    account: &Account,
    observed: &[Observed],
    newcomers: Vec<Newcomer>,
) -> Result<Vec<Looked>, EngineError> {
    let maildirs = observed
        .iter()
        .map(|o| (o.local.id, Arc::clone(&o.local.maildir)));
    let maildirs: HashMap<MailboxId, Arc<Mailbox>> = maildirs.collect();
    let maildirs = Arc::new(maildirs);
    let (here, places) = (Arc::clone(&maildirs), newcomers);
    let seen = DeliveryPool::run(move || locate_all(&here, places)).await?;
    let (seen, gone) = seen.map_err(EngineError::disk)?;
    let index = &account.shared.index;
    if !gone.is_empty() {
        let forget = move |index: &mut Index| index.forget_newcomers(&gone);
        index.call(forget).await?;
    }
    if seen.iter().any(|(_, _, look)| look.is_young) {
        tokio::time::sleep(STILL).await;
    }
    let settings = Arc::clone(&account.settings);
    let read = move || read(&maildirs, seen, &settings);
    let (read, forbidden) = DeliveryPool::run(read).await?.map_err(EngineError::disk)?;
    for (mailbox, because) in forbidden {
        let name = observed.iter().find(|o| o.local.id == mailbox);
        let name = name.map_or("", |observed| &observed.local.name);
        refused(account, name, 1, ("read a file", &because));
    }
    let id = account.id;
    let look = move |index: &mut Index| {
        let looked = read.into_iter().map(|read| with_kin(index, id, read));
        looked.collect::<Result<Vec<_>, _>>()
    };
    index.call(look).await
}

/// A newcomer, what it holds, and what it held before a reader wrote into its header.
type Read = (Newcomer, FoundFile, Option<Sha256>);

/// What was read, and where a file is not ours to read, with the reason.
type AllRead = (Vec<Read>, Vec<(MailboxId, String)>);

/// Reads those files that have not changed since they were seen. One that is not ours to read holds up no other.
fn read(
    maildirs: &HashMap<MailboxId, Arc<Mailbox>>,
    seen: Vec<Located>,
    settings: &AccountSettings,
) -> Result<AllRead, MaildirError> {
    let (mut read, mut forbidden) = (Vec::with_capacity(seen.len()), Vec::new());
    for (newcomer, entry, before) in seen {
        let Some(maildir) = maildirs.get(&newcomer.mailbox) else {
            continue;
        };
        let path = maildir.path_of(&entry);
        if !before.still(&path) {
            continue;
        }
        match examine(&path).and_then(|found| Ok((found, hash_of_plain(&path)?))) {
            Ok((found, plain)) => {
                let mut found = found_file(&entry, found, settings);
                found.received = false;
                read.push((newcomer, found, plain));
            }
            // A reader was faster, or it is no message: the next pass looks again.
            Err(MaildirError::Gone { .. } | MaildirError::NotAFile { .. }) => {}
            Err(error) if error.is_forbidden() => {
                forbidden.push((newcomer.mailbox, error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((read, forbidden))
}

fn with_kin(
    index: &Index,
    account: AccountId,
    (newcomer, found, plain): Read,
) -> Result<Looked, IndexError> {
    let octets: Vec<Sha256> = [Some(found.sha256), plain].into_iter().flatten().collect();
    let kin = index.kin(account, &newcomer.base, &octets)?;
    let kinship = |file: MessageFile| {
        let kinship = kinship(&file, (&newcomer, &found));
        (file, kinship)
    };
    let kin = kin.into_iter().map(kinship).collect();
    Ok(Looked {
        newcomer,
        found,
        plain,
        kin,
    })
}

fn kinship(file: &MessageFile, (newcomer, found): (&Newcomer, &FoundFile)) -> Kinship {
    if file.base == newcomer.base {
        Kinship::Base
    } else if file.sha256 == found.sha256 {
        Kinship::Octets
    } else {
        Kinship::Wrapped
    }
}

/// What a file looks like from outside.
struct Outside {
    octets: u64,
    modified: std::time::SystemTime,
    is_young: bool,
}

impl Outside {
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::symlink_metadata(path).ok()?;
        let modified = found.modified().ok()?;
        // One that says it is from the future is young until it has been seen twice.
        let is_young = modified.elapsed().map_or(true, |age| age < YOUNG);
        Some(Self {
            octets: found.len(),
            modified,
            is_young,
        })
    }

    /// Whether it holds something, and looks as it did.
    fn still(&self, path: &Path) -> bool {
        let same = |now: Self| now.octets == self.octets && now.modified == self.modified;
        self.octets > 0 && (!self.is_young || Self::of(path).is_some_and(same))
    }
}

type Located = (Newcomer, Entry, Outside);

/// Where the files lie by now, and which of them are nowhere.
fn locate_all(
    maildirs: &HashMap<MailboxId, Arc<Mailbox>>,
    newcomers: Vec<Newcomer>,
) -> Result<(Vec<Located>, Vec<NewcomerId>), MaildirError> {
    let (mut seen, mut gone) = (Vec::with_capacity(newcomers.len()), Vec::new());
    for mut newcomer in newcomers {
        let (Some(maildir), Some(known)) = (
            maildirs.get(&newcomer.mailbox),
            Entry::parse(&newcomer.file),
        ) else {
            continue;
        };
        let Some(entry) = postrider_maildir::locate(maildir, &known)? else {
            gone.push(newcomer.id);
            continue;
        };
        newcomer.file = entry.to_string();
        if let Some(outside) = Outside::of(&maildir.path_of(&entry)) {
            seen.push((newcomer, entry, outside));
        }
    }
    Ok((seen, gone))
}
