//! One session that listens: how it begins, what it hears, how it is kept alive, how it is lost.

use super::choice;
use super::line::{Idles, Line};
use super::silence::Silence;
use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use crate::listen::News;
use crate::live::{Listening, PushKind};
use postrider_imap::{FlightEvent, ImapError, Session, Step, WireName};
use std::time::Duration;
use tokio::time::Instant;

/// A server that ends IDLE sooner than this does not mean it.
const MEANT: Duration = Duration::from_secs(60);

/// A connection that is over.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) error: EngineError,
    /// How long it was listened to.
    pub(super) lasted: Duration,
}

/// Listens, and remembers what it has learned of the server.
#[derive(Debug)]
pub(super) struct Ear {
    line: Option<Line>,
    silence: Silence,
    /// With IDLE: the mailbox that it listens to, now or when it last did.
    open: Option<WireName>,
    /// What the server would not do, and is not asked for again.
    refused: Refused,
}

#[derive(Clone, Copy, Debug, Default)]
struct Refused {
    notify: bool,
    idle: bool,
}

impl Ear {
    pub(super) const fn new(silence: Silence) -> Self {
        Self {
            line: None,
            silence,
            open: None,
            refused: Refused {
                notify: false,
                idle: false,
            },
        }
    }

    /// How it listens, if it does.
    pub(super) fn kind(&self) -> Option<PushKind> {
        self.line.as_ref().and_then(|line| line.kind)
    }

    /// The mailbox that it listens to by IDLE, if it does.
    pub(super) fn idles_in(&self) -> Option<&WireName> {
        let idles = self.kind() == Some(PushKind::Idle);
        self.open.as_ref().filter(|_| idles)
    }

    /// Whether it holds a connection.
    pub(super) const fn has_line(&self) -> bool {
        self.line.is_some()
    }

    /// Begins to listen with the session that was kept, if there is one and it does not listen yet. What has
    /// happened since the server was last looked at is news.
    pub(super) async fn begin(&mut self, account: &Account) -> Result<News, Lost> {
        if self.line.is_some() {
            return Ok(News::default());
        }
        let Some(session) = account.kept.take() else {
            return Ok(News::default());
        };
        let mut line = Line::new(session);
        let news = self.set_up(account, &mut line).await;
        let news = news.map_err(|error| over(&line, EngineError::imap(error)))?;
        line.spoken = Instant::now();
        self.line = Some(line);
        self.tell(account);
        Ok(news)
    }

    /// Waits for news, and keeps the line alive meanwhile.
    pub(super) async fn hear(&mut self, account: &Account) -> Result<News, Lost> {
        loop {
            let Some(line) = &mut self.line else {
                return std::future::pending().await;
            };
            let heard = match line.hear(account, &self.silence).await {
                Ok(heard) => heard,
                Err(error) => return Err(self.lost(account, error)),
            };
            let news = line.news(account, &heard);
            if heard.is_over {
                self.is_over(account);
            }
            if !news.is_nothing() {
                return Ok(news);
            }
        }
    }

    /// Tells what is listened to, further lines among it.
    pub(super) fn tell(&self, account: &Account) {
        let Some(line) = &self.line else { return };
        let mailboxes = match line.kind {
            Some(PushKind::Notify) => account.kept.seen().len() as u64,
            Some(PushKind::Idle) => u64::from(self.silence.further_lines()) + 1,
            None => 0,
        };
        account.live.change(|live| {
            // One line more or fewer is not another beginning.
            let since = live.listening.map(|listening| listening.since);
            live.listening = line.kind.map(|kind| Listening {
                kind,
                mailboxes,
                since: since.unwrap_or_else(|| now().0),
            });
        });
    }

    /// Gives the session back, for a pass to use.
    pub(super) fn rest(&mut self, account: &Account) {
        if let Some(line) = self.line.take() {
            account.live.change(|live| live.listening = None);
            // An account that listens has a place for it.
            drop(account.kept.leave(line.session));
        }
    }

    async fn set_up(&mut self, account: &Account, line: &mut Line) -> Result<News, ImapError> {
        let mut news = News::default();
        if let Some(opened) = account.kept.was_opened()
            && line.session.is_notifying()
        {
            line.kind = Some(PushKind::Notify);
            return catch_up(account, &mut line.session, opened).await;
        }
        if line.session.can_notify() && !self.refused.notify {
            match notify(account, &mut line.session).await? {
                None => {
                    line.kind = Some(PushKind::Notify);
                    return Ok(news);
                }
                Some(because) => {
                    self.refused.notify = true;
                    limited(account, PushKind::Notify, &because);
                }
            }
        }
        if !line.session.can_idle() || self.refused.idle {
            return Ok(news);
        }
        let Some(choice) = choice::first(account).await else {
            return Ok(news);
        };
        match line.idle(account, &choice.mailbox).await? {
            Idles::Yes(begun) => {
                self.open = Some(choice.mailbox);
                news.join(begun);
            }
            Idles::NoMailbox(_) => {}
            Idles::No(refusal) => {
                self.refused.idle = true;
                limited(account, PushKind::Idle, &refusal.to_string());
            }
        }
        Ok(news)
    }

    /// The server tells nothing more, though the line stands.
    fn is_over(&mut self, account: &Account) {
        let Some(line) = &mut self.line else { return };
        match line.kind.take() {
            Some(PushKind::Notify) => {
                self.refused.notify = true;
                limited(
                    account,
                    PushKind::Notify,
                    "there was more to tell than the server can",
                );
            }
            Some(PushKind::Idle) if line.began.elapsed() < MEANT => {
                self.refused.idle = true;
                limited(account, PushKind::Idle, "the server ends it at once");
            }
            Some(PushKind::Idle) | None => {}
        }
        // It begins anew with what is left.
        self.rest(account);
    }

    fn lost(&mut self, account: &Account, error: ImapError) -> Lost {
        account.live.change(|live| live.listening = None);
        let error = EngineError::imap(error);
        match self.line.take() {
            Some(line) => over(&line, error),
            None => Lost {
                error,
                lasted: Duration::ZERO,
            },
        }
    }
}

fn over(line: &Line, error: EngineError) -> Lost {
    let lasted = line.began.elapsed();
    Lost { error, lasted }
}

/// Has the server tell of all mailboxes that are synced; its words where it would not.
async fn notify(account: &Account, session: &mut Session) -> Result<Option<String>, ImapError> {
    let seen = account.kept.seen();
    let mut mailboxes: Vec<WireName> = seen.into_keys().collect();
    mailboxes.sort_unstable();
    let mut refused = None;
    let mut flight = session.flight([Step::Unselect, Step::Notify(mailboxes)])?;
    while let Some(event) = flight.next().await? {
        if let FlightEvent::Refused { refusal, .. } = event {
            refused = Some(refusal.to_string());
        }
    }
    Ok(refused)
}

/// Has no mailbox open, and asks for news of those that were: of an open one NOTIFY tells nothing.
async fn catch_up(
    account: &Account,
    session: &mut Session,
    opened: Vec<WireName>,
) -> Result<News, ImapError> {
    let mut news = News::default();
    let asked = opened.iter().cloned().map(Step::Status);
    let steps: Vec<Step> = [Step::Unselect].into_iter().chain(asked).collect();
    let mut flight = session.flight(steps)?;
    while let Some(event) = flight.next().await? {
        if let FlightEvent::Status { step, status } = event
            && let Some(mailbox) = opened.get(step.wrapping_sub(1))
            && let Some(seen) = account.kept.seen_of(mailbox)
        {
            news.compare(mailbox, (&seen, &status));
            account.kept.saw(mailbox, status);
        }
    }
    Ok(news)
}

fn limited(account: &Account, kind: PushKind, because: &str) {
    events::PushLimited {
        account: account.log_name(),
        kind: kind.as_str(),
        because,
    }
    .emit();
}
