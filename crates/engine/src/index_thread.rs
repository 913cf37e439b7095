//! The index has one owner, a thread; everybody else sends it work over a bounded channel.

use crate::error::EngineError;
use crate::heart::{DISK, Heart, within};
use postrider_index::{Index, IndexError};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// How many requests may wait. Small: whoever asks waits for the answer anyway.
const WAITING: usize = 64;

type Job = Box<dyn FnOnce(&mut Index) + Send>;

/// A way to the index for any task.
#[derive(Clone, Debug)]
pub(crate) struct IndexHandle {
    jobs: mpsc::Sender<Job>,
    heart: Heart,
    state_dir: Arc<Path>,
}

/// The thread itself; ends when the last handle is gone.
#[derive(Debug)]
pub(crate) struct IndexThread {
    thread: JoinHandle<()>,
}

impl IndexThread {
    pub(crate) fn start(
        mut index: Index,
        state_dir: Arc<Path>,
    ) -> Result<(Self, IndexHandle), EngineError> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(WAITING);
        let heart = Heart::new(DISK);
        let own = heart.clone();
        let serve = move || {
            let _life = own.life();
            let mut idle = own.waits(None);
            while let Some(job) = waiting.blocking_recv() {
                drop(idle);
                job(&mut index);
                idle = own.waits(None);
            }
            drop(idle);
            // All that is lost with an end out of order is time: the next start checks the index.
            let _sealed = index.close().is_ok();
        };
        let thread = std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(serve)
            .map_err(|source| EngineError::Thread { source })?;
        let handle = IndexHandle {
            jobs,
            heart,
            state_dir,
        };
        Ok((Self { thread }, handle))
    }

    /// Waits for the thread after the last handle was dropped, so that the database is closed in
    /// order and its write-ahead log folded in.
    pub(crate) async fn join(self) {
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await;
        debug_assert!(joined.is_ok(), "the index thread does not panic");
    }
}

impl IndexHandle {
    /// The thread's heart.
    pub(crate) const fn heart(&self) -> &Heart {
        &self.heart
    }

    /// Runs `work` on the index and waits for what it returns.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Index) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |index| {
            // The asker may have been cancelled; the work is done all the same.
            let _asker_gone = answer.send(work(index)).is_err();
        });
        let gone = || EngineError::IndexGone;
        let ask = async {
            self.jobs.send(job).await.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())
        };
        let answered = within(DISK, ask).await?;
        answered.map_err(EngineError::index(&self.state_dir))
    }
}
