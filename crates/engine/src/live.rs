//! What every account is doing at this moment. Accounts tell; whoever wants to know looks, and disturbs nobody.

use crate::report::Progress;
use postrider_core::time::UnixTime;
use std::sync::Arc;
use tokio::sync::watch;

/// What an account is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// It has not begun its first pass.
    #[default]
    Starting,
    /// A pass is under way.
    Syncing,
    /// The pass before is over, the next has not begun.
    Waiting,
}

/// Messages and their octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// How many messages.
    pub messages: u64,
    /// How many octets, as far as they are known.
    pub octets: u64,
}

/// How a server tells of what is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushKind {
    /// NOTIFY (RFC 5465): of many mailboxes.
    Notify,
    /// IDLE (RFC 2177): of one.
    Idle,
}

impl PushKind {
    /// The word for people and programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notify => "notify",
            Self::Idle => "idle",
        }
    }
}

/// What an account listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// How.
    pub kind: PushKind,
    /// How many mailboxes the server tells of.
    pub mailboxes: u64,
    /// Since when.
    pub since: UnixTime,
}

/// One account at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveAccount {
    /// What it is doing.
    pub activity: Activity,
    /// Since when. `None`: since it was started.
    pub since: Option<UnixTime>,
    /// When the next pass begins at the latest.
    pub next_pass_at: Option<UnixTime>,
    /// Passes that failed in a row.
    pub failures: u32,
    /// How the server tells of what is new; `None` while it does not.
    pub listening: Option<Listening>,
    /// What the running pass, or the last one, had to download.
    pub found: Load,
    /// What it has stored of that.
    pub stored: Load,
}

impl LiveAccount {
    fn take(&mut self, progress: &Progress) {
        match progress {
            Progress::Started { .. } => {
                self.found = Load::default();
                self.stored = Load::default();
            }
            Progress::Found {
                messages, octets, ..
            } => self.found.add(*messages, *octets),
            Progress::Stored {
                messages, octets, ..
            } => self.stored.add(*messages, *octets),
            Progress::Failed { .. } | Progress::Finished { .. } => {}
        }
    }
}

impl Load {
    const fn add(&mut self, messages: u64, octets: u64) {
        self.messages = self.messages.saturating_add(messages);
        self.octets = self.octets.saturating_add(octets);
    }
}

/// Held by an account, to tell what it is doing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Teller(Arc<watch::Sender<LiveAccount>>);

impl Teller {
    /// Changes what is known of the account.
    pub(crate) fn change(&self, change: impl FnOnce(&mut LiveAccount)) {
        self.0.send_modify(change);
    }

    /// What the account does from `at` on.
    pub(crate) fn begins(&self, activity: Activity, at: UnixTime) {
        self.change(|live| {
            live.activity = activity;
            live.since = Some(at);
        });
    }

    pub(crate) fn progressed(&self, progress: &Progress) {
        self.change(|live| live.take(progress));
    }

    /// For whoever looks, as often as it likes.
    pub(crate) fn look(&self) -> watch::Receiver<LiveAccount> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::account::AccountName;

    #[test]
    fn the_load_of_a_pass_begins_anew_with_the_next() {
        let account = AccountName::parse("home").unwrap();
        let teller = Teller::default();
        let look = teller.look();
        teller.progressed(&Progress::Found {
            account: account.clone(),
            messages: 3,
            octets: 30,
        });
        teller.progressed(&Progress::Stored {
            account: account.clone(),
            messages: 1,
            octets: 10,
        });
        assert_eq!(look.borrow().found.messages, 3);
        assert_eq!(look.borrow().stored.octets, 10);
        teller.progressed(&Progress::Started { account });
        assert_eq!(look.borrow().found, Load::default());
        assert_eq!(look.borrow().stored, Load::default());
    }
}
