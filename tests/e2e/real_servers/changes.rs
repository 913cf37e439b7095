//! What others do to an account at its server: nothing of it is fetched again, nothing lost.

use super::account::{fill, hashes, imap_config, oracle, sync};
use postrider_tests::maildir::MaildirTree;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::Home;
use postrider_tests::server::Server;

const COUNT: usize = 12;

/// What vanishes is removed here too, and nothing brakes that: what is taken for vanished and is not would be lost.
const REMOVING: &str = "    retention: {vanished: delete}\n    brake: off\n";

/// INBOX and Work, mirrored once by an account with these keys besides.
fn synced(server: &dyn Server, keys: &str) -> (Oracle, Home) {
    let mut oracle = oracle(server, "ada");
    fill(&mut oracle, "INBOX", COUNT);
    fill(&mut oracle, &server.wire_name("Work"), COUNT);
    let home = Home::new(&(imap_config(server, "ada") + keys));
    assert_eq!(sync(&home)["new"], 2 * COUNT);
    (oracle, home)
}

fn uids(oracle: &mut Oracle, mailbox: &str) -> Vec<u32> {
    oracle.messages(mailbox).into_keys().collect()
}

fn tree(home: &Home) -> MaildirTree {
    MaildirTree::read(home.path().join("Mail")).unwrap()
}

pub(crate) fn what_vanishes_at_the_server_stays_here_unless_told_otherwise(server: &dyn Server) {
    let (mut oracle, home) = synced(server, "");
    let all = hashes(&mut oracle, "INBOX");
    for uid in uids(&mut oracle, "INBOX").into_iter().skip(3).take(2) {
        oracle.expunge("INBOX", uid);
    }
    let report = sync(&home);
    assert_eq!(
        (&report["vanished"], &report["new"]),
        (&2.into(), &0.into())
    );
    tree(&home).assert_holds("INBOX", &all);
    let vanished = "SELECT count(*) FROM messages WHERE vanished_at IS NOT NULL";
    assert_eq!(home.count(vanished), 2);
    let again = sync(&home);
    assert_eq!((&again["vanished"], &again["new"]), (&0.into(), &0.into()));

    home.configure(&(imap_config(server, "ada") + REMOVING));
    let work = server.wire_name("Work");
    for uid in uids(&mut oracle, &work).into_iter().take(2) {
        oracle.expunge(&work, uid);
    }
    assert_eq!(sync(&home)["vanished"], 2);
    let left = hashes(&mut oracle, &work);
    tree(&home).assert_holds(&server.directory("Work"), &left);
}

pub(crate) fn a_message_moved_at_the_server_takes_its_file_along(server: &dyn Server) {
    let (mut oracle, home) = synced(server, REMOVING);
    let work = server.wire_name("Work");
    for uid in uids(&mut oracle, "INBOX").into_iter().take(2) {
        oracle.move_message("INBOX", uid, &work);
    }
    let report = sync(&home);
    assert_eq!((&report["new"], &report["octets"]), (&0.into(), &0.into()));
    assert_eq!(report["vanished"], 0, "what moved is not gone");
    let tree = tree(&home);
    tree.assert_holds("INBOX", &hashes(&mut oracle, "INBOX"));
    tree.assert_holds(&server.directory("Work"), &hashes(&mut oracle, &work));
    assert_eq!(
        home.count("SELECT count(*) FROM ledger WHERE action = 'moved'"),
        2
    );
}

pub(crate) fn a_mailbox_renamed_at_the_server_is_renamed_here(server: &dyn Server) {
    let (mut oracle, home) = synced(server, REMOVING);
    let new = server.wire_name("Archive/2026");
    // Courier gives the new name a new UIDVALIDITY: there it is content that tells.
    oracle.rename(&server.wire_name("Work"), &new);
    let report = sync(&home);
    assert_eq!((&report["new"], &report["octets"]), (&0.into(), &0.into()));
    assert_eq!(report["vanished"], 0, "what moved is not gone");
    let old = home.path().join("Mail").join(server.directory("Work"));
    assert!(!old.exists(), "nothing of the old name is left");
    let tree = tree(&home);
    let directory = server.directory("Archive/2026");
    tree.assert_holds(&directory, &hashes(&mut oracle, &new));
    assert_eq!(tree.len(), 2 * COUNT);
    let vanished = "SELECT count(*) FROM messages WHERE vanished_at IS NOT NULL";
    assert_eq!(home.count(vanished), 0);
}
