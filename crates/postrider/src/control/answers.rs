//! What each request does, on the daemon's side.

use super::server::{Pen, ReloadAsked, trouble};
use super::words::{Answer, Hello, Live, Report, Request, Trouble};
use super::{CALM, SIGN_OF_LIFE};
use postrider_core::account::AccountName;
use postrider_core::fault::Fault;
use postrider_engine::{Awaited, Became, EngineError, Failure, Handle, LiveAccount, Outcome};
use std::collections::BTreeMap;
use std::io;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// What everybody who answers needs.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) handle: Handle,
    pub(super) reloads: mpsc::Sender<ReloadAsked>,
    pub(super) hello: Hello,
}

/// Whether it could be done; an I/O error when the client has gone.
type Ended = io::Result<Result<(), Trouble>>;

/// Answers a request, all but the last line.
pub(super) async fn answer(request: Request, desk: &Desk, pen: &mut Pen) -> Ended {
    let handle = &desk.handle;
    match request {
        Request::Pause { accounts } => match names(&accounts) {
            Ok(names) => became(handle.pause(names).await, pen).await,
            Err(trouble) => Ok(Err(trouble)),
        },
        Request::Resume { accounts } => match names(&accounts) {
            Ok(names) => became(handle.resume(names).await, pen).await,
            Err(trouble) => Ok(Err(trouble)),
        },
        Request::SyncNow { accounts } => match names(&accounts) {
            Ok(names) => became(handle.sync_now(names).await, pen).await,
            Err(trouble) => Ok(Err(trouble)),
        },
        Request::Sync { accounts, mailbox } => match names(&accounts) {
            Ok(names) => match handle.sync(names, mailbox).await {
                Ok(awaited) => passes(awaited, pen).await.map(Ok),
                Err(error) => Ok(Err(told(&error))),
            },
            Err(trouble) => Ok(Err(trouble)),
        },
        Request::Status { follow } => status(handle, follow, pen).await,
        Request::Reload { wait } => reload(desk, wait, pen).await,
    }
}

fn told(error: &EngineError) -> Trouble {
    Trouble::from(Failure::from(error))
}

fn names(accounts: &[String]) -> Result<Vec<AccountName>, Trouble> {
    let parse = |name: &String| {
        AccountName::parse(name).map_err(|error| trouble(Fault::Config, &error.to_string(), None))
    };
    accounts.iter().map(parse).collect()
}

async fn became(result: Result<Vec<(AccountName, Became)>, EngineError>, pen: &mut Pen) -> Ended {
    let accounts = match result {
        Ok(accounts) => accounts,
        Err(error) => return Ok(Err(told(&error))),
    };
    for (account, became) in accounts {
        let answer = Answer::Became {
            account: account.to_string(),
            became: became.into(),
        };
        pen.write(&answer).await?;
    }
    Ok(Ok(()))
}

/// Every account as it is; then, if asked for, those that change.
async fn status(handle: &Handle, follow: bool, pen: &mut Pen) -> Ended {
    let mut changes = handle.changes();
    let mut told_of: BTreeMap<AccountName, LiveAccount> = BTreeMap::new();
    loop {
        changes.borrow_and_update();
        let now = match handle.look().await {
            Ok(accounts) => accounts,
            Err(error) => return Ok(Err(told(&error))),
        };
        for (account, live) in &now {
            if told_of.get(account) != Some(live) {
                pen.write(&account_is(account, live)).await?;
            }
        }
        for account in told_of.keys().filter(|account| !now.contains_key(account)) {
            let account = account.to_string();
            pen.write(&Answer::Gone { account }).await?;
        }
        pen.write(&Answer::Current).await?;
        if !follow {
            return Ok(Ok(()));
        }
        told_of = now;
        sleep(CALM).await;
        // Without news, what is current is said again: whoever has hung up is found out by it. An account that
        // is there no more rings no bell.
        let _news = timeout(SIGN_OF_LIFE, changes.changed()).await.is_ok();
    }
}

fn account_is(account: &AccountName, live: &LiveAccount) -> Answer {
    Answer::Account {
        account: account.to_string(),
        live: Box::new(Live::from(live)),
    }
}

/// Waits for passes, and tells how far they are.
async fn passes(awaited: Vec<Awaited>, pen: &mut Pen) -> io::Result<()> {
    let mut outcomes = JoinSet::new();
    let mut running = BTreeMap::new();
    for Awaited {
        account,
        live,
        outcome,
    } in awaited
    {
        running.insert(account.clone(), live);
        outcomes.spawn(async move { (account, outcome.await) });
    }
    let mut looks = interval(CALM);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut signs = interval(SIGN_OF_LIFE);
    signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ended = outcomes.join_next() => match ended {
                None => return Ok(()),
                // Nobody panics or aborts here.
                Some(Err(_)) => {}
                Some(Ok((account, outcome))) => {
                    running.remove(&account);
                    pen.write(&outcome_of(&account, outcome)).await?;
                }
            },
            _ = looks.tick() => for (account, live) in &mut running {
                if live.has_changed().unwrap_or(false) {
                    let now = live.borrow_and_update().clone();
                    pen.write(&account_is(account, &now)).await?;
                }
            },
            _ = signs.tick() => pen.write(&Answer::Waiting).await?,
        }
    }
}

fn outcome_of(
    account: &AccountName,
    outcome: Result<Outcome, oneshot::error::RecvError>,
) -> Answer {
    // The account's task has ended without a word: it was removed, or the daemon stops.
    let outcome = outcome.unwrap_or_else(|_| Err(Failure::from(&EngineError::Stopped)));
    let (report, trouble) = match outcome {
        Ok(report) => (Some(Box::new(Report::from(&report))), None),
        Err(failure) => (None, Some(Trouble::from(failure))),
    };
    Answer::Outcome {
        account: account.to_string(),
        report,
        trouble,
    }
}

async fn reload(desk: &Desk, wait: bool, pen: &mut Pen) -> Ended {
    let (answer, mut answered) = oneshot::channel();
    if desk.reloads.try_send(ReloadAsked { answer }).is_err() {
        let busy = "the configuration is being read again already";
        return Ok(Err(trouble(Fault::Busy, busy, None)));
    }
    if !wait {
        return Ok(Ok(()));
    }
    let result = loop {
        match timeout(SIGN_OF_LIFE, &mut answered).await {
            Ok(Ok(result)) => break result,
            Ok(Err(_)) => break Err(told(&EngineError::Stopping)),
            Err(_) => pen.write(&Answer::Waiting).await?,
        }
    };
    match result {
        Ok(reloaded) => {
            let answer = Answer::Reloaded {
                added: reloaded.added,
                removed: reloaded.removed,
                changed: reloaded.changed,
            };
            pen.write(&answer).await?;
            Ok(Ok(()))
        }
        Err(trouble) => Ok(Err(trouble)),
    }
}
