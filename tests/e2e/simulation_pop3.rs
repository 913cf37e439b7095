//! The engine against a POP3 server in memory that fails on demand.

use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_engine::{EngineError, Steps};
use postrider_mailserver::{Action, Fault, Misbehaviour, Options};
use postrider_tests::rig::{Rig, files, message};
use std::collections::BTreeMap;

async fn filled(count: usize) -> Rig {
    let rig = Rig::new(Protocol::Pop3).await;
    rig.fill("INBOX", count);
    rig
}

fn expected(count: usize) -> BTreeMap<String, usize> {
    (0..count)
        .map(|n| (message("INBOX", n).replace("\r\n", "\n"), 1))
        .collect()
}

#[tokio::test]
async fn everything_is_stored_proven_and_deleted() {
    let rig = filled(9).await;
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (9, 9));
    assert_eq!(rig.stored(), expected(9));
    assert!(rig.account.messages("INBOX").is_empty());
    assert_eq!(
        rig.count(
            "SELECT count(*) FROM messages WHERE proven_at IS NOT NULL AND expired_at IS NOT NULL"
        ),
        9
    );
    assert_eq!(
        rig.count("SELECT count(*) FROM ledger WHERE action = 'expired'"),
        9
    );
    assert_eq!(rig.pass().await.unwrap().new, 0);
}

#[tokio::test]
async fn keep_leaves_everything_and_fetches_nothing_twice() {
    let mut rig = filled(5).await;
    rig.settings.retention = Policy::KEEP;
    rig.pass().await.unwrap();
    rig.server.store().forget_commands();
    assert_eq!(rig.pass().await.unwrap().new, 0);
    assert!(rig.commands("RETR").is_empty() && rig.commands("DELE").is_empty());
    assert_eq!(rig.account.messages("INBOX").len(), 5);
    assert_eq!(rig.stored(), expected(5));
}

#[tokio::test]
async fn a_server_without_extensions_serves_as_well() {
    let rig = Rig::with(Protocol::Pop3, Options::old()).await;
    rig.fill("INBOX", 4);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (4, 4));
    assert_eq!(rig.stored(), expected(4));
}

#[tokio::test]
async fn r2_a_deletion_counts_only_after_quit_and_is_finished_next_time() {
    let rig = filled(6).await;
    rig.server.faults().start(Misbehaviour::QuitFails);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (6, 0));
    assert_eq!(
        rig.count("SELECT count(*) FROM messages WHERE expired_at IS NOT NULL"),
        0
    );
    rig.server.faults().stop(Misbehaviour::QuitFails);
    rig.server.store().forget_commands();
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (0, 6));
    assert!(
        rig.commands("RETR").is_empty(),
        "known by UIDL, not fetched again"
    );
    assert!(rig.account.messages("INBOX").is_empty());
    assert_eq!(rig.stored(), expected(6));
}

#[tokio::test]
async fn r2_a_quit_whose_answer_is_lost_is_found_to_have_worked() {
    let rig = filled(3).await;
    rig.server
        .faults()
        .plan(Fault::on("QUIT", Action::PerformCut(0)));
    let outcome = rig.pass().await;
    assert_eq!(
        rig.count("SELECT count(*) FROM messages WHERE expired_at IS NOT NULL"),
        0,
        "{outcome:?}"
    );
    assert!(rig.account.messages("INBOX").is_empty());
    let report = rig.pass().await.unwrap();
    assert_eq!((report.expired, report.vanished), (3, 0));
    assert_eq!(rig.stored(), expected(3));
}

#[tokio::test]
async fn r3_stopped_after_any_step_the_next_pass_heals() {
    let mut stops = 0;
    for step in 1.. {
        let rig = filled(4).await;
        let outcome = rig.pass_until(Steps::stop_after(step)).await;
        if outcome.is_ok() {
            break;
        }
        assert!(
            matches!(outcome, Err(EngineError::Interrupted { .. })),
            "{outcome:?}"
        );
        stops = step;
        rig.pass().await.unwrap();
        assert_eq!(rig.stored(), expected(4), "stopped after step {step}");
        assert_eq!(rig.unfinished(), 0, "stopped after step {step}");
        assert!(
            rig.account.messages("INBOX").is_empty(),
            "stopped after step {step}"
        );
        assert_eq!(
            rig.count("SELECT count(*) FROM messages WHERE expired_at IS NOT NULL"),
            4
        );
    }
    assert!(stops > 8, "only {stops} steps were seen");
}

#[tokio::test]
async fn r3_r7_the_line_cut_anywhere_loses_nothing_and_doubles_nothing() {
    let whole = filled(4).await;
    whole.pass().await.unwrap();
    let all = whole.server.faults().octets_sent();
    for at in (0..all).step_by(11) {
        let rig = filled(4).await;
        rig.server.faults().cut_after_octets(at);
        let first = rig.pass().await;
        assert_eq!(rig.unfinished(), 0, "cut after {at}");
        rig.pass().await.unwrap();
        assert_eq!(rig.stored(), expected(4), "cut after {at}, {first:?}");
        assert!(rig.account.messages("INBOX").is_empty(), "cut after {at}");
    }
}

#[tokio::test]
async fn r1_a_size_that_lies_holds_the_deletion_until_a_second_fetch_agrees() {
    let rig = filled(3).await;
    rig.server.faults().size_lie(5);
    rig.server.store().forget_commands();
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (3, 3));
    assert_eq!(rig.commands("RETR").len(), 6, "each was fetched twice");
    assert_eq!(rig.stored(), expected(3));
}

#[tokio::test]
async fn r1_nothing_is_deleted_while_its_local_copy_is_not_proven() {
    let mut rig = filled(2).await;
    rig.settings.retention = Policy::KEEP;
    rig.pass().await.unwrap();
    let victim = files(rig.maildir()).pop().unwrap();
    std::fs::write(&victim, "rotten").unwrap();
    rig.settings.retention = Policy::DELETE;
    let report = rig.pass().await.unwrap();
    assert_eq!(report.expired, 1);
    assert_eq!(rig.account.messages("INBOX").len(), 1);
}

#[tokio::test]
async fn r4_changed_uidls_neither_duplicate_nor_fetch_again() {
    let mut rig = filled(6).await;
    rig.settings.retention = Policy::KEEP;
    rig.pass().await.unwrap();
    rig.account.pop3_uidls_change();
    rig.server.store().forget_commands();
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.vanished), (0, 0));
    assert!(rig.commands("RETR").is_empty());
    assert_eq!(rig.stored(), expected(6));
}

#[tokio::test]
async fn uidls_that_are_missing_or_alike_neither_duplicate_nor_delete_blindly() {
    for habit in [
        Misbehaviour::NoUidl,
        Misbehaviour::DuplicatesUidls,
        Misbehaviour::ChangesUidls,
    ] {
        let mut rig = filled(4).await;
        rig.settings.retention = Policy::KEEP;
        rig.server.faults().start(habit);
        for _ in 0..3 {
            rig.pass().await.unwrap();
            assert_eq!(rig.stored(), expected(4), "{habit:?}");
        }
        rig.settings.retention = Policy::DELETE;
        rig.pass().await.unwrap();
        assert_eq!(rig.stored(), expected(4), "{habit:?}");
        assert!(rig.account.messages("INBOX").is_empty(), "{habit:?}");
    }
}

#[tokio::test]
async fn a_reused_uidl_hides_no_new_message() {
    let rig = filled(1).await;
    let uidl = rig.account.messages("INBOX")[0].uidl.clone();
    rig.pass().await.unwrap();
    let uid = rig
        .account
        .append("INBOX", message("INBOX", 7), &[], 1_700_000_000);
    rig.account.set_uidl(uid, &uidl);
    assert_eq!(rig.pass().await.unwrap().new, 1);
    assert_eq!(rig.stored().len(), 2);
}

#[tokio::test]
async fn a_server_that_forgets_dele_does_not_make_duplicates_and_is_asked_twice() {
    for habit in [None, Some(Misbehaviour::NoUidl)] {
        let rig = filled(3).await;
        rig.server.faults().start(Misbehaviour::ForgetsDele);
        if let Some(habit) = habit {
            rig.server.faults().start(habit);
        }
        for _ in 0..5 {
            rig.pass().await.unwrap();
            assert_eq!(rig.stored(), expected(3), "{habit:?}");
        }
        assert_eq!(rig.commands("DELE").len(), 2 * 3, "{habit:?}");
        let told = "SELECT count(*) FROM ledger WHERE action = 'expired'";
        assert_eq!(rig.count(told), 2 * 3, "{habit:?}");
        let gone = "SELECT count(*) FROM messages WHERE expired_at IS NOT NULL";
        assert_eq!(rig.count(gone), 0, "{habit:?}: they are there");
    }
}

#[tokio::test]
async fn a_server_that_forgot_dele_once_is_asked_again() {
    let rig = filled(3).await;
    rig.server.faults().start(Misbehaviour::ForgetsDele);
    rig.pass().await.unwrap();
    rig.server.faults().stop(Misbehaviour::ForgetsDele);
    assert_eq!(rig.pass().await.unwrap().expired, 3);
    assert!(rig.account.messages("INBOX").is_empty());
}

#[tokio::test]
async fn r5_an_empty_listing_that_stat_contradicts_makes_nothing_vanish() {
    let mut rig = filled(5).await;
    rig.settings.retention = Policy::KEEP;
    rig.pass().await.unwrap();
    let lie = Action::Answer("+OK 0 messages\r\n.".to_owned());
    rig.server.faults().plan(Fault::on("LIST", lie.clone()));
    rig.server.faults().plan(Fault::on("UIDL", lie));
    let outcome = rig.pass().await;
    assert_eq!(
        rig.count("SELECT count(*) FROM messages WHERE vanished_at IS NOT NULL"),
        0,
        "{outcome:?}"
    );
    // They are told of, too, where all that is listed is as it was.
    let lie = Action::Answer("+OK 6 999".to_owned());
    rig.server.faults().plan(Fault::on("STAT", lie));
    assert_eq!(rig.pass().await.unwrap().skipped, 1);
    assert_eq!(rig.pass().await.unwrap().skipped, 0);
}

#[tokio::test]
async fn one_message_that_cannot_be_retrieved_does_not_hold_up_the_others() {
    let rig = filled(5).await;
    rig.server.faults().plan(Fault::on(
        "RETR 3",
        Action::Answer("-ERR it is broken".to_owned()),
    ));
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.skipped, report.expired), (4, 1, 4));
    assert_eq!(rig.account.messages("INBOX").len(), 1);
    assert_eq!(rig.pass().await.unwrap().new, 1);
    assert_eq!(rig.stored(), expected(5));
}
