//! Disk work away from the tasks that talk to servers.
//!
//! Blocking jobs run on tokio's blocking threads, whose number the binary bounds; the octets that
//! wait for them are bounded here, so that memory does not grow when the disk is slower than the
//! line (R11).

use crate::context::now_micros;
use crate::disk_space::DiskSpace;
use crate::error::EngineError;
use crate::heart::{DISK, shared, within};
use crate::written::Written;
use bytes::Bytes;
use postrider_core::time::UnixTime;
use postrider_maildir::{Disk, Incoming, Mailbox, Namer, Original};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinHandle;

/// Octets that all accounts together may have on the way to the disk, in KiB. Enough to keep two
/// cores hashing, and a small part of the 40 MB that the whole process may take.
const IN_FLIGHT_KIB: u32 = 3 * 1024;

/// A message larger than this is written while it arrives; a smaller one in one go.
const SPILL_OCTETS: usize = 128 * 1024;

/// Messages that are written at once. Two keep two cores hashing; more only wait for each other: a
/// directory takes one new name at a time, and eight writers spent a fifth of their time spinning on
/// its lock (perf, ext4).
const WRITERS: usize = 2;

/// The way to the disk for every pass.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryPool {
    room: Arc<Semaphore>,
    writers: Arc<Semaphore>,
    namer: Arc<Namer>,
    space: DiskSpace,
}

impl DeliveryPool {
    pub(crate) fn new(namer: Namer, space: DiskSpace) -> Self {
        Self {
            room: Arc::new(Semaphore::new(IN_FLIGHT_KIB as usize)),
            writers: Arc::new(Semaphore::new(WRITERS)),
            namer: Arc::new(namer),
            space,
        }
    }

    /// Runs a blocking job and waits for it.
    pub(crate) async fn run<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let done = within(DISK, tokio::task::spawn_blocking(job)).await;
        done.map_err(|_| EngineError::JobLost)
    }

    /// Queues a writing job; the jobs before it come first.
    fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
    ) -> JoinHandle<Result<T, EngineError>> {
        let writers = Arc::clone(&self.writers);
        tokio::spawn(shared(async move {
            let turn = within(DISK, writers.acquire_owned()).await;
            let done = Self::run(job).await?;
            drop(turn);
            done
        }))
    }

    /// Writes held messages by one job: waking a thread for each of thousands of small ones cost a
    /// fifth of the time (perf). Those that `disk` holds are left to it. Waits while the disk is behind.
    pub(crate) async fn write_held(
        &self,
        held: Vec<(Held, oneshot::Sender<Result<Written, EngineError>>)>,
        disk: Option<Arc<Disk>>,
    ) -> Result<(), EngineError> {
        let octets = held.iter().map(|(held, _)| held.octets).sum();
        let room = self.room_for(octets).await?;
        let (namer, space) = (Arc::clone(&self.namer), self.space.clone());
        let job = move || {
            for (held, done) in held {
                let mut written = held.write(&namer, &space);
                if let (Ok(written), Some(disk)) = (&mut written, &disk) {
                    written.received.leave_to(disk);
                }
                // Whoever waited may have been stopped; the file goes with the value then.
                drop(done.send(written));
            }
            drop(room);
            Ok(())
        };
        drop(self.write(job));
        Ok(())
    }

    /// Gives a message that is here a further name in `tmp`; `None` when it does not hold `original`.
    pub(crate) async fn link(
        &self,
        mailbox: Arc<Mailbox>,
        source: PathBuf,
        original: Original,
    ) -> Result<Option<Written>, EngineError> {
        let namer = Arc::clone(&self.namer);
        let link = move || {
            postrider_maildir::link(&mailbox, &namer, now_micros(), &source, &original)
                .map(|received| received.map(Written::of))
        };
        Self::run(link).await?.map_err(EngineError::disk)
    }

    async fn room_for(&self, octets: usize) -> Result<OwnedSemaphorePermit, EngineError> {
        let kib = u32::try_from(octets / 1024).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room);
        let permit = room.acquire_many_owned(kib.clamp(1, IN_FLIGHT_KIB));
        within(DISK, permit).await.map_err(|_| EngineError::JobLost)
    }
}

type Writing = JoinHandle<Result<Incoming, EngineError>>;

/// A message received whole, on its way to `tmp`; flushed by nobody yet.
#[derive(Debug)]
pub(crate) enum Arriving {
    /// It is being written, or is.
    Coming(oneshot::Receiver<Result<Written, EngineError>>),
    /// Too small for a job of its own: it waits for others ([`DeliveryPool::write_held`]).
    Held(Held),
}

/// A small message that is in memory still.
#[derive(Debug)]
pub(crate) struct Held {
    mailbox: Arc<Mailbox>,
    chunks: Vec<Bytes>,
    pub(crate) octets: usize,
    internal_date: Option<UnixTime>,
}

impl Held {
    fn write(self, namer: &Namer, space: &DiskSpace) -> Result<Written, EngineError> {
        let admitted = space.admit(self.mailbox.dir(), self.octets as u64)?;
        let write = move || {
            let mut incoming = Incoming::create(&self.mailbox, namer, now_micros())?;
            for chunk in self.chunks {
                incoming.write(&chunk)?;
            }
            incoming.finish(self.internal_date)
        };
        let received = write().map_err(EngineError::disk);
        drop(admitted);
        received.map(Written::of)
    }
}

impl Arriving {
    /// A message that lies in `tmp` already.
    pub(crate) fn here(written: Written) -> Self {
        let (done, coming) = oneshot::channel();
        drop(done.send(Ok(written)));
        Self::Coming(coming)
    }
}

/// One message while its octets arrive. Dropped before its end, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Intake {
    pool: DeliveryPool,
    mailbox: Arc<Mailbox>,
    chunks: Vec<Bytes>,
    octets: usize,
    writing: Option<Writing>,
}

impl Intake {
    pub(crate) const fn new(pool: DeliveryPool, mailbox: Arc<Mailbox>) -> Self {
        Self {
            pool,
            mailbox,
            chunks: Vec::new(),
            octets: 0,
            writing: None,
        }
    }

    /// Takes octets as they came from the server. Waits while the disk is behind.
    pub(crate) async fn take(&mut self, chunk: Bytes) -> Result<(), EngineError> {
        self.octets += chunk.len();
        self.chunks.push(chunk);
        if self.octets >= SPILL_OCTETS {
            let write = self.write_job().await?;
            self.writing = Some(self.pool.write(write));
        }
        Ok(())
    }

    /// The message is whole.
    pub(crate) async fn end(
        mut self,
        internal_date: Option<UnixTime>,
    ) -> Result<Arriving, EngineError> {
        if self.writing.is_none() {
            return Ok(Arriving::Held(Held {
                mailbox: self.mailbox,
                chunks: self.chunks,
                octets: self.octets,
                internal_date,
            }));
        }
        let write = self.write_job().await?;
        let (done, coming) = oneshot::channel();
        let finish = move || {
            let received = write()?.finish(internal_date);
            received.map(Written::of).map_err(EngineError::disk)
        };
        let writing = self.pool.write(finish);
        tokio::spawn(async move {
            let written = writing.await.unwrap_or(Err(EngineError::JobLost));
            drop(done.send(written));
        });
        Ok(Arriving::Coming(coming))
    }

    /// A job that writes what is held, behind what was written before.
    async fn write_job(
        &mut self,
    ) -> Result<impl FnOnce() -> Result<Incoming, EngineError> + Send + use<>, EngineError> {
        let before = match self.writing.take() {
            Some(writing) => {
                let incoming = within(DISK, writing).await;
                let incoming = incoming.map_err(|_| EngineError::JobLost)?;
                Some(incoming?)
            }
            None => None,
        };
        let chunks = std::mem::take(&mut self.chunks);
        let octets = std::mem::take(&mut self.octets);
        let room = self.pool.room_for(octets).await?;
        let (mailbox, pool) = (Arc::clone(&self.mailbox), self.pool.clone());
        let write = move || {
            let mut incoming = match before {
                Some(incoming) => incoming,
                None => Incoming::create(&mailbox, &pool.namer, now_micros())?,
            };
            for chunk in chunks {
                incoming.write(&chunk)?;
            }
            drop(room);
            Ok(incoming)
        };
        let (place, space) = (Arc::clone(&self.mailbox), self.pool.space.clone());
        Ok(move || {
            let admitted = space.admit(place.dir(), octets as u64)?;
            let incoming = write().map_err(EngineError::disk);
            drop(admitted);
            incoming
        })
    }
}
