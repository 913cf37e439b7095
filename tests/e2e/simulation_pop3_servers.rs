//! What POP3 servers are like besides their faults: limits, delays, their own deletions, odd unique-ids.

use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_engine::{Daemon, EngineSettings, PassReport};
use postrider_mailserver::{Action, Fault, Misbehaviour, Options};
use postrider_tests::rig::{Rig, message};
use std::collections::BTreeMap;
use std::time::Duration;

fn expected(count: usize) -> BTreeMap<String, usize> {
    (0..count)
        .map(|n| (message("INBOX", n).replace("\r\n", "\n"), 1))
        .collect()
}

#[tokio::test]
async fn gmail_is_asked_until_it_lists_nothing_new() {
    for policy in [Policy::DELETE, Policy::KEEP] {
        let mut rig = Rig::with(Protocol::Pop3, Options::gmail()).await;
        rig.settings.retention = policy;
        rig.server.faults().limit_sessions(9);
        rig.server.faults().start(Misbehaviour::HidesRetrieved);
        rig.fill("INBOX", 30);
        let report = rig.pass().await.unwrap();
        assert_eq!(report.new, 30, "{policy}");
        assert_eq!(rig.stored(), expected(30), "{policy}");
        rig.server.store().forget_commands();
        assert_eq!(rig.pass().await.unwrap().new, 0, "{policy}");
        assert_eq!(rig.commands("QUIT").len(), 1, "{policy}");
    }
}

#[tokio::test]
async fn a_server_that_limits_sessions_is_found_out() {
    let rig = Rig::new(Protocol::Pop3).await;
    rig.server.faults().limit_sessions(60);
    rig.fill("INBOX", 200);
    assert_eq!(rig.pass().await.unwrap().new, 60);
    assert_eq!(rig.pass().await.unwrap().new, 140);
    assert_eq!(rig.stored(), expected(200));
}

#[tokio::test]
async fn a_server_that_limits_nothing_is_asked_once() {
    let rig = Rig::new(Protocol::Pop3).await;
    rig.fill("INBOX", 300);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, rig.commands("QUIT").len()), (300, 1));
}

#[tokio::test]
async fn r1_a_server_that_deletes_what_it_gave_out_is_let_do_so_after_proof() {
    let options = Options::default().with_pop3(&["EXPIRE 0"]);
    let mut rig = Rig::with(Protocol::Pop3, options).await;
    rig.settings.retention = Policy::KEEP;
    rig.fill("INBOX", 4);
    rig.pass().await.unwrap();
    let proven = "SELECT count(*) FROM messages WHERE proven_at IS NOT NULL";
    assert_eq!((rig.count(proven), rig.stored()), (4, expected(4)));
    assert!(rig.account.messages("INBOX").is_empty());
    assert!(rig.commands("DELE").is_empty());
}

#[tokio::test]
async fn the_delay_between_logins_is_reported_and_a_login_too_soon_is_throttled() {
    let options = Options::default().with_pop3(&["LOGIN-DELAY 900"]);
    let rig = Rig::with(Protocol::Pop3, options).await;
    rig.fill("INBOX", 1);
    let report = rig.pass().await.unwrap();
    assert_eq!(report.login_delay, Some(Duration::from_secs(900)));
    let soon = Action::Answer("-ERR [LOGIN-DELAY] too soon".to_owned());
    rig.server.faults().plan(Fault::on("AUTH", soon));
    let error = rig.pass().await.unwrap_err();
    assert_eq!(error.fault().kind(), "throttled");
    assert!(error.hint().is_some());
}

/// How often a daemon that is in a hurry logs in within a second and a half.
async fn logins_of_a_daemon(options: Options) -> usize {
    let mut rig = Rig::with(Protocol::Pop3, options).await;
    rig.settings.poll = Duration::from_millis(50);
    let settings = EngineSettings {
        state_dir: rig.state_dir(),
        accounts: vec![rig.settings.clone()],
        limits: rig.limits,
    };
    let daemon = Daemon::start(settings, None).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    daemon.stop().await;
    rig.commands("AUTH").len()
}

#[tokio::test]
async fn the_daemon_logs_in_no_more_often_than_the_server_wants() {
    let delayed = Options::default().with_pop3(&["LOGIN-DELAY 900"]);
    assert_eq!(logins_of_a_daemon(delayed).await, 1);
    assert!(logins_of_a_daemon(Options::default()).await > 1);
}

#[tokio::test]
async fn a_check_tells_of_gmails_habits() {
    for (options, is_told) in [(Options::gmail(), true), (Options::default(), false)] {
        let rig = Rig::with(Protocol::Pop3, options).await;
        let report = postrider_engine::check(&rig.settings).await.report.unwrap();
        let told = report.notes.iter().any(|note| note.contains("recent:"));
        assert_eq!(told, is_told, "{:?}", report.notes);
    }
}

#[tokio::test]
async fn what_is_too_large_stays_and_is_told_of_once() {
    let mut rig = Rig::new(Protocol::Pop3).await;
    rig.settings.max_size_octets = Some(2_000);
    rig.fill("INBOX", 2);
    let large = format!("Subject: large\r\n\r\n{}", "x\r\n".repeat(2_000));
    rig.account.append("INBOX", large, &[], 1_700_000_000);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.skipped, report.expired), (2, 1, 2));
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.skipped), (0, 0));
    assert_eq!(rig.count("SELECT count(*) FROM maildrop_skip"), 1);
    assert_eq!(rig.account.messages("INBOX").len(), 1);
    rig.settings.max_size_octets = None;
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (1, 1));
    assert_eq!(rig.count("SELECT count(*) FROM maildrop_skip"), 0);
}

/// Unique-ids as UIDL lists them, one for each message.
async fn told_uidls(rig: &Rig, uidls: &[&str]) -> PassReport {
    let rows = (1..).zip(uidls).map(|(n, uidl)| format!("{n} {uidl}\r\n"));
    let answer = format!("+OK\r\n{}.", rows.collect::<String>());
    rig.server
        .faults()
        .plan(Fault::on("UIDL", Action::Answer(answer)));
    rig.pass().await.unwrap()
}

#[tokio::test]
async fn unique_ids_of_any_kind_neither_lose_nor_double_a_message() {
    let long = "l".repeat(300);
    let limit = "z".repeat(70);
    for uidls in [
        ["", "", ""],
        ["same", "same", "other"],
        ["with blanks in it", "../../etc/passwd", "\u{fc}ml\u{e4}ut"],
        [&long, &limit, "`id`"],
    ] {
        let mut rig = Rig::new(Protocol::Pop3).await;
        rig.settings.retention = Policy::KEEP;
        rig.fill("INBOX", 3);
        for _ in 0..2 {
            told_uidls(&rig, &uidls).await;
            assert_eq!(rig.stored(), expected(3), "{uidls:?}");
        }
        rig.settings.retention = Policy::DELETE;
        told_uidls(&rig, &uidls).await;
        assert!(rig.account.messages("INBOX").is_empty(), "{uidls:?}");
        assert_eq!(rig.stored(), expected(3), "{uidls:?}");
    }
}

#[tokio::test]
async fn numbers_that_change_hands_between_sessions_mislead_nobody() {
    let mut rig = Rig::new(Protocol::Pop3).await;
    rig.settings.retention = Policy::KEEP;
    rig.fill("INBOX", 4);
    rig.pass().await.unwrap();
    let first = rig.account.messages("INBOX")[0].uid;
    rig.account.expunge("INBOX", first);
    let new = message("INBOX", 5);
    rig.account.append("INBOX", new, &[], 1_700_000_000);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.vanished), (1, 1));
    assert_eq!(rig.stored().len(), 5);
}
