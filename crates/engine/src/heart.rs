//! The heart of an account's task: it beats whenever the task moves, and knows what the task waits for.
//!
//! Every wait of a pass has an end: the server's by `timeout`, the disk's and the index's by
//! [`DISK`], a password command's by its own limit. So a task that is not woken for longer than that hangs, by
//! whatever mistake, and so does one that does not come back from its own work. Whoever looks at the
//! heart ([`crate::vigil`]) sees both without asking the task.
//!
//! The heart is the task's own (`task_local`): code deep in a pass announces a longer wait by [`within`] or
//! [`announced`] and need not be given anything. A one-shot sync has no heart, and nobody looks.

use postrider_core::vigil::{Pulse, Wait};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long one wait for the disk or the index may last. A large mailbox on a slow disk takes minutes; a
/// daemon that is killed for that would be killed again and again.
pub(crate) const DISK: Duration = Duration::from_secs(15 * 60);

/// How much later than its end a wait may be noticed: a busy machine is late, and so are its timers.
pub(crate) const MARGIN: Duration = Duration::from_secs(60);

/// The longest that a step of a connection may take whatever `timeout` says: the handshake after STARTTLS.
const LONGEST_STEP: Duration = Duration::from_secs(60);

tokio::task_local! {
    static HEART: Heart;
}

/// One task's heart, or the index thread's. Clones are the same heart.
#[derive(Clone, Debug)]
pub(crate) struct Heart(Arc<Mutex<Chest>>);

#[derive(Debug)]
struct Chest {
    beat: Instant,
    limit: Duration,
    waits: BTreeMap<u64, Announced>,
    next: u64,
    ended: bool,
}

#[derive(Debug)]
struct Announced {
    since: Instant,
    at_most: Option<Duration>,
}

/// An announced wait; over when dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    heart: Heart,
    number: u64,
}

/// The life that a heart belongs to; over when dropped.
#[derive(Debug)]
pub(crate) struct Life(Heart);

impl Heart {
    /// Of something that may be silent for `limit` where it announces nothing.
    pub(crate) fn new(limit: Duration) -> Self {
        Self(Arc::new(Mutex::new(Chest {
            beat: Instant::now(),
            limit,
            waits: BTreeMap::new(),
            next: 0,
            ended: false,
        })))
    }

    /// Of an account whose connections end after so long a silence. Where bandwidth is shared, its turn may be long
    /// in coming.
    pub(crate) fn of_account(timeout: Duration, is_metered: bool) -> Self {
        let turn = if is_metered { DISK } else { Duration::ZERO };
        let limit = timeout.max(LONGEST_STEP).max(turn);
        Self::new(limit.saturating_add(MARGIN))
    }

    /// Whatever has this heart has moved.
    pub(crate) fn beat(&self) {
        self.chest().beat = Instant::now();
    }

    /// Announces a wait; `None`: for ever, because somebody else has to move first.
    pub(crate) fn waits(&self, at_most: Option<Duration>) -> Waiting {
        let since = Instant::now();
        let mut chest = self.chest();
        let number = chest.next;
        chest.next += 1;
        chest.waits.insert(number, Announced { since, at_most });
        drop(chest);
        let heart = self.clone();
        Waiting { heart, number }
    }

    /// To be held as long as whatever has this heart lives.
    pub(crate) fn life(&self) -> Life {
        Life(self.clone())
    }

    /// How it stands now.
    pub(crate) fn pulse(&self) -> Pulse {
        let now = Instant::now();
        let chest = self.chest();
        let wait = |wait: &Announced| Wait {
            lasted: now.saturating_duration_since(wait.since),
            at_most: wait.at_most,
        };
        Pulse {
            silent_for: now.saturating_duration_since(chest.beat),
            limit: chest.limit,
            waits: chest.waits.values().map(wait).collect(),
            ended: chest.ended,
        }
    }

    /// Lives `life` with this heart, until its end.
    pub(crate) async fn carry<T>(self, life: impl Future<Output = T>) -> T {
        let _life = self.life();
        self.beating(life).await
    }

    async fn beating<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(HEART.scope(self.clone(), work));
        poll_fn(|context| {
            // Before: what does not return from here moves no more. After: time spent working is none of silence.
            self.beat();
            let polled = work.as_mut().poll(context);
            self.beat();
            polled
        })
        .await
    }

    fn chest(&self) -> MutexGuard<'_, Chest> {
        // Nobody panics while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut chest = self.heart.chest();
        chest.waits.remove(&self.number);
        // Whoever waited is about to go on.
        chest.beat = Instant::now();
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.0.chest().ended = true;
    }
}

/// Waits for something that takes `at_most` so long, and says so.
pub(crate) async fn within<T>(at_most: Duration, wait: impl Future<Output = T>) -> T {
    announced(Some(at_most), wait).await
}

/// Waits for something, and says so; `None`: for ever, because others decide how long (a pause that a person
/// ordered, a turn behind others who have limits of their own).
pub(crate) async fn announced<T>(at_most: Option<Duration>, wait: impl Future<Output = T>) -> T {
    let _announced = HEART.try_with(|heart| heart.waits(at_most)).ok();
    wait.await
}

/// Work for a task of its own, on which this one waits: it has the same heart.
pub(crate) fn shared<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let heart = HEART.try_with(Heart::clone).ok();
    async move {
        match heart {
            Some(heart) => heart.beating(work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::vigil::Stall;
    use std::future::pending;
    use tokio::time::sleep;

    const LIMIT: Duration = Duration::from_secs(90);

    /// What becomes of a life with a heart.
    fn live(life: impl Future<Output = ()> + Send + 'static) -> Heart {
        let heart = Heart::new(LIMIT);
        tokio::spawn(heart.clone().carry(life));
        heart
    }

    async fn stall_after(heart: &Heart, seconds: u64) -> Option<Stall> {
        sleep(Duration::from_secs(seconds)).await;
        heart.pulse().stall()
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_hangs_is_seen_when_its_time_is_over() {
        let heart = live(pending());
        assert_eq!(stall_after(&heart, 90).await, None);
        let silent = stall_after(&heart, 1).await;
        assert!(matches!(silent, Some(Stall::Silent { .. })), "{silent:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_moves_is_well_for_ever() {
        let heart = live(async {
            loop {
                sleep(Duration::from_secs(80)).await;
            }
        });
        for _ in 0..50 {
            assert_eq!(stall_after(&heart, 77).await, None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_announced_wait_may_be_longer_and_no_longer_than_that() {
        let heart = live(within(Duration::from_secs(600), pending()));
        assert_eq!(stall_after(&heart, 600).await, None);
        let overdue = stall_after(&heart, 1).await;
        assert!(
            matches!(overdue, Some(Stall::Overdue { .. })),
            "{overdue:?}"
        );
        let heart = live(announced(None, pending()));
        assert_eq!(stall_after(&heart, 100_000).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_over_excuses_nothing_that_follows() {
        let heart = live(async {
            within(DISK, sleep(Duration::from_secs(100))).await;
            pending().await
        });
        assert_eq!(stall_after(&heart, 190).await, None);
        assert!(stall_after(&heart, 1).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_task_waits_for_in_others_beats_for_it() {
        let work = async {
            for _ in 0..5 {
                sleep(Duration::from_secs(80)).await;
            }
        };
        let waits = async { tokio::spawn(shared(work)).await.unwrap() };
        let heart = live(async {
            waits.await;
            pending().await
        });
        for _ in 0..4 {
            assert_eq!(stall_after(&heart, 99).await, None);
        }
        // Without others it is silent.
        assert!(stall_after(&heart, 100).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_ends_has_no_pulse_whether_well_or_not() {
        let ended = Some(Stall::Ended);
        assert_eq!(stall_after(&live(async {}), 1).await, ended);
        assert_eq!(
            stall_after(&live(async { panic!("on purpose") }), 1).await,
            ended
        );
    }

    #[tokio::test]
    async fn a_task_that_does_not_come_back_from_its_own_work_is_seen() {
        let heart = Heart::new(Duration::from_millis(50));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let work = heart.clone();
        let blocked = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(work.carry(async move {
                held.recv().unwrap_err();
            }));
        });
        sleep(Duration::from_millis(200)).await;
        let stall = heart.pulse().stall();
        assert!(matches!(stall, Some(Stall::Silent { .. })), "{stall:?}");
        drop(release);
        blocked.join().unwrap();
    }
}
