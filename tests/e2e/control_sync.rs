//! `sync`, `sync-now`, `pause`, `resume` and `approve` beside a running daemon: who connects when, what is shown
//! meanwhile, and that it ends as if there were no daemon.

use crate::control_kit::{
    account, dead_port, ended, fill, header, of, server, server_with, status, until,
};
use postrider_mailserver::{Misbehaviour, Options};
use postrider_tests::control::Control;
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::maildir::MaildirTree;
use postrider_tests::postrider::{Home, said};
use rustix::process::Signal;
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn sync_is_the_same_with_and_without_a_daemon() {
    let (server, ada) = server().await;
    let port = server.imap_addr.port();
    let config = header("")
        + &account("good", port, "")
        + &account("down", dead_port(), "")
        + &account("wrong", port, ", password: mistyped-here");
    // What differs from pass to pass is not compared.
    let comparable = |output: &std::process::Output| {
        let mut document: Value = serde_json::from_slice(&output.stdout).unwrap();
        for account in document["accounts"].as_array_mut().unwrap() {
            let account = account.as_object_mut().unwrap();
            account.remove("elapsed_ms");
            account.remove("octets");
            account.remove("round_trips");
        }
        document
    };
    let mut documents = Vec::new();
    let mut statuses = Vec::new();
    for with_daemon in [false, true] {
        let home = Home::new(&config);
        let daemon = with_daemon.then(|| RunningDaemon::start(&home));
        if let Some(daemon) = &daemon {
            daemon.after(0, "sync.finished", "good");
            for name in ["down", "wrong"] {
                daemon.after(0, "account.failed", name);
            }
        } else {
            assert_eq!(home.run(&["sync"]).status.code(), Some(77));
        }
        fill(&ada, documents.len() * 3, documents.len() * 3 + 3);
        let all = home.run(&["sync", "--json"]);
        let log = said(&all);
        assert!(log.contains("account.failed"), "{log}");
        let code = |arguments: &[&str]| home.run(arguments).status.code();
        statuses.push((
            all.status.code(),
            code(&["sync", "good"]),
            code(&["sync", "down"]),
            code(&["sync", "wrong", "down"]),
        ));
        let unknown = home.run(&["sync", "godo"]);
        assert_eq!(unknown.status.code(), Some(64));
        assert!(
            said(&unknown).contains("the nearest name is `good`"),
            "{}",
            said(&unknown)
        );
        documents.push(comparable(&all));
        let named = home.run(&["sync", "good", "--json"]);
        let named: Value = serde_json::from_slice(&named.stdout).unwrap();
        assert_eq!(named["accounts"].as_array().unwrap().len(), 1, "{named}");
        if let Some(daemon) = daemon {
            daemon.end(Signal::TERM).assert_orderly();
        }
    }
    assert_eq!(statuses[0], (Some(77), Some(0), Some(69), Some(77)));
    assert_eq!(statuses[0], statuses[1]);
    assert_eq!(documents[0]["accounts"][0]["new"], 3, "{}", documents[0]);
    assert_eq!(documents[0], documents[1]);
}

/// So many that somebody can look on.
const MANY: usize = 6_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_large_pass_is_seen_while_it_runs_and_waited_for() {
    let (server, ada) = server().await;
    fill(&ada, 0, MANY);
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), "")));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "message.stored", "home");
    let mut sync = home.command(&["sync", "--json"]);
    let mut sync = sync
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let socket = home.path().join("state/control.sock");
    let mut seen = Vec::new();
    until("it grows under our eyes", || {
        let answers = Control::ask(&socket, r#"{"postrider": 1, "request": "status"}"#);
        let live = answers
            .into_iter()
            .find(|a| a["answer"] == "account")
            .unwrap()["live"]
            .clone();
        let stored = live["stored"]["messages"].as_u64().unwrap();
        if live["state"] == "syncing" && seen.last() != Some(&stored) {
            assert_eq!(live["found"]["messages"], MANY, "{live}");
            assert_eq!(live["backlog"]["messages"], MANY as u64 - stored, "{live}");
            seen.push(stored);
        }
        assert!(
            seen.len() > 2 || live["state"] != "waiting",
            "too fast to be seen: {seen:?}"
        );
        (seen.len() > 2).then_some(())
    });
    assert!(seen.is_sorted(), "{seen:?}");
    // What was asked for in its midst is the pass after it, which finds all here.
    assert!(ended(&mut sync).success());
    let document: Value = serde_json::from_reader(sync.stdout.take().unwrap()).unwrap();
    assert_eq!(document["accounts"][0]["new"], 0, "{document}");
    let passes = daemon.events("sync.finished");
    assert_eq!(passes.len(), 2, "{passes:?}");
    assert_eq!(passes[0]["new"], MANY);
    let live = of(&status(&home), "home")["live"].clone();
    assert_eq!(live["state"], "waiting", "{live}");
    assert!(live["next_pass_at"].is_string(), "{live}");
    assert_eq!(live["backlog"]["messages"], 0, "{live}");
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_of_the_daemons_pass_is_told_as_it_comes() {
    let (server, ada) = server().await;
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), "")));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    fill(&ada, 0, MANY);
    let socket = home.path().join("state/control.sock");
    let answers = Control::ask(&socket, r#"{"postrider": 1, "request": "sync"}"#);
    let told = answers.iter().filter(|a| a["answer"] == "account");
    let stored: Vec<u64> = told
        .filter_map(|a| a["live"]["stored"]["messages"].as_u64())
        .collect();
    let (first, last) = (stored.iter().min(), stored.iter().max());
    assert!(first < last, "{stored:?}");
    let outcome = answers.iter().find(|a| a["answer"] == "outcome").unwrap();
    assert_eq!(outcome["report"]["new"], MANY, "{outcome}");
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn some_mailboxes_are_synced_before_all_and_are_no_success_of_the_account() {
    let (server, ada) = server().await;
    ada.create("Work");
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), "")));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    fill(&ada, 0, 2);
    ada.append("Work", "Subject: work\r\n\r\n.\r\n", &[], 1_700_000_000);
    let mark = daemon.mark();
    let output = home.run(&["sync", "--mailbox", "Work", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["accounts"][0]["new"], 1, "{document}");
    assert_eq!(document["accounts"][0]["mailboxes"], 1, "{document}");
    // Nobody waits for the rest, which comes all the same.
    let rest = daemon.after_where(mark, "sync.finished", |line| line["new"] == 2);
    assert_eq!(rest["mailboxes"], 2, "{rest}");
    // A rehearsal needs no daemon and disturbs none.
    let before = daemon.events("sync.started").len();
    fill(&ada, 2, 3);
    let foretold = home.succeed(&["sync", "--dry-run"]);
    assert!(foretold.contains("INBOX"), "{foretold}");
    assert_eq!(daemon.events("sync.started").len(), before);
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_over_some_mailboxes_alone_leaves_the_account_stale() {
    let (server, ada) = server().await;
    fill(&ada, 0, 1);
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), "")));
    home.succeed(&["sync", "--mailbox", "INBOX"]);
    assert_eq!(of(&status(&home), "home")["last_success_at"], Value::Null);
    assert_eq!(
        home.run(&["status", "--stale-after"]).status.code(),
        Some(75)
    );
    home.succeed(&["sync"]);
    assert_eq!(
        home.run(&["status", "--stale-after"]).status.code(),
        Some(0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_account_makes_no_connection_until_it_is_resumed() {
    let (server, ada) = server().await;
    let port = server.imap_addr.port();
    let config = header("") + &account("home", port, "") + &account("work", dead_port(), "");
    let home = Home::new(&config);
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    let state = || of(&status(&home), "home")["live"]["state"].clone();
    until("it waits", || (state() == "waiting").then_some(()));
    let told = home.succeed(&["pause", "home"]);
    assert!(told.contains("home: paused"), "{told}");
    assert_eq!(state(), "paused", "at once");
    let connections = server.store().connections();
    fill(&ada, 0, 1);
    // Whatever starts passes starts none of this account.
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    daemon.after(mark, "sync.started", "work");
    let now = home.run(&["sync-now", "home"]);
    assert_eq!(now.status.code(), Some(75), "{}", said(&now));
    let now = home.succeed(&["sync-now"]);
    assert!(
        now.contains("work: a pass begins") && now.contains("1 account is paused: home"),
        "{now}"
    );
    let sync = home.run(&["sync", "home"]);
    assert_eq!(sync.status.code(), Some(75), "{}", said(&sync));
    assert!(
        said(&sync).contains("postrider resume home"),
        "{}",
        said(&sync)
    );
    // Nor does a reload, though it changes the account.
    home.configure(&config.replace("home: {", "home: {poll: 2h, "));
    home.succeed(&["reload", "--wait"]);
    assert_eq!(of(&status(&home), "home")["live"]["state"], "paused");
    let table = home.succeed(&["status"]);
    assert!(table.contains("paused"), "{table}");
    assert!(
        home.succeed(&["pause"])
            .contains("home: was paused already")
    );
    assert_eq!(server.store().connections(), connections);
    assert_eq!(daemon.events("account.paused").len(), 2);

    let mark = daemon.mark();
    let told = home.succeed(&["resume", "home"]);
    assert!(told.contains("home: goes on"), "{told}");
    let finished = daemon.after(mark, "sync.finished", "home");
    assert_eq!(finished["new"], 1, "{finished}");
    assert!(server.store().connections() > connections);
    assert!(
        home.succeed(&["resume", "home"])
            .contains("home: was not paused")
    );
    let unknown = home.run(&["resume", "hmoe"]);
    assert_eq!(unknown.status.code(), Some(64));
    // A daemon that is started is at work.
    home.succeed(&["pause"]);
    daemon.end(Signal::TERM).assert_orderly();
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    daemon.end(Signal::TERM).assert_orderly();
}

/// Connections to a port of this machine that stand, of whichever process (proc(5)).
fn standing(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let server = format!("0100007F:{port:04X}");
    let to_server = |line: &&str| {
        let mut words = line.split_whitespace().skip(2);
        words.next() == Some(&server) && words.next() == Some("01")
    };
    table.lines().filter(to_server).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_hangs_up_where_an_account_listens() {
    let (server, ada) = server_with(Options::default().with(&["IDLE"])).await;
    let port = server.imap_addr.port();
    let home = Home::new(&(header("") + &account("home", port, ", push: auto")));
    let daemon = RunningDaemon::start(&home);
    let listening = until("it listens", || {
        let live = of(&status(&home), "home")["live"].clone();
        live["listening"].is_object().then_some(live)
    });
    assert_eq!(listening["state"], "waiting", "{listening}");
    assert_eq!(standing(port), 1);
    home.succeed(&["pause"]);
    let live = of(&status(&home), "home")["live"].clone();
    assert_eq!(live["state"], "paused", "{live}");
    until("it hangs up", || (standing(port) == 0).then_some(()));
    let live = of(&status(&home), "home")["live"].clone();
    assert_eq!(
        (&live["state"], &live["listening"]),
        (&"paused".into(), &Value::Null),
        "{live}"
    );
    let mark = daemon.mark();
    fill(&ada, 0, 1);
    home.succeed(&["resume"]);
    daemon.after(mark, "message.stored", "home");
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_seen_at_once_though_a_hook_takes_its_time_to_end() {
    let (server, ada) = server().await;
    fill(&ada, 0, 1);
    let hook = r#", on_new: [sh, -c, "trap '' TERM; echo > {home}/told; sleep 600; sleep 600"]"#;
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), hook)));
    let daemon = RunningDaemon::start(&home);
    let state = || of(&status(&home), "home")["live"]["state"].clone();
    until("the hook runs, and the account waits", || {
        let runs = home.path().join("told").exists();
        (runs && state() == "waiting").then_some(())
    });
    home.succeed(&["pause"]);
    // The task waits for the hook, which is killed after two seconds.
    assert_eq!(state(), "paused");
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_in_the_midst_of_a_pass_ends_it_at_a_safe_point_and_blocks_nobody() {
    let (server, ada) = server().await;
    let port = server.imap_addr.port();
    fill(&ada, 0, 10);
    server.faults().delay(Duration::from_millis(300));
    let home = Home::new(&(header("") + &account("home", port, "") + &account("work", port, "")));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.started", "home");
    home.succeed(&["pause", "home"]);
    // The daemon answers at once, whatever the account still has to do.
    let state = of(&status(&home), "home")["live"]["state"].clone();
    assert!(state == "syncing" || state == "paused", "{state}");
    // Resumed before it rests, it goes on after that; two passes are never made at a time.
    home.succeed(&["resume", "home"]);
    daemon.after(0, "account.resumed", "home");
    for name in ["home", "work"] {
        let finished = daemon.after(0, "sync.finished", name);
        assert_eq!(finished["new"], 10, "{finished}");
    }
    daemon.end(Signal::TERM).assert_orderly();
    let tree = MaildirTree::read(home.path().join("home")).unwrap();
    tree.assert_sound();
    assert_eq!(tree.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_pass_of_an_account_that_goes_is_told() {
    let (server, _) = server().await;
    let port = server.imap_addr.port();
    let home = Home::new(&(header("") + &account("home", port, "")));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    server.faults().delay(Duration::from_secs(2));
    let mark = daemon.mark();
    let mut sync = home.command(&["sync", "home"]);
    let mut sync = sync
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    daemon.after(mark, "sync.started", "home");
    home.succeed(&["pause", "home"]);
    assert_eq!(ended(&mut sync).code(), Some(75));
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn r6_approve_has_the_daemon_act_at_once() {
    let (server, ada) = server().await;
    fill(&ada, 0, 12);
    let keys = ", retention: {keep_latest: 2}, brake: {messages: 5, share: 20%}";
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), keys)));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "brake.engaged", "home");
    daemon.after(0, "sync.finished", "home");
    let output = home.run(&["sync"]);
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    assert!(
        said(&output).contains("postrider approve home"),
        "{}",
        said(&output)
    );
    assert_eq!(ada.messages("INBOX").len(), 12);
    let mark = daemon.mark();
    let told = home.succeed(&["approve", "home"]);
    assert!(told.contains("10 of 12 server copies"), "{told}");
    assert!(told.contains("the daemon makes that pass now"), "{told}");
    let finished = daemon.after_where(mark, "sync.finished", |line| line["expired"] == 10);
    assert_eq!(finished["account"], "home");
    assert_eq!(ada.messages("INBOX").len(), 2);
    daemon.end(Signal::TERM).assert_orderly();
    let told = home.succeed(&["approve", "home"]);
    assert!(told.contains("the brake holds nothing"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_need_a_daemon_say_that_none_runs() {
    let (server, _) = server().await;
    server.faults().start(Misbehaviour::RefusesConnections);
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), "")));
    for command in [
        &["pause"][..],
        &["resume", "home"],
        &["sync-now"],
        &["reload", "--wait"],
    ] {
        let output = home.run(command);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(69), "{command:?}: {told}");
        assert!(told.contains("no daemon runs: nobody answers at"), "{told}");
        assert!(told.contains("hint: postrider run"), "{told}");
    }
    let status = status(&home);
    assert_eq!(status["daemon"], Value::Null);
    assert_eq!(of(&status, "home")["live"], Value::Null);
    let table = home.succeed(&["status"]);
    assert!(
        table.contains("No daemon runs; this is from the index."),
        "{table}"
    );
    let watched = home.run(&["status", "--watch"]);
    assert_eq!(watched.status.code(), Some(64), "{}", said(&watched));
    assert!(
        said(&watched).contains("--watch wants a terminal"),
        "{}",
        said(&watched)
    );
}
