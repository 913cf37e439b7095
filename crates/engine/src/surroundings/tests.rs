//! With a paused clock, and suspends that a test makes up.

use super::meaning::Change;
use super::observer::{TICK, observe};
use super::settle::{APART, MOST, QUIET};
use super::*;
use postrider_transport::Connector;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio::time::timeout;

const MINUTE: Duration = Duration::from_secs(60);

struct Scene {
    surroundings: Surroundings,
    slept: Arc<AtomicU64>,
    network: mpsc::Sender<BTreeSet<Change>>,
}

impl Scene {
    fn new() -> Self {
        let slept = Arc::new(AtomicU64::new(5_000));
        let surroundings = Surroundings {
            news: Arc::default(),
            slept: Slept::Set(Arc::clone(&slept)),
        };
        let (network, changes) = mpsc::channel(16);
        let connector = Arc::new(Connector::new());
        tokio::spawn(observe(surroundings.clone(), connector, changes));
        Self {
            surroundings,
            slept,
            network,
        }
    }

    /// The machine sleeps: our clock stands still meanwhile.
    fn suspend(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.slept.fetch_add(millis, Ordering::SeqCst);
    }

    async fn change(&self, change: Change) {
        self.network.send([change].into()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_ends_in_a_suspend_ends_when_the_machine_wakes_up() {
    let scene = Scene::new();
    let surroundings = scene.surroundings.clone();
    let pause = tokio::spawn(async move { surroundings.sleep(MINUTE * 5).await });
    sleep(MINUTE).await;
    assert!(!pause.is_finished());
    scene.suspend(MINUTE * 60);
    let woken = Instant::now();
    pause.await.unwrap();
    assert!(woken.elapsed() <= TICK + QUIET, "{:?}", woken.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_suspend_is_a_part_of_a_pause_that_goes_on() {
    let scene = Scene::new();
    let surroundings = scene.surroundings.clone();
    let begun = Instant::now();
    let pause = tokio::spawn(async move { surroundings.sleep(MINUTE * 5).await });
    sleep(MINUTE).await;
    scene.suspend(MINUTE * 2);
    pause.await.unwrap();
    // Of five minutes two were slept through.
    let (least, most) = (MINUTE * 3, MINUTE * 3 + TICK + QUIET);
    let took = begun.elapsed();
    assert!((least..=most).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn without_an_observer_a_pause_is_a_pause() {
    let begun = Instant::now();
    Surroundings::default().sleep(MINUTE).await;
    let took = begun.elapsed();
    assert!((MINUTE..MINUTE + QUIET).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wake_is_told_within_seconds() {
    let scene = Scene::new();
    let mut changes = scene.surroundings.changes();
    sleep(MINUTE).await;
    scene.suspend(MINUTE);
    timeout(TICK + QUIET, changes.next()).await.unwrap();
    // Once.
    let again = timeout(MINUTE, changes.next()).await;
    assert!(again.is_err(), "told twice");
}

#[tokio::test(start_paused = true)]
async fn a_moment_between_the_clocks_is_no_suspend() {
    let scene = Scene::new();
    let mut changes = scene.surroundings.changes();
    for _ in 0..20 {
        scene.suspend(Duration::from_millis(400));
        sleep(TICK).await;
    }
    assert!(timeout(MINUTE, changes.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_changes_is_told_once_and_in_time() {
    let scene = Scene::new();
    let mut changes = scene.surroundings.changes();
    let network = scene.network.clone();
    let burst = tokio::spawn(async move {
        for _ in 0..100 {
            network.send([Change::Route].into()).await.unwrap();
            sleep(QUIET / 2).await;
        }
    });
    let begun = Instant::now();
    changes.next().await;
    assert!(begun.elapsed() <= MOST, "{:?}", begun.elapsed());
    let mut told = 1;
    while timeout(MINUTE, changes.next()).await.is_ok() {
        told += 1;
    }
    burst.await.unwrap();
    // 25 s of changes, ten seconds apart.
    assert!((3..=4).contains(&told), "{told}");
    assert!(begun.elapsed() > APART * 2);
}

#[tokio::test(start_paused = true)]
async fn what_changed_while_nobody_waited_is_told_unless_it_was_seen() {
    let scene = Scene::new();
    let mut changes = scene.surroundings.changes();
    scene.change(Change::Address).await;
    sleep(MINUTE).await;
    timeout(Duration::ZERO, changes.next()).await.unwrap();
    scene.change(Change::Link).await;
    sleep(MINUTE).await;
    changes.mark_seen();
    assert!(timeout(MINUTE, changes.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_pauses_that_end_in_a_suspend_end_one_by_one() {
    let scene = Scene::new();
    let mut listening = Vec::new();
    let mut pauses = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        listening.push(scene.surroundings.changes());
        let surroundings = scene.surroundings.clone();
        pauses.spawn(async move {
            surroundings.sleep(MINUTE).await;
            Instant::now()
        });
    }
    sleep(MINUTE / 2).await;
    scene.suspend(MINUTE * 60);
    let woken = Instant::now();
    let mut by_second = [0; 40];
    while let Some(ended) = pauses.join_next().await {
        let second = ended.unwrap().duration_since(woken).as_secs();
        by_second[usize::try_from(second).unwrap()] += 1;
    }
    assert!(by_second.iter().all(|ended| *ended < 80), "{by_second:?}");
}
