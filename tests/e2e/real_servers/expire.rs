//! What leaves the server: what is proven, and nothing else.

use super::account::{assert_maildrop_empty, fill, hashes, imap_config, oracle, pop3_config, sync};
use postrider_tests::maildir::MaildirTree;
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use postrider_tests::server::Server;

const COUNT: usize = 15;
const EXPIRED: &str =
    "SELECT count(*) FROM messages WHERE proven_at IS NOT NULL AND expired_at >= proven_at";

/// A message that is too large is not fetched: it stays, although another client has marked it for removal, so that a
/// careless EXPUNGE would take it along.
pub(crate) fn r1_retention_delete_expunges_what_is_proven_and_nothing_else(server: &dyn Server) {
    let mut oracle = oracle(server, "ada");
    fill(&mut oracle, "INBOX", COUNT);
    let stored = hashes(&mut oracle, "INBOX");
    let large = format!("{}{}", message("INBOX", 77), "large\r\n".repeat(4000));
    oracle.append("INBOX", large.as_bytes(), &["\\Deleted"], 1_700_000_000);
    let config = imap_config(server, "ada") + "    max_size: 10KiB\n    retention: delete\n";
    let home = Home::new(&config);

    let report = sync(&home);
    assert_eq!(
        (&report["new"], &report["expired"]),
        (&COUNT.into(), &COUNT.into())
    );
    let tree = MaildirTree::read(home.path().join("Mail")).unwrap();
    tree.assert_holds("INBOX", &stored);
    let left: Vec<usize> = oracle
        .messages("INBOX")
        .into_values()
        .map(|held| held.octets)
        .collect();
    assert_eq!(left, [large.len()]);
    assert_eq!(home.count(EXPIRED), COUNT as i64);
    let again = sync(&home);
    assert_eq!((&again["new"], &again["expired"]), (&0.into(), &0.into()));
}

pub(crate) fn r1_r2_a_pop3_account_is_stored_proven_and_deleted(server: &dyn Server) {
    let mut oracle = oracle(server, "bob");
    fill(&mut oracle, "INBOX", COUNT);
    let mut stored = hashes(&mut oracle, "INBOX");
    let home = Home::new(&pop3_config(server, "bob"));
    let report = sync(&home);
    assert_eq!(
        (&report["new"], &report["expired"]),
        (&COUNT.into(), &COUNT.into())
    );
    let tree = || MaildirTree::read(home.path().join("Mail")).unwrap();
    tree().assert_holds("", &stored);
    assert_maildrop_empty(server, "bob");
    assert_eq!(home.count(EXPIRED), COUNT as i64);

    let text = message("INBOX", 500);
    oracle.append("INBOX", text.as_bytes(), &[], 1_700_000_000);
    stored.extend(hashes(&mut oracle, "INBOX"));
    sync(&home);
    tree().assert_holds("", &stored);
}
