//! Files of which nobody knows who they are at the server: their index was lost, and they were moved, here or
//! there, their mailbox was deleted, or is not chosen. Nothing is fetched twice, and everything is known again
//! (R4, CONTRACT section 9).

use crate::simulation_ledger::{all, engine, undone, verified};
use postrider_core::account::{AccountName, Protocol};
use postrider_core::retention::Policy;
use postrider_core::settings::Moves;
use postrider_engine::{EngineSettings, Shutdown, Steps, SyncOptions, sync};
use postrider_mailserver::{Action, Fault, Options};
use postrider_tests::policies::after;
use postrider_tests::rig::{Rig, files, is_in, message};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

/// Nothing but its octets tells it from others of its size and date.
const NAMELESS: &str = "From: ada@example.org\r\nSubject: no Message-ID\r\n\r\nline\r\n";

const MAILBOXES: [&str; 3] = ["INBOX", "Work", "Job/Proj"];

/// All mailboxes, filled with four messages each and stored; of what is `nameless` nothing but octets tells.
async fn stored(options: Options, nameless: bool) -> Rig {
    let rig = Rig::with(Protocol::Imap, options).await;
    for mailbox in MAILBOXES {
        rig.fill(mailbox, 3);
        let text = match nameless {
            true => NAMELESS.replace("line", mailbox),
            false => message(mailbox, 3),
        };
        rig.account.append(mailbox, text, &[], 1_700_000_000);
    }
    rig.pass().await.unwrap();
    rig
}

fn lose_index(rig: &Rig) {
    fs::remove_dir_all(rig.state_dir()).unwrap();
    rig.server.store().forget_commands();
}

fn bodies(rig: &Rig) -> usize {
    let asked = rig.commands("UID FETCH").into_iter();
    asked.filter(|line| line.contains("BODY.PEEK[]")).count()
}

/// The files of a mailbox, without those of the mailboxes below it.
fn own_files(rig: &Rig, mailbox: &str) -> Vec<PathBuf> {
    let dir = rig.maildir().join(mailbox);
    let own = |path: &PathBuf| path.parent().and_then(|p| p.parent()) == Some(&dir);
    let mut own: Vec<PathBuf> = files(&dir).into_iter().filter(own).collect();
    own.retain(|path| !is_in(path, "tmp"));
    own.sort();
    own
}

/// A reader carries all files of a mailbox to another.
fn carry(rig: &Rig, from: &str, to: &str) {
    for file in own_files(rig, from) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let base = name.split(":2,").next().unwrap();
        let there = rig.maildir().join(to).join(format!("cur/{base}:2,S"));
        fs::rename(&file, there).unwrap();
    }
}

/// The index knows so many messages, and nothing is wrong with any file.
async fn assert_sound(rig: &Rig, messages: u64) {
    let report = verified(rig, false).await;
    let found = (report.faults, report.good);
    assert_eq!(found, (0, messages), "{:?}", report.findings);
}

/// Here and there the same, each once and in the same place, known by its UID; nothing is wrong.
async fn assert_whole(rig: &Rig, mailboxes: &[&str], context: &str) {
    for _ in 0..2 {
        rig.server.store().forget_commands();
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, bodies(rig)), (0, 0), "{context}");
    }
    assert_eq!(rig.stored(), rig.expected(mailboxes), "{context}");
    for mailbox in mailboxes {
        let here = own_files(rig, mailbox).len();
        let there = rig.account.messages(mailbox).len();
        assert_eq!(here, there, "{context}: {mailbox}");
    }
    let report = verified(rig, false).await;
    assert_eq!(report.faults, 0, "{context}: {:?}", report.findings);
}

#[tokio::test]
async fn r4_what_a_reader_moved_before_the_index_was_lost_is_not_fetched_again() {
    for options in [Options::default(), Options::old()] {
        for (policy, nameless) in [
            (Policy::KEEP, false),
            (after(36_500), false),
            (after(36_500), true),
        ] {
            let mut rig = stored(options.clone(), nameless).await;
            rig.settings.retention = policy;
            let before = rig.stored();
            carry(&rig, "INBOX", "Work");
            lose_index(&rig);
            let report = rig.pass().await.unwrap();
            assert_eq!((report.new, bodies(&rig) > 0), (0, nameless));
            assert_eq!(rig.stored(), before);
            assert_whole(&rig, &MAILBOXES, "moved").await;
            let seen = rig.account.messages("INBOX");
            assert!(seen.iter().all(|m| m.flags.contains("\\Seen")), "{seen:?}");
        }
    }
}

/// Where moves are not pushed the server has had it in another mailbox all the time, and the file stays.
#[tokio::test]
async fn r4_what_a_reader_sorted_for_itself_stays_there_and_is_not_fetched_again() {
    for nameless in [false, true] {
        let mut rig = stored(Options::default(), nameless).await;
        rig.settings.moves = Moves::Ignore;
        carry(&rig, "INBOX", "Work");
        rig.pass().await.unwrap();
        let (before, there) = (rig.stored(), rig.expected(&["INBOX"]));
        lose_index(&rig);
        for _ in 0..3 {
            assert_eq!(rig.pass().await.unwrap().new, 0, "{nameless}");
        }
        assert_eq!((rig.stored(), rig.expected(&["INBOX"])), (before, there));
        assert_eq!(
            (
                own_files(&rig, "INBOX").len(),
                own_files(&rig, "Work").len()
            ),
            (0, 8)
        );
        let report = verified(&rig, false).await;
        assert_eq!(
            (report.faults, report.moved),
            (0, 4),
            "{:?}",
            report.findings
        );
        // It is that message, and goes when that goes.
        let uid = rig.account.messages("INBOX")[0].uid;
        rig.account.expunge("INBOX", uid);
        assert_eq!(rig.pass().await.unwrap().vanished, 1);
    }
}

#[tokio::test]
async fn r4_what_was_moved_at_the_server_before_the_index_was_lost_is_not_fetched_again() {
    for (deleted, nameless) in [(false, false), (true, false), (true, true)] {
        let rig = stored(Options::default(), nameless).await;
        for message in rig.account.messages("Job/Proj") {
            let moved = rig.account.move_message("Job/Proj", message.uid, "Work");
            moved.unwrap();
        }
        if deleted {
            rig.account.delete("Job/Proj");
        }
        lose_index(&rig);
        assert_eq!(rig.pass().await.unwrap().new, 0);
        assert_eq!(bodies(&rig) > 0, nameless);
        let left = if deleted { &MAILBOXES[..2] } else { &MAILBOXES };
        assert_whole(&rig, left, "moved there").await;
    }
}

#[tokio::test]
async fn r4_a_mailbox_that_was_renamed_before_the_index_was_lost_is_not_fetched_again() {
    for nameless in [false, true] {
        let rig = stored(Options::default(), nameless).await;
        assert!(rig.account.rename("Work", "Travail"));
        lose_index(&rig);
        assert_eq!(rig.pass().await.unwrap().new, 0);
        assert_eq!(bodies(&rig) > 0, nameless);
        assert_whole(&rig, &["INBOX", "Travail", "Job/Proj"], "renamed").await;
    }
}

#[tokio::test]
async fn r4_files_of_a_mailbox_that_was_deleted_are_known_to_a_new_index() {
    for upload in [false, true] {
        let mut rig = stored(Options::default(), true).await;
        rig.settings.upload = upload;
        let before = rig.stored();
        let lost = rig.expected(&["Job/Proj"]);
        rig.account.delete("Job/Proj");
        lose_index(&rig);
        // Cut short anywhere: what was not taken in then is taken in later.
        for step in 1..4 {
            drop(rig.pass_until(Steps::stop_after(step)).await);
        }
        rig.pass().await.unwrap();
        assert_eq!(rig.stored(), before, "upload: {upload}");
        assert_sound(&rig, 12).await;
        assert_eq!(
            rig.count("SELECT count(*) FROM mailbox WHERE lost_at IS NULL"),
            2
        );
        assert!(!rig.account.mailboxes().contains(&"Job/Proj".to_owned()));
        // And there they wait for it.
        rig.account.create("Job/Proj");
        for (text, _) in lost {
            let text = text.replace('\n', "\r\n");
            rig.account.append("Job/Proj", text, &[], 1_700_000_000);
        }
        assert_eq!(rig.pass().await.unwrap().new, 0);
        assert_eq!(rig.stored(), before);
        assert_eq!(rig.expected(&MAILBOXES), before);
    }
}

#[tokio::test]
async fn r4_files_of_a_mailbox_that_is_not_chosen_any_more_are_known_to_a_new_index() {
    let mut rig = stored(Options::default(), true).await;
    let before = rig.stored();
    rig.settings.folders.exclude = vec!["Work".to_owned()];
    lose_index(&rig);
    rig.pass().await.unwrap();
    assert_sound(&rig, 12).await;
    rig.settings.folders.exclude.clear();
    rig.server.store().forget_commands();
    assert_eq!(rig.pass().await.unwrap().new, 0);
    assert_eq!(rig.stored(), before);
    assert_whole(&rig, &MAILBOXES, "chosen again").await;
}

/// An index from before a mailbox that is gone again: nothing else tells a pass that the index is old.
#[tokio::test]
async fn r4_a_repair_has_a_directory_taken_in_that_an_old_index_does_not_know() {
    let rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 2);
    rig.pass().await.unwrap();
    let (backup, state) = (
        rig.root().join("backup.db"),
        rig.state_dir().join("index.db"),
    );
    fs::copy(&state, &backup).unwrap();
    rig.fill("Work", 2);
    rig.pass().await.unwrap();
    rig.account.delete("Work");
    fs::copy(&backup, &state).unwrap();
    rig.pass().await.unwrap();
    for healed in [false, true] {
        let report = verified(&rig, healed).await;
        assert_eq!((report.faults, report.unlisted), (2, 2));
        rig.pass().await.unwrap();
    }
    assert_sound(&rig, 4).await;
}

/// Another program's file may be like a message and not be it.
#[tokio::test]
async fn r1_where_something_will_be_deleted_a_likeness_in_another_mailbox_is_not_enough() {
    for policy in [Policy::KEEP, after(36_500)] {
        let mut rig = Rig::new(Protocol::Imap).await;
        rig.settings.retention = policy;
        rig.fill("INBOX", 1);
        rig.account.create("Work");
        let other = message("INBOX", 0).replace("\r\n", "\n");
        let other = other.replace("a line of some", "A LINE OF SOME");
        let dir = rig.maildir().join("Work");
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(dir.join(part)).unwrap();
        }
        let path = dir.join("cur/1700000000.1_1.host:2,S");
        fs::write(&path, &other).unwrap();
        let date = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(date).unwrap();
        let report = rig.pass().await.unwrap();
        let is_like = policy == Policy::KEEP;
        assert_eq!(report.new, u64::from(!is_like), "{policy}");
        assert!(rig.stored().contains_key(&other), "{policy}");
    }
}

/// What lies in a mailbox that cannot be opened just now may be there, too.
#[tokio::test]
async fn r4_a_file_stays_in_a_mailbox_that_could_not_be_looked_at() {
    let rig = stored(Options::default(), false).await;
    let uid = rig.account.messages("Work")[0].uid;
    rig.account.copy_message("Work", uid, "INBOX").unwrap();
    lose_index(&rig);
    let refusal = Action::Answer("NO [SERVERBUG] not now".to_owned());
    let fault = Fault::on("EXAMINE \"Work\"", refusal.clone()).always();
    rig.server.faults().plan(fault);
    rig.server
        .faults()
        .plan(Fault::on("EXAMINE Work", refusal).always());
    assert_eq!(rig.pass().await.unwrap().new, 1);
    rig.server.faults().clear();
    assert_whole(&rig, &MAILBOXES, "opened again").await;
}

/// The server has it in both mailboxes, and one file is here: it is one of them, and the other is new.
#[tokio::test]
async fn r4_a_file_is_one_message_though_two_are_like_it() {
    for nameless in [false, true] {
        let rig = stored(Options::default(), nameless).await;
        let uid = rig.account.messages("Work")[3].uid;
        rig.account.copy_message("Work", uid, "INBOX").unwrap();
        lose_index(&rig);
        assert_eq!(rig.pass().await.unwrap().new, 1);
        assert_whole(&rig, &MAILBOXES, "one of two").await;
    }
}

/// A reader's own directory is no mailbox, whatever it has put there.
#[tokio::test]
async fn r4_what_a_reader_carried_out_of_a_mailbox_is_still_that_ones_to_an_old_index() {
    let rig = stored(Options::default(), false).await;
    let backup = rig.root().join("backup.db");
    fs::copy(rig.state_dir().join("index.db"), &backup).unwrap();
    rig.account
        .append("Work", message("Work", 9), &[], 1_700_000_000);
    rig.pass().await.unwrap();
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(rig.maildir().join("Mine").join(part)).unwrap();
    }
    carry(&rig, "INBOX", "Mine");
    fs::copy(&backup, rig.state_dir().join("index.db")).unwrap();
    rig.pass().await.unwrap();
    assert_eq!(rig.count("SELECT count(*) FROM messages"), 13);
    assert_eq!(
        rig.count("SELECT count(*) FROM mailbox WHERE name = 'Mine'"),
        0
    );
}

/// Two accounts, the tree of one within that of the other, lose their index: each takes in its own.
#[tokio::test]
async fn r4_a_tree_within_a_tree_is_the_other_accounts() {
    let rig = stored(Options::default(), true).await;
    let mut inner = rig.settings.clone();
    inner.name = AccountName::parse("inner").unwrap();
    inner.maildir = rig.maildir().join("inner");
    let settings = || EngineSettings {
        accounts: vec![rig.settings.clone(), inner.clone()],
        ..engine(&rig)
    };
    let (_trigger, shutdown) = Shutdown::new();
    let pass = |only: &[&str]| {
        let only = only.iter().map(|name| AccountName::parse(name).unwrap());
        let options = SyncOptions {
            only: only.collect(),
            ..SyncOptions::default()
        };
        sync(settings(), options, shutdown.clone())
    };
    for outcome in pass(&[]).await.unwrap() {
        outcome.result.unwrap();
    }
    lose_index(&rig);
    let outer = rig.settings.name.as_str().to_owned();
    for only in [&[outer.as_str()][..], &[]] {
        for outcome in pass(only).await.unwrap() {
            assert_eq!(outcome.result.unwrap().new, 0, "{only:?}");
        }
    }
    let inner = "SELECT count(*) FROM messages WHERE account = 'inner' AND uid IS NOT NULL";
    assert_eq!(rig.count(inner), 12);
    assert_eq!(rig.count("SELECT count(*) FROM messages"), 24);
}

/// The server has the message, nobody heard of it, and a reader moves the file meanwhile.
#[tokio::test]
async fn r3_what_an_undo_put_back_unheard_is_not_fetched_when_its_file_has_moved() {
    for text in [NAMELESS.to_owned(), message("INBOX", 0)] {
        let mut rig = Rig::new(Protocol::Imap).await;
        rig.settings.retention = Policy::DELETE;
        rig.account.create("Work");
        rig.account.append("INBOX", text, &[], 1_700_000_000);
        assert_eq!(rig.pass().await.unwrap().expired, 1);
        let cut = Action::PerformCut(0);
        rig.server.faults().plan(Fault::on("APPEND", cut));
        undone(&rig, &all(&rig)).await.unwrap_err();
        carry(&rig, "INBOX", "Work");
        let stored = rig.stored();
        for _ in 0..3 {
            let report = rig.pass().await.unwrap();
            assert_eq!((report.new, report.expired), (0, 0));
        }
        assert_eq!(rig.stored(), stored);
        assert_eq!(rig.expected(&["INBOX", "Work"]), stored);
        let restored = "SELECT count(*) FROM ledger WHERE action = 'restored'";
        assert_eq!(rig.count(restored), 1);
    }
}
