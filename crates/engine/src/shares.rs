//! What all accounts together may use, as it is in force: a reload may change it while they run.

use crate::delivery_pool::DeliveryPool;
use crate::descriptors::{self, Room};
use crate::disk_space::DiskSpace;
use crate::error::EngineError;
use crate::heart::announced;
use postrider_core::limits::Limits;
use postrider_core::settings::AccountSettings;
use postrider_transport::{Bandwidth, Connector, Slots};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What all accounts share. Clones share it too.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    pub(crate) slots: Slots,
    bandwidth: Bandwidth,
    pub(crate) space: DiskSpace,
    downloads: Arc<Semaphore>,
    /// Files that may be open.
    files: usize,
}

impl Shares {
    /// Nothing is limited yet but by the system. Call it within a runtime.
    pub(crate) fn new(state_dir: Arc<Path>) -> Self {
        let files = descriptors::raise();
        Self {
            slots: Slots::default(),
            bandwidth: Bandwidth::new(None),
            space: DiskSpace::new(state_dir),
            downloads: Arc::new(Semaphore::new(descriptors::downloads(files))),
            files,
        }
    }

    /// Puts other limits in force, for these accounts; what the system has room for.
    pub(crate) fn set<'a>(
        &self,
        limits: &Limits,
        accounts: impl IntoIterator<Item = &'a AccountSettings>,
    ) -> Room {
        let most = limits.connections.map_or(usize::MAX, NonZeroUsize::get);
        let room = descriptors::room(self.files, descriptors::wanted(accounts).min(most));
        let bounds = [limits.connections, room.connections];
        self.slots.set_limit(bounds.into_iter().flatten().min());
        self.bandwidth.set_rate(limits.bandwidth_octets);
        self.space.set_least(limits.disk_free_min_octets);
        room
    }

    /// Whether a connection may have to wait for its share of the bandwidth.
    pub(crate) fn is_metered(&self) -> bool {
        self.bandwidth.is_limited()
    }

    /// A connector for one account, which has its share.
    pub(crate) fn connector(&self, connector: &Connector) -> Connector {
        connector.sharing(&self.slots, &self.bandwidth)
    }

    /// Whether a download of so many octets into `tree` is worth beginning.
    pub(crate) async fn admits(&self, tree: &Path, octets: u64) -> Result<(), EngineError> {
        let (space, tree) = (self.space.clone(), tree.to_owned());
        DeliveryPool::run(move || space.allows(&tree, octets)).await?
    }

    /// Waits until one download more may have files open.
    pub(crate) async fn download(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        announced(None, Arc::clone(&self.downloads).acquire_owned())
            .await
            .ok()
    }
}
