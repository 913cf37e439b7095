//! How many octets may pass in a second, over all accounts, and whose turn it is.
//!
//! A connection moves a few octets and then pays for them: it moves no more until its turn has come. Who moves
//! none holds up nobody, and of those who wait every account gets as much as the others, however many
//! connections it has.

use crate::fair_queue::FairQueue;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// Octets that a connection moves before it pays, as a part of what may pass in a second: short turns are fair
/// turns. At least what a packet holds, at most what a socket does.
const TURNS_A_SECOND: u64 = 50;
const SMALLEST_TURN: u64 = 1_024;
const LARGEST_TURN: u64 = 64 * 1_024;

/// Time that nobody used and that may be made up for: a timer wakes a little late.
const SLACK: Duration = Duration::from_millis(20);

/// What may pass in a second. Clones share it.
#[derive(Clone, Debug)]
pub struct Bandwidth {
    /// Octets in a second; 0: as many as the line takes.
    rate: Arc<AtomicU64>,
    requests: mpsc::UnboundedSender<Request>,
    flows: Arc<AtomicU64>,
}

/// One account's part of it. Clones are connections of the same account.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    bandwidth: Bandwidth,
    number: u64,
}

#[derive(Debug)]
struct Request {
    flow: u64,
    octets: u64,
    paid: oneshot::Sender<()>,
}

impl Bandwidth {
    /// So many octets in a second; `None`: as many as the line takes. Call it within a runtime: a task of it
    /// gives the turns, and ends with the last clone.
    #[must_use]
    pub fn new(rate: Option<NonZeroU64>) -> Self {
        let rate = Arc::new(AtomicU64::new(of(rate)));
        let (requests, received) = mpsc::unbounded_channel();
        tokio::spawn(give_turns(Arc::clone(&rate), received));
        let flows = Arc::default();
        Self {
            rate,
            requests,
            flows,
        }
    }

    /// Changes how many.
    pub fn set_rate(&self, rate: Option<NonZeroU64>) {
        self.rate.store(of(rate), Ordering::Relaxed);
    }

    /// Whether anybody counts.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.rate.load(Ordering::Relaxed) > 0
    }

    /// The part of an account that has none yet.
    pub(crate) fn flow(&self) -> Flow {
        Flow {
            bandwidth: self.clone(),
            number: self.flows.fetch_add(1, Ordering::Relaxed),
        }
    }
}

fn of(rate: Option<NonZeroU64>) -> u64 {
    rate.map_or(0, NonZeroU64::get)
}

impl Flow {
    /// How many octets may be moved before they are paid for; `None`: nobody counts.
    pub(crate) fn turn(&self) -> Option<usize> {
        let rate = self.bandwidth.rate.load(Ordering::Relaxed);
        let turn = (rate / TURNS_A_SECOND).clamp(SMALLEST_TURN, LARGEST_TURN);
        (rate > 0).then(|| usize::try_from(turn).unwrap_or(usize::MAX))
    }

    /// Pays for octets that were moved: what it returns is done, or dropped, when the turn is over.
    pub(crate) fn pay(&self, octets: usize) -> oneshot::Receiver<()> {
        let (paid, turn) = oneshot::channel();
        let request = Request {
            flow: self.number,
            octets: octets as u64,
            paid,
        };
        // Without a runtime there is nobody to count, and the turn is over at once.
        let _nobody_counts = self.bandwidth.requests.send(request).is_err();
        turn
    }
}

/// Lets one request after the other go, as many octets in a second as the rate says.
async fn give_turns(rate: Arc<AtomicU64>, mut requests: mpsc::UnboundedReceiver<Request>) {
    let mut queue = FairQueue::new();
    let mut line_free_at = Instant::now();
    loop {
        if queue.is_empty() {
            queue.forget();
            match requests.recv().await {
                Some(request) => queue.push(request.flow, request.octets, request.paid),
                None => return,
            }
        }
        while let Ok(request) = requests.try_recv() {
            queue.push(request.flow, request.octets, request.paid);
        }
        let Some((octets, paid)) = queue.pop() else {
            continue;
        };
        let rate = rate.load(Ordering::Relaxed);
        if rate > 0 {
            let now = Instant::now();
            let earliest = now.checked_sub(SLACK).unwrap_or(now);
            line_free_at = line_free_at.max(earliest) + takes(octets, rate);
            if line_free_at > now {
                sleep_until(line_free_at).await;
            }
        }
        // Whoever has hung up meanwhile has moved them all the same.
        let _hung_up = paid.send(()).is_err();
    }
}

fn takes(octets: u64, rate: u64) -> Duration {
    let nanos = u128::from(octets) * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections of accounts that move all they may for so many seconds; what each account has moved.
    async fn moved(bandwidth: &Bandwidth, connections: &[usize], seconds: u64) -> Vec<u64> {
        let counts: Vec<_> = connections
            .iter()
            .map(|_| Arc::new(AtomicU64::new(0)))
            .collect();
        let mut tasks = tokio::task::JoinSet::new();
        for (count, connections) in counts.iter().zip(connections) {
            let flow = bandwidth.flow();
            for _ in 0..*connections {
                let (flow, count) = (flow.clone(), Arc::clone(count));
                tasks.spawn(async move {
                    while let Some(turn) = flow.turn() {
                        count.fetch_add(turn as u64, Ordering::Relaxed);
                        flow.pay(turn).await.unwrap();
                    }
                });
            }
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        tasks.shutdown().await;
        counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn all_together_move_what_may_pass_and_each_its_part() {
        let bandwidth = Bandwidth::new(NonZeroU64::new(1_000_000));
        let moved = moved(&bandwidth, &[1, 3, 10], 10).await;
        let all: u64 = moved.iter().sum();
        // The turn that each connection is in has not been paid for.
        assert!((9_900_000..=10_400_000).contains(&all), "{moved:?}");
        for moved in &moved {
            assert!(moved.abs_diff(10_000_000 / 3) < 250_000, "{moved}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_moves_nothing_keeps_nothing_from_the_others() {
        let bandwidth = Bandwidth::new(NonZeroU64::new(100_000));
        let _idle: Vec<Flow> = (0..1_000).map(|_| bandwidth.flow()).collect();
        let moved = moved(&bandwidth, &[1], 10).await;
        assert!((990_000..=1_010_000).contains(&moved[0]), "{moved:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_was_not_used_is_not_made_up_for() {
        let bandwidth = Bandwidth::new(NonZeroU64::new(100_000));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let moved = moved(&bandwidth, &[1], 1).await;
        assert!((95_000..=110_000).contains(&moved[0]), "{moved:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_can_change() {
        let bandwidth = Bandwidth::new(None);
        let flow = bandwidth.flow();
        assert_eq!(flow.turn(), None);
        bandwidth.set_rate(NonZeroU64::new(10_000));
        let moved = moved(&bandwidth, &[2], 10).await;
        assert!((98_000..=104_000).contains(&moved[0]), "{moved:?}");
        bandwidth.set_rate(None);
        assert_eq!(flow.turn(), None);
        let begun = Instant::now();
        flow.pay(1_000_000_000).await.unwrap();
        // What was asked for before has its turn first.
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
}
