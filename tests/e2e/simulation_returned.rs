//! Files that come back, from a backup or from where somebody had put them, after `verify --repair` wrote down
//! that they are gone.

use crate::simulation_ledger::{all, bodies, expired, kinds, sorted, undone, verified};
use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_engine::{FindingKind, UndoOutcome};
use postrider_mailserver::Options;
use postrider_tests::rig::{Rig, files};
use std::fs;
use std::path::{Path, PathBuf};

const MISSING: [FindingKind; 1] = [FindingKind::Missing];
const UNKNOWN: [FindingKind; 1] = [FindingKind::Unknown];

/// Takes a file away; where it lies meanwhile.
fn take_away(rig: &Rig, file: &Path) -> PathBuf {
    let away = rig.root().join("away");
    fs::rename(file, &away).unwrap();
    away
}

/// Messages that the index knows under a UID.
fn identified(rig: &Rig) -> i64 {
    rig.count(
        "SELECT count(DISTINCT uid) FROM messages WHERE uid IS NOT NULL AND vanished_at IS NULL",
    )
}

#[tokio::test]
async fn r4_a_file_that_comes_back_is_its_message_again() {
    let rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 4);
    rig.pass().await.unwrap();
    let whole = rig.stored();
    let file = sorted(&rig, "INBOX").remove(1);
    let away = take_away(&rig, &file);
    assert_eq!(kinds(&verified(&rig, true).await), MISSING);
    fs::rename(&away, &file).unwrap();
    assert_eq!(kinds(&verified(&rig, false).await), UNKNOWN);
    rig.server.store().forget_commands();
    assert_eq!((rig.pass().await.unwrap().new, bodies(&rig)), (0, 0));
    assert_eq!((rig.stored(), identified(&rig)), (whole, 4));
    assert_eq!(rig.count("SELECT count(*) FROM messages"), 4);
    let report = verified(&rig, false).await;
    assert_eq!((kinds(&report), report.good), (vec![], 4));
    assert_eq!(report.server.unwrap().same, 4);
}

/// The server's copy was fetched meanwhile: the file that came back is one more, and stays.
#[tokio::test]
async fn r4_a_file_that_comes_back_beside_a_second_download_is_a_second_copy() {
    for repair in [false, true] {
        let rig = Rig::new(Protocol::Imap).await;
        rig.fill("INBOX", 4);
        rig.pass().await.unwrap();
        let file = sorted(&rig, "INBOX").remove(1);
        let away = take_away(&rig, &file);
        verified(&rig, true).await;
        assert_eq!(rig.pass().await.unwrap().new, 1);
        fs::rename(&away, &file).unwrap();
        if repair {
            let report = verified(&rig, true).await;
            assert_eq!((kinds(&report), report.faults), (UNKNOWN.to_vec(), 0));
        }
        rig.server.store().forget_commands();
        for _ in 0..2 {
            assert_eq!((rig.pass().await.unwrap().new, bodies(&rig)), (0, 0));
        }
        assert_eq!(files(&rig.maildir().join("INBOX")).len(), 5);
        assert_eq!(rig.expected(&["INBOX"]).len(), 4);
        assert_eq!(identified(&rig), 4);
        let report = verified(&rig, false).await;
        assert_eq!((kinds(&report), report.good), (vec![], 5));
    }
}

#[tokio::test]
async fn undo_puts_back_a_message_whose_only_copy_came_back() {
    let rig = expired(Options::default(), 3).await;
    let file = sorted(&rig, "INBOX").remove(1);
    let away = take_away(&rig, &file);
    assert_eq!(verified(&rig, true).await.faults, 1);
    assert_eq!(undone(&rig, &all(&rig)).await.unwrap().len(), 2);
    fs::rename(&away, &file).unwrap();
    rig.pass().await.unwrap();
    let report = verified(&rig, false).await;
    assert_eq!((kinds(&report), report.good), (vec![], 3));
    let items = undone(&rig, &all(&rig)).await.unwrap();
    let outcomes: Vec<_> = items.iter().map(|item| &item.outcome).collect();
    assert_eq!(outcomes, [&UndoOutcome::Restored]);
    assert_eq!(rig.expected(&["INBOX"]), rig.stored());
    assert_eq!(rig.pass().await.unwrap().new, 0);
}

#[tokio::test]
async fn r4_a_mailbox_that_is_put_back_is_known_again() {
    let mut rig = Rig::new(Protocol::Imap).await;
    rig.settings.retention = Policy::KEEP;
    rig.fill("INBOX", 12);
    rig.fill("Work", 4);
    rig.pass().await.unwrap();
    let whole = rig.stored();
    let (inbox, away) = (rig.maildir().join("INBOX"), rig.root().join("away"));
    fs::rename(&inbox, &away).unwrap();
    verified(&rig, true).await;
    assert_eq!(rig.pass().await.unwrap().new, 12);
    fs::remove_dir_all(&inbox).unwrap();
    fs::rename(&away, &inbox).unwrap();
    rig.server.store().forget_commands();
    for _ in 0..2 {
        assert_eq!((rig.pass().await.unwrap().new, bodies(&rig)), (0, 0));
    }
    // Those that were fetched meanwhile are what is missing now.
    let report = verified(&rig, true).await;
    assert_eq!((report.good, report.findings.len()), (16, 12));
    assert_eq!((rig.pass().await.unwrap().new, bodies(&rig)), (0, 0));
    let report = verified(&rig, false).await;
    assert_eq!((kinds(&report), report.good), (vec![], 16));
    assert_eq!((rig.stored(), identified(&rig)), (whole, 12));
    assert_eq!(rig.account.messages("INBOX").len(), 12);
}

#[tokio::test]
async fn r4_a_file_of_a_maildrop_comes_back() {
    let mut rig = Rig::new(Protocol::Pop3).await;
    rig.fill("INBOX", 3);
    rig.settings.retention = Policy::KEEP;
    rig.pass().await.unwrap();
    let whole = rig.stored();
    let file = sorted(&rig, "").remove(1);
    let away = take_away(&rig, &file);
    verified(&rig, true).await;
    fs::rename(&away, &file).unwrap();
    rig.server.store().forget_commands();
    assert_eq!((rig.pass().await.unwrap().new, rig.stored()), (0, whole));
    assert_eq!(rig.commands("RETR"), Vec::<String>::new());
    assert_eq!(verified(&rig, false).await.good, 3);
}

/// Under POP3 too a repair has the server's copy fetched, and nothing is taken for it that is not there.
#[tokio::test]
async fn what_a_maildrop_lost_is_fetched_again() {
    let mut rig = Rig::new(Protocol::Pop3).await;
    rig.fill("INBOX", 3);
    rig.settings.retention = Policy::KEEP;
    rig.pass().await.unwrap();
    let whole = rig.stored();
    fs::remove_file(&sorted(&rig, "")[1]).unwrap();
    assert_eq!(kinds(&verified(&rig, true).await), MISSING);
    assert_eq!(rig.pass().await.unwrap().new, 1);
    assert_eq!(rig.stored(), whole);
    assert_eq!(verified(&rig, false).await.good, 3);
}
