//! history, verify, undo and a lost index: the built binary on a real Dovecot over TLS.

use postrider_tests::dovecot::Dovecot;
use postrider_tests::maildir::MaildirTree;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::message;
use serde_json::Value;

fn config(dovecot: &Dovecot, retention: &str) -> String {
    format!(
        "state_dir: {{home}}/state\naccounts:\n  home:\n    host: localhost\n    port: {}\n    user: ada\n    \
         password: {{command: echo {}}}\n    ca_file: {}\n    maildir: {{home}}/Mail\n    retention: {retention}\n",
        dovecot.imaps_port,
        Dovecot::PASSWORD,
        dovecot.ca_file.display()
    )
}

fn filled(count: usize) -> (Dovecot, Oracle) {
    let dovecot = Dovecot::start();
    let mut oracle = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    for n in 0..count {
        let flags: &[&str] = if n == 0 { &["\\Seen", "work"] } else { &[] };
        let date = 1_700_000_000 + n as i64 * 3600;
        oracle.append("INBOX", message("INBOX", n).as_bytes(), flags, date);
    }
    (dovecot, oracle)
}

fn json(text: &str) -> Value {
    let line = text.lines().find(|line| line.starts_with('{'));
    serde_json::from_str(line.unwrap()).unwrap()
}

#[test]
fn expired_messages_are_in_the_history_and_undo_puts_them_back() {
    let (dovecot, mut oracle) = filled(4);
    let before = oracle.messages("INBOX");
    let home = Home::new(&config(&dovecot, "delete"));
    home.succeed(&["sync"]);
    assert!(oracle.messages("INBOX").is_empty());

    let told = json(&home.succeed(&["history", "home", "--json", "--action", "expired"]));
    let entries = told["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    assert_eq!(entries[0]["because"], "retention: delete");
    let path = entries[0]["copy"]["path"].as_str().unwrap();
    assert!(std::path::Path::new(path).is_file(), "{path}");
    let lines = home.succeed(&["history", "--message-id", "<2.INBOX@example.org>"]);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(
        lines.lines().nth(1).unwrap().contains("stored"),
        "the newest comes last: {lines}"
    );

    let planned = home.succeed(&["undo", "home", "--mailbox", "inbox", "--dry-run"]);
    assert!(
        planned.contains("4 messages would be put back"),
        "{planned}"
    );
    assert!(oracle.messages("INBOX").is_empty());
    let undone = home.succeed(&["undo", "home", "--mailbox", "inbox"]);
    assert!(undone.contains("4 messages put back"), "{undone}");
    let after = oracle.messages("INBOX");
    let content =
        |held: &std::collections::BTreeMap<u32, _>| -> Vec<postrider_tests::oracle::Held> {
            held.values().cloned().collect()
        };
    assert_eq!(
        content(&after),
        content(&before),
        "octets, flags and dates are the same"
    );
    home.succeed(&["sync"]);
    assert_eq!(oracle.messages("INBOX"), after, "what was put back stays");
    assert_eq!(
        MaildirTree::read(home.path().join("Mail")).unwrap().len(),
        4
    );

    for refused in [
        &["undo", "home"][..],
        &["undo", "nobody", "--all"],
        &["history", "nobody", "--json"],
    ] {
        assert_eq!(home.run(refused).status.code(), Some(64), "{refused:?}");
    }
}

#[test]
fn verify_ends_with_74_until_it_was_repaired() {
    let (dovecot, mut oracle) = filled(3);
    let home = Home::new(&config(&dovecot, "keep"));
    home.succeed(&["sync"]);
    let good = home.succeed(&["verify", "--server"]);
    assert!(good.contains("home: 3 messages are good"), "{good}");
    assert!(
        good.contains("home: 3 messages are on the server"),
        "{good}"
    );
    let tree = home.path().join("Mail/INBOX");
    let file = postrider_tests::rig::files(&tree).pop().unwrap();
    let octets = std::fs::read(&file).unwrap();
    std::fs::write(&file, &octets[..octets.len() / 2]).unwrap();
    let wrong = home.run(&["verify"]);
    assert_eq!(wrong.status.code(), Some(74));
    assert!(said(&wrong).contains("changed"), "{}", said(&wrong));
    let healed = home.succeed(&["verify", "--repair"]);
    assert!(healed.contains("changed (healed)"), "{healed}");
    home.succeed(&["sync"]);
    home.succeed(&["verify", "home", "--server"]);
    let tree = MaildirTree::read(home.path().join("Mail")).unwrap();
    assert_eq!(
        tree.len(),
        4,
        "the changed file stays beside the server's copy"
    );
    assert_eq!(oracle.messages("INBOX").len(), 3);
}

#[test]
fn r4_a_lost_index_costs_no_download() {
    let (dovecot, _oracle) = filled(5);
    let home = Home::new(&config(&dovecot, "keep"));
    home.succeed(&["sync"]);
    std::fs::remove_dir_all(home.path().join("state")).unwrap();
    let again = json(&home.succeed(&["sync", "--json"]));
    let account = &again["accounts"][0];
    assert_eq!(
        (&account["new"], &account["octets"]),
        (&Value::from(0), &Value::from(0)),
        "{again}"
    );
    let tree = MaildirTree::read(home.path().join("Mail")).unwrap();
    tree.assert_sound();
    assert_eq!(tree.len(), 5);
    assert_eq!(
        home.count("SELECT count(*) FROM messages WHERE uid IS NOT NULL"),
        5
    );
    home.succeed(&["verify", "--server"]);
}
