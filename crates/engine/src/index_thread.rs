//! The index has one owner, a thread; everybody else sends it work over a bounded channel.

use crate::error::EngineError;
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
        let serve = move || {
            while let Some(job) = waiting.blocking_recv() {
                job(&mut index);
            }
            // All that is lost with an end out of order is time: the next start checks the index.
            let _sealed = index.close().is_ok();
        };
        let thread = std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(serve)
            .map_err(|source| EngineError::Thread { source })?;
        Ok((Self { thread }, IndexHandle { jobs, state_dir }))
    }

    /// Waits for the thread after the last handle was dropped, so that the database is closed in
    /// order and its write-ahead log folded in.
    pub(crate) async fn join(self) {
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await;
        debug_assert!(joined.is_ok(), "the index thread does not panic");
    }
}

impl IndexHandle {
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
        self.jobs.send(job).await.map_err(|_| gone())?;
        let answered = answered.await.map_err(|_| gone())?;
        answered.map_err(EngineError::index(&self.state_dir))
    }
}
