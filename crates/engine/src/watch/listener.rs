//! The daemon's one ear: which directory is whose, and the system's watches on them.
//!
//! One for all accounts, because a user has few instances of inotify (128 by default), and each is a
//! thread. It starts with the first directory and ends with the last.
//!
//! **Invariant:** the routes are not locked while the system's watches are changed: that waits for
//! the thread that hears, which needs the routes.

use super::marks::Marks;
use super::meaning::{Kind, Meaning, within};
use notify::{ErrorKind, Event, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Hears of changes in directories for all accounts.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    routes: Arc<Routes>,
    watcher: Mutex<Option<RecommendedWatcher>>,
    /// How many accounts' trees are covered.
    trees: AtomicUsize,
}

/// Why a directory cannot be listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not there.
    Gone,
    /// The system has no more watches for this user.
    Watches,
    /// The system does not even let us begin.
    Instances(String),
    /// Something else, with this one.
    Other(String),
}

impl Listener {
    /// Listens to a directory, and to nothing below it. Where that is done already it is done anew: the
    /// path may have come to be another directory. May block.
    pub(super) fn listen(
        &self,
        directory: &Arc<Path>,
        (kind, marks): (Kind, &Arc<Marks>),
    ) -> Result<(), Refusal> {
        let mut watcher = self.watcher();
        let hears = match watcher.take() {
            Some(hears) => hears,
            None => hear(&self.routes)?,
        };
        let hears = watcher.insert(hears);
        // First, so that nothing is heard that nobody listens to.
        self.routes.add(directory, kind, marks);
        let watched = hears.watch(directory, RecursiveMode::NonRecursive);
        if watched.is_err() && self.routes.remove(directory, marks) == Left::Nothing {
            *watcher = None;
        }
        watched.map_err(refusal)
    }

    /// Listens to a directory no more, for this account. May block.
    pub(super) fn forget(&self, directory: &Path, marks: &Arc<Marks>) {
        let mut watcher = self.watcher();
        match self.routes.remove(directory, marks) {
            Left::This => {}
            Left::Others => {
                if let Some(hears) = &mut *watcher {
                    // A directory that is gone took its watch along.
                    let _is_gone = hears.unwatch(directory).is_err();
                }
            }
            Left::Nothing => *watcher = None,
        }
    }

    pub(super) fn tree_came(&self) {
        self.trees.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn tree_went(&self) {
        self.trees.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many accounts' trees are covered.
    pub(super) fn trees(&self) -> usize {
        self.trees.load(Ordering::Relaxed)
    }

    fn watcher(&self) -> MutexGuard<'_, Option<RecommendedWatcher>> {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many directories are listened to.
    #[cfg(test)]
    pub(super) fn directories(&self) -> usize {
        self.routes.lock().len()
    }

    /// Whether there is a thread that hears.
    #[cfg(test)]
    pub(super) fn is_running(&self) -> bool {
        self.watcher().is_some()
    }

    /// Makes whoever hears wait for as long as the guard lives, so that the system's queue fills.
    #[cfg(test)]
    pub(super) fn deafen(&self) -> impl Drop {
        self.routes.lock()
    }
}

fn hear(routes: &Arc<Routes>) -> Result<RecommendedWatcher, Refusal> {
    let routes = Arc::clone(routes);
    let hear = move |event: notify::Result<Event>| routes.hear(event, Instant::now());
    let made = RecommendedWatcher::new(hear, notify::Config::default());
    made.map_err(|error| Refusal::Instances(error.to_string()))
}

fn refusal(error: notify::Error) -> Refusal {
    match error.kind {
        ErrorKind::MaxFilesWatch => Refusal::Watches,
        ErrorKind::PathNotFound | ErrorKind::WatchNotFound => Refusal::Gone,
        ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::NotFound => Refusal::Gone,
        ErrorKind::Io(error) => Refusal::Other(error.to_string()),
        ErrorKind::Generic(_) | ErrorKind::InvalidConfig(_) => Refusal::Other(error.to_string()),
    }
}

/// Who listens to which directory, and as what. Trees of several accounts may overlap.
#[derive(Debug, Default)]
struct Routes(Mutex<HashMap<Arc<Path>, Vec<Route>>>);

#[derive(Debug)]
struct Route {
    kind: Kind,
    marks: Arc<Marks>,
}

/// What is listened to after somebody has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// The directory, by others.
    This,
    /// Other directories.
    Others,
    /// None.
    Nothing,
}

impl Routes {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<Path>, Vec<Route>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, directory: &Arc<Path>, kind: Kind, marks: &Arc<Marks>) {
        let mut routes = self.lock();
        let there = routes.entry(Arc::clone(directory)).or_default();
        there.retain(|route| !Arc::ptr_eq(&route.marks, marks));
        there.push(Route {
            kind,
            marks: Arc::clone(marks),
        });
    }

    fn remove(&self, directory: &Path, marks: &Arc<Marks>) -> Left {
        let mut routes = self.lock();
        if let Some(there) = routes.get_mut(directory) {
            there.retain(|route| !Arc::ptr_eq(&route.marks, marks));
            if !there.is_empty() {
                return Left::This;
            }
            routes.remove(directory);
        }
        if routes.is_empty() {
            Left::Nothing
        } else {
            Left::Others
        }
    }

    /// Marks what an event is about. Runs on the thread that hears.
    fn hear(&self, event: notify::Result<Event>, now: Instant) {
        let routes = self.lock();
        let event = match event {
            Ok(event) if !event.need_rescan() => event,
            // What was lost may have been anybody's.
            Ok(_) | Err(_) => {
                let everybody = routes.values().flatten();
                everybody.for_each(|route| route.marks.lose());
                return;
            }
        };
        for path in &event.paths {
            let parent = path
                .parent()
                .and_then(|parent| routes.get_key_value(parent));
            let itself = routes.get(path.as_path());
            let Some((directory, listening)) = parent else {
                // Nobody listens above a tree's root.
                let root = itself.into_iter().flatten();
                if within(Kind::Branch, event.kind) != Meaning::Nothing {
                    root.for_each(|route| route.marks.look(path));
                }
                continue;
            };
            for route in listening {
                match within(route.kind, event.kind) {
                    Meaning::Changed => route.marks.changed(directory, now),
                    Meaning::Look => route.marks.look(path),
                    Meaning::LookIfKnown if itself.is_some() => route.marks.look(path),
                    Meaning::LookIfKnown | Meaning::Nothing => {}
                }
            }
        }
    }
}
