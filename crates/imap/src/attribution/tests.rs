//! Answers in every order and shape.

use crate::step::FlightEvent;
use crate::step::Step;
use crate::testing::{bodies, flags, flown, logged_in, open, selected, set};
use postrider_core::uid::Uid;

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
        changed_since: postrider_core::mod_seq::ModSeq::new(12),
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
