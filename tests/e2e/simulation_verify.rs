//! `verify` where the index lacks what the Maildir has: it was lost, it is empty, it is older than a mailbox.

use crate::simulation_ledger::{bodies, engine, kinds, sorted, verified};
use postrider_core::account::{AccountName, Protocol};
use postrider_engine::{FindingKind, VerifyOptions, VerifyReport, verify};
use postrider_tests::rig::Rig;
use std::fs;
use std::path::Path;

async fn filled() -> Rig {
    let rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 3);
    rig.fill("Work/Projects", 2);
    rig.pass().await.unwrap();
    rig
}

/// The mailboxes of the files that nobody knows.
fn unknown_in(report: &VerifyReport) -> Vec<&str> {
    let unknown = |finding: &&_| matches!(finding, f if is_unknown(f));
    let found = report.findings.iter().filter(unknown);
    let mut mailboxes: Vec<&str> = found.map(|finding| finding.mailbox.as_str()).collect();
    mailboxes.sort_unstable();
    mailboxes
}

fn is_unknown(finding: &postrider_engine::Finding) -> bool {
    finding.kind == FindingKind::Unknown
}

const ALL: [&str; 5] = ["INBOX", "INBOX", "INBOX", "Work/Projects", "Work/Projects"];

fn lose(index: &Path) {
    for beside in ["", "-wal", "-shm"] {
        let path = format!("{}{beside}", index.display());
        fs::remove_file(&path).unwrap_or_default();
    }
}

fn foreign(index: &Path) {
    lose(index);
    let other = rusqlite::Connection::open(index).unwrap();
    other.execute("CREATE TABLE a (b)", []).unwrap();
}

fn empty(index: &Path) {
    lose(index);
    fs::write(index, "").unwrap();
}

fn garbage(index: &Path) {
    lose(index);
    fs::write(index, "no database ".repeat(1_000)).unwrap();
}

#[tokio::test]
async fn a_lost_or_empty_index_is_a_fault_until_a_pass_has_made_a_new_one() {
    for (spoil, repair) in [
        (lose as fn(&Path), false),
        (lose, true),
        (empty, false),
        (foreign, false),
        (garbage, true),
    ] {
        let rig = filled().await;
        spoil(&rig.state_dir().join("index.db"));
        let report = verified(&rig, repair).await;
        assert_eq!(unknown_in(&report), ALL);
        assert_eq!((report.good, report.faults, report.unlisted), (0, 5, 5));
        assert!(report.unindexed);
        rig.server.store().forget_commands();
        assert_eq!((rig.pass().await.unwrap().new, bodies(&rig)), (0, 0));
        let report = verified(&rig, false).await;
        assert_eq!(
            (report.good, kinds(&report), report.unlisted),
            (5, vec![], 0)
        );
    }
}

#[tokio::test]
async fn files_of_a_mailbox_that_an_old_index_does_not_know_are_unknown() {
    let rig = filled().await;
    let backup = rig.root().join("backup");
    fs::rename(rig.state_dir(), &backup).unwrap();
    let report = verified(&rig, false).await;
    assert_eq!(report.unlisted, 5);
    fs::rename(&backup, rig.state_dir()).unwrap();
    let index = rusqlite::Connection::open(rig.state_dir().join("index.db")).unwrap();
    let work = "(SELECT id FROM mailbox WHERE name = 'Work/Projects')";
    for sql in [
        format!("DELETE FROM message WHERE mailbox = {work}"),
        "DELETE FROM mailbox WHERE name = 'Work/Projects'".to_owned(),
    ] {
        index.execute(&sql, []).unwrap();
    }
    drop(index);
    for repair in [false, true] {
        let report = verified(&rig, repair).await;
        assert_eq!(unknown_in(&report), ["Work/Projects"; 2]);
        assert_eq!((report.good, report.faults, report.unlisted), (3, 2, 2));
        assert!(!report.unindexed);
    }
    rig.server.store().forget_commands();
    assert_eq!((rig.pass().await.unwrap().new, bodies(&rig)), (0, 0));
    assert_eq!(verified(&rig, false).await.good, 5);
}

#[tokio::test]
async fn an_account_that_was_never_synced_has_no_fault() {
    let rig = Rig::new(Protocol::Imap).await;
    let draft = rig.maildir().join("INBOX");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(draft.join(part)).unwrap();
    }
    fs::write(draft.join("cur/1.2.draft:2,D"), "Subject: x\n\n").unwrap();
    for repair in [false, true] {
        let report = verified(&rig, repair).await;
        assert_eq!((report.faults, report.good, kinds(&report)), (0, 0, vec![]));
    }
}

/// A mailbox of one account, or another account's tree inside this one's, is nobody else's fault.
#[tokio::test]
async fn what_another_account_has_in_the_same_tree_is_not_unknown() {
    let rig = filled().await;
    let mut others = engine(&rig);
    let mut beside = rig.settings.clone();
    beside.name = AccountName::parse("beside").unwrap();
    beside.protocol = Protocol::Pop3;
    beside.maildir = rig.maildir().join("INBOX");
    others.accounts.push(beside);
    let told = async |settings| {
        let outcomes = verify(settings, VerifyOptions::default(), |_| ()).await;
        let faults = |outcome: postrider_engine::VerifyOutcome| outcome.result.unwrap().faults;
        outcomes
            .unwrap()
            .into_iter()
            .map(faults)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(others.clone()).await,
        [0, 0],
        "it is the mailbox of home"
    );
    lose(&rig.state_dir().join("index.db"));
    assert_eq!(
        told(others).await,
        [2, 3],
        "the inner tree's owner tells of it"
    );
    // Maildrops may share a directory: one of them tells.
    let mut shared = engine(&rig);
    shared.accounts[0].protocol = Protocol::Pop3;
    shared.accounts[0].maildir = rig.maildir().join("INBOX");
    let mut twin = shared.accounts[0].clone();
    twin.name = AccountName::parse("twin").unwrap();
    shared.accounts.push(twin);
    assert_eq!(told(shared).await, [3, 0]);
}

/// Such a directory is no mailbox of the server, and what readers carry there keeps its name.
#[tokio::test]
async fn what_a_reader_has_carried_into_a_directory_of_its_own_is_known() {
    let rig = filled().await;
    let kept = rig.maildir().join("Kept");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(kept.join(part)).unwrap();
    }
    let file = sorted(&rig, "INBOX").remove(0);
    let name = file.file_name().unwrap().to_str().unwrap();
    let name = name.split(":2,").next().unwrap();
    fs::copy(&file, kept.join(format!("cur/{name}:2,S"))).unwrap();
    let report = verified(&rig, false).await;
    assert_eq!((report.unlisted, kinds(&report)), (0, vec![]));
}

#[tokio::test]
async fn a_changed_file_that_is_taken_in_is_not_good_too() {
    let rig = filled().await;
    let file = sorted(&rig, "INBOX").remove(0);
    let changed = fs::read(&file).unwrap().to_ascii_uppercase();
    fs::write(&file, changed).unwrap();
    let report = verified(&rig, true).await;
    assert_eq!(
        (report.good, kinds(&report)),
        (4, vec![FindingKind::Changed])
    );
}
