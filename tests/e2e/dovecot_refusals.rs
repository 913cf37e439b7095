//! The built binary on a real Dovecot that wants something else, or is not there.

use crate::real_servers::{fill, imap_config};
use postrider_tests::dovecot::Dovecot;
use postrider_tests::maildir::MaildirTree;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::{Home, said};

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
