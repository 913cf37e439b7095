//! The daemon: every account at its own pace, for as long as the process lives.
//!
//! One supervisor task owns the accounts' tasks and is spoken to by messages. One account's failure
//! is its own: the others neither wait for it nor hear of it.

use crate::error::EngineError;
use crate::live::{LiveAccount, Teller};
use crate::report::ProgressSender;
use crate::rhythm::jitter;
use crate::rounds;
use crate::shutdown::{Shutdown, ShutdownTrigger};
use crate::state::{EngineSettings, State};
use crate::step::Steps;
use crate::surroundings::Observer;
use crate::watch::Listener;
use postrider_core::account::AccountName;
use postrider_core::pace::pause_before_first;
use postrider_core::settings::AccountSettings;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
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
    Look(oneshot::Sender<BTreeMap<AccountName, LiveAccount>>),
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
        let observer = Observer::start(&state.shared);
        let shares = &state.shared.shares;
        shares.set(&settings.limits, &settings.accounts).tell();
        let mut supervisor = Supervisor {
            state,
            state_dir,
            listener: Arc::default(),
            running: BTreeMap::new(),
            _observer: observer,
        };
        for (nth, account) in settings.accounts.into_iter().enumerate() {
            supervisor.start(account, nth).await?;
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

    /// What every account is doing at this moment.
    ///
    /// # Errors
    /// When the daemon is stopping.
    pub async fn look(&self) -> Result<BTreeMap<AccountName, LiveAccount>, EngineError> {
        let (answer, answered) = oneshot::channel();
        let asked = self.orders.send(Order::Look(answer)).await;
        asked.map_err(|_| EngineError::JobLost)?;
        answered.await.map_err(|_| EngineError::JobLost)
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
    live: Teller,
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
    /// Ends with the daemon.
    _observer: Observer,
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
                Order::Look(answer) => {
                    let _asker_gone = answer.send(self.look()).is_err();
                }
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

    /// Starts an account, the `nth` of those that begin together.
    async fn start(&mut self, settings: AccountSettings, nth: usize) -> Result<(), EngineError> {
        let (trigger, shutdown) = Shutdown::new();
        let account = self.state.account(settings.clone(), shutdown).await?;
        let wake = Arc::new(Notify::new());
        let live = account.live.clone();
        let task = tokio::spawn(rounds::serve(
            account,
            Arc::clone(&wake),
            Arc::clone(&self.listener),
            pause_before_first(nth, jitter()),
        ));
        let running = Running {
            wake,
            live,
            trigger,
            task,
            settings: settings.clone(),
        };
        self.running.insert(settings.name, running);
        Ok(())
    }

    fn look(&self) -> BTreeMap<AccountName, LiveAccount> {
        let look = |running: &Running| running.live.look().borrow().clone();
        let accounts = self.running.iter();
        accounts.map(|(name, r)| (name.clone(), look(r))).collect()
    }

    async fn reload(&mut self, settings: EngineSettings) -> Result<Reloaded, EngineError> {
        if settings.state_dir != self.state_dir {
            return Err(EngineError::StateDirChanged {
                was: self.state_dir.clone(),
                now: settings.state_dir,
            });
        }
        let shares = &self.state.shared.shares;
        shares.set(&settings.limits, &settings.accounts).tell();
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
        let mut started = 0;
        for (name, settings) in wanted {
            match self.running.get(&name) {
                Some(running) if running.settings == settings => continue,
                Some(_) => reloaded.changed += 1,
                None => reloaded.added += 1,
            }
            self.stop_account(&name).await;
            self.start(settings, started).await?;
            started += 1;
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
