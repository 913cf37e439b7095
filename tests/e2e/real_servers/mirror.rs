//! What a new user does first.

use super::account::{fill, imap_config, oracle, sync};
use postrider_tests::maildir::MaildirTree;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use postrider_tests::server::Server;
use std::collections::BTreeMap;

/// Mailboxes and how people read them.
const MAILBOXES: [(&str, &str); 4] = [
    ("INBOX", "INBOX"),
    ("Work/Projects", "Work/Projects"),
    ("Sent", "Sent"),
    ("Entw&APw-rfe", "Entwürfe"),
];

/// What each flag is in a file's name.
const LETTERS: [(&str, char); 5] = [
    ("\\Draft", 'D'),
    ("\\Flagged", 'F'),
    ("$Forwarded", 'P'),
    ("\\Answered", 'R'),
    ("\\Seen", 'S'),
];

/// Server and Maildir hold the same: octets, flags and dates of every message.
fn assert_mirrored(server: &dyn Server, oracle: &mut Oracle, home: &Home) {
    let tree = MaildirTree::read(home.path().join("Mail")).unwrap();
    tree.assert_sound();
    for (mailbox, name) in MAILBOXES {
        let served = oracle.messages(&server.wire_name(mailbox));
        let local = tree.messages(&server.directory(name));
        assert_eq!(local.len(), served.len(), "{mailbox}");
        let by_hash: BTreeMap<_, _> = local.iter().map(|l| (l.sha256_lf.clone(), l)).collect();
        for (uid, held) in served {
            let local = by_hash
                .get(&held.sha256_lf)
                .unwrap_or_else(|| panic!("{mailbox} {uid} is not there"));
            assert_eq!(local.mtime, held.internal_date, "{mailbox} {uid}");
            let letters = LETTERS.iter().filter(|(flag, _)| held.has(flag));
            let letters: String = letters.map(|(_, letter)| *letter).collect();
            assert_eq!(local.flags, letters, "{mailbox} {uid}");
        }
    }
}

pub(crate) fn an_imap_account_is_mirrored_and_stays_on_the_server(server: &dyn Server) {
    let mut oracle = oracle(server, "ada");
    for (mailbox, _) in MAILBOXES {
        fill(&mut oracle, &server.wire_name(mailbox), 12);
    }
    let home = Home::new(&imap_config(server, "ada"));

    let checked = home.succeed(&["check"]);
    assert!(
        checked.contains("Work/Projects") && checked.contains("Entwürfe"),
        "{checked}"
    );
    assert!(!home.path().join("Mail").exists(), "check changes nothing");

    assert_eq!(sync(&home)["new"], 48);
    assert_mirrored(server, &mut oracle, &home);

    let again = sync(&home);
    assert_eq!((&again["new"], &again["octets"]), (&0.into(), &0.into()));

    let uids: Vec<u32> = oracle.messages("INBOX").keys().copied().collect();
    oracle.set_flags("INBOX", uids[0], &["\\Seen", "\\Flagged"]);
    oracle.set_flags("INBOX", uids[1], &[]);
    let sent = message("Sent", 99);
    let mailbox = server.wire_name("Sent");
    oracle.append(&mailbox, sent.as_bytes(), &["\\Seen"], 1_700_500_000);
    assert_eq!(sync(&home)["new"], 1);
    assert_mirrored(server, &mut oracle, &home);

    let status: serde_json::Value =
        serde_json::from_str(&home.succeed(&["status", "--json"])).unwrap();
    let account = &status["accounts"][0];
    assert_eq!(account["account"], "home", "{status}");
    let at = &account["last_success_at"];
    assert!(at.is_i64() || at.is_string(), "{status}");
}
