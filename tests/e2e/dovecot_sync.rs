//! The built binary on a real Dovecot over implicit TLS: what a new user does first.

use postrider_tests::digest::sha256_lf;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::maildir::MaildirTree;
use postrider_tests::oracle::{Oracle, Pop3Oracle};
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::message;
use std::collections::BTreeMap;

const MAILBOXES: [&str; 4] = ["INBOX", "Work/Projects", "Sent", "Entw&APw-rfe"];

/// Where those lie below the mail tree.
const DIRECTORIES: [&str; 4] = ["INBOX", "Work/Projects", "Sent", "Entwürfe"];

fn imap_config(dovecot: &Dovecot, user: &str) -> String {
    format!(
        "state_dir: {{home}}/state\naccounts:\n  home:\n    host: localhost\n    port: {}\n    user: {user}\n    \
         password: {{command: echo {}}}\n    ca_file: {}\n    maildir: {{home}}/Mail\n",
        dovecot.imaps_port,
        Dovecot::PASSWORD,
        dovecot.ca_file.display()
    )
}

fn pop3_config(dovecot: &Dovecot, user: &str) -> String {
    format!(
        "state_dir: {{home}}/state\naccounts:\n  isp:\n    protocol: pop3\n    host: localhost\n    port: {}\n    \
         user: {user}\n    password: {{command: echo {}}}\n    ca_file: {}\n    maildir: {{home}}/Maildir\n",
        dovecot.pop3s_port,
        Dovecot::PASSWORD,
        dovecot.ca_file.display()
    )
}

fn fill(oracle: &mut Oracle, mailbox: &str, count: usize) {
    if mailbox != "INBOX" {
        oracle.create(mailbox);
    }
    for n in 0..count {
        let flags: &[&str] = match n % 4 {
            0 => &[],
            1 => &["\\Seen"],
            2 => &["\\Seen", "\\Answered", "$Forwarded"],
            _ => &["\\Flagged", "work"],
        };
        oracle.append(
            mailbox,
            message(mailbox, n).as_bytes(),
            flags,
            1_700_000_000 + n as i64 * 3600,
        );
    }
}

/// Server and Maildir hold the same: octets, flags and dates of every message.
fn assert_mirrored(oracle: &mut Oracle, home: &Home) {
    let tree = MaildirTree::read(home.path().join("Mail")).unwrap();
    tree.assert_sound();
    for (mailbox, directory) in MAILBOXES.into_iter().zip(DIRECTORIES) {
        let served = oracle.messages(mailbox);
        let local = tree.messages(directory);
        assert_eq!(local.len(), served.len(), "{mailbox}");
        let by_hash: BTreeMap<_, _> = local.iter().map(|l| (l.sha256_lf.clone(), l)).collect();
        for (uid, held) in served {
            let local = by_hash
                .get(&held.sha256_lf)
                .unwrap_or_else(|| panic!("{mailbox} {uid} is not there"));
            assert_eq!(local.mtime, held.internal_date, "{mailbox} {uid}");
            let letters = [
                ("\\Draft", 'D'),
                ("\\Flagged", 'F'),
                ("$Forwarded", 'P'),
                ("\\Answered", 'R'),
                ("\\Seen", 'S'),
            ];
            let letters = letters
                .iter()
                .filter(|(flag, _)| held.flags.contains(*flag));
            let letters: String = letters.map(|(_, letter)| *letter).collect();
            assert_eq!(local.flags, letters, "{mailbox} {uid}");
        }
    }
}

#[test]
fn an_imap_account_is_mirrored_and_stays_on_the_server() {
    let dovecot = Dovecot::start();
    let mut oracle = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    MAILBOXES
        .iter()
        .for_each(|mailbox| fill(&mut oracle, mailbox, 12));
    let home = Home::new(&imap_config(&dovecot, "ada"));

    let checked = home.succeed(&["check"]);
    assert!(
        checked.contains("Work/Projects") && checked.contains("Entwürfe"),
        "{checked}"
    );
    assert!(!home.path().join("Mail").exists(), "check changes nothing");

    home.succeed(&["sync"]);
    assert_mirrored(&mut oracle, &home);
    let files = MaildirTree::read(home.path().join("Mail")).unwrap().len();

    let again = home.succeed(&["sync", "--json"]);
    let again: serde_json::Value =
        serde_json::from_str(again.lines().find(|l| l.starts_with('{')).unwrap()).unwrap();
    assert_eq!(again["accounts"][0]["new"], 0, "{again}");
    assert_eq!(again["accounts"][0]["octets"], 0, "{again}");

    let uids: Vec<u32> = oracle.messages("INBOX").keys().copied().collect();
    oracle.set_flags("INBOX", uids[0], &["\\Seen", "\\Flagged"]);
    oracle.set_flags("INBOX", uids[1], &[]);
    oracle.append(
        "Sent",
        message("Sent", 99).as_bytes(),
        &["\\Seen"],
        1_700_500_000,
    );
    home.succeed(&["sync"]);
    assert_mirrored(&mut oracle, &home);
    assert_eq!(
        MaildirTree::read(home.path().join("Mail")).unwrap().len(),
        files + 1
    );

    let status: serde_json::Value =
        serde_json::from_str(&home.succeed(&["status", "--json"])).unwrap();
    assert_eq!(status["accounts"][0]["account"], "home", "{status}");
    assert!(
        status["accounts"][0]["last_success_at"].is_i64()
            || status["accounts"][0]["last_success_at"].is_string(),
        "{status}"
    );
}

#[test]
fn r1_r2_a_pop3_account_is_stored_proven_and_deleted() {
    let dovecot = Dovecot::start();
    let mut oracle = Oracle::login(dovecot.imap_port, "bob", Dovecot::PASSWORD);
    fill(&mut oracle, "INBOX", 15);
    let hashes: Vec<String> = oracle
        .messages("INBOX")
        .into_values()
        .map(|held| held.sha256_lf)
        .collect();
    let home = Home::new(&pop3_config(&dovecot, "bob"));
    home.succeed(&["sync"]);
    let tree = MaildirTree::read(home.path().join("Maildir")).unwrap();
    tree.assert_sound();
    tree.assert_holds("", &hashes);
    let mut maildrop = Pop3Oracle::login(dovecot.pop3_port, "bob", Dovecot::PASSWORD);
    assert!(maildrop.messages().is_empty());
    maildrop.quit();
    assert_eq!(
        home.count(
            "SELECT count(*) FROM messages WHERE proven_at IS NOT NULL AND expired_at >= proven_at"
        ),
        15
    );
    let text = message("INBOX", 500);
    oracle.append("INBOX", text.as_bytes(), &[], 1_700_000_000);
    home.succeed(&["sync"]);
    let tree = MaildirTree::read(home.path().join("Maildir")).unwrap();
    assert!(tree.contents("").contains(&sha256_lf(text.as_bytes())));
    assert_eq!(tree.len(), 16);
}

#[test]
fn refusals_end_in_the_exit_status_of_their_kind_and_say_what_to_do() {
    let dovecot = Dovecot::start();
    let good = imap_config(&dovecot, "eve");
    let cases = [
        (good.replace("echo secret", "echo wrong"), 77, "password"),
        (
            good.replace(&format!("    ca_file: {}\n", dovecot.ca_file.display()), ""),
            77,
            "certificate",
        ),
        (
            good.replace(&format!("port: {}", dovecot.imaps_port), "port: 1"),
            69,
            "nothing listens there",
        ),
        (good.replace("host:", "hots:"), 78, "host"),
        (
            good.replace("echo secret", "echo no such entry >&2; false"),
            77,
            "no such entry",
        ),
    ];
    for (config, status, word) in cases {
        let home = Home::new(&config);
        let output = home.run(&["sync"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(word), "{word}: {said}");
        assert!(
            !said.contains("echo wrong\n") && !said.contains("secret\n"),
            "{said}"
        );
    }
    let home = Home::new(&good);
    assert_eq!(home.run(&["sync", "nobody"]).status.code(), Some(64));
    assert_eq!(home.run(&["frobnicate"]).status.code(), Some(64));
}

#[test]
fn one_failing_account_does_not_stop_the_other() {
    let dovecot = Dovecot::start();
    let mut oracle = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    fill(&mut oracle, "INBOX", 3);
    let broken = "  broken:\n    host: localhost\n    port: 1\n    user: x\n    password: {env: NOT_ASKED_FOR}\n";
    let config =
        imap_config(&dovecot, "ada").replace("accounts:\n", &format!("accounts:\n{broken}"));
    let home = Home::new(&config);
    let output = home.run(&["sync"]);
    assert_eq!(output.status.code(), Some(69), "{}", said(&output));
    assert_eq!(
        MaildirTree::read(home.path().join("Mail")).unwrap().len(),
        3
    );
}
