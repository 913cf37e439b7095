//! Acting and rehearsing: a pass may be played through without being carried out (`sync --dry-run`).
//!
//! It is the same pass, with the same questions to the server, over a copy of the index that nobody keeps.
//! What would change the server or the mail tree asks for a [`Leave`] first, and says in [`Deed`]s what
//! it would be for. A pass that acts is given one. A rehearsal is not, ever: its deeds are written down,
//! the copy of the index is told what would have come of them, and the pass goes on from there. So
//! there is no second planner, and no way around: an executor cannot be called without a leave.
//!
//! What the log says of mail has happened; a rehearsal is not heard ([`crate::events::unheard`]).
//!
//! A message that would be fetched is *promised*: the copy of the index has a row for it, there is no
//! file, and it passes for one that is there and proven. That is what the pass would make of it.

use crate::context::{Account, LocalMailbox, now};
use crate::error::EngineError;
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, ServerRef, Sha256};
use postrider_core::plan::deed::Deed;
use postrider_core::plan::imap::Action;
use postrider_core::time::UnixTime;
use postrider_index::{HeaderFields, Index, Intent, JournalId, MailboxId, NamedRow, NewMessage};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Leave to change what others see: the server, the mail tree. Executors ask to be shown one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leave(());

/// What a pass is to do with its decisions.
#[derive(Clone, Debug, Default)]
pub(crate) enum Part {
    /// Carry them out.
    #[default]
    Act,
    /// Write them down.
    Rehearse(Script),
}

/// What a rehearsal has written down. Shared with nobody but the clones of its own account; held for no
/// longer than a line takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    written: Vec<(Arc<str>, Deed)>,
    promised: HashSet<MessageKey>,
}

/// One deed of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// The mailbox, by its decoded name.
    pub mailbox: String,
    /// What would be done.
    pub deed: Deed,
    /// The message it is about, where it is about one.
    pub message: Option<NamedMessage>,
}

/// What is shown of a message; each may be missing but who it is to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedMessage {
    /// Who it is to the server.
    pub server: ServerRef,
    /// `Message-ID`, without its angle brackets.
    pub message_id: Option<String>,
    /// `Subject`; unknown of what is not here yet.
    pub subject: Option<String>,
    /// INTERNALDATE, else `Date`.
    pub date: Option<UnixTime>,
    /// What it weighs at the server, by the server's word or else by ours.
    pub octets: u64,
}

impl From<NamedRow> for NamedMessage {
    fn from(row: NamedRow) -> Self {
        let NamedRow {
            server,
            message_id,
            subject,
            date,
            octets,
        } = row;
        Self {
            server,
            message_id,
            subject,
            date,
            octets,
        }
    }
}

/// A message that would be here after the pass.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    pub(crate) mailbox: MailboxId,
    pub(crate) server: ServerRef,
    pub(crate) flags: FlagSet,
    pub(crate) internal_date: Option<UnixTime>,
    pub(crate) message_id: Option<String>,
    /// The server's word: the message itself is not asked for.
    pub(crate) octets: Option<u64>,
}

impl Part {
    /// Leave to act, where this is no rehearsal; nothing is written down.
    pub(crate) const fn leave(&self) -> Option<Leave> {
        match self {
            Self::Act => Some(Leave(())),
            Self::Rehearse(_) => None,
        }
    }
}

impl Script {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Nobody panics while holding it; and if, every line is whole.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// Leave to do `deeds` in a mailbox. A rehearsal writes them down and has none.
    pub(crate) fn leave<D>(&self, mailbox: &str, deeds: impl FnOnce() -> D) -> Option<Leave>
    where
        D: IntoIterator<Item = Deed>,
    {
        if let Part::Rehearse(script) = &self.part {
            let mailbox: Arc<str> = Arc::from(mailbox);
            let deeds = deeds().into_iter();
            let deeds: Vec<_> = deeds.map(|deed| (Arc::clone(&mailbox), deed)).collect();
            script.lines().written.extend(deeds);
        }
        self.part.leave()
    }

    /// Writes a deed down that needs no leave: something is left alone, or only the index is told.
    pub(crate) fn note(&self, mailbox: &str, deed: impl FnOnce() -> Deed) {
        let _acting = self.leave(mailbox, || [deed()]);
    }

    /// Writes down that messages are gone from the server, before the index is told: by our own doing, where
    /// their deletion was asked for and never answered (R2).
    pub(crate) async fn note_gone(
        &self,
        mailbox: &str,
        keys: &[MessageKey],
    ) -> Result<(), EngineError> {
        if self.part.leave().is_some() {
            return Ok(());
        }
        let asked = keys.to_vec();
        let foresee = move |index: &mut Index| index.foresee_vanished(&asked);
        for (message, lost) in self.shared.index.call(foresee).await? {
            self.note(mailbox, || match lost {
                Some(because) => Deed::Settle { message, because },
                None => Deed::Vanish { message },
            });
        }
        Ok(())
    }

    /// Whether the file of a message would be here, and proven, after what the pass has come to so far.
    pub(crate) fn is_promised(&self, key: MessageKey) -> bool {
        match &self.part {
            Part::Act => false,
            Part::Rehearse(script) => script.lines().promised.contains(&key),
        }
    }

    /// Whether a mailbox has no directory, because a rehearsal makes none: then nothing lies in it.
    pub(crate) fn lacks_directory(&self, mailbox: &LocalMailbox) -> Result<bool, EngineError> {
        if self.part.leave().is_some() {
            return Ok(false);
        }
        let exists = mailbox.maildir.exists();
        let exists = exists.map_err(|error| EngineError::disk(error).in_mailbox(&mailbox.name))?;
        Ok(!exists)
    }

    /// Counts recorded messages as here, whatever the disk says.
    pub(crate) fn promise_all(&self, keys: &[MessageKey]) {
        if let Part::Rehearse(script) = &self.part {
            script.lines().promised.extend(keys);
        }
    }

    /// Records messages that would be fetched. Their keys come in the same order.
    pub(crate) async fn promise(
        &self,
        promises: Vec<Promise>,
    ) -> Result<Vec<MessageKey>, EngineError> {
        let seen = self.notes();
        let record = move |index: &mut Index| {
            let intents: Vec<Intent> = promises.into_iter().map(intent).collect();
            let entries: Vec<JournalId> = index.begin(&intents)?;
            index.record(&entries, seen, now())
        };
        let keys = self.shared.index.call(record).await?;
        self.promise_all(&keys);
        Ok(keys)
    }

    /// What was written down, with what is known of each message.
    pub(crate) async fn rehearsed(&self) -> Result<Vec<Rehearsed>, EngineError> {
        let Part::Rehearse(script) = &self.part else {
            return Ok(Vec::new());
        };
        let mut written = std::mem::take(&mut script.lines().written);
        // What was missed in one mailbox and found in another has not vanished.
        let moved: HashSet<MessageKey> = written
            .iter()
            .filter(|(_, deed)| matches!(deed, Deed::Move { .. }))
            .filter_map(|(_, deed)| deed.message())
            .collect();
        written.retain(|(_, deed)| !(vanishes(deed) && is_among(&moved, deed)));
        let keys = written.iter().filter_map(|(_, deed)| deed.message());
        let keys: Vec<MessageKey> = keys.collect();
        let named = move |index: &mut Index| index.named(&keys);
        let named = self.shared.index.call(named).await?;
        let rehearsed = written.into_iter().map(|(mailbox, deed)| Rehearsed {
            message: deed
                .message()
                .and_then(|key| named.get(&key).cloned().map(NamedMessage::from)),
            mailbox: mailbox.to_string(),
            deed,
        });
        Ok(rehearsed.collect())
    }
}

const fn vanishes(deed: &Deed) -> bool {
    matches!(
        deed,
        Deed::Vanish { .. } | Deed::Plan(Action::Vanish { .. })
    )
}

fn is_among(keys: &HashSet<MessageKey>, deed: &Deed) -> bool {
    deed.message().is_some_and(|key| keys.contains(&key))
}

/// A delivery of which there is nothing but the intention. No file has such a name.
fn intent(promise: Promise) -> Intent {
    let octets = promise.octets.unwrap_or_default();
    Intent {
        mailbox: promise.mailbox,
        tmp: String::new(),
        message: NewMessage {
            server: promise.server,
            flags: promise.flags,
            header: HeaderFields {
                message_id: promise.message_id,
                ..HeaderFields::default()
            },
            internal_date: promise.internal_date,
            octets,
            octets_crlf: octets,
            server_octets: Some(octets),
            sha256: Sha256([0; 32]),
            header_sha256: None,
            base: String::new(),
            file: "new/".to_owned(),
        },
    }
}
