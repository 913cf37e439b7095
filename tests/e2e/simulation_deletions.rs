//! `deletions: push` on servers in memory: what a reader deleted goes there too, and nothing that only looks so.

use postrider_core::account::Protocol;
use postrider_core::brake::{Brake, Percent};
use postrider_core::retention::{Policy, Protect};
use postrider_engine::{PassReport, approve, status};
use postrider_mailserver::Options;
use postrider_tests::policies::{after, pushed, trash};
use postrider_tests::rig::{Rig, files, message};
use std::fs;
use std::path::{Path, PathBuf};

const PROTOCOLS: [Protocol; 2] = [Protocol::Imap, Protocol::Pop3];

/// `count` messages, synced and proven; nothing has gone.
async fn synced(protocol: Protocol, count: usize, policy: Policy) -> Rig {
    let mut rig = Rig::new(protocol).await;
    rig.settings.retention = policy;
    rig.fill("INBOX", count);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (count as u64, 0));
    rig
}

/// The directory of INBOX.
fn inbox(rig: &Rig) -> PathBuf {
    match rig.settings.protocol {
        Protocol::Imap => rig.maildir().join("INBOX"),
        Protocol::Pop3 => rig.maildir().to_owned(),
    }
}

/// The file of the nth message.
fn file(rig: &Rig, n: usize) -> PathBuf {
    let text = message("INBOX", n).replace("\r\n", "\n");
    let holds = |path: &PathBuf| fs::read_to_string(path).unwrap() == text;
    files(rig.maildir()).into_iter().find(holds).unwrap()
}

fn delete(rig: &Rig, numbers: impl IntoIterator<Item = usize>) {
    for n in numbers {
        fs::remove_file(file(rig, n)).unwrap();
    }
}

/// Which messages the server has, by number.
fn left(rig: &Rig) -> Vec<usize> {
    let all: Vec<_> = (0..40).map(|n| message("INBOX", n)).collect();
    let messages = rig.account.messages("INBOX").into_iter();
    let number = |octets: &[u8]| all.iter().position(|text| text.as_bytes() == octets);
    messages.filter_map(|m| number(&m.bytes)).collect()
}

fn pushed_so_far(rig: &Rig) -> i64 {
    rig.count(
        "SELECT count(*) FROM ledger WHERE action = 'expired' AND because = 'deletions: push'",
    )
}

/// As many passes as no deletion would outlive.
async fn passes(rig: &Rig) -> u64 {
    let mut expired = 0;
    for _ in 0..4 {
        expired += rig.pass().await.unwrap().expired;
    }
    expired
}

/// Another directory in the place of `dir`, with copies of what lies in `from`.
fn copy_tree(from: &Path, dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = dir.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn r5_what_a_reader_deleted_goes_when_two_passes_say_so() {
    for protocol in PROTOCOLS {
        let rig = synced(protocol, 5, pushed()).await;
        delete(&rig, [1, 3]);
        assert_eq!(rig.pass().await.unwrap().expired, 0, "one witness");
        assert_eq!(left(&rig).len(), 5);
        assert_eq!(rig.pass().await.unwrap().expired, 2, "{protocol}");
        assert_eq!(left(&rig), [0, 2, 4], "{protocol}");
        assert_eq!(pushed_so_far(&rig), 2, "{protocol}");
        let report = rig.pass().await.unwrap();
        let quiet = (report.new, report.expired, report.vanished);
        assert_eq!(quiet, (0, 0, 0), "{protocol}");
        assert_eq!(rig.stored().len(), 3, "{protocol}");
    }
}

#[tokio::test]
async fn without_the_word_a_deleted_message_stays_and_is_not_fetched_again() {
    let rig = synced(Protocol::Imap, 5, Policy::KEEP).await;
    delete(&rig, [1, 3]);
    for _ in 0..3 {
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.expired), (0, 0));
    }
    assert_eq!((left(&rig).len(), rig.stored().len()), (5, 3));
}

#[tokio::test]
async fn r5_a_file_that_came_back_or_moved_was_never_deleted() {
    for protocol in PROTOCOLS {
        let rig = synced(protocol, 5, pushed()).await;
        let away = rig.root().join("away");
        let one = file(&rig, 1);
        fs::rename(&one, &away).unwrap();
        rig.pass().await.unwrap();
        fs::rename(&away, &one).unwrap();
        assert_eq!(passes(&rig).await, 0, "{protocol}");
        fs::rename(&one, &away).unwrap();
        rig.pass().await.unwrap();
        assert_eq!(left(&rig).len(), 5, "{protocol}: one witness, anew");
    }
}

#[tokio::test]
async fn r5_a_directory_that_went_away_deletes_nothing() {
    let rig = synced(Protocol::Imap, 5, pushed()).await;
    rig.account.create("Work");
    rig.pass().await.unwrap();
    let kept = rig.root().join("kept");
    fs::rename(inbox(&rig), &kept).unwrap();
    assert_eq!(passes(&rig).await, 0);
    assert_eq!(left(&rig).len(), 5);
    fs::remove_dir_all(inbox(&rig)).unwrap();
    fs::rename(&kept, inbox(&rig)).unwrap();
    assert_eq!(passes(&rig).await, 0);
    // It is an ordinary mailbox again.
    delete(&rig, [2]);
    assert_eq!(passes(&rig).await, 1);
    assert_eq!(left(&rig), [0, 1, 3, 4]);
}

#[tokio::test]
async fn r5_a_tree_that_went_away_deletes_nothing() {
    for protocol in PROTOCOLS {
        let rig = synced(protocol, 5, pushed()).await;
        let kept = rig.root().join("kept");
        fs::rename(rig.maildir(), &kept).unwrap();
        fs::create_dir(rig.maildir()).unwrap();
        for _ in 0..3 {
            let refused = rig.pass().await.is_err();
            assert!(refused, "{protocol}: an empty mount point is no tree");
        }
        assert_eq!(left(&rig).len(), 5, "{protocol}");
        fs::remove_dir(rig.maildir()).unwrap();
        fs::rename(&kept, rig.maildir()).unwrap();
        assert_eq!(passes(&rig).await, 0, "{protocol}");
    }
}

/// The disk is not mounted, and below its mount point lies a tree that an earlier mishap made; or an older
/// copy of the tree was put in its place. Either has the same names, and lacks what was deleted by nobody.
#[tokio::test]
async fn r5_another_tree_in_the_place_of_ours_deletes_nothing() {
    for (protocol, lacks) in PROTOCOLS.into_iter().flat_map(|p| [(p, 5), (p, 2)]) {
        let rig = synced(protocol, 5, pushed()).await;
        let (kept, other) = (rig.root().join("kept"), rig.root().join("other"));
        copy_tree(rig.maildir(), &other);
        fs::rename(rig.maildir(), &kept).unwrap();
        fs::rename(&other, rig.maildir()).unwrap();
        delete(&rig, 0..lacks);
        let which = format!("{protocol}, {lacks} lacking");
        assert_eq!(passes(&rig).await, 0, "{which}");
        assert_eq!(left(&rig).len(), 5, "{which}");
        // Deleted there, where it had been found: that is a deletion.
        if lacks == 2 {
            delete(&rig, [4]);
            assert_eq!(passes(&rig).await, 1, "{which}");
            assert_eq!(left(&rig), [0, 1, 2, 3], "{which}");
            continue;
        }
        fs::remove_dir_all(rig.maildir()).unwrap();
        fs::rename(&kept, rig.maildir()).unwrap();
        assert_eq!(passes(&rig).await, 0, "{which}: mounted again");
        delete(&rig, [3]);
        assert_eq!(passes(&rig).await, 1, "{which}: mounted again");
    }
}

/// One pass missed a file before the tree was exchanged: the second witness saw another place.
#[tokio::test]
async fn r5_witnesses_of_two_directories_do_not_make_a_deletion() {
    for protocol in PROTOCOLS {
        let rig = synced(protocol, 5, pushed()).await;
        delete(&rig, [1]);
        assert_eq!(rig.pass().await.unwrap().expired, 0);
        let other = rig.root().join("other");
        copy_tree(rig.maildir(), &other);
        fs::remove_dir_all(rig.maildir()).unwrap();
        fs::rename(&other, rig.maildir()).unwrap();
        assert_eq!(passes(&rig).await, 0, "{protocol}");
        assert_eq!(left(&rig).len(), 5, "{protocol}");
    }
}

/// A rule by age asks the same: a file that another directory lacks holds its server copy.
#[tokio::test]
async fn r5_by_no_rule_goes_what_another_directory_lacks() {
    for protocol in PROTOCOLS {
        let rig = synced(protocol, 5, after(30)).await;
        let other = rig.root().join("other");
        copy_tree(rig.maildir(), &other);
        fs::remove_dir_all(rig.maildir()).unwrap();
        fs::rename(&other, rig.maildir()).unwrap();
        delete(&rig, [0, 1]);
        assert_eq!(passes(&rig).await, 0, "{protocol}: too young");
        rig.grow_older(31 * 86_400);
        assert_eq!(passes(&rig).await, 3, "{protocol}");
        assert_eq!(left(&rig), [0, 1], "{protocol}");
    }
}

#[tokio::test]
async fn r6_too_many_at_once_wait_for_approval_and_mail_goes_on_coming() {
    for protocol in PROTOCOLS {
        let rig = synced(protocol, 12, pushed()).await;
        delete(&rig, 0..12);
        rig.pass().await.unwrap();
        for _ in 0..2 {
            let report = rig.pass().await.unwrap();
            assert_eq!((report.expired, report.braked), (0, 12), "{protocol}");
        }
        assert_eq!(left(&rig).len(), 12, "{protocol}");
        let held = approve(&rig.state_dir(), &rig.settings.name).unwrap();
        assert_eq!(held[0].because, "deletions: push");
        rig.account
            .append("INBOX", message("INBOX", 20), &[], 1_700_000_999);
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.expired), (1, 12), "{protocol}");
        assert_eq!(left(&rig), [20], "{protocol}");
        assert_eq!(rig.count("SELECT count(*) FROM brake"), 0, "{protocol}");
    }
}

/// What plain `delete` lets go every day neither hurries along what the brake holds nor lets it be forgotten.
#[tokio::test]
async fn r6_plain_delete_does_not_release_what_a_reader_deleted() {
    for protocol in PROTOCOLS {
        let policy = Policy {
            delete: true,
            protect: Protect {
                flagged: false,
                unread: true,
            },
            ..pushed()
        };
        let mut rig = synced(protocol, 5, policy).await;
        rig.settings.brake = Some(Brake {
            messages: 1,
            share: Percent::new(1).unwrap(),
        });
        delete(&rig, 0..3);
        rig.pass().await.unwrap();
        let read = file(&rig, 4);
        let name = read.file_name().unwrap().to_str().unwrap().to_owned();
        let base = name.split(":2,").next().unwrap();
        let seen = inbox(&rig).join(format!("cur/{base}:2,S"));
        fs::rename(read, seen).unwrap();
        let report = rig.pass().await.unwrap();
        assert_eq!((report.expired, report.braked), (1, 3), "{protocol}");
        assert_eq!(left(&rig), [0, 1, 2, 3], "{protocol}");
        let engaged = "SELECT count(*) FROM brake WHERE removing = 3";
        assert_eq!(rig.count(engaged), 1, "{protocol}");
        approve(&rig.state_dir(), &rig.settings.name).unwrap();
        assert_eq!(rig.pass().await.unwrap().expired, 3, "{protocol}");
        assert_eq!(left(&rig), [3], "{protocol}");
        assert_eq!(pushed_so_far(&rig), 3, "{protocol}: unread, and gone");
    }
}

#[tokio::test]
async fn protect_is_for_rules_and_method_for_all() {
    let policy = Policy {
        protect: Protect {
            flagged: true,
            unread: true,
        },
        ..trash(pushed())
    };
    let rig = synced(Protocol::Imap, 5, policy).await;
    rig.account.set_role("Bin", "\\Trash");
    rig.account.change_flags("INBOX", 2, &["\\Flagged"], &[]);
    rig.pass().await.unwrap();
    delete(&rig, [1]);
    assert_eq!(passes(&rig).await, 1);
    assert_eq!(left(&rig), [0, 2, 3, 4]);
    assert_eq!(rig.account.messages("Bin").len(), 1);
    // It came here as mail of the trash. Deleted there, it is deleted for good.
    assert_eq!((rig.stored().len(), pushed_so_far(&rig)), (5, 1));
    delete(&rig, [1]);
    rig.pass().await.unwrap();
    let goes = "be deleted on the server (deletions: push)".to_owned();
    assert!(said(&rig.rehearse().await.unwrap()).contains(&goes));
    assert_eq!(rig.pass().await.unwrap().expired, 1);
    assert!(rig.account.messages("Bin").is_empty());
    assert_eq!(left(&rig).len(), 4);
}

#[tokio::test]
async fn r1_what_was_deleted_before_it_was_proven_stays_and_that_is_said_once() {
    for protocol in PROTOCOLS {
        let mut rig = synced(protocol, 5, Policy::KEEP).await;
        delete(&rig, [1]);
        // Nothing is proven while nothing may go.
        rig.settings.retention = pushed();
        assert_eq!(passes(&rig).await, 0, "{protocol}");
        assert_eq!(left(&rig).len(), 5, "{protocol}");
        let of_account = |rig: &Rig| status(&rig.state_dir()).unwrap().remove(0);
        assert_eq!(of_account(&rig).deleted_unproven, 1, "{protocol}");
        let told = "SELECT count(*) FROM message WHERE unproven_told_at IS NOT NULL";
        assert_eq!(rig.count(told), 1, "{protocol}");
        delete(&rig, [3]);
        assert_eq!(passes(&rig).await, 1, "{protocol}: proven since");
        assert_eq!(left(&rig), [0, 1, 2, 4], "{protocol}");
        assert_eq!(of_account(&rig).deleted_unproven, 1, "{protocol}");
    }
}

/// One message in several mailboxes is one file with several names: each may be deleted for itself.
#[tokio::test]
async fn a_label_goes_with_its_file_and_the_others_stay() {
    let mut rig = Rig::with(Protocol::Imap, Options::gmail()).await;
    rig.settings.retention = pushed();
    let uid = rig
        .account
        .append("INBOX", message("INBOX", 1), &[], 1_700_000_000);
    rig.account.create("Work");
    rig.account.copy_message("INBOX", uid, "Work").unwrap();
    rig.pass().await.unwrap();
    let count = |mailbox: &str| rig.account.messages(mailbox).len();
    let (here, there) = (count("INBOX"), count("Work"));
    assert_eq!((here, there), (1, 1));
    for path in files(&inbox(&rig)) {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(passes(&rig).await, 1);
    assert_eq!((count("INBOX"), count("Work")), (0, 1));
}

fn said(rehearsal: &postrider_engine::Rehearsal) -> Vec<String> {
    let deeds = rehearsal.deeds.iter();
    deeds.map(|deed| deed.deed.to_string()).collect()
}

#[tokio::test]
async fn a_rehearsal_says_what_waits_and_what_would_go_and_changes_nothing() {
    for protocol in PROTOCOLS {
        let rig = synced(protocol, 5, pushed()).await;
        delete(&rig, [1]);
        let waits = "stay on the server though a rule lets it go: its local copy is gone, \
                     and not certainly because a reader deleted it";
        for _ in 0..3 {
            let rehearsal = rig.rehearse().await.unwrap();
            assert!(said(&rehearsal).contains(&waits.to_owned()), "{protocol}");
        }
        rig.pass().await.unwrap();
        let goes = "be deleted on the server (deletions: push)";
        for _ in 0..2 {
            let rehearsal = rig.rehearse().await.unwrap();
            assert!(said(&rehearsal).contains(&goes.to_owned()), "{protocol}");
        }
        assert_eq!(left(&rig).len(), 5, "{protocol}");
        let report: PassReport = rig.pass().await.unwrap();
        assert_eq!(report.expired, 1, "{protocol}");
    }
}
