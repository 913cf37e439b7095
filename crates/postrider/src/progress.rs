//! Progress on a terminal: one line per account. Where stderr is piped there is none.

use crate::words::{count, octets, span};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use postrider_core::account::AccountName;
use postrider_engine::{PassReport, Progress, ProgressSender};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinHandle;

/// How often a waiting line moves: often enough to look alive, seldom enough to cost nothing.
const TICK: Duration = Duration::from_millis(120);

/// The part of the terminal that shows progress; log lines go above it.
#[derive(Clone, Debug)]
pub struct Screen(MultiProgress);

impl Screen {
    /// The terminal that stderr is, if it is one.
    #[must_use]
    pub fn of_stderr() -> Option<Self> {
        let terminal = std::io::stderr().is_terminal();
        terminal.then(|| Self(MultiProgress::new()))
    }

    /// Writes something while the lines are out of the way.
    pub fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    /// A line for something that is counted.
    #[must_use]
    pub fn counter(&self) -> Counter {
        let line = self.0.add(ProgressBar::no_length());
        line.set_style(style("{prefix:12} {spinner} {msg}"));
        line.enable_steady_tick(TICK);
        Counter(line)
    }

    /// Lines for passes that somebody else makes.
    #[must_use]
    pub fn passes(&self) -> Passes {
        Passes(Lines {
            screen: self.0.clone(),
            lines: HashMap::new(),
        })
    }

    /// Shows what the engine sends until the sender is dropped. Call it on the runtime.
    #[must_use]
    pub fn watch(&self) -> (ProgressSender, JoinHandle<()>) {
        let (sender, mut receiver) = unbounded_channel();
        let mut lines = Lines {
            screen: self.0.clone(),
            lines: HashMap::new(),
        };
        let shown = tokio::spawn(async move {
            while let Some(progress) = receiver.recv().await {
                lines.show(progress);
            }
        });
        (sender, shown)
    }
}

/// One line that counts what a check has read.
#[derive(Clone, Debug)]
pub struct Counter(ProgressBar);

impl Counter {
    /// Shows how far it has come.
    pub fn show(&self, account: &AccountName, messages: u64, read: u64) {
        self.0.set_prefix(account.to_string());
        let messages = count(messages, "message", "messages");
        self.0.set_message(format!("{messages}, {}", octets(read)));
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// The passes of a daemon, by what it tells of them now and then.
#[derive(Debug)]
pub struct Passes(Lines);

impl Passes {
    /// How many messages of how many are stored, and of how many octets.
    pub fn reached(&mut self, account: &AccountName, (stored, found): (u64, u64), size: u64) {
        let line = self.0.line(account);
        line.set_style(style("{prefix:12} {bar:24} {pos}/{len} {msg}"));
        line.set_length(found);
        line.set_position(stored);
        line.set_message(format!("of {}", octets(size)));
    }

    /// What it does while there is nothing to count.
    pub fn waits(&mut self, account: &AccountName, what: &str) {
        self.0.line(account).set_message(what.to_owned());
    }

    /// It is over: complete, with what it did, or failed.
    pub fn ended(&mut self, account: &AccountName, report: Option<&PassReport>) {
        let line = self.0.line(account);
        line.set_style(style("{prefix:12} {msg}"));
        line.finish_with_message(report.map_or_else(|| "failed".to_owned(), summary));
    }
}

#[derive(Debug)]
struct Lines {
    screen: MultiProgress,
    lines: HashMap<AccountName, ProgressBar>,
}

impl Lines {
    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Started { account } => self.line(&account).set_message("connecting"),
            Progress::Found {
                account,
                messages,
                octets: size,
            } => {
                let line = self.line(&account);
                line.inc_length(messages);
                line.set_style(style("{prefix:12} {bar:24} {pos}/{len} {msg}"));
                if size > 0 {
                    line.set_message(format!("of {}", octets(size)));
                }
            }
            Progress::Stored {
                account, messages, ..
            } => self.line(&account).inc(messages),
            Progress::Finished { account, report } => {
                let line = self.line(&account);
                line.set_style(style("{prefix:12} {msg}"));
                line.finish_with_message(summary(&report));
            }
            Progress::Failed { account } => {
                let line = self.line(&account);
                line.set_style(style("{prefix:12} {msg}"));
                line.finish_with_message("failed");
            }
        }
    }

    fn line(&mut self, account: &AccountName) -> ProgressBar {
        if let Some(line) = self.lines.get(account) {
            return line.clone();
        }
        let line = self.screen.add(ProgressBar::new(0));
        line.set_style(style("{prefix:12} {spinner} {msg}"));
        line.set_prefix(account.to_string());
        line.enable_steady_tick(TICK);
        self.lines.insert(account.clone(), line.clone());
        line
    }
}

/// A template of ours; one that indicatif refused would fall back to its own style.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// What a pass did, as half a sentence: `12 new, 3 flags, 1.4 MiB in 2 s`.
#[must_use]
pub fn summary(report: &PassReport) -> String {
    let flags = report.flags_pulled.saturating_add(report.flags_pushed);
    let parts = [
        (report.new, "new", "new"),
        (flags, "flag change", "flag changes"),
        (report.pushed, "moved or uploaded", "moved or uploaded"),
        (
            report.expired,
            "deleted on the server",
            "deleted on the server",
        ),
        (
            report.vanished,
            "vanished from the server",
            "vanished from the server",
        ),
        (report.skipped, "skipped", "skipped"),
        (report.braked, "held by the brake", "held by the brake"),
    ];
    let said = parts.into_iter().filter(|(number, ..)| *number > 0);
    let mut said: Vec<String> = said
        .map(|(number, one, many)| count(number, one, many))
        .collect();
    if said.is_empty() {
        said.push("nothing new".to_owned());
    }
    if report.octets > 0 {
        said.push(octets(report.octets));
    }
    let mailboxes = count(report.mailboxes, "mailbox", "mailboxes");
    let time = if report.elapsed < Duration::from_secs(1) {
        format!("{} ms", report.elapsed.as_millis())
    } else {
        span(report.elapsed)
    };
    format!("{} ({mailboxes}, {time})", said.join(", "))
}
