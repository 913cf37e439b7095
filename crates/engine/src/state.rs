//! The state directory, opened: locked, healed, ready for accounts.

use crate::connections::Connections;
use crate::context::{Account, Shared, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::hooks::Hooks;
use crate::index_thread::{IndexHandle, IndexThread};
use crate::listen::Kept;
use crate::live::Teller;
use crate::pass_clock::PassClock;
use crate::rehearsal::{Part, Script};
use crate::report::ProgressSender;
use crate::shares::Shares;
use crate::shutdown::Shutdown;
use crate::step::Steps;
use crate::surroundings::Surroundings;
use crate::take_in;
use crate::trees::Trees;
use postrider_core::limits::Limits;
use postrider_core::settings::AccountSettings;
use postrider_index::{Index, IndexError, StateLock, set_aside};
use postrider_maildir::Namer;
use postrider_transport::Connector;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// What the engine is to work with.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Where index and lock live; made if missing.
    pub state_dir: PathBuf,
    /// The accounts.
    pub accounts: Vec<AccountSettings>,
    /// What all accounts together may use.
    pub limits: Limits,
}

/// The opened state directory. While it lives, no other process works with it (R10).
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) shared: Shared,
    thread: IndexThread,
    /// `None`: a rehearsal, which changes nothing in the state directory and so locks nobody out.
    lock: Option<StateLock>,
}

impl State {
    pub(crate) async fn open(
        state_dir: PathBuf,
        progress: Option<ProgressSender>,
        steps: Steps,
    ) -> Result<Self, EngineError> {
        let dir: Arc<Path> = state_dir.as_path().into();
        let opened = DeliveryPool::run(move || {
            // The lock comes first: a second instance must not even open the index.
            let lock = StateLock::acquire(&state_dir)?;
            Ok::<_, EngineError>((lock, open_index(&state_dir)?))
        });
        let (lock, index) = opened.await??;
        Self::of((index, dir), Some(lock), (progress, steps)).await
    }

    /// A copy of the index as it is now, or an empty one where there is none. Nothing is locked, made or
    /// written; a daemon may be at work meanwhile (R10).
    pub(crate) async fn rehearse(
        state_dir: PathBuf,
        progress: Option<ProgressSender>,
    ) -> Result<Self, EngineError> {
        let dir: Arc<Path> = state_dir.as_path().into();
        let copied = DeliveryPool::run(move || copy_of_index(&state_dir));
        let index = copied.await??;
        Self::of((index, dir), None, (progress, Steps::default())).await
    }

    async fn of(
        (index, dir): (Index, Arc<Path>),
        lock: Option<StateLock>,
        (progress, steps): (Option<ProgressSender>, Steps),
    ) -> Result<Self, EngineError> {
        let shares = Shares::new(Arc::clone(&dir));
        let (thread, index) = IndexThread::start(index, dir)?;
        let namer = new_writer(&index).await?;
        let shared = Shared {
            index,
            writer: namer.token().into(),
            connector: Arc::new(Connector::new()),
            pool: DeliveryPool::new(namer, shares.space.clone()),
            shares,
            trees: Trees::default(),
            steps,
            progress,
            surroundings: Surroundings::default(),
        };
        Ok(Self {
            shared,
            thread,
            lock,
        })
    }

    /// Takes an account into the index, so that passes over it can be made. Nothing of its mail tree
    /// is touched: what is wrong there is for its passes to tell, and stops no other account.
    pub(crate) async fn account(
        &self,
        settings: AccountSettings,
        shutdown: Shutdown,
    ) -> Result<Account, EngineError> {
        let (name, protocol) = (settings.name.clone(), settings.protocol);
        let index = &self.shared.index;
        let place = (&settings.name, settings.maildir.clone());
        let hooks = Hooks::new(settings.on_new.as_ref(), place, &shutdown);
        let connector = self.shared.shares.connector(&self.shared.connector);
        Ok(Account {
            id: index
                .call(move |index| index.account(&name, protocol))
                .await?,
            settings: Arc::new(settings),
            shared: Shared {
                connector: Arc::new(connector),
                ..self.shared.clone()
            },
            shutdown,
            connections: Connections::default(),
            live: Teller::default(),
            hooks,
            only: None,
            quick: None,
            kept: Kept::default(),
            part: match self.lock {
                Some(_) => Part::Act,
                None => Part::Rehearse(Script::default()),
            },
            clock: PassClock::default(),
            swept: OnceCell::new(),
        })
    }

    /// Closes the index in order and gives the lock back.
    pub(crate) async fn close(self) {
        let Self {
            shared,
            thread,
            lock,
        } = self;
        drop(shared);
        thread.join().await;
        drop(lock);
    }
}

/// A damaged index would be set aside, and what it knew found again: so it is as if there were none.
fn copy_of_index(state_dir: &Path) -> Result<Index, EngineError> {
    match Index::scratch_of(state_dir) {
        Err(IndexError::Corrupt { .. } | IndexError::Missing { .. }) => Ok(Index::scratch()?),
        copied => Ok(copied?),
    }
}

/// Opens the index; a damaged one is set aside, and a new one begun in its place. What it knew is found
/// again by the passes, all but its ledger.
pub(crate) fn open_index(state_dir: &Path) -> Result<Index, EngineError> {
    match Index::open(state_dir) {
        Err(IndexError::Corrupt { .. }) => {
            let aside = set_aside(state_dir, now())?;
            take_in::tell_damaged(&aside);
            Index::open(state_dir).map_err(EngineError::index(state_dir))
        }
        opened => opened.map_err(EngineError::index(state_dir)),
    }
}

/// Writes this process down as one that makes files in `tmp`, so that the next one knows whose they
/// are when this one dies.
async fn new_writer(index: &IndexHandle) -> Result<Namer, EngineError> {
    let token = Namer::random_token();
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let namer = Namer::new(&host, std::process::id(), &token);
    index
        .call(move |index| index.register_writer(&token, now()))
        .await?;
    Ok(namer)
}
