//! A message that a reader puts into a mailbox is put into it at the server, once, with its flags and date; a
//! copy is copied there.

use crate::reader_kit::{
    assert_mirrored, at_server, bodies, carry, copy_like_mutt, copy_linked, draft, file_of, flag,
    held, let_rest, synced_with, write,
};
use postrider_engine::Steps;
use postrider_mailserver::{Action, Fault, Options};
use postrider_tests::rig::Rig;
use std::fs;
use std::time::{Duration, SystemTime};

fn servers() -> [(&'static str, Options); 3] {
    [
        ("everything", Options::default()),
        ("no UIDPLUS", Options::default().without(&["UIDPLUS"])),
        ("nothing", Options::old()),
    ]
}

async fn uploading(options: Options) -> Rig {
    let mut rig = synced_with(options, 2).await;
    rig.settings.upload = true;
    rig
}

async fn assert_settled(rig: &Rig, when: &str) {
    let appended = rig.commands("APPEND").len();
    for pass in ["then", "and then"] {
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.vanished), (0, 0), "{when}, {pass}");
    }
    assert_eq!(
        rig.commands("APPEND").len(),
        appended,
        "{when}: nothing is uploaded twice"
    );
    assert_mirrored(rig, when);
}

#[tokio::test]
async fn a_new_file_is_uploaded_once_with_flags_and_date() {
    for (name, options) in servers() {
        let rig = uploading(options).await;
        let path = write(&rig, "Archive", "1.mine.host:2,FS", &draft(1));
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(then)
            .unwrap();
        rig.pass().await.unwrap();
        let expected = [("draft 1".to_owned(), "\\Flagged \\Seen".to_owned())];
        assert_eq!(at_server(&rig, "Archive"), expected, "{name}");
        let message = &rig.account.messages("Archive")[0];
        assert_eq!(message.internal_date, 1_600_000_000, "{name}");
        assert!(path.exists(), "{name}: the reader's file stays as it is");
        assert_settled(&rig, name).await;
        assert_eq!(bodies(&rig), 0, "{name}");
        flag(&path, "S");
        rig.pass().await.unwrap();
        assert_eq!(at_server(&rig, "Archive")[0].1, "\\Seen", "{name}");
    }
}

#[tokio::test]
async fn nothing_is_uploaded_where_nobody_asked_for_it() {
    let rig = synced_with(Options::default(), 1).await;
    write(&rig, "Archive", "1.mine.host:2,S", &draft(1));
    copy_linked(&rig, &file_of(&rig, "INBOX", 0), "Archive");
    for _ in 0..3 {
        rig.pass().await.unwrap();
    }
    assert!(at_server(&rig, "Archive").is_empty());
}

#[tokio::test]
async fn what_waited_is_uploaded_when_somebody_asks_for_it() {
    let mut rig = synced_with(Options::default(), 1).await;
    write(&rig, "Archive", "1.mine.host:2,S", &draft(1));
    let_rest(&rig, "Archive");
    rig.pass().await.unwrap();
    rig.pass().await.unwrap();
    rig.settings.upload = true;
    rig.pass().await.unwrap();
    assert_eq!(
        at_server(&rig, "Archive").len(),
        1,
        "though nothing has changed"
    );
    assert_settled(&rig, "at last").await;
}

#[tokio::test]
async fn drafts_and_sent_mail_are_marked_as_what_they_are() {
    let mut rig = synced_with(Options::default(), 1).await;
    rig.account.set_role("Work", "\\Drafts");
    rig.account.set_role("Archive", "\\Sent");
    rig.settings.upload = true;
    rig.pass().await.unwrap();
    let new = rig.maildir().join("Work/new/1.draft.host");
    fs::write(&new, draft(1)).unwrap();
    write(&rig, "Archive", "1.sent.host:2,", &draft(2));
    rig.pass().await.unwrap();
    assert!(at_server(&rig, "Work").contains(&("draft 1".to_owned(), "\\Draft \\Seen".to_owned())));
    assert_eq!(at_server(&rig, "Archive")[0].1, "\\Seen");
    assert!(rig.maildir().join("Work/cur/1.draft.host:2,DS").exists());
    assert_settled(&rig, "by role").await;
}

#[tokio::test]
async fn a_copy_is_copied_at_the_server() {
    for (name, options) in servers() {
        let rig = uploading(options).await;
        copy_linked(&rig, &file_of(&rig, "INBOX", 0), "Archive");
        copy_like_mutt(&rig, &file_of(&rig, "Work", 1), "Archive");
        rig.pass().await.unwrap();
        let subjects: Vec<_> = at_server(&rig, "Archive")
            .into_iter()
            .map(|(s, _)| s)
            .collect();
        assert_eq!(subjects, ["INBOX 0", "Work 1"], "{name}");
        assert!(rig.commands("APPEND").is_empty(), "{name}");
        assert_eq!(at_server(&rig, "INBOX").len(), 2, "{name}");
        for _ in 0..2 {
            let report = rig.pass().await.unwrap();
            assert_eq!((report.new, report.vanished), (0, 0), "{name}");
        }
        // The file that was linked bears a flag that the original has not.
        assert_eq!(at_server(&rig, "Archive")[0].1, "\\Seen", "{name}");
    }
}

/// Servers say OK to a COPY of what is gone; what no COPYUID tells of was not copied.
#[tokio::test]
async fn a_copy_that_the_server_did_not_make_is_uploaded() {
    let rig = uploading(Options::default()).await;
    let ok = Action::Answer("OK nothing to do".to_owned());
    rig.server.faults().plan(Fault::on("UID COPY", ok));
    copy_linked(&rig, &file_of(&rig, "INBOX", 0), "Archive");
    rig.pass().await.unwrap();
    assert_eq!(at_server(&rig, "Archive")[0].0, "INBOX 0");
    assert_settled(&rig, "not copied").await;
}

#[tokio::test]
async fn a_file_that_is_still_written_is_waited_for() {
    let rig = uploading(Options::default()).await;
    let path = write(&rig, "Archive", "1.mine.host:2,S", "From: a\n");
    // What grows in place does not touch its directory.
    let_rest(&rig, "Archive");
    let growing = tokio::spawn(async move {
        for n in 0..10 {
            tokio::time::sleep(Duration::from_millis(60)).await;
            let mut file = fs::File::options().append(true).open(&path).unwrap();
            std::io::Write::write_all(&mut file, format!("X-{n}: y\n").as_bytes()).unwrap();
        }
    });
    rig.pass().await.unwrap();
    assert!(
        at_server(&rig, "Archive").is_empty(),
        "half a message is none"
    );
    growing.await.unwrap();
    rig.pass().await.unwrap();
    let octets = rig.account.messages("Archive")[0].bytes.clone();
    assert!(String::from_utf8_lossy(&octets).contains("X-9: y"));
    assert_settled(&rig, "whole").await;
}

#[tokio::test]
async fn an_empty_file_is_no_message_and_one_that_goes_again_is_forgotten() {
    let rig = uploading(Options::default()).await;
    write(&rig, "Archive", "1.mine.host:2,S", "");
    let gone = write(&rig, "Archive", "2.mine.host:2,S", &draft(2));
    rig.server.faults().plan(Fault::on("APPEND", Action::Cut));
    rig.pass().await.unwrap_err();
    fs::remove_file(gone).unwrap();
    rig.pass().await.unwrap();
    assert!(at_server(&rig, "Archive").is_empty());
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.vanished), (0, 0));
}

#[tokio::test]
async fn what_was_written_anew_before_it_was_sent_is_sent_as_it_is_now() {
    let rig = uploading(Options::default()).await;
    let path = write(&rig, "Archive", "1.mine.host:2,S", &draft(1));
    rig.server.faults().plan(Fault::on("APPEND", Action::Cut));
    rig.pass().await.unwrap_err();
    fs::write(&path, draft(5)).unwrap();
    rig.pass().await.unwrap();
    assert_eq!(at_server(&rig, "Archive")[0].0, "draft 5");
    assert_settled(&rig, "anew").await;
}

#[tokio::test]
async fn what_the_server_refuses_stays_here_and_is_not_sent_in_every_pass() {
    let rig = uploading(Options::default()).await;
    let path = write(&rig, "Archive", "1.mine.host:2,S", &draft(1));
    rig.server.faults().plan(Fault::on(
        "APPEND",
        Action::Answer("NO [OVERQUOTA] full".to_owned()),
    ));
    for _ in 0..3 {
        rig.pass().await.unwrap();
    }
    assert_eq!(rig.commands("APPEND").len(), 1);
    assert!(path.exists() && at_server(&rig, "Archive").is_empty());
}

#[tokio::test]
async fn r3_an_upload_that_is_stopped_after_any_step_or_at_any_answer_is_there_once() {
    for (name, options) in servers() {
        for count in 1.. {
            let rig = uploading(options.clone()).await;
            write(&rig, "Archive", "1.mine.host:2,S", &draft(1));
            copy_linked(&rig, &file_of(&rig, "INBOX", 0), "Work");
            let stopped = rig.pass_until(Steps::stop_after(count)).await.is_err();
            let when = format!("{name}, stopped after {count}");
            for _ in 0..2 {
                rig.pass().await.unwrap();
            }
            assert_eq!(at_server(&rig, "Archive").len(), 1, "{when}");
            assert_eq!(at_server(&rig, "Work").len(), 3, "{when}");
            assert_settled(&rig, &when).await;
            if !stopped {
                assert!(count > 3, "{name}: there were steps to stop after");
                break;
            }
        }
        for (command, octets) in [
            ("APPEND", 0),
            ("APPEND", 8),
            ("UID COPY", 0),
            ("UID COPY", 12),
        ] {
            let rig = uploading(options.clone()).await;
            rig.server
                .faults()
                .plan(Fault::on(command, Action::PerformCut(octets)));
            write(&rig, "Archive", "1.mine.host:2,S", &draft(1));
            copy_linked(&rig, &file_of(&rig, "INBOX", 0), "Work");
            for _ in 0..3 {
                drop(rig.pass().await);
            }
            let when = format!("{name}, {command} cut after {octets}");
            assert_eq!(at_server(&rig, "Archive").len(), 1, "{when}");
            assert_eq!(at_server(&rig, "Work").len(), 3, "{when}");
            assert_settled(&rig, &when).await;
        }
    }
}

fn new_directory(rig: &Rig, name: &str) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(rig.maildir().join(name).join(part)).unwrap();
    }
}

#[tokio::test]
async fn a_new_directory_becomes_a_mailbox_with_what_lies_in_it() {
    for (name, options) in servers() {
        let rig = uploading(options).await;
        new_directory(&rig, "Job/Größe & Co");
        write(&rig, "Job/Größe & Co", "1.mine.host:2,S", &draft(1));
        carry(&rig, &file_of(&rig, "INBOX", 0), "Job/Größe & Co");
        rig.pass().await.unwrap();
        let shown = at_server(&rig, "Job/Größe & Co");
        let subjects: Vec<_> = shown.iter().map(|(subject, _)| subject.as_str()).collect();
        assert_eq!(subjects, ["INBOX 0", "draft 1"], "{name}");
        assert_eq!(at_server(&rig, "INBOX").len(), 1, "{name}");
        for _ in 0..2 {
            let report = rig.pass().await.unwrap();
            assert_eq!((report.new, report.vanished), (0, 0), "{name}");
        }
        assert_eq!(held(&rig, "Job/Größe & Co").len(), 2, "{name}");
    }
}

#[tokio::test]
async fn no_mailbox_is_made_that_nobody_asked_for() {
    let mut rig = synced_with(Options::default(), 1).await;
    new_directory(&rig, "Job");
    rig.pass().await.unwrap();
    assert!(
        !rig.account.mailboxes().contains(&"Job".to_owned()),
        "upload is off"
    );
    rig.settings.upload = true;
    rig.settings.folders.exclude = vec!["Job".to_owned()];
    rig.pass().await.unwrap();
    assert!(
        !rig.account.mailboxes().contains(&"Job".to_owned()),
        "it is excluded"
    );
    // Somebody deletes a mailbox at the server: its directory does not bring it back.
    rig.account.delete("Archive");
    for _ in 0..2 {
        rig.pass().await.unwrap();
    }
    assert!(!rig.account.mailboxes().contains(&"Archive".to_owned()));
}

#[tokio::test]
async fn r3_a_mailbox_that_was_made_before_a_crash_gets_what_lies_in_it() {
    for count in 1.. {
        let rig = uploading(Options::default()).await;
        new_directory(&rig, "Job");
        write(&rig, "Job", "1.mine.host:2,S", &draft(1));
        let stopped = rig.pass_until(Steps::stop_after(count)).await.is_err();
        rig.pass().await.unwrap();
        assert_eq!(at_server(&rig, "Job").len(), 1, "stopped after {count}");
        if !stopped {
            assert!(count > 2, "there were steps to stop after");
            return;
        }
    }
}
