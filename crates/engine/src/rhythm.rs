//! When an account's next pass begins, and what the log hears of it: what `postrider_core` decides of pauses,
//! outages and haste, with a clock and dice.

use crate::account::report_failure;
use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use crate::report::PassReport;
use crate::surroundings::Changes;
use postrider_core::fault::Fault;
use postrider_core::haste::Haste;
use postrider_core::outage::Outage;
use postrider_core::pace::{Jitter, Pace, pause_before_call};
use std::time::Duration;

/// How soon a file that was missed is looked for once more (R5): readers that move come to rest within a second,
/// and whoever deletes a message wants to see it gone elsewhere.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// One account's.
#[derive(Debug)]
pub(crate) struct Rhythm {
    pace: Pace,
    outage: Outage,
    haste: Haste,
    changes: Changes,
    /// Why the pass before failed.
    trouble: Option<Fault>,
    failures: u32,
}

impl Rhythm {
    pub(crate) fn of(account: &Account) -> Self {
        Self {
            pace: Pace::default(),
            outage: Outage::default(),
            haste: Haste::default(),
            changes: account.shared.surroundings.changes(),
            trouble: None,
            failures: 0,
        }
    }

    /// A pass begins, in the surroundings as they are now.
    pub(crate) fn pass_begins(&mut self) {
        self.changes.mark_seen();
    }

    /// Passes that failed in a row.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// The least time from one login to the next that the server wants.
    pub(crate) const fn login_delay(&self) -> Duration {
        self.pace.login_delay()
    }

    /// A pass is complete: how long until the next.
    pub(crate) fn worked(&mut self, account: &Account, report: &PassReport) -> Duration {
        (self.trouble, self.failures) = (None, 0);
        let now = now().0;
        if let Some(recovery) = self.outage.worked(now) {
            events::AccountRecovered {
                account: account.log_name(),
                failures: recovery.failures,
                since: &recovery.since.to_string_utc(),
                lasted_s: recovery.lasted.as_secs(),
            }
            .emit();
        }
        let delay = report.login_delay.unwrap_or_default();
        let poll = account.settings.poll;
        let pause = self.pace.worked(poll, delay, (now, jitter()));
        if report.missed > 0 {
            pause.min(SECOND_LOOK).max(delay)
        } else {
            pause
        }
    }

    /// A pass failed: how long until the next.
    pub(crate) fn failed(&mut self, account: &Account, error: &EngineError) -> Duration {
        let (fault, now) = (error.fault(), now().0);
        self.trouble = Some(fault);
        self.failures = self.failures.saturating_add(1);
        account.heed_limits(error);
        if let Some(delay) = error.login_delay() {
            self.pace.keep_apart(delay);
        }
        let wish = error.wish().and_then(|wish| wish.wait);
        let pause = self.pace.failed(fault, wish, (now, jitter()));
        let failure = self.outage.failed(fault, now);
        report_failure(account.log_name(), error, Some(pause), Some(&failure));
        pause
    }

    /// The line that was listened on is lost, for such a reason: what changes around us may give it back.
    pub(crate) const fn lost(&mut self, fault: Fault) {
        self.trouble = Some(fault);
    }

    /// Returns when something around us has changed that the account may have been waiting for.
    pub(crate) async fn called(&mut self) {
        let Some(fault) = self.trouble else {
            return std::future::pending().await;
        };
        loop {
            self.changes.next().await;
            if self.haste.grants(fault, now().0) {
                self.pace.begin_anew();
                let pause = pause_before_call(self.changes.listeners(), jitter());
                return tokio::time::sleep(pause).await;
            }
        }
    }
}

/// The dice.
pub(crate) fn jitter() -> Jitter {
    Jitter::new(fastrand::f64())
}
