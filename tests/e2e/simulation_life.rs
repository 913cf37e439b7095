//! Whole lives of an account, by chance: mail comes, passes and undos are cut short anywhere, indexes are lost,
//! mailboxes are renumbered or deleted, readers flag and move, repairs are tried. After every step each message is
//! here or at the server, and here once (R1, R3, R4); in the end both sides say the same.

use crate::simulation_ledger::{all, engine, undone, verified};
use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_engine::{Shutdown, Steps, UndoOptions, release};
use postrider_mailserver::Options;
use postrider_tests::dice::Dice;
use postrider_tests::policies::latest;
use postrider_tests::rig::{Rig, files, is_in, message};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

const MAILBOXES: [&str; 3] = ["INBOX", "Work", "Job/Proj"];

/// Steps of a pass after which it may be cut short.
const STEPS: usize = 24;

/// What may happen in a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Mail,
    Pass,
    CutPass,
    Undo,
    CutUndo,
    Release,
    Repair,
    LoseIndex,
    Flag,
    FlagThere,
    Move,
    MoveThere,
    Renumber,
    DeleteMailbox,
    DeleteThere,
    RenameThere,
    ReuseThere,
}

/// Everything goes at once and is asked back.
const EXPIRING: [Event; 17] = [
    Event::Mail,
    Event::Mail,
    Event::Mail,
    Event::Pass,
    Event::Pass,
    Event::Pass,
    Event::CutPass,
    Event::CutPass,
    Event::Undo,
    Event::Undo,
    Event::CutUndo,
    Event::CutUndo,
    Event::CutUndo,
    Event::Release,
    Event::Repair,
    Event::Renumber,
    Event::DeleteMailbox,
];

/// Everything goes at once, and the index is lost now and then.
const FORGETTING: [Event; 8] = [
    Event::Mail,
    Event::Mail,
    Event::Pass,
    Event::CutPass,
    Event::CutPass,
    Event::LoseIndex,
    Event::Renumber,
    Event::Repair,
];

/// The same, and readers move files meanwhile.
const MOVING: [Event; 13] = [
    Event::Mail,
    Event::Mail,
    Event::Pass,
    Event::Pass,
    Event::CutPass,
    Event::CutPass,
    Event::Undo,
    Event::CutUndo,
    Event::CutUndo,
    Event::Move,
    Event::Move,
    Event::LoseIndex,
    Event::Repair,
];

/// Everything stays, and both sides change it; the index is lost now and then.
const REMEMBERING: [Event; 11] = [
    Event::Mail,
    Event::Mail,
    Event::Pass,
    Event::CutPass,
    Event::CutPass,
    Event::Flag,
    Event::FlagThere,
    Event::Move,
    Event::MoveThere,
    Event::LoseIndex,
    Event::Repair,
];

/// Everything stays, and both sides change it.
const KEEPING: [Event; 12] = [
    Event::Mail,
    Event::Mail,
    Event::Pass,
    Event::Pass,
    Event::CutPass,
    Event::CutPass,
    Event::CutPass,
    Event::Repair,
    Event::Flag,
    Event::Flag,
    Event::FlagThere,
    Event::Move,
];

/// A maildrop.
const POPPING: [Event; 10] = [
    Event::Mail,
    Event::Mail,
    Event::Mail,
    Event::Pass,
    Event::CutPass,
    Event::CutPass,
    Event::CutPass,
    Event::Repair,
    Event::LoseIndex,
    Event::Flag,
];

/// A maildrop that others read too, and whose server gives out new unique-ids and old ones.
const LEAVING: [Event; 14] = [
    Event::Mail,
    Event::Mail,
    Event::Pass,
    Event::Pass,
    Event::Pass,
    Event::CutPass,
    Event::CutPass,
    Event::Repair,
    Event::LoseIndex,
    Event::Flag,
    Event::DeleteThere,
    Event::DeleteThere,
    Event::RenameThere,
    Event::ReuseThere,
];

struct Life {
    rig: Rig,
    dice: Dice,
    /// Unique-ids that the server has given out.
    uidls: BTreeSet<String>,
    /// Every message that ever came, as it stands in a file.
    sent: BTreeSet<String>,
    told: String,
}

impl Life {
    fn mailboxes(&self) -> &'static [&'static str] {
        match self.rig.settings.protocol {
            Protocol::Imap => &MAILBOXES,
            Protocol::Pop3 => &MAILBOXES[..1],
        }
    }

    fn mailbox(&mut self) -> &'static str {
        let mailboxes = self.mailboxes();
        mailboxes[self.dice.roll(mailboxes.len())]
    }

    /// Any third is as devices send them: nothing but the octets tells it from the others.
    fn mail(&mut self) {
        let mailbox = self.mailbox();
        for _ in 0..=self.dice.roll(4) {
            let n = self.sent.len();
            let text = match n % 3 {
                0 => format!("Subject: alarm\r\n\r\nvalue {n:05}\r\n"),
                _ => message(mailbox, n),
            };
            self.sent.insert(text.replace("\r\n", "\n"));
            self.rig.account.create(mailbox);
            self.rig
                .account
                .append(mailbox, text, &[], 1_700_000_000 + n as i64);
        }
    }

    fn file(&mut self) -> Option<PathBuf> {
        let mut all = files(self.rig.maildir());
        all.retain(|path| !is_in(path, "tmp"));
        all.sort();
        self.dice.of(&all).cloned()
    }

    fn rename(&mut self, mailbox: Option<&str>, letters: &str) {
        let Some(file) = self.file() else { return };
        let name = file.file_name().unwrap().to_str().unwrap();
        let base = name.split(":2,").next().unwrap();
        let here = file.parent().unwrap().parent().unwrap();
        let to = mailbox.map_or_else(|| here.to_owned(), |name| self.rig.maildir().join(name));
        if to.join("cur").is_dir() {
            fs::rename(&file, to.join(format!("cur/{base}:2,{letters}"))).unwrap();
        }
    }

    async fn event(&mut self, event: Event) {
        let steps = Steps::stop_after(1 + self.dice.roll(STEPS) as u64);
        let there = self.rig.account.messages("INBOX").into_iter();
        self.uidls.extend(there.map(|message| message.uidl));
        match event {
            Event::Mail => self.mail(),
            Event::Pass => drop(self.rig.pass().await.unwrap()),
            Event::CutPass => drop(self.rig.pass_until(steps).await),
            Event::Undo => drop(undone(&self.rig, &all(&self.rig)).await.unwrap()),
            Event::CutUndo => {
                let options = UndoOptions {
                    steps,
                    ..all(&self.rig)
                };
                drop(undone(&self.rig, &options).await);
            }
            Event::Release => {
                let (_trigger, shutdown) = Shutdown::new();
                let (engine, options) = (engine(&self.rig), all(&self.rig));
                release(engine, &options, shutdown).await.unwrap();
            }
            Event::Repair => drop(verified(&self.rig, true).await),
            Event::LoseIndex => {
                for file in ["index.db", "index.db-wal", "index.db-shm"] {
                    // There is none before the first pass.
                    let _absent = fs::remove_file(self.rig.state_dir().join(file));
                }
            }
            Event::Flag => {
                let letters = ["", "F", "RS", "S"][self.dice.roll(4)];
                self.rename(None, letters);
            }
            Event::Move => {
                let mailbox = self.mailbox();
                // What is carried to a mailbox that the server has no more stays where it is there.
                if self
                    .rig
                    .account
                    .mailboxes()
                    .iter()
                    .any(|name| name == mailbox)
                {
                    self.rename(Some(mailbox), "S");
                }
            }
            Event::FlagThere => self.flag_there(),
            Event::MoveThere => self.move_there(),
            Event::Renumber => {
                let mailbox = self.mailbox();
                self.rig.account.bump_uid_validity(mailbox);
            }
            Event::DeleteMailbox => self.delete_mailbox(),
            Event::DeleteThere => self.delete_there(),
            Event::RenameThere => self.rig.account.pop3_uidls_change(),
            Event::ReuseThere => self.reuse_there(),
        }
    }

    fn flag_there(&mut self) {
        let mailbox = self.mailbox();
        let messages = self.rig.account.messages(mailbox);
        let flag = ["\\Seen", "\\Flagged"][self.dice.roll(2)];
        if let Some(message) = self.dice.of(&messages) {
            let account = &self.rig.account;
            account.change_flags(mailbox, message.uid, &[flag], &[]);
        }
    }

    fn move_there(&mut self) {
        let (from, to) = (self.mailbox(), self.mailbox());
        let messages = self.rig.account.messages(from);
        if let Some(message) = self.dice.of(&messages)
            && from != to
        {
            self.rig.account.create(to);
            self.rig.account.move_message(from, message.uid, to);
        }
    }

    /// Somebody deletes a mailbox of which everything is here.
    fn delete_mailbox(&mut self) {
        let mailbox = MAILBOXES[1 + self.dice.roll(2)];
        let (here, there) = (self.rig.stored(), self.rig.expected(&[mailbox]));
        if there.keys().all(|text| here.contains_key(text)) {
            self.rig.account.delete(mailbox);
        }
    }

    /// Somebody deletes a message that is here.
    fn delete_there(&mut self) {
        let here = self.rig.stored();
        let mut messages = self.rig.account.messages("INBOX");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        messages.retain(|message| here.contains_key(&text(&message.bytes)));
        if let Some(message) = self.dice.of(&messages) {
            self.rig.account.expunge("INBOX", message.uid);
        }
    }

    /// A message gets a unique-id that another had. One that is still there in our eyes would have to be as long, and
    /// be compared in every pass, to be told from it.
    fn reuse_there(&mut self) {
        let messages = self.rig.account.messages("INBOX");
        let mut free: Vec<_> = self.uidls.iter().cloned().collect();
        free.retain(|uidl| messages.iter().all(|message| message.uidl != *uidl));
        if self.rig.state_dir().join("index.db").exists() {
            let known = |uidl: &String| {
                let there = "vanished_at IS NULL AND expired_at IS NULL";
                let known =
                    format!("SELECT count(*) FROM messages WHERE uidl = '{uidl}' AND {there}");
                self.rig.count(&known) > 0
            };
            free.retain(|uidl| !known(uidl));
        }
        if let (Some(message), Some(uidl)) = (self.dice.of(&messages), self.dice.of(&free)) {
            self.rig.account.set_uidl(message.uid, uidl);
        }
    }

    fn check(&self) {
        let (here, there) = (self.rig.stored(), self.rig.expected(self.mailboxes()));
        for text in &self.sent {
            let copies = (here.get(text), there.get(text));
            assert_ne!(copies, (None, None), "lost: {text}{}", self.told);
        }
        let twice = |side: &BTreeMap<String, usize>| {
            let twice = side.iter().filter(|(_, count)| **count > 1);
            twice.map(|(text, _)| text.clone()).collect::<Vec<_>>()
        };
        let none = Vec::<String>::new();
        assert_eq!(twice(&here), none, "twice here: {}", self.told);
        assert_eq!(twice(&there), none, "twice there: {}", self.told);
    }

    /// Where each message lies and how it is flagged, on one side and on the other.
    fn assert_alike(&self) {
        let (mut here, mut there) = (BTreeSet::new(), BTreeSet::new());
        for mailbox in self.mailboxes() {
            let directory = self.rig.maildir().join(mailbox);
            let own = |path: &PathBuf| path.parent().and_then(|p| p.parent()) == Some(&directory);
            let inside = files(&directory).into_iter().filter(own);
            for path in inside.filter(|path| !is_in(path, "tmp")) {
                let name = path.file_name().unwrap().to_str().unwrap();
                let letters = name.split(":2,").nth(1).unwrap_or_default().to_owned();
                here.insert((*mailbox, letters, fs::read_to_string(&path).unwrap()));
            }
            for message in self.rig.account.messages(mailbox) {
                let named = [("\\Flagged", "F"), ("\\Answered", "R"), ("\\Seen", "S")];
                let letters = named
                    .into_iter()
                    .filter(|(flag, _)| message.flags.contains(*flag));
                let letters = letters.map(|(_, letter)| letter).collect::<String>();
                let text = String::from_utf8_lossy(&message.bytes).replace("\r\n", "\n");
                there.insert((*mailbox, letters, text));
            }
        }
        assert_eq!(here, there, "{}", self.told);
    }
}

async fn live(protocol: Protocol, policy: Policy, events: &[Event], seed: u64) {
    let mut rig = Rig::with(protocol, Options::default()).await;
    (rig.settings.retention, rig.settings.brake) = (policy, None);
    let mut life = Life {
        rig,
        dice: Dice::new(seed),
        uidls: BTreeSet::new(),
        sent: BTreeSet::new(),
        told: format!("seed {seed}, {protocol:?}:"),
    };
    for _ in 0..50 {
        let event = events[life.dice.roll(events.len())];
        life.told.push_str(&format!(" {event:?}"));
        life.event(event).await;
        life.check();
    }
    for _ in 0..3 {
        life.rig.pass().await.unwrap();
        life.check();
    }
    if protocol == Protocol::Imap && policy == Policy::KEEP {
        life.assert_alike();
    }
    let report = verified(&life.rig, false).await;
    let context = format!("{:?} {}", report.findings, life.told);
    assert_eq!((report.faults, report.reflagged), (0, 0), "{context}");
}

async fn lives(protocol: Protocol, policy: Policy, events: &[Event]) {
    for seed in 1..=12 {
        live(protocol, policy, events, seed).await;
    }
}

#[tokio::test]
async fn r1_r3_r4_what_expires_and_is_asked_back_is_never_lost_or_twice() {
    lives(Protocol::Imap, Policy::DELETE, &EXPIRING).await;
}

#[tokio::test]
async fn r1_r3_r4_what_expires_and_is_forgotten_is_never_lost_or_twice() {
    lives(Protocol::Imap, Policy::DELETE, &FORGETTING).await;
}

#[tokio::test]
async fn r1_r3_r4_what_expires_and_is_moved_is_never_lost_or_twice() {
    lives(Protocol::Imap, Policy::DELETE, &MOVING).await;
}

#[tokio::test]
async fn r1_r3_r4_what_stays_and_is_forgotten_is_never_lost_or_twice_and_ends_alike() {
    lives(Protocol::Imap, Policy::KEEP, &REMEMBERING).await;
}

#[tokio::test]
async fn r1_r3_r4_what_both_sides_change_is_never_lost_or_twice_and_ends_alike() {
    lives(Protocol::Imap, Policy::KEEP, &KEEPING).await;
}

#[tokio::test]
async fn r1_r3_r4_what_a_maildrop_held_is_never_lost_or_twice() {
    lives(Protocol::Pop3, Policy::DELETE, &POPPING).await;
}

#[tokio::test]
async fn r1_r3_r4_what_a_maildrop_holds_under_changing_names_is_never_lost_or_twice() {
    for policy in [Policy::KEEP, latest(3), Policy::DELETE] {
        lives(Protocol::Pop3, policy, &LEAVING).await;
    }
}
