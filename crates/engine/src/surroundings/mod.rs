//! What happens around the daemon: the machine was suspended, the network is another one.
//!
//! | step | file |
//! |---|---|
//! | hear of links, addresses and routes | [`network`] |
//! | tell what of it is a change | [`meaning`] |
//! | tell how long the machine was suspended | [`slept`] |
//! | wait until a burst of changes is over | [`settle`] |
//! | tell everybody, once | [`observer`] |
//!
//! Whoever waits after a failure asks [`Changes::next`]; whoever waits for a time uses [`Surroundings::sleep`], for which
//! time goes on while the machine sleeps. Connections look after themselves: they are probed at every change
//! (`Connector::doubt`), so that one whose way is gone fails within seconds and not when a timeout is over.
//!
//! **Invariant:** a change is a reason to try, never a reason to believe anything. Whatever is missed here is found when a
//! pause ends.

mod meaning;
mod network;
mod observer;
mod settle;
mod slept;

#[cfg(test)]
mod tests;

pub(crate) use observer::Observer;

use crate::rhythm::jitter;
use postrider_core::pace::pause_before_call;
use slept::Slept;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// What happens around us, for whoever wants to know. Without an [`Observer`] nothing ever does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    news: Arc<News>,
    slept: Slept,
}

/// Counts, so that nobody who looks late misses one.
#[derive(Debug, Default)]
struct News {
    /// Changes that have settled.
    changes: watch::Sender<u64>,
    /// Times that the machine has woken up, told at once.
    wakes: watch::Sender<u64>,
}

/// Held by whoever may want to try again when something has changed.
#[derive(Debug)]
pub(crate) struct Changes {
    news: Arc<News>,
    seen: watch::Receiver<u64>,
}

impl Surroundings {
    /// Changes from now on.
    pub(crate) fn changes(&self) -> Changes {
        Changes {
            news: Arc::clone(&self.news),
            seen: self.news.changes.subscribe(),
        }
    }

    /// Returns when so much time has passed, that of a suspend included: what came due meanwhile is due when
    /// the machine wakes up. All that is due then spreads a little.
    pub(crate) async fn sleep(&self, pause: Duration) {
        let (begun, slept_before) = (Instant::now(), self.slept.total());
        let mut wakes = self.news.wakes.subscribe();
        let mut has_woken = false;
        loop {
            let asleep = self.slept.total().saturating_sub(slept_before);
            let left = pause.saturating_sub(begun.elapsed() + asleep);
            if left.is_zero() {
                break;
            }
            tokio::select! {
                () = sleep(left) => {}
                () = next(&mut wakes) => has_woken = true,
            }
        }
        if has_woken {
            let all = self.news.changes.receiver_count();
            sleep(pause_before_call(all, jitter())).await;
        }
    }
}

impl Changes {
    /// What has changed so far is known.
    pub(crate) fn mark_seen(&mut self) {
        self.seen.mark_unchanged();
    }

    /// Returns at the next change, or at once if there was one that was not seen yet.
    pub(crate) async fn next(&mut self) {
        next(&mut self.seen).await;
    }

    /// How many wait for changes: they should not all come at once.
    pub(crate) fn listeners(&self) -> usize {
        self.news.changes.receiver_count()
    }
}

async fn next(count: &mut watch::Receiver<u64>) {
    if count.changed().await.is_err() {
        // Nobody is left who could tell.
        pending::<()>().await;
    }
}
