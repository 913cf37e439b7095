//! STARTTLS and STLS by the built binary (R9): on a real Dovecot, and on servers that say one thing in the clear and another
//! under TLS, or something in between, as an attacker on the way would.

mod stage;

use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::message;
use stage::{Play, Stage};
use std::process::Output;

const BOTH: [&str; 2] = ["imap", "pop3"];

/// An account `home` with `tls: starttls`; whoever asks for the password leaves a trace.
fn config(protocol: &str, port: u16, ca_file: &std::path::Path) -> String {
    format!(
        "state_dir: {{home}}/state\naccounts:\n  home:\n    protocol: {protocol}\n    host: localhost\n    \
         port: {port}\n    tls: starttls\n    user: ada\n    \
         password: {{command: \"touch {{home}}/asked; echo secret\"}}\n    maildir: {{home}}/Mail\n    \
         ca_file: {}\n",
        ca_file.display()
    )
}

/// Checks the account on this stage.
fn check(protocol: &str, stage: &Stage) -> (Home, Output) {
    let home = Home::new(&config(protocol, stage.port, &stage.ca_file));
    let output = home.run(&["check"]);
    (home, output)
}

#[test]
fn mail_comes_over_starttls_and_stls_from_a_real_server() {
    let dovecot = Dovecot::with_certificate(
        &postrider_tests::certificate::Likeness::default(),
        "ssl = required\ndisable_plaintext_auth = yes",
    );
    for (protocol, port, user) in [
        ("imap", dovecot.imap_port, "ada"),
        ("pop3", dovecot.pop3_port, "bob"),
    ] {
        let text =
            config(protocol, port, &dovecot.ca_file).replace("user: ada", &format!("user: {user}"));
        let home = Home::new(&text);
        home.succeed(&["sync"]);
        let said = home.succeed(&["check"]);
        assert!(said.contains("  tls            TLS 1.3, "), "{said}");
        let logins = dovecot.log();
        let login = logins
            .lines()
            .rfind(|line| line.contains(&format!("user=<{user}>")));
        assert!(login.is_some_and(|line| line.contains(", TLS")), "{logins}");
    }
}

#[test]
fn mail_is_stored_over_starttls() {
    let dovecot = Dovecot::start();
    Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD).append(
        "INBOX",
        message("INBOX", 1).as_bytes(),
        &[],
        1_700_000_000,
    );
    let home = Home::new(&config("imap", dovecot.imap_port, &dovecot.ca_file));
    home.succeed(&["sync"]);
    assert_eq!(home.count("SELECT count(*) FROM messages"), 1);
}

#[test]
fn r9_capabilities_are_asked_anew_and_nothing_said_before_is_believed() {
    for protocol in BOTH {
        let stage = Stage::open(protocol, Play::Honest);
        let (_, output) = check(protocol, &stage);
        let said = said(&output);
        assert!(output.status.success(), "{said}\n{stage:?}");
        assert!(
            said.contains("X-UNDER-TLS") && !said.contains("X-IN-THE-CLEAR"),
            "{said}"
        );
        // In the clear PLAIN was offered, under TLS it is not.
        let (clear, secured) = stage.heard();
        let verbs = match protocol {
            "imap" => ["CAPABILITY", "STARTTLS"],
            _ => ["CAPA", "STLS"],
        };
        assert_eq!(verbs_of(&clear), verbs, "{clear:?}");
        assert_eq!(verbs_of(&secured)[0], verbs[0], "{secured:?}");
        let login = if protocol == "imap" { "LOGIN" } else { "USER" };
        assert_eq!(verbs_of(&secured)[1], login, "{secured:?}");
    }
}

#[test]
fn r9_untagged_responses_before_the_ok_change_nothing() {
    let stage = Stage::open("imap", Play::UntaggedBetween);
    let (_, output) = check("imap", &stage);
    let said = said(&output);
    assert!(output.status.success(), "{said}\n{stage:?}");
    assert!(
        said.contains("X-UNDER-TLS") && !said.contains("X-IN-BETWEEN"),
        "{said}"
    );
}

#[test]
fn r9_without_tls_there_is_no_login_whatever_the_server_does() {
    let plays = [
        (Play::NotOffered, "does not offer ST"),
        (Play::Refused, "refused ST"),
        (Play::Injected, ""),
        (Play::OkThenCleartext, "does not speak TLS"),
        (Play::PreAuth, "PREAUTH"),
    ];
    for protocol in BOTH {
        for (play, word) in plays {
            // POP3 has no PREAUTH.
            if protocol == "pop3" && play == Play::PreAuth {
                continue;
            }
            let stage = Stage::open(protocol, play);
            let (home, output) = check(protocol, &stage);
            let said = said(&output);
            let (clear, secured) = stage.heard();
            assert_eq!(
                output.status.code(),
                Some(77),
                "{protocol}, {play:?}: {said}"
            );
            assert!(said.contains(word), "{protocol}, {play:?}: {said}");
            assert!(secured.is_empty(), "{secured:?}");
            let allowed = [
                "CAPABILITY",
                "STARTTLS",
                "CAPA",
                "STLS",
                "LOGOUT",
                "QUIT",
                "\u{16}",
            ];
            let verbs = verbs_of(&clear);
            assert!(
                verbs.iter().all(|verb| allowed.contains(&verb.as_str())),
                "{clear:?}"
            );
            assert!(!clear.concat().contains("secret"), "{clear:?}");
            assert!(!home.path().join("asked").exists(), "{protocol}, {play:?}");
        }
    }
}

/// The words that commands are known by; a TLS record counts as its first octet.
fn verbs_of(lines: &[String]) -> Vec<String> {
    let verb = |line: &String| {
        if line.starts_with('\u{16}') {
            return "\u{16}".to_owned();
        }
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        // A tag of ours has a digit in it, and no command has.
        let is_tag = first.contains(|c: char| c.is_ascii_digit());
        let verb = if is_tag {
            words.next().unwrap_or_default()
        } else {
            first
        };
        verb.to_uppercase()
    };
    lines.iter().map(verb).collect()
}
