//! Listening, and what ends it.

use crate::error::ImapError;
use crate::heard::Heard;
use crate::session::{Session, SessionState};
use crate::step::Step;
use crate::testing::{flags, flown, logged_in, open, selected};
use crate::wire_name::WireName;
use std::time::Duration;
use tokio::time::timeout;

/// What was heard, in words.
fn words(heard: &Heard) -> String {
    let mut words = Vec::new();
    let open = heard.open;
    for (is, word) in [
        (open.new, "new"),
        (open.flags, "flags"),
        (open.gone, "gone"),
        (heard.is_unclear, "unclear"),
        (heard.is_over, "over"),
    ] {
        words.extend(is.then(|| word.to_owned()));
    }
    let mut mailboxes: Vec<_> = heard.mailboxes.iter().collect();
    mailboxes.sort_by_key(|(name, _)| name.to_string());
    for (name, status) in mailboxes {
        words.push(format!("{name} {:?}", status.messages));
    }
    words.join(", ")
}

async fn heard(session: &mut Session) -> String {
    words(&session.hear().await.unwrap())
}

#[tokio::test]
async fn idle_tells_and_done_leaves_with_what_is_asked_next() {
    let script = "C: p1 IDLE\nS: + idling\nS: * 3 EXISTS\nS: * 3 EXISTS\n\
        C= DONE\\r\\np2 NOOP\\r\\n\nS: p1 OK\nS: p2 OK";
    let (mut session, server) = selected("IDLE", script).await;
    session.idle().await.unwrap();
    assert_eq!(heard(&mut session).await, "new");
    assert_eq!(flown(&mut session, [Step::Noop]).await.unwrap(), ["0 done"]);
    server.await.unwrap();
}

#[tokio::test]
async fn every_kind_of_news_is_told_and_what_has_come_together_together() {
    let news = "S: * 4 FETCH (FLAGS (\\Seen))\nS: * 2 EXPUNGE\nS: * 9 EXISTS\nS: * OK Still here";
    let script = format!("C: p1 IDLE\nS= + \\r\\n* 9 EXISTS\\r\\n\nS?\n{news}\nS~");
    let (mut session, _server) = selected("IDLE", &script).await;
    session.idle().await.unwrap();
    assert_eq!(heard(&mut session).await, "new");
    let mut all = String::new();
    while all.matches(',').count() < 3 {
        all = format!("{all}, {}", heard(&mut session).await);
    }
    for word in ["new", "flags", "gone"] {
        assert!(all.contains(word), "{all}");
    }
    assert_eq!(session.unsolicited().exists, Some(9));
}

#[tokio::test]
async fn vanished_and_a_smaller_count_say_that_messages_went() {
    let script = "C: p1 IDLE\nS: +\nS: * 5 EXISTS\nS?\nS: * VANISHED 7\nS?\nS: * 2 EXISTS\nS~";
    let (mut session, _server) = selected("IDLE QRESYNC", script).await;
    session.idle().await.unwrap();
    for expected in ["new", "gone", "gone"] {
        assert_eq!(heard(&mut session).await, expected);
    }
}

#[tokio::test]
async fn done_waits_for_the_plus_and_is_not_sent_to_who_refuses() {
    let script = "C: p1 IDLE\nS?\nS: +\nC= DONE\\r\\np2 NOOP\\r\\n\nS: p1 OK\nS: p2 OK\n\
        C: p3 IDLE\nS: p3 NO not now\nC: p4 NOOP\nS: p4 OK";
    let (mut session, server) = selected("IDLE", script).await;
    // Whoever asked for it does not wait for its beginning.
    let begun = timeout(Duration::from_millis(1), session.idle()).await;
    begun.unwrap_err();
    assert_eq!(flown(&mut session, [Step::Noop]).await.unwrap(), ["0 done"]);
    let refused = session.idle().await.unwrap_err();
    assert!(
        matches!(&refused, ImapError::Refused { refusal, .. } if refusal.text == "not now"),
        "{refused}"
    );
    assert_eq!(flown(&mut session, [Step::Noop]).await.unwrap(), ["0 done"]);
    server.await.unwrap();
}

#[tokio::test]
async fn a_late_answer_to_done_is_no_answer_to_anything_else() {
    let script = "C: p1 IDLE\nS: +\nC= DONE\\r\\np2 NOOP\\r\\n\nS: p2 OK\n\
        C: p3 NOOP\nS: * 1 EXISTS\nS: p1 OK IDLE at last\nS: p3 OK";
    let (mut session, server) = selected("IDLE", script).await;
    session.idle().await.unwrap();
    for _ in 0..2 {
        assert_eq!(flown(&mut session, [Step::Noop]).await.unwrap(), ["0 done"]);
    }
    server.await.unwrap();
}

#[tokio::test]
async fn a_server_may_end_idle_by_itself() {
    let script = "C: p1 IDLE\nS: +\nS: p1 OK enough\nC: p2 NOOP\nS: p2 OK";
    let (mut session, server) = selected("IDLE", script).await;
    session.idle().await.unwrap();
    assert_eq!(heard(&mut session).await, "over");
    assert_eq!(flown(&mut session, [Step::Noop]).await.unwrap(), ["0 done"]);
    server.await.unwrap();
}

#[tokio::test]
async fn where_there_is_no_idle_or_no_mailbox_nothing_is_sent() {
    let (mut session, _server) = selected("", "S?\nS~").await;
    assert!(session.idle().await.is_err());
    let (mut session, _server) = logged_in("IDLE", "S?\nS~").await;
    assert!(session.idle().await.is_err());
}

#[tokio::test]
async fn a_refresh_is_done_and_idle_in_one_flight_and_hears_what_comes_meanwhile() {
    let script =
        "C: p1 IDLE\nS: +\nC= DONE\\r\\np2 IDLE\\r\\n\nS: * 1 EXISTS\nS: p1 OK\nS: + again\nS~";
    let (mut session, _server) = selected("IDLE", script).await;
    session.idle().await.unwrap();
    let before = session.round_trips();
    session.refresh().await.unwrap();
    assert!(session.round_trips() > before);
    assert_eq!(heard(&mut session).await, "new");
}

#[tokio::test]
async fn a_refresh_without_idle_is_a_noop() {
    let script = "C: p1 NOOP\nS: * STATUS a (MESSAGES 1)\nS: p1 OK\nS~";
    let (mut session, _server) = logged_in("", script).await;
    session.refresh().await.unwrap();
    // Nobody had asked for NOTIFY.
    assert!(session.listening.heard.is_nothing());
}

#[tokio::test(start_paused = true)]
async fn days_of_silence_are_borne_while_listening_and_not_while_done_is_unanswered() {
    let (mut session, _server) = selected("IDLE", "C: p1 IDLE\nS: +\nS~").await;
    session.idle().await.unwrap();
    let day = Duration::from_secs(86_400);
    timeout(day, session.hear()).await.unwrap_err();
    let refreshed = session.refresh().await;
    assert!(
        matches!(refreshed, Err(ImapError::Patience { .. })),
        "{refreshed:?}"
    );
    assert!(matches!(session.hear().await, Err(ImapError::Abandoned)));
}

#[tokio::test]
async fn bye_and_the_end_of_the_line_are_errors() {
    let (mut session, _server) =
        selected("IDLE", "C: p1 IDLE\nS: +\nS: * BYE idle for too long").await;
    session.idle().await.unwrap();
    assert!(matches!(session.hear().await, Err(ImapError::Bye { .. })));
    let (mut session, _server) = selected("IDLE", "C: p1 IDLE\nS: +").await;
    session.idle().await.unwrap();
    assert!(matches!(session.hear().await, Err(ImapError::Closed)));
}

#[tokio::test]
async fn notify_tells_of_every_mailbox_in_the_midst_of_anything() {
    let script = "C: p1 UNSELECT\nC: p2 NOTIFY SET STATUS (mailboxes (\"a\" \"b\") (MessageNew MessageExpunge))\n\
        S: p1 OK\nS: * STATUS a (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\nS: p2 OK\n\
        C: p3 STATUS \"b\" (MESSAGES UIDNEXT UIDVALIDITY)\nS: * STATUS a (MESSAGES 2)\nS: * STATUS b (MESSAGES 7)\nS: p3 OK\n\
        S: * STATUS b (MESSAGES 8)\nS~";
    let (mut session, _server) = selected("NOTIFY UNSELECT", script).await;
    let names = ["a", "b"].map(WireName::encode).to_vec();
    assert!(session.can_notify() && !session.is_notifying());
    let events = flown(&mut session, [Step::Unselect, Step::Notify(names)]).await;
    assert_eq!(events.unwrap(), ["0 done", "1 done"]);
    assert!(session.is_notifying() && session.state() == SessionState::Authenticated);
    let events = flown(&mut session, [Step::Status(WireName::encode("b"))]).await;
    assert_eq!(events.unwrap(), ["0 status Some(7) None", "0 done"]);
    let mut told = heard(&mut session).await;
    if !told.contains("b Some(8)") {
        told = format!("{told}, {}", heard(&mut session).await);
    }
    assert_eq!(told, "a Some(2), b Some(8)");
}

#[tokio::test]
async fn a_notify_that_is_refused_is_not_in_force_and_an_overflow_ends_it() {
    let names = vec![WireName::encode("a")];
    let script = "C: p1 NOTIFY SET STATUS (mailboxes (\"a\") (MessageNew MessageExpunge))\n\
        S: * STATUS a (MESSAGES 1)\nS: p1 NO [BADEVENT (MessageNew)] less\n\
        C: p2 NOTIFY SET STATUS (mailboxes (\"a\") (MessageNew MessageExpunge))\nS: p2 OK\n\
        S: * OK [NOTIFICATIONOVERFLOW] too much\nS~";
    let (mut session, _server) = logged_in("NOTIFY UNSELECT", script).await;
    let events = flown(&mut session, [Step::Notify(names.clone())]).await;
    assert_eq!(events.unwrap(), ["0 refused less"]);
    assert!(!session.is_notifying());
    flown(&mut session, [Step::Notify(names)]).await.unwrap();
    assert!(session.is_notifying());
    let told = heard(&mut session).await;
    assert!(told.contains("unclear, over"), "{told}");
    assert!(!session.is_notifying());
}

#[tokio::test]
async fn unselect_needs_the_capability_and_an_open_mailbox() {
    let (mut session, _server) = selected("", "S?\nS~").await;
    let events = flown(&mut session, [Step::Unselect]).await.unwrap();
    assert_eq!(events, ["0 refused not sent: the server lacks UNSELECT"]);
    let (mut session, _server) = logged_in("UNSELECT", "S?\nS~").await;
    let events = flown(&mut session, [Step::Unselect]).await.unwrap();
    assert_eq!(events, ["0 done"]);
}

#[tokio::test]
async fn news_of_a_mailbox_that_is_being_closed_are_not_taken_for_the_next() {
    let script = "C: p1 UNSELECT\nC: p2 SELECT \"b\"\nS: * 1 FETCH (UID 9 FLAGS (\\Seen))\nS: p1 OK\n\
        S: * 3 EXISTS\nS: * OK [UIDVALIDITY 5]\nS: p2 OK";
    let (mut session, server) = selected("UNSELECT", script).await;
    let events = flown(&mut session, [Step::Unselect, open("b")])
        .await
        .unwrap();
    assert_eq!(
        events,
        ["0 done", "1 selected Some(3) Some(5) None rw", "1 done"]
    );
    server.await.unwrap();
}

#[tokio::test]
async fn a_doubted_session_is_believed_again_when_a_command_is_answered() {
    let script =
        "C: p1 IDLE\nS: +\nC= DONE\\r\\np2 UID FETCH 1:5 (UID FLAGS)\\r\\n\nS: p1 OK\nS: * BYE";
    let (mut session, _server) = selected("IDLE", script).await;
    session.idle().await.unwrap();
    session.doubt();
    flown(&mut session, [flags("1:5")]).await.unwrap_err();
    assert!(session.is_doubted(), "DONE alone was answered");
    let (mut session, _server) = selected("", "C: p1 NOOP\nS: p1 OK").await;
    session.doubt();
    flown(&mut session, [Step::Noop]).await.unwrap();
    assert!(!session.is_doubted());
}
