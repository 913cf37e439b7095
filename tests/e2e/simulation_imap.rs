//! The engine against an IMAP server in memory that fails on demand.

use postrider_core::account::Protocol;
use postrider_core::fault::Fault as Kind;
use postrider_core::retention::Policy;
use postrider_engine::{EngineError, Steps};
use postrider_mailserver::{Action, Fault, Options};
use postrider_tests::rig::{Rig, files, message};
use std::path::Path;

const MAILBOXES: [&str; 3] = ["INBOX", "Work/Projects", "Sent"];

async fn filled(count: usize) -> Rig {
    let rig = Rig::new(Protocol::Imap).await;
    MAILBOXES
        .iter()
        .for_each(|mailbox| rig.fill(mailbox, count));
    rig
}

fn assert_whole(rig: &Rig, context: &str) {
    assert_eq!(rig.stored(), rig.expected(&MAILBOXES), "{context}");
    assert_eq!(rig.unfinished(), 0, "{context}");
    let rows = rig.count("SELECT count(*) FROM messages");
    let total: usize = rig.stored().values().sum();
    assert_eq!(rows, total as i64, "{context}: index and Maildir agree");
}

#[tokio::test]
async fn everything_arrives_once_and_a_second_pass_stores_nothing() {
    let rig = filled(9).await;
    let report = rig.pass().await.unwrap();
    assert_eq!((report.mailboxes, report.new), (3, 27));
    assert_whole(&rig, "first pass");
    rig.server.store().forget_commands();
    let report = rig.pass().await.unwrap();
    assert_eq!(report.new, 0);
    assert!(rig.commands("SELECT").is_empty() && rig.commands("EXAMINE").is_empty());
    assert!(
        report.round_trips <= 3,
        "{} round trips to know that nothing changed",
        report.round_trips
    );
    assert_whole(&rig, "second pass");
}

#[tokio::test]
async fn a_server_without_extensions_serves_as_well() {
    let rig = Rig::with(Protocol::Imap, Options::old()).await;
    MAILBOXES.iter().for_each(|mailbox| rig.fill(mailbox, 5));
    rig.pass().await.unwrap();
    assert_whole(&rig, "first pass");
    let uid = rig.account.messages("INBOX")[0].uid;
    rig.account.set_flags("INBOX", uid, &["\\Seen"]);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.flags_pulled), (0, 1));
    assert_whole(&rig, "second pass");
}

#[tokio::test]
async fn new_mail_and_changed_flags_arrive_with_the_next_pass() {
    let rig = filled(4).await;
    rig.pass().await.unwrap();
    let uids: Vec<_> = rig
        .account
        .messages("INBOX")
        .iter()
        .map(|m| m.uid)
        .collect();
    rig.account
        .set_flags("INBOX", uids[0], &["\\Seen", "\\Flagged"]);
    rig.account.set_flags("INBOX", uids[1], &["\\Deleted"]);
    rig.account.append(
        "INBOX",
        message("INBOX", 100),
        &["\\Answered"],
        1_700_000_000,
    );
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.flags_pulled), (1, 2));
    assert_whole(&rig, "after the change");
    let letters = |wanted: &str| {
        let names = files(&rig.maildir().join("INBOX"));
        names
            .iter()
            .filter(|path| path.to_string_lossy().ends_with(wanted))
            .count()
    };
    assert_eq!(letters(":2,FS"), 1);
    assert_eq!(letters(":2,R"), 1);
    assert_eq!(
        letters("T"),
        0,
        "\\Deleted never reaches a file name by default"
    );
}

#[tokio::test]
async fn what_a_reader_moved_flagged_or_deleted_is_neither_lost_nor_fetched_again() {
    let rig = filled(4).await;
    rig.pass().await.unwrap();
    let inbox = rig.maildir().join("INBOX");
    let new = files(&inbox.join("new"));
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    std::fs::rename(&new[0], inbox.join("cur").join(name(&new[0]) + ":2,S")).unwrap();
    std::fs::rename(&new[1], inbox.join("cur").join(name(&new[1]) + ":2,F")).unwrap();
    std::fs::remove_file(&new[2]).unwrap();
    for message in rig.account.messages("INBOX") {
        rig.account.set_flags("INBOX", message.uid, &["\\Answered"]);
    }
    let report = rig.pass().await.unwrap();
    assert_eq!(report.new, 0);
    let ends = |letters: &str| {
        let ends = |path: &&std::path::PathBuf| path.to_string_lossy().ends_with(letters);
        files(&inbox).iter().filter(ends).count()
    };
    assert_eq!((ends(":2,RS"), ends(":2,FR"), ends(":2,R")), (1, 1, 1));
    let stale =
        rig.count("SELECT count(*) FROM messages WHERE mailbox = 'INBOX' AND path LIKE '%/new/%'");
    assert_eq!(stale, 1, "only the deleted message keeps its old path");
}

#[tokio::test]
async fn r3_stopped_after_any_step_the_next_pass_heals() {
    let mut stops = 0;
    for step in 1.. {
        let rig = filled(3).await;
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
        assert_whole(&rig, &format!("stopped after step {step}"));
        assert_eq!(rig.pass().await.unwrap().new, 0, "step {step}");
    }
    assert!(stops > 12, "only {stops} steps were seen");
}

#[tokio::test]
async fn r3_r7_the_line_cut_anywhere_loses_nothing_and_doubles_nothing() {
    let whole = filled(3).await;
    whole.pass().await.unwrap();
    let all = whole.server.faults().octets_sent();
    for at in (0..all).step_by(37) {
        let rig = filled(3).await;
        rig.server.faults().cut_after_octets(at);
        let first = rig.pass().await;
        assert_eq!(rig.unfinished(), 0, "cut after {at}");
        rig.pass().await.unwrap();
        assert_whole(&rig, &format!("cut after {at}, {first:?}"));
    }
}

#[tokio::test]
async fn r7_a_fetch_that_ends_in_no_is_not_complete() {
    let rig = filled(6).await;
    // Three UID FETCH ask for flags, then three for bodies.
    for nth in 4..=6 {
        let cut = Action::PerformAnswer("NO [SERVERBUG] gave up".to_owned());
        rig.server
            .faults()
            .plan(Fault::on("UID FETCH", cut).nth(nth));
    }
    let first = rig.pass().await;
    let recorded = rig.count("SELECT count(*) FROM mailboxes WHERE highestmodseq IS NOT NULL");
    assert_eq!(recorded, 0, "{first:?}");
    rig.pass().await.unwrap();
    assert_whole(&rig, "after the refusals");
}

#[tokio::test]
async fn r7_a_listing_that_ends_in_no_is_not_believed_and_not_passed_over_in_silence() {
    let rig = filled(2).await;
    // Nothing is shown: taken for an empty mailbox, its state would be recorded and its mail never seen.
    let cut = Action::Answer("NO gave up".to_owned());
    rig.server.faults().plan(Fault::on("UID FETCH", cut));
    assert_eq!(rig.pass().await.unwrap().skipped, 1);
    assert_eq!(rig.pass().await.unwrap().skipped, 0);
    assert_whole(&rig, "after the refusal");
}

#[tokio::test]
async fn r4_a_changed_uidvalidity_fetches_nothing_again() {
    let rig = filled(8).await;
    rig.pass().await.unwrap();
    rig.account.bump_uid_validity("INBOX");
    rig.server.store().forget_commands();
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.vanished), (0, 0));
    let bodies = rig
        .commands("UID FETCH")
        .into_iter()
        .filter(|line| line.contains("BODY.PEEK[]"));
    assert_eq!(bodies.count(), 0);
    assert_whole(&rig, "renumbered");
    assert_eq!(
        rig.count("SELECT count(*) FROM messages WHERE vanished_at IS NOT NULL"),
        0
    );
    assert_eq!(rig.pass().await.unwrap().new, 0);
}

#[tokio::test]
async fn r4_messages_without_a_message_id_are_matched_by_their_octets() {
    let rig = Rig::new(Protocol::Imap).await;
    for n in 0..4 {
        let text = format!("Subject: same size {n}\r\n\r\nno message-id here\r\n");
        rig.account.append("INBOX", text, &[], 1_700_000_000);
    }
    rig.pass().await.unwrap();
    let before = rig.stored();
    rig.account.bump_uid_validity("INBOX");
    assert_eq!(rig.pass().await.unwrap().new, 0);
    assert_eq!(rig.stored(), before);
    let live = rig.count("SELECT count(*) FROM messages WHERE vanished_at IS NULL");
    assert_eq!(live, 4);
}

/// What a pass that was cut off has matched by its octets is not taken by the next one for UIDs that were given
/// out twice.
#[tokio::test]
async fn r3_r4_messages_without_a_message_id_are_matched_once_wherever_the_pass_is_cut() {
    let mut broken = 0;
    for octets in (0..1_500).step_by(30) {
        let rig = Rig::new(Protocol::Imap).await;
        for n in 0..9 {
            let text = format!("Subject: same size {n}\r\n\r\nno message-id here\r\n");
            rig.account.append("INBOX", text, &[], 1_700_000_000);
        }
        // The new epoch ends at a lower UID than the old one.
        rig.account.expunge_all("INBOX", &[1, 2, 3]);
        rig.pass().await.unwrap();
        let before = rig.stored();
        rig.account.bump_uid_validity("INBOX");
        let cut = Fault::on("UID FETCH", Action::PerformCut(octets));
        rig.server.faults().plan(cut.nth(3));
        broken += u64::from(rig.pass().await.is_err());
        rig.server.faults().clear();
        for pass in ["the next", "the one after"] {
            let report = rig.pass().await.unwrap();
            assert_eq!(report.new, 0, "cut after {octets}: {pass}");
        }
        assert_eq!(rig.stored(), before, "cut after {octets}");
        let live = rig.count("SELECT count(*) FROM messages WHERE vanished_at IS NULL");
        assert_eq!(live, 6, "cut after {octets}");
    }
    assert!(broken > 5, "only {broken} passes were cut off");
}

/// The first pass over a mailbox leaves messages wherever it ends, and no state of the mailbox.
#[tokio::test]
async fn r4_a_mailbox_that_is_renumbered_before_its_first_pass_is_complete_is_matched() {
    for step in 1.. {
        let rig = filled(5).await;
        let alarm = "Subject: alarm\r\n\r\nno message-id here\r\n";
        rig.account.append("INBOX", alarm, &[], 1_700_000_000);
        let cut = rig.pass_until(Steps::stop_after(step)).await.is_err();
        rig.account.bump_uid_validity("INBOX");
        for _ in 0..2 {
            rig.pass().await.unwrap();
            assert_whole(&rig, &format!("stopped after {step}"));
        }
        if !cut {
            assert!(step > 4, "there were steps to stop after");
            return;
        }
    }
}

#[tokio::test]
async fn r5_an_empty_listing_alone_makes_nothing_vanish() {
    let rig = Rig::with(
        Protocol::Imap,
        Options::default().without(&["CONDSTORE", "QRESYNC"]),
    )
    .await;
    rig.fill("INBOX", 12);
    rig.pass().await.unwrap();
    let lie = Action::Answer("OK nothing to see".to_owned());
    rig.server.faults().plan(Fault::on("UID FETCH", lie));
    let report = rig.pass().await.unwrap();
    assert_eq!(report.vanished, 0);
    assert_eq!(
        rig.count("SELECT count(*) FROM messages WHERE vanished_at IS NOT NULL"),
        0
    );
}

#[tokio::test]
async fn r5_a_search_that_ends_well_and_has_said_nothing_is_no_witness() {
    let old = Options::default().without(&["CONDSTORE", "QRESYNC"]);
    let rig = Rig::with(Protocol::Imap, old).await;
    rig.fill("INBOX", 12);
    rig.pass().await.unwrap();
    for command in ["UID FETCH", "UID SEARCH"] {
        let silence = Action::Answer("OK nothing to see".to_owned());
        rig.server.faults().plan(Fault::on(command, silence));
    }
    let report = rig.pass().await.unwrap();
    assert_eq!(rig.server.faults().pending(), 0, "both were asked");
    assert_eq!(report.vanished, 0);
    let gone = "SELECT count(*) FROM messages WHERE vanished_at IS NOT NULL";
    assert_eq!(rig.count(gone), 0);
}

#[tokio::test]
async fn r5_a_second_look_into_a_mailbox_of_no_known_epoch_is_no_witness() {
    let old = Options::default().without(&["CONDSTORE", "QRESYNC"]);
    let rig = Rig::with(Protocol::Imap, old).await;
    rig.fill("INBOX", 12);
    rig.pass().await.unwrap();
    let uid = rig.account.messages("INBOX")[3].uid;
    rig.account.expunge("INBOX", uid);
    let unnamed = Action::Answer("OK [READ-ONLY] opened".to_owned());
    rig.server
        .faults()
        .plan(Fault::on("EXAMINE", unnamed).nth(2));
    let report = rig.pass().await.unwrap();
    assert_eq!(rig.server.faults().pending(), 0, "it was opened twice");
    assert_eq!(report.vanished, 0);
    assert_eq!(rig.pass().await.unwrap().vanished, 1);
}

#[tokio::test]
async fn what_vanished_at_the_server_stays_here_and_is_written_down() {
    let rig = filled(3).await;
    rig.pass().await.unwrap();
    let before = rig.stored();
    let uid = rig.account.messages("Sent")[1].uid;
    rig.account.expunge("Sent", uid);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.vanished), (0, 1));
    assert_eq!(rig.stored(), before, "the local copy stays");
    assert_eq!(
        rig.count("SELECT count(*) FROM ledger WHERE action = 'vanished'"),
        1
    );
    assert_eq!(rig.pass().await.unwrap().vanished, 0);
}

#[tokio::test]
async fn r1_retention_delete_expires_only_what_was_proven() {
    let mut rig = filled(4).await;
    rig.settings.retention = Policy::DELETE;
    let expected = rig.expected(&MAILBOXES);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (12, 12));
    assert_eq!(rig.stored(), expected);
    assert!(
        MAILBOXES
            .iter()
            .all(|mailbox| rig.account.messages(mailbox).is_empty())
    );
    assert_eq!(
        rig.count("SELECT count(*) FROM messages WHERE proven_at IS NULL"),
        0
    );
}

#[tokio::test]
async fn r1_a_local_copy_that_changed_on_disk_holds_its_server_copy() {
    let mut rig = filled(2).await;
    rig.pass().await.unwrap();
    let victim = files(&rig.maildir().join("Sent/new")).pop().unwrap();
    std::fs::write(&victim, "rotten").unwrap();
    rig.settings.retention = Policy::DELETE;
    let report = rig.pass().await.unwrap();
    assert_eq!(report.expired, 5);
    assert_eq!(rig.account.messages("Sent").len(), 1);
}

#[tokio::test]
async fn without_uidplus_nothing_is_expunged_beside_a_strangers_deleted_message() {
    let mut rig = Rig::with(Protocol::Imap, Options::default().without(&["UIDPLUS"])).await;
    rig.fill("INBOX", 3);
    rig.settings.retention = Policy::DELETE;
    rig.settings.folders.exclude = Vec::new();
    rig.pass().await.unwrap();
    assert!(
        rig.account.messages("INBOX").is_empty(),
        "plain EXPUNGE is safe when only ours are marked"
    );
    rig.fill("INBOX", 2);
    let rotten = rig
        .account
        .append("INBOX", message("INBOX", 50), &["\\Deleted"], 1_700_000_000);
    rig.settings.retention = Policy::KEEP;
    rig.pass().await.unwrap();
    for path in files(&rig.maildir().join("INBOX")) {
        if std::fs::read_to_string(&path).unwrap().contains("INBOX 50") {
            std::fs::write(&path, "rotten").unwrap();
        }
    }
    rig.settings.retention = Policy::DELETE;
    rig.pass().await.unwrap();
    let left = rig.account.messages("INBOX");
    assert!(
        left.iter().any(|m| m.uid == rotten),
        "the unproven one was not expunged"
    );
    assert_eq!(left.len(), 3, "and so neither were the others");
}

#[tokio::test]
async fn r8_hostile_mailbox_names_write_nothing_outside_the_tree() {
    let rig = Rig::new(Protocol::Imap).await;
    let names = [
        "../evil",
        "../../evil2",
        "a/../../b",
        "cur",
        "x/new/y",
        "~root",
        ".hidden",
        "tmp",
        "a%2Fb",
        "Entwürfe",
        "\u{7}bell",
    ];
    for name in names {
        rig.fill(name, 1);
    }
    rig.pass().await.unwrap();
    assert_eq!(
        rig.stored(),
        rig.expected(&names),
        "all of them are stored, each once"
    );
    let inside = |path: &std::path::PathBuf| {
        path.starts_with(rig.maildir()) || path.starts_with(rig.state_dir())
    };
    assert!(files(rig.root()).iter().all(inside));
    let parent = rig.root().parent().unwrap();
    assert!(!parent.join("evil").exists() && !parent.join("evil2").exists());
}

#[tokio::test]
async fn r10_a_second_instance_is_told_who_holds_the_state() {
    let rig = filled(1).await;
    let stalled = Fault::on("LIST", Action::Stall);
    rig.server.faults().plan(stalled);
    let (first, second) = tokio::join!(rig.pass(), async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        rig.pass().await
    });
    let error = second.unwrap_err();
    assert_eq!(error.fault().exit_status(), 75);
    assert!(
        error.story().contains(&std::process::id().to_string()),
        "{}",
        error.story()
    );
    assert!(first.is_err(), "a server that stalls is given up");
    rig.pass().await.unwrap();
}

#[tokio::test]
async fn a_refused_login_is_a_matter_for_a_human() {
    let rig = filled(1).await;
    let _changed = rig.server.store().account("ada", "changed");
    let error = rig.pass().await.unwrap_err();
    assert_eq!(error.fault(), Kind::Auth);
    assert!(!error.story().contains("secret") && !format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn r11_an_absurd_literal_ends_in_an_error_within_the_timeout() {
    let mut rig = filled(1).await;
    rig.settings.timeout = std::time::Duration::from_secs(2);
    let lie = Action::LiteralAnnounces(i64::MAX / 2);
    rig.server.faults().plan(Fault::on("UID FETCH", lie).nth(4));
    let begun = std::time::Instant::now();
    let error = rig.pass().await.unwrap_err();
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(20),
        "{error:?}"
    );
    rig.pass().await.unwrap();
    assert_whole(&rig, "after the lie");
}
