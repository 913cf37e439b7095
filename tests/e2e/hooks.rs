//! `on_new` on the built binary: what it is told and when, and that one that fails or hangs disturbs nothing.

use postrider_mailserver::{Account, Mailstore, Options, Server};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use rustix::process::Signal;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

struct Case {
    ada: Account,
    home: Home,
    _server: Server,
}

impl Case {
    async fn new(on_new: &str) -> Self {
        let store = Mailstore::new();
        let ada = store.account("ada", "secret");
        let server = Server::start(store, Options::default()).await.unwrap();
        let home = Home::new(&format!(
            "state_dir: {{home}}/state\nlog: {{format: json, level: debug}}\naccounts:\n  home:\n    host: 127.0.0.1\n    \
             port: {}\n    tls: none\n    user: ada\n    password: {{env: PW}}\n    poll: 1h\n    maildir: \"{{home}}/Mail\"\n    \
             on_new: {on_new}\n",
            server.imap_addr.port()
        ));
        Self {
            ada,
            home,
            _server: server,
        }
    }

    fn append(&self, mailbox: &str, n: usize) {
        self.ada
            .append(mailbox, message(mailbox, n), &[], 1_700_000_000);
    }

    fn daemon(&self) -> RunningDaemon {
        let mut command = self.home.command(&["run"]);
        command.env("PW", "secret");
        RunningDaemon::started_by(&self.home, command)
    }

    fn told(&self) -> String {
        fs::read_to_string(self.home.path().join("told")).unwrap_or_default()
    }
}

/// Writes its arguments down, and what it sees of the password.
const TELLS: &str = r#"["sh", "-c", "echo \"$@ PW=$PW\" >> {home}/told; echo seen", "sh", "{account}", "{mailbox}", "{count}"]"#;

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_once_for_every_pass_that_stored_mail() {
    let case = Case::new(TELLS).await;
    let daemon = case.daemon();
    daemon.after(0, "sync.finished", "home");
    case.ada.create("Work");
    case.append("INBOX", 0);
    case.append("INBOX", 1);
    case.append("Work", 2);
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    let finished = daemon.after(mark, "hook.finished", "home");
    assert_eq!(finished["level"], "debug", "{finished}");
    assert_eq!(
        (&finished["count"], &finished["mailbox"]),
        (&3.into(), &"INBOX, Work".into())
    );
    assert_eq!(finished["output"], "seen", "{finished}");
    assert_eq!(case.told(), "home INBOX, Work 3 PW=\n", "and no password");
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    daemon.after(mark, "sync.finished", "home");
    case.append("INBOX", 3);
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    daemon.after(mark, "hook.finished", "home");
    assert_eq!(case.told(), "home INBOX, Work 3 PW=\nhome INBOX 1 PW=\n");
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_sync_waits_for_it_and_does_not_fail_with_it() {
    let case =
        Case::new(&TELLS.replace("echo seen", "sleep 0.3; echo seen >> {home}/told; exit 3")).await;
    case.append("INBOX", 0);
    let mut command = case.home.command(&["sync"]);
    let output = command.env("PW", "secret").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(case.told(), "home INBOX 1 PW=\nseen\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let failed = said
        .lines()
        .find(|line| line.contains("hook.failed"))
        .unwrap();
    assert!(failed.contains("exit status: 3"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_holds_up_neither_the_passes_nor_the_stop() {
    let hangs = r#"["sh", "-c", "trap '' TERM; echo $$ > {home}/told; sleep 600; sleep 600"]"#;
    let case = Case::new(hangs).await;
    case.append("INBOX", 0);
    let daemon = case.daemon();
    let begun = Instant::now();
    while case.told().is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{}",
            daemon.text()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    for n in 1..4 {
        case.append("INBOX", n);
        let mark = daemon.mark();
        daemon.signal(Signal::USR1);
        daemon.after(mark, "message.stored", "home");
        daemon.after(mark, "sync.finished", "home");
    }
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    let failed = ended.events("hook.failed");
    let [failed] = failed.as_slice() else {
        panic!("{failed:?}");
    };
    assert_eq!(
        (&failed["level"], &failed["kind"]),
        (&"warn".into(), &"local_io".into())
    );
    assert!(
        failed["error"].as_str().unwrap().contains("was ended"),
        "{failed}"
    );
    let pid = case.told();
    let left = std::path::Path::new("/proc").join(pid.trim());
    assert!(!left.exists(), "the hook outlived the daemon");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_takes_too_long_is_ended_and_told_of() {
    let case = Case::new("[sleep, \"600\"]\n    on_new_timeout: 1s").await;
    case.append("INBOX", 0);
    let daemon = case.daemon();
    let failed = daemon.after(0, "hook.failed", "home");
    assert!(
        failed["error"]
            .as_str()
            .unwrap()
            .contains("took longer than 1 s"),
        "{failed}"
    );
    assert!(
        failed["hint"].as_str().unwrap().contains("on_new_timeout"),
        "{failed}"
    );
    assert!(daemon.events("account.failed").is_empty());
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_we_start_may_open_as_many_files_as_we_might_at_first() {
    let limits =
        r#"["sh", "-c", "echo $(ulimit -Sn) of $(ulimit -Hn) for $0 >> {home}/told", "{account}"]"#;
    let case = Case::new(limits).await;
    case.append("INBOX", 0);
    let mut command = case.home.command(&["run"]);
    command.env("PW", "secret");
    let inner = std::mem::replace(&mut command, Command::new("sh"));
    command.args(["-c", "ulimit -Sn 512; ulimit -Hn 900; exec \"$@\"", "sh"]);
    command.arg(inner.get_program()).args(inner.get_args());
    let environment = inner.get_envs();
    command
        .env_clear()
        .envs(environment.filter_map(|(name, value)| Some((name, value?))));
    let daemon = RunningDaemon::started_by(&case.home, command);
    daemon.after(0, "hook.finished", "home");
    let ours = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let ours = ours.lines().find(|line| line.starts_with("Max open files"));
    let ours: Vec<_> = ours.unwrap().split_whitespace().collect();
    assert_eq!(ours[3..5], ["900", "900"], "the daemon has raised its own");
    assert_eq!(case.told(), "512 of 900 for home\n");
    daemon.end(Signal::TERM).assert_orderly();
}
