//! Sees what a daemon does, and neither does anything to it nor keeps it alive.

use crate::daemon::Order;
use crate::error::EngineError;
use crate::live::LiveAccount;
use crate::vigil::Vigil;
use postrider_core::account::AccountName;
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot, watch};

/// Sees what a daemon does. Clones look at the same one.
#[derive(Clone, Debug)]
pub struct Observer {
    orders: mpsc::WeakSender<Order>,
    news: watch::Receiver<()>,
}

impl Observer {
    pub(crate) const fn new(orders: mpsc::WeakSender<Order>, news: watch::Receiver<()>) -> Self {
        Self { orders, news }
    }

    /// What every account is doing at this moment.
    ///
    /// # Errors
    /// When the daemon is stopping.
    pub async fn look(&self) -> Result<BTreeMap<AccountName, LiveAccount>, EngineError> {
        let orders = self.orders.upgrade().ok_or(EngineError::JobLost)?;
        let (answer, answered) = oneshot::channel();
        let asked = orders.send(Order::Look(answer)).await;
        asked.map_err(|_| EngineError::JobLost)?;
        answered.await.map_err(|_| EngineError::JobLost)
    }

    /// Returns when an account does something else than when this was called last, or accounts came or went.
    ///
    /// # Errors
    /// When the daemon has ended.
    pub async fn changed(&mut self) -> Result<(), EngineError> {
        let changed = self.news.changed().await;
        changed.map_err(|_| EngineError::JobLost)
    }

    /// Keeps the vigil over it.
    #[must_use]
    pub fn vigil(&self) -> Vigil {
        Vigil::new(self.orders.clone())
    }
}
