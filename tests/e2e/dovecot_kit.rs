//! The real server and the clients that look at it, against each other.

use std::collections::BTreeSet;
use std::process::Command;

use postrider_tests::digest::sha256;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::{Oracle, Pop3Oracle};

const MAIL: &[u8] = b"Subject: one\r\n\r\n.dot\r\nend\r\n";
/// 2024-02-29T12:00:00Z.
const LEAP_DAY: i64 = 1_709_208_000;

#[test]
fn what_goes_in_over_imap_comes_out_over_both_protocols() {
    let server = Dovecot::start();
    let mut imap = Oracle::login(server.imap_port, "ada", Dovecot::PASSWORD);
    imap.create("Entw&APw-rfe");
    imap.create("Work/Projects");
    imap.append("INBOX", MAIL, &["\\Seen", "work"], LEAP_DAY);
    imap.append("INBOX", MAIL, &[], LEAP_DAY + 1);
    assert_eq!(imap.mailboxes(), ["Entw&APw-rfe", "INBOX", "Work/Projects"]);
    let held = imap.messages("INBOX");
    assert_eq!(held.keys().copied().collect::<Vec<_>>(), [1, 2]);
    let flags: BTreeSet<String> = ["\\Seen", "work"].map(str::to_owned).into();
    assert_eq!(
        (&held[&1].flags, held[&1].internal_date),
        (&flags, LEAP_DAY)
    );
    assert_eq!(
        (held[&2].octets, &held[&2].sha256),
        (MAIL.len(), &sha256(MAIL))
    );
    assert!(imap.messages("Work/Projects").is_empty());

    let mut pop3 = Pop3Oracle::login(server.pop3_port, "ada", Dovecot::PASSWORD);
    assert_eq!(pop3.uidls().len(), 2);
    assert_eq!(pop3.messages(), [MAIL, MAIL]);
    pop3.quit();

    imap.set_flags("INBOX", 1, &["\\Flagged"]);
    imap.expunge("INBOX", 2);
    let held = imap.messages("INBOX");
    assert_eq!(held.keys().copied().collect::<Vec<_>>(), [1]);
    assert_eq!(held[&1].flags, ["\\Flagged".to_owned()].into());
    assert!(imap.uid_validity("INBOX") > 0);
    imap.rename("Work/Projects", "Play");
    imap.delete("Entw&APw-rfe");
    assert_eq!(imap.mailboxes(), ["INBOX", "Play"]);
}

#[test]
fn the_certificate_is_good_for_localhost_and_its_address_on_both_tls_ports() {
    let server = Dovecot::start();
    for port in [server.imaps_port, server.pop3s_port] {
        for check in ["-verify_hostname localhost", "-verify_ip 127.0.0.1"] {
            let mut client = Command::new("openssl");
            client.args(["s_client", "-brief", "-verify_return_error", "-connect"]);
            client
                .arg(format!("127.0.0.1:{port}"))
                .arg("-CAfile")
                .arg(&server.ca_file);
            client
                .args(check.split(' '))
                .stdin(std::process::Stdio::null());
            let output = client.output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(
                told.contains("Verification: OK"),
                "{check}: {told}\n{}",
                server.log()
            );
        }
    }
}

#[test]
fn capabilities_can_be_trimmed() {
    use std::io::{BufRead, BufReader, Write};
    let server = Dovecot::with_capability("IMAP4rev1 UIDPLUS");
    let stream = std::net::TcpStream::connect(("127.0.0.1", server.imap_port)).unwrap();
    (&stream)
        .write_all(b"1 LOGIN ada secret\r\n2 CAPABILITY\r\n3 LOGOUT\r\n")
        .unwrap();
    let lines: Vec<String> = BufReader::new(&stream)
        .lines()
        .map(Result::unwrap)
        .collect();
    assert!(
        lines
            .iter()
            .any(|line| line == "* CAPABILITY IMAP4rev1 UIDPLUS"),
        "{lines:?}"
    );
}

#[test]
fn two_servers_live_side_by_side_and_end_with_their_values() {
    let (one, other) = (Dovecot::start(), Dovecot::start());
    let mut imap = Oracle::login(one.imap_port, "ada", Dovecot::PASSWORD);
    imap.append("INBOX", MAIL, &[], LEAP_DAY);
    assert!(
        Oracle::login(other.imap_port, "ada", Dovecot::PASSWORD)
            .messages("INBOX")
            .is_empty()
    );
    let (port, dir) = (one.imap_port, one.dir.clone());
    drop(imap);
    drop(one);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!dir.exists());
    assert_eq!(
        Oracle::login(other.imap_port, "bob", Dovecot::PASSWORD).mailboxes(),
        ["INBOX"]
    );
}
