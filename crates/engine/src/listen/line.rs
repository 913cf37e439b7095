//! A session, while it listens: how it begins to, what it hears, how it is kept alive.

use super::silence::Silence;
use crate::context::Account;
use crate::listen::{News, Told};
use crate::live::PushKind;
use postrider_imap::{
    Heard, ImapError, MailboxStatus, Refusal, SelectMode, Selected, Session, WireName,
};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// A session that listens to one mailbox, or to many.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) session: Session,
    pub(super) kind: Option<PushKind>,
    /// With IDLE: the mailbox that is open, as it was opened.
    open: Option<Told>,
    /// When either side spoke last.
    pub(super) spoken: Instant,
    pub(super) began: Instant,
}

/// What came of asking for IDLE.
#[derive(Debug)]
pub(super) enum Idles {
    /// It idles; what has happened in the mailbox since it was last seen.
    Yes(News),
    /// The mailbox cannot be opened. The next pass finds out what became of it.
    NoMailbox(Refusal),
    /// The server does not want to.
    No(Refusal),
}

impl Line {
    pub(super) fn new(session: Session) -> Self {
        let began = Instant::now();
        Self {
            session,
            kind: None,
            open: None,
            spoken: began,
            began,
        }
    }

    /// Begins to listen to one mailbox.
    pub(super) async fn idle(
        &mut self,
        account: &Account,
        mailbox: &WireName,
    ) -> Result<Idles, ImapError> {
        let opened = self.session.select(mailbox.clone(), SelectMode::ReadOnly);
        let status = match opened.await {
            Ok(selected) => status(selected),
            Err(ImapError::Refused { refusal, .. }) => return Ok(Idles::NoMailbox(refusal)),
            Err(error) => return Err(error),
        };
        match self.session.idle().await {
            Ok(()) => self.kind = Some(PushKind::Idle),
            Err(ImapError::Refused { refusal, .. }) => return Ok(Idles::No(refusal)),
            Err(error) => return Err(error),
        }
        self.spoken = Instant::now();
        let mut news = News::default();
        if let Some(seen) = account.kept.seen_of(mailbox) {
            news.compare(mailbox, (&seen, &status));
            account.kept.saw(mailbox, status.clone());
        }
        let mailbox = mailbox.clone();
        self.open = Some(Told { mailbox, status });
        Ok(Idles::Yes(news))
    }

    /// Waits until something is told, and keeps the line alive meanwhile. It may be nothing of interest. May be
    /// dropped at any time.
    pub(super) async fn hear(
        &mut self,
        account: &Account,
        silence: &Silence,
    ) -> Result<Heard, ImapError> {
        loop {
            let refresh_at = self.spoken + silence.longest();
            let heard = tokio::select! {
                heard = self.session.hear() => heard.map(Some),
                () = sleep_until(refresh_at) => {
                    refresh(&mut self.session, account.settings.timeout).await.map(|()| None)
                }
            };
            let lasted = self.spoken.elapsed();
            let heard = match heard {
                Ok(heard) => heard,
                Err(error) => {
                    silence.lost_after(lasted).await;
                    return Err(error);
                }
            };
            self.spoken = Instant::now();
            match heard {
                Some(heard) => return Ok(heard),
                None => silence.outlived().await,
            }
        }
    }

    /// What follows from what was heard.
    pub(super) fn news(&self, account: &Account, heard: &Heard) -> News {
        let news = News::of(heard, self.open.as_ref(), &account.kept.seen());
        for told in &news.quick {
            account.kept.saw(&told.mailbox, told.status.clone());
        }
        news
    }
}

/// Asks the server whether it is still there; `limit` is how long its answer may take.
async fn refresh(session: &mut Session, limit: Duration) -> Result<(), ImapError> {
    let refreshed = timeout(limit, session.refresh()).await;
    refreshed.unwrap_or(Err(ImapError::Patience { waited: limit }))
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
