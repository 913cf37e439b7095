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
use crate::rehearsal::Leave;
use crate::report::Progress;
use crate::step::{Step, Steps};
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, ServerRef, Sha256};
use postrider_core::time::UnixTime;
use postrider_index::{Attachment, Index, MailboxId};
use std::collections::HashMap;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use watched::Watched;
use whole::{Whole, log_stored};

mod watched;
mod whole;

/// Messages in a batch: enough that flushing directories and index costs little per message, few
/// enough that their open files stay far below the usual limit of 1,024 descriptors.
const BATCH_MESSAGES: usize = 256;
/// Octets in a batch, so that mail becomes visible while a large mailbox is still arriving.
const BATCH_OCTETS: u64 = 32 * 1024 * 1024;

/// Small messages that are written by one job, and their octets: what a connection holds besides.
const GROUP_MESSAGES: usize = 16;
const GROUP_OCTETS: usize = 128 * 1024;

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

/// What one batch hands on to the next.
#[derive(Debug, Default)]
struct Carried {
    /// Those that were not found yet.
    orphans: Orphans,
    watched: Watched,
}

/// A batch on its way into Maildir and index.
type Storing = JoinHandle<Result<(Carried, Vec<Stored>), EngineError>>;

/// Takes arrivals and stores them batch by batch.
#[derive(Debug)]
pub(crate) struct Delivery {
    account: Account,
    batch: Vec<Arrival>,
    batch_octets: u64,
    /// Messages of the batch that wait for others to be written with, and their octets.
    held: usize,
    held_octets: usize,
    /// Orphans of mailboxes whose messages are about to arrive.
    expected: Orphans,
    carried: Carried,
    storing: Option<Storing>,
    stored: Vec<Stored>,
}

impl Delivery {
    pub(crate) fn new(account: Account, _leave: Leave) -> Self {
        Self {
            account,
            batch: Vec::new(),
            batch_octets: 0,
            held: 0,
            held_octets: 0,
            expected: Orphans::new(),
            carried: Carried::default(),
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
        if let Arriving::Held(held) = &arrival.arriving {
            self.held += 1;
            self.held_octets += held.octets;
        }
        self.batch.push(arrival);
        if self.held >= GROUP_MESSAGES || self.held_octets >= GROUP_OCTETS {
            self.write_held().await?;
        }
        if self.batch.len() >= BATCH_MESSAGES || self.batch_octets >= BATCH_OCTETS {
            self.store().await?;
        }
        Ok(())
    }

    /// Stores what is left and returns all that was stored since the beginning.
    pub(crate) async fn finish(mut self) -> Result<Vec<Stored>, EngineError> {
        self.store().await?;
        self.settle().await?;
        self.carried.watched.finish(&self.account).await?;
        Ok(self.stored)
    }

    /// Sends the held messages on their way.
    async fn write_held(&mut self) -> Result<(), EngineError> {
        if self.held == 0 {
            return Ok(());
        }
        let mut group = Vec::with_capacity(self.held);
        // Those that are held came last.
        for arrival in self.batch.iter_mut().rev() {
            if group.len() == self.held {
                break;
            }
            let (done, coming) = oneshot::channel();
            match std::mem::replace(&mut arrival.arriving, Arriving::Coming(coming)) {
                Arriving::Held(held) => group.push((held, done)),
                coming @ Arriving::Coming(_) => arrival.arriving = coming,
            }
        }
        group.reverse();
        (self.held, self.held_octets) = (0, 0);
        self.account.shared.pool.write_held(group).await
    }

    async fn store(&mut self) -> Result<(), EngineError> {
        self.settle().await?;
        if self.batch.is_empty() {
            return Ok(());
        }
        self.write_held().await?;
        let batch = std::mem::take(&mut self.batch);
        self.batch_octets = 0;
        let account = self.account.clone();
        let mut carried = std::mem::take(&mut self.carried);
        carried.orphans.extend(std::mem::take(&mut self.expected));
        self.storing = Some(tokio::spawn(store_batch(account, batch, carried)));
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), EngineError> {
        if let Some(storing) = self.storing.take() {
            let mut stored;
            (self.carried, stored) = storing.await.map_err(|_| EngineError::JobLost)??;
            self.stored.append(&mut stored);
        }
        Ok(())
    }
}

async fn store_batch(
    account: Account,
    batch: Vec<Arrival>,
    mut carried: Carried,
) -> Result<(Carried, Vec<Stored>), EngineError> {
    let mut stored = Vec::with_capacity(batch.len());
    let mut fresh = Vec::with_capacity(batch.len());
    for arrival in batch {
        let whole = Whole::of(arrival, &account).await?;
        let found = carried
            .orphans
            .get_mut(&(whole.mailbox.id, whole.received.sha256));
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
    let watched = std::mem::take(&mut carried.watched);
    let (watched, mut delivered) = deliver(&account, fresh, watched).await?;
    carried.watched = watched;
    stored.append(&mut delivered);
    Ok((carried, stored))
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
async fn deliver(
    account: &Account,
    fresh: Vec<Whole>,
    mut watched: Watched,
) -> Result<(Watched, Vec<Stored>), EngineError> {
    if fresh.is_empty() {
        return Ok((watched, Vec::new()));
    }
    let (index, steps) = (&account.shared.index, &account.shared.steps);
    let fresh = DeliveryPool::run(move || flush(fresh)).await??;
    steps.reached(Step::Flushed)?;
    let intents: Vec<_> = fresh.iter().map(Whole::intent).collect();
    let entries = index.call(move |index| index.begin(&intents)).await?;
    steps.reached(Step::Journaled)?;
    watched.begin(account, &fresh).await?;
    let (placing, counted) = (steps.clone(), fresh.len());
    let place = move || place(fresh, watched, &placing);
    let (watched, placed) = DeliveryPool::run(place).await??;
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
    Ok((watched, stored.collect()))
}

fn flush(fresh: Vec<Whole>) -> Result<Vec<Whole>, EngineError> {
    postrider_maildir::flush(&fresh).map_err(EngineError::disk)?;
    Ok(fresh)
}

fn place(
    mut fresh: Vec<Whole>,
    mut watched: Watched,
    steps: &Steps,
) -> Result<(Watched, Vec<Whole>), EngineError> {
    for whole in &mut fresh {
        watched.expect(whole);
        whole.place()?;
        steps.reached(Step::Placed)?;
    }
    steps.reached(Step::BatchPlaced)?;
    let mailboxes: Vec<_> = fresh.iter().map(|whole| &*whole.mailbox.maildir).collect();
    postrider_maildir::flush_directories(&mailboxes).map_err(EngineError::disk)?;
    watched.listen();
    Ok((watched, fresh))
}
