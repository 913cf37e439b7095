//! One session that listens: how it begins, what it hears, how it is kept alive, how it is lost.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use crate::listen::{News, Told};
use crate::live::{Listening, PushKind};
use postrider_core::mailbox::Role;
use postrider_core::refresh::Refresh;
use postrider_imap::{
    FlightEvent, ImapError, MailboxStatus, SelectMode, Selected, Session, Step, WireName,
};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// A server that ends IDLE sooner than this does not mean it.
const MEANT: Duration = Duration::from_secs(60);

/// A connection that is over.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) error: EngineError,
    /// How long it was listened to.
    pub(super) lasted: Duration,
}

/// A session, while it listens.
#[derive(Debug)]
struct Line {
    session: Session,
    kind: Option<PushKind>,
    /// With IDLE: the mailbox that is open, as it was opened.
    open: Option<Told>,
    /// When either side spoke last.
    spoken: Instant,
    began: Instant,
}

/// Listens, and remembers what it has learned of the server.
#[derive(Debug)]
pub(super) struct Ear {
    line: Option<Line>,
    refresh: Refresh,
    /// What the server would not do, and is not asked for again.
    refused: Refused,
}

#[derive(Clone, Copy, Debug, Default)]
struct Refused {
    notify: bool,
    idle: bool,
}

impl Ear {
    pub(super) const fn new(wanted: Option<Duration>) -> Self {
        Self {
            line: None,
            refresh: Refresh::new(wanted),
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
        let began = Instant::now();
        let mut line = Line {
            session,
            kind: None,
            open: None,
            spoken: began,
            began,
        };
        let news = self.set_up(account, &mut line).await;
        let news = news.map_err(|error| line.lost(EngineError::imap(error)))?;
        line.spoken = Instant::now();
        tell(account, &line);
        self.line = Some(line);
        Ok(news)
    }

    /// Waits for news, and keeps the line alive meanwhile.
    pub(super) async fn hear(&mut self, account: &Account) -> Result<News, Lost> {
        loop {
            let Some(line) = &mut self.line else {
                return std::future::pending().await;
            };
            let refresh_at = line.spoken + self.refresh.interval();
            let heard = tokio::select! {
                heard = line.session.hear() => heard.map(Some),
                () = sleep_until(refresh_at) => {
                    refresh(&mut line.session, account.settings.timeout).await.map(|()| None)
                }
            };
            let silence = line.spoken.elapsed();
            let heard = match heard {
                Ok(heard) => heard,
                Err(error) => return Err(self.lost(account, error, silence)),
            };
            line.spoken = Instant::now();
            let Some(heard) = heard else {
                self.refresh.outlived();
                continue;
            };
            let news = News::of(&heard, line.open.as_ref(), &account.kept.seen());
            for told in &news.quick {
                account.kept.saw(&told.mailbox, told.status.clone());
            }
            if heard.is_over {
                self.is_over(account);
            }
            if !news.is_nothing() {
                return Ok(news);
            }
        }
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
        let Some(mailbox) = to_idle_in(account).await else {
            return Ok(news);
        };
        let opened = line.session.select(mailbox.clone(), SelectMode::ReadOnly);
        let status = match opened.await {
            Ok(selected) => status(selected),
            // The next pass finds out what became of it.
            Err(ImapError::Refused { .. }) => return Ok(news),
            Err(error) => return Err(error),
        };
        match line.session.idle().await {
            Ok(()) => line.kind = Some(PushKind::Idle),
            Err(ImapError::Refused { refusal, .. }) => {
                self.refused.idle = true;
                limited(account, PushKind::Idle, &refusal.to_string());
                return Ok(news);
            }
            Err(error) => return Err(error),
        }
        if let Some(seen) = account.kept.seen_of(&mailbox) {
            news.compare(&mailbox, (&seen, &status));
            account.kept.saw(&mailbox, status.clone());
        }
        line.open = Some(Told { mailbox, status });
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

    fn lost(&mut self, account: &Account, error: ImapError, silence: Duration) -> Lost {
        self.refresh.lost_after(silence);
        account.live.change(|live| live.listening = None);
        let error = EngineError::imap(error);
        match self.line.take() {
            Some(line) => line.lost(error),
            None => Lost {
                error,
                lasted: Duration::ZERO,
            },
        }
    }
}

impl Line {
    fn lost(&self, error: EngineError) -> Lost {
        Lost {
            error,
            lasted: self.began.elapsed(),
        }
    }
}

/// Asks the server whether it is still there; `limit` is how long its answer may take.
async fn refresh(session: &mut Session, limit: Duration) -> Result<(), ImapError> {
    let refreshed = timeout(limit, session.refresh()).await;
    refreshed.unwrap_or(Err(ImapError::Patience { waited: limit }))
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

/// INBOX, if it is synced; else the mailbox that has everything, else any.
async fn to_idle_in(account: &Account) -> Option<WireName> {
    let id = account.id;
    let rows = account.shared.index.call(move |index| index.mailboxes(id));
    let mut rows = rows.await.ok()?;
    let seen = account.kept.seen();
    rows.retain(|row| seen.contains_key(&crate::place::wire_name(row)));
    rows.sort_by_key(|row| (row.name != "INBOX", row.role != Some(Role::All)));
    rows.first().map(crate::place::wire_name)
}

fn status(selected: Selected) -> MailboxStatus {
    MailboxStatus {
        messages: selected.exists,
        uid_next: selected.uid_next,
        uid_validity: selected.uid_validity,
        append_limit: None,
        highest_mod_seq: selected.highest_mod_seq,
    }
}

fn tell(account: &Account, line: &Line) {
    let mailboxes = match line.kind {
        Some(PushKind::Notify) => account.kept.seen().len() as u64,
        Some(PushKind::Idle) => 1,
        None => 0,
    };
    let listening = line.kind.map(|kind| Listening {
        kind,
        mailboxes,
        since: now().0,
    });
    account.live.change(|live| live.listening = listening);
}

fn limited(account: &Account, kind: PushKind, because: &str) {
    events::PushLimited {
        account: account.log_name(),
        kind: kind.as_str(),
        because,
    }
    .emit();
}
