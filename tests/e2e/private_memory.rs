//! No core of a process that knows passwords, and nobody of the same user who looks into it.

use postrider_mailserver::{Mailstore, Options, Server};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::{Home, binary};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A shell without a limit for cores, in a directory of its own, that becomes `command`.
fn unlimited(dir: &Path, command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("ulimit -c unlimited && {command}")])
        .current_dir(dir)
        .stdin(Stdio::null());
    shell
}

fn cores(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).unwrap().flatten();
    let is_core = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("core");
    entries.filter(|entry| is_core(&entry.file_name())).count()
}

/// Whether a process that does nothing about it leaves a core here.
fn makes_cores(dir: &Path) -> bool {
    let status: ExitStatus = unlimited(dir, "kill -SEGV $$").status().unwrap();
    let makes = status.core_dumped();
    let entries = std::fs::read_dir(dir).unwrap().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("core")) {
        std::fs::remove_file(entry.path()).unwrap();
    }
    makes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_crashes_leaves_no_core() {
    let store = Mailstore::new();
    let _ada = store.account("ada", "secret");
    let server = Server::start(store, Options::default()).await.unwrap();
    // What is built for release ends every panic with ABRT.
    for signal in [Signal::ABORT, Signal::SYS] {
        let home = Home::new(&format!(
            "state_dir: {{home}}/state\nlog: {{format: json}}\naccounts:\n  home: {{host: 127.0.0.1, port: {}, tls: none, \
             user: ada, password: {{command: echo secret}}, maildir: \"{{home}}/Mail\"}}\n",
            server.imap_addr.port()
        ));
        let control = makes_cores(home.path());
        let inner = home.command(&["run"]);
        let mut command = unlimited(home.path(), "exec \"$0\" run");
        command.arg(binary());
        command.env_clear();
        command.envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let daemon = RunningDaemon::started_by(&home, command);
        daemon.after(0, "sync.finished", "home");
        // The limit is one of two bars, and the one that can be seen.
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
        let limit = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let soft = limit.unwrap().split_whitespace().nth(4);
        assert_eq!(soft, Some("0"), "{limits}");
        daemon.signal(signal);
        let ended = daemon.ended();
        assert_eq!(ended.status, None, "it crashed");
        assert_eq!(
            cores(home.path()),
            0,
            "a machine that makes cores: {control}"
        );
    }
}

#[test]
fn nobody_of_the_same_user_reads_its_memory_or_its_environment() {
    // What is not dumpable is root's in /proc: that shows with a user who is not root.
    const NOBODY: u32 = 65_534;
    let home = Home::new(
        "state_dir: {home}/state\naccounts:\n  home: {tunnel: \"touch {home}/up; sleep 1000\", maildir: \"{home}/Mail\"}\n",
    );
    let is_root = rustix::process::geteuid().is_root();
    let as_user = |mut command: Command| {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    if is_root {
        for path in [home.path().to_owned(), home.config()] {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    let looks = |pid: u32, what: &str| {
        let mut cat = Command::new("cat");
        cat.arg(format!("/proc/{pid}/{what}"));
        as_user(cat).status().unwrap().success()
    };
    let mut other = Command::new("sleep");
    other.arg("1000");
    let mut other = as_user(other).spawn().unwrap();
    // It may not have been told of the binary: a directory above may be root's alone.
    let copy = home.path().join("postrider");
    std::fs::copy(binary(), &copy).unwrap();
    let inner = home.command(&["run"]);
    let mut command = Command::new(copy);
    command.arg("run").env_clear();
    command.envs(
        inner
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let mut daemon = as_user(command).spawn().unwrap();
    let begun = Instant::now();
    while !home.path().join("up").exists() {
        assert!(begun.elapsed() < PATIENCE, "it does not start");
        assert!(daemon.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(10));
    }
    let readable: Vec<_> = ["environ", "auxv", "maps"]
        .into_iter()
        .filter(|what| looks(daemon.id(), what))
        .collect();
    let control = looks(other.id(), "environ");
    kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
    daemon.wait().unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(readable, Vec::<&str>::new());
    assert!(control, "another process of the user can be looked into");
}
