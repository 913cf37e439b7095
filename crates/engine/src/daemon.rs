//! The daemon: every account at its own pace, for as long as the process lives.
//!
//! One supervisor task owns the accounts' tasks and is spoken to by messages. One account's failure
//! is its own: the others neither wait for it nor hear of it.

use crate::account::{pass, report_failure};
use crate::context::Account;
use crate::error::EngineError;
use crate::events;
use crate::report::ProgressSender;
use crate::shutdown::{Shutdown, ShutdownTrigger};
use crate::state::{EngineSettings, State};
use crate::step::Steps;
use crate::watch::{Heed, Listener, Watch};
use postrider_core::account::AccountName;
use postrider_core::pace::{Jitter, pause_after, pause_between};
use postrider_core::settings::AccountSettings;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

/// Orders that may wait for the supervisor. People and signals give them one at a time.
const ORDERS: usize = 8;

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    orders: mpsc::Sender<Order>,
    supervisor: JoinHandle<()>,
}

/// What a reload did to the accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Accounts that were not there before.
    pub added: u64,
    /// Accounts that are there no more.
    pub removed: u64,
    /// Accounts with other settings than before.
    pub changed: u64,
}

enum Order {
    Reload(
        EngineSettings,
        oneshot::Sender<Result<Reloaded, EngineError>>,
    ),
    SyncNow,
    Stop,
}

impl Daemon {
    /// Locks the state directory and starts every account; its first pass heals what a crash left.
    ///
    /// # Errors
    /// When the state directory cannot be used or another instance holds it.
    pub async fn start(
        settings: EngineSettings,
        progress: Option<ProgressSender>,
    ) -> Result<Self, EngineError> {
        let state_dir = settings.state_dir.clone();
        let state = State::open(settings.state_dir, progress, Steps::default()).await?;
        let mut supervisor = Supervisor {
            state,
            state_dir,
            listener: Arc::default(),
            running: BTreeMap::new(),
        };
        for account in settings.accounts {
            supervisor.start(account).await?;
        }
        let (orders, received) = mpsc::channel(ORDERS);
        Ok(Self {
            orders,
            supervisor: tokio::spawn(supervisor.run(received)),
        })
    }

    /// Takes over another configuration: accounts that did not change are not touched.
    ///
    /// # Errors
    /// When the state directory would have to change, which only a restart can do, or the index
    /// fails. What ran before keeps running.
    pub async fn reload(&self, settings: EngineSettings) -> Result<Reloaded, EngineError> {
        let (answer, answered) = oneshot::channel();
        let order = Order::Reload(settings, answer);
        self.orders
            .send(order)
            .await
            .map_err(|_| EngineError::JobLost)?;
        answered.await.map_err(|_| EngineError::JobLost)?
    }

    /// Starts a pass of every account now, whatever its pause.
    pub async fn sync_now(&self) {
        let _stopping = self.orders.send(Order::SyncNow).await.is_err();
    }

    /// Lets every account finish or roll back its step, then closes the index.
    pub async fn stop(self) {
        let _stopping = self.orders.send(Order::Stop).await.is_err();
        let ended = self.supervisor.await;
        debug_assert!(ended.is_ok(), "the supervisor does not panic");
    }
}

struct Running {
    settings: AccountSettings,
    wake: Arc<Notify>,
    trigger: ShutdownTrigger,
    task: JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.trigger.request();
        // A task that panicked has ended too.
        let _ended = self.task.await.is_ok();
    }
}

struct Supervisor {
    state: State,
    state_dir: PathBuf,
    listener: Arc<Listener>,
    running: BTreeMap<AccountName, Running>,
}

impl Supervisor {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        // A dropped daemon is a stopped one.
        while let Some(order) = orders.recv().await {
            match order {
                Order::Reload(settings, answer) => {
                    let result = self.reload(settings).await;
                    let _asker_gone = answer.send(result).is_err();
                }
                Order::SyncNow => self.running.values().for_each(|r| r.wake.notify_one()),
                Order::Stop => break,
            }
        }
        let running = std::mem::take(&mut self.running);
        running.values().for_each(|r| r.trigger.request());
        for (_, account) in running {
            account.stop().await;
        }
        self.state.close().await;
    }

    async fn start(&mut self, settings: AccountSettings) -> Result<(), EngineError> {
        let (trigger, shutdown) = Shutdown::new();
        let account = self.state.account(settings.clone(), shutdown).await?;
        let wake = Arc::new(Notify::new());
        let task = tokio::spawn(serve(
            account,
            Arc::clone(&wake),
            Arc::clone(&self.listener),
        ));
        let running = Running {
            wake,
            trigger,
            task,
            settings: settings.clone(),
        };
        self.running.insert(settings.name, running);
        Ok(())
    }

    async fn reload(&mut self, settings: EngineSettings) -> Result<Reloaded, EngineError> {
        if settings.state_dir != self.state_dir {
            return Err(EngineError::StateDirChanged {
                was: self.state_dir.clone(),
                now: settings.state_dir,
            });
        }
        let wanted: BTreeMap<_, _> = settings
            .accounts
            .into_iter()
            .map(|a| (a.name.clone(), a))
            .collect();
        self.stop_all_but(&wanted);
        let known: Vec<_> = self.running.keys().cloned().collect();
        let mut reloaded = Reloaded::default();
        for name in known.iter().filter(|name| !wanted.contains_key(name)) {
            reloaded.removed += 1;
            self.stop_account(name).await;
        }
        for (name, settings) in wanted {
            match self.running.get(&name) {
                Some(running) if running.settings == settings => continue,
                Some(_) => reloaded.changed += 1,
                None => reloaded.added += 1,
            }
            self.stop_account(&name).await;
            self.start(settings).await?;
        }
        Ok(reloaded)
    }

    /// Asks every account that does not stay as it is to stop: together, so that the reload takes as
    /// long as the slowest and not as all of them.
    fn stop_all_but(&self, wanted: &BTreeMap<AccountName, AccountSettings>) {
        for (name, running) in &self.running {
            if wanted.get(name) != Some(&running.settings) {
                running.trigger.request();
            }
        }
    }

    async fn stop_account(&mut self, name: &AccountName) {
        if let Some(running) = self.running.remove(name) {
            running.stop().await;
        }
    }
}

/// How soon a file that was missed is looked for once more (R5): readers that move come to rest within a second,
/// and whoever deletes a message wants to see it gone elsewhere.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// One account's life: passes, under a watch over its mail tree.
async fn serve(account: Account, wake: Arc<Notify>, listener: Arc<Listener>) {
    let mut watch = Watch::over(&account, &listener);
    watch.covered().await;
    rounds(&account, &wake, &mut watch).await;
    watch.end().await;
}

/// A pass, a pause, a pass.
async fn rounds(account: &Account, wake: &Notify, watch: &mut Watch) {
    let mut failures = 0_u32;
    // What the server wants between two logins, as it last said.
    let mut delay = Duration::ZERO;
    loop {
        watch.pass_begins();
        let (pause, heed) = match pass(account).await {
            Err(EngineError::Stopped | EngineError::Interrupted { .. }) => return,
            Ok(report) => {
                recovered(account, failures);
                failures = 0;
                delay = report.login_delay.unwrap_or_default();
                let pause = pause_between(account.settings.poll, jitter());
                let pause = if report.missed > 0 {
                    pause.min(SECOND_LOOK)
                } else {
                    pause
                };
                (pause.max(delay), Heed::After(delay))
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                delay = error.wait().unwrap_or(delay);
                let pause = pause_after(error.fault(), failures, jitter()).max(delay);
                report_failure(account.log_name(), &error, Some(pause));
                (pause, heed_after(&error))
            }
        };
        if !wait(account, wake, (&mut *watch, heed), pause).await {
            return;
        }
    }
}

const fn heed_after(error: &EngineError) -> Heed {
    if matches!(error, EngineError::TreeMissing { .. }) {
        Heed::Return
    } else {
        Heed::Nothing
    }
}

fn recovered(account: &Account, failures: u32) {
    if failures > 0 {
        events::AccountRecovered {
            account: account.log_name(),
            failures: failures.into(),
        }
        .emit();
    }
}

/// Waits for the next pass. `false` when it is time to stop.
async fn wait(
    account: &Account,
    wake: &Notify,
    (watch, heed): (&mut Watch, Heed),
    pause: Duration,
) -> bool {
    tokio::select! {
        () = account.shutdown.requested() => false,
        () = wake.notified() => true,
        () = tokio::time::sleep(pause) => true,
        () = watch.calls(account, heed) => true,
    }
}

fn jitter() -> Jitter {
    Jitter::new(fastrand::f64())
}
