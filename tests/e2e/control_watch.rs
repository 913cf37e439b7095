//! `status --watch` on a terminal that tmux plays: what is on it, that it follows, and that it is given back.

use crate::control_kit::{account, dead_port, fill, header, server};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::{Home, binary};
use postrider_tests::terminal::Terminal;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// A shell that runs the view, and says so when it has ended.
fn line(home: &Home) -> String {
    format!(
        "echo BEFORE; POSTRIDER_CONFIG={} {} status --watch; echo LEFT with $?; exec cat",
        home.config().display(),
        binary().display()
    )
}

fn shows(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_accounts_on_a_terminal_of_80_by_24() {
    let (server, ada) = server().await;
    let (port, dead) = (server.imap_addr.port(), dead_port());
    let name = |n: usize| format!("account-{n:03}");
    let mut config = header("") + &account(&name(0), port, "");
    for n in 1..200 {
        config += &account(&name(n), dead, "");
    }
    let home = Home::new(&config);
    let terminal = Terminal::sized(home.path(), &line(&home), (80, 24));
    terminal.wait("it is there without a daemon", |lines| {
        shows(lines, "postrider: 200 accounts") && shows(lines, "no daemon runs")
    });
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", &name(0));
    terminal.wait("it follows the daemon that was started", |lines| {
        let first = lines.iter().find(|line| line.starts_with("account-000 "));
        shows(lines, &format!("daemon {} up", daemon.pid()))
            && first.is_some_and(|line| line.contains("waiting") && line.contains(" ago"))
    });
    let lines = terminal.lines();
    assert_eq!(lines.len(), 24, "{lines:?}");
    assert!(lines[23].starts_with("1-20 of 200 "), "{lines:?}");
    assert!(!shows(&lines, "account-020"), "{lines:?}");
    terminal.key("PageDown");
    terminal.wait("a page further", |lines| {
        shows(lines, "account-039") && !shows(lines, "account-019")
    });
    terminal.key("End");
    terminal.wait("the end", |lines| shows(lines, "account-199"));
    terminal.key("Home");
    terminal.wait("the start", |lines| shows(lines, "account-000"));

    fill(&ada, 0, 7);
    daemon.signal(Signal::USR1);
    terminal.wait("the number of messages follows", |lines| {
        let first = lines.iter().find(|line| line.starts_with("account-000 "));
        first.is_some_and(|line| line.split_whitespace().any(|word| word == "7"))
    });
    terminal.resize((100, 40));
    terminal.wait("a larger terminal is filled", |lines| {
        shows(lines, "account-035") && lines.last().is_some_and(|l| l.starts_with("1-36 of 200"))
    });
    terminal.resize((80, 24));
    terminal.wait("a smaller one too", |lines| {
        lines.len() == 24 && lines.last().is_some_and(|l| l.starts_with("1-20 of 200"))
    });

    // The daemon goes, and the view stays.
    daemon.end(Signal::TERM).assert_orderly();
    terminal.wait("it is seen that the daemon has gone", |lines| {
        shows(lines, "no daemon runs")
    });
    terminal.key("q");
    terminal.wait("the screen of before is back", |lines| {
        shows(lines, "BEFORE") && shows(lines, "LEFT with 0") && !shows(lines, "account-")
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_a_reload_adds_and_takes_away_are_shown_and_gone() {
    let (server, _) = server().await;
    let port = server.imap_addr.port();
    let one = header("") + &account("home", port, "");
    let home = Home::new(&one);
    let daemon = RunningDaemon::start(&home);
    let terminal = Terminal::sized(home.path(), &line(&home), (80, 24));
    terminal.wait("it is there", |lines| shows(lines, "postrider: 1 account"));
    home.configure(&(one.clone() + &account("work", port, "")));
    daemon.signal(Signal::HUP);
    terminal.wait("what was added follows", |lines| {
        let added = lines.iter().find(|line| line.starts_with("work "));
        shows(lines, "postrider: 2 accounts") && added.is_some_and(|l| l.contains("waiting"))
    });
    home.configure(&one);
    daemon.signal(Signal::HUP);
    terminal.wait("what was taken away is gone", |lines| {
        shows(lines, "postrider: 1 account") && !lines.iter().any(|l| l.starts_with("work "))
    });
    terminal.key("q");
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn control_c_and_a_signal_give_the_terminal_back() {
    let (server, _) = server().await;
    let home = Home::new(&(header("") + &account("home", server.imap_addr.port(), "")));
    for way in ["C-c", "TERM"] {
        let terminal = Terminal::sized(home.path(), &line(&home), (80, 24));
        terminal.wait("it is there", |lines| shows(lines, "postrider: 1 account"));
        if way == "TERM" {
            let pid = terminal.child("postrider");
            rustix::process::kill_process(pid, Signal::TERM).unwrap();
        } else {
            terminal.key(way);
        }
        terminal.wait("the screen of before is back", |lines| {
            shows(lines, "BEFORE") && shows(lines, "LEFT with 0")
        });
        // What is typed is seen again: the terminal is as it was.
        terminal.enter("typed");
        terminal.wait("it echoes", |lines| {
            lines.iter().filter(|line| *line == "typed").count() >= 2
        });
    }
}

#[test]
fn whose_terminal_goes_is_gone_too() {
    let home = Home::new(&(header("") + &account("home", dead_port(), "")));
    let terminal = Terminal::sized(home.path(), &line(&home), (80, 24));
    terminal.wait("it is there", |lines| shows(lines, "postrider: 1 account"));
    let watching = format!("/proc/{}/status", terminal.child("postrider"));
    drop(terminal);
    let deadline = Instant::now() + Duration::from_secs(60);
    // Whoever was its parent is gone as well, and not every first process of a machine buries the dead.
    let lives = || std::fs::read_to_string(&watching).is_ok_and(|told| !told.contains("State:\tZ"));
    while lives() {
        assert!(Instant::now() < deadline, "it goes on for nobody");
        std::thread::sleep(Duration::from_millis(50));
    }
}
