//! What further lines leave word of: news for the next quick pass, and that one of them is over.
//!
//! They are heard while the account's own task is in a pass, so it waits here. A mailbox stands here once, however much
//! its server tells of it (R11).

use super::News;
use crate::error::EngineError;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Board {
    words: Mutex<Words>,
    left: Notify,
}

/// What was left since somebody looked.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) news: News,
    pub(super) lost: Vec<LostLine>,
    /// There are more lines, or fewer.
    pub(super) changed: bool,
}

/// A further line that is over, or that could not be had.
#[derive(Debug)]
pub(super) struct LostLine {
    /// The mailbox that it listened to, for the log.
    pub(super) mailbox: String,
    pub(super) because: Because,
    /// How long it was listened to.
    pub(super) lasted: Duration,
}

/// Why a line is over.
#[derive(Debug)]
pub(super) enum Because {
    /// The server has ended IDLE, as some do after a while.
    Ended,
    Failed(EngineError),
    /// Somebody else needs the connection, or has it.
    Needed,
}

impl Because {
    pub(super) const fn error(&self) -> Option<&EngineError> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Ended | Self::Needed => None,
        }
    }

    /// For the log.
    pub(super) fn story(&self) -> String {
        match self {
            Self::Ended => "the server has ended it".to_owned(),
            Self::Failed(error) => error.story(),
            Self::Needed => "the connection is needed for something else".to_owned(),
        }
    }
}

impl Board {
    pub(super) fn tell(&self, news: News) {
        if !news.is_nothing() {
            self.words().news.join(news);
            self.left.notify_one();
        }
    }

    pub(super) fn lost(&self, line: LostLine) {
        let mut words = self.words();
        words.lost.push(line);
        words.changed = true;
        drop(words);
        self.left.notify_one();
    }

    /// There is one line more, or one that nobody wanted is gone.
    pub(super) fn changed(&self) {
        self.words().changed = true;
        self.left.notify_one();
    }

    /// A pass over all mailboxes brings whatever was told before it began.
    pub(super) fn forget_news(&self) {
        self.words().news = News::default();
    }

    /// Waits until something is left here. What is not taken stays.
    pub(super) async fn left(&self) {
        while self.words().is_nothing() {
            self.left.notified().await;
        }
    }

    pub(super) fn take(&self) -> Words {
        std::mem::take(&mut self.words())
    }

    fn words(&self) -> MutexGuard<'_, Words> {
        // Nobody panics while holding it.
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Words {
    fn is_nothing(&self) -> bool {
        self.news.is_nothing() && self.lost.is_empty() && !self.changed
    }
}
