//! The accounts of the sweep: what they let go and how, and the mail they begin with.

use postrider_tests::cutting_proxy::CuttingProxy;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use std::process::Command;

/// Fewer than ten: the brake is another story.
pub(crate) const MESSAGES: usize = 5;

/// A policy and the words by which the server is asked for what cannot be taken back.
pub(crate) struct Story {
    protocol: &'static str,
    retention: &'static str,
    /// What it has is proven and older than any rule asks before the pass begins.
    aged: bool,
    pub(crate) words: &'static [&'static str],
    /// Where the server copies go, if not away.
    pub(crate) trash: Option<&'static str>,
    /// The rule as the ledger tells it.
    pub(crate) rule: &'static str,
}

pub(crate) const IMAP_DELETE: Story = Story {
    protocol: "imap",
    retention: "delete",
    aged: false,
    words: &["UID STORE", "UID EXPUNGE"],
    trash: None,
    rule: "retention: delete",
};

pub(crate) const IMAP_DELETE_AFTER: Story = Story {
    retention: "{delete_after: 30d}",
    aged: true,
    rule: "retention: delete_after: 30d",
    ..IMAP_DELETE
};

pub(crate) const IMAP_MOVE: Story = Story {
    retention: "{delete_after: 30d, method: trash}",
    words: &["UID MOVE"],
    trash: Some("Trash"),
    ..IMAP_DELETE_AFTER
};

pub(crate) const IMAP_COPY: Story = Story {
    words: &["UID COPY", "UID STORE", "UID EXPUNGE"],
    ..IMAP_MOVE
};

pub(crate) const POP3_DELETE: Story = Story {
    protocol: "pop3",
    words: &["DELE", "QUIT"],
    ..IMAP_DELETE
};

impl Story {
    /// Where the real server listens.
    pub(crate) fn port(&self, dovecot: &Dovecot) -> u16 {
        match self.protocol {
            "imap" => dovecot.imap_port,
            _ => dovecot.pop3_port,
        }
    }

    /// The home of an account that reaches the server over this line, ready for the pass of the story.
    pub(crate) fn home(&self, line: &CuttingProxy, user: &str) -> Home {
        // In clear, so that the octets of the line are those of the conversation; one connection, so that
        // they come in the same order every time.
        let home = Home::new(&format!(
            "state_dir: {{home}}/state\naccounts:\n  a:\n    protocol: {}\n    host: 127.0.0.1\n    port: {}\n    \
             tls: none\n    user: {user}\n    password: {}\n    maildir: {{home}}/Mail\n    connections: 1\n    \
             retention: {}\n{}",
            self.protocol,
            line.port,
            Dovecot::PASSWORD,
            self.retention,
            // What is in a trash that is mirrored is here twice, and rightly.
            self.trash.map_or_else(String::new, |trash| format!(
                "    folders: {{exclude: [{trash}]}}\n"
            ))
        ));
        if self.aged {
            home.succeed(&["sync"]);
            grow_older(&home);
        }
        home
    }

    /// The mail that every user begins with.
    pub(crate) fn fill_template(&self, dovecot: &Dovecot) {
        let mut oracle = Oracle::login(dovecot.imap_port, "template", Dovecot::PASSWORD);
        for n in 0..MESSAGES {
            oracle.append("INBOX", text(n).as_bytes(), &[], 1_700_000_000);
        }
        if let Some(trash) = self.trash {
            oracle.create(trash);
        }
    }
}

/// The nth message as it travels; one of them comes in several packets.
pub(crate) fn text(n: usize) -> String {
    let more = if n == 1 { 80 } else { 0 };
    message("INBOX", n) + &"a line that makes it longer than the others\r\n".repeat(more)
}

/// Another user with the template's mail, files and all.
pub(crate) fn clone_template(dovecot: &Dovecot, user: &str) {
    let homes = dovecot.dir.join("home");
    let mut copy = Command::new("cp");
    copy.arg("-a")
        .args([homes.join("template"), homes.join(user)]);
    assert!(copy.status().unwrap().success());
}

/// What the index knows happened two months earlier.
fn grow_older(home: &Home) {
    let index = rusqlite::Connection::open(home.path().join("state/index.db")).unwrap();
    let earlier = 60 * 86_400;
    let sql = "UPDATE message SET stored_at = stored_at - ?1, proven_at = proven_at - ?1";
    index.execute(sql, [earlier]).unwrap();
}
