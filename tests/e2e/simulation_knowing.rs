//! How little has to be asked: what QRESYNC, CONDSTORE and nothing at all make of a second pass, how
//! many connections work, and that one message in several mailboxes is fetched once.

use postrider_core::account::Protocol;
use postrider_core::settings::LabelChoice;
use postrider_mailserver::Options;
use postrider_tests::rig::{Rig, files, message};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

async fn synced(options: Options, mailboxes: &[&str], count: usize) -> Rig {
    let rig = Rig::with(Protocol::Imap, options).await;
    for mailbox in mailboxes {
        rig.account.create(mailbox);
        rig.fill(mailbox, count);
    }
    rig.pass().await.unwrap();
    rig.server.store().forget_commands();
    rig
}

fn opened(rig: &Rig) -> Vec<String> {
    let mut opened = rig.commands("EXAMINE");
    opened.extend(rig.commands("SELECT"));
    opened
}

fn bodies(rig: &Rig) -> usize {
    let fetches = rig.commands("UID FETCH").into_iter();
    fetches.filter(|line| line.contains("BODY.PEEK[]")).count()
}

fn assert_mirrored(rig: &Rig, mailboxes: &[&str]) {
    assert_eq!(rig.stored(), rig.expected(mailboxes));
}

/// Flags changed, messages expunged and new in one of three mailboxes.
fn change(rig: &Rig) {
    rig.account.change_flags("Work", 2, &["\\Flagged"], &[]);
    rig.account.expunge_all("Work", &[4, 5]);
    rig.account
        .append("Work", message("Work", 77), &["\\Seen"], 1_700_000_999);
}

async fn assert_changes_arrive(rig: &Rig) {
    change(rig);
    let report = rig.pass().await.unwrap();
    let (pulled, gone, new) = (report.flags_pulled, report.vanished, report.new);
    assert_eq!((pulled, gone, new), (1, 2, 1));
    let flagged = files(&rig.maildir().join("Work/cur"));
    let flagged = flagged
        .iter()
        .filter(|f| f.to_string_lossy().ends_with(":2,F"));
    assert_eq!(flagged.count(), 1);
}

#[tokio::test]
async fn nothing_changed_is_known_from_the_listing_alone() {
    let rig = synced(Options::default(), &["INBOX", "Work", "Sent"], 5).await;
    let report = rig.pass().await.unwrap();
    assert_eq!((report.mailboxes, report.new), (3, 0));
    assert_eq!(opened(&rig), Vec::<String>::new());
    assert_eq!(rig.commands("STATUS"), Vec::<String>::new());
    assert!(rig.commands("UID").is_empty());
}

#[tokio::test]
async fn a_mailbox_that_we_alone_changed_is_not_read_again() {
    let known = "SELECT count(*) FROM mailbox WHERE stamp_new_ns IS NOT NULL";
    let rig = synced(Options::default(), &["INBOX", "Work"], 5).await;
    assert_eq!(rig.count(known), 2);
    rig.account
        .append("Work", message("Work", 77), &[], 1_700_000_999);
    let before = rig.count("SELECT max(stamp_new_ns) FROM mailbox WHERE name = 'Work'");
    rig.pass().await.unwrap();
    let after = rig.count("SELECT max(stamp_new_ns) FROM mailbox WHERE name = 'Work'");
    assert!(after > before, "the stamp follows our own deliveries");
}

#[tokio::test]
async fn with_qresync_opening_a_mailbox_tells_what_changed_in_it() {
    let rig = synced(Options::default(), &["INBOX", "Work", "Sent"], 9).await;
    assert_changes_arrive(&rig).await;
    let resynced = opened(&rig)
        .into_iter()
        .filter(|line| line.contains("QRESYNC"));
    assert_eq!(resynced.count(), 1, "{:?}", opened(&rig));
    let listed = rig.commands("UID FETCH 1:").into_iter();
    assert_eq!(listed.filter(|line| line.contains("FLAGS)")).count(), 0);
    assert!(opened(&rig).iter().all(|line| line.contains("Work")));
}

#[tokio::test]
async fn with_condstore_a_search_tells_what_vanished_and_flags_are_not_listed_again() {
    let options = Options::default().without(&["QRESYNC"]);
    let rig = synced(options, &["INBOX", "Work", "Sent"], 9).await;
    assert_changes_arrive(&rig).await;
    let whole = rig.commands("UID FETCH 1:").into_iter();
    let whole = whole.filter(|line| !line.contains("CHANGEDSINCE"));
    assert_eq!(whole.count(), 0, "{:?}", rig.commands("UID"));
    assert_eq!(rig.commands("UID SEARCH").len(), 1);
    // Nothing vanished: nothing is searched.
    rig.server.store().forget_commands();
    rig.account.change_flags("Work", 1, &["\\Answered"], &[]);
    assert_eq!(rig.pass().await.unwrap().flags_pulled, 1);
    assert!(rig.commands("UID SEARCH").is_empty());
}

#[tokio::test]
async fn without_mod_sequences_every_flag_is_compared() {
    let options = Options::default().without(&["QRESYNC", "CONDSTORE"]);
    let rig = synced(options, &["INBOX", "Work", "Sent"], 9).await;
    assert_changes_arrive(&rig).await;
    let rig = synced(Options::old(), &["INBOX", "Work", "Sent"], 9).await;
    assert_changes_arrive(&rig).await;
}

#[tokio::test]
async fn a_mailbox_without_mod_sequences_among_others_is_compared_whole() {
    let rig = synced(Options::default(), &["INBOX", "Work", "Sent"], 9).await;
    rig.account.set_mod_sequences("Work", false);
    assert_changes_arrive(&rig).await;
    let live = "SELECT count(*) FROM messages WHERE mailbox = 'Work' AND vanished_at IS NULL";
    assert_eq!(rig.count(live), 8);
    assert_eq!(rig.pass().await.unwrap().new, 0);
}

#[tokio::test]
async fn r7_a_mod_sequence_that_went_backwards_leads_to_a_whole_look() {
    for restored in [true, false] {
        let rig = synced(Options::default(), &["INBOX", "Work", "Sent"], 9).await;
        if restored {
            rig.account.restore_without("Work", 3);
            rig.account
                .append("Work", message("Work", 88), &[], 1_700_000_888);
        } else {
            rig.account.turn_mod_seq_back("Work", 1);
            rig.account.change_flags("Work", 2, &["\\Flagged"], &[]);
        }
        let before = rig.stored().len();
        rig.pass().await.unwrap();
        let expected = rig.expected(&["INBOX", "Work", "Sent"]);
        let stored = rig.stored();
        assert!(stored.len() >= before, "nothing is lost here");
        for text in expected.keys() {
            assert_eq!(stored.get(text), Some(&1), "once: {text}");
        }
    }
}

#[tokio::test]
async fn r4_a_uid_given_out_again_after_a_pass_saw_it_gone_is_another_message() {
    for options in [Options::default(), Options::old()] {
        let rig = synced(options, &["INBOX", "Work"], 9).await;
        rig.account.restore_without("Work", 3);
        assert_eq!(rig.pass().await.unwrap().vanished, 3);
        let late = |n| message("Late", n);
        for n in 0..4 {
            rig.account.append("Work", late(n), &[], 1_700_001_000);
        }
        assert_eq!(rig.pass().await.unwrap().new, 4);
        let stored = rig.stored();
        for text in rig.expected(&["INBOX", "Work"]).keys() {
            assert_eq!(stored.get(text), Some(&1), "once: {text}");
        }
        assert_eq!(stored.len(), 9 + 9 + 4, "and what the restore lost is kept");
        assert_eq!(rig.pass().await.unwrap().new, 0);
    }
}

#[tokio::test]
async fn a_server_that_forgot_what_was_expunged_is_asked_by_number() {
    let rig = synced(Options::default(), &["INBOX", "Work", "Sent"], 9).await;
    rig.account.expunge_all("Work", &[1, 2]);
    rig.account.forget_expunged("Work");
    assert_eq!(rig.pass().await.unwrap().vanished, 2);
    let gone = "SELECT count(*) FROM messages WHERE vanished_at IS NOT NULL";
    assert_eq!(rig.count(gone), 2);
}

#[tokio::test]
async fn a_message_copied_at_the_server_is_linked_and_not_fetched_again() {
    let rig = synced(Options::default(), &["INBOX", "Work"], 4).await;
    rig.account.copy_message("INBOX", 2, "Work").unwrap();
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, bodies(&rig)), (1, 0));
    assert_mirrored(&rig, &["INBOX", "Work"]);
    assert_eq!(linked(&rig), 1);
    assert_eq!(rig.pass().await.unwrap().new, 0);
}

/// Files that are one with another.
fn linked(rig: &Rig) -> usize {
    let all = files(rig.maildir());
    let inodes: BTreeSet<u64> = all.iter().map(|f| f.metadata().unwrap().ino()).collect();
    all.len() - inodes.len()
}

#[tokio::test]
async fn r1_a_copy_whose_original_was_changed_here_is_fetched() {
    let rig = synced(Options::default(), &["INBOX", "Work"], 4).await;
    for file in files(&rig.maildir().join("INBOX")) {
        std::fs::write(&file, "changed by somebody\n").unwrap();
    }
    rig.account.copy_message("INBOX", 2, "Work").unwrap();
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, bodies(&rig), linked(&rig)), (1, 1, 0));
}

/// Four messages, two of them with a label besides the inbox.
async fn gmail() -> Rig {
    let rig = Rig::with(Protocol::Imap, Options::gmail()).await;
    rig.account.create("work");
    rig.fill("INBOX", 4);
    for uid in [1, 3] {
        rig.account.copy_message("INBOX", uid, "work").unwrap();
    }
    rig
}

#[tokio::test]
async fn gmail_a_message_with_several_labels_is_fetched_once_and_linked() {
    let rig = gmail().await;
    let report = rig.pass().await.unwrap();
    // Inbox and All Mail have four each, `work` two.
    assert_eq!((report.new, linked(&rig)), (10, 6));
    let octets: u64 = rig
        .account
        .messages("INBOX")
        .iter()
        .map(|m| m.bytes.len() as u64)
        .sum();
    assert_eq!(report.octets, octets, "each body came once");
    assert_mirrored(&rig, &["INBOX", "work", "[Gmail]/All Mail"]);
    let labelled = "SELECT count(DISTINCT message_id) FROM labels WHERE label = 'work'";
    assert_eq!(rig.count(labelled), 2);
    rig.server.store().forget_commands();
    let next = rig.pass().await.unwrap();
    assert_eq!((next.new, bodies(&rig)), (0, 0));
    // A label that is added later is a link more, and in the index.
    rig.account.copy_message("INBOX", 2, "work").unwrap();
    let labelled_now = rig.pass().await.unwrap();
    assert_eq!((labelled_now.new, bodies(&rig), linked(&rig)), (1, 0, 7));
    assert_eq!(rig.count(labelled), 3);
}

#[tokio::test]
async fn gmail_all_mail_alone_holds_everything_once() {
    let mut rig = gmail().await;
    rig.settings.labels = LabelChoice::AllMail;
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, linked(&rig)), (4, 0));
    assert_mirrored(&rig, &["[Gmail]/All Mail"]);
    let labelled = "SELECT count(*) FROM labels WHERE label = 'work'";
    assert_eq!(rig.count(labelled), 2);
}
