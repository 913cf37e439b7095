//! The session that an account keeps between its passes, and what was last seen through it.

use crate::imap::observe::Observed;
use postrider_imap::{MailboxStatus, Session, WireName};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a pass takes its session from and leaves it for what comes next. Without a place it keeps nothing:
/// every pass logs in and out, as a single one does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Option<Arc<Mutex<Slot>>>);

#[derive(Debug, Default)]
struct Slot {
    session: Option<Session>,
    /// Mailboxes that are synced, as they were when they were last looked at.
    seen: HashMap<WireName, MailboxStatus>,
    /// Since when nothing but these was opened: what a quick pass has looked at. `None`: anything may have been.
    opened: Option<Vec<WireName>>,
}

impl Kept {
    /// A place for a session.
    pub(crate) fn place() -> Self {
        Self(Some(Arc::default()))
    }

    /// The kept session, if it is to be trusted. What it is asked from here on counts anew, and it is doubted
    /// that the server is still there.
    pub(crate) fn take(&self) -> Option<Session> {
        let mut slot = self.slot()?;
        let mut session = slot.session.take()?;
        session.count_anew();
        session.doubt();
        Some(session)
    }

    /// Keeps a session; gives it back where there is no place.
    pub(crate) fn leave(&self, session: Session) -> Option<Session> {
        let Some(mut slot) = self.slot() else {
            return Some(session);
        };
        slot.session = Some(session);
        None
    }

    /// A pass over all mailboxes has seen these.
    pub(crate) fn saw_all(&self, observed: &[Observed]) {
        if let Some(mut slot) = self.slot() {
            let seen = observed.iter().map(|observed| {
                let status = observed.status.clone().unwrap_or_default();
                (observed.wire_name.clone(), status)
            });
            slot.seen = seen.collect();
            slot.opened = None;
        }
    }

    /// One of these mailboxes was seen like this.
    pub(crate) fn saw(&self, mailbox: &WireName, status: MailboxStatus) {
        if let Some(mut slot) = self.slot()
            && let Some(seen) = slot.seen.get_mut(mailbox)
        {
            *seen = status;
        }
    }

    /// A quick pass has opened these mailboxes, and no others.
    pub(crate) fn opened(&self, mailboxes: Vec<WireName>) {
        if let Some(mut slot) = self.slot() {
            slot.opened = Some(mailboxes);
        }
    }

    /// What the pass has opened that used the session last, where it was a quick one.
    pub(crate) fn was_opened(&self) -> Option<Vec<WireName>> {
        self.slot()?.opened.take()
    }

    /// The mailboxes that are synced, as they were last seen.
    pub(crate) fn seen(&self) -> HashMap<WireName, MailboxStatus> {
        self.slot()
            .map(|slot| slot.seen.clone())
            .unwrap_or_default()
    }

    /// How a mailbox was last seen, if it is synced.
    pub(crate) fn seen_of(&self, mailbox: &WireName) -> Option<MailboxStatus> {
        self.slot()?.seen.get(mailbox).cloned()
    }

    fn slot(&self) -> Option<MutexGuard<'_, Slot>> {
        // Nobody panics while holding it, and it has no half-done states.
        let slot = self.0.as_ref()?;
        Some(slot.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
