//! What a running daemon can be asked, by anybody who was given a [`Handle`].

use crate::calls::Outcome;
use crate::daemon::Order;
use crate::error::EngineError;
use crate::live::LiveAccount;
use crate::vigil::Vigil;
use postrider_core::account::AccountName;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// A way to a running daemon. It outlives the daemon; whatever is asked then is refused.
#[derive(Clone, Debug)]
pub struct Handle {
    /// Weak: who may ask a daemon does not keep it alive.
    pub(crate) orders: mpsc::WeakSender<Order>,
    pub(crate) news: watch::Receiver<()>,
}

/// Which accounts are meant: those named; none named means all.
pub type Accounts = Vec<AccountName>;

/// What became of an account that was to be paused, resumed or synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// It is what was asked for already.
    Already,
    /// What was asked for.
    Done,
    /// It is paused, so it makes no pass.
    Paused,
}

/// A pass that somebody waits for.
#[derive(Debug)]
pub struct Awaited {
    /// Of this account.
    pub account: AccountName,
    /// What the account is doing meanwhile.
    pub live: watch::Receiver<LiveAccount>,
    /// What came of it. An error: the account was stopped before the pass was complete.
    pub outcome: oneshot::Receiver<Outcome>,
}

impl Handle {
    /// What every account is doing at this moment.
    ///
    /// # Errors
    /// When the daemon is stopping.
    pub async fn look(&self) -> Result<BTreeMap<AccountName, LiveAccount>, EngineError> {
        self.ask(Order::Look).await
    }

    /// Keeps the vigil over it.
    #[must_use]
    pub fn vigil(&self) -> Vigil {
        Vigil::new(self.orders.clone())
    }

    /// Marked as changed whenever what [`Handle::look`] says may have changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.news.clone()
    }

    /// Starts a pass of these accounts now, whatever their pauses; nobody waits for it.
    ///
    /// # Errors
    /// When one is not known, or the daemon is stopping.
    pub async fn sync_now(
        &self,
        accounts: Accounts,
    ) -> Result<Vec<(AccountName, Became)>, EngineError> {
        self.ask(|answer| Order::Wake(accounts, answer)).await?
    }

    /// Starts a complete pass of these accounts, over mailboxes that match a glob or over all.
    ///
    /// # Errors
    /// When an account is not known, or the daemon is stopping. One that is paused, or of which too many
    /// passes are waited for, answers at once.
    pub async fn sync(
        &self,
        accounts: Accounts,
        mailbox: Option<String>,
    ) -> Result<Vec<Awaited>, EngineError> {
        let mailbox = mailbox.map(Arc::from);
        self.ask(|answer| Order::Sync(accounts, mailbox, answer))
            .await?
    }

    /// Lets these accounts finish or roll back their step and then rest, without a connection, until they are
    /// resumed or the daemon is started anew. A reload does not resume them.
    ///
    /// # Errors
    /// When one is not known, or the daemon is stopping.
    pub async fn pause(
        &self,
        accounts: Accounts,
    ) -> Result<Vec<(AccountName, Became)>, EngineError> {
        self.ask(|answer| Order::Pause(accounts, answer)).await?
    }

    /// Lets paused accounts go on, with a pass.
    ///
    /// # Errors
    /// When one is not known, the daemon is stopping, or the index fails.
    pub async fn resume(
        &self,
        accounts: Accounts,
    ) -> Result<Vec<(AccountName, Became)>, EngineError> {
        self.ask(|answer| Order::Resume(accounts, answer)).await?
    }

    async fn ask<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<T, EngineError> {
        let (answer, answered) = oneshot::channel();
        let orders = self.orders.upgrade().ok_or(EngineError::Stopping)?;
        let asked = orders.send(order(answer)).await;
        asked.map_err(|_| EngineError::Stopping)?;
        answered.await.map_err(|_| EngineError::Stopping)
    }
}
