//! Undo that was cut off, and undo into what is not there any more: each message is back once, and held.

use crate::simulation_ledger::{all, expired, undone};
use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_engine::{EngineError, Steps, UndoItem, UndoOptions, UndoOutcome};
use postrider_mailserver::{Action, Fault, Options};
use postrider_tests::rig::{Rig, message};
use std::time::Duration;

const WHEN: i64 = 1_700_000_000;
/// A message that nothing but its octets tells from others of its size and date.
const NAMELESS: &str = "From: ada@example.org\r\nSubject: no Message-ID\r\n\r\nline\r\n";

/// An INBOX of these messages, stored here and expired there by a policy that stays in force.
async fn expired_of(options: Options, messages: &[&str]) -> Rig {
    let mut rig = Rig::with(Protocol::Imap, options).await;
    for text in messages {
        rig.account.append("INBOX", (*text).to_owned(), &[], WHEN);
    }
    rig.settings.retention = Policy::DELETE;
    let report = rig.pass().await.unwrap();
    assert_eq!(report.expired, messages.len() as u64);
    rig
}

/// An undo that dies when the server has its first message and before it hears of it.
async fn lose_the_answer(rig: &Rig) {
    let cut = Action::PerformCut(0);
    rig.server.faults().plan(Fault::on("APPEND", cut));
    undone(rig, &all(rig)).await.unwrap_err();
    assert_eq!(rig.account.messages("INBOX").len(), 1);
}

fn outcomes(items: &[UndoItem]) -> Vec<&UndoOutcome> {
    items.iter().map(|item| &item.outcome).collect()
}

fn restored(rig: &Rig) -> i64 {
    rig.count("SELECT count(*) FROM ledger WHERE action = 'restored'")
}

/// Everything is on the server once, here once, told of once, and no pass lets it go again.
async fn assert_back(rig: &Rig, context: &str) {
    let stored = rig.stored();
    for _ in 0..2 {
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.expired), (0, 0), "{context}");
    }
    assert_eq!(rig.expected(&["INBOX"]), stored, "{context}: on the server");
    assert_eq!(rig.stored(), stored, "{context}: here");
    let messages: usize = stored.values().sum();
    assert_eq!(restored(rig), messages as i64, "{context}");
    let again = undone(rig, &all(rig)).await.unwrap();
    assert_eq!(again, Vec::new(), "{context}");
}

#[tokio::test]
async fn r3_what_arrived_without_an_answer_is_known_by_its_octets() {
    let other = NAMELESS.replace("line", "LINE");
    let named = message("INBOX", 0);
    // Alone, beside one of the same size and date, and twice.
    let cases: [&[&str]; 5] = [
        &[NAMELESS],
        &[NAMELESS, &other],
        &[NAMELESS, NAMELESS],
        &[&named],
        &[&named, &named],
    ];
    for options in [Options::default(), Options::old()] {
        for messages in cases {
            for pass_first in [false, true] {
                let rig = expired_of(options.clone(), messages).await;
                lose_the_answer(&rig).await;
                let context = format!("{} messages, pass first: {pass_first}", messages.len());
                if pass_first {
                    assert_eq!(rig.pass().await.unwrap().expired, 0, "{context}");
                }
                let items = undone(&rig, &all(&rig)).await.unwrap();
                let found = outcomes(&items).contains(&&UndoOutcome::Found);
                assert_eq!(found, !pass_first, "{context}: {items:?}");
                assert_back(&rig, &context).await;
                let flags: Vec<_> = rig.account.messages("INBOX");
                assert!(flags.iter().all(|m| m.flags.is_empty()), "nobody read it");
            }
        }
    }
}

/// Two undos were killed while the server was at work, or somebody else put the same message there.
#[tokio::test]
async fn r3_of_copies_that_are_alike_one_is_ours_and_none_is_added() {
    for text in [NAMELESS.to_owned(), message("INBOX", 0)] {
        let rig = expired_of(Options::default(), &[&text]).await;
        lose_the_answer(&rig).await;
        rig.account.append("INBOX", text.clone(), &[], WHEN);
        let items = undone(&rig, &all(&rig)).await.unwrap();
        assert_eq!(outcomes(&items), [&UndoOutcome::Found]);
        assert_eq!(rig.account.messages("INBOX").len(), 2);
        assert_eq!(restored(&rig), 1);
        // The other is somebody's new mail, and the policy's.
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.expired), (1, 1));
        assert_eq!(rig.account.messages("INBOX").len(), 1);
    }
}

#[tokio::test]
async fn r3_a_server_that_is_still_at_work_is_waited_for() {
    let rig = expired_of(Options::default(), &[NAMELESS]).await;
    let options = UndoOptions {
        steps: Steps::stop_after(1),
        ..all(&rig)
    };
    let stopped = undone(&rig, &options).await;
    assert!(matches!(stopped, Err(EngineError::Interrupted { .. })));
    let (again, ()) = tokio::join!(async { undone(&rig, &all(&rig)).await.unwrap() }, async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        rig.account.append("INBOX", NAMELESS, &[], WHEN);
    });
    assert_eq!(outcomes(&again), [&UndoOutcome::Found]);
    assert_back(&rig, "late").await;
}

#[tokio::test]
async fn r3_where_the_server_does_not_say_what_is_there_nothing_is_added() {
    for (command, answer) in [
        ("EXAMINE", "NO [SERVERBUG] not now"),
        ("UID SEARCH", "NO not now"),
        ("UID SEARCH", "OK done"),
        ("UID FETCH", "NO not now"),
    ] {
        let rig = expired_of(Options::default(), &[NAMELESS]).await;
        lose_the_answer(&rig).await;
        let answer = Action::Answer(answer.to_owned());
        let fault = Fault::on(command, answer).always();
        rig.server.faults().plan(fault);
        let items = undone(&rig, &all(&rig)).await.unwrap();
        assert!(
            matches!(items[0].outcome, UndoOutcome::Refused(_)),
            "{command}: {items:?}"
        );
        rig.server.faults().clear();
        let items = undone(&rig, &all(&rig)).await.unwrap();
        assert_eq!(outcomes(&items), [&UndoOutcome::Found], "{command}");
        assert_back(&rig, command).await;
    }
}

/// A mailbox of which everything was stored here and expired there, and that somebody then deleted there.
async fn deleted(pass: bool) -> Rig {
    let rig = expired(Options::default(), 1).await;
    rig.fill("Job/Proj", 2);
    assert_eq!(rig.pass().await.unwrap().expired, 2);
    assert!(rig.account.delete("Job/Proj"));
    if pass {
        rig.pass().await.unwrap();
    }
    rig
}

#[tokio::test]
async fn r1_what_lay_in_a_mailbox_that_was_deleted_comes_back_with_it() {
    for (pass, interrupted) in [(false, false), (true, false), (true, true)] {
        let rig = deleted(pass).await;
        let stored = rig.stored();
        let context = format!("after a pass: {pass}, interrupted: {interrupted}");
        if interrupted {
            let options = UndoOptions {
                steps: Steps::stop_after(3),
                ..all(&rig)
            };
            undone(&rig, &options).await.unwrap_err();
        }
        undone(&rig, &all(&rig)).await.unwrap();
        assert_eq!(
            rig.expected(&["INBOX", "Job/Proj"]),
            stored,
            "{context}: on the server"
        );
        for _ in 0..2 {
            let report = rig.pass().await.unwrap();
            assert_eq!((report.new, report.expired), (0, 0), "{context}");
        }
        assert_eq!(rig.stored(), stored, "{context}: here");
        assert_eq!(restored(&rig), 3, "{context}");
    }
}

/// In the mailbox that is made anew UIDs are lower than they were, and nothing but octets tells such messages apart.
#[tokio::test]
async fn r4_what_has_no_message_id_is_known_in_the_mailbox_that_was_made_for_it() {
    let mut rig = Rig::with(Protocol::Imap, Options::default()).await;
    rig.settings.retention = Policy::DELETE;
    rig.account.create("Job");
    for n in 0..6 {
        let text = format!("Subject: alarm\r\n\r\nvalue {n}\r\n");
        rig.account.append("Job", text, &[], 1_700_000_000);
    }
    rig.account.expunge_all("Job", &[1, 2, 3]);
    assert_eq!(rig.pass().await.unwrap().expired, 3);
    let stored = rig.stored();
    assert!(rig.account.delete("Job"));
    rig.pass().await.unwrap();
    assert_eq!(undone(&rig, &all(&rig)).await.unwrap().len(), 3);
    for _ in 0..2 {
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.expired), (0, 0));
    }
    assert_eq!(rig.stored(), stored);
    assert_eq!(rig.expected(&["Job"]), stored);
}

#[tokio::test]
async fn a_mailbox_that_the_server_will_not_make_is_told_of() {
    let rig = deleted(true).await;
    let refusal = Action::Answer("NO [NOPERM] not here".to_owned());
    rig.server
        .faults()
        .plan(Fault::on("CREATE", refusal).always());
    let options = UndoOptions {
        mailbox: Some("Job/Proj".to_owned()),
        ..all(&rig)
    };
    let items = undone(&rig, &options).await.unwrap();
    for item in &items {
        let UndoOutcome::NoMailbox(why) = &item.outcome else {
            panic!("{item:?}");
        };
        assert!(why.contains("not here"), "{why}");
        assert!(item.expired_at.is_some());
    }
    assert_eq!(rig.commands("CREATE").len(), 2);
    rig.server.faults().clear();
    assert_eq!(undone(&rig, &options).await.unwrap().len(), 2);
    assert_eq!(rig.account.messages("Job/Proj").len(), 2);
}
