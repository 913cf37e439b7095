//! Files that the index does not know, taken in (R4, CONTRACT section 9): what is left of an index that
//! was lost, what is newer than one that was put back from a backup, and a Maildir of another
//! program's that an account was pointed at.
//!
//! | the file | in a mailbox that was never in step | in one that was |
//! |---|---|---|
//! | bears a name of our making | taken in | taken in: the index is older than the Maildir |
//! | bears another name | taken in | a reader's new message, not ours to touch |
//! | is a message's of which it was written down that it is gone | taken in | taken in: it is that message again |
//!
//! Taking in records what the file holds, not who it is to the server: the pass finds that out, by
//! likeness or by octets, and then nothing is downloaded or stored a second time. Nothing is proven by
//! it. What another program delivered was never received by us: before anything is deleted because of
//! it, the server's octets are compared with it. And a file of ours that is not what its name tells of its hash has
//! been damaged since: read back it would prove itself, so it stays, and nothing but its octets is taken for it.

use crate::context::{Account, LocalMailbox, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::events;
use crate::header;
use postrider_core::account::Protocol;
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::settings::AccountSettings;
use postrider_index::{FoundFile, Index};
use postrider_maildir::name::token_of;
use postrider_maildir::{Entry, Examined, Mailbox, MaildirError, examine};
use std::sync::Arc;

/// Files read by one job and recorded in one transaction.
const FILES_IN_A_JOB: usize = 256;

/// What the log says of files taken in.
const UNKNOWN: &str = "the Maildir holds messages that the index did not know";

/// What the log says of an index that was found damaged.
const DAMAGED: &str =
    "it was damaged, and its ledger with it; a new one is made from Maildir and server";

/// Parts unknown files into those to be taken in and those that are a reader's.
pub(crate) fn sort(mailbox: &LocalMailbox, unknown: Vec<Entry>) -> (Vec<Entry>, Vec<Entry>) {
    let is_ours = |entry: &Entry| !mailbox.synced || token_of(entry.file_name.as_str()).is_some();
    unknown.into_iter().partition(is_ours)
}

/// Records these files as messages: unknown ones, and those that are back. Says how many.
pub(crate) async fn take_in(
    account: &Account,
    mailbox: &LocalMailbox,
    (unknown, returned): (Vec<Entry>, Vec<Entry>),
) -> Result<u64, EngineError> {
    if !unknown.is_empty() && mailbox.synced {
        let id = account.id;
        let outdated = move |index: &mut Index| index.mark_outdated(id, now());
        account.shared.index.call(outdated).await?;
    }
    let mut recorded = 0;
    let wanted: Vec<Entry> = unknown.into_iter().chain(returned).collect();
    for entries in wanted.chunks(FILES_IN_A_JOB) {
        let (maildir, entries) = (Arc::clone(&mailbox.maildir), entries.to_vec());
        let settings = Arc::clone(&account.settings);
        let read = move || read(&maildir, &entries, &settings);
        let found = DeliveryPool::run(read).await?;
        let found = found.map_err(|error| EngineError::disk(error).in_mailbox(&mailbox.name))?;
        let id = mailbox.id;
        let seen = account.notes();
        let record = move |index: &mut Index| index.take_in(id, &found, seen, now());
        recorded += account.shared.index.call(record).await?.len() as u64;
        if account.shutdown.is_requested() {
            return Err(EngineError::Stopped);
        }
    }
    Ok(recorded)
}

/// Tells the log, where there is something to tell.
pub(crate) fn tell(account: &Account, mailbox: &LocalMailbox, recorded: u64) {
    if recorded > 0 {
        events::IndexRepaired {
            account: Some(account.log_name()),
            mailbox: Some(&mailbox.name),
            path: None,
            recorded,
            forgotten: 0,
            because: UNKNOWN,
        }
        .emit();
    }
}

/// Tells the log that an index was damaged, and where it lies now.
pub(crate) fn tell_damaged(aside: &std::path::Path) {
    events::IndexRepaired {
        account: None,
        mailbox: None,
        path: Some(&aside.display().to_string()),
        recorded: 0,
        forgotten: 0,
        because: DAMAGED,
    }
    .emit();
}

fn read(
    maildir: &Mailbox,
    entries: &[Entry],
    settings: &AccountSettings,
) -> Result<Vec<FoundFile>, MaildirError> {
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        match examine(&maildir.path_of(entry)) {
            Ok(examined) => found.push(found_file(entry, examined, settings)),
            // A reader was faster; the next scan sees what it made of the file.
            Err(MaildirError::Gone { .. } | MaildirError::NotAFile { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// What the index is to know of a file. A name of our making is given to a file only when it was received
/// whole, and it tells of its sizes and its hash: while they are right, it is what we received.
pub(crate) fn found_file(
    entry: &Entry,
    examined: Examined,
    settings: &AccountSettings,
) -> FoundFile {
    let name = &entry.file_name;
    let vouched = name.vouches_for(examined.octets, examined.octets_crlf, &examined.sha256);
    let damaged = vouched == Some(false);
    FoundFile {
        header: header::fields(&examined.header),
        internal_date: match settings.protocol {
            Protocol::Imap => Some(examined.modified_at),
            Protocol::Pop3 => None,
        },
        octets: examined.octets,
        octets_crlf: examined.octets_crlf,
        server_octets: (!damaged).then_some(examined.octets_crlf),
        sha256: examined.sha256,
        header_sha256: header::fingerprint(&examined.header),
        base: name.base().to_owned(),
        file: entry.to_string(),
        flags: flags(&name.flags(), settings),
        received: vouched == Some(true),
    }
}

/// Of the flags in a name, those that the server may come to know.
fn flags(named: &FlagSet, settings: &AccountSettings) -> FlagSet {
    if settings.protocol == Protocol::Pop3 || !settings.flags.pushes() {
        return FlagSet::new();
    }
    let mut flags = named.clone();
    if !settings.deleted_flag {
        flags.set(Flag::Deleted, false);
    }
    flags
}
