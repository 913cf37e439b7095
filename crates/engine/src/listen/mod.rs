//! Listening between two passes: what the server tells is here at once.
//!
//! A pass leaves its session behind ([`kept`]), and until the next one it listens: by NOTIFY to all mailboxes that
//! are synced, else by IDLE to one, and on further connections to further ones ([`further`]), else to the end of the line alone ([`ear`]). What it hears becomes [`news`]: mailboxes for
//! a quick pass ([`crate::imap::quick`]), which brings what is new and believes nothing else, or a reason for
//! a whole one. Nothing here decides about mail.
//!
//! A line that is lost costs nothing but time: polling goes on, and a pass after a pause logs in anew. A pass that
//! finds its kept session dead opens another by itself.

mod attend;
mod board;
mod choice;
mod ear;
mod further;
mod kept;
mod line;
mod news;
mod silence;
mod spacing;

pub(crate) use kept::Kept;
pub(crate) use news::{News, Told};

use crate::account::pass;
use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use crate::heart::{MARGIN, within};
use crate::imap::quick::Quick;
use crate::live::Activity;
use crate::rhythm::{Rhythm, jitter};
use crate::watch::{Heed, Watch};
use ear::{Ear, Lost};
use further::Further;
use postrider_core::pace::pause_after;
use postrider_transport::Yielding;
use silence::Silence;
use spacing::Spacing;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How soon a whole pass follows on news of what is gone: whoever deletes one message often deletes some.
const SOON: Duration = Duration::from_secs(2);

/// Quick passes begin no closer together than this. The first of a burst waits for nothing, and what comes
/// meanwhile comes together.
const SPACING: Duration = Duration::from_millis(250);

/// A line that served for so long was a good one: the next loss is the first again.
const GOOD: Duration = Duration::from_secs(10 * 60);

/// What of the pauses of one account is remembered from one to the next.
#[derive(Debug)]
pub(crate) struct Push {
    ear: Ear,
    further: Further,
    /// Lines lost in a row.
    losses: u32,
    /// A loss was told, and nothing was restored yet.
    is_lost: bool,
    /// What a quick pass is to bring.
    told: News,
    quick: Spacing,
    whole: Spacing,
}

/// What ends a wait within a pause.
enum Next {
    Bring,
    Due,
    Lost(Lost),
    News(News),
    Stop,
    /// Other mailboxes may deserve a line of their own.
    Tend,
    /// A further line has left word.
    Word,
    /// Another account waits for a connection, and ours does nothing but listen.
    Yield(Yielding),
}

impl Push {
    /// Nothing is listened to until the first pass has left a session.
    pub(crate) async fn of(account: &Account) -> Self {
        let (index, wanted) = (&account.shared.index, account.settings.idle_refresh);
        let silence = Silence::of(index, account.id, wanted).await;
        Self {
            further: Further::new(&silence),
            ear: Ear::new(silence),
            losses: 0,
            is_lost: false,
            told: News::default(),
            quick: Spacing::new(SPACING),
            whole: Spacing::new(SOON),
        }
    }

    /// Waits for the next pass and listens meanwhile; brings at once what the server tells of. `false` when it is
    /// time to stop.
    pub(crate) async fn wait(
        &mut self,
        account: &Account,
        wake: &Notify,
        (watch, heed): (&mut Watch, Heed),
        (rhythm, pause): (&mut Rhythm, Duration),
    ) -> bool {
        // One and the same throughout: what it has taken up is not lost by a quick pass.
        let mut calls = pin!(watch.calls(account, heed));
        let mut due = Instant::now() + pause;
        self.further.pass_ended();
        loop {
            let begun = self.begin(account, due).await;
            let left = due.saturating_duration_since(Instant::now());
            let next = match begun {
                Some(next) => next,
                None => {
                    let next = self.next(account, wake, (calls.as_mut(), rhythm), left);
                    within(left.saturating_add(MARGIN), next).await
                }
            };
            match next {
                Next::Due => {
                    // It brings everything.
                    self.told = News::default();
                    self.further.pass_begins();
                    self.ear.rest(account);
                    return true;
                }
                Next::Stop => return false,
                Next::Tend => {
                    if let Some(first) = self.ear.idles_in() {
                        self.further.tend(account, first).await;
                    }
                }
                Next::Word => {
                    let news = self.further.take(account);
                    self.ear.tell(account);
                    due = due.min(self.take(news).unwrap_or(due));
                }
                Next::Yield(yielding) => {
                    self.hang_up(account).await;
                    yielding.given_back().await;
                }
                Next::Lost(lost) => {
                    rhythm.lost(lost.error.fault());
                    let pause = self.lost(account, &lost);
                    due = due.min(Instant::now() + pause);
                }
                Next::News(news) => due = due.min(self.take(news).unwrap_or(due)),
                Next::Bring => match self.bring(account).await {
                    Ok(true) => due = Instant::now(),
                    Ok(false) => {}
                    Err(EngineError::Stopped | EngineError::Interrupted { .. }) => return false,
                    Err(error) => {
                        let pause = rhythm.failed(account, &error);
                        account
                            .live
                            .change(|live| live.failures = rhythm.failures());
                        due = due.min(Instant::now() + pause);
                    }
                },
            }
            tell_next(account, due);
        }
    }

    /// Waits, while it listens, for whatever comes first.
    async fn next(
        &mut self,
        account: &Account,
        wake: &Notify,
        (calls, rhythm): (Pin<&mut impl Future<Output = ()>>, &mut Rhythm),
        left: Duration,
    ) -> Next {
        let (around, slots) = (&account.shared.surroundings, &account.shared.shares.slots);
        let (listens, idles) = (self.ear.has_line(), self.ear.idles_in().is_some());
        tokio::select! {
            heard = self.ear.hear(account) => heard.map_or_else(Next::Lost, Next::News),
            () = account.shutdown.requested() => Next::Stop,
            () = wake.notified() => Next::Due,
            () = around.sleep(left) => Next::Due,
            () = rhythm.called() => Next::Due,
            () = calls => Next::Due,
            () = may_bring(&self.told.quick, &self.quick) => Next::Bring,
            () = self.further.left() => Next::Word,
            () = self.further.due(), if idles => Next::Tend,
            yielding = slots.wanted(), if listens => Next::Yield(yielding),
        }
    }

    /// Ends with the account's life.
    pub(crate) async fn end(mut self, account: &Account) {
        self.hang_up(account).await;
        self.further.end().await;
    }

    /// Says goodbye.
    async fn hang_up(&mut self, account: &Account) {
        self.ear.rest(account);
        if let Some(session) = account.kept.take() {
            session.log_out().await;
        }
    }

    /// Begins to listen, where that is still to be done; what is next, if that is known by then. Only a stop
    /// interrupts it: a session that was left in the midst of a question is of no use.
    async fn begin(&mut self, account: &Account, due: Instant) -> Option<Next> {
        if due <= Instant::now() {
            return Some(Next::Due);
        }
        let begun = tokio::select! {
            begun = self.ear.begin(account) => begun,
            () = account.shutdown.requested() => return Some(Next::Stop),
        };
        let news = match begun {
            Ok(news) => news,
            Err(lost) => return Some(Next::Lost(lost)),
        };
        if self.ear.has_line() && self.ear.idles_in().is_none() {
            self.further.dismiss();
        }
        if self.is_lost && self.ear.kind().is_some() {
            self.is_lost = false;
            events::PushRestored {
                account: account.log_name(),
            }
            .emit();
        }
        (!news.is_nothing()).then_some(Next::News(news))
    }

    /// Takes in what was told: when a whole pass is due because of it.
    fn take(&mut self, news: News) -> Option<Instant> {
        self.told.join(news);
        if !std::mem::take(&mut self.told.whole) {
            return None;
        }
        let soon = Instant::now() + SOON;
        let due = self.whole.next().map_or(soon, |next| next.max(soon));
        self.whole.begins(due);
        // What it brings nobody tells us.
        self.whole.ended(false);
        Some(due)
    }

    /// Makes a quick pass over the mailboxes that were told of. Whether a whole one must follow at once.
    async fn bring(&mut self, account: &Account) -> Result<bool, EngineError> {
        let told = std::mem::take(&mut self.told).quick;
        self.quick.begins(Instant::now());
        self.ear.rest(account);
        account.live.begins(Activity::Syncing, now().0);
        let mut quickly = account.clone();
        quickly.quick = Some(Arc::new(Quick::new(told)));
        let report = pass(&quickly).await;
        // Whoever stops waits for nothing more.
        if !account.shutdown.is_requested() {
            account.live.begins(Activity::Waiting, now().0);
        }
        let report = report?;
        let brought = report.new + report.flags_pulled + report.postponed + report.skipped;
        self.quick.ended(brought > 0);
        Ok(report.postponed > 0)
    }

    /// Tells of a lost line; how long until the next is opened.
    fn lost(&mut self, account: &Account, lost: &Lost) -> Duration {
        self.losses = if lost.lasted >= GOOD {
            1
        } else {
            self.losses.saturating_add(1)
        };
        self.is_lost = true;
        // What the server wishes comes first, here too.
        let wish = lost.error.wish().and_then(|wish| wish.wait);
        let pause = pause_after(lost.error.fault(), self.losses, jitter());
        let pause = pause.max(wish.unwrap_or_default());
        events::PushLost {
            account: account.log_name(),
            because: &lost.error.story(),
            retry_in_s: pause.as_secs(),
        }
        .emit();
        pause
    }
}

/// Returns when there is something for a quick pass to bring, and it may begin.
async fn may_bring(told: &[Told], quick: &Spacing) {
    if told.is_empty() {
        return std::future::pending().await;
    }
    if let Some(next) = quick.next() {
        sleep_until(next).await;
    }
}

fn tell_next(account: &Account, due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    account.live.change(|live| {
        live.next_pass_at = Some(now().0.after(left));
    });
}
