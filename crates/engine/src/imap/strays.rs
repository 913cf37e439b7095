//! Messages that have a file, and of which nobody knows where they are at the server (R4): their index was lost, or
//! a reader moved the file while an undo had not been answered. What the server shows of them in another mailbox is
//! not fetched a second time: the file goes there.
//!
//! Likeness finds them with those that somebody moved at the server ([`super::moves`]), octets when they arrive.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::imap::moves;
use crate::imap::observe::Observed;
use crate::imap::planned::{Planned, unseen};
use crate::step::Step;
use postrider_core::message::{MessageKey, Sha256};
use postrider_index::{Index, Relocation, Stray};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Strays that octets may find. All connections of a pass have the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strays(Option<Arc<Mutex<Waiting>>>);

#[derive(Debug, Default)]
struct Waiting {
    /// By the hash of their files.
    strays: HashMap<Sha256, Vec<MessageKey>>,
    /// Who was found: each is one message. Those of a mailbox of which messages are still to come are expected
    /// there as well.
    found: HashSet<MessageKey>,
}

impl Strays {
    /// Those of `strays` that were not found yet.
    pub(super) fn waiting(strays: &[Stray], is_found: impl Fn(MessageKey) -> bool) -> Self {
        let mut waiting = Waiting::default();
        for stray in strays.iter().filter(|stray| !is_found(stray.key)) {
            let alike = waiting.strays.entry(stray.sha256).or_default();
            alike.push(stray.key);
        }
        Self((!waiting.strays.is_empty()).then(|| Arc::new(Mutex::new(waiting))))
    }

    /// One that holds these octets and was not found yet. It is found by that.
    pub(crate) fn take(&self, sha256: Sha256) -> Option<MessageKey> {
        let mut waiting = self.lock()?;
        let Waiting { strays, found } = &mut *waiting;
        let alike = strays.get_mut(&sha256)?;
        while let Some(key) = alike.pop() {
            if found.insert(key) {
                return Some(key);
            }
        }
        None
    }

    /// Whether nobody has found this message yet. It is found by that.
    pub(crate) fn find(&self, key: MessageKey) -> bool {
        self.lock()
            .is_none_or(|mut waiting| waiting.found.insert(key))
    }

    fn lock(&self) -> Option<MutexGuard<'_, Waiting>> {
        // Nobody panics while holding it.
        let waiting = self.0.as_ref()?.lock();
        Some(waiting.unwrap_or_else(PoisonError::into_inner))
    }
}

/// The strays of an account; none where there is nothing to be found. What lies in a mailbox that could not be
/// looked at whole may be there.
pub(super) async fn look(
    account: &Account,
    (observed, planned): (&[Observed], &[Planned]),
) -> Result<Vec<Stray>, EngineError> {
    if !account.sees_all() || planned.iter().all(|mailbox| mailbox.fetch.is_empty()) {
        return Ok(Vec::new());
    }
    let id = account.id;
    let strays = account.shared.index.call(move |index| index.strays(id));
    let mut strays: Vec<Stray> = strays.await?;
    let unseen = unseen(observed, planned);
    strays.retain(|stray| !unseen.contains(&stray.mailbox));
    Ok(strays)
}

/// Those that likeness may find. What another program delivered may be like a message and not be it: where
/// something will be deleted because of it, its octets are asked for (R1).
pub(super) fn alike(account: &Account, strays: &[Stray]) -> impl Iterator<Item = MessageKey> {
    let lets_go = account.lets_go();
    let will_do = move |stray: &&Stray| stray.received || !lets_go;
    strays.iter().filter(will_do).map(|stray| stray.key)
}

/// The octets of a stray have arrived, from the mailbox to which its file goes now.
pub(crate) async fn bring(account: &Account, to: Relocation) -> Result<(), EngineError> {
    let relocate = move |index: &mut Index| {
        index.relocate(&[to], now())?;
        // Its octets were received just now, and are those of the file.
        index.mark_received(&[to.key])
    };
    account.shared.index.call(relocate).await?;
    account.shared.steps.reached(Step::Relocated)?;
    moves::finish(account).await
}
