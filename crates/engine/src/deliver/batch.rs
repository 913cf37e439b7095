//! One batch on its way through the steps named at the top of [`super`], and what it hands on to the next.

use super::proving::Proving;
use super::watched::Watched;
use super::whole::{Whole, log_stored};
use super::{Arrival, Orphans, Stored};
use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::heart::shared;
use crate::imap::quick;
use crate::imap::strays::{self, Strays};
use crate::report::Progress;
use crate::step::{Step, Steps};
use postrider_core::message::{MessageKey, ServerRef, Sha256};
use postrider_index::{Attachment, Index, JournalId, MailboxId, Relocation};
use postrider_maildir::Disk;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinHandle;

/// The disk below the mail tree, where it can be flushed as a whole. A failed write is told to each opener:
/// two that flush at once must not take it from one another.
#[derive(Clone, Debug)]
pub(super) struct Disks {
    pub(super) files: Option<Arc<Disk>>,
    directories: Option<Arc<Disk>>,
}

impl Disks {
    pub(super) fn open(tree: &Path) -> Self {
        let open = || Disk::open(tree).map(Arc::new);
        Self {
            files: open(),
            directories: open(),
        }
    }
}

/// What a batch hands on when its messages have their names.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Those that were not found yet.
    orphans: Orphans,
    watched: Watched,
}

/// What it hands on when they are recorded.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// All that was stored since the beginning.
    stored: Vec<Stored>,
    proving: Proving,
}

/// The batch before, of whom the next one waits twice.
#[derive(Debug)]
pub(super) struct Before {
    named: oneshot::Receiver<Named>,
    recording: Recording,
}

#[derive(Debug)]
enum Recording {
    Done(Box<Recorded>),
    UnderWay(JoinHandle<Result<Recorded, EngineError>>),
}

impl Recording {
    async fn done(self) -> Result<Recorded, EngineError> {
        match self {
            Self::Done(recorded) => Ok(*recorded),
            Self::UnderWay(task) => task.await.map_err(|_| EngineError::JobLost)?,
        }
    }
}

impl Before {
    /// Nothing came before.
    pub(super) fn nothing() -> Self {
        let (hand_on, named) = oneshot::channel();
        drop(hand_on.send(Named::default()));
        Self {
            named,
            recording: Recording::Done(Box::default()),
        }
    }

    /// The same; what went wrong with a batch that has ended is known now.
    pub(super) async fn looked_at(self) -> Result<Self, EngineError> {
        match self.recording {
            Recording::UnderWay(task) if task.is_finished() => Ok(Self {
                named: self.named,
                recording: Recording::Done(Box::new(Recording::UnderWay(task).done().await?)),
            }),
            _ => Ok(self),
        }
    }

    /// Waits until everything is recorded, and proven where that was begun. Returns all that was stored.
    pub(super) async fn finish(self, account: &Account) -> Result<Vec<Stored>, EngineError> {
        let Recorded {
            stored,
            mut proving,
        } = self.recording.done().await?;
        proving.done().await?;
        let named = self.named.await.map_err(|_| EngineError::JobLost)?;
        named.watched.finish(account).await?;
        Ok(stored)
    }
}

/// A batch that is received, or nearly.
pub(super) struct Batch {
    pub(super) account: Account,
    pub(super) disks: Disks,
    /// Whether what is stored is proven at once.
    pub(super) proves: bool,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) expected: Orphans,
    pub(super) strays: Strays,
}

/// Its messages when they have their names, in the order of their journal's entries.
struct Placed {
    /// Known ones that arrived under another name.
    attached: Vec<Stored>,
    entries: Vec<JournalId>,
    fresh: Vec<Whole>,
    /// Why others could not be written.
    short: Option<EngineError>,
}

impl Batch {
    /// Sends it on its way; `turn` is held until it is recorded.
    pub(super) fn start(self, before: Before, turn: Option<OwnedSemaphorePermit>) -> Before {
        let (hand_on, named) = oneshot::channel();
        let task = tokio::spawn(shared(async move {
            let recorded = self.store(before, hand_on).await;
            drop(turn);
            recorded
        }));
        Before {
            named,
            recording: Recording::UnderWay(task),
        }
    }

    async fn store(
        mut self,
        before: Before,
        hand_on: oneshot::Sender<Named>,
    ) -> Result<Recorded, EngineError> {
        let placed = self.name(before.named, hand_on).await;
        // Also when ours has failed: nothing goes on behind the back of a pass that has ended. And
        // when that of before has, it is the reason.
        let recorded = before.recording.done().await?;
        self.record(placed?, recorded).await
    }

    /// Flushes what was written, and gives it its names when those before have theirs.
    async fn name(
        &mut self,
        before: oneshot::Receiver<Named>,
        hand_on: oneshot::Sender<Named>,
    ) -> Result<Placed, EngineError> {
        let arrivals = std::mem::take(&mut self.arrivals);
        let (whole, short) = flush(&self.account, arrivals, self.disks.files.take()).await?;
        let mut named = before.await.map_err(|_| EngineError::JobLost)?;
        named.orphans.extend(std::mem::take(&mut self.expected));
        let (attached, fresh) = self.recognise(whole, &mut named.orphans).await?;
        let (entries, fresh, named) = self.place(fresh, named).await?;
        // Nobody waits for it when the pass has ended.
        drop(hand_on.send(named));
        Ok(Placed {
            attached,
            entries,
            fresh,
            short,
        })
    }

    /// Parts what is new from what is here under another name (R4).
    async fn recognise(
        &self,
        batch: Vec<Whole>,
        orphans: &mut Orphans,
    ) -> Result<(Vec<Stored>, Vec<Whole>), EngineError> {
        let (mut attached, mut fresh) = (Vec::new(), Vec::new());
        for whole in batch {
            let place = (whole.mailbox.id, whole.received.sha256);
            if let Some(key) = self.orphan(place, orphans) {
                attach(&self.account, key, &whole).await?;
                attached.push(whole.stored(key, false));
            } else if let Some(to) = self.stray(&whole).await? {
                strays::bring(&self.account, to).await?;
                attached.push(whole.stored(to.key, false));
            } else if !quick::leaves(&self.account, place.0, place.1).await? {
                fresh.push(whole);
            }
        }
        Ok((attached, fresh))
    }

    /// A known message of the mailbox that has these octets.
    fn orphan(&self, place: (MailboxId, Sha256), orphans: &mut Orphans) -> Option<MessageKey> {
        let alike = orphans.get_mut(&place)?;
        while let Some(key) = alike.pop() {
            if self.strays.find(key) {
                return Some(key);
            }
        }
        None
    }

    /// A message that has these octets, and whose file lies in another mailbox (R4).
    async fn stray(&self, whole: &Whole) -> Result<Option<Relocation>, EngineError> {
        let ServerRef::Imap { uid_validity, uid } = whole.server else {
            return Ok(None);
        };
        let found = self.strays.take(&self.account, whole.received.sha256);
        Ok(found.await?.map(|key| Relocation {
            key,
            mailbox: whole.mailbox.id,
            uid_validity,
            uid,
            follows: strays::follow(&self.account),
        }))
    }

    /// Writes down what is about to be delivered, and then delivers it.
    async fn place(
        &self,
        fresh: Vec<Whole>,
        mut named: Named,
    ) -> Result<(Vec<JournalId>, Vec<Whole>, Named), EngineError> {
        if fresh.is_empty() {
            return Ok((Vec::new(), fresh, named));
        }
        let shared = &self.account.shared;
        let intents: Vec<_> = fresh.iter().map(Whole::intent).collect();
        let begin = move |index: &mut Index| index.begin(&intents);
        let entries = shared.index.call(begin).await?;
        shared.steps.reached(Step::Journaled)?;
        named.watched.begin(&self.account, &fresh).await?;
        let steps = shared.steps.clone();
        let place = move || place(fresh, named, &steps);
        let (fresh, named) = DeliveryPool::run(place).await??;
        Ok((entries, fresh, named))
    }

    /// Makes the names durable and records what bears them.
    async fn record(self, placed: Placed, mut recorded: Recorded) -> Result<Recorded, EngineError> {
        let Placed {
            attached,
            entries,
            fresh,
            short,
        } = placed;
        let before = recorded.stored.len();
        recorded.stored.extend(attached);
        if !fresh.is_empty() {
            let disk = self.disks.directories.clone();
            let flush = move || flush_directories(fresh, disk.as_deref());
            let fresh = DeliveryPool::run(flush).await??;
            self.account
                .shared
                .steps
                .reached(Step::DirectoriesFlushed)?;
            let seen = self.account.notes();
            let record = move |index: &mut Index| index.record(&entries, seen, now());
            let keys = self.account.shared.index.call(record).await?;
            self.account.shared.steps.reached(Step::Recorded)?;
            debug_assert_eq!(keys.len(), fresh.len(), "one key for each journal entry");
            tell(&self.account, &fresh);
            let keyed = keys.into_iter().zip(&fresh);
            let stored = keyed.map(|(key, whole)| whole.stored(key, true));
            recorded.stored.extend(stored);
        }
        if self.proves {
            let stored = recorded.stored.get(before..).unwrap_or_default();
            let whole = stored.iter().filter(|stored| stored.as_told);
            let keys: Vec<MessageKey> = whole.map(|stored| stored.key).collect();
            recorded.proving.begin(&self.account, keys).await?;
        }
        short.map_or(Ok(recorded), Err)
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
    let flush = move || {
        postrider_maildir::flush(&batch, disk.as_deref())?;
        // Others that are on their way have as many.
        batch.iter_mut().for_each(|whole| whole.received.close());
        Ok(batch)
    };
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
        index.attach(&[attachment], now())?;
        // Its octets were received just now, and are those of the file.
        index.mark_received(&[key])
    };
    account.shared.index.call(attach).await
}

fn place(
    mut fresh: Vec<Whole>,
    mut named: Named,
    steps: &Steps,
) -> Result<(Vec<Whole>, Named), EngineError> {
    for whole in &mut fresh {
        named.watched.expect(whole);
        whole.place()?;
        steps.reached(Step::Placed)?;
    }
    steps.reached(Step::BatchPlaced)?;
    named.watched.listen();
    Ok((fresh, named))
}

fn flush_directories(fresh: Vec<Whole>, disk: Option<&Disk>) -> Result<Vec<Whole>, EngineError> {
    let mailboxes: Vec<_> = fresh.iter().map(|whole| &*whole.mailbox.maildir).collect();
    postrider_maildir::flush_directories_on(disk, &mailboxes).map_err(EngineError::disk)?;
    Ok(fresh)
}

/// Tells the log, the hooks and whoever watches.
fn tell(account: &Account, stored: &[Whole]) {
    for whole in stored {
        log_stored(account, whole);
        account.hooks.stored(&whole.mailbox.name);
    }
    account.tell(Progress::Stored {
        account: account.name().clone(),
        messages: stored.len() as u64,
        octets: stored.iter().map(|whole| whole.octets).sum(),
    });
}
