//! Flights, and how they end.

use crate::error::ImapError;
use crate::limits::Limits;
use crate::select::SelectMode;
use crate::session::Session;
use crate::step::FlightEvent;
use crate::step::Step;
use crate::testing::{bodies, flags, flown, logged_in, login, mark, open, play, selected, set};
use crate::wire_name::WireName;
use postrider_core::settings::AuthChoice;
use postrider_core::settings::TlsMode;

#[tokio::test]
async fn everything_leaves_before_anything_is_answered() {
    let script = "C: p1 LIST \"\" \"*\"\nC: p2 STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY)\n\
        C: p3 SELECT \"INBOX\"\nC: p4 UID FETCH 1:4294967295 (UID FLAGS)\n\
        S: * LIST () \".\" INBOX\nS: p1 OK\nS: * STATUS INBOX (MESSAGES 2 UIDVALIDITY 7)\nS: p2 OK\n\
        S: * 2 EXISTS\nS: * OK [UIDVALIDITY 7]\nS: * OK [UIDNEXT 9]\nS: * OK [PERMANENTFLAGS (\\Seen \\*)]\n\
        S: p3 OK [READ-WRITE]\nS: * 1 FETCH (UID 3 FLAGS (\\Seen))\nS: * 2 FETCH (FLAGS () UID 8)\nS: p4 OK";
    let (mut session, server) = logged_in("", script).await;
    let steps = [
        Step::List,
        Step::Status(WireName::encode("INBOX")),
        open("INBOX"),
        flags("1:4294967295"),
    ];
    assert_eq!(
        flown(&mut session, steps).await.unwrap(),
        [
            "0 listed INBOX selectable None",
            "0 done",
            "1 status Some(2) Some(7)",
            "1 done",
            "2 selected Some(2) Some(7) Some(9) rw new keywords",
            "2 done",
            "3 flags 3 \\Seen",
            "3 flags 8 ",
            "3 done",
        ]
    );
    assert_eq!(session.round_trips(), 1);
    server.await.unwrap();
}

#[tokio::test]
async fn a_fetch_that_is_cut_is_never_complete() {
    let start = "C: p1 UID FETCH 1:2 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\n\
        S= * 1 FETCH (UID 1 BODY[] {5}\\r\\nhello)\\r\\n\n";
    let fetched = ["0 body 5", "hello", "0 fetched 1 None None None 5"];
    let (mut session, _server) = selected("", &format!("{start}S: p1 NO [SERVERBUG] disk")).await;
    let events = flown(&mut session, [bodies("1:2")]).await.unwrap();
    assert_eq!(events, [&fetched[..], &["0 refused disk"]].concat());
    for end in [
        "S: * BYE shutting down",
        "S!",
        "S= * 2 FETCH (UID 2 BODY[] {9}\\r\\nhal\nS!",
        "S= * 2 FETCH (UID 2 BODY[] {3}\\r\\nhal\nS!",
        "S= p1 OK\nS!",
        "S: p2 OK",
        "S: p0 OK",
        "S: x OK",
        "S: p01 OK",
        "S: gibberish",
        "S: * 2 FETCH (BODY[] {99999999999999999999}",
    ] {
        let (mut session, _server) = selected("", &format!("{start}{end}")).await;
        let (mut flight, mut done) = (session.flight([bodies("1:2")]).unwrap(), false);
        let error = loop {
            match flight.next().await {
                Ok(Some(event)) => done |= matches!(event, FlightEvent::Done { .. }),
                Ok(None) => panic!("{end} ended well"),
                Err(error) => break error,
            }
        };
        assert!(!done, "{end}: {error}");
        drop(flight);
        assert!(
            matches!(session.flight([Step::Noop]), Err(ImapError::Abandoned)),
            "{end}"
        );
    }
}

#[tokio::test]
async fn after_a_refused_select_nothing_of_that_mailbox_counts() {
    // The server stays in the old mailbox and answers from there.
    let script = "C: p1 SELECT \"gone\"\nC: p2 UID FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\n\
        C: p3 UID SEARCH UID 1\nC: p4 SELECT \"here\"\nC: p5 UID FETCH 5 (UID FLAGS)\n\
        S: p1 NO [NONEXISTENT] no such mailbox\n\
        S= * 1 FETCH (UID 1 BODY[] {3}\\r\\nold)\\r\\n\nS: p2 OK\nS: * SEARCH 1\nS: p3 OK\n\
        S: * 7 EXISTS\nS: p4 OK\nS: * 1 FETCH (UID 5 FLAGS ())\nS: p5 OK";
    let (mut session, server) = selected("", script).await;
    let steps = [
        open("gone"),
        bodies("1"),
        Step::Search { uids: set("1") },
        open("here"),
        flags("5"),
    ];
    let not_opened = "not done: the mailbox could not be opened";
    assert_eq!(
        flown(&mut session, steps).await.unwrap(),
        [
            "0 refused no such mailbox".to_owned(),
            format!("1 refused {not_opened}"),
            format!("2 refused {not_opened}"),
            "3 selected Some(7) None None rw".to_owned(),
            "3 done".to_owned(),
            "4 flags 5 ".to_owned(),
            "4 done".to_owned(),
        ]
    );
    server.await.unwrap();
}

#[tokio::test]
async fn nothing_is_changed_on_the_hope_that_a_select_succeeds() {
    let change = [open("a"), mark("1"), Step::Expunge { uids: set("1") }];
    let good = "C: p1 SELECT \"a\"\nS?\nS: * 1 EXISTS\nS: p1 OK\nC: p2 UID STORE 1 +FLAGS.SILENT (\\Deleted)\nC: p3 UID EXPUNGE 1\nS: p2 OK\nS: p3 OK";
    let (mut session, server) = selected("UIDPLUS", good).await;
    let events = flown(&mut session, change.clone()).await.unwrap();
    assert_eq!(
        events,
        [
            "0 selected Some(1) None None rw",
            "0 done",
            "1 stored 1",
            "1 done",
            "2 done"
        ]
    );
    server.await.unwrap();
    let bad = "C: p1 SELECT \"a\"\nS: p1 NO\nS?";
    let (mut session, server) = selected("UIDPLUS", bad).await;
    let events = flown(&mut session, change).await.unwrap();
    let not_open = "refused not sent: no mailbox is open";
    assert_eq!(
        events,
        [
            "0 refused NO".to_owned(),
            format!("1 {not_open}"),
            format!("2 {not_open}")
        ]
    );
    server.await.unwrap();
}

#[tokio::test]
async fn without_uidplus_nothing_is_expunged_by_uid() {
    let (mut session, server) = selected("", "S?").await;
    let events = flown(&mut session, [Step::Expunge { uids: set("1") }])
        .await
        .unwrap();
    assert_eq!(events, ["0 refused not sent: the server lacks UIDPLUS"]);
    server.await.unwrap();
    let script = "C: p1 UID SEARCH DELETED\nS: * SEARCH 4 2\nS: p1 OK\nC: p2 EXPUNGE\nS: * 2 EXPUNGE\nS: p2 OK";
    let (mut session, _server) = selected("", script).await;
    let events = flown(&mut session, [Step::SearchDeleted]).await.unwrap();
    assert_eq!(events, ["0 found 2,4", "0 done"]);
    assert_eq!(
        flown(&mut session, [Step::ExpungeDeleted]).await.unwrap(),
        ["0 done"]
    );
    assert_eq!(session.unsolicited().vanished, 1);
}

#[tokio::test]
async fn long_sets_are_one_step_in_several_commands() {
    let limits = Limits {
        set_octets: 6,
        ..Limits::default()
    };
    let script = "S: * OK [CAPABILITY IMAP4rev1] hi\nC: p1 LOGIN \"ada\" \"pass word\"\nS: p1 OK [CAPABILITY IMAP4rev1]\n\
        C: p2 SELECT \"a\"\nS: * 9 EXISTS\nS: p2 OK\n\
        C: p3 UID SEARCH UID 1,3,5\nC: p4 UID SEARCH UID 7,9\nS: * SEARCH 1\nS: p3 OK\nS: * SEARCH 9\nS: p4 OK\n\
        C: p5 UID SEARCH UID 1,3,5\nC: p6 UID SEARCH UID 7,9\nS: * SEARCH 1\nS: p5 NO\nS: * SEARCH 9\nS: p6 OK";
    let (stream, _server) = play(script);
    let mut session = Session::greet_within(stream, TlsMode::Implicit, limits)
        .await
        .unwrap();
    session.log_in(&login(AuthChoice::Auto)).await.unwrap();
    session
        .select(WireName::encode("a"), SelectMode::ReadWrite)
        .await
        .unwrap();
    let search = || Step::Search {
        uids: set("1,3,5,7,9"),
    };
    assert_eq!(
        flown(&mut session, [search()]).await.unwrap(),
        ["0 found 1,9", "0 done"]
    );
    assert_eq!(
        flown(&mut session, [search()]).await.unwrap(),
        ["0 refused NO"]
    );
}
