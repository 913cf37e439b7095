//! Storing messages in batches, durably and without duplicates.
//!
//! The life of a batch: every file lies whole in `tmp` → all are flushed → the index writes down
//! what is about to be delivered (the journal) → each gets its final name → the directories are
//! flushed → one transaction records the messages and closes the journal. A crash before the journal
//! leaves files in `tmp` that the next start sweeps; a crash after it leaves journal entries, and
//! [`crate::recover`] looks which files got their names. So a message is in the index exactly if it
//! is in the Maildir (R3).
//!
//! While one batch is stored the next one is received; two batches are never stored at once.

use crate::context::{Account, LocalMailbox, now};
use crate::delivery_pool::{Arriving, DeliveryPool};
use crate::error::EngineError;
use crate::events;
use crate::header;
use crate::report::Progress;
use crate::step::{Step, Steps};
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, ServerRef, Sha256};
use postrider_core::plan::flags;
use postrider_core::time::UnixTime;
use postrider_index::{Attachment, Index, Intent, MailboxId, NewMessage};
use postrider_maildir::{Entry, Placement, Received};
use std::borrow::Borrow;
use std::collections::HashMap;
use tokio::task::JoinHandle;

/// Messages in a batch: enough that flushing directories and index costs little per message, few
/// enough that their open files stay far below the usual limit of 1,024 descriptors.
const BATCH_MESSAGES: usize = 256;
/// Octets in a batch, so that mail becomes visible while a large mailbox is still arriving.
const BATCH_OCTETS: u64 = 32 * 1024 * 1024;

/// A message received whole, on its way to `tmp`.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) mailbox: LocalMailbox,
    pub(crate) server: ServerRef,
    /// Its number, where it has no other name in this session (POP3).
    pub(crate) number: Option<u32>,
    pub(crate) flags: FlagSet,
    pub(crate) internal_date: Option<UnixTime>,
    /// The server's word on its size.
    pub(crate) size_octets: Option<u64>,
    /// Octets received.
    pub(crate) octets: u64,
    pub(crate) arriving: Arriving,
}

/// A message that is in the Maildir and in the index.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) key: MessageKey,
    pub(crate) number: Option<u32>,
    /// Whether a file was delivered for it; else it was here already.
    pub(crate) fresh: bool,
}

/// Known messages that the server shows under no known name, by content: what arrives with the
/// octets of one of them *is* that one (R4).
pub(crate) type Orphans = HashMap<(MailboxId, Sha256), Vec<MessageKey>>;

/// A batch on its way into Maildir and index; it gives back the orphans it did not find.
type Storing = JoinHandle<Result<(Orphans, Vec<Stored>), EngineError>>;

/// Takes arrivals and stores them batch by batch.
#[derive(Debug)]
pub(crate) struct Delivery {
    account: Account,
    batch: Vec<Arrival>,
    batch_octets: u64,
    /// Orphans of mailboxes whose messages are about to arrive.
    expected: Orphans,
    orphans: Option<Orphans>,
    storing: Option<Storing>,
    stored: Vec<Stored>,
}

impl Delivery {
    pub(crate) fn new(account: Account) -> Self {
        Self {
            account,
            batch: Vec::new(),
            batch_octets: 0,
            expected: Orphans::new(),
            orphans: None,
            storing: None,
            stored: Vec::new(),
        }
    }

    /// Known messages that may be among those to come.
    pub(crate) fn expect(&mut self, orphans: Orphans) {
        self.expected.extend(orphans);
    }

    /// Takes one message; stores the batch when it is full, and then waits for the one before it.
    pub(crate) async fn take(&mut self, arrival: Arrival) -> Result<(), EngineError> {
        self.batch_octets += arrival.octets;
        self.batch.push(arrival);
        if self.batch.len() >= BATCH_MESSAGES || self.batch_octets >= BATCH_OCTETS {
            self.store().await?;
        }
        Ok(())
    }

    /// Stores what is left and returns all that was stored since the beginning.
    pub(crate) async fn finish(mut self) -> Result<Vec<Stored>, EngineError> {
        self.store().await?;
        self.settle().await?;
        Ok(self.stored)
    }

    async fn store(&mut self) -> Result<(), EngineError> {
        self.settle().await?;
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        self.batch_octets = 0;
        let account = self.account.clone();
        let mut orphans = self.orphans.take().unwrap_or_default();
        orphans.extend(std::mem::take(&mut self.expected));
        self.storing = Some(tokio::spawn(store_batch(account, batch, orphans)));
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), EngineError> {
        if let Some(storing) = self.storing.take() {
            let (orphans, mut stored) = storing.await.map_err(|_| EngineError::JobLost)??;
            self.orphans = Some(orphans);
            self.stored.append(&mut stored);
        }
        Ok(())
    }
}

async fn store_batch(
    account: Account,
    batch: Vec<Arrival>,
    mut orphans: Orphans,
) -> Result<(Orphans, Vec<Stored>), EngineError> {
    let mut stored = Vec::with_capacity(batch.len());
    let mut fresh = Vec::with_capacity(batch.len());
    for arrival in batch {
        let whole = Whole::of(arrival, &account).await?;
        let found = orphans.get_mut(&(whole.mailbox.id, whole.received.sha256));
        match found.and_then(Vec::pop) {
            Some(key) => {
                attach(&account, key, &whole).await?;
                stored.push(Stored {
                    key,
                    number: whole.number,
                    fresh: false,
                });
            }
            None => fresh.push(whole),
        }
    }
    stored.append(&mut deliver(&account, fresh).await?);
    Ok((orphans, stored))
}

/// A known message arrived under another name: the file is here already, only the name is new.
async fn attach(account: &Account, key: MessageKey, whole: &Whole) -> Result<(), EngineError> {
    let attachment = Attachment {
        key,
        server: whole.server.clone(),
        server_octets: whole.size_octets,
    };
    let attach = move |index: &mut Index| {
        index.attach(&[attachment])?;
        // Its octets were received just now, and are those of the file.
        index.mark_received(&[key])
    };
    account.shared.index.call(attach).await
}

/// Carries fresh messages through the steps named at the top of this file.
async fn deliver(account: &Account, fresh: Vec<Whole>) -> Result<Vec<Stored>, EngineError> {
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let (index, steps) = (&account.shared.index, &account.shared.steps);
    let fresh = DeliveryPool::run(move || flush(fresh)).await??;
    steps.reached(Step::Flushed)?;
    let intents: Vec<_> = fresh.iter().map(Whole::intent).collect();
    let entries = index.call(move |index| index.begin(&intents)).await?;
    steps.reached(Step::Journaled)?;
    let (placing, counted) = (steps.clone(), fresh.len());
    let placed = DeliveryPool::run(move || place(fresh, &placing)).await??;
    steps.reached(Step::DirectoriesFlushed)?;
    let keys = index
        .call(move |index| index.record(&entries, now()))
        .await?;
    steps.reached(Step::Recorded)?;
    debug_assert_eq!(keys.len(), counted, "one key for each journal entry");
    let octets = placed.iter().map(|whole| whole.octets).sum();
    placed.iter().for_each(|whole| log_stored(account, whole));
    account.tell(Progress::Stored {
        account: account.name().clone(),
        messages: placed.len() as u64,
        octets,
    });
    let stored = keys.into_iter().zip(&placed).map(|(key, whole)| Stored {
        key,
        number: whole.number,
        fresh: true,
    });
    Ok(stored.collect())
}

fn flush(fresh: Vec<Whole>) -> Result<Vec<Whole>, EngineError> {
    postrider_maildir::flush(&fresh).map_err(EngineError::disk)?;
    Ok(fresh)
}

fn place(mut fresh: Vec<Whole>, steps: &Steps) -> Result<Vec<Whole>, EngineError> {
    for whole in &mut fresh {
        whole.place()?;
        steps.reached(Step::Placed)?;
    }
    steps.reached(Step::BatchPlaced)?;
    let mailboxes: Vec<_> = fresh.iter().map(|whole| &*whole.mailbox.maildir).collect();
    postrider_maildir::flush_directories(&mailboxes).map_err(EngineError::disk)?;
    Ok(fresh)
}

/// A message that lies whole in `tmp`, with everything the index will want to know of it.
struct Whole {
    mailbox: LocalMailbox,
    server: ServerRef,
    number: Option<u32>,
    flags: FlagSet,
    placement: Placement,
    internal_date: Option<UnixTime>,
    size_octets: Option<u64>,
    octets: u64,
    received: Received,
    steps: Steps,
}

impl Whole {
    async fn of(arrival: Arrival, account: &Account) -> Result<Self, EngineError> {
        let name = &arrival.mailbox.name;
        let deleted_flag = account.settings.deleted_flag;
        let received = arrival.arriving.await.map_err(|_| EngineError::JobLost)?;
        let received = received.map_err(|error| error.in_mailbox(name))?;
        Ok(Self {
            placement: Placement::for_flags(&flags::delivered(&arrival.flags, deleted_flag)),
            mailbox: arrival.mailbox,
            server: arrival.server,
            number: arrival.number,
            flags: arrival.flags,
            internal_date: arrival.internal_date,
            size_octets: arrival.size_octets,
            octets: arrival.octets,
            received,
            steps: account.shared.steps.clone(),
        })
    }

    fn intent(&self) -> Intent {
        let received = &self.received;
        Intent {
            mailbox: self.mailbox.id,
            tmp: received.unique.clone(),
            message: NewMessage {
                server: self.server.clone(),
                flags: self.flags.clone(),
                header: header::fields(&received.header),
                internal_date: self.internal_date,
                octets: received.octets,
                octets_crlf: received.octets_crlf,
                server_octets: self.size_octets,
                sha256: received.sha256,
                header_sha256: Some(header::fingerprint(&received.header)),
                base: received.base.clone(),
                file: self.entry().to_string(),
            },
        }
    }

    fn entry(&self) -> Entry {
        self.placement.entry(&self.received)
    }

    fn place(&mut self) -> Result<(), EngineError> {
        let maildir = &self.mailbox.maildir;
        let placed = postrider_maildir::place(&mut self.received, maildir, &self.placement);
        placed
            .map(drop)
            .map_err(|error| EngineError::disk(error).in_mailbox(&self.mailbox.name))
    }
}

impl Borrow<Received> for Whole {
    fn borrow(&self) -> &Received {
        &self.received
    }
}

impl Drop for Whole {
    /// A crash removes no files: the crash tests must find what a real one would leave.
    fn drop(&mut self) {
        if self.steps.stopped() {
            self.received.abandon();
        }
    }
}

fn log_stored(account: &Account, whole: &Whole) {
    let (uid, uidl) = match &whole.server {
        ServerRef::Imap { uid, .. } => (Some(u64::from(uid.as_u32())), None),
        ServerRef::Pop3 { uidl } => (None, uidl.as_ref().map(|uidl| uidl.as_str())),
    };
    events::MessageStored {
        account: account.log_name(),
        mailbox: &whole.mailbox.name,
        uid,
        uidl,
        octets: whole.octets,
        file: &whole.entry().to_string(),
    }
    .emit();
}
