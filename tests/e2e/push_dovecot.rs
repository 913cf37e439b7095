//! A real Dovecot tells the built daemon of new mail, by NOTIFY and by IDLE. The account is polled once an hour.

use postrider_tests::cutting_proxy::{Cut, CuttingProxy, End, Side};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::digest::sha256_lf;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::maildir::MaildirTree;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use rustix::process::Signal;
use std::time::{Duration, Instant};

const WHEN: i64 = 1_700_000_000;

/// What Dovecot can do without NOTIFY.
const NO_NOTIFY: &str = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS LIST-EXTENDED \
     CONDSTORE QRESYNC ESEARCH LIST-STATUS SPECIAL-USE MOVE UNSELECT";

fn config(port: u16, dovecot: &Dovecot, more: &str) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: debug}}\naccounts:\n  \
         home: {{host: localhost, port: {port}, user: ada, password: {{command: echo {}}}, ca_file: {}, \
         poll: 1h, maildir: \"{{home}}/mail\"{more}}}\n",
        Dovecot::PASSWORD,
        dovecot.ca_file.display(),
    )
}

/// Waits until Dovecot tells: what is put into a mailbox comes. Until the daemon listens, nothing does.
fn bring(daemon: &RunningDaemon, oracle: &mut Oracle, mailbox: &str, n: usize) {
    let mark = daemon.mark();
    oracle.append(mailbox, message(mailbox, n).as_bytes(), &[], WHEN);
    let stored = daemon.after(mark, "message.stored", "home");
    assert_eq!(stored["mailbox"], mailbox, "{stored}");
}

fn assert_one_login(daemon: &RunningDaemon) {
    assert_eq!(
        daemon.events("account.connected").len(),
        1,
        "{}",
        daemon.text()
    );
}

#[test]
fn notify_tells_of_all_mailboxes_and_one_login_serves_for_everything() {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    ada.create("Work/Projects");
    let home = Home::new(&config(dovecot.imaps_port, &dovecot, ""));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    for n in 0..2 {
        bring(&daemon, &mut ada, "INBOX", n);
        bring(&daemon, &mut ada, "Work/Projects", n);
    }
    assert!(
        daemon.events("push.limited").is_empty(),
        "{}",
        daemon.text()
    );
    everything_goes_both_ways(&daemon, &mut ada, &home);
    daemon.end(Signal::TERM).assert_orderly();
    let tree = MaildirTree::read(home.path().join("mail")).unwrap();
    let hashes: Vec<_> = (0..2)
        .map(|n| sha256_lf(message("Work/Projects", n).as_bytes()))
        .collect();
    tree.assert_holds("Work/Projects", &hashes);
}

#[test]
fn idle_tells_of_the_inbox() {
    let dovecot = Dovecot::with_capability(NO_NOTIFY);
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    let home = Home::new(&config(dovecot.imaps_port, &dovecot, ""));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    for n in 0..3 {
        bring(&daemon, &mut ada, "INBOX", n);
    }
    everything_goes_both_ways(&daemon, &mut ada, &home);
    daemon.end(Signal::TERM).assert_orderly();
}

#[test]
fn idle_tells_of_further_mailboxes_on_further_connections() {
    let dovecot = Dovecot::with_capability(NO_NOTIFY);
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    let sorted = ["Lists/Rust", "Work"];
    for mailbox in sorted {
        ada.create(mailbox);
        ada.append(mailbox, message(mailbox, 0).as_bytes(), &[], WHEN);
    }
    let home = Home::new(&config(dovecot.imaps_port, &dovecot, ""));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    for n in 1..4 {
        for mailbox in ["Work", "INBOX", "Lists/Rust"] {
            bring(&daemon, &mut ada, mailbox, n);
        }
    }
    // A flag is told of too, and a message that goes.
    let mark = daemon.mark();
    ada.set_flags("Work", 1, &["\\Flagged"]);
    daemon.after_where(mark, "sync.finished", |line| line["flags_pulled"] == 1);
    let mark = daemon.mark();
    ada.expunge("Lists/Rust", 1);
    daemon.after_where(mark, "sync.finished", |line| line["vanished"] == 1);
    assert_eq!(daemon.events("account.connected").len(), 3);
    assert!(
        daemon.events("push.thinned").is_empty(),
        "{}",
        daemon.text()
    );
    daemon.end(Signal::TERM).assert_orderly();
}

/// A flag from the server, a flag to the server, a message that goes; on one connection.
fn everything_goes_both_ways(daemon: &RunningDaemon, ada: &mut Oracle, home: &Home) {
    let uids: Vec<u32> = ada.messages("INBOX").keys().copied().collect();
    let mark = daemon.mark();
    ada.set_flags("INBOX", uids[0], &["\\Flagged"]);
    daemon.after_where(mark, "sync.finished", |line| line["flags_pulled"] == 1);

    let new = home.path().join("mail/INBOX/new");
    let unread = std::fs::read_dir(&new).unwrap().next().unwrap().unwrap();
    let name = unread.file_name().into_string().unwrap();
    let read = new
        .parent()
        .unwrap()
        .join("cur")
        .join(format!("{name}:2,S"));
    std::fs::rename(unread.path(), read).unwrap();
    let begun = Instant::now();
    while !ada
        .messages("INBOX")
        .values()
        .any(|held| held.has("\\Seen"))
    {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{}",
            daemon.text()
        );
        std::thread::sleep(Duration::from_millis(20));
    }

    let mark = daemon.mark();
    ada.expunge("INBOX", uids[0]);
    daemon.after_where(mark, "sync.finished", |line| line["vanished"] == 1);
    bring(daemon, ada, "INBOX", 77);
    assert_one_login(daemon);
}

#[test]
fn a_line_that_swallows_everything_is_noticed_and_mail_comes_again() {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    let proxy = CuttingProxy::start(dovecot.imaps_port);
    let home = Home::new(&config(
        proxy.port,
        &dovecot,
        ", idle_refresh: 2s, timeout: 2s",
    ));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    bring(&daemon, &mut ada, "INBOX", 0);
    // A pass that met the dead line would open another without a word.
    std::thread::sleep(Duration::from_secs(1));
    // From the next octet of the server on nothing passes, either way.
    proxy.plan(Some(Cut {
        side: Side::Server,
        after: 1,
        end: End::Held,
    }));
    let mark = daemon.mark();
    ada.append("INBOX", message("INBOX", 1).as_bytes(), &[], WHEN);
    daemon.after(mark, "push.lost", "home");
    daemon.after(mark, "push.restored", "home");
    daemon.after(mark, "message.stored", "home");
    bring(&daemon, &mut ada, "INBOX", 2);
    daemon.end(Signal::TERM).assert_orderly();
}
