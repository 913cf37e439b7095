//! The brake as its user meets it: the built binary on a real Dovecot.

use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::message;
use serde_json::Value;

fn config(dovecot: &Dovecot, retention: &str) -> String {
    format!(
        "state_dir: {{home}}/state\naccounts:\n  home:\n    host: localhost\n    port: {}\n    user: ada\n    \
         password: {{command: echo {}}}\n    ca_file: {}\n    maildir: {{home}}/Mail\n    retention: {retention}\n    \
         brake: {{messages: 5, share: 20%}}\n",
        dovecot.imaps_port,
        Dovecot::PASSWORD,
        dovecot.ca_file.display()
    )
}

#[test]
fn r6_what_waits_and_why_is_said_until_somebody_approves_it() {
    let dovecot = Dovecot::start();
    let mut oracle = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    for n in 0..12 {
        oracle.append("INBOX", message("INBOX", n).as_bytes(), &[], 1_700_000_000);
    }
    let home = Home::new(&config(&dovecot, "{keep_latest: 2}"));
    let output = home.run(&["sync"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("postrider approve home"), "{said}");
    assert_eq!(oracle.messages("INBOX").len(), 12, "nothing went");
    assert_eq!(home.count("SELECT count(*) FROM messages"), 12, "all came");

    let told = home.succeed(&["status"]);
    let rule = "10 of 12 server copies wait for";
    assert!(told.contains(rule), "{told}");
    assert!(told.contains("retention: keep_latest: 2"), "{told}");
    let document: Value = serde_json::from_str(&home.succeed(&["status", "--json"])).unwrap();
    let brake = &document["accounts"][0]["brakes"][0];
    assert_eq!(brake["because"], "retention: keep_latest: 2");
    assert_eq!(
        (&brake["removing"], &brake["held"]),
        (&10.into(), &12.into())
    );

    // What is approved is what was shown: another rule is another question.
    home.succeed(&["approve", "home"]);
    home.configure(&config(&dovecot, "{keep_latest: 3}"));
    assert_eq!(home.run(&["sync"]).status.code(), Some(75));
    assert_eq!(oracle.messages("INBOX").len(), 12);

    let approved = home.succeed(&["approve", "home"]);
    assert!(approved.contains("9 of 12 server copies"), "{approved}");
    home.succeed(&["sync"]);
    assert_eq!(oracle.messages("INBOX").len(), 3);
    assert!(!home.succeed(&["status"]).contains("wait"));
}
