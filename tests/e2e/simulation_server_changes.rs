//! What others do to an account at its server: messages moved, mailboxes renamed and deleted, and
//! what becomes of the local copies. Nothing of it is fetched again, nothing lost.

use postrider_core::account::Protocol;
use postrider_core::brake::{Brake, Percent};
use postrider_core::retention::Vanished;
use postrider_engine::{PassReport, Steps, approve};
use postrider_mailserver::{Action, Fault, Options};
use postrider_tests::rig::{Rig, files};
use std::path::Path;
use std::time::Duration;

/// Three mailboxes of `count` messages each, synced once; the server's memory of commands is empty.
async fn synced(count: usize) -> Rig {
    synced_with(Options::default(), count).await
}

async fn synced_with(options: Options, count: usize) -> Rig {
    let rig = Rig::with(Protocol::Imap, options).await;
    for mailbox in ["INBOX", "Work", "Sent"] {
        rig.account.create(mailbox);
        rig.fill(mailbox, count);
    }
    rig.pass().await.unwrap();
    rig.server.store().forget_commands();
    rig
}

/// How many bodies were asked for.
fn bodies(rig: &Rig) -> usize {
    let fetches = rig.commands("UID FETCH").into_iter();
    fetches.filter(|line| line.contains("BODY.PEEK[]")).count()
}

/// Every message that the server has lies here exactly once, and no other.
fn assert_mirrored(rig: &Rig, mailboxes: &[&str], when: &str) {
    assert_eq!(rig.stored(), rig.expected(mailboxes), "{when}");
    assert_eq!(rig.unfinished(), 0, "{when}");
}

/// The messages in one local directory.
fn held(rig: &Rig, mailbox: &str) -> usize {
    files(&rig.maildir().join(mailbox).join("cur")).len()
        + files(&rig.maildir().join(mailbox).join("new")).len()
}

fn moved_once(rig: &Rig) {
    for uid in [2, 4] {
        rig.account.move_message("INBOX", uid, "Work").unwrap();
    }
}

#[tokio::test]
async fn a_message_moved_at_the_server_takes_its_file_along_and_is_not_fetched_again() {
    for options in [Options::default(), Options::old()] {
        let rig = synced_with(options, 5).await;
        moved_once(&rig);
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, bodies(&rig)), (0, 0));
        assert_eq!((held(&rig, "INBOX"), held(&rig, "Work")), (3, 7));
        assert_mirrored(&rig, &["INBOX", "Work", "Sent"], "moved");
        let moved = "SELECT count(*) FROM ledger WHERE action = 'moved'";
        assert_eq!(rig.count(moved), 2);
        let next = rig.pass().await.unwrap();
        assert_eq!((next.new, next.vanished, bodies(&rig)), (0, 0, 0));
    }
}

#[tokio::test]
async fn a_moved_message_takes_the_flags_of_its_new_mailbox() {
    let rig = synced(3).await;
    let uid = rig.account.move_message("INBOX", 1, "Work").unwrap();
    rig.account.change_flags("Work", uid, &["\\Flagged"], &[]);
    rig.pass().await.unwrap();
    let flagged = files(&rig.maildir().join("Work/cur"));
    assert_eq!(flagged.len(), 1, "{flagged:?}");
    assert!(flagged[0].to_string_lossy().ends_with(":2,F"));
    assert_eq!(bodies(&rig), 0);
}

#[tokio::test]
async fn r3_a_move_stopped_after_any_step_is_finished_by_the_next_pass() {
    for count in 1.. {
        let rig = synced(4).await;
        moved_once(&rig);
        rig.account.rename("Sent", "Post/Gesendet");
        let stopped = rig.pass_until(Steps::stop_after(count)).await.is_err();
        rig.pass().await.unwrap();
        let when = format!("stopped after {count}");
        assert_mirrored(&rig, &["INBOX", "Work", "Post/Gesendet"], &when);
        assert_eq!(bodies(&rig), 0, "{when}");
        assert_eq!(held(&rig, "Post/Gesendet"), 4, "{when}");
        if !stopped {
            assert!(count > 4, "there were steps to stop after");
            break;
        }
    }
}

#[tokio::test]
async fn a_mailbox_renamed_at_the_server_is_renamed_here_and_not_fetched_again() {
    for options in [Options::default(), Options::old()] {
        let rig = synced_with(options, 4).await;
        let new = "Archive/2026";
        rig.account.rename("Work", new);
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.vanished, bodies(&rig)), (0, 0, 0));
        assert_eq!(held(&rig, "Archive/2026"), 4);
        assert!(!rig.maildir().join("Work/cur").exists());
        assert_mirrored(&rig, &["INBOX", new, "Sent"], "renamed");
        // And what comes later arrives there.
        rig.account.append(
            new,
            postrider_tests::rig::message("later", 9),
            &[],
            1_700_000_999,
        );
        assert_eq!(rig.pass().await.unwrap().new, 1);
        assert_eq!(held(&rig, "Archive/2026"), 5);
    }
}

#[tokio::test]
async fn an_empty_mailbox_that_was_renamed_is_known_by_its_identity_alone() {
    let rig = synced(3).await;
    rig.account.create("Empty");
    rig.pass().await.unwrap();
    rig.account.rename("Empty", "Waiting");
    rig.pass().await.unwrap();
    assert!(rig.maildir().join("Waiting/cur").exists());
    assert!(!rig.maildir().join("Empty/cur").exists());
}

#[tokio::test]
async fn a_new_mailbox_is_no_renamed_one_however_alike_its_numbers() {
    let rig = synced_with(Options::default().without(&["OBJECTID"]), 4).await;
    let other = rig.account.messages("Sent");
    rig.account.delete("Work");
    rig.account.create("Fresh");
    for message in other {
        let text = format!(
            "X-Other: yes\r\n{}",
            String::from_utf8_lossy(&message.bytes)
        );
        rig.account.append("Fresh", text, &[], 1_700_000_000);
    }
    rig.pass().await.unwrap();
    assert_eq!(held(&rig, "Work"), 4, "what was there stays");
    assert_eq!(held(&rig, "Fresh"), 4, "and what is new was fetched");
    assert!(bodies(&rig) > 0);
}

#[tokio::test]
async fn r5_a_mailbox_missing_from_one_listing_is_not_believed_gone() {
    let rig = synced(3).await;
    rig.account.append(
        "INBOX",
        postrider_tests::rig::message("new", 1),
        &[],
        1_700_000_999,
    );
    let nothing = Action::Answer("OK nothing to list".to_owned());
    rig.server.faults().plan(Fault::on("LIST", nothing));
    let report = rig.pass().await.unwrap();
    assert_eq!((report.vanished, report.new), (0, 1));
    let lost = "SELECT count(*) FROM messages WHERE vanished_at IS NOT NULL";
    assert_eq!(rig.count(lost), 0);
    assert_mirrored(&rig, &["INBOX", "Work", "Sent"], "after the empty listing");
}

#[tokio::test]
async fn a_deleted_mailbox_keeps_its_local_copies_unless_told_otherwise() {
    let rig = synced(3).await;
    rig.account.delete("Work");
    let report = rig.pass().await.unwrap();
    assert_eq!((report.vanished, held(&rig, "Work")), (3, 3));
    let again = rig.pass().await.unwrap();
    assert_eq!(again.vanished, 0, "told once");
    // It comes back: what is in it is new.
    rig.account.create("Work");
    rig.fill("Work", 2);
    assert_eq!(rig.pass().await.unwrap().vanished, 0);
    assert_eq!(rig.expected(&["Work"]).len(), 2);
}

fn policy(rig: &mut Rig, vanished: Vanished, brake: Option<(u64, u8)>) {
    rig.settings.vanished = vanished;
    rig.settings.brake = brake.map(|(messages, share)| Brake {
        messages,
        share: Percent::new(share).unwrap(),
    });
}

#[tokio::test]
async fn vanished_delete_removes_the_local_copy_and_writes_it_down() {
    let mut rig = synced(5).await;
    policy(&mut rig, Vanished::Delete, Some((100, 20)));
    rig.account.expunge_all("Work", &[1, 3]);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.vanished, report.braked), (2, 0));
    assert_mirrored(&rig, &["INBOX", "Work", "Sent"], "removed");
    let removed = "SELECT count(*) FROM ledger WHERE action = 'removed'";
    assert_eq!(rig.count(removed), 2);
    assert_eq!(rig.pass().await.unwrap().new, 0);
    assert_eq!(rig.count(removed), 2);
}

#[tokio::test]
async fn vanished_trash_flag_marks_the_local_copy_and_keeps_it() {
    let mut rig = synced(5).await;
    policy(&mut rig, Vanished::TrashFlag, Some((100, 20)));
    rig.account.expunge("Work", 2);
    rig.pass().await.unwrap();
    let marked = |rig: &Rig| {
        let files = files(&rig.maildir().join("Work/cur"));
        let trashed = |path: &Path| path.to_string_lossy().ends_with(":2,T");
        files.iter().filter(|path| trashed(path)).count()
    };
    assert_eq!((held(&rig, "Work"), marked(&rig)), (5, 1));
    rig.pass().await.unwrap();
    assert_eq!((held(&rig, "Work"), marked(&rig)), (5, 1));
}

#[tokio::test]
async fn r6_the_brake_stops_a_mass_removal_until_somebody_approves() {
    let mut rig = synced(30).await;
    policy(&mut rig, Vanished::Delete, Some((10, 20)));
    let uids: Vec<u32> = (1..=20).collect();
    rig.account.expunge_all("Work", &uids);
    rig.fill("Sent", 31);
    let braked = rig.pass().await.unwrap();
    assert_eq!((braked.braked, held(&rig, "Work")), (20, 30));
    assert_eq!(braked.new, 31, "downloads go on");
    assert_eq!(rig.pass().await.unwrap().braked, 20, "and it holds");
    let approved = approve(&rig.state_dir(), &rig.settings.name).unwrap();
    assert_eq!((approved.len(), approved[0].removing), (1, 20));
    // One more vanishes after the approval: that was not approved.
    rig.account.expunge("Work", 21);
    assert_eq!(rig.pass().await.unwrap().braked, 21);
    assert_eq!(held(&rig, "Work"), 30);
    approve(&rig.state_dir(), &rig.settings.name).unwrap();
    assert_eq!(rig.pass().await.unwrap().braked, 0);
    assert_eq!(held(&rig, "Work"), 9);
    assert!(
        approve(&rig.state_dir(), &rig.settings.name)
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn r6_a_mailbox_of_ten_or_more_is_not_emptied_unasked() {
    let mut rig = synced(10).await;
    policy(&mut rig, Vanished::Delete, Some((100, 20)));
    rig.account.delete("Work");
    assert_eq!(rig.pass().await.unwrap().braked, 10);
    assert_eq!(held(&rig, "Work"), 10);
    policy(&mut rig, Vanished::Delete, None);
    assert_eq!(rig.pass().await.unwrap().braked, 0);
    assert_eq!(held(&rig, "Work"), 0);
}

#[tokio::test]
async fn r4_a_renumbered_mailbox_removes_nothing_whatever_the_policy() {
    let mut rig = synced(12).await;
    policy(&mut rig, Vanished::Delete, None);
    rig.account.bump_uid_validity("Work");
    rig.server
        .faults()
        .plan(Fault::on("UID FETCH", Action::Cut).nth(2));
    // Whether the line broke in the midst of it or not.
    let _broken: Option<PassReport> = rig.pass().await.ok();
    assert_eq!(held(&rig, "Work"), 12);
    rig.pass().await.unwrap();
    assert_mirrored(&rig, &["INBOX", "Work", "Sent"], "renumbered");
}

#[tokio::test]
async fn what_is_too_large_stays_on_the_server_until_the_limit_is_raised() {
    let mut rig = Rig::new(Protocol::Imap).await;
    let large = format!("Subject: large\r\n\r\n{}", "x".repeat(5_000));
    rig.account.append("INBOX", large, &[], 1_700_000_000);
    rig.fill("INBOX", 2);
    rig.settings.max_size_octets = Some(1_000);
    let first = rig.pass().await.unwrap();
    assert_eq!((first.new, first.skipped), (2, 1));
    let next = rig.pass().await.unwrap();
    assert_eq!((next.new, next.skipped), (0, 0), "told once");
    rig.settings.max_size_octets = None;
    assert_eq!(rig.pass().await.unwrap().new, 1);
    assert_mirrored(&rig, &["INBOX"], "all of it");
}

#[tokio::test]
async fn what_is_too_old_stays_on_the_server() {
    let mut rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 3);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap().as_secs()).unwrap();
    rig.account
        .append("INBOX", postrider_tests::rig::message("today", 1), &[], now);
    rig.settings.max_age = Some(Duration::from_secs(86_400));
    let first = rig.pass().await.unwrap();
    assert_eq!((first.new, first.skipped), (1, 3));
    rig.settings.max_age = None;
    assert_eq!(rig.pass().await.unwrap().new, 3);
}

#[tokio::test]
async fn one_message_that_cannot_be_fetched_does_not_cost_the_others() {
    let rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 40);
    let no = || Action::Answer("NO [SERVERBUG] cannot read it".to_owned());
    // The whole range, then each half that holds UID 40: the newest is asked for first.
    for range in ["1:40", "21:40", "31:40", "36:40", "38:40", "39:40", "40"] {
        let bodies = format!("UID FETCH {range} (");
        rig.server.faults().plan(Fault::on(&bodies, no()));
    }
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.skipped), (39, 1));
    assert_eq!(rig.pass().await.unwrap().new, 1, "asked for again");
    assert_mirrored(&rig, &["INBOX"], "at last");
}
