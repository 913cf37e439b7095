//! `postrider run` on a real Dovecot over implicit TLS: an IMAP and a POP3 account on a short poll, and
//! the log that programs read (CONTRACT section 8).

use postrider_tests::daemon::{Ended, RunningDaemon};
use postrider_tests::digest::sha256_lf;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::maildir::MaildirTree;
use postrider_tests::oracle::{Oracle, Pop3Oracle};
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use rustix::process::Signal;
use serde_json::Value;

/// The fields of `sync.finished`, by the contract.
const COUNTS: [&str; 9] = [
    "mailboxes",
    "new",
    "flags_pulled",
    "flags_pushed",
    "expired",
    "vanished",
    "octets",
    "round_trips",
    "elapsed_ms",
];

fn config(dovecot: &Dovecot) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: debug}}\n\
         defaults:\n  host: localhost\n  password: {{command: echo {}}}\n  ca_file: {}\n  poll: 1s\n\
         accounts:\n  home: {{push: off, port: {}, user: ada, maildir: \"{{home}}/Mail\"}}\n  \
         isp: {{protocol: pop3, port: {}, user: bob, maildir: \"{{home}}/Maildir\"}}\n",
        Dovecot::PASSWORD,
        dovecot.ca_file.display(),
        dovecot.imaps_port,
        dovecot.pop3s_port,
    )
}

/// Delivers one message and waits until the daemon has stored it, unasked; its event.
fn deliver(daemon: &RunningDaemon, oracle: &mut Oracle, account: &str, n: usize) -> Value {
    let mark = daemon.mark();
    oracle.append("INBOX", message("INBOX", n).as_bytes(), &[], 1_700_000_000);
    daemon.after(mark, "message.stored", account)
}

/// What CONTRACT section 8 promises of every line: RFC 3339 in UTC, a level in small letters, a name.
fn assert_is_a_line_of_the_log(line: &Value) {
    let timestamp = line["timestamp"].as_str().unwrap();
    let parsed = chrono::DateTime::parse_from_rfc3339(timestamp);
    assert!(parsed.is_ok() && timestamp.ends_with('Z'), "{line}");
    let level = line["level"].as_str().unwrap();
    let known = ["error", "warn", "info", "debug"];
    assert!(known.contains(&level), "{line}");
    if line["target"].is_null() {
        let (subject, verbed) = line["event"].as_str().unwrap().split_once('.').unwrap();
        assert!(!subject.is_empty() && !verbed.is_empty(), "{line}");
        let of_daemon = subject == "daemon";
        assert_eq!(line["account"].is_string(), !of_daemon, "{line}");
    }
}

fn assert_counts(finished: &Value, wanted: &[(&str, u64)]) {
    for field in COUNTS {
        assert!(finished[field].is_u64(), "{field}: {finished}");
    }
    for (field, value) in wanted {
        assert_eq!(finished[field], *value, "{field}: {finished}");
    }
    assert!(finished["round_trips"].as_u64() > Some(0), "{finished}");
}

/// One message to the IMAP account, and the pass that brings it.
fn deliver_by_imap(daemon: &RunningDaemon, ada: &mut Oracle, n: usize) {
    let mark = daemon.mark();
    let octets = message("INBOX", n).len();
    let stored = deliver(daemon, ada, "home", n);
    assert_eq!(stored["mailbox"], "INBOX", "{stored}");
    assert_eq!(stored["uid"], n + 1, "{stored}");
    assert_eq!(stored["level"], "info", "{stored}");
    assert_eq!(stored["octets"], octets, "{stored}");
    let finished = daemon.after_where(mark, "sync.finished", |line| {
        line["account"] == "home" && line["new"] == 1
    });
    let counts = [("mailboxes", 2), ("octets", octets as u64), ("expired", 0)];
    assert_counts(&finished, &counts);
}

/// One message to the POP3 account, and the pass that brings it and deletes it at the server.
fn deliver_by_pop3(daemon: &RunningDaemon, bob: &mut Oracle, n: usize) {
    let mark = daemon.mark();
    let stored = deliver(daemon, bob, "isp", n);
    let uidl = stored["uidl"].as_str().unwrap().to_owned();
    let expired = daemon.after(mark, "server_copy.expired", "isp");
    assert_eq!(expired["uidl"], uidl, "{expired}");
    assert_eq!(expired["mailbox"], "INBOX", "{expired}");
    assert!(
        !expired["because"].as_str().unwrap().is_empty(),
        "{expired}"
    );
    let finished = daemon.after_where(mark, "sync.finished", |line| {
        line["account"] == "isp" && line["new"] == 1
    });
    assert_counts(&finished, &[("mailboxes", 1), ("expired", 1)]);
}

/// The log of the whole run, line by line and as a whole.
fn assert_told(ended: &Ended, home: &Home) {
    ended.log.iter().for_each(assert_is_a_line_of_the_log);
    let first = ended.log.first().unwrap();
    assert_eq!(first["event"], "daemon.started");
    assert_eq!(first["accounts"], 2);
    assert_eq!(first["config"], home.config().display().to_string());
    assert_eq!(ended.events("daemon.ready").len(), 1);
    assert_eq!(ended.events("daemon.reloaded")[0]["changed"], 0);
    assert!(!ended.events("daemon.stopping")[0]["because"].is_null());
    assert_eq!(ended.events("message.stored").len(), 6);
    assert_eq!(ended.events("server_copy.expired").len(), 3);
    assert_eq!(ended.events("account.failed"), Vec::<Value>::new());
}

#[test]
fn both_protocols_deliver_unasked_and_tell_the_log() {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    let mut bob = Oracle::login(dovecot.imap_port, "bob", Dovecot::PASSWORD);
    ada.create("Work/Projects");
    let home = Home::new(&config(&dovecot));
    let daemon = RunningDaemon::start(&home);
    for account in ["home", "isp"] {
        let connected = daemon.after(0, "account.connected", account);
        assert_eq!(connected["level"], "debug");
        assert_eq!(connected["host"], "localhost");
        let finished = daemon.after(0, "sync.finished", account);
        assert_counts(&finished, &[("new", 0), ("octets", 0), ("expired", 0)]);
    }
    for n in 0..3 {
        deliver_by_imap(&daemon, &mut ada, n);
        deliver_by_pop3(&daemon, &mut bob, 10 + n);
    }
    let uid = *ada.messages("INBOX").keys().next().unwrap();
    let mark = daemon.mark();
    ada.set_flags("INBOX", uid, &["\\Seen"]);
    daemon.after_where(mark, "sync.finished", |line| {
        line["account"] == "home" && line["flags_pulled"] == 1
    });

    daemon.signal(Signal::HUP);
    assert!(daemon.notified().starts_with("RELOADING=1\n"));
    let ready = daemon.notified();
    assert!(ready.starts_with("READY=1\nSTATUS=2 accounts: "), "{ready}");
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    assert_told(&ended, &home);

    let hashes = |range: std::ops::Range<usize>| -> Vec<String> {
        range
            .map(|n| sha256_lf(message("INBOX", n).as_bytes()))
            .collect()
    };
    let imap = MaildirTree::read(home.path().join("Mail")).unwrap();
    imap.assert_holds("INBOX", &hashes(0..3));
    let pop3 = MaildirTree::read(home.path().join("Maildir")).unwrap();
    pop3.assert_holds("", &hashes(10..13));
    assert_eq!(ada.messages("INBOX").len(), 3, "IMAP leaves the copies");
    let mut maildrop = Pop3Oracle::login(dovecot.pop3_port, "bob", Dovecot::PASSWORD);
    assert!(maildrop.uidls().is_empty(), "POP3 deletes what is proven");
    maildrop.quit();
}

#[test]
fn systemd_hears_of_the_end() {
    let dovecot = Dovecot::start();
    let home = Home::new(&config(&dovecot));
    let daemon = RunningDaemon::start(&home);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.notified(), "STOPPING=1\nSTATUS=stopping");
    daemon.ended().assert_orderly();
}

#[test]
fn a_wrong_password_and_a_dead_port_leave_the_other_accounts_alone() {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    let more = format!(
        "  wrong: {{port: {}, user: eve, password: {{command: echo wrong}}, maildir: \"{{home}}/wrong\"}}\n  \
         down: {{port: 1, user: eve, maildir: \"{{home}}/down\"}}\n",
        dovecot.imaps_port
    );
    let home = Home::new(&(config(&dovecot) + &more));
    let daemon = RunningDaemon::start(&home);
    for (account, kind) in [("wrong", "auth"), ("down", "unreachable")] {
        let failed = daemon.after(0, "account.failed", account);
        assert_eq!(failed["kind"], kind, "{failed}");
        assert_eq!(failed["level"], "error", "{failed}");
        for field in ["error", "hint"] {
            assert!(!failed[field].as_str().unwrap().is_empty(), "{failed}");
        }
        assert!(failed["retry_in_s"].is_u64(), "{failed}");
    }
    deliver(&daemon, &mut ada, "home", 0);
    let ended = daemon.end(Signal::INT);
    ended.assert_orderly();
    let failed = ended.events("account.failed");
    let kept = |event: &Value| event["account"] == "home" || event["account"] == "isp";
    assert!(!failed.iter().any(kept), "{failed:?}");
    // A refused password is not tried again within this test.
    let wrong = failed.iter().filter(|event| event["account"] == "wrong");
    assert_eq!(wrong.count(), 1, "{failed:?}");
}
