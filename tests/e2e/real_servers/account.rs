//! An account on a real server: its configuration, and what its mailboxes hold before the story begins.

use postrider_tests::oracle::{Oracle, Pop3Oracle};
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use postrider_tests::server::{PASSWORD, Server};
use serde_json::Value;
use std::time::{Duration, Instant};

/// One account `home` of `user`, mirrored into `Mail`.
pub(crate) fn imap_config(server: &dyn Server, user: &str) -> String {
    config(server, "imap", server.ports().imaps, user)
}

/// One account `home` of `user`, fetched into `Mail`.
pub(crate) fn pop3_config(server: &dyn Server, user: &str) -> String {
    config(server, "pop3", server.ports().pop3s, user)
}

fn config(server: &dyn Server, protocol: &str, port: u16, user: &str) -> String {
    format!(
        "state_dir: {{home}}/state\naccounts:\n  home:\n    protocol: {protocol}\n    host: localhost\n    \
         port: {port}\n    user: {user}\n    password: {{command: echo {PASSWORD}}}\n    ca_file: {}\n    \
         maildir: {{home}}/Mail\n",
        server.ca_file().display()
    )
}

/// The client that looks at the server beside us.
pub(crate) fn oracle(server: &dyn Server, user: &str) -> Oracle {
    Oracle::login(server.ports().imap, user, PASSWORD)
}

/// Puts `count` messages into a mailbox, named as on the wire; makes it when it is not INBOX.
pub(crate) fn fill(oracle: &mut Oracle, mailbox: &str, count: usize) {
    if mailbox != "INBOX" {
        oracle.create(mailbox);
    }
    for n in 0..count {
        let flags: &[&str] = match n % 4 {
            0 => &[],
            1 => &["\\Seen"],
            2 => &["\\Seen", "\\Answered", "$Forwarded"],
            _ => &["\\Flagged", "work"],
        };
        let date = 1_700_000_000 + n as i64 * 3600;
        oracle.append(mailbox, message(mailbox, n).as_bytes(), flags, date);
    }
}

/// The hashes of a mailbox's messages, line ends as in a Maildir.
pub(crate) fn hashes(oracle: &mut Oracle, mailbox: &str) -> Vec<String> {
    let held = oracle.messages(mailbox).into_values();
    held.map(|held| held.sha256_lf).collect()
}

/// Ends the test unless a maildrop is empty. Courier answers QUIT before it removes what was to be deleted (seen
/// with 1.0.16): a look right after finds messages, and fewer each time.
pub(crate) fn assert_maildrop_empty(server: &dyn Server, user: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut maildrop = Pop3Oracle::login(server.ports().pop3, user, PASSWORD);
        let left = maildrop.uidls().len();
        maildrop.quit();
        if left == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{left} messages are left");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Syncs and returns what was done to the one account.
pub(crate) fn sync(home: &Home) -> Value {
    let said = home.succeed(&["sync", "--json"]);
    let document = said.lines().find(|line| line.starts_with('{')).unwrap();
    let document: Value = serde_json::from_str(document).unwrap();
    document["accounts"][0].clone()
}
