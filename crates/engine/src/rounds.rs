//! One account's life in the daemon: a pass, a pause, a pass.

use crate::calls::Calls;
use crate::context::{Account, now};
use crate::error::EngineError;
use crate::heart::{MARGIN, announced, within};
use crate::listen::{Kept, Push};
use crate::live::Activity;
use crate::rhythm::Rhythm;
use crate::watch::{Heed, Listener, Watch};
use postrider_core::settings;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// One account's life: passes, under a watch over its mail tree. `begins_in` is how long it leaves others the
/// way when many begin together.
pub(crate) async fn serve(
    mut account: Account,
    (wake, mut calls): (Arc<Notify>, Calls),
    listener: Arc<Listener>,
    begins_in: Duration,
) {
    if account.settings.push == settings::Push::Auto {
        account.kept = Kept::place();
    }
    let mut watch = Watch::over(&account, &listener);
    watch.covered().await;
    let mut push = Push::of(&account).await;
    let begins = may_begin(&account, &wake, begins_in);
    if within(begins_in.saturating_add(MARGIN), begins).await {
        rounds(&account, (&wake, &mut calls), (&mut watch, &mut push)).await;
    }
    push.end(&account).await;
    // A hook has a time of its own.
    announced(None, account.hooks.settled()).await;
    watch.end().await;
}

/// Waits for the first pass. `false` when it is time to stop.
async fn may_begin(account: &Account, wake: &Notify, begins_in: Duration) -> bool {
    tokio::select! {
        () = account.shutdown.requested() => false,
        () = wake.notified() => true,
        () = tokio::time::sleep(begins_in) => true,
    }
}

/// A pass, a pause, a pass.
async fn rounds(
    account: &Account,
    (wake, calls): (&Notify, &mut Calls),
    (watch, push): (&mut Watch, &mut Push),
) {
    let mut rhythm = Rhythm::of(account);
    loop {
        watch.pass_begins();
        rhythm.pass_begins();
        account.live.begins(Activity::Syncing, now().0);
        let (pause, heed) = match calls.pass(account).await {
            Err(EngineError::Stopped | EngineError::Interrupted { .. }) => return,
            Ok(report) => {
                let pause = rhythm.worked(account, &report);
                (pause, Heed::After(rhythm.login_delay()))
            }
            Err(error) => (rhythm.failed(account, &error), heed_after(&error)),
        };
        if account.shutdown.is_requested() {
            return;
        }
        account.live.change(|live| {
            live.activity = Activity::Waiting;
            live.since = Some(now().0);
            live.next_pass_at = Some(now().0.after(pause));
            live.failures = rhythm.failures();
        });
        let pause = (&mut rhythm, pause);
        if !push.wait(account, wake, (&mut *watch, heed), pause).await {
            return;
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
