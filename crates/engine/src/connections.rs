//! How many connections an account uses: what its user allows, less what its server refused of late.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use postrider_core::allowance::Allowance;
use postrider_core::wish::Limit;
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by all that open connections for one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections(Arc<Mutex<Allowance>>);

impl Connections {
    fn with<T>(&self, look: impl FnOnce(&mut Allowance) -> T) -> T {
        // Nobody panics while holding it.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Account {
    /// How many connections may be open at once, at this moment.
    pub(crate) fn connections_now(&self) -> usize {
        let configured = self.settings.connections;
        self.connections
            .with(|allowance| allowance.of(configured, now().0))
    }

    /// Uses one connection fewer for a while if this is what the server wants.
    pub(crate) fn heed_limits(&self, error: &EngineError) {
        let is_about_us = error
            .wish()
            .is_some_and(|wish| wish.limit == Limit::Connections);
        if !is_about_us {
            return;
        }
        let configured = self.settings.connections;
        let lowered = self
            .connections
            .with(|allowance| allowance.refused(configured, now().0));
        if let Some(connections) = lowered {
            events::ConnectionsLowered {
                account: self.log_name(),
                connections: connections as u64,
                hint: Limit::Connections.hint(),
            }
            .emit();
        }
    }
}
