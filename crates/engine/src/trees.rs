//! Where the mail trees of all accounts begin. One may lie within another: what lies in the inner one is none of
//! the outer account's.

use postrider_core::settings::AccountSettings;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The roots. All clones have the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trees(Arc<RwLock<Vec<PathBuf>>>);

impl Trees {
    /// Those of these accounts.
    pub(crate) fn of(accounts: &[AccountSettings]) -> Self {
        let trees = Self::default();
        trees.set(accounts);
        trees
    }

    /// The accounts are these from now on.
    pub(crate) fn set(&self, accounts: &[AccountSettings]) {
        let roots = accounts.iter().map(|account| account.maildir.clone());
        // Nobody panics while holding it.
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *held = roots.collect();
    }

    /// Whether a directory of the tree at `root` lies in a tree of its own within that one.
    pub(crate) fn has_within(&self, root: &Path, directory: &Path) -> bool {
        let roots = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut inner = roots
            .iter()
            .filter(|other| *other != root && other.starts_with(root));
        inner.any(|other| directory.starts_with(other))
    }
}
