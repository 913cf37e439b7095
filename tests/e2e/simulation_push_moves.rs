//! A file that a reader moved to another mailbox is moved at the server: not fetched, not uploaded, never there
//! twice and never nowhere, whatever breaks in between.

use crate::reader_kit::{
    assert_mirrored, at_server, bodies, carry, carry_renamed, copy_like_mutt, copy_linked, file_of,
    flag, held, synced_with,
};
use postrider_core::settings::Moves;
use postrider_engine::Steps;
use postrider_mailserver::{Action, Fault, Options};
use postrider_tests::policies::latest;
use postrider_tests::rig::Rig;
use std::fs;

fn servers() -> [(&'static str, Options); 4] {
    [
        ("everything", Options::default()),
        ("no MOVE", Options::default().without(&["MOVE"])),
        ("no UIDPLUS", Options::default().without(&["UIDPLUS"])),
        ("nothing", Options::old()),
    ]
}

fn subjects(rig: &Rig, mailbox: &str) -> Vec<String> {
    let shown = at_server(rig, mailbox).into_iter();
    shown.map(|(subject, _)| subject).collect()
}

/// Everything is where the reader wants it, on both sides, once; and the next passes find nothing to do.
async fn assert_settled(rig: &Rig, when: &str) {
    for pass in ["then", "and then"] {
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.vanished), (0, 0), "{when}, {pass}");
    }
    assert_mirrored(rig, when);
    assert_eq!(bodies(rig), 0, "{when}: nothing is fetched again");
    assert!(
        rig.commands("APPEND").is_empty(),
        "{when}: nothing is uploaded"
    );
}

#[tokio::test]
async fn a_renamed_file_is_moved_at_every_kind_of_server() {
    for (name, options) in servers() {
        let rig = synced_with(options, 3).await;
        carry(&rig, &file_of(&rig, "INBOX", 1), "Archive");
        carry_renamed(&rig, &file_of(&rig, "Work", 2), "Archive");
        rig.pass().await.unwrap();
        assert_eq!(subjects(&rig, "Archive"), ["INBOX 1", "Work 2"], "{name}");
        assert_eq!(subjects(&rig, "INBOX"), ["INBOX 0", "INBOX 2"], "{name}");
        assert_eq!(subjects(&rig, "Work"), ["Work 0", "Work 1"], "{name}");
        assert_settled(&rig, name).await;
        let told = "SELECT count(*) FROM ledger WHERE action = 'moved'";
        assert_eq!(rig.count(told), 2, "{name}");
    }
}

/// The index escapes what is no plain text in the name of a mailbox; the server is told it as it was.
#[tokio::test]
async fn a_mailbox_of_any_name_can_be_left_and_entered() {
    let rig = synced_with(Options::default(), 1).await;
    let odd = "back\\slash & Größe";
    rig.account.create(odd);
    rig.pass().await.unwrap();
    carry(&rig, &file_of(&rig, "INBOX", 0), odd);
    rig.pass().await.unwrap();
    assert_eq!(subjects(&rig, odd), ["INBOX 0"]);
    carry(&rig, &file_of(&rig, "INBOX", 0), "Archive");
    let report = rig.pass().await.unwrap();
    assert_eq!((report.pushed, subjects(&rig, "Archive").len()), (1, 1));
    assert_settled(&rig, odd).await;
}

#[tokio::test]
async fn many_files_need_one_command() {
    let rig = synced_with(Options::default(), 60).await;
    for path in held(&rig, "INBOX") {
        carry(&rig, &path, "Archive");
    }
    rig.pass().await.unwrap();
    assert_eq!(rig.commands("UID MOVE").len(), 1);
    assert_eq!(subjects(&rig, "Archive").len(), 60);
    assert_settled(&rig, "sixty").await;
}

#[tokio::test]
async fn a_move_as_mutt_makes_it_is_a_move_though_the_octets_differ() {
    for (name, options) in servers() {
        let rig = synced_with(options, 2).await;
        let original = file_of(&rig, "INBOX", 0);
        copy_like_mutt(&rig, &original, "Archive");
        // mutt removes the original when it is told to; until then it is a copy, and copies are not uploaded.
        rig.pass().await.unwrap();
        assert!(subjects(&rig, "Archive").is_empty(), "{name}");
        fs::remove_file(original).unwrap();
        rig.pass().await.unwrap();
        assert_eq!(subjects(&rig, "Archive"), ["INBOX 0"], "{name}");
        assert_eq!(subjects(&rig, "INBOX"), ["INBOX 1"], "{name}");
        for _ in 0..2 {
            let report = rig.pass().await.unwrap();
            assert_eq!((report.new, report.vanished), (0, 0), "{name}");
        }
        assert_eq!(
            (held(&rig, "INBOX").len(), held(&rig, "Archive").len()),
            (1, 1)
        );
        assert_eq!(bodies(&rig), 0, "{name}");
    }
}

/// The header that mutt wrote had those fields before, so that nobody can say what it was: it is believed to be
/// what it says, but what it holds proves nothing.
#[tokio::test]
async fn r1_a_move_that_is_known_by_its_header_alone_proves_nothing() {
    let mut rig = synced_with(Options::default(), 1).await;
    rig.settings.retention = latest(1_000);
    rig.pass().await.unwrap();
    let proven = |mailbox: &str| {
        rig.count(&format!(
            "SELECT count(*) FROM messages WHERE mailbox = '{mailbox}' AND proven_at IS NOT NULL"
        ))
    };
    assert_eq!((proven("INBOX"), proven("Work")), (1, 1));
    let original = file_of(&rig, "INBOX", 0);
    let copy = copy_like_mutt(&rig, &original, "Archive");
    let text = fs::read_to_string(&copy).unwrap();
    fs::write(&copy, text.replace("To: bob@", "To: eve@")).unwrap();
    fs::remove_file(original).unwrap();
    rig.pass().await.unwrap();
    assert_eq!(subjects(&rig, "Archive"), ["INBOX 0"]);
    rig.pass().await.unwrap();
    assert_eq!((proven("Archive"), proven("Work")), (0, 1));
}

#[tokio::test]
async fn a_moved_message_takes_its_new_flags_along() {
    for (name, options) in servers() {
        let rig = synced_with(options, 1).await;
        let path = carry(&rig, &file_of(&rig, "INBOX", 0), "Archive");
        flag(&path, "FS");
        rig.pass().await.unwrap();
        rig.pass().await.unwrap();
        flag(&file_of(&rig, "INBOX", 0), "S");
        rig.pass().await.unwrap();
        assert_eq!(at_server(&rig, "Archive")[0].1, "\\Seen", "{name}");
        assert_settled(&rig, name).await;
    }
}

#[tokio::test]
async fn back_and_forth_and_on_the_last_move_counts() {
    let rig = synced_with(Options::default(), 2).await;
    rig.server.faults().plan(Fault::on("UID MOVE", Action::Cut));
    carry(&rig, &file_of(&rig, "INBOX", 0), "Work");
    carry(&rig, &file_of(&rig, "INBOX", 1), "Archive");
    rig.pass().await.unwrap_err();
    carry(&rig, &file_of(&rig, "INBOX", 0), "INBOX");
    carry(&rig, &file_of(&rig, "INBOX", 1), "Work");
    rig.pass().await.unwrap();
    assert_eq!(subjects(&rig, "INBOX"), ["INBOX 0"]);
    assert_eq!(subjects(&rig, "Work"), ["INBOX 1", "Work 0", "Work 1"]);
    assert_settled(&rig, "the last move").await;
}

#[tokio::test]
async fn what_moved_on_both_sides_ends_where_the_reader_put_it() {
    let rig = synced_with(Options::default(), 2).await;
    let uid = rig.account.messages("INBOX")[0].uid;
    rig.account.move_message("INBOX", uid, "Work").unwrap();
    carry(&rig, &file_of(&rig, "INBOX", 0), "Archive");
    for _ in 0..3 {
        rig.pass().await.unwrap();
    }
    assert_mirrored(&rig, "moved on both sides");
    let everywhere = ["INBOX", "Work", "Archive"].map(|mailbox| subjects(&rig, mailbox));
    let holding = everywhere.iter().flatten().filter(|s| *s == "INBOX 0");
    assert_eq!(holding.count(), 1, "{everywhere:?}");
}

#[tokio::test]
async fn what_was_deleted_here_and_moved_at_the_server_is_not_fetched_again() {
    let rig = synced_with(Options::default(), 1).await;
    fs::remove_file(file_of(&rig, "INBOX", 0)).unwrap();
    let uid = rig.account.messages("INBOX")[0].uid;
    rig.account.move_message("INBOX", uid, "Archive").unwrap();
    for _ in 0..3 {
        rig.pass().await.unwrap();
    }
    assert_eq!(subjects(&rig, "Archive"), ["INBOX 0"]);
    assert_eq!((held(&rig, "Archive").len(), bodies(&rig)), (0, 0));
}

#[tokio::test]
async fn what_somebody_else_deleted_while_it_was_moved_here_stays_here() {
    let rig = synced_with(Options::default(), 1).await;
    let uid = rig.account.messages("INBOX")[0].uid;
    rig.account.expunge("INBOX", uid);
    carry(&rig, &file_of(&rig, "INBOX", 0), "Archive");
    for _ in 0..3 {
        rig.pass().await.unwrap();
    }
    assert_eq!(
        held(&rig, "Archive").len(),
        1,
        "R5: the local copy is the last one"
    );
    assert!(subjects(&rig, "Archive").is_empty() && subjects(&rig, "INBOX").is_empty());
}

#[tokio::test]
async fn a_move_that_the_server_refuses_loses_nothing_and_is_tried_again() {
    let rig = synced_with(Options::default(), 1).await;
    rig.server.faults().plan(Fault::on(
        "UID MOVE",
        Action::Answer("NO [NOPERM] no".to_owned()),
    ));
    carry(&rig, &file_of(&rig, "INBOX", 0), "Archive");
    rig.pass().await.unwrap();
    rig.pass().await.unwrap();
    assert_eq!(subjects(&rig, "INBOX"), ["INBOX 0"]);
    assert_eq!((held(&rig, "Archive").len(), bodies(&rig)), (1, 0));
}

#[tokio::test]
async fn where_moves_are_ignored_the_server_copy_stays() {
    let mut rig = synced_with(Options::default(), 1).await;
    rig.settings.moves = Moves::Ignore;
    carry(&rig, &file_of(&rig, "INBOX", 0), "Archive");
    for _ in 0..2 {
        rig.pass().await.unwrap();
    }
    assert_eq!(subjects(&rig, "INBOX"), ["INBOX 0"]);
    assert_eq!(
        (
            held(&rig, "INBOX").len(),
            held(&rig, "Archive").len(),
            bodies(&rig)
        ),
        (0, 1, 0)
    );
}

/// Dovecot moves by a hard link and removes the old name: seen in between, it is a copy.
#[tokio::test]
async fn a_hard_link_is_a_copy_until_the_other_name_goes() {
    let rig = synced_with(Options::default(), 1).await;
    let original = file_of(&rig, "INBOX", 0);
    copy_linked(&rig, &original, "Archive");
    rig.pass().await.unwrap();
    assert_eq!(subjects(&rig, "INBOX"), ["INBOX 0"]);
    fs::remove_file(original).unwrap();
    rig.pass().await.unwrap();
    assert_eq!(subjects(&rig, "Archive"), ["INBOX 0"]);
    assert_settled(&rig, "linked").await;
}

/// With `upload`, the first half is copied at once, and the second half removes the original.
#[tokio::test]
async fn a_copy_that_was_uploaded_and_whose_original_goes_was_a_move() {
    for (name, options) in servers() {
        let mut rig = synced_with(options, 2).await;
        rig.settings.upload = true;
        let original = file_of(&rig, "INBOX", 0);
        copy_linked(&rig, &original, "Archive");
        rig.pass().await.unwrap();
        assert_eq!(subjects(&rig, "Archive"), ["INBOX 0"], "{name}");
        fs::remove_file(original).unwrap();
        rig.pass().await.unwrap();
        rig.pass().await.unwrap();
        assert_eq!(subjects(&rig, "INBOX"), ["INBOX 1"], "{name}");
        assert_settled(&rig, name).await;
    }
}

#[tokio::test]
async fn r5_what_went_with_its_directory_was_not_moved_by_a_copy() {
    let mut rig = synced_with(Options::default(), 2).await;
    rig.settings.upload = true;
    copy_linked(&rig, &file_of(&rig, "INBOX", 0), "Archive");
    rig.pass().await.unwrap();
    fs::remove_dir_all(rig.maildir().join("INBOX")).unwrap();
    for _ in 0..3 {
        rig.pass().await.unwrap();
    }
    assert_eq!(subjects(&rig, "INBOX"), ["INBOX 0", "INBOX 1"]);
}

#[tokio::test]
async fn r3_a_move_that_is_stopped_after_any_step_or_at_any_answer_is_finished() {
    for (name, options) in servers() {
        for count in 1.. {
            let rig = synced_with(options.clone(), 3).await;
            carry(&rig, &file_of(&rig, "INBOX", 0), "Archive");
            carry_renamed(&rig, &file_of(&rig, "INBOX", 1), "Work");
            let stopped = rig.pass_until(Steps::stop_after(count)).await.is_err();
            let when = format!("{name}, stopped after {count}");
            for _ in 0..2 {
                rig.pass().await.unwrap();
            }
            assert_eq!(subjects(&rig, "Archive"), ["INBOX 0"], "{when}");
            assert_eq!(subjects(&rig, "INBOX"), ["INBOX 2"], "{when}");
            assert_settled(&rig, &when).await;
            if !stopped {
                assert!(count > 3, "{name}: there were steps to stop after");
                break;
            }
        }
        for command in [
            "UID MOVE",
            "UID COPY",
            "UID STORE",
            "UID EXPUNGE",
            "EXPUNGE",
        ] {
            for octets in [0, 12, 60] {
                let rig = synced_with(options.clone(), 2).await;
                rig.server
                    .faults()
                    .plan(Fault::on(command, Action::PerformCut(octets)));
                carry(&rig, &file_of(&rig, "INBOX", 0), "Archive");
                for _ in 0..3 {
                    drop(rig.pass().await);
                }
                let when = format!("{name}, {command} cut after {octets}");
                assert_eq!(subjects(&rig, "Archive"), ["INBOX 0"], "{when}");
                assert_eq!(subjects(&rig, "INBOX"), ["INBOX 1"], "{when}");
                assert_settled(&rig, &when).await;
            }
        }
    }
}
