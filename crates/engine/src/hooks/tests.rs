//! What a hook is told, when it runs, and that neither its failing nor its hanging is anybody's trouble.

use super::*;
use crate::shutdown::ShutdownTrigger;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

struct Case {
    hooks: Hooks,
    trigger: ShutdownTrigger,
    dir: tempfile::TempDir,
}

impl Case {
    /// A hook that runs a script with the account, the mailboxes and the count as arguments. `OUT` in it is a
    /// directory of its own.
    fn new(script: &str, timeout: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = script.replace("OUT", &dir.path().display().to_string());
        let command = [
            "sh",
            "-c",
            &script,
            "sh",
            "{account}",
            "{mailbox}",
            "{count}",
        ];
        Self::of(&command, timeout, dir)
    }

    fn of(command: &[&str], timeout: Duration, dir: tempfile::TempDir) -> Self {
        let hook = Hook {
            command: command.iter().map(|text| (*text).to_owned()).collect(),
            timeout,
        };
        let (trigger, shutdown) = Shutdown::new();
        let account = AccountName::parse("home").unwrap();
        let hooks = Hooks::new(Some(&hook), (&account, "/mail/home".into()), &shutdown);
        Self {
            hooks,
            trigger,
            dir,
        }
    }

    fn pass(&self, mailboxes: &[&str]) {
        mailboxes
            .iter()
            .for_each(|mailbox| self.hooks.stored(mailbox));
        self.hooks.pass_ended();
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    async fn wait_for(&self, name: &str) {
        let path = self.dir.path().join(name);
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn it_is_told_once_a_pass_what_the_pass_has_stored() {
    let case = Case::new("echo \"$1|$2|$3\" >> OUT/told", LONG);
    case.pass(&["INBOX", "Work", "INBOX"]);
    case.hooks.settled().await;
    case.pass(&[]);
    case.hooks.settled().await;
    assert_eq!(case.file("told"), "home|INBOX, Work|3\n");
    case.pass(&["$(touch OUT/shell); `id`"]);
    case.hooks.settled().await;
    assert!(
        case.file("told")
            .ends_with("home|$(touch OUT/shell); `id`|1\n")
    );
}

#[tokio::test]
async fn it_never_runs_twice_at_once_and_is_told_later_of_what_came_meanwhile() {
    let script = "mkdir OUT/lock || touch OUT/twice; touch OUT/begun; \
                  while [ ! -e OUT/go ]; do sleep 0.02; done; echo \"$2 $3\" >> OUT/told; rmdir OUT/lock";
    let case = Case::new(script, LONG);
    case.pass(&["INBOX"]);
    case.wait_for("begun").await;
    case.pass(&["Work"]);
    case.pass(&["Work", "Play"]);
    fs::write(case.dir.path().join("go"), "").unwrap();
    case.hooks.settled().await;
    assert_eq!(case.file("told"), "INBOX 1\nPlay, Work 3\n");
    assert!(!case.dir.path().join("twice").exists());
}

#[tokio::test]
async fn its_environment_has_no_secret_and_its_input_is_empty() {
    let case = Case::new("env > OUT/env; cat > OUT/input; pwd > OUT/pwd", LONG);
    case.pass(&["INBOX", "Work"]);
    case.hooks.settled().await;
    let told = case.file("env");
    for line in [
        "POSTRIDER_ACCOUNT=home",
        "POSTRIDER_COUNT=2",
        "POSTRIDER_MAILBOXES=INBOX\nWork",
        "POSTRIDER_MAILDIR=/mail/home",
        "PATH=",
    ] {
        assert!(told.contains(line), "{told}");
    }
    // cargo has told this test where it lives; a hook is not told.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!told.contains("CARGO_MANIFEST_DIR"), "{told}");
    assert_eq!(
        (case.file("input").as_str(), case.file("pwd").as_str()),
        ("", "/\n")
    );
}

/// The processes that a script has written down.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    // A dead one that nobody has asked about yet is dead.
    stat.is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim()
            .starts_with('Z')
    })
}

async fn is_gone(pid: &str) -> bool {
    let begun = Instant::now();
    while is_alive(pid) {
        if begun.elapsed() > Duration::from_secs(20) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

/// Ignores TERM, and has a child that does too.
const STUBBORN: &str = "trap '' TERM; (trap '' TERM; exec sleep 300) & echo $! > OUT/child; echo $$ > OUT/self; \
                        touch OUT/begun; wait; sleep 300";

#[tokio::test]
async fn one_that_hangs_is_ended_with_its_children() {
    let case = Case::new(STUBBORN, Duration::from_secs(1));
    let begun = Instant::now();
    case.pass(&["INBOX"]);
    case.hooks.settled().await;
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_secs(1) && took < Duration::from_secs(30),
        "{took:?}"
    );
    for pid in [case.file("self"), case.file("child")] {
        assert!(!pid.is_empty() && is_gone(&pid).await, "{pid}");
    }
    // And the next one runs.
    case.pass(&["INBOX"]);
    case.hooks.settled().await;
}

#[tokio::test]
async fn a_stop_ends_it_at_once() {
    let case = Case::new(STUBBORN, LONG);
    case.pass(&["INBOX"]);
    case.wait_for("begun").await;
    case.pass(&["Work"]);
    let begun = Instant::now();
    case.trigger.request();
    case.hooks.settled().await;
    let took = begun.elapsed();
    // Two seconds are its own; what waits is not begun.
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(is_gone(&case.file("self")).await && is_gone(&case.file("child")).await);
}

#[tokio::test]
async fn children_that_live_on_hold_nobody_up() {
    let case = Case::new("sleep 300 & echo $! > OUT/child; echo said", LONG);
    let begun = Instant::now();
    case.pass(&["INBOX"]);
    case.hooks.settled().await;
    assert!(begun.elapsed() < Duration::from_secs(30));
    let child = case.file("child");
    assert!(is_alive(&child));
    let child = rustix::process::Pid::from_raw(child.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_flood_of_output_neither_blocks_it_nor_stays() {
    let case = Case::new(
        "head -c 10000000 /dev/zero | tr '\\0' x; echo done > OUT/done",
        LONG,
    );
    case.pass(&["INBOX"]);
    case.hooks.settled().await;
    assert_eq!(case.file("done"), "done\n");
}

#[tokio::test]
async fn one_that_cannot_be_started_or_fails_is_only_told_of() {
    for command in [
        &["/no/such/program"][..],
        &["false"],
        &["sh", "-c", "kill -9 $$"],
    ] {
        let case = Case::of(command, LONG, tempfile::tempdir().unwrap());
        case.pass(&["INBOX"]);
        case.hooks.settled().await;
        case.pass(&["INBOX"]);
        case.hooks.settled().await;
        assert!(Path::new(case.dir.path()).exists());
    }
}
