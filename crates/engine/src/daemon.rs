//! The daemon: every account at its own pace, for as long as the process lives.
//!
//! One supervisor task owns the accounts' tasks and is spoken to by messages. One account's failure
//! is its own: the others neither wait for it nor hear of it.

use crate::calls::{Caller, calls};
use crate::error::EngineError;
use crate::handle::{Accounts, Awaited, Became, Handle};
use crate::heart::Heart;
use crate::live::{LiveAccount, Teller};
use crate::report::ProgressSender;
use crate::rounds;
use crate::shutdown::{Shutdown, ShutdownTrigger};
use crate::state::{EngineSettings, State};
use crate::step::Steps;
use crate::surroundings::Observer;
use crate::vigil::{Organ, Vital};
use crate::watch::Listener;
use postrider_core::account::AccountName;
use postrider_core::settings::AccountSettings;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

mod orders;

/// Orders that may wait for the supervisor. People and signals give them one at a time.
const ORDERS: usize = 8;

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    orders: mpsc::Sender<Order>,
    news: watch::Receiver<()>,
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

/// Where a result goes.
type Answer<T> = oneshot::Sender<Result<T, EngineError>>;

/// Accounts, and what became of each.
type Becoming = Vec<(AccountName, Became)>;

/// What the supervisor is asked to do.
#[derive(Debug)]
pub(crate) enum Order {
    Reload(EngineSettings, Answer<Reloaded>),
    Look(oneshot::Sender<BTreeMap<AccountName, LiveAccount>>),
    Pause(Accounts, Answer<Becoming>),
    Resume(Accounts, Answer<Becoming>),
    Sync(Accounts, Option<Arc<str>>, Answer<Vec<Awaited>>),
    Vitals(oneshot::Sender<Vec<Vital>>),
    Wake(Accounts, Answer<Becoming>),
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
        let shares = &state.shared.shares;
        shares.set(&settings.limits, &settings.accounts).tell();
        state.shared.trees.set(&settings.accounts);
        let observer = Observer::start(&state.shared);
        let mut supervisor = Supervisor {
            state,
            state_dir,
            listener: Arc::default(),
            news: Arc::default(),
            running: BTreeMap::new(),
            _observer: observer,
        };
        for (nth, account) in settings.accounts.into_iter().enumerate() {
            supervisor.replace(account, nth).await?;
        }
        let (orders, received) = mpsc::channel(ORDERS);
        Ok(Self {
            orders,
            news: supervisor.news.subscribe(),
            supervisor: tokio::spawn(supervisor.run(received)),
        })
    }

    /// A way to it, for whoever has something to ask.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle {
            orders: self.orders.downgrade(),
            news: self.news.clone(),
        }
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
        let (answer, _nobody_waits) = oneshot::channel();
        let order = Order::Wake(Vec::new(), answer);
        let _stopping = self.orders.send(order).await.is_err();
    }

    /// What every account is doing at this moment.
    ///
    /// # Errors
    /// When the daemon is stopping.
    pub async fn look(&self) -> Result<BTreeMap<AccountName, LiveAccount>, EngineError> {
        self.handle().look().await
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
    caller: Caller,
    live: Teller,
    /// Whether it was told to stop, and waits to be resumed.
    paused: bool,
    heart: Heart,
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
    /// Something that an account does has changed.
    news: Arc<watch::Sender<()>>,
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
                Order::Look(answer) => {
                    let _asker_gone = answer.send(self.look()).is_err();
                }
                Order::Pause(accounts, answer) => {
                    let _asker_gone = answer.send(self.pause(&accounts)).is_err();
                }
                Order::Resume(accounts, answer) => {
                    let _asker_gone = answer.send(self.resume(&accounts).await).is_err();
                }
                Order::Sync(accounts, mailbox, answer) => {
                    let _asker_gone = answer.send(self.call(&accounts, mailbox)).is_err();
                }
                Order::Vitals(answer) => {
                    let _asker_gone = answer.send(self.vitals()).is_err();
                }
                Order::Wake(accounts, answer) => {
                    let _asker_gone = answer.send(self.wake(&accounts)).is_err();
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

    /// Starts an account in so much time, after its task `before` has ended.
    async fn start(
        &mut self,
        settings: AccountSettings,
        live: Teller,
        (before, begins_in): (Option<JoinHandle<()>>, Duration),
    ) -> Result<(), EngineError> {
        let (trigger, shutdown) = Shutdown::new();
        let mut account = self.state.account(settings.clone(), shutdown).await?;
        account.live = live.clone();
        account.remember().await?;
        let wake = Arc::new(Notify::new());
        let (caller, calls) = calls();
        let (waker, listener) = (Arc::clone(&wake), Arc::clone(&self.listener));
        let heart = Heart::of_account(settings.timeout, self.state.shared.shares.is_metered());
        let life = async move {
            if let Some(before) = before {
                // A task that panicked has ended too.
                let _ended = before.await.is_ok();
            }
            rounds::serve(account, (waker, calls), listener, begins_in).await;
        };
        let task = tokio::spawn(heart.clone().carry(life));
        let running = Running {
            wake,
            caller,
            live,
            paused: false,
            heart,
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

    /// Everything that must go on, with its heart.
    fn vitals(&self) -> Vec<Vital> {
        let of_account = |(name, running): (&AccountName, &Running)| {
            Vital::new(Organ::Account(name.clone()), running.heart.clone())
        };
        // A paused account has no task that could come to a halt.
        let lively = |(_, running): &(&AccountName, &Running)| !running.paused;
        let index = Vital::new(Organ::Index, self.state.shared.index.heart().clone());
        let accounts = self.running.iter().filter(lively).map(of_account);
        accounts.chain([index]).collect()
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
        self.state.shared.trees.set(&settings.accounts);
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
            self.replace(settings, started).await?;
            started += 1;
        }
        self.news.send_replace(());
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
