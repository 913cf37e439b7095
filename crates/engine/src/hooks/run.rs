//! One run of a hook: an environment of its own, a process group of its own, an end.

use super::Hooked;
use crate::descriptors;
use crate::events;
use postrider_core::hook::News;
use rustix::fs::{Access, access};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What a hook sees of our environment: who and where the user is, and how to reach the screen. Passwords
/// (`password: {env: ...}`), credentials and the service manager's socket are not among them.
const ENVIRONMENT: [&str; 21] = [
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TMPDIR",
    "TZ",
    "USER",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
];

/// How long a hook that was asked to end may take: what is left of the ten seconds is the pass's.
const GRACE: Duration = Duration::from_secs(2);
/// How long one that was killed is waited for: only a broken disk or kernel holds it then.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// How long its children may hold its output open after it has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Octets of output that the log gets. The rest is read, so that the hook does not wait, and dropped.
const OUTPUT: usize = 2_048;
/// Lines of it.
const LINES: usize = 10;

/// How a run ended, if it did not end well.
enum Failure {
    Start(io::Error),
    Wait(io::Error),
    Status(ExitStatus),
    TookTooLong,
    Stopped,
}

/// Runs the hook and tells the log how that went.
pub(super) async fn run(hooked: &Hooked, news: &News) {
    let begun = Instant::now();
    let output = Output::default();
    let failure = run_once(hooked, news, &output).await.err();
    let (mailbox, count) = (news.in_words(), news.count());
    let (account, mailbox) = (hooked.account.as_str(), mailbox.as_str());
    let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let output = output.shown();
    let Some(failure) = failure else {
        events::HookFinished {
            account,
            mailbox,
            count,
            elapsed_ms,
            output: output.as_deref(),
        }
        .emit();
        return;
    };
    let (kind, error, hint) = told(hooked, &failure);
    events::HookFailed {
        account,
        mailbox,
        count,
        elapsed_ms,
        output: output.as_deref(),
        kind,
        error: &error,
        hint,
    }
    .emit();
}

fn told(hooked: &Hooked, failure: &Failure) -> (&'static str, String, Option<&'static str>) {
    const PROGRAM: &str =
        "`on_new` begins with a program: its path, or a name that the PATH of the daemon leads to";
    let program = hooked.hook.command.first().map_or("", String::as_str);
    match failure {
        Failure::Start(error) => (
            "config",
            format!("`{program}` could not be started: {error}"),
            Some(PROGRAM),
        ),
        Failure::Wait(error) => ("local_io", format!("`{program}`: {error}"), None),
        Failure::Status(status) => ("local_io", format!("`{program}` ended with {status}"), None),
        Failure::TookTooLong => (
            "local_io",
            format!(
                "`{program}` took longer than {} s and was ended",
                hooked.hook.timeout.as_secs()
            ),
            Some("raise `on_new_timeout`, or let the hook leave the long work to another program"),
        ),
        Failure::Stopped => (
            "local_io",
            format!("`{program}` was ended, because the account is no longer served"),
            None,
        ),
    }
}

async fn run_once(hooked: &Hooked, news: &News, output: &Output) -> Result<(), Failure> {
    let mut child = start(hooked, news).map_err(Failure::Start)?;
    let group = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let readers = [
        child.stdout.take().map(|stdout| output.read(stdout)),
        child.stderr.take().map(|stderr| output.read(stderr)),
    ];
    let ended = tokio::select! {
        ended = child.wait() => Ok(ended),
        () = tokio::time::sleep(hooked.hook.timeout) => Err(Failure::TookTooLong),
        () = hooked.shutdown.requested() => Err(Failure::Stopped),
    };
    let result = match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(Failure::Status(status)),
        Ok(Err(error)) => Err(Failure::Wait(error)),
        Err(failure) => {
            end(&mut child, group).await;
            Err(failure)
        }
    };
    for mut reader in readers.into_iter().flatten() {
        if timeout(LAST_WORDS, &mut reader).await.is_err() {
            reader.abort();
        }
    }
    result
}

fn start(hooked: &Hooked, news: &News) -> io::Result<Child> {
    let arguments = hooked.hook.arguments(hooked.account.as_str(), news);
    let [program, arguments @ ..] = arguments.as_slice() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let ours = ENVIRONMENT
        .iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    // What we run through a shell that finds no program is none that could not be started.
    let soft = descriptors::for_others().filter(|_| is_there(program));
    let mut command = soft.map_or_else(|| Command::new(program), |soft| under(soft, program));
    command
        .args(arguments)
        .env_clear()
        .envs(ours)
        .env("POSTRIDER_ACCOUNT", hooked.account.as_str())
        .env("POSTRIDER_COUNT", news.count().to_string())
        .env("POSTRIDER_MAILBOXES", news.lines())
        .env("POSTRIDER_MAILDIR", &hooked.maildir)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// A command that runs `program` with so many files: we have raised our own limit, and who inherits it would have ours.
/// A shell lowers it, because between fork(2) and exec(2) nothing of ours may run. It is not heard of: it becomes the program.
fn under(soft: u64, program: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "ulimit -Sn \"$0\" && exec \"$@\""]);
    shell.arg(soft.to_string()).arg(program);
    shell
}

/// Whether execvp(3) finds such a program. What is wrong with it otherwise, starting it directly tells best.
fn is_there(program: &str) -> bool {
    let may = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return may(Path::new(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| may(&directory.join(program)))
}

/// Asks the hook and its children to end, and ends them when they do not.
async fn end(child: &mut Child, group: Option<Pid>) {
    let tell = |signal| group.map(|group| kill_process_group(group, signal));
    // Whoever has ended meanwhile need not be told.
    let _asked = tell(Signal::TERM);
    let _ended = timeout(GRACE, child.wait()).await.is_ok();
    let _killed = tell(Signal::KILL);
    let _ended = timeout(LAST_WAIT, child.wait()).await.is_ok();
}

/// The beginning of what a hook said.
#[derive(Clone, Debug, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn read(&self, mut from: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<()> {
        let output = self.clone();
        tokio::spawn(async move {
            let mut octets = [0; 1_024];
            while let Ok(read @ 1..) = from.read(&mut octets).await {
                output.keep(octets.get(..read).unwrap_or_default());
            }
        })
    }

    fn keep(&self, octets: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = OUTPUT.saturating_sub(kept.len());
        kept.extend_from_slice(octets.get(..room).unwrap_or(octets));
    }

    /// As one line, safe on a terminal; `None` when nothing was said.
    fn shown(&self) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = kept.trim_ascii().split(|octet| *octet == b'\n');
        let shown: Vec<_> = lines
            .take(LINES)
            .map(postrider_transport::escape_server_text)
            .collect();
        let shown = shown.join("; ");
        (!shown.is_empty()).then_some(shown)
    }
}
