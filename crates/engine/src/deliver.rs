//! Storing messages in batches, durably and without duplicates.
//!
//! The life of a batch: every file lies whole in `tmp` → all are flushed → the index writes down
//! what is about to be delivered (the journal) → each gets its final name → the directories are
//! flushed → one transaction records the messages and closes the journal. A crash before the journal
//! leaves files in `tmp` that the next start sweeps; a crash after it leaves journal entries, and
//! [`crate::recover`] looks which files got their names. So a message is in the index exactly if it
//! is in the Maildir (R3).
//!
//! While one batch is flushed the one before gets its names and its rows, and the next is received; no two
//! get their names at once. Where a proof is waited for ([`Delivery::proving`]), a batch is read back meanwhile too.

use crate::context::{Account, LocalMailbox, now};
use crate::delivery_pool::{Arriving, DeliveryPool};
use crate::error::EngineError;
use crate::heart::shared;
use crate::imap::quick;
use crate::prove::prove;
use crate::rehearsal::Leave;
use crate::report::Progress;
use crate::step::{Step, Steps};
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, ServerRef, Sha256};
use postrider_core::time::UnixTime;
use postrider_index::{Attachment, Index, MailboxId};
use postrider_maildir::Disk;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use watched::Watched;
use whole::{Whole, log_stored};

mod watched;
mod whole;

/// Messages in a batch: enough that flushing disk and index costs little per message, few enough that
/// their open files, where each is flushed by itself, stay below the usual limit of 1,024 descriptors.
const BATCH_MESSAGES: usize = 256;
/// Octets in a batch, so that mail becomes visible while a large mailbox is still arriving.
const BATCH_OCTETS: u64 = 32 * 1024 * 1024;

/// Batches between being received and being recorded: one is flushed, one gets its names.
const UNDER_WAY: usize = 2;

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
    /// Whether it is as long as the server had said. Where POP3's LIST says otherwise, only a second fetch shows
    /// that it is whole (R1).
    pub(crate) as_told: bool,
}

/// Known messages that the server shows under no known name, by content: what arrives with the
/// octets of one of them *is* that one (R4).
pub(crate) type Orphans = HashMap<(MailboxId, Sha256), Vec<MessageKey>>;

/// The disk below the mail tree, where it can be flushed as a whole. A failed write is told to each opener:
/// two that flush at once must not take it from one another.
#[derive(Clone, Debug)]
struct Disks {
    files: Option<Arc<Disk>>,
    directories: Option<Arc<Disk>>,
}

impl Disks {
    fn open(tree: &Path) -> Self {
        let open = || Disk::open(tree).map(Arc::new);
        Self {
            files: open(),
            directories: open(),
        }
    }
}

/// What one batch hands on to the next.
#[derive(Debug, Default)]
struct Carried {
    /// Those that were not found yet.
    orphans: Orphans,
    watched: Watched,
    /// All that was stored since the beginning.
    stored: Vec<Stored>,
    proving: Proving,
}

/// The proof of one batch, while the next arrives. Given up when it is dropped.
#[derive(Debug, Default)]
struct Proving(JoinSet<Result<(), EngineError>>);

impl Proving {
    /// Begins with a batch that is recorded, when the one before is done: a disk that is slower at reading
    /// than at writing holds up what is to come.
    async fn begin(&mut self, account: &Account, keys: Vec<MessageKey>) -> Result<(), EngineError> {
        self.done().await?;
        let account = account.clone();
        let prove = async move { prove(&account, &keys).await.map(drop) };
        self.0.spawn(prove);
        Ok(())
    }

    async fn done(&mut self) -> Result<(), EngineError> {
        while let Some(done) = self.0.join_next().await {
            done.map_err(|_| EngineError::JobLost)??;
        }
        Ok(())
    }
}

/// A batch on its way into Maildir and index.
type Storing = JoinHandle<Result<Carried, EngineError>>;

/// Where the batch before is.
#[derive(Debug)]
enum Before {
    Stored(Box<Carried>),
    Storing(Storing),
}

impl Before {
    async fn stored(self) -> Result<Carried, EngineError> {
        match self {
            Self::Stored(carried) => Ok(*carried),
            Self::Storing(storing) => storing.await.map_err(|_| EngineError::JobLost)?,
        }
    }
}

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
    disks: Disks,
    /// Whether what is stored is proven at once.
    proves: bool,
    /// Turns of the batches that are on their way.
    turns: Arc<Semaphore>,
    before: Before,
    /// Its turn to have files open.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Delivery {
    /// To be called before the first of its messages is on its way to the disk. Waits while too many others
    /// have files open.
    pub(crate) async fn start(account: Account, _leave: Leave) -> Result<Self, EngineError> {
        let turn = account.shared.shares.download().await;
        let tree = account.settings.maildir.clone();
        let disks = DeliveryPool::run(move || Disks::open(&tree)).await?;
        Ok(Self {
            account,
            batch: Vec::new(),
            batch_octets: 0,
            held: 0,
            held_octets: 0,
            expected: Orphans::new(),
            disks,
            proves: false,
            turns: Arc::new(Semaphore::new(UNDER_WAY)),
            before: Before::Stored(Box::default()),
            _turn: turn,
        })
    }

    /// The same, and what is stored is read back at once (R1): for those who wait for the proof.
    pub(crate) fn proving(self) -> Self {
        Self {
            proves: true,
            ..self
        }
    }

    /// Known messages that may be among those to come.
    pub(crate) fn expect(&mut self, orphans: Orphans) {
        self.expected.extend(orphans);
    }

    /// Takes one message; stores the batch when it is full, and then waits while two are on their way.
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
        let Carried {
            watched,
            stored,
            mut proving,
            ..
        } = self.before.stored().await?;
        proving.done().await?;
        watched.finish(&self.account).await?;
        Ok(stored)
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
        // A batch that is large by now is flushed with the whole disk.
        let large = self.batch.len() >= postrider_maildir::MANY_FILES;
        let disk = self.disks.files.clone().filter(|_| large);
        self.account.shared.pool.write_held(group, disk).await
    }

    async fn store(&mut self) -> Result<(), EngineError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.write_held().await?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let nothing = Before::Stored(Box::default());
        let mut before = std::mem::replace(&mut self.before, nothing);
        if matches!(&before, Before::Storing(storing) if storing.is_finished()) {
            // What went wrong with it is to be known now.
            before = Before::Stored(Box::new(before.stored().await?));
        }
        let batch = Batch {
            account: self.account.clone(),
            disks: self.disks.clone(),
            proves: self.proves,
            arrivals: std::mem::take(&mut self.batch),
            expected: std::mem::take(&mut self.expected),
        };
        self.batch_octets = 0;
        self.before = Before::Storing(tokio::spawn(shared(async move {
            let stored = batch.store(before).await;
            drop(turn);
            stored
        })));
        Ok(())
    }
}

/// A batch that is received, or nearly.
struct Batch {
    account: Account,
    disks: Disks,
    proves: bool,
    arrivals: Vec<Arrival>,
    expected: Orphans,
}

impl Batch {
    async fn store(self, before: Before) -> Result<Carried, EngineError> {
        let flushed = flush(&self.account, self.arrivals, self.disks.files).await;
        // Also when ours has failed: nothing goes on behind the back of a pass that has ended.
        let mut carried = before.stored().await?;
        carried.orphans.extend(self.expected);
        let (flushed, short) = flushed?;
        let mut fresh = Vec::new();
        for whole in flushed {
            let place = (whole.mailbox.id, whole.received.sha256);
            let found = carried.orphans.get_mut(&place);
            match found.and_then(Vec::pop) {
                Some(key) => {
                    attach(&self.account, key, &whole).await?;
                    carried.stored.push(Stored {
                        key,
                        number: whole.number,
                        fresh: false,
                        as_told: whole.is_as_told(),
                    });
                }
                None if quick::leaves(&self.account, place.0, place.1).await? => {}
                None => fresh.push(whole),
            }
        }
        let disk = self.disks.directories;
        let before = carried.stored.len();
        let mut carried = deliver(&self.account, fresh, (carried, disk)).await?;
        if self.proves {
            let stored = carried.stored.get(before..).unwrap_or_default();
            let whole = stored.iter().filter(|stored| stored.as_told);
            let keys = whole.map(|stored| stored.key).collect();
            carried.proving.begin(&self.account, keys).await?;
        }
        short.map_or(Ok(carried), Err)
    }
}

/// Waits until the messages lie whole in `tmp`, and makes them durable there. Those for which there is no room
/// are left out, and why: the others need not be fetched again.
async fn flush(
    account: &Account,
    arrivals: Vec<Arrival>,
    disk: Option<Arc<Disk>>,
) -> Result<(Vec<Whole>, Option<EngineError>), EngineError> {
    let mut batch = Vec::with_capacity(arrivals.len());
    let mut short = None;
    for arrival in arrivals {
        match Whole::of(arrival, account).await {
            Ok(whole) => batch.push(whole),
            Err(error @ EngineError::DiskNearlyFull { .. }) => short = Some(error),
            Err(error) => return Err(error),
        }
    }
    let flush = move || postrider_maildir::flush(&batch, disk.as_deref()).map(|()| batch);
    let flushed = DeliveryPool::run(flush).await?.map_err(EngineError::disk)?;
    account.shared.steps.reached(Step::Flushed)?;
    Ok((flushed, short))
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

/// Carries flushed messages through the steps named at the top of this file.
async fn deliver(
    account: &Account,
    fresh: Vec<Whole>,
    (mut carried, disk): (Carried, Option<Arc<Disk>>),
) -> Result<Carried, EngineError> {
    if fresh.is_empty() {
        return Ok(carried);
    }
    let (index, steps) = (&account.shared.index, &account.shared.steps);
    let intents: Vec<_> = fresh.iter().map(Whole::intent).collect();
    let entries = index.call(move |index| index.begin(&intents)).await?;
    steps.reached(Step::Journaled)?;
    carried.watched.begin(account, &fresh).await?;
    let (placing, counted) = (steps.clone(), fresh.len());
    let watched = carried.watched;
    let place = move || place(fresh, (watched, disk.as_deref()), &placing);
    let (watched, placed) = DeliveryPool::run(place).await??;
    carried.watched = watched;
    steps.reached(Step::DirectoriesFlushed)?;
    let keys = index
        .call(move |index| index.record(&entries, now()))
        .await?;
    steps.reached(Step::Recorded)?;
    debug_assert_eq!(keys.len(), counted, "one key for each journal entry");
    let octets = placed.iter().map(|whole| whole.octets).sum();
    placed.iter().for_each(|whole| log_stored(account, whole));
    let mailboxes = placed.iter().map(|whole| &whole.mailbox.name);
    mailboxes.for_each(|mailbox| account.hooks.stored(mailbox));
    account.tell(Progress::Stored {
        account: account.name().clone(),
        messages: placed.len() as u64,
        octets,
    });
    let stored = keys.into_iter().zip(&placed).map(|(key, whole)| Stored {
        key,
        number: whole.number,
        fresh: true,
        as_told: whole.is_as_told(),
    });
    carried.stored.extend(stored);
    Ok(carried)
}

fn place(
    mut fresh: Vec<Whole>,
    (mut watched, disk): (Watched, Option<&Disk>),
    steps: &Steps,
) -> Result<(Watched, Vec<Whole>), EngineError> {
    for whole in &mut fresh {
        watched.expect(whole);
        whole.place()?;
        steps.reached(Step::Placed)?;
    }
    steps.reached(Step::BatchPlaced)?;
    let mailboxes: Vec<_> = fresh.iter().map(|whole| &*whole.mailbox.maildir).collect();
    postrider_maildir::flush_directories_on(disk, &mailboxes).map_err(EngineError::disk)?;
    watched.listen();
    Ok((watched, fresh))
}
