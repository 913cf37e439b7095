//! What there is to show, found out beside the screen: the daemon tells, the index is read.

use super::super::Lives;
use crate::config::Config;
use crate::control::client;
use crate::control::words::{Answer, Hello, Request};
use crate::error::Error;
use crate::exit;
use postrider_engine::AccountStatus;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

/// How soon a daemon that was not there is looked for again.
const AGAIN: Duration = Duration::from_secs(2);

/// The least time between two readings of the index while passes end: they count every message.
const INDEX_CALM: Duration = Duration::from_secs(5);

/// And the longest: another process may have written.
const INDEX_AGE: Duration = Duration::from_secs(60);

/// How often it is looked whether the index is to be read.
const LOOK: Duration = Duration::from_millis(500);

/// Something has changed.
#[derive(Debug)]
pub(super) enum News {
    /// What every account is doing.
    Daemon(Hello, Lives),
    /// What the index knows, or why it cannot be read.
    Index(Result<Vec<AccountStatus>, String>),
    /// No daemon tells, and why, if that is not simply that none runs.
    NoDaemon(Option<String>),
}

/// News, as they come. The threads end with the process.
#[derive(Debug)]
pub(super) struct Feed(Receiver<News>);

impl Feed {
    pub(super) fn start(config: &Config) -> io::Result<Self> {
        let (sender, receiver) = channel();
        // Whether a pass has ended since the index was last read.
        let ended = Arc::new(AtomicBool::new(true));
        let (of_daemon, of_index) = ((config.clone(), sender.clone()), config.state_dir.clone());
        let told = Arc::clone(&ended);
        Builder::new()
            .name("daemon".to_owned())
            .spawn(move || follow(&of_daemon.0, &of_daemon.1, &told))?;
        Builder::new()
            .name("index".to_owned())
            .spawn(move || read(&of_index, &sender, &ended))?;
        Ok(Self(receiver))
    }

    /// The next, if there is any now.
    pub(super) fn next(&self) -> Option<News> {
        self.0.try_recv().ok()
    }
}

/// Follows one daemon after the other. Ends when nobody wants to know any more.
fn follow(config: &Config, news: &Sender<News>, ended: &AtomicBool) {
    loop {
        let why = match told(config, news, ended) {
            Ok(()) => None,
            Err(error) => Some(exit::one_line(&error)),
        };
        if news.send(News::NoDaemon(why)).is_err() {
            return;
        }
        sleep(AGAIN);
    }
}

fn told(config: &Config, news: &Sender<News>, ended: &AtomicBool) -> Result<(), Error> {
    let Some(client) = client::reach(config)? else {
        return Ok(());
    };
    let hello = client.hello().clone();
    let mut lives = Lives::new();
    for answer in client.ask(&Request::Status { follow: true })? {
        match answer? {
            Answer::Account { account, live } => {
                let before = lives.insert(account, *live.clone());
                if before.is_none_or(|before| before.state != live.state) {
                    ended.store(true, Ordering::Relaxed);
                }
            }
            Answer::Gone { account } => drop(lives.remove(&account)),
            Answer::Current if tell(news, &hello, &lives).is_none() => return Ok(()),
            // An answer to another request, or a newer daemon's.
            _ => {}
        }
    }
    Ok(())
}

/// `None`: nobody wants to know any more.
fn tell(news: &Sender<News>, hello: &Hello, lives: &Lives) -> Option<()> {
    news.send(News::Daemon(hello.clone(), lives.clone())).ok()
}

/// Reads the index when passes have ended, and now and then.
fn read(state_dir: &Path, news: &Sender<News>, ended: &AtomicBool) {
    let mut last: Option<Instant> = None;
    loop {
        let age = last.map_or(INDEX_AGE, |at| at.elapsed());
        if age >= INDEX_AGE || (age >= INDEX_CALM && ended.load(Ordering::Relaxed)) {
            ended.store(false, Ordering::Relaxed);
            let known = postrider_engine::status(state_dir);
            let known = known.map_err(|error| exit::one_line(&error.into()));
            if news.send(News::Index(known)).is_err() {
                return;
            }
            last = Some(Instant::now());
        }
        sleep(LOOK);
    }
}
