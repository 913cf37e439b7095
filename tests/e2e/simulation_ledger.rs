//! Undo and verify against a server in memory that fails on demand.

use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_core::settings::FlagSync;
use postrider_engine::{
    EngineError, EngineSettings, FindingKind, HistoryFilter, Shutdown, Steps, UndoItem,
    UndoOptions, UndoOutcome, VerifyOptions, VerifyReport, Whereabouts, history, plan_undo,
    release, undo, verify,
};
use postrider_mailserver::{Action, Fault, Options};
use postrider_tests::rig::{Rig, files};
use std::fs;
use std::path::PathBuf;

pub(crate) fn engine(rig: &Rig) -> EngineSettings {
    EngineSettings {
        state_dir: rig.state_dir(),
        accounts: vec![rig.settings.clone()],
        limits: rig.limits,
    }
}

pub(super) fn all(rig: &Rig) -> UndoOptions {
    UndoOptions {
        account: rig.settings.name.clone(),
        mailbox: None,
        message_id: None,
        since: None,
        until: None,
        steps: Steps::default(),
    }
}

pub(super) async fn undone(rig: &Rig, options: &UndoOptions) -> Result<Vec<UndoItem>, EngineError> {
    let (_trigger, shutdown) = Shutdown::new();
    let mut items = Vec::new();
    undo(engine(rig), options, shutdown, |item| items.push(item)).await?;
    Ok(items)
}

/// A mailbox of which everything was stored here and expired there, by a policy that stays in force.
pub(super) async fn expired(options: Options, count: usize) -> Rig {
    let mut rig = Rig::with(Protocol::Imap, options).await;
    rig.fill("INBOX", count);
    let uid = rig.account.messages("INBOX")[0].uid;
    rig.account.set_flags("INBOX", uid, &["\\Seen", "work"]);
    rig.settings.retention = Policy::DELETE;
    let report = rig.pass().await.unwrap();
    assert_eq!(report.expired, count as u64);
    assert!(rig.account.messages("INBOX").is_empty());
    rig
}

pub(crate) fn bodies(rig: &Rig) -> usize {
    let mut asked = rig.commands("UID FETCH");
    asked.retain(|line| line.contains("BODY.PEEK[]"));
    asked.len()
}

#[tokio::test]
async fn undo_puts_back_octets_flags_and_dates_and_the_next_pass_leaves_them() {
    for options in [Options::default(), Options::old()] {
        let rig = expired(options, 5).await;
        let stored = rig.stored();
        let planned = plan_undo(&engine(&rig), &all(&rig)).unwrap();
        assert_eq!(planned.len(), 5);
        assert!(
            rig.account.messages("INBOX").is_empty(),
            "a plan changes nothing"
        );
        let items = undone(&rig, &all(&rig)).await.unwrap();
        assert!(
            items.iter().all(|i| i.outcome == UndoOutcome::Restored),
            "{items:?}"
        );
        let back = rig.account.messages("INBOX");
        assert_eq!(rig.expected(&["INBOX"]), stored);
        assert_eq!(back[0].internal_date, 1_700_000_000);
        assert_eq!(
            back[0].flags,
            ["\\Seen".to_owned(), "work".to_owned()].into()
        );
        rig.server.store().forget_commands();
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.expired, bodies(&rig)), (0, 0, 0));
        assert_eq!(
            (rig.stored(), rig.account.messages("INBOX").len()),
            (stored.clone(), 5)
        );
        assert_eq!(
            rig.count("SELECT count(*) FROM ledger WHERE action = 'restored'"),
            5
        );
        assert_eq!(undone(&rig, &all(&rig)).await.unwrap(), Vec::new());
        // Until the user says otherwise.
        let (_trigger, shutdown) = Shutdown::new();
        assert_eq!(
            release(engine(&rig), &all(&rig), shutdown).await.unwrap(),
            5
        );
        assert_eq!(rig.pass().await.unwrap().expired, 5);
        assert_eq!(rig.stored(), stored);
    }
}

#[tokio::test]
async fn undo_puts_back_what_was_asked_for_alone() {
    let rig = expired(Options::default(), 3).await;
    let one = UndoOptions {
        message_id: Some("<1.INBOX@example.org>".to_owned()),
        ..all(&rig)
    };
    assert_eq!(undone(&rig, &one).await.unwrap().len(), 1);
    let back = rig.account.messages("INBOX");
    assert_eq!(back.len(), 1);
    assert!(String::from_utf8_lossy(&back[0].bytes).contains("Subject: INBOX 1\r\n"));
}

/// Dead after the intention or after the server's answer: the message is there once, here and there,
/// whether the next thing is another undo or a pass.
#[tokio::test]
async fn r3_an_undo_stopped_after_any_step_is_finished_once() {
    for step in 1..=6 {
        for pass_first in [false, true] {
            let rig = expired(Options::default(), 3).await;
            let stored = rig.stored();
            let options = UndoOptions {
                steps: Steps::stop_after(step),
                ..all(&rig)
            };
            let context = format!("step {step}, pass first: {pass_first}");
            let stopped = undone(&rig, &options).await;
            assert!(stopped.is_err(), "{context}");
            if pass_first {
                rig.pass().await.unwrap();
            }
            undone(&rig, &all(&rig)).await.unwrap();
            rig.pass().await.unwrap();
            assert_eq!(rig.expected(&["INBOX"]), stored, "{context}: on the server");
            assert_eq!(rig.stored(), stored, "{context}: here");
            let known =
                "SELECT count(*) FROM messages WHERE uid IS NOT NULL AND vanished_at IS NULL";
            assert_eq!(rig.count(known), 3, "{context}");
        }
    }
}

#[tokio::test]
async fn r1_a_copy_that_is_not_what_was_stored_is_not_put_back() {
    let rig = expired(Options::default(), 2).await;
    let mut paths = files(&rig.maildir().join("INBOX"));
    paths.sort();
    let octets = fs::read(&paths[0]).unwrap();
    fs::write(&paths[0], octets.to_ascii_uppercase()).unwrap();
    fs::remove_file(&paths[1]).unwrap();
    let items = undone(&rig, &all(&rig)).await.unwrap();
    let no_copy = |item: &UndoItem| matches!(item.outcome, UndoOutcome::NoCopy(_));
    assert!(items.len() == 2 && items.iter().all(no_copy), "{items:?}");
    assert!(rig.account.messages("INBOX").is_empty());
}

#[tokio::test]
async fn a_refused_message_stays_expired_and_does_not_cost_the_others() {
    let rig = expired(Options::default(), 3).await;
    let refusal = Action::Answer("NO [OVERQUOTA] full".to_owned());
    rig.server
        .faults()
        .plan(Fault::on("APPEND", refusal).nth(1));
    let items = undone(&rig, &all(&rig)).await.unwrap();
    let refused = items
        .iter()
        .filter(|i| matches!(i.outcome, UndoOutcome::Refused(_)));
    assert_eq!((items.len(), refused.count()), (3, 1));
    assert_eq!(undone(&rig, &all(&rig)).await.unwrap().len(), 1);
    assert_eq!(rig.account.messages("INBOX").len(), 3);
}

#[tokio::test]
async fn pop3_has_no_way_back_and_says_so() {
    let rig = Rig::new(Protocol::Pop3).await;
    rig.fill("INBOX", 1);
    rig.pass().await.unwrap();
    let error = undone(&rig, &all(&rig)).await.unwrap_err();
    assert!(matches!(error, EngineError::NoWayBack { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("postrider history"));
}

pub(crate) async fn verified(rig: &Rig, repair: bool) -> VerifyReport {
    let options = VerifyOptions {
        server: true,
        repair,
        ..VerifyOptions::default()
    };
    let mut outcomes = verify(engine(rig), options, |_| ()).await.unwrap();
    outcomes.pop().unwrap().result.unwrap()
}

pub(crate) fn kinds(report: &VerifyReport) -> Vec<FindingKind> {
    let mut kinds: Vec<_> = report.findings.iter().map(|f| f.kind).collect();
    kinds.sort_by_key(|kind| kind.as_str());
    kinds
}

/// The files of a mailbox, in the order of their messages.
pub(crate) fn sorted(rig: &Rig, mailbox: &str) -> Vec<PathBuf> {
    let mut paths = files(&rig.maildir().join(mailbox));
    paths.sort();
    paths
}

#[tokio::test]
async fn verify_finds_what_is_wrong_and_repair_has_it_healed_by_the_next_pass() {
    let rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 6);
    rig.fill("Sent", 1);
    rig.pass().await.unwrap();
    let whole = rig.stored();
    let report = verified(&rig, false).await;
    assert_eq!((report.good, report.faults, kinds(&report)), (7, 0, vec![]));
    let paths = sorted(&rig, "INBOX");
    let changed = fs::read(&paths[0]).unwrap().to_ascii_uppercase();
    fs::write(&paths[0], &changed).unwrap();
    fs::remove_file(&paths[1]).unwrap();
    let name = paths[2].file_name().unwrap();
    fs::rename(&paths[2], rig.maildir().join("Sent/cur").join(name)).unwrap();
    let name = format!("{}:2,FS", paths[3].file_name().unwrap().to_string_lossy());
    fs::rename(&paths[3], rig.maildir().join("INBOX/cur").join(name)).unwrap();
    fs::write(
        rig.maildir().join("INBOX/cur/1.2.draft:2,D"),
        "Subject: x\n\n",
    )
    .unwrap();

    let expected = [FindingKind::Changed, FindingKind::Missing];
    let report = verified(&rig, false).await;
    assert_eq!(kinds(&report), expected);
    assert_eq!(
        (report.good, report.faults, report.moved, report.strangers),
        (5, 2, 1, 1)
    );
    let server = report.server.unwrap();
    assert_eq!((server.same, server.unknown, server.gone), (7, 0, 0));

    let report = verified(&rig, true).await;
    assert_eq!((kinds(&report), report.faults), (expected.to_vec(), 0));
    assert_eq!(
        fs::read(&paths[0]).unwrap(),
        changed,
        "a repair deletes nothing"
    );
    let pass = rig.pass().await.unwrap();
    assert_eq!(pass.new, 2);
    let mut healed = whole;
    healed.insert(String::from_utf8(changed).unwrap(), 1);
    healed.insert("Subject: x\n\n".to_owned(), 1);
    assert_eq!(rig.stored(), healed);
    let report = verified(&rig, false).await;
    assert_eq!((kinds(&report), report.good), (vec![], 8));
}

#[tokio::test]
async fn verify_counts_the_flags_that_the_server_has_not_been_told_of() {
    let mut rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 3);
    rig.pass().await.unwrap();
    let (first, second) = (&sorted(&rig, "INBOX")[0], &sorted(&rig, "INBOX")[1]);
    for (file, letters) in [(first, "FS"), (second, "T")] {
        let name = file.file_name().unwrap().to_str().unwrap();
        let base = name.split(":2,").next().unwrap();
        let to = rig.maildir().join(format!("INBOX/cur/{base}:2,{letters}"));
        fs::rename(file, to).unwrap();
    }
    let counted = async |rig: &Rig| {
        let report = verified(rig, false).await;
        assert_eq!((report.good, report.faults), (3, 0));
        report.reflagged
    };
    assert_eq!(counted(&rig).await, 1, "`T` is not pushed");
    rig.settings.deleted_flag = true;
    assert_eq!(counted(&rig).await, 2);
    rig.settings.flags = FlagSync::Pull;
    assert_eq!(counted(&rig).await, 0, "nor is anything");
    rig.settings.flags = FlagSync::Both;
    rig.pass().await.unwrap();
    assert_eq!(counted(&rig).await, 0);
}

#[tokio::test]
async fn a_repair_leaves_it_to_the_pass_to_tell_the_server_of_flags() {
    let rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 2);
    rig.pass().await.unwrap();
    let file = sorted(&rig, "INBOX").remove(0);
    let name = file.file_name().unwrap().to_str().unwrap();
    let base = name.split(":2,").next().unwrap();
    fs::rename(&file, rig.maildir().join(format!("INBOX/cur/{base}:2,F"))).unwrap();
    let report = verified(&rig, true).await;
    assert_eq!((report.good, report.faults), (2, 0));
    rig.pass().await.unwrap();
    let flagged = |message: &postrider_mailserver::Message| message.flags.contains("\\Flagged");
    let messages = rig.account.messages("INBOX");
    assert_eq!(messages.iter().filter(|m| flagged(m)).count(), 1);
    assert_eq!(verified(&rig, false).await.reflagged, 0);
}

#[tokio::test]
async fn a_repair_leaves_what_is_in_tmp() {
    let rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 1);
    rig.pass().await.unwrap();
    // Another program may be writing at this moment; ours may be among those that a pass still needs.
    let theirs = rig.maildir().join("INBOX/tmp/1700000000.M1P2.vm");
    fs::write(&theirs, "half a mess").unwrap();
    let before = files(rig.maildir());
    let report = verified(&rig, true).await;
    assert_eq!((report.unfinished, report.faults), (1, 0));
    assert_eq!(files(rig.maildir()), before);
}

#[tokio::test]
async fn verify_tells_once_of_a_message_that_is_gone_on_both_sides() {
    let rig = expired(Options::default(), 2).await;
    fs::remove_file(&sorted(&rig, "INBOX")[0]).unwrap();
    assert_eq!(verified(&rig, false).await.faults, 1);
    let report = verified(&rig, true).await;
    assert_eq!((report.faults, report.findings[0].healed), (1, false));
    assert_eq!(verified(&rig, false).await.faults, 0);
    assert_eq!(
        rig.count("SELECT count(*) FROM ledger WHERE action = 'removed'"),
        1
    );
}

#[tokio::test]
async fn verify_repairs_an_index_that_lacks_messages_of_ours() {
    let rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 3);
    rig.pass().await.unwrap();
    let path = rig.state_dir().join("index.db");
    let index = rusqlite::Connection::open(&path).unwrap();
    index
        .execute("DELETE FROM message WHERE id = 2", [])
        .unwrap();
    drop(index);
    let report = verified(&rig, false).await;
    assert_eq!(kinds(&report), [FindingKind::Unknown]);
    assert_eq!(report.server.unwrap().unknown, 1);
    assert_eq!(verified(&rig, true).await.faults, 0);
    rig.server.store().forget_commands();
    assert_eq!(rig.pass().await.unwrap().new, 0);
    assert_eq!(bodies(&rig), 0);
    let report = verified(&rig, false).await;
    assert_eq!((report.good, report.server.unwrap().unknown), (3, 0));
}

#[tokio::test]
async fn r10_a_repair_waits_for_nobody_and_names_the_holder() {
    let rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 1);
    rig.pass().await.unwrap();
    rig.server.faults().plan(Fault::on("LIST", Action::Stall));
    let (_, refused) = tokio::join!(rig.pass(), async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let repair = VerifyOptions {
            repair: true,
            ..VerifyOptions::default()
        };
        let looked = verify(engine(&rig), VerifyOptions::default(), |_| ()).await;
        assert!(looked.is_ok(), "looking needs nobody's leave: {looked:?}");
        verify(engine(&rig), repair, |_| ()).await
    });
    let error = refused.unwrap_err();
    assert_eq!(error.fault().exit_status(), 75);
    assert!(error.story().contains(&std::process::id().to_string()));
}

#[tokio::test]
async fn r5_no_reader_deleted_what_is_not_mounted() {
    let rig = Rig::new(Protocol::Imap).await;
    rig.fill("INBOX", 2);
    rig.pass().await.unwrap();
    let told = |rig: &Rig| {
        let mut places = Vec::new();
        let each = |entry: postrider_engine::HistoryEntry| {
            places.push(entry.copy);
            Ok::<_, EngineError>(())
        };
        history(&rig.state_dir(), &HistoryFilter::default(), each).unwrap();
        places
    };
    let (inbox, away) = (rig.maildir().join("INBOX"), rig.root().join("away"));
    for place in [rig.maildir().to_owned(), inbox] {
        fs::rename(&place, &away).unwrap();
        assert_eq!(
            told(&rig),
            [Whereabouts::Unreachable, Whereabouts::Unreachable]
        );
        fs::rename(&away, &place).unwrap();
    }
    fs::remove_file(&sorted(&rig, "INBOX")[0]).unwrap();
    let told = told(&rig);
    assert!(told.contains(&Whereabouts::Gone), "{told:?}");
    assert!(matches!(told[1], Whereabouts::At(_)), "{told:?}");
}
