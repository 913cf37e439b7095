//! Memories that are right, wrong and missing.

use crate::error::ImapError;
use crate::memory::Memory;
use crate::session::{Session, SessionState};
use crate::step::{FlightEvent, Step};
use crate::testing::{line, login, play};
use postrider_core::settings::{AuthChoice, TlsMode};
use tokio::task::JoinHandle;

const PLAIN: &str = "AUTHENTICATE PLAIN AGFkYQBwYXNzIHdvcmQ=";
const ROW: &str = "S: * LIST (\\Subscribed) \"/\" INBOX\nS: * STATUS INBOX (MESSAGES 4)";
const RICH_LIST: &str =
    "LIST \"\" \"*\" RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))";
/// What a good server could do last time.
const RICH: &str = "ENABLE QRESYNC LIST-EXTENDED LIST-STATUS";

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

fn memory(greeting: &str, session: &str) -> Memory {
    Memory {
        greeting: words(greeting),
        session: words(session),
    }
}

/// Logs in with a memory and lists; gives what came of it, and the session.
async fn first_flight(
    memory: &Memory,
    script: &str,
) -> (Result<Vec<String>, ImapError>, Session, JoinHandle<()>) {
    let (stream, server) = play(script);
    let mut session = Session::greet(stream, TlsMode::Implicit).await.unwrap();
    let came = fly(&mut session, memory).await;
    (came, session, server)
}

async fn fly(session: &mut Session, memory: &Memory) -> Result<Vec<String>, ImapError> {
    let login = login(AuthChoice::Auto);
    let mut flight = session
        .log_in_with(&login, memory, vec![Step::List])
        .await?;
    let mut lines = Vec::new();
    while let Some(event) = flight.next().await? {
        lines.push(line(event));
    }
    Ok(lines)
}

const LISTED: [&str; 2] = ["0 listed INBOX selectable Some(true) Some(4)", "0 done"];

#[tokio::test]
async fn with_a_good_memory_one_round_trip_tells_all() {
    let greetings = [
        ("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi", ""),
        ("* OK hi", "IMAP4REV1 SASL-IR AUTH=PLAIN"),
    ];
    for (greeting, remembered) in greetings {
        let script = format!(
            "S: {greeting}\nC: p1 {PLAIN}\nC: p2 ENABLE QRESYNC\nC: p3 {RICH_LIST}\n\
             S: p1 OK [CAPABILITY IMAP4rev1 {RICH}] in\nS: * ENABLED QRESYNC\nS: p2 OK\n{ROW}\nS: p3 OK"
        );
        let memory = memory(remembered, &format!("IMAP4REV1 {RICH}"));
        let (came, session, server) = first_flight(&memory, &script).await;
        assert_eq!(came.unwrap(), LISTED);
        assert_eq!(session.round_trips(), 1);
        assert!(session.can_resync());
        assert_eq!(session.state(), SessionState::Authenticated);
        let next = session.memory();
        assert_eq!(next.greeting, ["IMAP4REV1", "SASL-IR", "AUTH=PLAIN"]);
        assert_eq!(next.session, memory.session);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn without_a_memory_each_question_waits_for_its_turn() {
    let script = format!(
        "S: * OK [CAPABILITY IMAP4rev1] hi\nC: p1 LOGIN \"ada\" \"pass word\"\nS?\nS: p1 OK in\n\
         C: p2 CAPABILITY\nS: * CAPABILITY {RICH}\nS: p2 OK\nC: p3 ENABLE QRESYNC\nC: p4 {RICH_LIST}\n\
         S: p3 OK\n{ROW}\nS: p4 OK"
    );
    let (came, session, server) = first_flight(&Memory::default(), &script).await;
    assert_eq!(came.unwrap(), LISTED);
    let asked = format!("{RICH} asked");
    assert_eq!(session.memory(), memory("IMAP4REV1", &asked));
    server.await.unwrap();
    // Which tells the next session to ask in the same breath.
    let script = format!(
        "S: * OK [CAPABILITY IMAP4rev1] hi\nC: p1 LOGIN \"ada\" \"pass word\"\nC: p2 CAPABILITY\n\
         C: p3 ENABLE QRESYNC\nC: p4 {RICH_LIST}\nS: p1 OK in\nS: * CAPABILITY {RICH}\nS: p2 OK\nS: p3 OK\n{ROW}\nS: p4 OK"
    );
    let (came, session, server) = first_flight(&session.memory(), &script).await;
    assert_eq!(came.unwrap(), LISTED);
    assert_eq!(session.round_trips(), 1);
    assert_eq!(session.memory(), memory("IMAP4REV1", &asked));
    server.await.unwrap();
}

#[tokio::test]
async fn r7_after_a_refused_login_nothing_is_believed() {
    let greeting = "S: * OK [CAPABILITY IMAP4rev1] hi";
    let sent =
        format!("C: p1 LOGIN \"ada\" \"pass word\"\nC: p2 ENABLE QRESYNC\nC: p3 {RICH_LIST}");
    for answer in [
        format!("S: p1 NO wrong\nS: p2 OK\n{ROW}\nS: p3 OK"),
        format!("S: * ENABLED QRESYNC\nS: p2 OK\n{ROW}\nS: p3 OK\nS: p1 NO wrong"),
        "S: p1 NO wrong\nS: * BYE and now go".to_owned(),
    ] {
        let script = format!("{greeting}\n{sent}\n{answer}");
        let (came, session, _server) = first_flight(&memory("", RICH), &script).await;
        let error = came.unwrap_err();
        assert!(matches!(error, ImapError::LoginRefused { .. }), "{error}");
        assert!(!session.can_resync());
    }
    // A server that answers the listing first is asked again once it knows who we are.
    let script = format!(
        "{greeting}\n{sent}\nS: * LIST () \"/\" forged\nS: p3 OK\nS: * ENABLED QRESYNC\nS: p1 OK [CAPABILITY {RICH}]\n\
         S: p2 OK\nC: p4 {RICH_LIST}\n{ROW}\nS: p4 OK"
    );
    let (came, session, server) = first_flight(&memory("", RICH), &script).await;
    assert_eq!(came.unwrap(), LISTED);
    assert!(!session.can_resync(), "nobody had asked for it yet");
    server.await.unwrap();
}

const PLAIN_LISTED: [&str; 2] = ["0 listed INBOX selectable None", "0 done"];

#[tokio::test]
async fn what_a_server_can_do_no_more_is_asked_the_plain_way() {
    let sent = format!(
        "S: * OK [CAPABILITY IMAP4rev1] hi\nC: p1 LOGIN \"ada\" \"pass word\"\nC: p2 ENABLE QRESYNC\nC: p3 {RICH_LIST}"
    );
    let plain_row = "S: * LIST () \"/\" INBOX";
    let told = format!(
        "S: p1 OK [CAPABILITY IMAP4rev1]\nC: p4 LIST \"\" \"*\"\nS: p2 BAD what\nS: p3 BAD what\n{plain_row}\nS: p4 OK"
    );
    // The server is so old that it takes RETURN for nothing, and lists.
    let ignored = format!(
        "S: p1 OK [CAPABILITY IMAP4rev1]\nC: p4 LIST \"\" \"*\"\nS: p2 BAD what\nS: * LIST () \"/\" twice\nS: p3 OK\n{plain_row}\nS: p4 OK"
    );
    let untold = format!(
        "S: p1 OK\nS: p2 BAD what\nS: p3 BAD what\nC: p4 CAPABILITY\nS?\nS: * CAPABILITY IMAP4rev1\nS: p4 OK\n\
         C: p5 LIST \"\" \"*\"\n{plain_row}\nS: p5 OK"
    );
    for answer in [told, ignored, untold] {
        let script = format!("{sent}\n{answer}");
        let (came, session, server) = first_flight(&memory("", RICH), &script).await;
        assert_eq!(came.unwrap(), PLAIN_LISTED, "{answer}");
        assert_eq!(session.capabilities().words(), ["IMAP4REV1"]);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn what_a_server_can_do_since_is_used_at_once() {
    let script = format!(
        "S: * OK [CAPABILITY IMAP4rev1] hi\nC: p1 LOGIN \"ada\" \"pass word\"\nC: p2 LIST \"\" \"*\"\n\
         S: p1 OK [CAPABILITY {RICH}]\nC: p3 ENABLE QRESYNC\nC: p4 {RICH_LIST}\nS: * LIST () \"/\" twice\nS: p2 OK\n\
         S: * ENABLED QRESYNC\nS: p3 OK\n{ROW}\nS: p4 OK"
    );
    let (came, session, server) = first_flight(&memory("", "IMAP4REV1"), &script).await;
    assert_eq!(came.unwrap(), LISTED);
    assert!(session.can_resync());
    server.await.unwrap();
}

#[tokio::test]
async fn a_refusal_stands_when_the_question_was_right() {
    let script = format!(
        "S: * OK [CAPABILITY IMAP4rev1] hi\nC: p1 LOGIN \"ada\" \"pass word\"\nC: p2 ENABLE QRESYNC\nC: p3 {RICH_LIST}\n\
         S: p1 OK [CAPABILITY {RICH}]\nS: p2 OK\nS: p3 NO not today"
    );
    let (came, _session, server) = first_flight(&memory("", RICH), &script).await;
    assert_eq!(came.unwrap(), ["0 refused not today"]);
    server.await.unwrap();
}

#[tokio::test]
async fn a_login_that_was_put_wrongly_is_put_again() {
    let sent = format!("S: * OK hi\nC: p1 {PLAIN}\nC: p2 LIST \"\" \"*\"");
    let again = "S: p2 BAD not now\nC: p3 CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: p3 OK\n\
        C: p4 LOGIN \"ada\" \"pass word\"\nS: p4 OK [CAPABILITY IMAP4rev1]\nC: p5 LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: p5 OK";
    let remembered = memory("SASL-IR AUTH=PLAIN", "IMAP4REV1");
    for refusal in [
        "S: p1 BAD no such mechanism",
        "S: + \nS: p1 NO that was no base64",
    ] {
        let script = format!("{sent}\n{refusal}\n{again}");
        let (came, _session, server) = first_flight(&remembered, &script).await;
        assert_eq!(came.unwrap(), PLAIN_LISTED, "{refusal}");
        server.await.unwrap();
    }
    // The same words again would only count as another wrong password.
    let script = format!(
        "{sent}\nS: p1 NO wrong\nS: p2 BAD\nC: p3 CAPABILITY\nS: * CAPABILITY AUTH=PLAIN SASL-IR\nS: p3 OK\nS?"
    );
    let (came, _session, server) = first_flight(&remembered, &script).await;
    assert!(matches!(came, Err(ImapError::LoginRefused { .. })));
    server.await.unwrap();
}

#[tokio::test]
async fn what_the_server_says_now_forbids_what_was_allowed() {
    let remembered = memory("IMAP4REV1", "IMAP4REV1");
    let script = "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\nS?";
    let (came, _session, server) = first_flight(&remembered, script).await;
    assert!(matches!(came, Err(ImapError::LoginDisabled { .. })));
    server.await.unwrap();
    // A memory is no way around STARTTLS.
    let (stream, server) = play("S: * OK [CAPABILITY IMAP4rev1] hi\nS?");
    let mut session = Session::greet(stream, TlsMode::StartTls).await.unwrap();
    let came = fly(&mut session, &remembered).await;
    assert!(matches!(came, Err(ImapError::Cleartext)));
    server.await.unwrap();
}

#[tokio::test]
async fn a_login_of_several_steps_goes_alone() {
    let script = "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\nC: p1 AUTHENTICATE PLAIN\nS?\nS: + \n\
        C: AGFkYQBwYXNzIHdvcmQ=\nS: p1 OK [CAPABILITY IMAP4rev1]\nC: p2 LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: p2 OK";
    let (came, _session, server) = first_flight(&memory("", "IMAP4REV1"), script).await;
    assert_eq!(came.unwrap(), PLAIN_LISTED);
    server.await.unwrap();
    let preauth = "S: * PREAUTH [CAPABILITY IMAP4rev1] hi\nC: p1 LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: p1 OK";
    let (came, _session, server) = first_flight(&memory("", "IMAP4REV1"), preauth).await;
    assert_eq!(came.unwrap(), PLAIN_LISTED);
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_with_the_login_is_sent_again_and_not_risked_again() {
    let sent = "S: * OK [CAPABILITY IMAP4rev1] hi\nC: p1 LOGIN \"ada\" \"pass word\"\nC: p2 LIST \"\" \"*\"";
    let lost = format!(
        "{sent}\nS: p1 OK [CAPABILITY IMAP4rev1]\nC: p3 LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: p3 OK"
    );
    let (came, session, server) = first_flight(&memory("", "IMAP4REV1"), &lost).await;
    assert_eq!(came.unwrap(), PLAIN_LISTED);
    let next = session.memory();
    assert_eq!(next, memory("IMAP4REV1", "IMAP4REV1 login-alone"));
    server.await.unwrap();
    let alone = "S: * OK [CAPABILITY IMAP4rev1] hi\nC: p1 LOGIN \"ada\" \"pass word\"\nS?\nS: p1 OK [CAPABILITY IMAP4rev1]\n\
        C: p2 LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: p2 OK";
    let (came, session, server) = first_flight(&next, alone).await;
    assert_eq!(came.unwrap(), PLAIN_LISTED);
    assert_eq!(session.memory(), next);
    server.await.unwrap();
    // A server that only took its time answers twice.
    let slow = format!(
        "{sent}\nS: p1 OK [CAPABILITY IMAP4rev1]\nC: p3 LIST \"\" \"*\"\nS: * LIST () \"/\" INBOX\nS: p2 OK\n\
         S: * LIST () \"/\" INBOX\nS: p3 OK"
    );
    let (came, session, server) = first_flight(&memory("", "IMAP4REV1"), &slow).await;
    assert_eq!(came.unwrap(), PLAIN_LISTED);
    assert_eq!(session.memory(), memory("IMAP4REV1", "IMAP4REV1"));
    server.await.unwrap();
}

#[tokio::test]
async fn steps_that_need_a_mailbox_wait_for_the_login() {
    let script = "S: * OK [CAPABILITY IMAP4rev1] hi\nC: p1 LOGIN \"ada\" \"pass word\"\nC: p2 LIST \"\" \"*\"\nS?\n\
        S: p1 OK [CAPABILITY IMAP4rev1]\nC: p3 STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY)\n\
        S: * LIST () \"/\" INBOX\nS: p2 OK\nS: * STATUS INBOX (MESSAGES 1)\nS: p3 OK";
    let (stream, server) = play(script);
    let mut session = Session::greet(stream, TlsMode::Implicit).await.unwrap();
    let status = Step::Status(crate::WireName::encode("INBOX"));
    let (login, memory) = (login(AuthChoice::Auto), memory("", "IMAP4REV1"));
    let first = vec![Step::List, status];
    let mut flight = session.log_in_with(&login, &memory, first).await.unwrap();
    let mut done = Vec::new();
    while let Some(event) = flight.next().await.unwrap() {
        if let FlightEvent::Done { step } = event {
            done.push(step);
        }
    }
    assert_eq!(done, [0, 1]);
    server.await.unwrap();
}
