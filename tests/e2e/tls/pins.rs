//! Pins: a server that nobody vouches for, a wrong pin, a rotation as docs/tls.md explains it.

use super::*;
use postrider_tests::certificate::{self, Likeness};

fn lonely() -> Likeness {
    Likeness {
        names: vec!["nas.lan"],
        by_itself: true,
        ..Likeness::default()
    }
}

#[test]
fn a_pin_lets_in_a_server_that_nobody_vouches_for() {
    let dovecot = Dovecot::with_certificate(&lonely(), "");
    let pem = dovecot.dir.join("server.pem");
    for (pin, word) in [
        (pin_of(&pem), "the certificate is pinned"),
        (key_pin_of(&pem), "the certificate's key is pinned"),
    ] {
        for protocol in BOTH {
            let home = Home::new(&config(&dovecot, protocol, &format!("pin: [\"{pin}\"]")));
            home.succeed(&["sync"]);
            let said = home.succeed(&["check"]);
            assert!(said.contains(word), "{said}");
        }
    }
}

#[test]
fn r9_a_wrong_pin_is_refused_though_an_authority_vouches_and_the_right_ones_are_shown() {
    let dovecot = Dovecot::start();
    let pem = dovecot.dir.join("server.pem");
    let key = key_pin_of(&pem);
    for protocol in BOTH {
        let lines = format!(
            "{}\npin: [\"sha256:{}\"]",
            trusting(&dovecot),
            "5a".repeat(32)
        );
        let words = [
            "the certificate of localhost matches no `pin`: its own is sha256:",
            &key,
            "by another way than this connection",
            &format!("`pin: [\"{key}\"]`"),
        ];
        assert_refused(&dovecot, &config(&dovecot, protocol, &lines), &words);
    }
    // In a table of accounts a cell is one pin, or a list.
    let home = Home::new("state_dir: {home}/state\naccounts_from: accounts.csv\n");
    let row = format!(
        "account,host,port,user,password.command,maildir,pin\n\
         home,localhost,{},ada,echo secret,{}/Mail,{key}\n",
        dovecot.imaps_port,
        home.path().display()
    );
    std::fs::write(home.path().join("accounts.csv"), row).unwrap();
    home.succeed(&["sync"]);
}

#[test]
fn a_rotation_that_was_prepared_is_not_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let next = certificate::key(dir.path());
    let old = Dovecot::with_certificate(&lonely(), "");
    let pins = format!(
        "pin: [\"{}\", \"{}\"]",
        key_pin_of(&old.dir.join("server.pem")),
        key_pin_of(&next)
    );
    let home = Home::new(&config(&old, "imap", &pins));
    home.succeed(&["sync"]);
    drop(old);
    let renewed = Likeness {
        key: Some(next),
        ..lonely()
    };
    let new = Dovecot::with_certificate(&renewed, "");
    home.configure(&config(&new, "imap", &pins));
    home.succeed(&["sync"]);
}

#[test]
fn a_pinned_certificate_that_has_expired_is_refused() {
    let expired = Likeness {
        days: -40..-3,
        ..lonely()
    };
    let dovecot = Dovecot::with_certificate(&expired, "");
    let pin = key_pin_of(&dovecot.dir.join("server.pem"));
    let config = config(&dovecot, "imap", &format!("pin: [\"{pin}\"]"));
    assert_refused(&dovecot, &config, &["has expired: it was valid until"]);
}
