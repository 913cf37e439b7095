//! What was heard about one account's tree and not looked at yet: sets, so that a storm of events
//! takes no more room than there are directories.

use super::quiet::Quiet;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// More paths than this to look at are as good as the whole tree. Names that come and go could fill
/// memory otherwise.
const MOST_LOOKS: usize = 4_096;

/// Written by whoever hears, read by the account's task and by what tends its watch.
#[derive(Debug, Default)]
pub(super) struct Marks {
    state: Mutex<State>,
    /// Told at the first change after a look.
    changes: Notify,
    work: Notify,
}

#[derive(Debug, Default)]
struct State {
    dirty: HashSet<Arc<Path>>,
    quiet: Quiet,
    work: Work,
}

/// Where directories have to be looked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Events were lost: everywhere.
    pub(super) is_lost: bool,
    /// At these paths.
    pub(super) looks: HashSet<PathBuf>,
}

impl Marks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A mailbox's `cur` or `new` has changed.
    pub(super) fn changed(&self, directory: &Arc<Path>, now: Instant) {
        let mut state = self.state();
        let is_first = state.quiet.heard(now);
        if !state.dirty.contains(directory) {
            state.dirty.insert(Arc::clone(directory));
        }
        drop(state);
        if is_first {
            self.changes.notify_one();
        }
    }

    /// A directory may have come or gone.
    pub(super) fn look(&self, path: &Path) {
        let work = &mut self.state().work;
        if work.looks.len() >= MOST_LOOKS {
            work.looks.clear();
            work.is_lost = true;
        }
        if !work.is_lost {
            work.looks.insert(path.to_owned());
        }
        self.work.notify_one();
    }

    /// Events were lost.
    pub(super) fn lose(&self) {
        let work = &mut self.state().work;
        work.is_lost = true;
        work.looks.clear();
        self.work.notify_one();
    }

    /// When the changes are to be looked at; `None`: there are none.
    pub(super) fn due(&self) -> Option<Instant> {
        self.state().quiet.due()
    }

    /// The directories that have changed; from now on they have not.
    pub(super) fn take_changes(&self) -> HashSet<Arc<Path>> {
        let mut state = self.state();
        state.quiet = Quiet::default();
        std::mem::take(&mut state.dirty)
    }

    /// Where to look for directories.
    pub(super) fn take_work(&self) -> Work {
        std::mem::take(&mut self.state().work)
    }

    /// Returns when something has changed since the last look, or a little before.
    pub(super) async fn changes(&self) {
        self.changes.notified().await;
    }

    /// Returns when there is somewhere to look.
    pub(super) async fn work(&self) {
        self.work.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_takes_no_more_room_than_there_are_directories() {
        let marks = Marks::default();
        let directories: Vec<Arc<Path>> =
            vec![Path::new("/m/cur").into(), Path::new("/m/new").into()];
        for _ in 0..10_000 {
            for directory in &directories {
                marks.changed(directory, Instant::now());
            }
        }
        assert_eq!(marks.state().dirty.len(), 2);
        assert!(marks.due().is_some());
        assert_eq!(marks.take_changes().len(), 2);
        assert_eq!((marks.due(), marks.take_changes().len()), (None, 0));

        for n in 0..3 * MOST_LOOKS {
            marks.look(Path::new(&format!("/m/{n}")));
            assert!(marks.state().work.looks.len() <= MOST_LOOKS);
        }
        let work = marks.take_work();
        assert!(work.is_lost && work.looks.is_empty(), "the whole tree");
        assert_eq!(marks.take_work(), Work::default());
    }
}
