//! Every retention rule that POP3 can keep, on a server in memory.

use postrider_core::account::Protocol;
use postrider_core::retention::{Policy, Protect};
use postrider_engine::approve;
use postrider_mailserver::{Action, Fault, Misbehaviour, Options};
use postrider_tests::policies::{after, locally};
use postrider_tests::rig::{Rig, files, message};
use std::num::NonZeroU32;
use std::path::PathBuf;

const DAY: i64 = 86_400;

async fn synced(count: usize, policy: Policy) -> Rig {
    let mut rig = Rig::with(Protocol::Pop3, Options::default()).await;
    rig.settings.retention = policy;
    rig.fill("INBOX", count);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (count as u64, 0));
    rig
}

/// The file of the nth message.
fn file(rig: &Rig, n: usize) -> PathBuf {
    let text = message("INBOX", n).replace("\r\n", "\n");
    let holds = |path: &PathBuf| std::fs::read_to_string(path).unwrap() == text;
    files(rig.maildir()).into_iter().find(holds).unwrap()
}

/// Which messages the server has, by number.
fn left(rig: &Rig) -> Vec<usize> {
    let all: Vec<_> = (0..40).map(|n| message("INBOX", n)).collect();
    let messages = rig.account.messages("INBOX").into_iter();
    let number = |octets: &[u8]| all.iter().position(|text| text.as_bytes() == octets);
    messages.filter_map(|m| number(&m.bytes)).collect()
}

fn expired_by(rig: &Rig, rule: &str) -> i64 {
    let sql = "SELECT count(*) FROM ledger WHERE action = 'expired' AND because = ";
    rig.count(&format!("{sql}'{rule}'"))
}

#[tokio::test]
async fn delete_after_counts_from_first_seen() {
    let rig = synced(5, after(30)).await;
    rig.grow_older(29 * DAY);
    assert_eq!(rig.pass().await.unwrap().expired, 0);
    rig.account
        .append("INBOX", message("INBOX", 7), &[], 1_700_000_000);
    rig.grow_older(2 * DAY);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (1, 5));
    assert_eq!(left(&rig), [7]);
    assert_eq!(expired_by(&rig, "retention: delete_after: 30d"), 5);
    assert_eq!(rig.stored().len(), 6);
}

/// The machine had started at the time of its last shutdown, a month ago, and was told the time after the first pass.
#[tokio::test]
async fn delete_after_takes_no_mail_for_old_that_came_before_the_machine_was_told_the_time() {
    let rig = synced(5, after(30)).await;
    let index = rusqlite::Connection::open(rig.state_dir().join("index.db")).unwrap();
    let write = |sql: &str, seconds: i64| {
        assert!(index.execute(sql, [seconds]).unwrap() > 0);
    };
    rig.grow_older(31 * DAY);
    let month_ago =
        "UPDATE account SET clock_seen_at = clock_seen_at - ?1, clock_own_at = clock_own_at - ?1,
        clock_run_began = clock_run_began - ?1";
    write(month_ago, 31 * DAY);
    assert_eq!(rig.pass().await.unwrap().expired, 0, "it has leapt");
    let stands = "UPDATE account SET clock_leap_to = clock_leap_to - ?1";
    write(stands, 3_600);
    for pass in ["an hour later", "and after that"] {
        assert_eq!(rig.pass().await.unwrap().expired, 0, "{pass}");
    }
    rig.grow_older(29 * DAY);
    assert_eq!(rig.pass().await.unwrap().expired, 0);
    rig.grow_older(2 * DAY);
    assert_eq!(rig.pass().await.unwrap().expired, 5);
}

#[tokio::test]
async fn keep_latest_leaves_the_last_of_the_listing() {
    let mut rig = Rig::new(Protocol::Pop3).await;
    rig.settings.retention = Policy {
        keep_latest: NonZeroU32::new(9),
        ..Policy::KEEP
    };
    rig.fill("INBOX", 11);
    assert_eq!(rig.pass().await.unwrap().expired, 2);
    assert_eq!(left(&rig), (2..11).collect::<Vec<_>>());
    assert_eq!(expired_by(&rig, "retention: keep_latest: 9"), 2);
}

#[tokio::test]
async fn what_is_unread_or_flagged_here_stays_there() {
    let policy = Policy {
        protect: Protect {
            flagged: true,
            unread: true,
        },
        ..Policy::DELETE
    };
    let rig = synced(4, policy).await;
    for (n, flags) in [(0, "S"), (1, "FS"), (2, "R")] {
        let path = file(&rig, n);
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let base = name.split(":2,").next().unwrap();
        let cur = rig.maildir().join("cur").join(format!("{base}:2,{flags}"));
        std::fs::rename(path, cur).unwrap();
    }
    assert_eq!(rig.pass().await.unwrap().expired, 1);
    assert_eq!(left(&rig), [1, 2, 3]);
}

#[tokio::test]
async fn r5_a_reader_has_deleted_a_message_when_two_passes_say_so() {
    let rig = synced(5, locally()).await;
    std::fs::remove_file(file(&rig, 3)).unwrap();
    assert_eq!(rig.pass().await.unwrap().expired, 0, "one witness");
    assert_eq!(rig.pass().await.unwrap().expired, 1);
    assert_eq!(left(&rig), [0, 1, 2, 4]);
    assert_eq!(expired_by(&rig, "retention: until_deleted_locally"), 1);
    assert_eq!(rig.pass().await.unwrap().new, 0);
}

#[tokio::test]
async fn r5_a_directory_that_went_away_deletes_nothing() {
    for policy in [locally(), after(30)] {
        let rig = synced(5, policy).await;
        rig.grow_older(31 * DAY);
        std::fs::remove_dir_all(rig.maildir()).unwrap();
        for _ in 0..4 {
            assert!(
                rig.pass().await.is_err(),
                "it is said, not made anew: {policy}"
            );
        }
        assert_eq!(left(&rig).len(), 5, "{policy}");
    }
}

#[tokio::test]
async fn r6_too_much_at_once_waits_for_approval_and_mail_goes_on_coming() {
    let rig = synced(12, after(30)).await;
    rig.grow_older(31 * DAY);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.expired, report.braked), (0, 12));
    assert!(rig.commands("DELE").is_empty());
    approve(&rig.state_dir(), &rig.settings.name).unwrap();
    rig.account
        .append("INBOX", message("INBOX", 20), &[], 1_700_000_000);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (1, 12));
    assert_eq!(left(&rig), [20]);
    assert_eq!(rig.count("SELECT count(*) FROM brake"), 0);
}

#[tokio::test]
async fn r2_r6_a_quit_that_fails_needs_no_second_approval() {
    let rig = synced(12, after(30)).await;
    rig.grow_older(31 * DAY);
    rig.pass().await.unwrap();
    approve(&rig.state_dir(), &rig.settings.name).unwrap();
    rig.server.faults().start(Misbehaviour::QuitFails);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.expired, report.braked), (0, 0));
    rig.server.faults().stop(Misbehaviour::QuitFails);
    assert_eq!(rig.pass().await.unwrap().expired, 12);
}

#[tokio::test]
async fn r2_a_quit_whose_answer_is_lost_is_told_with_its_rule() {
    let rig = synced(3, after(30)).await;
    rig.grow_older(31 * DAY);
    let cut = Fault::on("QUIT", Action::PerformCut(0));
    rig.server.faults().plan(cut);
    let outcome = rig.pass().await;
    assert!(left(&rig).is_empty(), "{outcome:?}");
    let report = rig.pass().await.unwrap();
    assert_eq!((report.expired, report.vanished), (3, 0));
    let told = "retention: delete_after: 30d (QUIT was not confirmed)";
    assert_eq!(expired_by(&rig, told), 3);
}

/// A message whose size is that of the nth, under its unique-id and in its place.
fn reuse_uidl(rig: &Rig, n: usize) {
    let old = rig.account.messages("INBOX")[n].clone();
    rig.account.expunge("INBOX", old.uid);
    let new = message("INBOX", n + 7);
    assert_eq!(new.len(), old.bytes.len());
    let uid = rig.account.append("INBOX", new, &[], 1_700_000_000);
    rig.account.set_uidl(uid, &old.uidl);
}

#[tokio::test]
async fn r1_another_message_of_the_same_uidl_and_size_is_not_deleted() {
    for habit in [None, Some(Misbehaviour::NoTop)] {
        let rig = synced(3, after(30)).await;
        rig.grow_older(31 * DAY);
        reuse_uidl(&rig, 1);
        if let Some(habit) = habit {
            rig.server.faults().start(habit);
        }
        let report = rig.pass().await.unwrap();
        assert_eq!((report.expired, left(&rig)), (2, vec![8]), "{habit:?}");
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.expired), (1, 0), "{habit:?}");
        assert_eq!((left(&rig), rig.stored().len()), (vec![8], 4), "{habit:?}");
    }
}

#[tokio::test]
async fn r1_what_the_server_does_not_show_is_not_deleted() {
    let rig = synced(3, after(30)).await;
    rig.grow_older(31 * DAY);
    for command in ["TOP 2", "RETR 2"] {
        let answer = Action::Answer("-ERR not today".to_owned());
        rig.server.faults().plan(Fault::on(command, answer));
    }
    assert_eq!(rig.pass().await.unwrap().expired, 2);
    assert_eq!(left(&rig), [1]);
    assert_eq!(rig.pass().await.unwrap().expired, 1);
}

#[tokio::test]
async fn headers_are_compared_in_one_flight_and_only_before_a_deletion() {
    let rig = synced(6, after(30)).await;
    rig.pass().await.unwrap();
    assert!(rig.commands("TOP").is_empty());
    rig.grow_older(31 * DAY);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.expired, rig.commands("TOP").len()), (6, 6));
    assert_eq!(
        rig.commands("RETR").len(),
        6,
        "once each, by the first pass"
    );
    assert!(report.round_trips <= 5, "{}", report.round_trips);
}

#[tokio::test]
async fn r6_the_brake_is_asked_for_a_pass_and_not_for_a_session() {
    let mut rig = Rig::with(Protocol::Pop3, Options::gmail()).await;
    rig.settings.retention = Policy {
        keep_latest: NonZeroU32::new(20),
        ..Policy::KEEP
    };
    rig.server.faults().limit_sessions(60);
    rig.fill("INBOX", 200);
    let report = rig.pass().await.unwrap();
    // Of each session's 60, 40 are too many; the third would have made it 120 of a pass.
    assert_eq!((report.expired, report.braked), (80, 40));
    assert_eq!(rig.account.messages("INBOX").len(), 120);
    assert_eq!(rig.count("SELECT removing FROM brake"), 40);
}

#[tokio::test]
async fn r6_a_brake_does_not_outlive_the_policy_that_engaged_it() {
    for policy in [Policy::KEEP, Policy::DELETE] {
        let mut rig = synced(12, after(30)).await;
        rig.grow_older(31 * DAY);
        assert_eq!(rig.pass().await.unwrap().braked, 12);
        rig.account
            .append("INBOX", message("INBOX", 20), &[], 1_700_000_000);
        rig.settings.retention = policy;
        assert_eq!(rig.pass().await.unwrap().braked, 0);
        assert_eq!(rig.count("SELECT count(*) FROM brake"), 0, "{policy}");
    }
}

#[tokio::test]
async fn r2_a_message_whose_dele_was_refused_was_not_deleted_by_us() {
    let mut rig = Rig::new(Protocol::Pop3).await;
    rig.settings.retention = Policy::DELETE;
    rig.fill("INBOX", 2);
    let no = Action::Answer("-ERR not today".to_owned());
    rig.server.faults().plan(Fault::on("DELE 1", no));
    assert_eq!(rig.pass().await.unwrap().expired, 1);
    rig.account
        .expunge("INBOX", rig.account.messages("INBOX")[0].uid);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.expired, report.vanished), (0, 1));
    assert_eq!(expired_by(&rig, "retention: delete"), 1);
}
