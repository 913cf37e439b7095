//! What readers do to flags reaches the server, and the server's changes reach the files: both at once, later,
//! and after a crash.

use crate::reader_kit::{assert_mirrored, at_server, file_of, flag, held, synced_with};
use postrider_core::settings::FlagSync;
use postrider_engine::Steps;
use postrider_mailserver::{Action, Fault, Options};
use std::path::Path;
use std::time::Duration;

fn letters(path: &Path) -> String {
    let name = path.to_string_lossy();
    name.split_once(":2,")
        .map_or("", |(_, letters)| letters)
        .to_owned()
}

#[tokio::test]
async fn what_a_reader_sets_and_clears_is_set_and_cleared_at_the_server() {
    for options in [Options::default(), Options::old()] {
        let rig = synced_with(options, 2).await;
        flag(&file_of(&rig, "INBOX", 0), "DFPRS");
        let report = rig.pass().await.unwrap();
        assert_eq!((report.flags_pushed, report.new), (1, 0));
        let flags = "$Forwarded \\Answered \\Draft \\Flagged \\Seen";
        let shown = |flags: &str| {
            vec![
                ("INBOX 0".to_owned(), flags.to_owned()),
                ("INBOX 1".to_owned(), String::new()),
            ]
        };
        assert_eq!(at_server(&rig, "INBOX"), shown(flags));
        flag(&file_of(&rig, "INBOX", 0), "S");
        rig.pass().await.unwrap();
        assert_eq!(at_server(&rig, "INBOX"), shown("\\Seen"));
        rig.server.store().forget_commands();
        let report = rig.pass().await.unwrap();
        assert_eq!((report.flags_pushed, report.flags_pulled), (0, 0));
        assert!(
            rig.commands("UID STORE").is_empty(),
            "nothing is sent twice"
        );
        assert_eq!(letters(&file_of(&rig, "INBOX", 0)), "S");
        assert_mirrored(&rig, "afterwards");
    }
}

#[tokio::test]
async fn a_hundred_messages_need_one_command_for_each_flag() {
    let rig = synced_with(Options::default(), 100).await;
    for path in held(&rig, "INBOX") {
        flag(&path, "FS");
    }
    let report = rig.pass().await.unwrap();
    assert_eq!(report.flags_pushed, 100);
    assert_eq!(rig.commands("UID STORE").len(), 2);
    assert!(
        report.round_trips <= 6,
        "{} round trips",
        report.round_trips
    );
}

/// Between the look at the directory and the rename that gives the file the server's flags.
#[tokio::test]
async fn what_a_reader_flags_while_the_pass_is_at_it_reaches_the_server_too() {
    for options in [Options::default(), Options::old()] {
        let rig = synced_with(options, 1).await;
        let uid = rig.account.messages("INBOX")[0].uid;
        rig.account.set_flags("INBOX", uid, &["\\Flagged"]);
        for command in ["EXAMINE", "SELECT"] {
            let late = Action::Delay(Duration::from_millis(600));
            rig.server.faults().plan(Fault::on(command, late));
        }
        let (report, ()) = tokio::join!(rig.pass(), async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            flag(&file_of(&rig, "INBOX", 0), "RS");
        });
        report.unwrap();
        rig.server.faults().clear();
        rig.pass().await.unwrap();
        let flags = "\\Answered \\Flagged \\Seen".to_owned();
        assert_eq!(at_server(&rig, "INBOX"), [("INBOX 0".to_owned(), flags)]);
        assert_eq!(letters(&file_of(&rig, "INBOX", 0)), "FRS");
        assert_mirrored(&rig, "afterwards");
    }
}

#[tokio::test]
async fn flags_changed_on_both_sides_are_joined() {
    let rig = synced_with(Options::default(), 1).await;
    let uid = rig.account.messages("INBOX")[0].uid;
    rig.account.set_flags("INBOX", uid, &["\\Flagged"]);
    flag(&file_of(&rig, "INBOX", 0), "FS");
    rig.pass().await.unwrap();
    // The reader marks it unread, somebody else answers it and takes the flag away.
    rig.account
        .set_flags("INBOX", uid, &["\\Seen", "\\Answered"]);
    flag(&file_of(&rig, "INBOX", 0), "F");
    let report = rig.pass().await.unwrap();
    assert_eq!((report.flags_pulled, report.flags_pushed), (1, 1));
    assert_eq!(at_server(&rig, "INBOX")[0].1, "\\Answered");
    assert_eq!(letters(&file_of(&rig, "INBOX", 0)), "R");
}

#[tokio::test]
async fn what_was_changed_without_a_network_is_sent_when_there_is_one() {
    let rig = synced_with(Options::default(), 1).await;
    flag(&file_of(&rig, "INBOX", 0), "S");
    rig.server
        .faults()
        .plan(Fault::on("UID STORE", Action::Cut));
    rig.pass().await.unwrap_err();
    flag(&file_of(&rig, "INBOX", 0), "FS");
    let report = rig.pass().await.unwrap();
    assert_eq!(report.flags_pushed, 1);
    assert_eq!(at_server(&rig, "INBOX")[0].1, "\\Flagged \\Seen");
}

#[tokio::test]
async fn a_flag_that_the_server_refuses_stays_here_and_is_asked_for_again() {
    let rig = synced_with(Options::default(), 1).await;
    flag(&file_of(&rig, "INBOX", 0), "FS");
    rig.server.faults().plan(Fault::on(
        "STORE",
        Action::Answer("NO not today".to_owned()),
    ));
    let report = rig.pass().await.unwrap();
    assert_eq!(report.flags_pushed, 1, "the other one is set");
    assert_eq!(letters(&file_of(&rig, "INBOX", 0)), "FS");
    rig.pass().await.unwrap();
    assert_eq!(at_server(&rig, "INBOX")[0].1, "\\Flagged \\Seen");
}

#[tokio::test]
async fn a_flag_that_the_mailbox_does_not_keep_is_never_sent() {
    let rig = synced_with(Options::default(), 1).await;
    rig.account
        .set_permanent_flags("INBOX", Some(&["\\Seen", "\\Deleted"]));
    flag(&file_of(&rig, "INBOX", 0), "FPS");
    for _ in 0..2 {
        rig.pass().await.unwrap();
    }
    assert_eq!(at_server(&rig, "INBOX")[0].1, "\\Seen");
    assert_eq!(rig.commands("UID STORE").len(), 1, "no loop");
    assert_eq!(letters(&file_of(&rig, "INBOX", 0)), "FPS");
}

#[tokio::test]
async fn flags_travel_the_ways_that_are_chosen() {
    for (sync, file, server) in [
        (FlagSync::Both, "FS", "\\Flagged \\Seen"),
        (FlagSync::Pull, "FS", "\\Flagged"),
        (FlagSync::Push, "S", "\\Flagged \\Seen"),
        (FlagSync::None, "S", "\\Flagged"),
    ] {
        let mut rig = synced_with(Options::default(), 1).await;
        rig.settings.flags = sync;
        let uid = rig.account.messages("INBOX")[0].uid;
        rig.account.set_flags("INBOX", uid, &["\\Flagged"]);
        flag(&file_of(&rig, "INBOX", 0), "S");
        rig.pass().await.unwrap();
        rig.pass().await.unwrap();
        assert_eq!(letters(&file_of(&rig, "INBOX", 0)), file, "{sync:?}");
        assert_eq!(at_server(&rig, "INBOX")[0].1, server, "{sync:?}");
    }
}

#[tokio::test]
async fn the_letter_for_deleted_speaks_only_where_it_is_asked_to() {
    for (deleted_flag, server) in [(false, "\\Seen"), (true, "\\Deleted \\Seen")] {
        let mut rig = synced_with(Options::default(), 1).await;
        rig.settings.deleted_flag = deleted_flag;
        flag(&file_of(&rig, "INBOX", 0), "ST");
        rig.pass().await.unwrap();
        rig.pass().await.unwrap();
        assert_eq!(at_server(&rig, "INBOX")[0].1, server);
        assert_eq!(letters(&file_of(&rig, "INBOX", 0)), "ST");
    }
}

#[tokio::test]
async fn keywords_are_no_business_of_a_file_name() {
    let rig = synced_with(Options::default(), 1).await;
    let uid = rig.account.messages("INBOX")[0].uid;
    rig.account.set_flags("INBOX", uid, &["work"]);
    rig.pass().await.unwrap();
    flag(&flag(&file_of(&rig, "INBOX", 0), "Sab"), "FS");
    rig.pass().await.unwrap();
    assert_eq!(at_server(&rig, "INBOX")[0].1, "\\Flagged \\Seen work");
}

/// The server's change gets into the file's name, we die, the server's change is taken back: our own rename
/// must not be taken for a reader's wish.
#[tokio::test]
async fn r3_a_rename_of_our_own_that_a_crash_interrupted_is_no_readers_change() {
    for count in 1.. {
        let rig = synced_with(Options::default(), 1).await;
        let uid = rig.account.messages("INBOX")[0].uid;
        rig.account.set_flags("INBOX", uid, &["\\Seen"]);
        let stopped = rig.pass_until(Steps::stop_after(count)).await.is_err();
        rig.account.set_flags("INBOX", uid, &[]);
        let report = rig.pass().await.unwrap();
        assert_eq!(report.flags_pushed, 0, "stopped after {count}");
        assert_eq!(at_server(&rig, "INBOX")[0].1, "", "stopped after {count}");
        assert_eq!(
            letters(&file_of(&rig, "INBOX", 0)),
            "",
            "stopped after {count}"
        );
        if !stopped {
            assert!(count > 1, "there was a step to stop after");
            return;
        }
    }
}
