//! What every pass is given: the account's settings and the ways to disk, index and server.

use crate::connections::Connections;
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::hooks::Hooks;
use crate::imap::quick::Quick;
use crate::index_thread::IndexHandle;
use crate::listen::Kept;
use crate::live::Teller;
use crate::pass_clock::PassClock;
use crate::rehearsal::Part;
use crate::report::{Progress, ProgressSender};
use crate::shares::Shares;
use crate::shutdown::Shutdown;
use crate::step::Steps;
use crate::surroundings::Surroundings;
use crate::trees::Trees;
use postrider_core::account::AccountName;
use postrider_core::settings::AccountSettings;
use postrider_core::time::{Now, UnixTime};
use postrider_index::{AccountId, MailboxId};
use postrider_maildir::Mailbox;
use postrider_transport::Connector;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::OnceCell;

/// What all accounts share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) index: IndexHandle,
    /// The token of this process in the names of its files.
    pub(crate) writer: Arc<str>,
    pub(crate) connector: Arc<Connector>,
    /// What all accounts together may use.
    pub(crate) shares: Shares,
    /// Where the mail trees of all accounts begin.
    pub(crate) trees: Trees,
    pub(crate) pool: DeliveryPool,
    pub(crate) steps: Steps,
    pub(crate) progress: Option<ProgressSender>,
    /// What happens around us: networks, suspends.
    pub(crate) surroundings: Surroundings,
}

/// One account, ready for a pass.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) settings: Arc<AccountSettings>,
    pub(crate) shared: Shared,
    pub(crate) shutdown: Shutdown,
    /// How many connections its server has left it.
    pub(crate) connections: Connections,
    /// Where it tells what it is doing.
    pub(crate) live: Teller,
    /// Who is told of what a pass has stored.
    pub(crate) hooks: Hooks,
    /// Only mailboxes that match this glob; `None`: all that are chosen.
    pub(crate) only: Option<Arc<str>>,
    /// What a quick pass is about; `None`: it is none.
    pub(crate) quick: Option<Arc<Quick>>,
    /// The session between two passes.
    pub(crate) kept: Kept,
    /// Whether the pass is carried out or rehearsed.
    pub(crate) part: Part,
    /// The time in the pass.
    pub(crate) clock: PassClock,
    /// Set once what dead processes left in `tmp` is gone.
    pub(crate) swept: OnceCell<()>,
}

/// A mailbox with a row in the index and a directory on disk.
#[derive(Clone, Debug)]
pub(crate) struct LocalMailbox {
    pub(crate) id: MailboxId,
    /// For the log: the decoded name.
    pub(crate) name: Arc<str>,
    pub(crate) maildir: Arc<Mailbox>,
    /// Whether it was ever in step with the server, as far as the index knows.
    pub(crate) synced: bool,
}

impl Account {
    pub(crate) fn name(&self) -> &AccountName {
        &self.settings.name
    }

    /// Tells when it was last well, before this process started.
    pub(crate) async fn remember(&self) -> Result<(), EngineError> {
        let id = self.id;
        let index = &self.shared.index;
        let last = index.call(move |index| index.last_success(id)).await?;
        self.live.change(|live| live.last_success_at = last);
        Ok(())
    }

    /// The name as the log shows it.
    pub(crate) fn log_name(&self) -> &str {
        self.settings.name.as_str()
    }

    /// Whether the policy ever lets a server copy go: then nothing less than its octets will do to know
    /// a message by, where we did not receive them ourselves.
    pub(crate) fn lets_go(&self) -> bool {
        self.settings.retention.has_rule()
    }

    /// Whether the pass sees all mailboxes of the account. One that does not cannot say of a message
    /// where it went, nor which is the oldest of all.
    pub(crate) const fn sees_all(&self) -> bool {
        self.only.is_none() && self.quick.is_none()
    }

    pub(crate) fn tell(&self, progress: Progress) {
        self.live.progressed(&progress);
        if matches!(progress, Progress::Stored { .. }) {
            self.live.change(|live| live.last_mail_at = Some(now().0));
        }
        if let Some(sender) = &self.shared.progress {
            // Whoever showed the progress may have gone; the pass goes on.
            let _nobody_listens = sender.send(progress).is_err();
        }
    }
}

/// The present second.
pub(crate) fn now() -> Now {
    let seconds = i64::try_from(now_micros() / 1_000_000).unwrap_or(i64::MAX);
    Now(UnixTime::from_seconds(seconds))
}

/// Microseconds since the epoch, for file names.
pub(crate) fn now_micros() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |elapsed| {
        u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
    })
}
