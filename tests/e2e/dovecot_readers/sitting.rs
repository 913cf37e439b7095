//! A user's sitting: the daemon runs, readers work on the Maildir, and nobody but they wakes it.

use super::account;
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::maildir::{Local, MaildirTree};
use postrider_tests::oracle::{Held, Oracle, message_id};
use postrider_tests::postrider::Home;
use postrider_tests::readers::{Deed, ReadersTree};
use postrider_tests::rig::message;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// Every mailbox there is.
const MAILBOXES: [&str; 5] = ["INBOX", "Archive", "Drafts", "Sent", "Trash"];
/// How long the server may take to hear of it on a busy machine; a second or two is usual.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a flag is in a file's name.
const LETTERS: [(char, &str); 6] = [
    ('D', "\\Draft"),
    ('F', "\\Flagged"),
    ('P', "$Forwarded"),
    ('R', "\\Answered"),
    ('S', "\\Seen"),
    ('T', "\\Deleted"),
];

/// A server, a daemon that polls hourly, and its Maildir.
pub(super) struct Sitting {
    ada: Oracle,
    daemon: RunningDaemon,
    home: Home,
    tree: ReadersTree,
    /// Lines of the log before readers began.
    begun: usize,
    _dovecot: Dovecot,
}

/// What is at the server, or here, by mailbox.
pub(super) type Mailboxes<T> = BTreeMap<&'static str, Vec<T>>;

impl Sitting {
    /// INBOX has one message for each set of flags, and all of them are here.
    pub(super) fn begin(more: &str, inbox: &[&[&str]]) -> Self {
        let dovecot = Dovecot::start();
        let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
        for mailbox in &MAILBOXES[1..] {
            ada.create(mailbox);
        }
        for (n, flags) in inbox.iter().enumerate() {
            let date = 1_700_000_000 + n as i64;
            ada.append("INBOX", message("INBOX", n).as_bytes(), flags, date);
        }
        let home = account(&dovecot, &format!("    poll: 1h\n{more}"));
        let daemon = RunningDaemon::start(&home);
        daemon.after_where(0, "sync.finished", |line| line["new"] == inbox.len());
        Self {
            begun: daemon.mark(),
            tree: ReadersTree::new(home.path().join("Mail"), "fs"),
            ada,
            daemon,
            home,
            _dovecot: dovecot,
        }
    }

    /// Does this in a reader that has these settings besides its own.
    pub(super) fn act(&self, reader: &str, settings: &[String], deeds: &[Deed<'_>]) {
        self.tree.act(reader, settings, deeds);
    }

    /// Lets polls come, of which the first may find the daemon at work: what is gone is believed by a second pass (R5).
    pub(super) fn poll(&self) {
        for _ in 0..3 {
            let mark = self.daemon.mark();
            self.daemon.signal(Signal::USR1);
            self.daemon.after(mark, "sync.finished", "home");
        }
    }

    /// Where a mailbox lies.
    pub(super) fn path(&self, mailbox: &str) -> String {
        let path = self.home.path().join("Mail").join(mailbox);
        path.display().to_string()
    }

    /// What is at the server.
    pub(super) fn server(&mut self) -> Mailboxes<Held> {
        let ada = &mut self.ada;
        let held =
            MAILBOXES.map(|mailbox| (mailbox, ada.messages(mailbox).into_values().collect()));
        held.into()
    }

    fn here(&self) -> Mailboxes<Local> {
        let tree = MaildirTree::read(self.home.path().join("Mail")).unwrap();
        MAILBOXES
            .map(|mailbox| (mailbox, tree.messages(mailbox).to_vec()))
            .into()
    }

    /// Waits until nothing of this is lacking at the server.
    pub(super) fn await_server(&mut self, lacking: impl Fn(&Mailboxes<Held>) -> Option<String>) {
        let begun = Instant::now();
        loop {
            let server = self.server();
            let lacks = lacking(&server).or_else(|| differing(&server, &self.here()));
            let Some(lacks) = lacks else {
                return;
            };
            let log = self.daemon.text();
            assert!(begun.elapsed() < PATIENCE, "{lacks}\n{server:#?}\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Another pass finds nothing to do, and nothing was fetched of what readers moved, copied or wrote.
    pub(super) fn end(mut self) {
        let server = self.server();
        // The pass that did the last of it may still be under way.
        self.poll();
        let mark = self.daemon.mark();
        self.daemon.signal(Signal::USR1);
        let finished = self.daemon.after(mark, "sync.finished", "home");
        for count in ["new", "flags_pulled", "flags_pushed", "expired", "vanished"] {
            assert_eq!(finished[count], 0, "{finished}\n{}", self.daemon.text());
        }
        assert_eq!(self.server(), server);
        assert_eq!(differing(&server, &self.here()), None);
        let text = self.daemon.text();
        let of_readers = text.lines().skip(self.begun);
        let mut fetched = of_readers.filter(|line| line.contains("\"message.stored\""));
        assert_eq!(fetched.next(), None);
        assert!(!text.contains("account.failed"), "{text}");
        self.daemon.end(Signal::TERM).assert_orderly();
    }
}

/// Where server and Maildir are not alike: the messages of a mailbox by Message-ID, and their flags.
fn differing(server: &Mailboxes<Held>, here: &Mailboxes<Local>) -> Option<String> {
    let there = each(server, |held| {
        let letters = LETTERS.iter().filter(|(_, flag)| held.has(flag));
        let letters: String = letters.map(|(letter, _)| *letter).collect();
        Some((held.message_id.clone(), letters))
    });
    let here = each(here, |local| {
        // A reader may be faster.
        let octets = fs::read(&local.path).ok()?;
        Some((message_id(&octets), local.flags.clone()))
    });
    (there != here).then(|| format!("at the server {there:?}, here {here:?}"))
}

fn each<T>(
    mailboxes: &Mailboxes<T>,
    told: impl Fn(&T) -> Option<(String, String)>,
) -> BTreeMap<&'static str, Vec<(String, String)>> {
    let sorted = mailboxes.iter().map(|(mailbox, messages)| {
        let mut told: Vec<_> = messages.iter().filter_map(&told).collect();
        told.sort();
        (*mailbox, told)
    });
    sorted.collect()
}
