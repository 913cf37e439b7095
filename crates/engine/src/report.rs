//! What a pass did, for people, exit statuses and progress bars.

use crate::account::report_failure;
use crate::error::EngineError;
use postrider_core::account::AccountName;
use std::time::Duration;
use tokio::sync::mpsc;

/// What one complete pass over one account did. Octets are those of stored messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Mailboxes that were looked at, by whatever means.
    pub mailboxes: u64,
    /// Messages stored.
    pub new: u64,
    /// Messages whose flags the server had changed.
    pub flags_pulled: u64,
    /// Messages whose flags a reader had changed.
    pub flags_pushed: u64,
    /// Messages that a reader moved, copied or wrote, and that the server has there by now.
    pub pushed: u64,
    /// Server copies deleted by policy.
    pub expired: u64,
    /// Server copies that were gone, and not by us.
    pub vanished: u64,
    /// Messages that could not be stored.
    pub skipped: u64,
    /// Messages that would have been removed, had the brake not engaged (R6).
    pub braked: u64,
    /// Files that were missed for the first time, where the policy asks who deleted them: a second look is
    /// to say so (R5).
    pub missed: u64,
    /// What a quick pass has left to one over all mailboxes: messages that are gone, changes of readers, messages
    /// that may have been moved.
    pub postponed: u64,
    /// Octets stored.
    pub octets: u64,
    /// Times we waited for the server after the greeting.
    pub round_trips: u64,
    /// The least time until the next login that the server grants. POP3 only.
    pub login_delay: Option<Duration>,
    /// How long it took.
    pub elapsed: Duration,
}

impl PassReport {
    /// Adds what another connection of the same pass did.
    pub(crate) fn add(&mut self, other: &Self) {
        self.mailboxes += other.mailboxes;
        self.new += other.new;
        self.flags_pulled += other.flags_pulled;
        self.flags_pushed += other.flags_pushed;
        self.pushed += other.pushed;
        self.expired += other.expired;
        self.vanished += other.vanished;
        self.skipped += other.skipped;
        self.braked += other.braked;
        self.missed += other.missed;
        self.postponed += other.postponed;
        self.octets += other.octets;
        self.round_trips += other.round_trips;
    }
}

/// How the pass over one account ended.
#[derive(Debug)]
pub struct AccountOutcome {
    /// The account.
    pub account: AccountName,
    /// What it did, or why it did not.
    pub result: Result<PassReport, EngineError>,
}

impl AccountOutcome {
    /// Tells the log of a failure as a daemon does (`account.failed`, `account.throttled`), for those who
    /// read nothing but the log. A success has been told already.
    pub fn log_failure(&self) {
        if let Err(error) = &self.result {
            report_failure(self.account.as_str(), error, None, None);
        }
    }
}

/// News of a pass while it runs.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A pass has failed.
    Failed {
        /// The account.
        account: AccountName,
    },
    /// A pass is complete.
    Finished {
        /// The account.
        account: AccountName,
        /// What it did.
        report: PassReport,
    },
    /// More messages were found that have to be downloaded.
    Found {
        /// The account.
        account: AccountName,
        /// How many.
        messages: u64,
        /// Their octets as far as the server told; zero when it did not.
        octets: u64,
    },
    /// A pass has started.
    Started {
        /// The account.
        account: AccountName,
    },
    /// Messages are stored: flushed, recorded.
    Stored {
        /// The account.
        account: AccountName,
        /// How many.
        messages: u64,
        /// Their octets.
        octets: u64,
    },
}

/// Where progress goes. Unbounded, because whoever shows it may be slow and mail must not wait; it
/// carries one item per batch, not per message.
pub type ProgressSender = mpsc::UnboundedSender<Progress>;
