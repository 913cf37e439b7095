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
use postrider_core::settings::Moves;
use postrider_index::{Index, MailboxId, Relocation, Stray};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Strays that likeness may find: the newest, a few MB of them (R11). Octets find any.
const MOST: u32 = 20_000;

/// Strays that octets may find. All connections of a pass have the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strays(Option<Arc<Search>>);

#[derive(Debug)]
struct Search {
    /// Mailboxes that could not be looked at whole.
    unseen: Vec<MailboxId>,
    /// Who was found: each is one message, though it is expected in its own mailbox as well.
    found: Mutex<HashSet<MessageKey>>,
}

impl Strays {
    /// One that holds these octets and was not found yet. It is found by that.
    pub(crate) async fn take(
        &self,
        account: &Account,
        sha256: Sha256,
    ) -> Result<Option<MessageKey>, EngineError> {
        let Some(search) = &self.0 else {
            return Ok(None);
        };
        let id = account.id;
        let alike = move |index: &mut Index| index.strays_with(id, sha256);
        let alike = account.shared.index.call(alike).await?;
        let alike = alike.iter().filter(|s| !search.unseen.contains(&s.mailbox));
        Ok(alike.map(|stray| stray.key).find(|key| self.find(*key)))
    }

    /// Whether nobody has found this message yet. It is found by that.
    pub(crate) fn find(&self, key: MessageKey) -> bool {
        let Some(search) = &self.0 else {
            return true;
        };
        // Nobody panics while holding it.
        let mut found = search.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(key)
    }
}

/// Those of an account that likeness may find, and the search for the others; none where nothing is to come. What lies
/// in a mailbox that could not be looked at whole may be there.
pub(super) async fn look(
    account: &Account,
    (observed, planned): (&[Observed], &[Planned]),
) -> Result<(Vec<MessageKey>, Strays), EngineError> {
    if !account.sees_all() || planned.iter().all(|mailbox| mailbox.fetch.is_empty()) {
        return Ok((Vec::new(), Strays::default()));
    }
    let id = account.id;
    let strays = account
        .shared
        .index
        .call(move |index| index.strays(id, MOST));
    let strays: Vec<Stray> = strays.await?;
    if strays.is_empty() {
        return Ok((Vec::new(), Strays::default()));
    }
    let unseen = unseen(observed, planned);
    // What another program delivered may be like a message and not be it: where something will be deleted because of
    // it, its octets are asked for (R1).
    let will_do = |s: &&Stray| s.received || !account.lets_go();
    let alike = strays.iter().filter(|s| !unseen.contains(&s.mailbox));
    let alike = alike.filter(will_do).map(|stray| stray.key).collect();
    let search = Search {
        unseen,
        found: Mutex::default(),
    };
    Ok((alike, Strays(Some(Arc::new(search)))))
}

/// Whether the file of a stray goes to where the server has its message. Where moves are not pushed it stays: it is a
/// reader who has sorted it there, and most likely long ago.
pub(crate) fn follow(account: &Account) -> bool {
    account.settings.moves == Moves::Push
}

/// The octets of a stray have arrived, from the mailbox to which it belongs now.
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
