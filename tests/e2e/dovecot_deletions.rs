//! `deletions: push` as its user meets it: the built binary on a real Dovecot.

use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::{files, message};
use std::fs;

fn config(dovecot: &Dovecot, deletions: &str) -> String {
    format!(
        "state_dir: {{home}}/state\naccounts:\n  home:\n    host: localhost\n    port: {}\n    user: ada\n    \
         password: {{command: echo {}}}\n    ca_file: {}\n    maildir: {{home}}/Mail\n    deletions: {deletions}\n",
        dovecot.imaps_port,
        Dovecot::PASSWORD,
        dovecot.ca_file.display()
    )
}

fn delete(home: &Home, n: usize) {
    let text = message("INBOX", n).replace("\r\n", "\n");
    let holds = |path: &&std::path::PathBuf| fs::read_to_string(path).is_ok_and(|t| t == text);
    let files = files(&home.path().join("Mail"));
    fs::remove_file(files.iter().find(holds).unwrap()).unwrap();
}

#[test]
fn what_a_reader_deletes_goes_once_it_was_proven_and_what_stays_is_said_once() {
    let dovecot = Dovecot::start();
    let mut oracle = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    for n in 0..12 {
        oracle.append("INBOX", message("INBOX", n).as_bytes(), &[], 1_700_000_000);
    }
    let home = Home::new(&config(&dovecot, "keep"));
    home.succeed(&["sync"]);
    delete(&home, 0);
    home.succeed(&["sync"]);
    assert_eq!(oracle.messages("INBOX").len(), 12, "it is kept");

    // R1: nothing was proven while nothing could go.
    home.configure(&config(&dovecot, "push"));
    let mut told = String::new();
    for _ in 0..4 {
        told.push_str(&said(&home.run(&["sync"])));
    }
    let times = told.matches("deleted its local copy before that was proven");
    assert_eq!(times.count(), 1, "{told}");
    let status = home.succeed(&["status"]);
    assert!(
        status.contains("home: 1 deleted here stay on the server"),
        "{status}"
    );
    assert_eq!(oracle.messages("INBOX").len(), 12);

    // R5: two passes.
    delete(&home, 1);
    delete(&home, 2);
    home.succeed(&["sync"]);
    assert_eq!(oracle.messages("INBOX").len(), 12);
    let announced = home.succeed(&["sync", "--dry-run"]);
    let goes = "2 would be deleted on the server (deletions: push)";
    assert!(announced.contains(goes), "{announced}");
    home.succeed(&["sync"]);
    assert_eq!(oracle.messages("INBOX").len(), 10);

    // R6: all the rest, but the one that stays.
    home.configure(&format!(
        "{}    brake: {{messages: 5, share: 20%}}\n",
        config(&dovecot, "push")
    ));
    (3..12).for_each(|n| delete(&home, n));
    home.succeed(&["sync"]);
    let output = home.run(&["sync"]);
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    assert_eq!(oracle.messages("INBOX").len(), 10);
    let approved = home.succeed(&["approve", "home"]);
    assert!(approved.contains("deletions: push"), "{approved}");
    home.succeed(&["sync"]);
    assert_eq!(oracle.messages("INBOX").len(), 1);
}
