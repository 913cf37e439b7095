//! `postrider status --watch`: the status on the whole terminal, kept up to date.
//!
//! Two threads find out what there is to show (`feed`), one what is typed (`keys`), a pure function says how it looks (`frame`), and the
//! terminal is told of the lines that have changed (`stage`). A daemon that ends or starts meanwhile is shown, and so are
//! accounts that it takes on or gives up.

mod feed;
mod frame;
mod keys;
mod stage;

use super::{Lives, now, rows};
use crate::config::surroundings::Surroundings;
use crate::config::{self, Config};
use crate::control::words::Hello;
use crate::error::Error;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use feed::{Feed, News};
use frame::{Frame, Scroll, View};
use keys::Keys;
use postrider_core::shard::Shard;
use postrider_engine::AccountStatus;
use signal_hook::consts::{SIGHUP, SIGTERM};
use signal_hook::flag;
use stage::Stage;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a key, a signal or news may wait: less than anybody notices, seldom enough to cost nothing.
const TICK: Duration = Duration::from_millis(100);

/// What is known at this moment.
#[derive(Debug, Default)]
struct Known {
    statuses: Vec<AccountStatus>,
    /// Who tells, and what.
    daemon: Option<(Hello, Lives)>,
    /// Why the daemon does not tell, and why the index is not known.
    unasked: Option<String>,
    unread: Option<String>,
    /// The daemon serves other accounts than before: it has read its configuration again.
    others: bool,
}

impl Known {
    fn take(&mut self, news: News) {
        match news {
            News::Daemon(hello, lives) => {
                let before = self.daemon.as_ref().map(|(_, lives)| lives);
                self.others |= before.is_none_or(|before| !before.keys().eq(lives.keys()));
                self.daemon = Some((hello, lives));
                self.unasked = None;
            }
            News::NoDaemon(why) => {
                self.daemon = None;
                self.unasked = why;
            }
            News::Index(Ok(statuses)) => {
                self.statuses = statuses;
                self.unread = None;
            }
            News::Index(Err(why)) => self.unread = Some(why),
        }
    }
}

/// Shows the status until somebody types q or Ctrl-C, a signal asks for the end, or the terminal is gone.
///
/// # Errors
/// When standard output is no terminal, or the terminal cannot be used.
pub(super) fn run(
    config: &Config,
    shard: Option<Shard>,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    if !io::stdout().is_terminal() {
        return Err(Error::NoTerminal);
    }
    let failed = |source| Error::Output { source };
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP] {
        flag::register(signal, Arc::clone(&ended)).map_err(|source| Error::Setup { source })?;
    }
    let feed = Feed::start(config).map_err(|source| Error::Setup { source })?;
    let colour = around.var("NO_COLOR").is_none();
    let mut stage = Stage::enter(colour).map_err(failed)?;
    let keys = Keys::start().map_err(|source| Error::Setup { source })?;
    let (mut known, mut scroll) = (Known::default(), Scroll::default());
    let mut config = config.clone();
    // A terminal that has gone is none any more, and not every one says so by a signal.
    while !ended.load(Ordering::Relaxed) && io::stdout().is_terminal() {
        while let Some(news) = feed.next() {
            known.take(news);
        }
        if std::mem::take(&mut known.others) {
            // One that is wrong is shown as it was, which is how the daemon has it too.
            let read = config::load(Some(&config.path), around).ok();
            config = read.map_or(config, |read| read.of_shard(shard));
        }
        let size = crossterm::terminal::size().map_err(failed)?;
        let frame = draw(&config, &known, (size, &mut scroll));
        stage.show(frame, size).map_err(failed)?;
        let typed = keys.next(TICK).map_err(failed)?;
        if typed.is_some_and(|event| acts(&event, &mut scroll)) {
            break;
        }
    }
    Ok(Vec::new())
}

fn draw(config: &Config, known: &Known, (size, scroll): ((u16, u16), &mut Scroll)) -> Frame {
    let lives = known.daemon.as_ref().map(|(_, lives)| lives);
    let view = View {
        rows: rows(&config.accounts, &known.statuses, lives),
        hello: known.daemon.as_ref().map(|(hello, _)| hello),
        trouble: known.unread.as_deref().or(known.unasked.as_deref()),
        now: now(),
        stale_after: config.status.stale_after,
    };
    frame::frame(&view, size, scroll)
}

/// What a key does; `true`: it leaves. A terminal of another size is drawn anew by itself.
fn acts(event: &Event, scroll: &mut Scroll) -> bool {
    let Event::Key(KeyEvent {
        code,
        modifiers,
        kind: KeyEventKind::Press | KeyEventKind::Repeat,
        ..
    }) = event
    else {
        return false;
    };
    let control = modifiers.contains(KeyModifiers::CONTROL);
    match code {
        KeyCode::Char('q') | KeyCode::Esc => return true,
        KeyCode::Char('c' | 'd') if control => return true,
        KeyCode::Down | KeyCode::Char('j') => scroll.by(1),
        KeyCode::Up | KeyCode::Char('k') => scroll.by(-1),
        KeyCode::PageDown | KeyCode::Char(' ') => scroll.by_pages(1),
        KeyCode::PageUp => scroll.by_pages(-1),
        KeyCode::Home | KeyCode::Char('g') => scroll.go_first(),
        KeyCode::End | KeyCode::Char('G') => scroll.go_last(),
        _ => {}
    }
    false
}
