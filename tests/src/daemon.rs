//! A running daemon: its log as it comes, its notify socket, its signals.

use crate::postrider::Home;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine; what is waited for takes a fraction of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The contract's limit from TERM or INT to the end of the process.
pub const STOP_LIMIT: Duration = Duration::from_secs(10);

/// `postrider run` in a [`Home`] whose configuration says `log: {format: json}`. Killed on drop.
#[derive(Debug)]
pub struct RunningDaemon {
    child: Child,
    /// What it has told the service manager, and how much of that was looked at.
    told: Arc<Log>,
    looked_at: AtomicUsize,
    listening: Arc<AtomicBool>,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
}

/// How a daemon ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status; `None` when a signal killed it.
    pub status: Option<i32>,
    /// How long the end was waited for.
    pub took: Duration,
    /// Every line of its log.
    pub log: Vec<Value>,
}

#[derive(Debug, Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Log {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: String) {
        self.lines().push(line);
        self.more.notify_all();
    }

    /// Waits for the first line from `from` on of which `wanted` makes something, and where it stands.
    fn wait<T>(
        &self,
        from: usize,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> Option<(usize, T)> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.lines();
        let mut read = from;
        loop {
            while let Some(line) = lines.get(read) {
                if let Some(found) = wanted(line) {
                    return Some((read, found));
                }
                read += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.more.wait_timeout(lines, left);
            (lines, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Takes in what comes to the socket at once, as systemd does: a sender must never wait. Ends when nobody
/// listens any more.
fn take_in(socket: &UnixDatagram, told: &Log, listening: &AtomicBool) {
    let mut octets = [0; 4_096];
    while listening.load(Ordering::Relaxed) {
        // An error is the timeout, after which it looks whether anybody listens.
        if let Ok(length) = socket.recv(&mut octets) {
            let datagram = octets.get(..length).unwrap_or_default();
            told.push(String::from_utf8_lossy(datagram).trim_end().to_owned());
        }
    }
}

impl RunningDaemon {
    /// Starts the daemon and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn start(home: &Home) -> Self {
        Self::started_by(home, home.command(&["run"]))
    }

    /// The same, by another command that becomes `postrider run`.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn started_by(home: &Home, mut command: Command) -> Self {
        let notify = home.path().join("notify");
        std::fs::remove_file(&notify).ok();
        let socket = UnixDatagram::bind(&notify).expect("a socket of our own");
        let pause = Duration::from_millis(100);
        socket.set_read_timeout(Some(pause)).expect("a timeout");
        let (told, listening) = (Arc::new(Log::default()), Arc::new(AtomicBool::new(true)));
        std::thread::spawn({
            let (told, listening) = (Arc::clone(&told), Arc::clone(&listening));
            move || take_in(&socket, &told, &listening)
        });
        let mut child = command
            .env("NOTIFY_SOCKET", &notify)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let log = Arc::new(Log::default());
        let reader = std::thread::spawn({
            let log = Arc::clone(&log);
            move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    log.push(line);
                }
            }
        });
        let daemon = Self {
            child,
            told,
            looked_at: AtomicUsize::new(0),
            listening,
            log,
            reader: Some(reader),
        };
        let ready = daemon.notified();
        assert!(ready.starts_with("READY=1\n"), "{ready}");
        daemon
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next datagram to the service manager that is more than a status or food for the watchdog.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn notified(&self) -> String {
        let more = |told: &str| {
            let plain = told.starts_with("STATUS=") || told == "WATCHDOG=1";
            (!plain).then(|| told.to_owned())
        };
        let from = self.looked_at.load(Ordering::Relaxed);
        let found = self.told.wait(from, more);
        let (at, told) = found.unwrap_or_else(|| panic!("it told nothing:\n{}", self.text()));
        self.looked_at.store(at + 1, Ordering::Relaxed);
        told
    }

    /// Waits for a status that is `wanted`, told since the start or from now on.
    ///
    /// # Panics
    /// When it does not come.
    pub fn status_where(&self, wanted: impl Fn(&str) -> bool) -> String {
        let status = |told: &str| {
            let status = told.lines().find_map(|line| line.strip_prefix("STATUS="))?;
            wanted(status).then(|| status.to_owned())
        };
        let found = self.told.wait(0, status);
        let all = || self.told.lines().join("\n");
        found
            .unwrap_or_else(|| panic!("no such status:\n{}", all()))
            .1
    }

    /// How many statuses it has told, each with what it was told with.
    #[must_use]
    pub fn statuses(&self) -> usize {
        let lines = self.told.lines();
        lines.iter().filter(|told| told.contains("STATUS=")).count()
    }

    /// How often it has fed the watchdog.
    #[must_use]
    pub fn fed(&self) -> usize {
        let lines = self.told.lines();
        lines.iter().filter(|told| *told == "WATCHDOG=1").count()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the daemon lives");
    }

    /// How many lines there are by now; what comes after belongs to what is done next.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.log.lines().len()
    }

    /// The whole log so far as it was written.
    #[must_use]
    pub fn text(&self) -> String {
        self.log.lines().join("\n")
    }

    /// The whole log so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        self.log.lines().iter().map(|line| parsed(line)).collect()
    }

    /// Waits for the first event of this name from `mark` on that is about `account` (empty: about none).
    ///
    /// # Panics
    /// When it does not come; the log is part of the message.
    pub fn after(&self, mark: usize, event: &str, account: &str) -> Value {
        self.after_where(mark, event, |line| {
            let told = line.get("account").and_then(Value::as_str);
            told.unwrap_or_default() == account
        })
    }

    /// Waits for the first event of this name from `mark` on that is `wanted`.
    ///
    /// # Panics
    /// When it does not come; the log is part of the message.
    pub fn after_where(&self, mark: usize, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = self.log.wait(mark, |line| {
            let line = parsed(line);
            (is_named(&line, event) && wanted(&line)).then_some(line)
        });
        found
            .unwrap_or_else(|| panic!("no {event}:\n{}", self.text()))
            .1
    }

    /// The events of this name so far.
    #[must_use]
    pub fn events(&self, event: &str) -> Vec<Value> {
        named(&self.lines(), event)
    }

    /// Sends a signal and waits for the end.
    ///
    /// # Panics
    /// When the daemon outlives the contract's limit by far.
    #[must_use]
    pub fn end(self, signal: Signal) -> Ended {
        self.signal(signal);
        self.ended()
    }

    /// Waits for the end after a signal was sent.
    ///
    /// # Panics
    /// When the daemon outlives the contract's limit by far.
    #[must_use]
    pub fn ended(mut self) -> Ended {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                break status;
            }
            let waited = begun.elapsed();
            assert!(waited < PATIENCE, "it does not stop:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = begun.elapsed();
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the log was read to its end");
        }
        let log = self.log.lines().iter().map(|line| parsed(line)).collect();
        Ended {
            status: status.code(),
            took,
            log,
        }
    }
}

impl Ended {
    /// Ends the test unless it ended well and in time.
    ///
    /// # Panics
    /// With the log.
    pub fn assert_orderly(&self) {
        assert_eq!(self.status, Some(0), "{:#?}", self.log);
        assert!(self.took < STOP_LIMIT, "{:?}", self.took);
        assert_eq!(self.events("daemon.stopping").len(), 1, "{:#?}", self.log);
    }

    /// The events of this name.
    #[must_use]
    pub fn events(&self, event: &str) -> Vec<Value> {
        named(&self.log, event)
    }
}

impl Drop for RunningDaemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        self.listening.store(false, Ordering::Relaxed);
    }
}

fn named(lines: &[Value], event: &str) -> Vec<Value> {
    let named = lines.iter().filter(|line| is_named(line, event));
    named.cloned().collect()
}

fn is_named(line: &Value, event: &str) -> bool {
    line.get("event").is_some_and(|name| name == event)
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("a line of the log is no JSON: {line}"))
}
