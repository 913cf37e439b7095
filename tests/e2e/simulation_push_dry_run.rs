//! `sync --dry-run` of what readers did: it says so, does nothing, and the pass after it does just that.

use crate::reader_kit::{
    at_server, carry, copy_linked, draft, file_of, flag, held, synced_with, write,
};
use postrider_mailserver::Options;
use postrider_tests::rig::Rig;
use std::collections::BTreeSet;
use std::fs;

async fn said(rig: &Rig) -> BTreeSet<String> {
    let rehearsal = rig.rehearse().await.unwrap();
    let deeds = rehearsal.deeds.iter();
    deeds
        .map(|rehearsed| format!("{}: {}", rehearsed.mailbox, rehearsed.deed))
        .collect()
}

#[tokio::test]
async fn it_says_what_readers_did_and_does_nothing() {
    let mut rig = synced_with(Options::default(), 3).await;
    rig.settings.upload = true;
    flag(&file_of(&rig, "INBOX", 0), "S");
    carry(&rig, &file_of(&rig, "INBOX", 1), "Archive");
    copy_linked(&rig, &file_of(&rig, "Work", 0), "Archive");
    write(&rig, "Work", "1.mine.host:2,S", &draft(1));
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(rig.maildir().join("Job").join(part)).unwrap();
    }
    let tree = || ["INBOX", "Work", "Archive"].map(|mailbox| held(&rig, mailbox));
    let before = tree();
    let expected = [
        "Archive: be copied here on the server, as a reader copied it",
        "Archive: be moved here from INBOX on the server, as a reader moved it",
        "INBOX: have \\Seen on the server, as a reader set it",
        "Job: make this mailbox on the server, for its directory",
        "Work: be uploaded: a reader put it here",
    ];
    for _ in 0..2 {
        assert_eq!(said(&rig).await, expected.map(str::to_owned).into());
    }
    for command in [
        "UID STORE",
        "UID MOVE",
        "UID COPY",
        "APPEND",
        "CREATE",
        "SELECT",
    ] {
        assert!(rig.commands(command).is_empty(), "{command}");
    }
    assert_eq!(tree(), before);
    assert_eq!(
        rig.count("SELECT count(*) FROM ledger WHERE action <> 'stored'"),
        0
    );
    rig.pass().await.unwrap();
    assert_eq!(at_server(&rig, "Archive").len(), 2);
    assert_eq!(at_server(&rig, "Work").len(), 4);
    assert!(rig.account.mailboxes().contains(&"Job".to_owned()));
    let left = said(&rig).await;
    let left: Vec<_> = left
        .iter()
        .filter(|line| !line.ends_with("make its directory"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
