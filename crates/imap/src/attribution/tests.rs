//! Answers in every order and shape.

use crate::ext::qresync::Resync;
use crate::fetch::RowItems;
use crate::select::SelectMode;
use crate::session::Session;
use crate::step::FlightEvent;
use crate::step::Step;
use crate::testing::{bodies, flags, flown, logged_in, open, selected, set};
use crate::wire_name::WireName;
use postrider_core::mod_seq::ModSeq;
use postrider_core::uid::{Uid, UidValidity};
use tokio::task::JoinHandle;

#[tokio::test]
async fn list_status_joins_names_and_states_and_half_a_listing_is_none() {
    let able = "SPECIAL-USE LIST-EXTENDED LIST-STATUS CONDSTORE";
    let command = "C: p1 LIST \"\" \"*\" RETURN (SPECIAL-USE SUBSCRIBED STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))\n";
    let rows = "S: * LIST (\\Subscribed \\Sent) \"/\" Sent\nS: * STATUS Sent (MESSAGES 4 UIDVALIDITY 2)\n\
        S: * LIST (\\NonExistent) \"/\" a\nS: * STATUS other (MESSAGES 1)\n\
        S: * LIST () \"/\" {3}\nS: x/y\nS: * LIST broken\n";
    let (mut session, _server) = logged_in(able, &format!("{command}{rows}S: p1 OK")).await;
    assert_eq!(
        flown(&mut session, [Step::List]).await.unwrap(),
        [
            "0 unreadable List",
            "0 listed Sent Sent selectable Some(true) Some(4)",
            "0 listed a Some(false)",
            "0 listed x/y selectable Some(false)",
            "0 done",
        ]
    );
    let (mut session, _server) =
        logged_in(able, &format!("{command}{rows}S: p1 NO [LIMIT] later")).await;
    let events = flown(&mut session, [Step::List]).await.unwrap();
    assert_eq!(events, ["0 unreadable List", "0 refused later"]);
}

#[tokio::test]
async fn bodies_in_every_order_and_shape() {
    let script = "C: p1 UID FETCH 1:9 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\n\
        S= * 1 FETCH (BODY[] {5}\\r\\nhello UID 1 FLAGS (\\Seen) RFC822.SIZE 99)\\r\\n\n\
        S= * 2 FETCH (UID 2 INTERNALDATE \"01-Jan-1970 00:00:07 +0000\" BODY[] {0}\\r\\n)\\r\\n\n\
        S: * 3 FETCH (UID 3 BODY[] NIL)\n\
        S: * 4 FETCH (UID 4 BODY[] \"quoted\")\n\
        S= * 5 FETCH (BODY[] {2}\\r\\nxx FLAGS ())\\r\\n\n\
        S= * 6 FETCH (BODY[] {2}\\r\\nxx UID 6 UID 7)\\r\\n\n\
        S= * 6 FETCH (BODY[] {2}\\r\\nxx UID 6 (\\r\\n\n\
        S= * 6 FETCH (X (BODY[] {2}\\r\\nxx) UID 6)\\r\\n\n\
        S: * 7 FETCH (UID 7 FLAGS (\\Flagged))\n\
        S= * 8 FETCH (UID 1 BODY[] {5}\\r\\nagain)\\r\\n\n\
        S: p1 OK";
    let (mut session, server) = selected("", script).await;
    assert_eq!(
        flown(&mut session, [bodies("1:9")]).await.unwrap(),
        [
            "0 body 5",
            "hello",
            "0 fetched 1 Some(\\Seen) None Some(99) 5",
            "0 body 0",
            "0 fetched 2 None Some(7) None 0",
            "0 missing Some(3)",
            "0 body 6",
            "quoted",
            "0 fetched 4 None None None 6",
            "0 body 2",
            "xx",
            "0 missing None",
            "0 body 2",
            "xx",
            "0 missing None",
            "0 body 2",
            "xx",
            "0 missing None",
            "0 body 2",
            "xx",
            "0 missing Some(6)",
            "0 body 5",
            "again",
            "0 fetched 1 None None None 5",
            "0 done",
        ]
    );
    assert_eq!(session.unsolicited().flag_changes, 1);
    server.await.unwrap();
}

#[tokio::test]
async fn answers_do_not_cross_a_select_that_is_under_way() {
    let script = "C: p1 SELECT \"new\"\nC: p2 UID FETCH 1:9 (UID FLAGS)\n\
        S: * 3 FETCH (UID 3 FLAGS (\\Seen))\nS: * 4 EXISTS\nS: p1 OK\n\
        S: * 4 FETCH (UID 4 FLAGS ())\nS: p2 OK";
    let (mut session, _server) = selected("", script).await;
    assert_eq!(
        flown(&mut session, [open("new"), flags("1:9")])
            .await
            .unwrap(),
        [
            "0 selected Some(4) None None rw",
            "0 done",
            "1 flags 4 ",
            "1 done"
        ]
    );
}

#[tokio::test]
async fn a_search_without_an_answer_found_nothing_out() {
    let (mut session, _server) = selected("", "C: p1 UID SEARCH UID 1:3\nS: p1 OK").await;
    let search = || Step::Search { uids: set("1:3") };
    assert_eq!(flown(&mut session, [search()]).await.unwrap(), ["0 done"]);
    let empty = "C: p1 UID SEARCH UID 1:3\nS: * SEARCH\nS: p1 OK";
    let (mut session, _server) = selected("", empty).await;
    assert_eq!(
        flown(&mut session, [search()]).await.unwrap(),
        ["0 found ", "0 done"]
    );
    let esearch = "C: p1 UID SEARCH RETURN (ALL) UID 1:3\nC: p2 UID SEARCH RETURN (ALL) UID 7\n\
        S: * ESEARCH (TAG \"p2\") UID ALL 7\nS: * ESEARCH (TAG \"p1\") UID\nS: p1 OK\nS: p2 OK";
    let (mut session, _server) = selected("ESEARCH", esearch).await;
    let steps = [search(), Step::Search { uids: set("7") }];
    assert_eq!(
        flown(&mut session, steps).await.unwrap(),
        ["0 found ", "0 done", "1 found 7", "1 done"]
    );
}

#[tokio::test]
async fn condstore_is_used_where_it_is() {
    let step = || Step::Flags {
        uids: set("1:9"),
        changed_since: ModSeq::new(12),
        items: RowItems::default(),
    };
    let (mut session, _server) = selected("", "C: p1 UID FETCH 1:9 (UID FLAGS)\nS: p1 OK").await;
    assert_eq!(flown(&mut session, [step()]).await.unwrap(), ["0 done"]);
    let script = "C: p1 SELECT \"a\" (CONDSTORE)\nC: p2 UID FETCH 1:9 (UID FLAGS) (CHANGEDSINCE 12)\n\
        S: * 1 EXISTS\nS: * OK [HIGHESTMODSEQ 40]\nS: p1 OK\nS: * 1 FETCH (UID 3 MODSEQ (33) FLAGS ())\nS: p2 OK";
    let (mut session, _server) = logged_in("QRESYNC", script).await;
    let mut flight = session.flight([open("a"), step()]).unwrap();
    let mut seen = Vec::new();
    while let Some(event) = flight.next().await.unwrap() {
        match event {
            FlightEvent::Selected { selected, .. } => seen.extend(selected.highest_mod_seq),
            FlightEvent::Flags { row, .. } => seen.extend(row.mod_seq),
            _ => {}
        }
    }
    assert_eq!(
        seen.iter().map(|seen| seen.as_i64()).collect::<Vec<_>>(),
        [40, 33]
    );
}

#[tokio::test]
async fn facts_tell_messages_apart() {
    let script = "C: p1 UID FETCH 1:2 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])\n\
        S= * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 5 BODY[HEADER.FIELDS (MESSAGE-ID)] {21}\\r\\nMessage-ID: <a@b>\\r\\n\\r\\n)\\r\\n\n\
        S: * 2 FETCH (UID 2 INTERNALDATE \"01-Jan-1970 00:00:07 +0000\" BODY[HEADER.FIELDS (MESSAGE-ID)] \"\")\nS: p1 OK";
    let (mut session, _server) = selected("", script).await;
    let mut flight = session.flight([Step::Facts { uids: set("1:2") }]).unwrap();
    let mut rows = Vec::new();
    while let Some(event) = flight.next().await.unwrap() {
        if let FlightEvent::Facts { row, .. } = event {
            rows.push((
                row.uid.as_u32(),
                row.likeness.message_id,
                row.likeness.size_octets,
            ));
        }
    }
    assert_eq!(
        rows,
        [(1, Some("a@b".to_owned()), Some(5)), (2, None, None)]
    );
    assert_eq!(Uid::MIN.as_u32(), 1);
}

#[tokio::test]
async fn rows_bear_what_was_asked_for_and_the_server_can_tell() {
    let all = RowItems {
        size: true,
        internal_date: true,
        gmail: true,
        email_id: true,
    };
    let step = |items| Step::Flags {
        uids: set("1:9"),
        changed_since: None,
        items,
    };
    let script = "C: p1 UID FETCH 1:9 (UID FLAGS RFC822.SIZE INTERNALDATE X-GM-MSGID X-GM-LABELS EMAILID)\n\
        S: * 1 FETCH (X-GM-LABELS (\"\\\\Inbox\" Entw&APw-rfe (x)) X-GM-MSGID 1278455344230334865 EMAILID (M1) UID 3 RFC822.SIZE 44 INTERNALDATE \"01-Jan-1970 00:00:07 +0000\" FLAGS () MODSEQ (5))\n\
        S: * 2 FETCH (UID 4 FLAGS () X-GM-LABELS () RFC822.SIZE -1 EMAILID (a.b))\nS: p1 OK";
    let (mut session, server) = selected("X-GM-EXT-1 OBJECTID", script).await;
    let mut flight = session.flight([step(all)]).unwrap();
    let mut rows = Vec::new();
    while let Some(event) = flight.next().await.unwrap() {
        if let FlightEvent::Flags { row, .. } = event {
            rows.push(row);
        }
    }
    server.await.unwrap();
    let [told, untold] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    let gmail = told.gmail.as_ref().unwrap();
    assert_eq!(gmail.msg_id, 1_278_455_344_230_334_865);
    assert_eq!(gmail.labels, ["\\Inbox", "Entwürfe"]);
    assert_eq!(told.email_id.as_deref(), Some("M1"));
    assert_eq!(told.size_octets, Some(44));
    assert_eq!(told.internal_date.map(|date| date.as_seconds()), Some(7));
    assert_eq!(told.mod_seq.map(|mod_seq| mod_seq.as_i64()), Some(5));
    assert_eq!((&untold.gmail, &untold.email_id), (&None, &None));
    assert_eq!(untold.size_octets, None);

    let script = "C: p1 UID FETCH 1:9 (UID FLAGS RFC822.SIZE INTERNALDATE)\nS: p1 OK";
    let (mut session, server) = selected("", script).await;
    assert_eq!(flown(&mut session, [step(all)]).await.unwrap(), ["0 done"]);
    server.await.unwrap();
}

#[tokio::test]
async fn rows_with_sizes_go_to_whoever_asked_first() {
    let items = RowItems {
        size: true,
        ..RowItems::default()
    };
    let flags = || Step::Flags {
        uids: set("1"),
        changed_since: None,
        items,
    };
    let facts = || Step::Facts { uids: set("1") };
    let row = "S: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE 4)\n";
    let head = "S: * 1 FETCH (UID 1 RFC822.SIZE 4 BODY[HEADER.FIELDS (MESSAGE-ID)] \"\")\n";
    let sizes = "UID FETCH 1 (UID FLAGS RFC822.SIZE)";
    let whole =
        "UID FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])";
    let script = format!("C: p1 {sizes}\nC: p2 {whole}\n{row}S: p1 OK\n{row}{head}S: p2 OK");
    let (mut session, _server) = selected("", &script).await;
    let events = flown(&mut session, [flags(), facts()]).await.unwrap();
    let expected = ["0 flags 1 ", "0 done", "1 facts 1", "1 facts 1", "1 done"];
    assert_eq!(events, expected);
    let script = format!("C: p1 {whole}\nC: p2 {sizes}\n{head}{row}S: p1 OK\n{row}S: p2 OK");
    let (mut session, _server) = selected("", &script).await;
    let events = flown(&mut session, [facts(), flags()]).await.unwrap();
    let expected = ["0 facts 1", "0 facts 1", "0 done", "1 flags 1 ", "1 done"];
    assert_eq!(events, expected);
}

/// What we remember of a mailbox.
fn resync(mailbox: &str, known: Option<&str>) -> Step {
    Step::Select {
        mailbox: WireName::encode(mailbox),
        mode: SelectMode::ReadOnly,
        resync: Some(Resync {
            uid_validity: UidValidity::new(7).unwrap(),
            mod_seq: ModSeq::new(12).unwrap(),
            known: known.map(set),
        }),
    }
}

/// A session for which QRESYNC was enabled; the next tag is `p3`.
async fn resyncing(script: &str) -> (Session, JoinHandle<()>) {
    let enabled = "C: p1 ENABLE QRESYNC\nC: p2 NOOP\nS: * ENABLED QRESYNC\nS: p1 OK\nS: p2 OK\n";
    let (mut session, server) = logged_in("ENABLE QRESYNC", &format!("{enabled}{script}")).await;
    assert!(!session.can_resync());
    assert_eq!(flown(&mut session, [Step::Noop]).await.unwrap(), ["0 done"]);
    assert!(session.can_resync());
    (session, server)
}

#[tokio::test]
async fn a_mailbox_opened_again_tells_what_changed_and_vanished() {
    let script = "C: p3 EXAMINE \"a\" (QRESYNC (7 12 1:20,30))\n\
        S: * VANISHED (EARLIER) 1:3,4294967295\nS: * 9 EXISTS\nS: * OK [UIDVALIDITY 7]\n\
        S: * OK [HIGHESTMODSEQ 20]\nS: * OK [MAILBOXID (F1)]\n\
        S: * 2 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (15))\nS: * 4 FETCH (UID 8 MODSEQ (16) FLAGS ())\n\
        S: * 5 FETCH (MODSEQ (17) FLAGS ())\nS: * VANISHED x\nS: p3 OK [READ-ONLY]";
    let (mut session, server) = resyncing(script).await;
    let mut flight = session.flight([resync("a", Some("1:20,30"))]).unwrap();
    let (mut seen, mut opened) = (Vec::new(), None);
    while let Some(event) = flight.next().await.unwrap() {
        if let FlightEvent::Selected { selected, .. } = &event {
            opened = Some(selected.clone());
        }
        seen.push(crate::testing::line(event));
    }
    assert_eq!(
        seen,
        [
            "0 vanished 1:3,4294967295 earlier",
            "0 flags 5 \\Seen",
            "0 flags 8 ",
            "0 unreadable Fetch",
            "0 unreadable Vanished",
            "0 selected Some(9) Some(7) None ro",
            "0 done",
        ]
    );
    drop(flight);
    let opened = opened.unwrap();
    assert_eq!(opened.mailbox_id.as_deref(), Some("F1"));
    assert!(!opened.no_mod_seq);
    assert_eq!(session.unsolicited().vanished, 0);
    server.await.unwrap();
}

#[tokio::test]
async fn without_qresync_nothing_is_resynchronised() {
    let script = "C: p1 EXAMINE \"a\" (CONDSTORE)\nS: * 9 EXISTS\nS: * OK [NOMODSEQ]\n\
        S: * VANISHED (EARLIER) 1\nS: * VANISHED 3\nS: * 1 FETCH (UID 5 FLAGS ())\nS: p1 OK";
    let (mut session, server) = logged_in("QRESYNC", script).await;
    let events = flown(&mut session, [resync("a", None)]).await.unwrap();
    assert_eq!(events, ["0 selected Some(9) None None ro", "0 done"]);
    assert!(!session.can_resync());
    server.await.unwrap();
    // Nobody enables what was not asked for.
    let script = "C: p1 NOOP\nS: * ENABLED QRESYNC\nS: p1 OK";
    let (mut session, _server) = selected("ENABLE QRESYNC", script).await;
    flown(&mut session, [Step::Noop]).await.unwrap();
    assert!(!session.can_resync());
}

#[tokio::test]
async fn what_comes_before_closed_belongs_to_the_old_mailbox() {
    let script = "C: p3 EXAMINE \"a\" (QRESYNC (7 12))\nC: p4 EXAMINE \"b\" (QRESYNC (7 12))\n\
        S: * 1 EXISTS\nS: * OK [UIDVALIDITY 7]\nS: p3 OK\n\
        S: * 6 EXISTS\nS: * VANISHED 4\nS: * 1 FETCH (UID 2 FLAGS ())\nS: * OK [CLOSED]\n\
        S: * 3 FETCH (UID 9 FLAGS (\\Seen))\nS: * VANISHED 77\nS: * OK [UIDVALIDITY 8]\nS: p4 OK";
    let (mut session, server) = resyncing(script).await;
    let steps = [resync("a", None), resync("b", None)];
    assert_eq!(
        flown(&mut session, steps).await.unwrap(),
        [
            "0 selected Some(1) Some(7) None ro",
            "0 done",
            "1 flags 9 \\Seen",
            "1 vanished 77",
            "1 selected None Some(8) None ro",
            "1 done",
        ]
    );
    server.await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_say_closed_tells_by_the_selects_own_words() {
    for begins in [
        "* FLAGS (\\Seen)",
        "* OK [UIDVALIDITY 8]",
        "* VANISHED (EARLIER) 3",
        "* OK [HIGHESTMODSEQ 20]",
    ] {
        let script = format!(
            "C: p3 EXAMINE \"a\"\nC: p4 EXAMINE \"b\" (QRESYNC (7 12))\nS: p3 OK\n\
             S: * 1 FETCH (UID 2 FLAGS ())\nS: {begins}\nS: * 3 FETCH (UID 9 FLAGS ())\nS: p4 OK"
        )
        .replace("\"a\"\n", "\"a\" (CONDSTORE)\n");
        let (mut session, _server) = resyncing(&script).await;
        let first = Step::Select {
            mailbox: WireName::encode("a"),
            mode: SelectMode::ReadOnly,
            resync: None,
        };
        let events = flown(&mut session, [first, resync("b", None)]).await;
        let events = events.unwrap();
        assert!(events.contains(&"1 flags 9 ".to_owned()), "{events:?}");
        assert!(!events.contains(&"1 flags 2 ".to_owned()), "{events:?}");
    }
}

#[tokio::test]
async fn what_vanishes_meanwhile_is_told_and_counted() {
    let script = "C: p3 EXAMINE \"a\" (QRESYNC (7 12))\nC: p4 UID FETCH 1:9 (UID FLAGS)\n\
        S: * 9 EXISTS\nS: p3 OK\nS: * VANISHED 3:4\nS: * VANISHED (EARLIER) 1\nS: * 1 FETCH (UID 5 FLAGS ())\nS: p4 OK\n\
        C: p5 NOOP\nS: * VANISHED 5\nS: p5 OK";
    let (mut session, server) = resyncing(script).await;
    let steps = [resync("a", None), flags("1:9")];
    let events = flown(&mut session, steps).await.unwrap();
    assert_eq!(
        events[2..],
        ["1 vanished 3:4", "1 flags 5 ", "1 done"].map(str::to_owned)
    );
    let events = flown(&mut session, [Step::Noop]).await.unwrap();
    assert_eq!(events, ["0 vanished 5", "0 done"]);
    let news = session.unsolicited();
    assert_eq!((news.exists, news.vanished), (Some(6), 3));
    server.await.unwrap();
}
