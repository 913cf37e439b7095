//! `sync --dry-run` and `--mailbox`: the built binary on a real Dovecot over TLS, IMAP and POP3.

use postrider_tests::daemon::RunningDaemon;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::{Oracle, Pop3Oracle};
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::{files, message};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

fn config(dovecot: &Dovecot, retention: &str) -> String {
    config_with(dovecot, retention, Dovecot::PASSWORD)
}

fn config_with(dovecot: &Dovecot, retention: &str, password: &str) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: debug}}\n\
         defaults:\n  host: localhost\n  password: {{command: echo {password}}}\n  ca_file: {}\n  poll: 1s\n\
         accounts:\n  home: {{port: {}, user: ada, maildir: \"{{home}}/Mail\", retention: {retention}}}\n  \
         isp: {{protocol: pop3, port: {}, user: bob, maildir: \"{{home}}/Maildir\"}}\n",
        dovecot.ca_file.display(),
        dovecot.imaps_port,
        dovecot.pop3s_port,
    )
}

/// `count` messages for each of the two, in a maildrop and in two mailboxes.
fn filled(count: usize) -> (Dovecot, Oracle, Oracle) {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    let mut bob = Oracle::login(dovecot.imap_port, "bob", Dovecot::PASSWORD);
    ada.create("Work");
    for n in 0..count {
        let date = 1_700_000_000 + n as i64 * 3600;
        for mailbox in ["INBOX", "Work"] {
            ada.append(mailbox, message(mailbox, n).as_bytes(), &[], date);
        }
        bob.append("INBOX", message("INBOX", n).as_bytes(), &[], date);
    }
    (dovecot, ada, bob)
}

fn json(home: &Home, arguments: &[&str]) -> Value {
    let output = home.run(arguments);
    assert!(output.status.success(), "{}", said(&output));
    let events = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_dry = arguments.contains(&"--dry-run");
    assert!(
        !is_dry || events.is_empty(),
        "nothing has happened: {events}"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The UIDs of a mailbox, or the UIDLs of a maildrop, that a dry run would delete.
fn doomed(account: &Value, mailbox: &str, id: &str) -> BTreeSet<String> {
    let deeds = account["deeds"].as_array().unwrap().iter();
    let expired = deeds.filter(|deed| deed["deed"] == "expire" && deed["mailbox"] == mailbox);
    expired.map(|deed| deed[id].to_string()).collect()
}

fn uids(oracle: &mut Oracle, mailbox: &str) -> BTreeSet<String> {
    oracle
        .messages(mailbox)
        .keys()
        .map(u32::to_string)
        .collect()
}

fn uidls(dovecot: &Dovecot) -> usize {
    let mut maildrop = Pop3Oracle::login(dovecot.pop3_port, "bob", Dovecot::PASSWORD);
    let count = maildrop.uidls().len();
    maildrop.quit();
    count
}

fn is_untouched(home: &Path) {
    for name in ["state", "Mail", "Maildir"] {
        assert!(!home.join(name).exists(), "{name} was made");
    }
}

#[test]
fn what_is_announced_before_the_first_sync_is_what_the_sync_does() {
    let (dovecot, mut ada, _bob) = filled(9);
    let home = Home::new(&config(&dovecot, "{keep_latest: 7, protect: [flagged]}"));
    ada.set_flags("INBOX", 1, &["\\Flagged"]);
    let before = [ada.messages("INBOX"), ada.messages("Work")];
    let dry = json(&home, &["sync", "--dry-run", "--json"]);
    is_untouched(home.path());
    assert_eq!([ada.messages("INBOX"), ada.messages("Work")], before);
    assert_eq!(uidls(&dovecot), 9);
    let wet = json(&home, &["sync", "--json"]);
    for at in 0..2 {
        let (dry, wet) = (&dry["accounts"][at], &wet["accounts"][at]);
        for figure in ["mailboxes", "new", "expired", "skipped", "braked", "octets"] {
            assert_eq!(dry[figure], wet[figure], "{figure}: {dry}");
        }
    }
    for (mailbox, before) in ["INBOX", "Work"].into_iter().zip(before) {
        let doomed = doomed(&dry["accounts"][0], mailbox, "uid");
        let mut left: BTreeSet<String> = before.keys().map(u32::to_string).collect();
        left.retain(|uid| !doomed.contains(uid));
        assert_eq!(uids(&mut ada, mailbox), left, "{mailbox}");
    }
    assert_eq!(
        doomed(&dry["accounts"][0], "INBOX", "uid").len(),
        1,
        "one is flagged"
    );
    assert_eq!(doomed(&dry["accounts"][1], "INBOX", "uidl").len(), 9);
    assert_eq!(uidls(&dovecot), 0);
    let again = home.succeed(&["sync", "--dry-run"]);
    assert!(
        again.contains("home, dry run: nothing new (2 mailboxes"),
        "{again}"
    );
    assert!(again.contains("isp, dry run: nothing new"), "{again}");
}

#[test]
fn r6_a_brake_that_would_engage_is_announced_and_not_engaged() {
    let (dovecot, mut ada, _bob) = filled(15);
    let home = Home::new(&config(&dovecot, "keep"));
    home.succeed(&["sync"]);
    home.configure(
        &config(&dovecot, "{keep_latest: 1}")
            .replace("user: ada,", "user: ada, brake: {messages: 3, share: 10%},"),
    );
    let told = home.succeed(&["sync", "--dry-run", "home"]);
    let line =
        "INBOX: would wait for `approve` (server): retention: keep_latest: 1 would remove 14 of 15";
    assert!(told.contains(line), "{told}");
    assert!(!told.contains("brake.engaged"), "{told}");
    assert!(
        told.ends_with("Nothing was changed, on the server or here.\n"),
        "{told}"
    );
    assert_eq!(ada.messages("INBOX").len(), 15);
    let sync = home.run(&["sync", "home"]);
    assert_eq!(sync.status.code(), Some(75), "{}", said(&sync));
}

#[test]
fn a_wrong_password_ends_it_as_it_would_end_a_sync() {
    let (dovecot, _ada, _bob) = filled(1);
    let home = Home::new(&config_with(&dovecot, "keep", "wrong"));
    let dry = home.run(&["sync", "--dry-run", "home"]);
    is_untouched(home.path());
    assert_eq!(dry.status.code(), Some(77));
    let told = said(&dry);
    assert!(told.starts_with("postrider: account home:"), "{told}");
    assert!(told.contains("hint: check `user` and `password`"), "{told}");
}

#[test]
fn r10_beside_a_daemon_it_only_reads() {
    let (dovecot, mut ada, _bob) = filled(3);
    let home = Home::new(&config(&dovecot, "keep"));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    let lock = std::fs::read_to_string(home.path().join("state/lock")).unwrap();
    assert_eq!(home.run(&["run"]).status.code(), Some(75));
    let dry = json(&home, &["sync", "--dry-run", "--json", "home"]);
    assert_eq!(dry["accounts"][0]["new"], 0);
    let after = std::fs::read_to_string(home.path().join("state/lock")).unwrap();
    assert_eq!(lock, after, "the daemon's");
    let mark = daemon.mark();
    ada.append("INBOX", message("INBOX", 8).as_bytes(), &[], 1_700_000_000);
    daemon.after(mark, "message.stored", "home");
    daemon.end(Signal::TERM).assert_orderly();
}

#[test]
fn a_pass_over_some_mailboxes_leaves_the_others_alone() {
    let (dovecot, mut ada, _bob) = filled(4);
    let home = Home::new(&config(&dovecot, "keep"));
    let dry = json(&home, &["sync", "--dry-run", "--json", "--mailbox", "W*"]);
    assert_eq!(dry["accounts"][0]["new"], 4);
    assert_eq!(dry["accounts"][1]["new"], 0, "a maildrop is INBOX");
    let wet = json(&home, &["sync", "--json", "--mailbox", "W*"]);
    assert_eq!(wet["accounts"][0]["new"], 4);
    assert!(!home.path().join("Mail/INBOX").exists() && !home.path().join("Maildir").exists());
    // What is missed in it may have moved: that waits for a pass that sees where it went.
    home.succeed(&["sync"]);
    ada.move_message("Work", 2, "INBOX");
    let some = json(&home, &["sync", "--json", "home", "--mailbox", "Work"]);
    assert_eq!(
        (
            &some["accounts"][0]["vanished"],
            &some["accounts"][0]["new"]
        ),
        (&0.into(), &0.into())
    );
    let all = json(&home, &["sync", "--json", "home"]);
    assert_eq!(
        all["accounts"][0]["new"], 0,
        "it was followed, not fetched again"
    );
    let held = |mailbox: &str| files(&home.path().join("Mail").join(mailbox)).len();
    assert_eq!((held("INBOX"), held("Work")), (5, 3));
}
