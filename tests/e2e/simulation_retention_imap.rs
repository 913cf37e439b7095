//! Every retention rule on an IMAP server in memory: what goes, by which rule, and what holds it.

use postrider_core::account::Protocol;
use postrider_core::brake::Percent;
use postrider_core::retention::{Method, Policy, Protect, Vanished};
use postrider_core::settings::Moves;
use postrider_engine::{Steps, approve};
use postrider_mailserver::{Action, Fault, Options};
use postrider_tests::policies::{after, locally, trash};
use postrider_tests::rig::{Rig, files, message};
use std::num::NonZeroU32;
use std::path::PathBuf;

const DAY: i64 = 86_400;

/// `count` messages in INBOX, synced and proven under a policy that lets nothing go yet.
async fn synced(options: Options, count: usize, policy: Policy) -> Rig {
    let mut rig = Rig::with(Protocol::Imap, options).await;
    rig.settings.retention = policy;
    rig.fill("INBOX", count);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (count as u64, 0));
    rig
}

fn uids(rig: &Rig, mailbox: &str) -> Vec<u32> {
    let messages = rig.account.messages(mailbox);
    messages.iter().map(|message| message.uid).collect()
}

/// The file of the nth message of INBOX.
fn file(rig: &Rig, n: usize) -> PathBuf {
    let text = message("INBOX", n).replace("\r\n", "\n");
    let holds = |path: &PathBuf| std::fs::read_to_string(path).unwrap() == text;
    files(&rig.maildir().join("INBOX"))
        .into_iter()
        .find(holds)
        .unwrap()
}

fn expired_by(rig: &Rig, rule: &str) -> i64 {
    let sql = "SELECT count(*) FROM ledger WHERE action = 'expired' AND because = ";
    rig.count(&format!("{sql}'{rule}'"))
}

fn vanished(rig: &Rig) -> i64 {
    rig.count("SELECT count(*) FROM messages WHERE vanished_at IS NOT NULL")
}

#[tokio::test]
async fn delete_after_counts_from_the_proof_and_spares_what_is_protected() {
    let policy = Policy {
        protect: Protect {
            flagged: true,
            unread: false,
        },
        ..after(30)
    };
    let rig = synced(Options::default(), 5, policy).await;
    rig.account.change_flags("INBOX", 2, &["\\Flagged"], &[]);
    rig.grow_older(29 * DAY);
    assert_eq!(rig.pass().await.unwrap().expired, 0, "dates are of 2023");
    rig.fill("INBOX", 1);
    rig.grow_older(2 * DAY);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.expired, report.braked), (4, 0));
    assert_eq!(uids(&rig, "INBOX"), [2, 6]);
    assert_eq!(expired_by(&rig, "retention: delete_after: 30d"), 4);
    assert_eq!(rig.stored().values().sum::<usize>(), 6, "all of them here");
    assert_eq!((rig.pass().await.unwrap().new, vanished(&rig)), (0, 0));
}

/// A machine without a battery wakes up in another month, and a minute later the network tells it better.
#[tokio::test]
async fn delete_after_does_not_take_a_leap_of_the_clock_for_age() {
    let rig = synced(Options::default(), 3, after(30)).await;
    rig.grow_older(31 * DAY);
    let index = rusqlite::Connection::open(rig.state_dir().join("index.db")).unwrap();
    let leap =
        "UPDATE account SET clock_seen_at = clock_seen_at - ?1, clock_own_at = clock_own_at - ?1";
    assert_eq!(index.execute(leap, [20 * DAY]).unwrap(), 1);
    for pass in ["the first after the leap", "the next"] {
        assert_eq!(rig.pass().await.unwrap().expired, 0, "{pass}");
    }
    let stands = "UPDATE account SET clock_leap_to = clock_leap_to - 3600, clock_seen_at = clock_seen_at - 3600";
    assert_eq!(index.execute(stands, []).unwrap(), 1);
    let report = rig.pass().await.unwrap();
    assert_eq!(report.expired, 3, "after an hour it is believed");
}

#[tokio::test]
async fn keep_latest_leaves_so_many_in_each_mailbox() {
    let mut rig = Rig::new(Protocol::Imap).await;
    rig.settings.retention.keep_latest = NonZeroU32::new(9);
    for mailbox in ["INBOX", "Work"] {
        rig.fill(mailbox, 11);
    }
    assert_eq!(rig.pass().await.unwrap().expired, 4);
    for mailbox in ["INBOX", "Work"] {
        assert_eq!(uids(&rig, mailbox), (3..=11).collect::<Vec<_>>());
    }
    assert_eq!(expired_by(&rig, "retention: keep_latest: 9"), 4);
    assert_eq!(rig.pass().await.unwrap().expired, 0);
}

#[tokio::test]
async fn a_quota_takes_the_oldest_of_all_mailboxes_and_stops_under_the_mark() {
    let mut rig = Rig::with(Protocol::Imap, Options::default().with(&["QUOTA"])).await;
    rig.settings.retention.quota = Percent::new(80);
    for (n, mailbox) in ["INBOX", "Work"].into_iter().cycle().take(20).enumerate() {
        let date = 1_700_000_000 + n as i64;
        rig.account.append(mailbox, message(mailbox, n), &[], date);
    }
    rig.account.set_quota(None, Some(25));
    assert_eq!(rig.pass().await.unwrap().expired, 0, "20 of 25 are 80 %");
    rig.account.set_quota(None, Some(20));
    assert_eq!(rig.pass().await.unwrap().expired, 4);
    assert_eq!(uids(&rig, "INBOX"), (3..=10).collect::<Vec<_>>());
    assert_eq!(uids(&rig, "Work"), (3..=10).collect::<Vec<_>>());
    assert_eq!(expired_by(&rig, "retention: quota: 80%"), 4);
    assert_eq!(rig.pass().await.unwrap().expired, 0);
}

#[tokio::test]
async fn a_quota_that_nobody_tells_lets_nothing_go() {
    let mut rig = Rig::new(Protocol::Imap).await;
    rig.settings.retention.quota = Percent::new(1);
    rig.account.set_quota(None, Some(1));
    rig.fill("INBOX", 5);
    assert_eq!(rig.pass().await.unwrap().expired, 0);
}

#[tokio::test]
async fn a_box_that_fills_up_is_warned_of_even_where_everything_is_kept() {
    let rig = Rig::with(Protocol::Imap, Options::default().with(&["QUOTA"])).await;
    let warned = "SELECT coalesce(max(quota_warned), 0) FROM account";
    rig.account.set_quota(None, Some(20));
    for (more, told) in [(15, 0), (1, 80), (1, 80), (1, 90), (1, 95), (4, 95)] {
        let held = rig.account.messages("INBOX").len();
        for n in held..held + more {
            let date = 1_700_000_000;
            rig.account.append("INBOX", message("INBOX", n), &[], date);
        }
        rig.pass().await.unwrap();
        assert_eq!(rig.count(warned), told, "after {more} more than {held}");
    }
    assert_eq!(rig.account.messages("INBOX").len(), 23);
}

#[tokio::test]
async fn a_box_without_inbox_among_the_chosen_is_warned_of_too() {
    let mut rig = Rig::with(Protocol::Imap, Options::default().with(&["QUOTA"])).await;
    rig.settings.folders.exclude = vec!["INBOX".to_owned()];
    rig.account.set_quota(None, Some(20));
    rig.fill("Work", 19);
    rig.pass().await.unwrap();
    let warned = "SELECT coalesce(max(quota_warned), 0) FROM account";
    assert_eq!(rig.count(warned), 95);
}

#[tokio::test]
async fn r6_a_brake_does_not_outlive_the_policy_that_engaged_it() {
    for policy in [Policy::KEEP, Policy::DELETE] {
        let mut rig = synced(Options::default(), 12, after(30)).await;
        rig.grow_older(31 * DAY);
        assert_eq!(rig.pass().await.unwrap().braked, 12, "{policy}");
        rig.settings.retention = policy;
        assert_eq!(rig.pass().await.unwrap().braked, 0, "{policy}");
        assert_eq!(rig.count("SELECT count(*) FROM brake"), 0, "{policy}");
    }
}

#[tokio::test]
async fn r5_a_reader_has_deleted_a_message_when_two_passes_say_so() {
    let rig = synced(Options::default(), 5, locally()).await;
    std::fs::remove_file(file(&rig, 1)).unwrap();
    assert_eq!(rig.pass().await.unwrap().expired, 0, "one witness");
    assert_eq!(rig.pass().await.unwrap().expired, 1);
    assert_eq!(uids(&rig, "INBOX"), [1, 3, 4, 5]);
    assert_eq!(expired_by(&rig, "retention: until_deleted_locally"), 1);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (0, 0), "not fetched again");
    assert_eq!(rig.stored().len(), 4);
}

#[tokio::test]
async fn r5_a_file_that_came_back_or_moved_was_never_deleted() {
    let mut rig = synced(Options::default(), 5, locally()).await;
    rig.settings.moves = Moves::Ignore;
    rig.account.create("Work");
    rig.pass().await.unwrap();
    let away = rig.root().join("away");
    let (one, two) = (file(&rig, 1), file(&rig, 2));
    std::fs::rename(&one, &away).unwrap();
    let moved = rig
        .maildir()
        .join("Work/cur")
        .join(two.file_name().unwrap());
    std::fs::rename(&two, moved).unwrap();
    rig.pass().await.unwrap();
    std::fs::rename(&away, &one).unwrap();
    for _ in 0..3 {
        assert_eq!(rig.pass().await.unwrap().expired, 0);
    }
    std::fs::rename(&one, &away).unwrap();
    assert_eq!(rig.pass().await.unwrap().expired, 0, "one witness, anew");
    assert_eq!(uids(&rig, "INBOX").len(), 5);
}

#[tokio::test]
async fn r5_a_directory_that_went_away_deletes_nothing_by_any_rule() {
    for policy in [locally(), after(30)] {
        let rig = synced(Options::default(), 5, policy).await;
        rig.account.create("Work");
        rig.pass().await.unwrap();
        rig.grow_older(31 * DAY);
        let (kept, inbox) = (rig.root().join("kept"), rig.maildir().join("INBOX"));
        std::fs::rename(&inbox, &kept).unwrap();
        for _ in 0..4 {
            let report = rig.pass().await.unwrap();
            assert_eq!(report.expired, 0, "{policy}");
        }
        assert_eq!(uids(&rig, "INBOX").len(), 5, "{policy}");
        // Mounted again: everything is as it was.
        std::fs::remove_dir_all(&inbox).unwrap();
        std::fs::rename(&kept, &inbox).unwrap();
        let expired = rig.pass().await.unwrap().expired;
        let all_old = if policy == locally() { 0 } else { 5 };
        assert_eq!(expired, all_old, "{policy}");
    }
}

#[tokio::test]
async fn r1_what_changed_since_its_proof_stays() {
    let rig = synced(Options::default(), 3, after(30)).await;
    rig.grow_older(31 * DAY);
    std::fs::write(file(&rig, 1), "rotten").unwrap();
    assert_eq!(rig.pass().await.unwrap().expired, 2);
    assert_eq!(uids(&rig, "INBOX"), [2]);
    assert_eq!(rig.pass().await.unwrap().expired, 0);
}

#[tokio::test]
async fn r6_too_much_at_once_waits_for_approval_and_mail_goes_on_coming() {
    for policy in [locally(), after(30), trash(after(30))] {
        let rig = synced(Options::default(), 12, policy).await;
        rig.account.set_role("Bin", "\\Trash");
        if policy == locally() {
            (0..12).for_each(|n| std::fs::remove_file(file(&rig, n)).unwrap());
            rig.pass().await.unwrap();
        } else {
            rig.grow_older(31 * DAY);
        }
        let report = rig.pass().await.unwrap();
        assert_eq!((report.expired, report.braked), (0, 12), "{policy}");
        assert_eq!(uids(&rig, "INBOX").len(), 12, "{policy}");
        let held = approve(&rig.state_dir(), &rig.settings.name).unwrap();
        assert_eq!((held[0].side.as_str(), held[0].removing), ("server", 12));
        rig.account
            .append("INBOX", message("later", 1), &[], 1_700_000_999);
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.expired), (1, 12), "{policy}");
        assert_eq!(uids(&rig, "INBOX"), [13], "{policy}");
        assert_eq!(rig.count("SELECT count(*) FROM brake"), 0, "{policy}");
    }
}

#[tokio::test]
async fn r6_plain_delete_is_not_braked() {
    let mut rig = Rig::new(Protocol::Imap).await;
    rig.settings.retention = Policy::DELETE;
    rig.fill("INBOX", 15);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.expired, report.braked), (15, 0));
}

#[tokio::test]
async fn the_trash_takes_them_by_move_or_by_copy() {
    let able = Options::default();
    let no_move = Options::default().without(&["MOVE"]);
    let neither = Options::default().without(&["MOVE", "UIDPLUS"]);
    for (options, words) in [
        (able, &["UID MOVE"][..]),
        (no_move, &["UID COPY", "UID STORE", "UID EXPUNGE"]),
        (neither, &["UID COPY", "UID STORE", "EXPUNGE"]),
    ] {
        let rig = synced(options, 5, trash(after(30))).await;
        rig.account.set_role("Bin", "\\Trash");
        rig.grow_older(31 * DAY);
        rig.fill("INBOX", 1);
        assert_eq!(rig.pass().await.unwrap().expired, 5, "{words:?}");
        assert_eq!(uids(&rig, "INBOX"), [6], "{words:?}");
        assert_eq!(uids(&rig, "Bin").len(), 5, "{words:?}");
        for word in words {
            assert!(!rig.commands(word).is_empty(), "{word} of {words:?}");
        }
        let marked = rig.account.messages("Bin").into_iter();
        assert_eq!(marked.filter(|m| m.flags.contains("\\Deleted")).count(), 0);
        // What lies in the trash is the server's to empty, even when it is old.
        rig.pass().await.unwrap();
        rig.grow_older(31 * DAY);
        rig.pass().await.unwrap();
        assert_eq!(uids(&rig, "Bin").len(), 6, "{words:?}");
    }
}

#[tokio::test]
async fn without_a_trash_nothing_goes() {
    let rig = synced(Options::default(), 3, trash(after(30))).await;
    rig.grow_older(31 * DAY);
    assert_eq!(rig.pass().await.unwrap().expired, 0);
    assert_eq!(uids(&rig, "INBOX").len(), 3);
    assert!(rig.commands("UID STORE").is_empty());
}

#[tokio::test]
async fn without_uidplus_a_stranger_s_deleted_holds_the_trash_too_and_nothing_is_copied() {
    let options = Options::default().without(&["MOVE", "UIDPLUS"]);
    let rig = synced(options, 3, trash(after(30))).await;
    rig.account.set_role("Bin", "\\Trash");
    rig.grow_older(31 * DAY);
    rig.account
        .append("INBOX", message("new", 9), &["\\Deleted"], 1_700_000_999);
    assert_eq!(rig.pass().await.unwrap().expired, 0);
    assert_eq!((uids(&rig, "INBOX").len(), uids(&rig, "Bin").len()), (4, 0));
}

#[tokio::test]
async fn a_server_that_keeps_no_deleted_is_not_believed_to_have_expunged() {
    let mut rig = synced(Options::default(), 3, Policy::KEEP).await;
    rig.account.set_keeps_deleted("INBOX", false);
    rig.settings.retention = Policy::DELETE;
    assert_eq!(rig.pass().await.unwrap().expired, 0);
    let expired = "SELECT count(*) FROM messages WHERE expired_at IS NOT NULL";
    assert_eq!((rig.count(expired), uids(&rig, "INBOX").len()), (0, 3));
    rig.account.set_keeps_deleted("INBOX", true);
    assert_eq!(rig.pass().await.unwrap().expired, 3);
}

#[tokio::test]
async fn what_the_server_refuses_stays_and_is_asked_again() {
    let rig = synced(Options::default(), 3, trash(after(30))).await;
    rig.account.set_role("Bin", "\\Trash");
    rig.grow_older(31 * DAY);
    let no = Action::Answer("NO [OVERQUOTA] the trash is full".to_owned());
    rig.server.faults().plan(Fault::on("UID MOVE", no));
    assert_eq!(rig.pass().await.unwrap().expired, 0);
    let asked = "SELECT count(*) FROM message WHERE expire_requested_at IS NOT NULL";
    assert_eq!(rig.count(asked), 0);
    assert_eq!(rig.pass().await.unwrap().expired, 3);
}

#[tokio::test]
async fn r3_what_was_copied_into_the_trash_and_not_expunged_is_not_copied_again() {
    let no = Action::Answer("NO [NOPERM] not you".to_owned());
    for (command, action) in [
        ("UID COPY", Action::PerformCut(0)),
        ("UID STORE", Action::PerformCut(0)),
        ("UID EXPUNGE", Action::PerformCut(0)),
        ("UID EXPUNGE", no),
    ] {
        let options = Options::default().without(&["MOVE"]);
        let rig = synced(options, 3, trash(after(30))).await;
        rig.account.set_role("Bin", "\\Trash");
        rig.grow_older(31 * DAY);
        rig.server.faults().plan(Fault::on(command, action));
        rig.pass().await.ok();
        assert_eq!(uids(&rig, "Bin").len(), 3, "{command} was not reached");
        for _ in 0..2 {
            rig.pass().await.unwrap();
        }
        let left = (uids(&rig, "INBOX").len(), uids(&rig, "Bin").len());
        assert_eq!(left, (0, 3), "{command}");
        let expired = "SELECT count(*) FROM ledger WHERE action = 'expired'";
        assert_eq!((rig.count(expired), vanished(&rig)), (3, 0), "{command}");
    }
}

/// The server has let it go, and its answer is lost: that message did not vanish, and what
/// `vanished: delete` does to vanished ones must not be done to it.
#[tokio::test]
async fn r3_an_expiry_cut_off_at_any_step_keeps_every_local_copy() {
    for method in [Method::Expunge, Method::Trash] {
        for step in 1.. {
            let policy = Policy {
                method,
                ..after(30)
            };
            let mut rig = synced(Options::default(), 4, policy).await;
            rig.settings.vanished = Vanished::Delete;
            rig.settings.folders.exclude = vec!["Bin".to_owned()];
            rig.account.set_role("Bin", "\\Trash");
            rig.grow_older(31 * DAY);
            let first = rig.pass_until(Steps::stop_after(step)).await;
            let stopped = first.is_err();
            let mut told = first.map_or(0, |report| report.expired);
            let when = format!("{method:?} stopped after {step}");
            for _ in 0..2 {
                let report = rig.pass().await.unwrap();
                told += report.expired;
                assert_eq!(report.vanished, 0, "{when}");
            }
            assert_eq!(told, 4, "{when}");
            assert_eq!(rig.stored().len(), 4, "{when}");
            assert!(uids(&rig, "INBOX").is_empty(), "{when}");
            assert_eq!(vanished(&rig), 0, "{when}");
            let gone = "SELECT count(*) FROM ledger WHERE action = 'expired'
                AND because LIKE 'retention: delete_after: 30d%'";
            assert_eq!(rig.count(gone), 4, "{when}");
            if !stopped {
                assert!(step > 2, "there were steps to stop after");
                break;
            }
        }
    }
}
