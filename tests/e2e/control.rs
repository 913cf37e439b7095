//! The control socket of the built daemon: who may speak, what is answered, and what does not disturb it.

use crate::control_kit::{PATIENCE, account, ended, fill, header, of, server, status, until};
use postrider_tests::control::Control;
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::{Home, binary, said};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn socket(home: &Home) -> PathBuf {
    home.path().join("state/control.sock")
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

fn named<'v>(answers: &'v [Value], answer: &str) -> Vec<&'v Value> {
    answers.iter().filter(|a| a["answer"] == answer).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_private_and_lies_where_it_is_looked_for() {
    let (server, _) = server().await;
    let accounts = account("home", server.imap_addr.port(), "");
    // Beside the index, where nothing else is said.
    let home = Home::new(&(header("") + &accounts));
    let daemon = RunningDaemon::start(&home);
    assert_eq!(mode(&socket(&home)), 0o600);
    assert_eq!(mode(&home.path().join("state")), 0o700);
    daemon.end(Signal::TERM).assert_orderly();
    assert!(!socket(&home).exists(), "it is taken away in the end");

    // In a directory of its own, which a command finds without the daemon's environment.
    let mut command = home.command(&["run"]);
    command.env("RUNTIME_DIRECTORY", home.path().join("run"));
    let daemon = RunningDaemon::started_by(&home, command);
    let real = home.path().join("run/control.sock");
    assert_eq!(mode(&real), 0o600);
    assert_eq!(mode(&home.path().join("run")), 0o700);
    assert_eq!(status(&home)["daemon"]["pid"], daemon.pid());
    daemon.end(Signal::TERM).assert_orderly();
    assert!(!real.exists() && fs::symlink_metadata(socket(&home)).is_err());

    // And by a path that no address holds.
    let deep = format!("runtime_dir: \"{{home}}/{}\"\n", "deep/".repeat(30));
    let home = Home::new(&(header(&deep) + &accounts));
    let daemon = RunningDaemon::start(&home);
    assert_eq!(status(&home)["daemon"]["pid"], daemon.pid());
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn r10_what_a_killed_daemon_left_is_replaced_and_a_living_one_is_not() {
    let (server, _) = server().await;
    let accounts = account("home", server.imap_addr.port(), "");
    let shared = tempfile::tempdir().unwrap();
    let run = format!("runtime_dir: \"{}\"\n", shared.path().join("run").display());
    let (one, other) = (
        Home::new(&(header(&run) + &accounts)),
        Home::new(&(header(&run) + &accounts)),
    );
    let killed = RunningDaemon::start(&one);
    assert_eq!(killed.end(Signal::KILL).status, None);
    assert!(shared.path().join("run/control.sock").exists());
    let gone = one.run(&["pause"]);
    assert_eq!(gone.status.code(), Some(69), "{}", said(&gone));
    assert!(said(&gone).contains("no daemon runs"), "{}", said(&gone));

    let first = RunningDaemon::start(&one);
    let second = RunningDaemon::start(&other);
    let moved = second.after(0, "daemon.control_moved", "");
    assert!(
        moved["socket"]
            .as_str()
            .unwrap()
            .contains("/state/control.sock"),
        "{moved}"
    );
    assert_eq!(first.events("daemon.control_moved"), Vec::<Value>::new());
    // Each is found by those who mean it, and by nobody else.
    assert_eq!(status(&one)["daemon"]["pid"], first.pid());
    assert_eq!(status(&other)["daemon"]["pid"], second.pid());
    // A third one of the same state directory does not even come to that.
    let third = one.run(&["run"]);
    assert_eq!(third.status.code(), Some(75), "{}", said(&third));
    assert_eq!(status(&one)["daemon"]["pid"], first.pid());
    second.end(Signal::TERM).assert_orderly();
    let alone = status(&other);
    assert_eq!(
        alone["daemon"],
        Value::Null,
        "the other's daemon is not ours"
    );
    assert_eq!(status(&one)["daemon"]["pid"], first.pid());
    first.end(Signal::TERM).assert_orderly();
}

/// As another user, who has got past every mode.
#[tokio::test(flavor = "multi_thread")]
async fn another_user_is_turned_away_by_the_kernels_word() {
    assert!(
        geteuid().is_root(),
        "to become somebody else, this test runs as root"
    );
    let (server, _) = server().await;
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), "")));
    let daemon = RunningDaemon::start(&home);
    let as_nobody = |arguments: &[&str]| {
        let ours = home.command(arguments);
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        command.arg(home.path().join("postrider")).args(arguments);
        let known = ours
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        command.env_clear().envs(known);
        command.output().unwrap()
    };
    fs::copy(binary(), home.path().join("postrider")).unwrap();
    for (path, mode) in [(".", 0o755), ("config.yaml", 0o644)] {
        fs::set_permissions(home.path().join(path), Permissions::from_mode(mode)).unwrap();
    }
    let config = fs::read_to_string(home.config()).unwrap();
    fs::write(
        home.config(),
        config.replace("password: hunter2-is-secret", "password: {env: PW}"),
    )
    .unwrap();
    // The directory is shut.
    let shut = as_nobody(&["pause"]);
    assert_eq!(shut.status.code(), Some(77), "{}", said(&shut));
    // The socket is shut.
    fs::set_permissions(home.path().join("state"), Permissions::from_mode(0o755)).unwrap();
    let shut = as_nobody(&["pause"]);
    assert_eq!(shut.status.code(), Some(77), "{}", said(&shut));
    assert!(said(&shut).contains("denied"), "{}", said(&shut));
    // Both are open, and the daemon looks for itself.
    fs::set_permissions(socket(&home), Permissions::from_mode(0o666)).unwrap();
    let refused = as_nobody(&["pause"]);
    let told = said(&refused);
    assert_eq!(refused.status.code(), Some(77), "{told}");
    assert!(told.contains("this is user 65534"), "{told}");
    assert!(told.contains("hint: run the command as the user"), "{told}");
    assert_eq!(
        of(&status(&home), "home")["live"]["state"],
        "waiting",
        "nothing was paused"
    );
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_told_so_and_hurts_nobody() {
    let (server, _) = server().await;
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), "")));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    let socket = socket(&home);
    for (request, told) in [
        ("", "no JSON"),
        ("rubbish", "no JSON"),
        ("[1]", "version 1"),
        (r#"{"request": "status"}"#, "version 1"),
        (r#"{"postrider": 2, "request": "status"}"#, "version 1"),
        (
            r#"{"postrider": 1, "request": "shutdown"}"#,
            "unknown variant",
        ),
        (
            r#"{"postrider": 1, "request": "pause", "mailbox": "X"}"#,
            "unknown field",
        ),
        (
            r#"{"postrider": 1, "request": "pause", "accounts": ["../x"]}"#,
            "an account name",
        ),
        (
            r#"{"postrider": 1, "request": "pause", "accounts": ["work"]}"#,
            "no account work",
        ),
    ] {
        let answers = Control::ask(&socket, request);
        let [failed] = answers.as_slice() else {
            panic!("{request}: {answers:?}");
        };
        assert_eq!(failed["answer"], "failed", "{request}: {failed}");
        assert_eq!(failed["kind"], "config", "{request}: {failed}");
        let error = failed["error"].as_str().unwrap();
        assert!(error.contains(told), "{request}: {error}");
    }
    let mut long = Control::connect(&socket);
    long.send(&"x".repeat(64 << 10));
    assert!(
        long.hear().unwrap()["error"]
            .as_str()
            .unwrap()
            .contains("too long")
    );
    let hello = Control::connect(&socket).hello;
    assert_eq!(hello["protocol"], 1);
    assert_eq!(hello["pid"], daemon.pid());
    let answers = Control::ask(&socket, r#"{"postrider": 1, "request": "status"}"#);
    assert_eq!(named(&answers, "account").len(), 1);
    assert_eq!(answers.last().unwrap(), &json!({"answer": "done"}));
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_or_do_not_ask_are_bounded_and_dropped() {
    let (server, ada) = server().await;
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), "")));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    let socket = socket(&home);
    let silent: Vec<UnixStream> = (0..32)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    let full = until("the room is full", || {
        let first = Control::connect(&socket).hello;
        (first["answer"] == "failed").then_some(first)
    });
    assert_eq!(full["kind"], "throttled", "{full}");
    assert!(
        full["error"].as_str().unwrap().contains("32 clients"),
        "{full}"
    );
    // Mail is not what waits meanwhile.
    fill(&ada, 0, 1);
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    daemon.after(mark, "message.stored", "home");
    // A request that does not come ends its connection.
    for mut stream in silent {
        let mut said = String::new();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.contains("did not come in time"), "{said}");
    }
    assert_eq!(status(&home)["daemon"]["pid"], daemon.pid());
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_hears_of_what_changes_and_of_who_goes() {
    let (server, ada) = server().await;
    let port = server.imap_addr.port();
    let both = header("") + &account("home", port, "") + &account("work", port, "");
    let home = Home::new(&both);
    let daemon = RunningDaemon::start(&home);
    for name in ["home", "work"] {
        daemon.after(0, "sync.finished", name);
    }
    let mut follower = Control::connect(&socket(&home));
    follower.send("{\"postrider\": 1, \"request\": \"status\", \"follow\": true}\n");
    let deadline = Instant::now() + PATIENCE;
    let mut wait_for = |wanted: &dyn Fn(&Value) -> bool| loop {
        let answer = follower.hear().expect("it goes on");
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer}");
    };
    wait_for(&|a| a["answer"] == "current");
    fill(&ada, 0, 3);
    daemon.signal(Signal::USR1);
    let synced = wait_for(&|a| a["live"]["last_report"]["new"] == 3 && a["account"] == "work");
    assert_eq!(synced["live"]["backlog"]["messages"], 0, "{synced}");
    home.configure(&(header("") + &account("home", port, "")));
    daemon.signal(Signal::HUP);
    wait_for(&|a| *a == json!({"answer": "gone", "account": "work"}));
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_stopped_or_killed_in_the_midst_is_an_error_and_no_wait() {
    let (server, _) = server().await;
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), "")));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    server.faults().delay(Duration::from_secs(3));
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap();
    let start = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        child.unwrap()
    };
    let mark = daemon.mark();
    let mut asking = start(&["sync"]);
    daemon.after(mark, "sync.started", "home");
    kill_process(pid, Signal::KILL).unwrap();
    assert_eq!(ended(&mut asking).code(), Some(75));
    let mut told = String::new();
    asking
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert!(
        told.contains("the daemon ended before it had answered"),
        "{told}"
    );
    drop(daemon);

    let daemon = RunningDaemon::start(&home);
    let pid = Pid::from_raw(i32::try_from(daemon.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let mut asking = start(&["status", "--json"]);
    assert_eq!(ended(&mut asking).code(), Some(69));
    let (mut document, mut told) = (String::new(), String::new());
    asking
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut document)
        .unwrap();
    asking
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert!(told.contains("has not answered for 30 s"), "{told}");
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(
        document["accounts"][0]["account"], "home",
        "the index can be read all the same"
    );
    kill_process(pid, Signal::CONT).unwrap();
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_is_waited_for_says_what_came_of_it() {
    let (server, _) = server().await;
    let port = server.imap_addr.port();
    let good = header("") + &account("home", port, "");
    let home = Home::new(&good);
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    home.configure(&(good.clone() + &account("work", port, "")));
    let told = home.succeed(&["reload", "--wait"]);
    assert!(told.contains("1 added, 0 removed, 0 changed"), "{told}");
    daemon.after(0, "daemon.reloaded", "");
    assert_eq!(of(&status(&home), "work")["live"]["failures"], 0);

    // The command reads the file itself.
    home.configure(&good.replace("accounts:", "acounts:"));
    let wrong = home.run(&["reload", "--wait"]);
    assert_eq!(wrong.status.code(), Some(78), "{}", said(&wrong));
    assert!(
        said(&wrong).contains("unknown key `acounts`"),
        "{}",
        said(&wrong)
    );
    // By another file it finds the daemon, which reads its own.
    let other = home.path().join("other.yaml");
    let text = good.replace("{home}", &home.path().display().to_string());
    fs::write(&other, text).unwrap();
    fs::set_permissions(&other, Permissions::from_mode(0o600)).unwrap();
    let other = other.display().to_string();
    let wrong = home.run(&["reload", "--wait", "--config", &other]);
    let told = said(&wrong);
    assert_eq!(wrong.status.code(), Some(78), "{told}");
    assert!(told.contains("config.yaml:"), "{told}");
    assert!(told.contains("unknown key `acounts`"), "{told}");
    daemon.after(0, "daemon.reload_failed", "");
    assert_eq!(
        of(&status_by(&home, &other), "home")["live"]["state"],
        "waiting",
        "the one before stays"
    );
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_has_done_is_known_after_a_reload_that_changes_it() {
    let (server, ada) = server().await;
    fill(&ada, 0, 2);
    let config = header("") + &account("home", server.imap_addr.port(), "");
    let home = Home::new(&config);
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    let before = of(&status(&home), "home")["live"].clone();
    assert!(before["last_mail_at"].is_string(), "{before}");
    home.configure(&config.replace("home: {", "home: {max_size: 1MiB, "));
    let mark = daemon.mark();
    let told = home.succeed(&["reload", "--wait"]);
    assert!(told.contains("0 added, 0 removed, 1 changed"), "{told}");
    daemon.after(mark, "sync.finished", "home");
    let after = of(&status(&home), "home")["live"].clone();
    assert_eq!(after["last_mail_at"], before["last_mail_at"], "{after}");
    daemon.end(Signal::TERM).assert_orderly();
}

fn status_by(home: &Home, config: &str) -> Value {
    let output = home.run(&["status", "--json", "--config", config]);
    serde_json::from_slice(&output.stdout).unwrap()
}
