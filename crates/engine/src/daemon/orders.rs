//! How the supervisor carries out what a [`Handle`](crate::Handle) asks for.

use super::{Running, Supervisor};
use crate::calls::{Failure, Outcome, calls};
use crate::context::now;
use crate::error::EngineError;
use crate::events;
use crate::handle::{Accounts, Awaited, Became};
use crate::heart::Heart;
use crate::live::{Activity, Teller};
use crate::rhythm::jitter;
use crate::shutdown::Shutdown;
use postrider_core::account::AccountName;
use postrider_core::pace::pause_before_first;
use postrider_core::settings::AccountSettings;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

impl Supervisor {
    /// Starts passes now; a paused account stays so.
    pub(super) fn wake(
        &self,
        accounts: &Accounts,
    ) -> Result<Vec<(AccountName, Became)>, EngineError> {
        let woken = self.meant(accounts)?.into_iter().map(|(name, running)| {
            if running.paused {
                return (name.clone(), Became::Paused);
            }
            running.wake.notify_one();
            (name.clone(), Became::Done)
        });
        Ok(woken.collect())
    }

    /// Starts passes that somebody waits for.
    pub(super) fn call(
        &self,
        accounts: &Accounts,
        mailbox: Option<Arc<str>>,
    ) -> Result<Vec<Awaited>, EngineError> {
        let call = |(name, running): (&AccountName, &Running)| {
            let refused = |error: EngineError| answered(Err(Failure::from(&error)));
            let account = name.to_string();
            let outcome = if running.paused {
                refused(EngineError::Paused { account })
            } else {
                let called = running.caller.call(mailbox.clone());
                called.unwrap_or_else(|| refused(EngineError::TooManyCalls { account }))
            };
            // After the call: who is woken must find it.
            running.wake.notify_one();
            Awaited {
                account: name.clone(),
                live: running.live.look(),
                outcome,
            }
        };
        Ok(self.meant(accounts)?.into_iter().map(call).collect())
    }

    /// Stops accounts that stay known. The supervisor does not wait for them: that takes as long as a step.
    pub(super) fn pause(
        &mut self,
        accounts: &Accounts,
    ) -> Result<Vec<(AccountName, Became)>, EngineError> {
        let mut became = Vec::new();
        for name in self.names(accounts)? {
            let Some(running) = self.running.get_mut(&name) else {
                continue;
            };
            if running.paused {
                became.push((name, Became::Already));
                continue;
            }
            running.pause();
            let account = name.as_str();
            events::AccountPaused { account }.emit();
            became.push((name, Became::Done));
        }
        Ok(became)
    }

    /// Starts paused accounts again, many of them one after the other; each waits for the end of its task before.
    pub(super) async fn resume(
        &mut self,
        accounts: &Accounts,
    ) -> Result<Vec<(AccountName, Became)>, EngineError> {
        let (mut became, mut nth) = (Vec::new(), 0);
        for name in self.names(accounts)? {
            let paused = self.running.get(&name).is_some_and(|r| r.paused);
            if !paused {
                became.push((name, Became::Already));
                continue;
            }
            if let Some(running) = self.running.remove(&name) {
                self.start_again(running, nth).await?;
                nth += 1;
            }
            let account = name.as_str();
            events::AccountResumed { account }.emit();
            became.push((name, Became::Done));
        }
        Ok(became)
    }

    async fn start_again(&mut self, paused: Running, nth: usize) -> Result<(), EngineError> {
        let Running {
            settings,
            live,
            task,
            ..
        } = paused;
        live.begins(Activity::Starting, now().0);
        let task = (Some(task), pause_before_first(nth, jitter()));
        let started = self.start(settings.clone(), live.clone(), task).await;
        if started.is_err() {
            let name = settings.name.clone();
            self.running.insert(name, Running::at_rest(settings, live));
        }
        started
    }

    /// Puts an account in the place of the one of its name, if there is one: after that has stopped. What it
    /// counted goes on, and so does its pause. It is the `nth` of those that begin together.
    pub(super) async fn replace(
        &mut self,
        settings: AccountSettings,
        nth: usize,
    ) -> Result<(), EngineError> {
        let begins_in = pause_before_first(nth, jitter());
        let Some(before) = self.running.remove(&settings.name) else {
            let live = Teller::with_news(&self.news);
            return self.start(settings, live, (None, begins_in)).await;
        };
        let (live, paused) = (before.live.clone(), before.paused);
        before.stop().await;
        if paused {
            let name = settings.name.clone();
            self.running.insert(name, Running::at_rest(settings, live));
            return Ok(());
        }
        self.start(settings, live, (None, begins_in)).await
    }

    fn names(&self, accounts: &Accounts) -> Result<Vec<AccountName>, EngineError> {
        let meant = self.meant(accounts)?.into_iter();
        Ok(meant.map(|(name, _)| name.clone()).collect())
    }

    /// The accounts that are named, in their order; all when none is.
    fn meant(&self, accounts: &Accounts) -> Result<Vec<(&AccountName, &Running)>, EngineError> {
        if accounts.is_empty() {
            return Ok(self.running.iter().collect());
        }
        let known = |name: &AccountName| {
            let found = self.running.get_key_value(name);
            found.ok_or_else(|| EngineError::NotRunning {
                name: name.to_string(),
            })
        };
        accounts.iter().map(known).collect()
    }
}

impl Running {
    /// A paused account without a task.
    fn at_rest(settings: AccountSettings, live: Teller) -> Self {
        live.begins(Activity::Paused, now().0);
        Self {
            settings,
            wake: Arc::default(),
            caller: calls().0,
            live,
            paused: true,
            heart: Heart::new(Duration::MAX),
            trigger: Shutdown::new().0,
            task: tokio::spawn(std::future::ready(())),
        }
    }

    /// Asks the task to stop; `Paused` is what it is when a pass that is under way has ended, and at once where none is.
    fn pause(&mut self) {
        self.paused = true;
        self.trigger.request();
        let activity = self.live.look().borrow().activity;
        if activity != Activity::Syncing {
            self.live.change(|live| live.listening = None);
            self.live.begins(Activity::Paused, now().0);
        }
        let (live, ended) = (self.live.clone(), tokio::spawn(std::future::ready(())));
        let task = std::mem::replace(&mut self.task, ended);
        self.task = tokio::spawn(async move {
            // A task that panicked has ended too.
            let _ended = task.await.is_ok();
            live.change(|live| live.failures = 0);
            if live.look().borrow().activity != Activity::Paused {
                live.begins(Activity::Paused, now().0);
            }
        });
    }
}

fn answered(outcome: Outcome) -> oneshot::Receiver<Outcome> {
    let (answer, answered) = oneshot::channel();
    let _kept = answer.send(outcome).is_ok();
    answered
}
