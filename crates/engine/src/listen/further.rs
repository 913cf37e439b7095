//! Further connections that listen to further mailboxes, where the server tells of one mailbox on each.
//!
//! They are the account's spare ones, as many as `connections` leaves beside the one that passes use. What they
//! hear is brought by that one. They wait for no place, ask only while the first listens, and give way: to a
//! download of the account, to any account that has no connection, and to a mailbox that deserves it more. None of them
//! is worth telling anybody of when it is lost: polling goes on, and another is tried after a pause.

use super::attend::{Attending, attend};
use super::board::{Board, LostLine, Words};
use super::choice::{self, Choice};
use super::silence::Silence;
use super::{GOOD, News};
use crate::connect::Access;
use crate::context::Account;
use crate::error::EngineError;
use crate::events;
use crate::imap::pass::remembered;
use crate::rhythm::jitter;
use postrider_core::fault::Fault;
use postrider_core::pace::pause_after;
use postrider_imap::WireName;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// How long all of them together may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(6);

/// The further lines of one account.
#[derive(Debug)]
pub(super) struct Further {
    board: Arc<Board>,
    silence: Silence,
    lines: HashMap<WireName, Running>,
    /// Lines lost in a row.
    losses: u32,
    /// When none is to be opened before; all have one pause together.
    not_before: Instant,
    /// Whether it is to be looked at which mailboxes deserve a line.
    stale: bool,
}

/// A line's task; it ends when this is dropped.
#[derive(Debug)]
struct Running {
    task: JoinHandle<()>,
    _wanted: oneshot::Sender<()>,
}

impl Further {
    pub(super) fn new(silence: &Silence) -> Self {
        Self {
            board: Arc::default(),
            silence: silence.clone(),
            lines: HashMap::new(),
            losses: 0,
            not_before: Instant::now(),
            stale: true,
        }
    }

    /// A pass is over: other mailboxes may deserve a line now.
    pub(super) const fn pass_ended(&mut self) {
        self.stale = true;
    }

    /// What was told before a pass over all mailboxes is nothing new.
    pub(super) fn pass_begins(&self) {
        self.board.forget_news();
    }

    /// Returns when it is time to [`tend`](Self::tend).
    pub(super) async fn due(&self) {
        if !self.stale {
            return std::future::pending().await;
        }
        sleep_until(self.not_before).await;
    }

    /// Ends the lines of mailboxes that do not deserve one any more, and opens those that are missing; `first` is
    /// what the first connection listens to.
    pub(super) async fn tend(&mut self, account: &Account, first: &WireName) {
        self.stale = false;
        self.lines.retain(|_, line| !line.task.is_finished());
        let places = account.connections_now().saturating_sub(1);
        if places == 0 && self.lines.is_empty() {
            return;
        }
        let listened = self.lines.keys().cloned().collect();
        let chosen = choice::further(account, (first, listened), places).await;
        let deserves = |mailbox: &WireName| chosen.iter().any(|c| c.mailbox == *mailbox);
        self.lines.retain(|mailbox, _| deserves(mailbox));
        let missing = |choice: &Choice| !self.lines.contains_key(&choice.mailbox);
        let missing: Vec<Choice> = chosen.into_iter().filter(missing).collect();
        if missing.is_empty() {
            return;
        }
        // The next pass tells what is wrong with the index.
        let Ok(memory) = remembered(account).await else {
            return;
        };
        // One for all of them: a password command is asked once.
        let access = Access::new(memory);
        for choice in missing {
            self.open(account, access.clone(), choice);
        }
    }

    fn open(&mut self, account: &Account, access: Access, choice: Choice) {
        let (wanted, unwanted) = oneshot::channel();
        let mailbox = choice.mailbox.clone();
        let (account, board) = (account.clone(), Arc::clone(&self.board));
        let attending = Attending {
            choice,
            access,
            silence: self.silence.clone(),
        };
        // With no heart: a pass does not wait for it, and what it waits for has an end of its own.
        let task = async move { attend(&account, &board, attending, unwanted).await };
        let task = tokio::spawn(task);
        let running = Running {
            task,
            _wanted: wanted,
        };
        self.lines.insert(mailbox, running);
    }

    /// Returns when a line has left word.
    pub(super) async fn left(&self) {
        self.board.left().await;
    }

    /// What the lines have left word of.
    pub(super) fn take(&mut self, account: &Account) -> News {
        let Words { news, lost, .. } = self.board.take();
        for line in lost {
            self.lost(account, &line);
        }
        news
    }

    /// A line is over: the next is opened after a pause, which all lines of the account have together.
    fn lost(&mut self, account: &Account, line: &LostLine) {
        self.stale = true;
        self.losses = if line.lasted >= GOOD {
            1
        } else {
            self.losses.saturating_add(1)
        };
        let error = line.because.error();
        let fault = error.map_or(Fault::Busy, EngineError::fault);
        let wish = error.and_then(|error| error.wish()?.wait);
        let pause = pause_after(fault, self.losses, jitter()).max(wish.unwrap_or_default());
        self.not_before = self.not_before.max(Instant::now() + pause);
        if let Some(error) = error {
            account.heed_limits(error);
        }
        events::PushThinned {
            account: account.log_name(),
            mailbox: &line.mailbox,
            because: &line.because.story(),
            retry_in_s: pause.as_secs(),
        }
        .emit();
    }

    /// The first connection needs none beside it: the server tells of everything on that, or of nothing.
    pub(super) fn dismiss(&mut self) {
        self.lines.clear();
        self.stale = true;
    }

    /// Ends all of them, and waits until they have said goodbye.
    pub(super) async fn end(&mut self) {
        let lines = std::mem::take(&mut self.lines).into_values();
        let tasks: Vec<_> = lines.map(|line| line.task).collect();
        let all = async {
            for task in tasks {
                // One that panicked has ended too.
                let _ended = task.await.is_ok();
            }
        };
        let _in_time = timeout(FAREWELL, all).await.is_ok();
    }
}
