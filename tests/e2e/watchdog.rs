//! What the service manager is told while the daemon runs: food for the watchdog, and how the accounts fare.

use postrider_mailserver::{Action, Fault, Mailstore, Options, Server};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What systemd would wait for: the daemon feeds three times as often.
const WATCHDOG: Duration = Duration::from_millis(600);

fn config(port: u16) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json}}\ndefaults:\n  tls: none\n  host: 127.0.0.1\n  user: ada\n  \
         password: secret\n  poll: 1h\naccounts:\n  home: {{port: {port}, maildir: \"{{home}}/home\"}}\n  \
         down: {{port: 1, maildir: \"{{home}}/down\"}}\n"
    )
}

async fn server(messages: usize) -> Server {
    let store = Mailstore::new();
    let ada = store.account("ada", "secret");
    for n in 0..messages {
        ada.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
    }
    Server::start(store, Options::default()).await.unwrap()
}

fn watched(home: &Home) -> RunningDaemon {
    let mut command = home.command(&["run"]);
    command.env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
    RunningDaemon::started_by(home, command)
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_fallen_silent_is_no_reason_to_be_killed() {
    let server = server(20).await;
    server
        .faults()
        .plan(Fault::on("UID FETCH", Action::PerformStall(3_000)).always());
    let home = Home::new(&config(server.imap_addr.port()));
    let daemon = watched(&home);
    daemon.status_where(|status| status.contains("1 syncing (home"));
    for _ in 0..3 {
        let before = daemon.fed();
        wait_until("it is not fed", || daemon.fed() > before);
    }
    assert!(daemon.events("account.halted").is_empty());
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_watchdog_nothing_is_fed() {
    let server = server(1).await;
    let home = Home::new(&config(server.imap_addr.port()));
    let daemon = RunningDaemon::start(&home);
    daemon.status_where(|status| status.contains("1 fine"));
    assert_eq!(daemon.fed(), 0);
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_how_accounts_fare_and_is_told_seldom() {
    let server = server(3_000).await;
    let begun = Instant::now();
    let home = Home::new(&config(server.imap_addr.port()));
    let daemon = RunningDaemon::start(&home);
    let wanted = "2 accounts: 1 fine, 1 failing (down";
    let status = daemon.status_where(|status| status.starts_with(wanted));
    assert!(
        status.contains("); last mail 20") && status.ends_with('Z'),
        "{status}"
    );
    let (told, seconds) = (daemon.statuses(), begun.elapsed().as_secs());
    // One a second, one with READY, and what is left of a second.
    assert!(told as u64 <= seconds + 3, "{told} in {seconds} s");
    daemon.end(Signal::TERM).assert_orderly();
}
