//! `on_new`: a command of the user's is run when a pass has stored mail.
//!
//! It runs beside the passes and never twice at once. What is stored while it runs is told by one run more when
//! it has ended. It gets no secret and no terminal, and neither its failure nor its patience is anybody else's:
//! after its time, or when the daemon stops, it and its children are ended.

mod run;

use crate::shutdown::Shutdown;
use postrider_core::account::AccountName;
use postrider_core::hook::{Hook, News};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One account's hook, if it has one. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hooks(Option<Arc<Hooked>>);

#[derive(Debug)]
struct Hooked {
    hook: Hook,
    account: AccountName,
    maildir: PathBuf,
    shutdown: Shutdown,
    /// Held for no longer than a line takes.
    state: Mutex<State>,
    running: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    /// What the pass under way has stored.
    stored: News,
    /// What passes that are over have stored, and nobody has been told.
    waiting: News,
    running: bool,
}

impl Hooks {
    pub(crate) fn new(
        hook: Option<&Hook>,
        (account, maildir): (&AccountName, PathBuf),
        shutdown: &Shutdown,
    ) -> Self {
        let hooked = |hook: &Hook| {
            Arc::new(Hooked {
                hook: hook.clone(),
                account: account.clone(),
                maildir,
                shutdown: shutdown.clone(),
                state: Mutex::default(),
                running: watch::Sender::new(false),
            })
        };
        Self(hook.map(hooked))
    }

    /// A message was stored.
    pub(crate) fn stored(&self, mailbox: &str) {
        if let Some(hooked) = &self.0 {
            hooked.state().stored.add(mailbox);
        }
    }

    /// A pass is over, well or not: what it has stored is told, now or when the hook has ended.
    pub(crate) fn pass_ended(&self) {
        let Some(hooked) = &self.0 else { return };
        let mut state = hooked.state();
        let stored = std::mem::take(&mut state.stored);
        state.waiting.join(stored);
        if state.running || state.waiting.is_empty() {
            return;
        }
        state.running = true;
        hooked.running.send_replace(true);
        tokio::spawn(Arc::clone(hooked).tell());
    }

    /// Returns when the hook does not run, and nothing is left to tell.
    pub(crate) async fn settled(&self) {
        if let Some(hooked) = &self.0 {
            let mut running = hooked.running.subscribe();
            // The sender lives as long as this.
            let _gone = running.wait_for(|running| !running).await.is_err();
        }
    }
}

impl Hooked {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the hook for as long as there is something to tell.
    async fn tell(self: Arc<Self>) {
        while let Some(news) = self.next() {
            run::run(&self, &news).await;
        }
        self.running.send_replace(false);
    }

    fn next(&self) -> Option<News> {
        let mut state = self.state();
        let news = std::mem::take(&mut state.waiting);
        state.running = !news.is_empty() && !self.shutdown.is_requested();
        state.running.then_some(news)
    }
}

#[cfg(test)]
mod tests;
