//! What a bad certificate ends in, and what `check` shows of a good one.

use super::*;
use postrider_tests::certificate::Likeness;

#[test]
fn r9_each_bad_certificate_is_refused_with_what_to_type() {
    let cases = [
        (
            Likeness {
                days: -40..-3,
                ..Likeness::default()
            },
            &[
                "the certificate of localhost has expired: it was valid until 20",
                "3 days ago",
                "must renew it",
            ][..],
        ),
        (
            Likeness {
                days: 3..40,
                ..Likeness::default()
            },
            &["is valid from 20", "check this machine's clock"],
        ),
        (
            Likeness {
                names: vec!["mail.example.org"],
                ..Likeness::default()
            },
            &[
                "is not for localhost, but for mail.example.org",
                "`host: mail.example.org`",
            ],
        ),
        (
            Likeness {
                names: vec!["a.example.org", "*.example.net", "127.0.0.9"],
                ..Likeness::default()
            },
            &[
                "but for a.example.org, *.example.net, 127.0.0.9",
                "a name that the certificate bears",
            ],
        ),
        (
            Likeness {
                by_itself: true,
                ..Likeness::default()
            },
            &[
                "is signed by itself (CN=localhost)",
                "by another way than this connection",
                "`pin: [\"sha256:",
            ],
        ),
    ];
    for (likeness, words) in cases {
        let dovecot = Dovecot::with_certificate(&likeness, "");
        for protocol in BOTH {
            let config = config(&dovecot, protocol, &trusting(&dovecot));
            assert_refused(&dovecot, &config, words);
        }
    }
}

#[test]
fn r9_an_unknown_authority_is_named() {
    let dovecot = Dovecot::start();
    for protocol in BOTH {
        let words = [
            "signed by nobody we trust, but by CN=postrider tests",
            "`ca_file:`",
        ];
        assert_refused(&dovecot, &config(&dovecot, protocol, ""), &words);
    }
}

#[test]
fn r9_starttls_verifies_the_same_way() {
    let likeness = Likeness {
        names: vec!["mail.example.org"],
        ..Likeness::default()
    };
    let dovecot = Dovecot::with_certificate(&likeness, "");
    for (protocol, from, to) in [
        ("imap", dovecot.imaps_port, dovecot.imap_port),
        ("pop3", dovecot.pop3s_port, dovecot.pop3_port),
    ] {
        let config = config(
            &dovecot,
            protocol,
            &format!("{}\ntls: starttls", trusting(&dovecot)),
        );
        let config = config.replace(&format!("port: {from}"), &format!("port: {to}"));
        assert_refused(&dovecot, &config, &["but for mail.example.org"]);
    }
}

#[test]
fn check_shows_the_certificate_its_time_and_what_to_pin() {
    let dovecot = Dovecot::start();
    let pem = dovecot.dir.join("server.pem");
    // OpenSSL prints capitals and colons.
    let itself = pin_of(&pem)
        .replace(':', "")
        .to_lowercase()
        .replacen("sha256", "sha256:", 1);
    for protocol in BOTH {
        let home = Home::new(&config(&dovecot, protocol, &trusting(&dovecot)));
        let said = home.succeed(&["check"]);
        for line in [
            "  tls            TLS 1.3, TLS13_".to_owned(),
            ", its chain was verified\n".to_owned(),
            "  certificate    CN=localhost\n".to_owned(),
            "    for          localhost, 127.0.0.1\n".to_owned(),
            "    issued by    CN=postrider tests\n".to_owned(),
            // Ninety days, less what has passed since it was made.
            ", 89 days left\n".to_owned(),
            format!("    itself       {itself}\n"),
            format!("    its key      {}\n", key_pin_of(&pem)),
            "  login          ok\n".to_owned(),
        ] {
            assert!(said.contains(&line), "{line:?} is not in: {said}");
        }
    }
}

#[test]
fn check_shows_a_certificate_that_it_refuses() {
    let likeness = Likeness {
        by_itself: true,
        ..Likeness::default()
    };
    let dovecot = Dovecot::with_certificate(&likeness, "");
    let key = key_pin_of(&dovecot.dir.join("server.pem"));
    let home = Home::new(&config(&dovecot, "imap", ""));
    let output = home.run(&["check"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(77), "{said}");
    for line in [
        "  certificate    CN=localhost\n",
        &format!("    its key      {key}\n"),
        "  failed ",
    ] {
        assert!(said.contains(line), "{line:?} is not in: {said}");
    }
    assert!(
        !said.contains("login          ok") && !said.contains("  tls   "),
        "{said}"
    );
}

#[test]
fn what_was_secured_is_shown_though_the_login_fails() {
    let dovecot = Dovecot::start();
    let config = config(&dovecot, "imap", &trusting(&dovecot));
    let home = Home::new(&config.replace("echo secret", "echo wrong"));
    let output = home.run(&["check"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(77), "{said}");
    assert!(said.contains("its chain was verified"), "{said}");
}
