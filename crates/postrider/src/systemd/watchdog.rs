//! Feeding the watchdog (`WatchdogSec=`): only while every part of the daemon goes on.
//!
//! A process that hangs altogether does not feed it either: this is a task among the others.

use super::notify;
use super::status::Note;
use crate::events;
use postrider_engine::{Organ, Stalled, Vigil};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// It is fed so many times in the time that systemd waits: one that comes late is no harm.
const TIMES: u32 = 3;

/// How often the watchdog wants to be fed; `None`: there is none.
pub(super) fn interval() -> Option<Duration> {
    let patience = sd_notify::watchdog_enabled()?;
    // tokio's ticks must not be zero.
    Some((patience / TIMES).max(Duration::from_millis(1)))
}

/// Feeds it, for as long as all goes on.
pub(super) async fn feed(mut vigil: Vigil, interval: Duration, note: Arc<watch::Sender<Note>>) {
    feed_while_well(|| vigil.look(), interval, (notify::watchdog, &note)).await;
}

async fn feed_while_well(
    mut look: impl FnMut() -> Vec<Stalled>,
    interval: Duration,
    (food, note): (impl Fn(), &watch::Sender<Note>),
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Vec::new();
    loop {
        ticks.tick().await;
        let stalled = look();
        if stalled.is_empty() {
            food();
        }
        tell(&stalled, &mut told, note);
    }
}

/// Tells of each part once, when it comes to a halt.
fn tell(stalled: &[Stalled], told: &mut Vec<Organ>, note: &watch::Sender<Note>) {
    let now = stalled.iter().map(|halted| halted.organ.clone()).collect();
    let before = std::mem::replace(told, now);
    let news = stalled.iter().filter(|h| !before.contains(&h.organ));
    news.for_each(events::halted);
    if before != *told {
        let first = stalled.first();
        let first = first.map(|halted| format!("{}: {}", halted.organ, halted.stall));
        note.send_modify(|note| note.stalled = first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::vigil::Stall;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    fn halted(organ: Organ) -> Stalled {
        Stalled {
            organ,
            stall: Stall::Ended,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_fed_while_all_is_well_and_not_while_anything_halts() {
        let (fed, halts) = (AtomicU32::new(0), AtomicBool::new(false));
        let look = || match halts.load(Ordering::Relaxed) {
            true => vec![halted(Organ::Index)],
            false => Vec::new(),
        };
        let food = || {
            fed.fetch_add(1, Ordering::Relaxed);
        };
        let note = watch::Sender::new(Note::default());
        let story = async {
            let mut meals = Vec::new();
            for stalled in [false, true, false] {
                halts.store(stalled, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(9_400)).await;
                meals.push(fed.swap(0, Ordering::Relaxed));
            }
            meals
        };
        let meals = tokio::select! {
            () = feed_while_well(look, Duration::from_secs(1), (food, &note)) => Vec::new(),
            meals = story => meals,
        };
        assert_eq!(meals, [10, 0, 10]);
    }

    #[test]
    fn the_status_names_what_halts_as_long_as_it_does() {
        let note = watch::Sender::new(Note::default());
        let mut told = Vec::new();
        tell(&[], &mut told, &note);
        assert_eq!(note.borrow().stalled, None);
        tell(&[halted(Organ::Index)], &mut told, &note);
        let said = note.borrow().stalled.clone().unwrap();
        assert_eq!(said, "the index: it has ended, and nobody asked it to");
        let both = [halted(Organ::Supervisor), halted(Organ::Index)];
        tell(&both, &mut told, &note);
        assert_eq!(told, [Organ::Supervisor, Organ::Index]);
        tell(&[], &mut told, &note);
        assert_eq!(note.borrow().stalled, None);
        assert_eq!(told, []);
    }
}
