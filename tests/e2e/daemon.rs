//! The built daemon on a server in memory that can fail: failures and their pauses, signals, reloads,
//! stopping in the middle, and what is never said.

use postrider_core::fault::Fault as Kind;
use postrider_core::pace::{Jitter, pause_after};
use postrider_mailserver::{Account, Action, Fault, Mailstore, Misbehaviour, Options, Server};
use postrider_tests::daemon::{Ended, RunningDaemon};
use postrider_tests::digest::sha256_lf;
use postrider_tests::maildir::MaildirTree;
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::{files, message};
use rustix::process::Signal;
use serde_json::Value;

/// Like nothing else in a log or an index.
const PASSWORD: &str = "hunter2-is-secret";

/// [`PASSWORD`] as PLAIN carries it for `ada` (RFC 4616), and as AUTH LOGIN does.
const IN_BASE64: [&str; 2] = [
    "AGFkYQBodW50ZXIyLWlzLXNlY3JldA==",
    "aHVudGVyMi1pcy1zZWNyZXQ=",
];

fn header(level: &str) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: {level}}}\n\
         defaults:\n  tls: none\n  host: 127.0.0.1\n  user: ada\n  password: {PASSWORD}\n  poll: 1h\naccounts:\n"
    )
}

/// An account with a mail tree of its own; `more` are further keys.
fn account(name: &str, port: u16, more: &str) -> String {
    format!("  {name}: {{port: {port}, maildir: \"{{home}}/{name}\"{more}}}\n")
}

async fn server(options: Options) -> (Server, Account) {
    let store = Mailstore::new();
    let ada = store.account("ada", PASSWORD);
    let server = Server::start(store, options).await.unwrap();
    (server, ada)
}

fn fill(ada: &Account, from: usize, to: usize) {
    for n in from..to {
        ada.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
    }
}

/// A port that nobody listens on: it was free a moment ago, and the kernel hands out others first.
fn dead_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn of(events: &[Value], account: &str) -> Vec<Value> {
    let of = events.iter().filter(|event| event["account"] == account);
    of.cloned().collect()
}

/// Every failed try of an account: the first is told aloud, those that follow soon to whoever reads everything.
fn failures(log: &[Value], account: &str) -> Vec<Value> {
    let is_failure =
        |line: &&Value| line["event"] == "account.failed" || line["event"] == "account.retried";
    let failures: Vec<_> = log.iter().filter(is_failure).cloned().collect();
    of(&failures, account)
}

/// Every failure of an account is announced with a pause between the bounds of the pace, and they grow.
fn assert_paced(failures: &[Value], fault: Kind) {
    for (failure, nth) in failures.iter().zip(1..) {
        let least = pause_after(fault, nth, Jitter::new(0.0)).as_secs();
        let most = pause_after(fault, nth, Jitter::new(1.0)).as_secs();
        let pause = failure["retry_in_s"].as_u64().unwrap();
        assert!((least..=most).contains(&pause), "{nth}: {failure}");
        assert_eq!(failure["kind"], fault.kind(), "{failure}");
        let level = if nth == 1 { "error" } else { "debug" };
        assert_eq!(failure["level"], level, "{failure}");
        assert!(failure["error"].as_str().unwrap().len() > 10, "{failure}");
    }
}

/// `status` beside three accounts that fail and a good one.
fn assert_status_of_failures(home: &Home) {
    let status = home.run(&["status", "--json"]);
    assert_eq!(status.status.code(), Some(0), "{}", said(&status));
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let accounts = status["accounts"].as_array().unwrap();
    let kind = |name: &str| of(accounts, name)[0]["last_error_kind"].clone();
    assert_eq!(kind("good"), Value::Null, "{status}");
    assert_eq!(kind("wrong"), "auth", "{status}");
    assert_eq!(kind("down"), "unreachable", "{status}");
    assert_eq!(kind("blocked"), "local_io", "{status}");
    assert_eq!(of(accounts, "good")[0]["messages"], 4, "{status}");
    let table = home.succeed(&["status"]);
    let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(row("good").contains(" ago "), "{table}");
    assert!(row("wrong").contains("never"), "{table}");
    assert!(row("wrong").contains("auth: "), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_accounts_are_retried_ever_later_and_leave_the_good_one_alone() {
    let (server, ada) = server(Options::default()).await;
    fill(&ada, 0, 3);
    let port = server.imap_addr.port();
    let config = header("debug")
        + &account("good", port, ", poll: 1s")
        + &account("wrong", port, ", password: mistyped-here")
        + &account("down", dead_port(), "")
        + &account("blocked", port, "");
    let home = Home::new(&config);
    std::fs::write(home.path().join("blocked"), "a file, not a mail tree").unwrap();
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "good");
    for round in 1..=4 {
        for name in ["wrong", "down", "blocked"] {
            daemon.after(0, "account.failed", name);
            while failures(&daemon.lines(), name).len() < round {
                let mark = daemon.mark();
                daemon.signal(Signal::USR1);
                daemon.after(mark, "account.retried", name);
            }
        }
    }
    fill(&ada, 3, 4);
    let stored = daemon.after_where(0, "message.stored", |line| {
        line["account"] == "good" && line["uid"] == 4
    });
    assert_eq!(stored["mailbox"], "INBOX");

    assert_status_of_failures(&home);
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    for (name, fault) in [
        ("wrong", Kind::Auth),
        ("down", Kind::Unreachable),
        ("blocked", Kind::LocalIo),
    ] {
        let failures = failures(&ended.log, name);
        assert!(failures.len() >= 4, "{failures:?}");
        assert_paced(&failures, fault);
    }
    let hint = failures(&ended.log, "wrong")[0]["hint"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(hint.contains("password"), "{hint}");
    assert_eq!(failures(&ended.log, "good"), Vec::<Value>::new());
    let tree = MaildirTree::read(home.path().join("good")).unwrap();
    tree.assert_sound();
    assert_eq!(tree.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_tree_that_cannot_be_looked_at_stops_no_other_account() {
    let (server, ada) = server(Options::default()).await;
    fill(&ada, 0, 2);
    let port = server.imap_addr.port();
    let config = header("info") + &account("good", port, "") + &account("lost", port, "");
    let home = Home::new(&config);
    home.succeed(&["sync"]);
    // A link to itself cannot be followed by anybody, root included.
    let (tree, aside) = (home.path().join("lost"), home.path().join("aside"));
    std::fs::rename(&tree, &aside).unwrap();
    std::os::unix::fs::symlink(&tree, &tree).unwrap();
    let one_shot = home.run(&["sync"]);
    assert_eq!(one_shot.status.code(), Some(74), "{}", said(&one_shot));

    let daemon = RunningDaemon::start(&home);
    let failed = daemon.after(0, "account.failed", "lost");
    assert_eq!(failed["kind"], "local_io", "{failed}");
    daemon.after(0, "sync.finished", "good");
    std::fs::remove_file(&tree).unwrap();
    std::fs::rename(&aside, &tree).unwrap();
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    let finished = daemon.after(mark, "sync.finished", "lost");
    assert_eq!(finished["new"], 0, "{finished}");
    daemon.after(mark, "account.recovered", "lost");
    daemon.end(Signal::TERM).assert_orderly();
    let tree = MaildirTree::read(tree).unwrap();
    tree.assert_holds("INBOX", &hashes(&ada));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_is_a_recovery_and_pauses_do_not_begin_anew_at_once() {
    let (server, ada) = server(Options::default()).await;
    fill(&ada, 0, 2);
    server.faults().start(Misbehaviour::RefusesConnections);
    // A connection that is kept would not notice that no other is had.
    let home =
        Home::new(&(header("debug") + &account("home", server.imap_addr.port(), ", push: off")));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "account.failed", "home");
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    daemon.after(mark, "account.retried", "home");
    server.faults().stop(Misbehaviour::RefusesConnections);
    // Nobody asks: the announced pause ends by itself.
    let recovered = daemon.after(mark, "account.recovered", "home");
    let before = failures(&daemon.lines(), "home");
    assert_eq!(recovered["failures"], before.len(), "{recovered}");
    assert_paced(&before, Kind::Unreachable);
    let finished = daemon.after(mark, "sync.finished", "home");
    assert_eq!(finished["new"], 2, "{finished}");

    server.faults().start(Misbehaviour::RefusesConnections);
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    daemon.after(mark, "account.retried", "home");
    // It had worked for a moment: the back-off goes on where it was.
    let all = failures(&daemon.lines(), "home");
    assert_eq!(all.len(), before.len() + 1);
    assert_paced(&all, Kind::Unreachable);
    let ended = daemon.end(Signal::INT);
    ended.assert_orderly();
    assert_eq!(ended.events("account.recovered").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn usr1_starts_a_pass_of_every_account_at_once() {
    let (server, ada) = server(Options::default()).await;
    let port = server.imap_addr.port();
    let config = header("info") + &account("one", port, "") + &account("two", port, "");
    let home = Home::new(&config);
    let daemon = RunningDaemon::start(&home);
    for name in ["one", "two"] {
        daemon.after(0, "sync.finished", name);
    }
    fill(&ada, 0, 1);
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    for name in ["one", "two"] {
        let finished = daemon.after(mark, "sync.finished", name);
        assert_eq!(finished["new"], 1, "{finished}");
    }
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn hup_takes_accounts_in_and_out_and_touches_no_other() {
    let (server, ada) = server(Options::default()).await;
    fill(&ada, 0, 2);
    let (imap, pop3) = (server.imap_addr.port(), server.pop3_addr.port());
    let stays = header("debug") + &account("stays", imap, "");
    let home = Home::new(&stays);
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "stays");

    let comes = account("comes", pop3, ", protocol: pop3, retention: keep");
    home.configure(&(stays.clone() + &comes));
    let mark = daemon.mark();
    daemon.signal(Signal::HUP);
    let reloaded = daemon.after(mark, "daemon.reloaded", "");
    assert_eq!(reloaded["added"], 1, "{reloaded}");
    assert_eq!(reloaded["removed"], 0, "{reloaded}");
    assert_eq!(reloaded["changed"], 0, "{reloaded}");
    assert_eq!(reloaded["accounts"], 2, "{reloaded}");
    let finished = daemon.after(mark, "sync.finished", "comes");
    assert_eq!(finished["new"], 2, "{finished}");
    assert!(
        daemon
            .notified()
            .starts_with("RELOADING=1\nMONOTONIC_USEC=")
    );
    let ready = daemon.notified();
    assert!(ready.starts_with("READY=1\nSTATUS=2 accounts: "), "{ready}");
    let passes = of(&daemon.events("sync.started"), "stays");
    assert_eq!(passes.len(), 1, "the other account was touched");

    home.configure(&stays.replace("accounts:", "acounts:"));
    daemon.signal(Signal::HUP);
    let failed = daemon.after(mark, "daemon.reload_failed", "");
    assert_eq!(failed["kind"], "config", "{failed}");
    let error = failed["error"].as_str().unwrap();
    assert!(error.contains("config.yaml:"), "{error}");
    assert!(
        error.contains("the nearest known key is `accounts`"),
        "{error}"
    );
    assert!(!error.contains('\n'), "{error}");
    // What ran before goes on.
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    for name in ["stays", "comes"] {
        daemon.after(mark, "sync.finished", name);
    }

    home.configure(&(stays + &comes.replace("retention: keep", "retention: keep, poll: 2h")));
    let mark = daemon.mark();
    daemon.signal(Signal::HUP);
    let reloaded = daemon.after(mark, "daemon.reloaded", "");
    assert_eq!(reloaded["changed"], 1, "{reloaded}");
    home.configure(&(header("debug") + &comes));
    let mark = daemon.mark();
    daemon.signal(Signal::HUP);
    let reloaded = daemon.after(mark, "daemon.reloaded", "");
    assert_eq!(reloaded["removed"], 1, "{reloaded}");
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    daemon.after(mark, "sync.finished", "comes");
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    let later = &of(&ended.events("sync.started"), "stays");
    assert_eq!(later.len(), 2, "a removed account makes no pass: {later:?}");
}

/// So many that the signal finds the daemon at work.
const MANY: usize = 6_000;

/// Stops a first pass in its midst; nothing partial is visible, and the next run completes it.
fn stop_in_the_midst(home: &Home, signal: Signal) -> Ended {
    let daemon = RunningDaemon::start(home);
    daemon.after(0, "message.stored", "home");
    let ended = daemon.end(signal);
    ended.assert_orderly();
    let finished = ended.events("sync.finished");
    assert_eq!(finished, Vec::<Value>::new(), "the signal came too late");
    assert_eq!(ended.events("account.failed"), Vec::<Value>::new());
    MaildirTree::read(home.path().join("home"))
        .unwrap()
        .assert_sound();
    ended
}

fn hashes(ada: &Account) -> Vec<String> {
    let messages = ada.messages("INBOX");
    messages.iter().map(|m| sha256_lf(&m.bytes)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_term_in_a_large_imap_fetch_stops_in_time_and_the_next_run_completes() {
    let (server, ada) = server(Options::default()).await;
    fill(&ada, 0, MANY);
    let home = Home::new(&(header("info") + &account("home", server.imap_addr.port(), "")));
    let ended = stop_in_the_midst(&home, Signal::TERM);
    let stored = ended.events("message.stored").len();
    assert!(stored < MANY, "the signal came too late");
    // The second one is stopped too, by the other signal.
    stop_in_the_midst(&home, Signal::INT);

    let daemon = RunningDaemon::start(&home);
    let finished = daemon.after(0, "sync.finished", "home");
    assert!(finished["new"].as_u64().unwrap() < (MANY - stored) as u64);
    daemon.end(Signal::TERM).assert_orderly();
    let tree = MaildirTree::read(home.path().join("home")).unwrap();
    tree.assert_holds("INBOX", &hashes(&ada));
    assert_eq!(home.count("SELECT count(*) FROM messages"), MANY as i64);
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_r3_int_in_a_large_pop3_fetch_deletes_nothing_and_the_next_run_completes() {
    let (server, ada) = server(Options::default()).await;
    fill(&ada, 0, MANY);
    let hashes = hashes(&ada);
    let port = server.pop3_addr.port();
    let home = Home::new(&(header("info") + &account("home", port, ", protocol: pop3")));
    stop_in_the_midst(&home, Signal::INT);
    assert_eq!(ada.messages("INBOX").len(), MANY);

    let daemon = RunningDaemon::start(&home);
    let finished = daemon.after(0, "sync.finished", "home");
    assert_eq!(finished["expired"], MANY, "{finished}");
    daemon.end(Signal::TERM).assert_orderly();
    let tree = MaildirTree::read(home.path().join("home")).unwrap();
    tree.assert_holds("", &hashes);
    assert!(ada.messages("INBOX").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn term_does_not_wait_for_servers_that_have_fallen_silent() {
    let (server, ada) = server(Options::default()).await;
    fill(&ada, 0, 20);
    server
        .faults()
        .plan(Fault::on("UID FETCH", Action::PerformStall(3_000)).always());
    server
        .faults()
        .plan(Fault::on("RETR", Action::PerformStall(300)).always());
    server
        .faults()
        .plan(Fault::on("LIST", Action::Stall).nth(2).always());
    let (imap, pop3) = (server.imap_addr.port(), server.pop3_addr.port());
    let config = header("debug")
        + &account("fetching", imap, "")
        + &account("retrieving", pop3, ", protocol: pop3");
    let home = Home::new(&config);
    let daemon = RunningDaemon::start(&home);
    for name in ["fetching", "retrieving"] {
        daemon.after(0, "account.connected", name);
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    for name in ["fetching", "retrieving"] {
        let tree = home.path().join(name);
        if tree.exists() {
            MaildirTree::read(tree).unwrap().assert_sound();
        }
    }
    assert_eq!(ada.messages("INBOX").len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn r10_a_second_instance_ends_with_75_and_names_the_first() {
    let (server, ada) = server(Options::default()).await;
    fill(&ada, 0, 2);
    let home = Home::new(&(header("info") + &account("home", server.imap_addr.port(), "")));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    let connections = server.store().connections();
    for command in [&["run"][..], &["verify", "--repair"]] {
        let second = home.run(command);
        let said = said(&second);
        assert_eq!(second.status.code(), Some(75), "{said}");
        assert!(said.contains(&daemon.pid().to_string()), "{said}");
    }
    assert_eq!(server.store().connections(), connections);
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    daemon.after(mark, "sync.finished", "home");
    daemon.end(Signal::TERM).assert_orderly();
    home.succeed(&["sync"]);
}

/// Every file below `dir` and every line of `log` is free of the password.
fn assert_never_said(home: &Home, log: &str) {
    let secrets = [PASSWORD, IN_BASE64[0], IN_BASE64[1]];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
        for path in files(&home.path().join("state")) {
            let octets = std::fs::read(&path).unwrap();
            let found = octets.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "{secret} in {}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r9_no_password_is_in_any_log_error_process_list_or_index() {
    let plain = server(Options::default()).await;
    let old = server(Options::old()).await;
    let split = server(Options::default().without(&["SASL-IR", "LITERAL+"])).await;
    let mut config = header("trace");
    let servers = [("plain", &plain.0), ("old", &old.0), ("split", &split.0)];
    for (name, server) in servers {
        config += &account(&format!("{name}-imap"), server.imap_addr.port(), "");
        config += &account(
            &format!("{name}-pop3"),
            server.pop3_addr.port(),
            ", protocol: pop3",
        );
    }
    let home = Home::new(&config);
    let daemon = RunningDaemon::start(&home);
    let cmdline = std::fs::read(format!("/proc/{}/cmdline", daemon.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&cmdline).contains(PASSWORD));
    for name in ["plain", "old", "split"] {
        for protocol in ["imap", "pop3"] {
            daemon.after(0, "sync.finished", &format!("{name}-{protocol}"));
        }
    }
    // While the daemon has its index open, and after it has closed it.
    assert_never_said(&home, &daemon.text());
    let log = daemon.text();
    for said in [
        "\"target\":\"wire\"",
        "LOGIN",
        "AUTHENTICATE",
        "PASS",
        "S: ",
    ] {
        assert!(log.contains(said), "the wire was not traced: no {said}");
    }
    let status = said(&home.run(&["status", "--json"]));
    daemon.end(Signal::TERM).assert_orderly();
    let synced = said(&home.run(&["sync"]));
    assert!(synced.contains("\"target\":\"wire\""), "{synced}");
    assert_never_said(&home, &(status + &synced));
    let plain = home.run(&["check"]);
    assert_never_said(&home, &said(&plain));
}

#[tokio::test(flavor = "multi_thread")]
async fn r9_a_server_that_repeats_the_password_is_not_repeated() {
    let (full, _) = server(Options::default()).await;
    let (old, _) = server(Options::old()).await;
    let [plain, _] = IN_BASE64;
    let imap = |words: &str| Action::Answer(format!("NO no such {words}"));
    let pop3 = |words: &str| Action::Answer(format!("-ERR no such {words}"));
    let login = format!("LOGIN \"ada\" \"{PASSWORD}\"");
    let refusals = [
        (&full, "AUTHENTICATE", imap(&format!("PLAIN {plain}"))),
        (&full, "AUTH PLAIN", pop3(&format!("PLAIN {plain}"))),
        (&old, "LOGIN", imap(&login)),
        (&old, "PASS", pop3(PASSWORD)),
    ];
    for (server, command, answer) in refusals {
        server.faults().plan(Fault::on(command, answer).always());
    }
    let mut config = header("debug");
    for (name, server) in [("full", &full), ("old", &old)] {
        let (imap, pop3) = (server.imap_addr.port(), server.pop3_addr.port());
        config += &account(&format!("{name}-imap"), imap, "");
        config += &account(&format!("{name}-pop3"), pop3, ", protocol: pop3");
    }
    let home = Home::new(&config);
    let daemon = RunningDaemon::start(&home);
    for name in ["full-imap", "full-pop3", "old-imap", "old-pop3"] {
        let failed = daemon.after(0, "account.failed", name);
        assert_eq!(failed["kind"], "auth", "{failed}");
        let error = failed["error"].as_str().unwrap();
        assert!(error.contains("<redacted>"), "{error}");
    }
    let log = daemon.text();
    let status = said(&home.run(&["status", "--json"]));
    daemon.end(Signal::TERM).assert_orderly();
    let checked = said(&home.run(&["check"]));
    home.configure(&config.replace("format: json", "format: text"));
    let synced = said(&home.run(&["sync", "--json"]));
    assert_never_said(&home, &(log + &status + &checked + &synced));
}
