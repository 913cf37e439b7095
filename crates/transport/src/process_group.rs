//! A command and all that it has started: they end together.

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid,
};
use std::fmt;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How long whoever was asked to end may take.
const GRACE: Duration = Duration::from_secs(2);
/// How long one that was killed is waited for: only a broken disk or kernel holds it then.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// How often a process is looked at that is about to end.
const LOOK: Duration = Duration::from_millis(10);

/// What belongs between us and the service manager: a child that had it could speak in our name.
const OURS_ALONE: [&str; 6] = [
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// A shell's command that leads a process group of its own. Dropped, it ends the whole group, unless it
/// [ended by itself](Self::let_go).
#[derive(Debug)]
pub struct ProcessGroup {
    child: Child,
    leader: Option<Pid>,
}

impl ProcessGroup {
    /// Starts `sh -c command`. It sees our environment, but for what is between us and the service manager.
    ///
    /// # Errors
    /// When there is no shell, or no process more.
    pub fn start(command: &str, stdin: Stdio) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command);
        for name in OURS_ALONE {
            shell.env_remove(name);
        }
        let child = shell
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let leader = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, leader })
    }

    /// The shell.
    pub const fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the end of the shell, for as long as it takes. It stays in the table of processes until this value goes,
    /// so that its number is nobody else's meanwhile.
    pub async fn ended(&self) -> Ending {
        loop {
            if let Some(ending) = self.look() {
                return ending;
            }
            sleep(LOOK).await;
        }
    }

    /// How the shell ended, if it did.
    fn look(&self) -> Option<Ending> {
        let Some(leader) = self.leader else {
            return Some(Ending::Unknown);
        };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(leader), options) {
            Ok(None) => None,
            Ok(Some(status)) => Some(Ending::of(&status)),
            Err(_gone) => Some(Ending::Unknown),
        }
    }

    /// Asks the group to end, and ends it when it does not.
    pub async fn end(mut self) {
        self.tell(Signal::TERM);
        let deadline = Instant::now() + GRACE;
        while self.look().is_none() && Instant::now() < deadline {
            sleep(LOOK).await;
        }
        self.tell(Signal::KILL);
        let _reaped = tokio::time::timeout(LAST_WAIT, self.child.wait()).await;
        self.leader = None;
    }

    /// It has ended by itself; what it left behind on purpose (an agent) may stay.
    pub async fn let_go(mut self) {
        self.leader = None;
        let _reaped = tokio::time::timeout(LAST_WAIT, self.child.wait()).await;
    }

    /// Asks the group to end without waiting for it.
    pub(crate) fn ask(&self) {
        self.tell(Signal::TERM);
    }

    fn tell(&self, signal: Signal) {
        // Whoever has ended meanwhile need not be told.
        let _told = self.leader.map(|group| kill_process_group(group, signal));
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.tell(Signal::KILL);
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an exit status.
    Status(i32),
    /// By a signal.
    Signal(i32),
    /// Nobody knows any more.
    Unknown,
}

impl Ending {
    fn of(status: &WaitIdStatus) -> Self {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(status), _) => Self::Status(status),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }

    /// Whether it says that all went well.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Status(0))
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Unknown => f.write_str("an unknown status"),
        }
    }
}
