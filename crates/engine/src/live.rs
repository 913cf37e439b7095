//! What every account is doing at this moment. Accounts tell; whoever wants to know looks, and disturbs nobody.

use crate::calls::LastFailure;
use crate::error::EngineError;
use crate::report::{PassReport, Progress};
use crate::totals::Totals;
use postrider_core::retention::Usage;
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
    /// Somebody paused it: it has no connection and makes no pass until it is resumed.
    Paused,
}

impl Activity {
    /// The word for people and for `--json`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Syncing => "syncing",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
        }
    }
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
    /// When it last stored a message since it was started.
    pub last_mail_at: Option<UnixTime>,
    /// When a pass over all chosen mailboxes was last complete, before this daemon started too.
    pub last_success_at: Option<UnixTime>,
    /// What that pass did. `None`: there was none since the daemon started.
    pub last_report: Option<PassReport>,
    /// Why the last pass failed. `None`: it did not.
    pub last_failure: Option<LastFailure>,
    /// How full the fullest box at the server was when it last said so.
    pub quota: Usage,
    /// How many messages it had stored when the server was last asked that.
    pub quota_asked_at: u64,
    /// What it has done since the daemon started.
    pub totals: Totals,
}

impl LiveAccount {
    /// What is known to be at the server and not here: what the running pass has still to store, or what the
    /// last one left when it failed.
    #[must_use]
    pub const fn backlog(&self) -> Load {
        Load {
            messages: self.found.messages.saturating_sub(self.stored.messages),
            octets: self.found.octets.saturating_sub(self.stored.octets),
        }
    }

    /// Whether mail has come since the server was last asked how full the box is: in this pass, or in quick ones
    /// before, which do not ask.
    const fn has_outdated_quota(&self) -> bool {
        self.totals.stored.messages > self.quota_asked_at
    }

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
            } => {
                self.stored.add(*messages, *octets);
                self.totals.stored.add(*messages, *octets);
            }
            // What a complete pass did not store, it had found to be here already, or skipped, or it is gone.
            Progress::Finished { .. } => self.found = self.stored,
            Progress::Failed { .. } => {}
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
pub(crate) struct Teller {
    live: Arc<watch::Sender<LiveAccount>>,
    /// For whoever looks at all accounts.
    news: Arc<watch::Sender<()>>,
}

impl Teller {
    /// One whose every change is news.
    pub(crate) fn with_news(news: &Arc<watch::Sender<()>>) -> Self {
        Self {
            live: Arc::default(),
            news: Arc::clone(news),
        }
    }

    /// Changes what is known of the account.
    pub(crate) fn change(&self, change: impl FnOnce(&mut LiveAccount)) {
        self.live.send_modify(change);
        self.news.send_replace(());
    }

    /// See [`LiveAccount::quota`].
    pub(crate) fn has_outdated_quota(&self) -> bool {
        self.live.borrow().has_outdated_quota()
    }

    /// The server was asked how full the box is.
    pub(crate) fn asked_for_quota(&self) {
        self.change(|live| live.quota_asked_at = live.totals.stored.messages);
    }

    /// What the account does from `at` on.
    pub(crate) fn begins(&self, activity: Activity, at: UnixTime) {
        self.change(|live| {
            live.activity = activity;
            live.since = Some(at);
            live.next_pass_at = None;
        });
    }

    pub(crate) fn progressed(&self, progress: &Progress) {
        self.change(|live| live.take(progress));
    }

    /// A pass over all mailboxes, or one over some (`whole` is false), is complete.
    pub(crate) fn succeeded(&self, at: UnixTime, report: &PassReport, whole: bool) {
        self.change(|live| {
            live.totals.complete(report);
            live.last_failure = None;
            if whole {
                live.last_success_at = Some(at);
                live.last_report = Some(report.clone());
            }
        });
    }

    pub(crate) fn failed(&self, at: UnixTime, error: &EngineError) {
        let failure = LastFailure::of(at, error);
        self.change(|live| {
            live.totals.failed(failure.fault);
            live.last_failure = Some(failure);
        });
    }

    /// For whoever looks, as often as it likes.
    pub(crate) fn look(&self) -> watch::Receiver<LiveAccount> {
        self.live.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::account::AccountName;

    fn found(messages: u64, octets: u64) -> Progress {
        let account = AccountName::parse("home").unwrap();
        Progress::Found {
            account,
            messages,
            octets,
        }
    }

    fn stored(messages: u64, octets: u64) -> Progress {
        let account = AccountName::parse("home").unwrap();
        Progress::Stored {
            account,
            messages,
            octets,
        }
    }

    #[test]
    fn the_load_of_a_pass_begins_anew_with_the_next() {
        let account = AccountName::parse("home").unwrap();
        let teller = Teller::default();
        let look = teller.look();
        teller.progressed(&found(3, 30));
        teller.progressed(&stored(1, 10));
        assert_eq!(look.borrow().found.messages, 3);
        assert_eq!(look.borrow().stored.octets, 10);
        teller.progressed(&Progress::Started { account });
        assert_eq!(look.borrow().found, Load::default());
        assert_eq!(look.borrow().stored, Load::default());
        assert_eq!(look.borrow().totals.stored.messages, 1, "sums stay");
    }

    #[test]
    fn a_backlog_is_what_a_pass_has_not_stored_until_one_is_complete() {
        let account = AccountName::parse("home").unwrap();
        let teller = Teller::default();
        let look = teller.look();
        teller.progressed(&found(3, 30));
        teller.progressed(&stored(1, 40));
        let backlog = Load {
            messages: 2,
            octets: 0,
        };
        assert_eq!(look.borrow().backlog(), backlog, "the server's sizes lie");
        teller.progressed(&Progress::Failed {
            account: account.clone(),
        });
        assert_eq!(look.borrow().backlog(), backlog);
        let report = PassReport::default();
        teller.progressed(&Progress::Finished { account, report });
        assert_eq!(look.borrow().backlog(), Load::default());
    }

    #[test]
    fn a_pass_over_some_mailboxes_is_no_success_of_the_account() {
        let teller = Teller::default();
        let look = teller.look();
        let at = UnixTime::from_seconds;
        let report = PassReport::default();
        teller.succeeded(at(1), &report, true);
        teller.failed(at(2), &EngineError::JobLost);
        assert_eq!(look.borrow().last_failure.as_ref().unwrap().at, at(2));
        teller.succeeded(at(3), &report, false);
        assert_eq!(look.borrow().last_success_at, Some(at(1)));
        assert_eq!(look.borrow().last_failure, None);
        assert_eq!(look.borrow().totals.passes, 2);
    }

    #[test]
    fn whatever_an_account_does_is_news() {
        let news = Arc::new(watch::Sender::new(()));
        let mut heard = news.subscribe();
        heard.borrow_and_update();
        Teller::with_news(&news).begins(Activity::Paused, UnixTime::from_seconds(1));
        assert!(heard.has_changed().unwrap());
        heard.borrow_and_update();
        Teller::default().begins(Activity::Paused, UnixTime::from_seconds(1));
        assert!(!heard.has_changed().unwrap(), "another daemon's");
    }
}
