//! Storing messages in batches, durably and without duplicates.
//!
//! The life of a batch: every file lies whole in `tmp` → all are flushed → the index writes down
//! what is about to be delivered (the journal) → each gets its final name → the directories are
//! flushed → one transaction records the messages and closes the journal. A crash before the journal
//! leaves files in `tmp` that the next start sweeps; a crash after it leaves journal entries, and
//! [`crate::recover`] looks which files got their names. So a message is in the index exactly if it
//! is in the Maildir (R3).
//!
//! While one batch is received, the one before is flushed, the one before that gets its names, and another is
//! recorded; no two get their names at once, and no two are recorded at once. Where a proof is waited for
//! ([`Delivery::proving`]), a batch is read back meanwhile too.

use crate::context::{Account, LocalMailbox};
use crate::delivery_pool::{Arriving, DeliveryPool};
use crate::error::EngineError;
use crate::imap::strays::Strays;
use crate::rehearsal::Leave;
use batch::{Batch, Before, Disks};
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, ServerRef, Sha256};
use postrider_core::time::UnixTime;
use postrider_index::MailboxId;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

mod batch;
mod proving;
mod watched;
mod whole;

/// Messages in a batch: enough that flushing disk and index costs little per message, few enough that
/// their open files, where each is flushed by itself, stay below the usual limit of 1,024 descriptors.
const BATCH_MESSAGES: usize = 256;
/// The same while others are on their way, and the next has to wait anyway; where files are flushed together.
const LARGE_BATCH_MESSAGES: usize = 512;
/// Octets in a batch, so that mail becomes visible while a large mailbox is still arriving.
const BATCH_OCTETS: u64 = 32 * 1024 * 1024;

/// Batches between being received and being recorded: one is flushed, one gets its names, one its rows.
const UNDER_WAY: usize = 3;

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
    /// The mailbox that it came from.
    pub(crate) mailbox: MailboxId,
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
    /// Messages whose file lies in another mailbox.
    strays: Strays,
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
            strays: Strays::default(),
            disks,
            proves: false,
            turns: Arc::new(Semaphore::new(UNDER_WAY)),
            before: Before::nothing(),
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

    /// The same, and messages whose files lie in other mailboxes may be among those to come.
    pub(crate) fn gathering(self, strays: Strays) -> Self {
        Self { strays, ..self }
    }

    /// Known messages that may be among those to come.
    pub(crate) fn expect(&mut self, orphans: Orphans) {
        self.expected.extend(orphans);
    }

    /// Takes one message; stores the batch when it is full, and then waits while three are on their way.
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
        if self.batch.len() >= self.enough() || self.batch_octets >= BATCH_OCTETS {
            self.store().await?;
        }
        Ok(())
    }

    /// Messages that make a batch.
    fn enough(&self) -> usize {
        let disk = self.disks.files.as_ref();
        // Else each file is open until it is flushed by itself.
        let together = disk.is_some_and(|disk| !disk.is_crowded());
        let waits = self.turns.available_permits() < UNDER_WAY;
        if waits && together {
            LARGE_BATCH_MESSAGES
        } else {
            BATCH_MESSAGES
        }
    }

    /// Stores what is left and returns all that was stored since the beginning.
    pub(crate) async fn finish(mut self) -> Result<Vec<Stored>, EngineError> {
        self.store().await?;
        self.before.finish(&self.account).await
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
        let before = std::mem::replace(&mut self.before, Before::nothing());
        let before = before.looked_at().await?;
        let batch = Batch {
            account: self.account.clone(),
            disks: self.disks.clone(),
            proves: self.proves,
            arrivals: std::mem::take(&mut self.batch),
            expected: std::mem::take(&mut self.expected),
            strays: self.strays.clone(),
        };
        self.batch_octets = 0;
        self.before = batch.start(before, turn.ok());
        Ok(())
    }
}
