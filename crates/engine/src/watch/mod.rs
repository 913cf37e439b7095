//! A running account's watch over its mail tree: what readers do starts a pass at once.
//!
//! | step | file |
//! |---|---|
//! | hear that something happened in a directory | [`listener`], for all accounts |
//! | tell which directory changed, or where one came or went | [`meaning`] |
//! | keep that, as sets | [`marks`] |
//! | wait until readers have come to rest | [`quiet`] |
//! | hold the directory against the index: is it news? | [`news`] |
//! | start a pass, which finds out what it is | `engine/daemon.rs` |
//!
//! Meanwhile [`cover`] sees to it that every directory is listened to, and polls those that cannot be
//! ([`polled`]).
//!
//! **Invariant:** an event is never interpreted beyond the directory that it is about, and none is left
//! out because it looks like ours. What is missed for whatever reason is found by the ordinary pass
//! when its time comes: the watch is about being early, not about being right.

mod cover;
mod listener;
mod marks;
mod meaning;
mod news;
mod polled;
mod quiet;

#[cfg(test)]
mod tests;

pub(crate) use listener::Listener;

use crate::context::Account;
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::events;
use crate::shutdown::{Shutdown, ShutdownTrigger};
use cover::{Cover, Reach};
use listener::Refusal;
use marks::Marks;
use news::News;
use postrider_core::account::Protocol;
use postrider_maildir::Mailbox;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long the first pass waits for the watch. What changes before the pass looks is the pass's to see,
/// and then need not be compared. 8,000 mailboxes took 1.1 s on two cores that had other work to do.
const PATIENCE: Duration = Duration::from_secs(2);

/// When local changes start a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heed {
    /// So long after the pass before: the least time that the server wants between two logins.
    After(Duration),
    /// Only the mail tree's return does: it was not there.
    Return,
    /// They do not: the pass before failed, and what was refused is not asked for sooner because
    /// somebody reads mail.
    Nothing,
}

/// The watch over one account's tree. Ends when it is dropped; [`Watch::end`] waits for that.
#[derive(Debug)]
pub(crate) struct Watch {
    marks: Arc<Marks>,
    news: News,
    stop: ShutdownTrigger,
    tending: JoinHandle<()>,
    covered: Option<oneshot::Receiver<()>>,
}

impl Watch {
    /// Begins to cover the account's tree.
    pub(crate) fn over(account: &Account, listener: &Arc<Listener>) -> Self {
        let marks = Arc::new(Marks::default());
        let (stop, stopped) = Shutdown::new();
        let (cover, covered) = oneshot::channel();
        let reach = match account.settings.protocol {
            Protocol::Imap => Reach::Tree,
            Protocol::Pop3 => Reach::Root,
        };
        let tree = (&*account.settings.maildir, reach);
        let task = Tending {
            cover: Cover::new(tree, (listener, &marks), &stopped),
            account: account.name().as_str().into(),
            marks: Arc::clone(&marks),
            stopped,
        };
        Self {
            marks,
            news: News::default(),
            stop,
            tending: tokio::spawn(task.run(cover)),
            covered: Some(covered),
        }
    }

    /// Waits until the tree is covered for the first time, or it takes too long.
    pub(crate) async fn covered(&mut self) {
        if let Some(covered) = self.covered.take() {
            let _too_long = tokio::time::timeout(PATIENCE, covered).await.is_err();
        }
    }

    /// A pass begins, which looks at everything that has changed so far.
    pub(crate) fn pass_begins(&self) {
        self.marks.take_changes();
    }

    /// Returns when it is time for a pass because of a local change. Whoever gives up waiting must
    /// start a pass, which looks at what was given up.
    pub(crate) async fn calls(&mut self, account: &Account, heed: Heed) {
        match heed {
            Heed::After(delay) => tokio::time::sleep(delay).await,
            Heed::Return => {}
            Heed::Nothing => std::future::pending().await,
        }
        loop {
            match self.marks.due() {
                None => self.marks.changes().await,
                Some(due) if due > Instant::now() => tokio::time::sleep_until(due.into()).await,
                Some(_) => {
                    let changed = self.marks.take_changes();
                    let calls = match heed {
                        Heed::Return => is_back(account).await,
                        Heed::After(_) | Heed::Nothing => self.news.is_in(account, changed).await,
                    };
                    // What went wrong goes wrong in the pass too, which tells the log.
                    if calls.unwrap_or(true) {
                        return;
                    }
                }
            }
        }
    }

    /// Ends the watch, and returns when nothing is left of it.
    pub(crate) async fn end(self) {
        self.stop.request();
        // A task that panicked has ended too.
        let _ended = self.tending.await.is_ok();
    }
}

/// Whether the tree is there again, with at least one of the mailboxes that the index knows.
async fn is_back(account: &Account) -> Result<bool, EngineError> {
    let id = account.id;
    let rows = account.shared.index.call(move |index| index.mailboxes(id));
    let (rows, root) = (rows.await?, account.settings.maildir.clone());
    let look = move || {
        let inside = rows.iter().filter(|row| row.path.starts_with(&root));
        let mut mailboxes = inside.map(|row| Mailbox::new(&root, &row.path));
        mailboxes.any(|mailbox| mailbox.exists().unwrap_or(false))
    };
    DeliveryPool::run(look).await
}

/// What keeps the cover in line with the tree.
struct Tending {
    cover: Cover,
    account: Box<str>,
    marks: Arc<Marks>,
    stopped: Shutdown,
}

impl Tending {
    async fn run(mut self, covered: oneshot::Sender<()>) {
        let mut covered = Some(covered);
        let mut is_told = false;
        while !self.stopped.is_requested() {
            let (work, mut cover) = (self.marks.take_work(), self.cover);
            let tend = move || {
                cover.tend(&work, Instant::now());
                cover
            };
            let Ok(cover) = DeliveryPool::run(tend).await else {
                return;
            };
            self.cover = cover;
            if let Some(covered) = covered.take() {
                let _nobody_waits = covered.send(()).is_err();
            }
            match self.cover.shortage() {
                Some((refusal, directories)) if !is_told => {
                    is_told = true;
                    tell(&self.account, refusal, directories);
                }
                Some(_) => {}
                None => is_told = false,
            }
            let rest = self.cover.rest(Instant::now());
            tokio::select! {
                () = self.stopped.requested() => {}
                () = self.marks.work() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
        let mut cover = self.cover;
        let end = move || cover.end();
        let _ended = DeliveryPool::run(end).await.is_ok();
    }
}

fn tell(account: &str, refusal: &Refusal, directories: usize) {
    let (because, hint) = match refusal {
        Refusal::Instances(because) => (
            because.as_str(),
            "raise the limit: sysctl fs.inotify.max_user_instances=1024, and a line in /etc/sysctl.d to keep it",
        ),
        Refusal::Watches | Refusal::Gone | Refusal::Other(_) => (
            "the system has no more watches for this user",
            "raise the limit: sysctl fs.inotify.max_user_watches=524288, and a line in /etc/sysctl.d to keep it",
        ),
    };
    events::WatchLimited {
        account,
        directories: directories as u64,
        because,
        hint,
    }
    .emit();
}
