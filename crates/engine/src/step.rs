//! The steps of changing the world, as a seam for crash tests.
//!
//! A crash may come after any of them, and the next pass must heal it (R3). The tests stop the
//! engine after every single one; in production nobody counts.

use crate::error::EngineError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A point between two changes to disk, index or server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A batch of messages lies in `tmp`, flushed.
    Flushed,
    /// The index knows what is about to be delivered.
    Journaled,
    /// One file of the batch has its final name.
    Placed,
    /// Every file of the batch has its final name.
    BatchPlaced,
    /// The directories are flushed.
    DirectoriesFlushed,
    /// The index has the batch.
    Recorded,
    /// A file's name bears the server's flags, the index does not know yet.
    Reflagged,
    /// The index has messages in another mailbox, where the server moved them; their files are not
    /// there yet.
    Relocated,
    /// The index has another name for a mailbox; its files are not there yet.
    Renamed,
    /// Files followed to another mailbox or directory, the index does not know yet.
    Followed,
    /// A local copy is removed, the index does not know yet.
    Released,
    /// The local copies have been read back and compared.
    Proven,
    /// The index knows that deletion is about to be asked for.
    ExpiryRequested,
    /// The server has acknowledged the deletion, the index does not know yet.
    Expired,
    /// The server has flags that a reader changed, the index does not know yet.
    FlagsPushed,
    /// The index has a message where a reader moved or put it; the server has not been told.
    Parted,
    /// The server has a message where a reader moved or put it, the index does not know yet.
    Sent,
    /// The index knows that a message is about to be put back on the server.
    UndoBegun,
    /// The server has taken a message back, the index does not know yet.
    Appended,
}

/// Counts steps; may be told to stop the engine dead after the nth.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    left: Option<Arc<AtomicU64>>,
}

impl Steps {
    /// Steps that end as a crash would after `count` of them.
    #[must_use]
    pub fn stop_after(count: u64) -> Self {
        Self {
            left: Some(Arc::new(AtomicU64::new(count))),
        }
    }

    /// Whether the stop has come. From then on nothing may touch disk, index or server any more.
    #[must_use]
    pub fn stopped(&self) -> bool {
        let left = self.left.as_ref();
        left.is_some_and(|left| left.load(Ordering::SeqCst) == 0)
    }

    /// Notes that `step` was done.
    ///
    /// # Errors
    /// When the engine is to stop here.
    pub(crate) fn reached(&self, step: Step) -> Result<(), EngineError> {
        let Some(left) = &self.left else {
            return Ok(());
        };
        let counted = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        match counted {
            Ok(1) | Err(_) => Err(EngineError::Interrupted { step }),
            Ok(_) => Ok(()),
        }
    }
}
