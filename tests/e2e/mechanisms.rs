//! Every mechanism that a real Dovecot has, over both protocols.

use crate::real_servers::fill;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::{Home, said};

const OFFERED: &str = "auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 apop";

/// `auth`, and what Dovecot calls it in its log: for IMAP and for POP3; `None`: it is an error of the configuration.
const MECHANISMS: [(&str, Option<&str>, Option<&str>); 7] = [
    ("auto", Some("SCRAM-SHA-256"), Some("SCRAM-SHA-256")),
    ("plain", Some("PLAIN"), Some("PLAIN")),
    ("login", Some("PLAIN"), Some("PLAIN")),
    ("cram-md5", Some("CRAM-MD5"), Some("CRAM-MD5")),
    ("scram-sha-1", Some("SCRAM-SHA-1"), Some("SCRAM-SHA-1")),
    (
        "scram-sha-256",
        Some("SCRAM-SHA-256"),
        Some("SCRAM-SHA-256"),
    ),
    ("apop", None, Some("APOP")),
];

fn config(dovecot: &Dovecot, (protocol, port): (&str, u16), auth: &str) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{level: trace}}\naccounts:\n  home:\n    protocol: {protocol}\n    \
         host: localhost\n    port: {port}\n    user: ada\n    password: {{command: echo {}}}\n    ca_file: {}\n    \
         auth: {auth}\n    maildir: \"{{home}}/Mail\"\n    retention: keep\n",
        Dovecot::PASSWORD,
        dovecot.ca_file.display(),
    )
}

#[test]
fn each_lets_us_in_and_the_server_says_by_which() {
    let dovecot = Dovecot::with_lines(OFFERED);
    let mut oracle = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    fill(&mut oracle, "INBOX", 1);
    for (auth, imap, pop3) in MECHANISMS {
        for (protocol, port, method) in [
            ("imap", dovecot.imaps_port, imap),
            ("pop3", dovecot.pop3s_port, pop3),
        ] {
            let home = Home::new(&config(&dovecot, (protocol, port), auth));
            let before = dovecot.log().len();
            let output = home.run(&["sync"]);
            let said = said(&output);
            let Some(method) = method else {
                assert_eq!(output.status.code(), Some(78), "{said}");
                continue;
            };
            assert!(output.status.success(), "{protocol} {auth}: {said}");
            assert!(!said.contains(Dovecot::PASSWORD), "{said}");
            let log = dovecot.log();
            let log = log.get(before..).unwrap();
            let login = format!("{protocol}-login: Info: Login: user=<ada>, method={method},");
            assert!(log.contains(&login), "{protocol} {auth}:\n{log}");
        }
    }
}

#[test]
fn a_mechanism_that_the_server_lacks_is_not_replaced_by_another() {
    let dovecot = Dovecot::with_lines("auth_mechanisms = plain");
    for (protocol, port) in [("imap", dovecot.imaps_port), ("pop3", dovecot.pop3s_port)] {
        for auth in ["cram-md5", "scram-sha-1", "scram-sha-256"] {
            let home = Home::new(&config(&dovecot, (protocol, port), auth));
            let output = home.run(&["sync"]);
            assert_eq!(output.status.code(), Some(77), "{}", said(&output));
            assert!(
                said(&output).contains("does not offer"),
                "{}",
                said(&output)
            );
        }
    }
}

#[test]
fn a_server_that_offers_only_weaker_ways_than_last_time_is_told_once() {
    let strong = Dovecot::with_lines(OFFERED);
    let weak = Dovecot::with_lines("auth_mechanisms = plain login");
    let ports = |dovecot: &Dovecot| [("imap", dovecot.imaps_port), ("pop3", dovecot.pop3s_port)];
    for (before, after) in ports(&strong).into_iter().zip(ports(&weak)) {
        let home = Home::new(&config(&strong, before, "auto"));
        let told = |said: String| said.contains("offers only weaker ways to log in");
        assert!(!told(home.succeed(&["sync"])), "{before:?}");
        assert!(!told(home.succeed(&["sync"])), "{before:?}");
        home.configure(&config(&weak, after, "auto"));
        assert!(told(home.succeed(&["sync"])), "{after:?}");
        assert!(!told(home.succeed(&["sync"])), "{after:?}");
    }
}
