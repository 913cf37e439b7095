//! The lock of an account; whoever changed something under it wakes the sessions that wait for news.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::MutexGuard;

use tokio::sync::watch;

use super::state::State;

/// An account's state, locked. Sessions hear of it when it is let go, if it was written to.
pub(crate) struct Locked<'a> {
    state: MutexGuard<'a, State>,
    changes: &'a watch::Sender<()>,
    is_touched: bool,
}

impl<'a> Locked<'a> {
    pub(super) const fn new(state: MutexGuard<'a, State>, changes: &'a watch::Sender<()>) -> Self {
        Self {
            state,
            changes,
            is_touched: false,
        }
    }
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.is_touched = true;
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if self.is_touched {
            self.changes.send_replace(());
        }
    }
}

impl fmt::Debug for Locked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}
