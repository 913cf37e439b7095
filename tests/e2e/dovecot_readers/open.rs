//! Mail that comes, and flags that change, while a reader has the mailbox open.

use super::account;
use postrider_tests::digest::sha256_lf;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::maildir::MaildirTree;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::Home;
use postrider_tests::readers::ReadersTree;
use postrider_tests::rig::message;

/// What was there before, and what comes.
const BEFORE: usize = 4;
const COMES: usize = 3;

fn deliver(oracle: &mut Oracle, range: std::ops::Range<usize>) {
    for n in range {
        let date = 1_700_000_000 + n as i64;
        oracle.append("INBOX", message("INBOX", n).as_bytes(), &[], date);
    }
}

/// The flags of the file with this message.
fn flags(home: &Home, n: usize) -> String {
    let tree = MaildirTree::read(home.path().join("Mail")).unwrap();
    let digest = sha256_lf(message("INBOX", n).as_bytes());
    let messages = tree.messages("INBOX").iter();
    let found = messages.filter(|local| local.sha256_lf == digest);
    let flags: Vec<&String> = found.map(|local| &local.flags).collect();
    assert_eq!(flags.len(), 1, "message {n}");
    flags[0].clone()
}

fn mail_that_comes_is_seen_by(reader: &str) {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    deliver(&mut ada, 0..BEFORE);
    let home = account(&dovecot, "");
    home.succeed(&["sync"]);

    let tree = ReadersTree::new(home.path().join("Mail"), "fs");
    let stay = tree.stay(reader, BEFORE + COMES);
    // neomutt compares the times of directories by the second: what comes within the second in which it opened
    // the mailbox it sees only with what comes next.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    // Every reader writes its own flags when it leaves: those of another must outlive that.
    ada.set_flags("INBOX", 1, &["\\Flagged"]);
    deliver(&mut ada, BEFORE..BEFORE + COMES);
    home.succeed(&["sync"]);
    let mut ids: Vec<String> = (0..BEFORE + COMES)
        .map(|n| format!("<{n}.INBOX@example.org>"))
        .collect();
    ids.sort();
    assert_eq!(stay.seen(), ids);

    assert_eq!(flags(&home, 0), "F");
    let hashes: Vec<String> = (0..BEFORE + COMES)
        .map(|n| sha256_lf(message("INBOX", n).as_bytes()))
        .collect();
    let said = home.succeed(&["sync", "--json"]);
    assert!(said.contains("\"new\":0"), "{said}");
    MaildirTree::read(home.path().join("Mail"))
        .unwrap()
        .assert_holds("INBOX", &hashes);
    assert_eq!(ada.messages("INBOX").len(), BEFORE + COMES);
}

#[test]
fn mutt_sees_mail_that_comes() {
    mail_that_comes_is_seen_by("mutt");
}

#[test]
fn neomutt_sees_mail_that_comes() {
    mail_that_comes_is_seen_by("neomutt");
}

#[test]
fn aerc_sees_mail_that_comes() {
    mail_that_comes_is_seen_by("aerc");
}
