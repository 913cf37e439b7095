//! What an account has learned of silent connections: shared by all its lines, and kept in the index.

use crate::context::now;
use crate::index_thread::IndexHandle;
use postrider_core::refresh::Refresh;
use postrider_index::{AccountId, Index};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// When a silent line is refreshed. Clones are one and the same.
#[derive(Clone, Debug)]
pub(super) struct Silence(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    index: IndexHandle,
    account: AccountId,
    refresh: Mutex<Refresh>,
    /// Lines besides the first one.
    further: AtomicU32,
}

/// A further line, for as long as it listens.
#[derive(Debug)]
pub(super) struct Listener(Silence);

impl Silence {
    /// As the user `wanted` it, or as it was learned before.
    pub(super) async fn of(
        index: &IndexHandle,
        account: AccountId,
        wanted: Option<Duration>,
    ) -> Self {
        let learned = index.call(move |index| index.silence(account));
        // What cannot be read is learned anew.
        let learned = learned.await.ok().flatten();
        let refresh = Refresh::new(wanted).recalling(learned, now());
        Self(Arc::new(Shared {
            index: index.clone(),
            account,
            refresh: Mutex::new(refresh),
            further: AtomicU32::new(0),
        }))
    }

    /// How long it may last.
    pub(super) fn longest(&self) -> Duration {
        self.with(|refresh| refresh.interval())
    }

    /// A line has outlived it.
    pub(super) async fn outlived(&self) {
        let lines = self.further_lines().saturating_add(1);
        self.learn(|refresh| refresh.outlived(lines)).await;
    }

    /// A line was found to be over after so much of it.
    pub(super) async fn lost_after(&self, silence: Duration) {
        self.learn(|refresh| refresh.lost_after(silence)).await;
    }

    /// Another line listens, until what this gives is dropped.
    pub(super) fn joins(&self) -> Listener {
        self.0.further.fetch_add(1, Ordering::Relaxed);
        Listener(self.clone())
    }

    /// How many listen besides the first.
    pub(super) fn further_lines(&self) -> u32 {
        self.0.further.load(Ordering::Relaxed)
    }

    /// Remembers what has changed, over a restart too.
    async fn learn(&self, change: impl FnOnce(&mut Refresh)) {
        let (before, after) = self.with(|refresh| {
            let before = refresh.interval();
            change(refresh);
            (before, *refresh)
        });
        if after.interval() == before {
            return;
        }
        let (account, learned) = (self.0.account, after.learned(now()));
        let write = move |index: &mut Index| index.set_silence(account, learned);
        let write = self.0.index.call(write);
        // A restart would learn it anew.
        let _written = write.await.is_ok();
    }

    fn with<T>(&self, look: impl FnOnce(&mut Refresh) -> T) -> T {
        // Nobody panics while holding it.
        let refresh = self.0.refresh.lock();
        look(&mut refresh.unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.0.further.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index_thread::IndexThread;
    use postrider_core::account::{AccountName, Protocol};
    use postrider_core::refresh::LONGEST;
    use std::path::Path;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A process with this state directory; what it knows of one account.
    async fn process(state: &Path) -> (IndexThread, Silence) {
        let index = Index::open(state).unwrap();
        let (thread, index) = IndexThread::start(index, state.into()).unwrap();
        let name = AccountName::parse("home").unwrap();
        let account = index.call(move |index| index.account(&name, Protocol::Imap));
        let silence = Silence::of(&index, account.await.unwrap(), None).await;
        (thread, silence)
    }

    #[tokio::test]
    async fn what_was_learned_is_known_to_the_next_process_and_forgotten_in_the_end() {
        let state = tempfile::tempdir().unwrap();
        let (thread, silence) = process(state.path()).await;
        assert_eq!(silence.longest(), LONGEST);
        silence.lost_after(10 * MINUTE).await;
        drop(silence);
        thread.join().await;

        let (thread, silence) = process(state.path()).await;
        assert_eq!(silence.longest(), 8 * MINUTE);
        for _ in 0..1_000 {
            silence.outlived().await;
        }
        assert_eq!(silence.longest(), LONGEST);
        drop(silence);
        thread.join().await;
        let (_thread, silence) = process(state.path()).await;
        assert_eq!(silence.longest(), LONGEST);
    }

    #[tokio::test]
    async fn whoever_listens_is_counted_until_it_ends() {
        let state = tempfile::tempdir().unwrap();
        let (_thread, silence) = process(state.path()).await;
        let same = silence.clone();
        let (one, two) = (silence.joins(), same.joins());
        assert_eq!(silence.further_lines(), 2);
        drop(one);
        assert_eq!(silence.further_lines(), 1);
        drop(two);
        assert_eq!(silence.further_lines(), 0);
    }
}
