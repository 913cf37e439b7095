//! One account's life in the daemon: a pass, a pause, a pass.

use crate::account::{pass, report_failure};
use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use crate::listen::{Ended, Kept, Push};
use crate::live::Activity;
use crate::watch::{Heed, Listener, Watch};
use postrider_core::pace::{Jitter, pause_after, pause_between};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How soon a file that was missed is looked for once more (R5): readers that move come to rest within a second,
/// and whoever deletes a message wants to see it gone elsewhere.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// One account's life: passes, under a watch over its mail tree.
pub(crate) async fn serve(mut account: Account, wake: Arc<Notify>, listener: Arc<Listener>) {
    if account.settings.push == postrider_core::settings::Push::Auto {
        account.kept = Kept::place();
    }
    let mut watch = Watch::over(&account, &listener);
    watch.covered().await;
    let mut push = Push::of(&account);
    rounds(&account, &wake, (&mut watch, &mut push)).await;
    push.end(&account).await;
    watch.end().await;
}

/// A pass, a pause, a pass.
async fn rounds(account: &Account, wake: &Notify, (watch, push): (&mut Watch, &mut Push)) {
    let mut failures = 0_u32;
    // What the server wants between two logins, as it last said.
    let mut delay = Duration::ZERO;
    loop {
        watch.pass_begins();
        account.live.begins(Activity::Syncing, now().0);
        let (pause, heed) = match pass(account).await {
            Err(EngineError::Stopped | EngineError::Interrupted { .. }) => return,
            Ok(report) => {
                recovered(account, failures);
                failures = 0;
                delay = report.login_delay.unwrap_or_default();
                let pause = pause_between(account.settings.poll, jitter());
                let pause = if report.missed > 0 {
                    pause.min(SECOND_LOOK)
                } else {
                    pause
                };
                (pause.max(delay), Heed::After(delay))
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                delay = error.wait().unwrap_or(delay);
                let pause = pause_after(error.fault(), failures, jitter()).max(delay);
                report_failure(account.log_name(), &error, Some(pause));
                (pause, heed_after(&error))
            }
        };
        account.live.change(|live| {
            live.activity = Activity::Waiting;
            live.since = Some(now().0);
            live.next_pass_at = Some(now().0.after(pause));
            live.failures = failures;
        });
        match push.wait(account, wake, (&mut *watch, heed), pause).await {
            Ended::Due { failures: more } => failures = failures.saturating_add(more),
            Ended::Stop => return,
        }
    }
}

const fn heed_after(error: &EngineError) -> Heed {
    if matches!(error, EngineError::TreeMissing { .. }) {
        Heed::Return
    } else {
        Heed::Nothing
    }
}

fn recovered(account: &Account, failures: u32) {
    if failures > 0 {
        events::AccountRecovered {
            account: account.log_name(),
            failures: failures.into(),
        }
        .emit();
    }
}

fn jitter() -> Jitter {
    Jitter::new(fastrand::f64())
}
