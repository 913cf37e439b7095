//! The watch on one account's tree: every directory of it, each mailbox's `cur` and `new`, no `tmp`.
//!
//! A directory is listened to before it is read, and counts as changed when that is done: what was
//! delivered into it before anybody listened is found so. Directories that come are covered in the
//! same way (of 200 messages in 200 new directories a plain recursive watch saw 47). A directory that
//! is gone is nobody's deletion: it is covered no more, and marks nothing.

use super::listener::{Listener, Refusal};
use super::marks::{Marks, Work};
use super::meaning::Kind;
use super::polled::{self, Times};
use crate::shutdown::Shutdown;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::ops::Bound;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How often a root that is not there is looked for: nobody tells when a disk is mounted.
const LOOK_FOR_ROOT: Duration = Duration::from_secs(1);
/// How often a root that is there is looked at: a disk may be mounted over it or go without a word.
const LOOK_AT_ROOT: Duration = Duration::from_secs(5);
/// Of many roots each is looked at less often, so that all together cost no more than twenty looks in a second: of a
/// thousand accounts, one look in five seconds each took more than one hundredth of a core.
const LOOKS_APART: Duration = Duration::from_millis(50);

/// What of a tree is the account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The mailbox that the root is: a maildrop may lie among other programs' directories.
    Root,
    /// The root and all below it.
    Tree,
}

/// What is listened to, and what is polled instead.
#[derive(Debug)]
pub(super) struct Cover {
    root: PathBuf,
    reach: Reach,
    listener: Arc<Listener>,
    marks: Arc<Marks>,
    /// A cold tree may take minutes to read.
    stopped: Shutdown,
    /// The root as it was covered; `None`: it was not there.
    identity: Option<Identity>,
    heard: BTreeMap<Arc<Path>, Kind>,
    polled: BTreeMap<Arc<Path>, (Kind, Option<Times>)>,
    next_poll: Option<Instant>,
    /// What the system lacked when it last refused a watch.
    lacking: Option<Refusal>,
}

impl Cover {
    pub(super) fn new(
        (root, reach): (&Path, Reach),
        (listener, marks): (&Arc<Listener>, &Arc<Marks>),
        stopped: &Shutdown,
    ) -> Self {
        listener.tree_came();
        Self {
            root: root.to_owned(),
            reach,
            listener: Arc::clone(listener),
            marks: Arc::clone(marks),
            stopped: stopped.clone(),
            identity: None,
            heard: BTreeMap::new(),
            polled: BTreeMap::new(),
            next_poll: None,
            lacking: None,
        }
    }

    /// Brings the cover in line with the tree, as far as somebody has told that it may not be.
    pub(super) fn tend(&mut self, work: &Work, now: Instant) {
        let root: Arc<Path> = self.root.as_path().into();
        let identity = Identity::of(&root);
        if identity != self.identity {
            self.uncover(&root);
            self.identity = identity;
            if identity.is_some() {
                self.cover(root, Kind::Branch);
            }
        } else if work.is_lost && identity.is_some() {
            self.cover(root, Kind::Branch);
        } else {
            for path in &work.looks {
                self.look(path);
            }
        }
        if self.next_poll.is_some_and(|at| at <= now) {
            self.poll();
        }
        self.next_poll = match self.polled.len() {
            0 => None,
            _ if self.next_poll.is_some_and(|at| at > now) => self.next_poll,
            directories => Some(now + polled::period(directories)),
        };
    }

    /// How long to leave the cover alone when nobody tells anything.
    pub(super) fn rest(&self, now: Instant) -> Duration {
        let root = match self.identity {
            Some(_) => LOOK_AT_ROOT,
            None => LOOK_FOR_ROOT,
        };
        let trees = u32::try_from(self.listener.trees()).unwrap_or(u32::MAX);
        let root = root.max(LOOKS_APART.saturating_mul(trees));
        let poll = self.next_poll.map(|at| at.saturating_duration_since(now));
        poll.map_or(root, |poll| poll.min(root))
    }

    /// Why directories are polled, and how many, if they are for want of watches.
    pub(super) fn shortage(&self) -> Option<(&Refusal, usize)> {
        let directories = self.polled.len();
        let lacking = self.lacking.as_ref().filter(|_| directories > 0)?;
        Some((lacking, directories))
    }

    /// Listens to nothing any more.
    pub(super) fn end(&mut self) {
        let root = self.root.clone();
        self.uncover(&root);
    }

    /// Something may have come or gone at this path.
    fn look(&mut self, path: &Path) {
        if *path == *self.root {
            return self.cover(path.into(), Kind::Branch);
        }
        let parent = path.parent().and_then(|parent| self.kind_of(parent));
        let is_there = parent == Some(Kind::Branch) && Times::of(path).is_some();
        match self.reach.kind_of_named(path.file_name()) {
            Some(kind) if is_there => self.cover(path.into(), kind),
            _ => self.uncover(path),
        }
    }

    fn kind_of(&self, directory: &Path) -> Option<Kind> {
        let polled = || self.polled.get(directory).map(|(kind, _)| *kind);
        self.heard.get(directory).copied().or_else(polled)
    }

    /// Covers a directory and all below it, anew where that was done, and marks it changed.
    fn cover(&mut self, directory: Arc<Path>, kind: Kind) {
        let mut covered = HashSet::new();
        let mut is_refused = false;
        let mut open = vec![(Arc::clone(&directory), kind)];
        while let Some((here, kind)) = open.pop() {
            if self.stopped.is_requested() {
                return;
            }
            // Where there are no more watches it is of no use to ask for each; one that is there stays.
            let is_asked = !is_refused || self.heard.contains_key(&here);
            match is_asked.then(|| self.listener.listen(&here, (kind, &self.marks))) {
                Some(Ok(())) => {
                    self.polled.remove(&here);
                    self.heard.insert(Arc::clone(&here), kind);
                }
                Some(Err(Refusal::Gone)) => continue,
                refused => {
                    if let Some(Err(refusal)) = refused
                        && refusal.is_shortage()
                    {
                        is_refused = true;
                        self.lacking = Some(refusal);
                    }
                    self.heard.remove(&here);
                    let times = Times::of(&here);
                    self.polled.insert(Arc::clone(&here), (kind, times));
                }
            }
            if kind == Kind::Branch {
                open.extend(self.below(&here));
            }
            covered.insert(here);
        }
        self.retain_below(&directory, |path| covered.contains(path));
        let now = Instant::now();
        let leaves = covered
            .iter()
            .filter(|path| self.kind_of(path) == Some(Kind::Leaf));
        leaves.for_each(|leaf| self.marks.changed(leaf, now));
    }

    /// The directories in a directory. A link is none: one that stays in the tree leads to a directory
    /// that is covered where it lies, and others are not followed (R8). What cannot be read is empty.
    fn below(&self, directory: &Path) -> Vec<(Arc<Path>, Kind)> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let named = directories.filter_map(|entry| {
            let kind = self.reach.kind_of_named(Some(&entry.file_name()))?;
            Some((entry.path().into(), kind))
        });
        named.collect()
    }

    fn uncover(&mut self, directory: &Path) {
        self.retain_below(directory, |_| false);
    }

    fn retain_below(&mut self, directory: &Path, stays: impl Fn(&Arc<Path>) -> bool) {
        // A directory comes right before what lies below it.
        let heard = self
            .heard
            .range::<Path, _>((Bound::Included(directory), Bound::Unbounded))
            .map(|(path, _)| path);
        let goes = |path: &&Arc<Path>| !stays(path);
        let goes_silent: Vec<_> = heard
            .take_while(|path| path.starts_with(directory))
            .filter(goes)
            .cloned()
            .collect();
        for path in goes_silent {
            self.heard.remove(&path);
            self.listener.forget(&path, &self.marks);
        }
        self.polled
            .retain(|path, _| !path.starts_with(directory) || stays(path));
    }

    /// Reads the times of what nobody listens to, and asks for a watch again: the limit may have been
    /// raised, or others may have given theirs back.
    fn poll(&mut self) {
        let mut looks = Vec::new();
        for (path, (kind, seen)) in &mut self.polled {
            let times = Times::of(path);
            if times == *seen {
                continue;
            }
            *seen = times;
            if *kind == Kind::Leaf && times.is_some() {
                self.marks.changed(path, Instant::now());
            } else {
                looks.push(Arc::clone(path));
            }
        }
        for path in looks {
            self.look(&path);
        }
        let first = self.polled.iter().next();
        let first = first.map(|(path, (kind, _))| (Arc::clone(path), *kind));
        if let Some((path, kind)) = first
            && self.listener.listen(&path, (kind, &self.marks)).is_ok()
        {
            self.heard.insert(path, kind);
            self.cover(self.root.as_path().into(), Kind::Branch);
        }
    }
}

impl Drop for Cover {
    fn drop(&mut self) {
        self.listener.tree_went();
    }
}

impl Refusal {
    const fn is_shortage(&self) -> bool {
        match self {
            Self::Watches | Self::Instances(_) => true,
            Self::Gone | Self::Other(_) => false,
        }
    }
}

/// Which directory it is. Inodes are given out again at once, so when it was made is part of it where
/// the file system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    made: Option<SystemTime>,
}

impl Identity {
    /// The root may be a symbolic link, it is the user's choice.
    fn of(root: &Path) -> Option<Self> {
        let found = fs::metadata(root).ok()?;
        found.is_dir().then(|| Self {
            device: found.dev(),
            inode: found.ino(),
            made: found.created().ok(),
        })
    }
}

impl Reach {
    /// What a directory of this name is, below a branch; `None`: nothing to us. No mailbox's directory is
    /// called `cur`, `new` or `tmp` (`maildir/layout.rs`).
    fn kind_of_named(self, name: Option<&OsStr>) -> Option<Kind> {
        match (name?.to_str(), self) {
            (Some("cur" | "new"), _) => Some(Kind::Leaf),
            (Some("tmp"), _) | (_, Self::Root) => None,
            (_, Self::Tree) => Some(Kind::Branch),
        }
    }
}
