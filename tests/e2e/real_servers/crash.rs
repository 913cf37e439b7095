//! R3 in small: `crash.rs` beside this directory kills more often, but only on Dovecot.

use super::account::{assert_maildrop_empty, fill, hashes, imap_config, oracle, pop3_config};
use postrider_tests::maildir::MaildirTree;
use postrider_tests::postrider::{Home, binary};
use postrider_tests::server::Server;
use std::process::Stdio;
use std::time::{Duration, Instant};

const COUNT: usize = 300;

/// When syncs are killed, each in the home that the one before left. The last comes when most are done.
const AFTER: [u64; 5] = [60, 90, 120, 160, 220];

fn kill_syncs(home: &Home) {
    binary();
    for after in AFTER {
        let mut sync = home.command(&["sync"]);
        let mut sync = sync
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(after));
        sync.kill().unwrap();
        sync.wait().unwrap();
    }
}

pub(crate) fn r3_an_imap_sync_killed_at_some_moments_heals(server: &dyn Server) {
    let mut oracle = oracle(server, "ada");
    fill(&mut oracle, "INBOX", COUNT);
    let stored = hashes(&mut oracle, "INBOX");
    let home = Home::new(&imap_config(server, "ada"));
    kill_syncs(&home);
    home.succeed(&["sync"]);
    let tree = MaildirTree::read(home.path().join("Mail")).unwrap();
    tree.assert_holds("INBOX", &stored);
    assert_eq!(hashes(&mut oracle, "INBOX").len(), COUNT);
}

pub(crate) fn r3_a_pop3_sync_killed_at_some_moments_heals(server: &dyn Server) {
    let mut oracle = oracle(server, "bob");
    fill(&mut oracle, "INBOX", COUNT);
    let stored = hashes(&mut oracle, "INBOX");
    let home = Home::new(&pop3_config(server, "bob"));
    kill_syncs(&home);
    // A killed client's maildrop may be locked for a moment.
    let deadline = Instant::now() + Duration::from_secs(20);
    while !home.run(&["sync"]).status.success() {
        assert!(Instant::now() < deadline, "the next sync does not succeed");
        std::thread::sleep(Duration::from_millis(200));
    }
    let tree = MaildirTree::read(home.path().join("Mail")).unwrap();
    tree.assert_holds("", &stored);
    assert_maildrop_empty(server, "bob");
}
