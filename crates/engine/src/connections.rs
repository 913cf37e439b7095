//! How many connections an account uses: what its user allows, less what its server refused of late.
//!
//! One is every pass's, and listens between passes. The others are places that downloads and further
//! mailboxes to listen to share: a download comes first.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use postrider_core::allowance::Allowance;
use postrider_core::wish::Limit;
use postrider_transport::Slots;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by all that open connections for one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections {
    allowance: Arc<Mutex<Allowance>>,
    /// For those besides the one that every pass has.
    places: Slots,
}

impl Connections {
    fn with<T>(&self, look: impl FnOnce(&mut Allowance) -> T) -> T {
        // Nobody panics while holding it.
        let allowance = self.allowance.lock();
        look(&mut allowance.unwrap_or_else(PoisonError::into_inner))
    }
}

impl Account {
    /// How many connections may be open at once, at this moment.
    pub(crate) fn connections_now(&self) -> usize {
        let configured = self.settings.connections;
        self.connections
            .with(|allowance| allowance.of(configured, now().0))
    }

    /// The places for connections besides the one that every pass has; `None` where there may be no other.
    pub(crate) fn places(&self) -> Option<&Slots> {
        let further = self.connections_now().saturating_sub(1);
        let places = &self.connections.places;
        NonZeroUsize::new(further).map(|further| {
            places.set_limit(Some(further));
            places
        })
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
