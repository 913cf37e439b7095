//! One account: its mailboxes, and what a test may do to them behind the client's back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::locked::Locked;
use super::mailbox::{Mailbox, Message, PermanentFlags, canonical_flag};
use super::state::State;

/// A handle to one account. Mailbox names are UTF-8 with `/` between levels (see
/// [`PLAIN_SLASH`](crate::PLAIN_SLASH) for one that is none); INBOX in any case.
#[derive(Clone, Debug, Default)]
pub struct Account(Arc<Held>);

/// An account's state, and who waits for news of it.
#[derive(Debug, Default)]
struct Held {
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

impl Account {
    /// Puts a message into `mailbox`, which is made if missing, and returns its UID.
    ///
    /// `internal_date` is in seconds since the epoch. The bytes are served as they are.
    pub fn append(
        &self,
        mailbox: &str,
        bytes: impl Into<Bytes>,
        flags: &[&str],
        internal_date: i64,
    ) -> u32 {
        let mut state = self.lock();
        state.create(mailbox);
        let uid = state.append(mailbox, bytes.into(), flag_set(flags), internal_date);
        uid.unwrap_or(0)
    }

    /// Replaces the flags of a message, as another client would; `false` when there is none.
    pub fn set_flags(&self, mailbox: &str, uid: u32, flags: &[&str]) -> bool {
        let mut state = self.lock();
        let changed = state.change_flags(mailbox, uid, |set| *set = flag_set(flags));
        changed.is_some()
    }

    /// Removes a message, as another client would; `false` when there is none.
    pub fn expunge(&self, mailbox: &str, uid: u32) -> bool {
        self.expunge_all(mailbox, &[uid]) == 1
    }

    /// Removes messages at once, as another client's EXPUNGE would: one mod-sequence for all. How many
    /// of them there were.
    pub fn expunge_all(&self, mailbox: &str, uids: &[u32]) -> usize {
        let mut state = self.lock();
        state.remove(mailbox, |m| uids.contains(&m.uid)).len()
    }

    /// Moves a message, as another client would: gone here, there under a new UID, which is returned;
    /// `None` when there is no such message or no such target.
    pub fn move_message(&self, from: &str, uid: u32, to: &str) -> Option<u32> {
        let mut state = self.lock();
        let message = state.mailbox(from)?.find(uid)?.clone();
        let new = state.add(to, message)?;
        state.leave(from, |m| m.uid == uid);
        Some(new)
    }

    /// Copies a message, as another client would; the copy's UID, or `None` as for
    /// [`Account::move_message`].
    pub fn copy_message(&self, from: &str, uid: u32, to: &str) -> Option<u32> {
        let mut state = self.lock();
        let message = state.mailbox(from)?.find(uid)?.clone();
        state.add(to, message)
    }

    /// Adds and removes flags and keywords of a message; `false` when there is none.
    pub fn change_flags(&self, mailbox: &str, uid: u32, add: &[&str], remove: &[&str]) -> bool {
        let (add, remove) = (flag_set(add), flag_set(remove));
        let mut state = self.lock();
        let changed = state.change_flags(mailbox, uid, |set| {
            set.retain(|flag| !remove.contains(flag));
            set.extend(add);
        });
        changed.is_some()
    }

    /// Restores `mailbox` from a backup that is older than its `newest` newest messages: they are gone,
    /// and UIDNEXT and HIGHESTMODSEQ go back, so that UIDs will be given out twice under one
    /// UIDVALIDITY. No RFC permits that. `false` when there is no such mailbox.
    pub fn restore_without(&self, mailbox: &str, newest: usize) -> bool {
        self.change(mailbox, |m| m.restore_without(newest))
    }

    /// Turns HIGHESTMODSEQ back to `mod_seq`, as a migrated server does; no message keeps a higher
    /// mod-sequence. `false` when there is no such mailbox.
    pub fn turn_mod_seq_back(&self, mailbox: &str, mod_seq: u64) -> bool {
        self.change(mailbox, |m| m.turn_back(mod_seq))
    }

    /// Whether `mailbox` keeps mod-sequences; one that does not says NOMODSEQ (RFC 7162 §3.1.2.2).
    /// Mailboxes are born with them. `false` when there is no such mailbox.
    pub fn set_mod_sequences(&self, mailbox: &str, keeps: bool) -> bool {
        self.change(mailbox, |m| m.keeps_mod_seqs = keeps)
    }

    /// Whether `\Deleted` lasts in `mailbox` (PERMANENTFLAGS, RFC 9051 §7.1). Mailboxes are born with it.
    /// `false` when there is no such mailbox.
    pub fn set_keeps_deleted(&self, mailbox: &str, keeps: bool) -> bool {
        let but_deleted = ["\\Answered", "\\Draft", "\\Flagged", "\\Seen", "\\*"];
        let flags = if keeps {
            PermanentFlags::All
        } else {
            PermanentFlags::These(flag_set(&but_deleted))
        };
        self.change(mailbox, |m| m.permanent_flags = flags)
    }

    /// Which flags last in `mailbox` (PERMANENTFLAGS, RFC 9051 §7.1): of those that a client stores, appends or
    /// copies, all others are dropped without a word. `\*` among them stands for new keywords. `None`: all last,
    /// and the server says nothing of it. `false` when there is no such mailbox.
    pub fn set_permanent_flags(&self, mailbox: &str, flags: Option<&[&str]>) -> bool {
        let flags = flags.map_or(PermanentFlags::Unsaid, |flags| {
            PermanentFlags::These(flag_set(flags))
        });
        self.change(mailbox, |m| m.permanent_flags = flags)
    }

    /// How large a message may be that a client puts into `mailbox` (APPENDLIMIT, RFC 7889); `None`: as the
    /// server's capability says. `false` when there is no such mailbox.
    pub fn set_append_limit(&self, mailbox: &str, octets: Option<u64>) -> bool {
        self.change(mailbox, |m| m.append_limit = octets)
    }

    /// Forgets which messages were expunged so far: QRESYNC then names every UID that is not there
    /// (RFC 7162 §3.2.5.2). `false` when there is no such mailbox.
    pub fn forget_expunged(&self, mailbox: &str) -> bool {
        self.change(mailbox, Mailbox::forget_expunged)
    }

    /// Gives `mailbox` a new UIDVALIDITY and numbers its messages from one; `false` when there is none.
    /// UIDLs stay; see [`Account::pop3_uidls_change`].
    pub fn bump_uid_validity(&self, mailbox: &str) -> bool {
        let mut state = self.lock();
        let uid_validity = state.new_uid_validity();
        let mailbox = state.mailbox_mut(mailbox);
        mailbox.map(|m| m.renumber(uid_validity)).is_some()
    }

    /// Gives every message of the INBOX another UIDL, as a migration of the server does.
    pub fn pop3_uidls_change(&self) {
        let mut state = self.lock();
        state.uidl_epoch += 1;
        let epoch = state.uidl_epoch;
        if let Some(inbox) = state.mailbox_mut("INBOX") {
            for message in &mut inbox.messages {
                message.uidl = format!("epoch{epoch}.{:08x}", message.uid);
            }
        }
    }

    /// Sets the UIDL of one message of the INBOX; `false` when there is no such message.
    pub fn set_uidl(&self, uid: u32, uidl: &str) -> bool {
        let mut state = self.lock();
        let inbox = state.mailbox_mut("INBOX");
        let message = inbox.and_then(|m| m.messages.iter_mut().find(|message| message.uid == uid));
        message.map(|m| uidl.clone_into(&mut m.uidl)).is_some()
    }

    /// Limits what the account may hold, in KiB and in messages, as QUOTA tells it; nothing is refused for
    /// it.
    pub fn set_quota(&self, kib: Option<u64>, messages: Option<u64>) {
        let mut state = self.lock();
        (state.quota_kib, state.quota_messages) = (kib, messages);
    }

    /// Makes an empty mailbox; `false` when it is there already.
    pub fn create(&self, mailbox: &str) -> bool {
        self.lock().create(mailbox)
    }

    /// Removes a mailbox with its mail, its subscription stays; `false` when there is none.
    pub fn delete(&self, mailbox: &str) -> bool {
        self.lock().delete(mailbox)
    }

    /// Renames a mailbox and its children, UIDVALIDITY and UIDs kept; `false` when it cannot be.
    pub fn rename(&self, from: &str, to: &str) -> bool {
        self.lock().rename(from, to)
    }

    /// Gives `mailbox`, made if missing, a role of RFC 6154 (`\Sent`).
    pub fn set_role(&self, mailbox: &str, role: &str) {
        let mut state = self.lock();
        state.create(mailbox);
        if let Some(mailbox) = state.mailbox_mut(mailbox) {
            mailbox.role = Some(role.to_owned());
        }
    }

    /// Subscribes to a mailbox (they are from birth) or no longer; `false` when there is none.
    pub fn set_subscribed(&self, mailbox: &str, subscribed: bool) -> bool {
        self.lock().subscribe(mailbox, subscribed)
    }

    /// Whether `mailbox` can be selected; one that cannot is listed as `\Noselect`. `false` when there is
    /// none.
    pub fn set_selectable(&self, mailbox: &str, selectable: bool) -> bool {
        self.change(mailbox, |m| m.selectable = selectable)
    }

    /// The names of all mailboxes, sorted.
    #[must_use]
    pub fn mailboxes(&self) -> Vec<String> {
        self.lock().mailboxes.keys().cloned().collect()
    }

    /// The messages of a mailbox in UID order; empty when there is no such mailbox.
    #[must_use]
    pub fn messages(&self, mailbox: &str) -> Vec<Message> {
        let state = self.lock();
        state
            .mailbox(mailbox)
            .map_or_else(Vec::new, |m| m.messages.clone())
    }

    /// The UIDVALIDITY of a mailbox.
    #[must_use]
    pub fn uid_validity(&self, mailbox: &str) -> Option<u32> {
        self.lock().mailbox(mailbox).map(|m| m.uid_validity)
    }

    /// The highest mod-sequence of a mailbox (RFC 7162).
    #[must_use]
    pub fn highest_mod_seq(&self, mailbox: &str) -> Option<u64> {
        self.lock().mailbox(mailbox).map(|m| m.highest_mod_seq)
    }

    fn change(&self, mailbox: &str, change: impl FnOnce(&mut Mailbox)) -> bool {
        self.lock().mailbox_mut(mailbox).map(change).is_some()
    }

    /// Hears when anything may have changed.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        Locked::new(state, &self.0.changes)
    }
}

fn flag_set(flags: &[&str]) -> BTreeSet<String> {
    flags.iter().map(|flag| canonical_flag(flag)).collect()
}
