//! An index that is lost, old or damaged, and a Maildir that it does not know (R4, CONTRACT section 9).

use postrider_core::account::Protocol;
use postrider_core::fault::Fault as Kind;
use postrider_core::retention::{Policy, Vanished};
use postrider_engine::EngineError;
use postrider_mailserver::{Action, Fault, Options};
use postrider_tests::policies::after;
use postrider_tests::rig::{Rig, files, message};
use std::fs;
use std::path::{Path, PathBuf};

const MAILBOXES: [&str; 3] = ["INBOX", "Work/Projects", "Sent"];

async fn filled(options: Options) -> Rig {
    let rig = Rig::with(Protocol::Imap, options).await;
    for mailbox in MAILBOXES {
        rig.fill(mailbox, 9);
        let uid = rig.account.messages(mailbox)[2].uid;
        rig.account.set_flags(mailbox, uid, &["\\Seen", "work"]);
    }
    rig
}

/// Bodies that were asked for since [`postrider_mailserver::Mailstore::forget_commands`].
fn bodies(rig: &Rig) -> Vec<String> {
    let mut asked = rig.commands("UID FETCH");
    asked.retain(|line| line.contains("BODY.PEEK[]"));
    asked.extend(rig.commands("RETR"));
    asked
}

/// Every message lies in the Maildir once, and the index knows each under its UID.
fn assert_whole(rig: &Rig, context: &str) {
    assert_eq!(rig.stored(), rig.expected(&MAILBOXES), "{context}");
    let total: usize = rig.stored().values().sum();
    let known = "SELECT count(*) FROM messages WHERE uid IS NOT NULL AND vanished_at IS NULL";
    assert_eq!(rig.count(known), total as i64, "{context}");
    assert_eq!(rig.unfinished(), 0, "{context}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A copy of the state directory as it is.
fn backed_up(rig: &Rig) -> PathBuf {
    let backup = rig.root().join("backup");
    copy(&rig.state_dir(), &backup);
    backup
}

/// The state directory is what it was then.
fn put_back(rig: &Rig, backup: &Path) {
    fs::remove_dir_all(rig.state_dir()).unwrap();
    copy(backup, &rig.state_dir());
}

/// Puts a message into a mailbox as another program would.
fn deliver(rig: &Rig, mailbox: &str, name: &str, octets: &str, mtime: i64) -> PathBuf {
    let dir = rig.maildir().join(mailbox);
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(dir.join(part)).unwrap();
    }
    let path = dir.join("cur").join(name);
    fs::write(&path, octets).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(mtime.try_into().unwrap());
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(time).unwrap();
    path
}

#[tokio::test]
async fn r4_a_lost_index_is_rebuilt_without_a_second_copy_or_download() {
    for options in [Options::default(), Options::old()] {
        let rig = filled(options).await;
        rig.pass().await.unwrap();
        fs::remove_dir_all(rig.state_dir()).unwrap();
        rig.fill("INBOX", 10);
        // One of those is new: the others are there a second time, and only their octets tell.
        for message in &rig.account.messages("INBOX")[9..18] {
            rig.account.expunge("INBOX", message.uid);
        }
        rig.server.store().forget_commands();
        let report = rig.pass().await.unwrap();
        assert_eq!(report.new, 1);
        assert_eq!(bodies(&rig).len(), 1, "{:?}", bodies(&rig));
        assert_whole(&rig, "rebuilt");
        assert_eq!(
            rig.count("SELECT count(*) FROM messages WHERE flags LIKE '%work%'"),
            3
        );
        rig.server.store().forget_commands();
        assert_eq!(rig.pass().await.unwrap().new, 0);
        assert_eq!(bodies(&rig), Vec::<String>::new());
    }
}

#[tokio::test]
async fn r4_messages_that_are_alike_are_known_by_their_octets() {
    let rig = Rig::new(Protocol::Imap).await;
    for body in ["one\r\n", "two\r\n"] {
        let alike = message("INBOX", 0) + body;
        rig.account.append("INBOX", alike, &[], 1_700_000_000);
    }
    rig.pass().await.unwrap();
    fs::remove_dir_all(rig.state_dir()).unwrap();
    let report = rig.pass().await.unwrap();
    assert_eq!(report.new, 0);
    assert_eq!(rig.stored(), rig.expected(&["INBOX"]));
    assert_eq!(
        rig.count("SELECT count(*) FROM messages WHERE uid IS NOT NULL"),
        2
    );
}

#[tokio::test]
async fn flags_that_a_reader_set_meanwhile_survive_the_loss_of_the_index() {
    let rig = filled(Options::default()).await;
    rig.pass().await.unwrap();
    fs::remove_dir_all(rig.state_dir()).unwrap();
    let cur = rig.maildir().join("INBOX/cur");
    let seen = files(&cur).pop().unwrap();
    let flagged = seen.to_string_lossy().replace(":2,S", ":2,FS");
    fs::rename(&seen, &flagged).unwrap();
    rig.pass().await.unwrap();
    assert!(Path::new(&flagged).exists());
    assert_whole(&rig, "flagged");
}

#[tokio::test]
async fn r4_an_old_index_takes_in_what_it_misses() {
    let rig = filled(Options::default()).await;
    rig.pass().await.unwrap();
    let backup = backed_up(&rig);
    for n in 20..25 {
        rig.account
            .append("Sent", message("Sent", n), &[], 1_700_000_100);
    }
    rig.pass().await.unwrap();
    put_back(&rig, &backup);
    rig.server.store().forget_commands();
    let report = rig.pass().await.unwrap();
    assert_eq!(report.new, 0);
    assert_eq!(bodies(&rig), Vec::<String>::new());
    assert_whole(&rig, "caught up");
}

/// To an old index the messages that we expired since seem to be deleted by somebody else.
#[tokio::test]
async fn r4_an_old_index_does_not_delete_the_last_copies() {
    let mut rig = filled(Options::default()).await;
    rig.settings.brake = None;
    rig.pass().await.unwrap();
    let backup = backed_up(&rig);
    rig.settings.retention = Policy::DELETE;
    rig.pass().await.unwrap();
    rig.settings.retention = Policy::KEEP;
    rig.account
        .append("Sent", message("Sent", 30), &[], 1_700_000_100);
    rig.pass().await.unwrap();
    let before = rig.stored();
    assert_eq!(before.len(), 28);
    put_back(&rig, &backup);
    rig.settings.vanished = Vanished::Delete;
    let report = rig.pass().await.unwrap();
    assert_eq!(report.vanished, 27);
    assert_eq!(rig.stored(), before);
    // From then on the index is as good as any, and the policy is carried out.
    let uid = rig.account.messages("Sent")[0].uid;
    rig.account.expunge("Sent", uid);
    rig.pass().await.unwrap();
    assert_eq!(rig.stored().len(), 27);
}

/// The same, where a mailbox cannot be looked at in the first pass: the server will not open it, or it is not
/// chosen. It is no better known after it than before.
#[tokio::test]
async fn r4_an_old_index_does_not_delete_the_last_copies_of_what_it_comes_to_see_later() {
    for chosen in [true, false] {
        let mut rig = filled(Options::default()).await;
        rig.settings.brake = None;
        rig.pass().await.unwrap();
        let backup = backed_up(&rig);
        rig.settings.retention = Policy::DELETE;
        rig.account
            .append("INBOX", message("INBOX", 30), &[], 1_700_000_100);
        rig.pass().await.unwrap();
        rig.settings.retention = Policy::KEEP;
        let before = rig.stored();
        put_back(&rig, &backup);
        rig.settings.vanished = Vanished::Delete;
        if chosen {
            for command in ["EXAMINE Sent", "EXAMINE \"Sent\""] {
                let refusal = Action::Answer("NO [SERVERBUG] not now".to_owned());
                rig.server
                    .faults()
                    .plan(Fault::on(command, refusal).always());
            }
        } else {
            rig.settings.folders.exclude = vec!["Sent".to_owned()];
        }
        let report = rig.pass().await.unwrap();
        assert_eq!(report.skipped, u64::from(chosen));
        rig.server.faults().clear();
        rig.settings.folders.exclude.clear();
        for _ in 0..2 {
            rig.pass().await.unwrap();
            assert_eq!(rig.stored(), before, "chosen: {chosen}");
        }
    }
}

#[tokio::test]
async fn r4_a_damaged_index_is_set_aside_and_rebuilt() {
    let rig = filled(Options::default()).await;
    rig.pass().await.unwrap();
    let index = rig.state_dir().join("index.db");
    let mut octets = fs::read(&index).unwrap();
    let middle = octets.len() / 2;
    octets[4096..middle].fill(0x5A);
    fs::write(&index, &octets).unwrap();
    rig.server.store().forget_commands();
    assert_eq!(rig.pass().await.unwrap().new, 0);
    assert_eq!(bodies(&rig), Vec::<String>::new());
    assert_whole(&rig, "rebuilt");
    let aside = files(&rig.state_dir());
    let aside = aside
        .iter()
        .find(|p| p.to_string_lossy().contains("index.db.corrupt-"));
    assert_eq!(fs::read(aside.unwrap()).unwrap(), octets);
}

#[tokio::test]
async fn r4_a_maildrop_is_known_again_without_an_index() {
    let mut rig = Rig::new(Protocol::Pop3).await;
    rig.fill("INBOX", 9);
    rig.settings.retention = Policy::KEEP;
    rig.pass().await.unwrap();
    let before = rig.stored();
    fs::remove_dir_all(rig.state_dir()).unwrap();
    rig.server.store().forget_commands();
    assert_eq!(rig.pass().await.unwrap().new, 0);
    assert_eq!(bodies(&rig), Vec::<String>::new());
    assert_eq!(rig.stored(), before);
    // What we received ourselves may go, once it is proven anew.
    fs::remove_dir_all(rig.state_dir()).unwrap();
    rig.settings.retention = Policy::DELETE;
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (0, 9));
    assert_eq!(bodies(&rig), Vec::<String>::new());
    assert_eq!(
        (rig.stored(), rig.account.messages("INBOX").len()),
        (before, 0)
    );
}

#[tokio::test]
async fn a_maildir_of_another_program_is_not_downloaded_again() {
    let rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 3);
    for (n, held) in rig.account.messages("INBOX").iter().enumerate() {
        let octets = String::from_utf8_lossy(&held.bytes).replace("\r\n", "\n");
        let name = format!("170000000{n}.1_{n}.host,U={}:2,S", n + 1);
        deliver(&rig, "INBOX", &name, &octets, held.internal_date);
    }
    let old = deliver(&rig, "INBOX", "1.2.old", "Subject: kept\n\nx\n", 5);
    rig.server.store().forget_commands();
    assert_eq!(rig.pass().await.unwrap().new, 0);
    assert_eq!(bodies(&rig), Vec::<String>::new());
    assert_eq!(files(&rig.maildir().join("INBOX")).len(), 4);
    assert_eq!(
        rig.count("SELECT count(*) FROM messages WHERE uid IS NOT NULL"),
        3
    );
    // A reader's new message in a mailbox that is in step is the reader's.
    deliver(&rig, "INBOX", "3.4.draft", "Subject: draft\n\nx\n", 5);
    rig.pass().await.unwrap();
    assert_eq!(rig.count("SELECT count(*) FROM messages"), 4);
    assert!(old.exists());
}

/// Same Message-ID, size and date, other octets: likeness is enough to spare a download, and not
/// enough to delete.
#[tokio::test]
async fn r1_nothing_is_deleted_because_of_a_likeness() {
    for protocol in [Protocol::Imap, Protocol::Pop3] {
        for keep_first in [false, true] {
            let mut rig = Rig::new(protocol).await;
            rig.fill("INBOX", 2);
            let mailbox = if protocol == Protocol::Imap {
                "INBOX"
            } else {
                ""
            };
            for (n, held) in rig.account.messages("INBOX").iter().enumerate() {
                let mut octets = String::from_utf8_lossy(&held.bytes).replace("\r\n", "\n");
                if n == 1 {
                    octets = octets.replace("a line of some", "A LINE OF SOME");
                }
                let name = format!("170000000{n}.1_{n}.host:2,S");
                deliver(&rig, mailbox, &name, &octets, held.internal_date);
            }
            let expected = rig.expected(&["INBOX"]);
            if keep_first {
                rig.settings.retention = Policy::KEEP;
                assert_eq!(rig.pass().await.unwrap().new, 0, "{protocol:?}");
            }
            rig.settings.retention = Policy::DELETE;
            rig.settings.brake = None;
            rig.server.store().forget_commands();
            let report = rig.pass().await.unwrap();
            assert_eq!((report.new, report.expired), (1, 2), "{protocol:?}");
            let stored = rig.stored();
            for content in expected.keys() {
                assert!(
                    stored.contains_key(content),
                    "{protocol:?}: it was the last copy"
                );
            }
            assert_eq!(stored.len(), 3);
        }
    }
}

#[tokio::test]
async fn r5_a_tree_that_is_not_there_is_no_empty_tree() {
    let rig = filled(Options::default()).await;
    rig.pass().await.unwrap();
    let before = rig.stored();
    let away = rig.root().join("away");
    fs::rename(rig.maildir(), &away).unwrap();
    fs::create_dir(rig.maildir()).unwrap();
    let error = rig.pass().await.unwrap_err();
    assert!(
        matches!(error, EngineError::TreeMissing { messages: 27, .. }),
        "{error:?}"
    );
    assert_eq!(error.fault(), Kind::LocalIo);
    assert!(error.hint().is_some());
    assert_eq!(files(rig.maildir()), Vec::<PathBuf>::new());
    fs::remove_dir(rig.maildir()).unwrap();
    fs::rename(&away, rig.maildir()).unwrap();
    assert_eq!(rig.pass().await.unwrap().new, 0);
    assert_eq!(rig.stored(), before);
}

#[tokio::test]
async fn r1_a_damaged_file_does_not_prove_itself_to_a_new_index() {
    for policy in [Policy::DELETE, after(1)] {
        let mut rig = filled(Options::default()).await;
        rig.pass().await.unwrap();
        let damaged = files(&rig.maildir().join("INBOX/new")).pop().unwrap();
        let (octets, time) = (
            fs::read_to_string(&damaged).unwrap(),
            fs::metadata(&damaged),
        );
        fs::write(&damaged, octets.replace("a line of", "# #### ##")).unwrap();
        // As a block that the disk has lost: nothing tells but the octets.
        let file = fs::File::options().write(true).open(&damaged).unwrap();
        file.set_modified(time.unwrap().modified().unwrap())
            .unwrap();
        fs::remove_dir_all(rig.state_dir()).unwrap();
        rig.settings.retention = policy;
        let whole = rig.expected(&MAILBOXES);
        for _ in 0..3 {
            rig.settings.brake = None;
            rig.pass().await.unwrap();
            rig.grow_older(2 * 86_400);
        }
        for (octets, _) in whole {
            assert!(rig.stored().contains_key(&octets), "{policy}: {octets}");
        }
        let left: usize = MAILBOXES
            .map(|name| rig.account.messages(name).len())
            .iter()
            .sum();
        assert_eq!(left, 0, "{policy}");
        assert!(damaged.exists(), "{policy}");
    }
}
