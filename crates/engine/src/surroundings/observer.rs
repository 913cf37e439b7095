//! The task that tells everybody of changes.

use super::Surroundings;
use super::meaning::Change;
use super::network::Network;
use super::settle::Settling;
use crate::context::{Shared, now};
use crate::events;
use postrider_core::time::UnixTime;
use postrider_transport::Connector;
use std::collections::BTreeSet;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// How often we look whether the machine has slept: so late is a wake noticed at the most, and for that a
/// process wakes up thirty times a minute.
pub(super) const TICK: Duration = Duration::from_secs(2);

/// A shorter time between the two clocks is no suspend.
const SHORTEST_SUSPEND: Duration = Duration::from_secs(1);

/// Changes that wait to be read; they are merged anyway.
const WAITING: usize = 16;

/// Observes as long as it lives.
#[derive(Debug)]
pub(crate) struct Observer(Vec<JoinHandle<()>>);

impl Observer {
    /// Begins to observe for all who share.
    pub(crate) fn start(shared: &Shared) -> Self {
        let (sender, changes) = mpsc::channel(WAITING);
        let hearing = tokio::spawn(hear(sender));
        let (surroundings, connector) =
            (shared.surroundings.clone(), Arc::clone(&shared.connector));
        let observing = tokio::spawn(observe(surroundings, connector, changes));
        Self(vec![hearing, observing])
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Passes on what the kernel tells. Where it may not be asked, outages end by themselves.
async fn hear(sender: mpsc::Sender<BTreeSet<Change>>) {
    let heard = async {
        let mut network = Network::listen()?;
        while sender.send(network.next().await?).await.is_ok() {}
        Ok::<_, io::Error>(())
    };
    if let Err(error) = heard.await {
        let error = error.to_string();
        events::DaemonNetworkUnwatched { error: &error }.emit();
    }
}

/// Looks, waits until it has settled, and tells.
pub(super) async fn observe(
    surroundings: Surroundings,
    connector: Arc<Connector>,
    mut changes: mpsc::Receiver<BTreeSet<Change>>,
) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut slept = surroundings.slept.total();
    let mut settling = Settling::default();
    let mut what = BTreeSet::new();
    loop {
        tokio::select! {
            told = next(&mut changes) => {
                what.extend(told);
                settling.happened(Instant::now());
            }
            _ = tick.tick() => {
                let total = surroundings.slept.total();
                let asleep = total.saturating_sub(slept);
                slept = total;
                if asleep >= SHORTEST_SUSPEND {
                    woke(&surroundings, asleep);
                    what.insert(Change::Wake);
                    settling.happened(Instant::now());
                }
            }
            () = until(settling.due()) => {
                settling.told(Instant::now());
                tell(&surroundings, &connector, &std::mem::take(&mut what));
            }
        }
    }
}

fn woke(surroundings: &Surroundings, asleep: Duration) {
    let seconds = i64::try_from(asleep.as_secs()).unwrap_or(i64::MAX);
    let fell_asleep = now().0.as_seconds().saturating_sub(seconds);
    events::DaemonWoke {
        since: &UnixTime::from_seconds(fell_asleep).to_string_utc(),
        asleep_s: asleep.as_secs(),
    }
    .emit();
    surroundings.news.wakes.send_modify(|wakes| *wakes += 1);
}

fn tell(surroundings: &Surroundings, connector: &Connector, what: &BTreeSet<Change>) {
    let words: Vec<_> = what.iter().map(|change| change.word()).collect();
    events::DaemonNetworkChanged {
        what: &words.join(", "),
    }
    .emit();
    // First what stands is doubted, then whoever waits is told.
    connector.doubt();
    surroundings
        .news
        .changes
        .send_modify(|changes| *changes += 1);
}

async fn next(changes: &mut mpsc::Receiver<BTreeSet<Change>>) -> BTreeSet<Change> {
    match changes.recv().await {
        Some(told) => told,
        None => pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
