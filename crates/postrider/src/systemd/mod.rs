//! What systemd is told: when the daemon serves, what it does meanwhile, and that it goes on.
//!
//! | what | file |
//! |---|---|
//! | READY, RELOADING, STOPPING, STATUS, WATCHDOG as datagrams | `notify` |
//! | the line that `systemctl status` shows | `status` |
//! | whether the watchdog is fed | `watchdog` |
//!
//! Started by anybody else, the daemon tells nobody, and no task here runs.

mod notify;
mod status;
mod watchdog;

use crate::config::surroundings::Surroundings;
use postrider_engine::Handle;
use status::Note;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// At most one new status in this time: a first sync stores a batch every few milliseconds, and systemd
/// tells everybody who listens to the bus.
const BREATH: Duration = Duration::from_secs(1);

/// Tells systemd about one daemon. Ends with [`Herald::stopping`], or when it is dropped.
#[derive(Debug)]
pub struct Herald {
    daemon: Handle,
    note: Arc<watch::Sender<Note>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Herald {
    /// Of the daemon that the handle leads to. Call it on the runtime.
    #[must_use]
    pub fn start(daemon: Handle, around: &Surroundings) -> Self {
        let note = Arc::new(watch::Sender::new(Note::default()));
        let mut tasks = Vec::new();
        if around.var("NOTIFY_SOCKET").is_some() {
            tasks.push(tokio::spawn(tell(daemon.clone(), note.subscribe())));
            if let Some(interval) = watchdog::interval() {
                let feeding = watchdog::feed(daemon.vigil(), interval, Arc::clone(&note));
                tasks.push(tokio::spawn(feeding));
            }
        }
        Self {
            daemon,
            note,
            tasks,
        }
    }

    /// The daemon serves, for the first time or again: with what the last reload came to.
    pub async fn ready(&self, reload_failed: bool) {
        self.note
            .send_modify(|note| note.reload_failed = reload_failed);
        let note = self.note.borrow().clone();
        notify::ready(&line(&self.daemon, &note).await.unwrap_or_default());
    }

    /// A reload has begun; [`Herald::ready`] must follow in every case.
    pub fn reloading(&self) {
        notify::reloading();
    }

    /// The daemon stops, and nothing more is told.
    pub fn stopping(self) {
        drop(self);
        notify::stopping();
    }
}

impl Drop for Herald {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Tells what has changed, for as long as there is a daemon.
async fn tell(daemon: Handle, mut note: watch::Receiver<Note>) {
    let mut changes = daemon.changes();
    let mut told = String::new();
    loop {
        let besides = note.borrow_and_update().clone();
        let Some(text) = line(&daemon, &besides).await else {
            return;
        };
        if text != told {
            notify::status(&text);
            told = text;
        }
        tokio::time::sleep(BREATH).await;
        let lives = tokio::select! {
            changed = changes.changed() => changed.is_ok(),
            changed = note.changed() => changed.is_ok(),
        };
        if !lives {
            return;
        }
    }
}

/// `None` when the daemon is stopping.
async fn line(daemon: &Handle, note: &Note) -> Option<String> {
    let accounts = daemon.look().await.ok()?;
    Some(status::line(&accounts, note))
}
