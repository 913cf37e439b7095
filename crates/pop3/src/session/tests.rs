//! Whole sessions against scripts, in memory.
//!
//! A script is lines of `S:` (the server sends), `C:` (it expects), `S!` (it closes) and `S?` (it
//! falls silent but stays). Within `S:` a `\` at the end leaves the line end out, and `^` is one, so
//! that two lines arrive at once.

use super::*;
use crate::listing::UidlState;
use crate::retrieve::RetrieveEvent;
use crate::{Code, Maildrop};
use postrider_core::fault::Fault;
use postrider_core::secret::Secret;
use postrider_core::settings::{AuthChoice, ServerAddress};
use postrider_core::way::Way;
use postrider_transport::{Connector, IdleTimeout, TransportError};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex};
use tokio::task::JoinHandle;

mod hostile;
mod login;

const CAPA: &str = "C: CAPA
S: +OK
S: SASL PLAIN
S: UIDL
S: TOP
S: PIPELINING
S: .
";
const LOGIN: &str = "C: AUTH PLAIN AGFkYQBzZWNyZXQ=\nS: +OK in\n";
/// No CAPA, so no SASL and no PIPELINING.
const OLD_LOGIN: &str = "C: CAPA
S: -ERR what?
C: USER ada
S: +OK
C: PASS secret
S: +OK in
";

/// Plays the server's part. A client that says something else makes it panic, and so the test.
fn play(script: &str) -> (Stream, JoinHandle<()>) {
    let (ours, theirs) = duplex(1 << 16);
    let script = script.to_owned();
    let server = tokio::spawn(async move {
        let mut theirs = BufReader::new(theirs);
        for (at, line) in script.lines().enumerate() {
            if let Some(text) = line.strip_prefix("S: ") {
                let text = match text.strip_suffix('\\') {
                    Some(unfinished) => unfinished.to_owned(),
                    None => format!("{text}\r\n"),
                };
                let octets = text.replace('^', "\r\n");
                theirs.write_all(octets.as_bytes()).await.unwrap();
            } else if let Some(expected) = line.strip_prefix("C: ") {
                let mut said = String::new();
                theirs.read_line(&mut said).await.unwrap();
                assert_eq!(said, format!("{expected}\r\n"), "script line {}", at + 1);
            } else if line == "S?" {
                let mut rest = Vec::new();
                theirs.read_to_end(&mut rest).await.unwrap();
            } else {
                assert_eq!(line, "S!", "script line {}", at + 1);
                return;
            }
        }
        let mut rest = String::new();
        theirs.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "", "after the script");
    });
    (Box::new(ours), server)
}

fn login(choice: AuthChoice) -> Login {
    Login {
        user: "ada".to_owned(),
        password: Secret::new("secret".to_owned()),
        choice,
        service: "imap@localhost".to_owned(),
    }
}

async fn log_in(script: &str) -> (Result<Transaction, Pop3Error>, JoinHandle<()>) {
    let (stream, server) = play(script);
    let session = match Authorization::greet(stream, TlsMode::Implicit).await {
        Ok(session) => session.log_in(&login(AuthChoice::Auto)).await,
        Err(error) => Err(error),
    };
    (session, server)
}

/// A session in the TRANSACTION state, on a server with PIPELINING.
async fn modern(script: &str) -> (Transaction, JoinHandle<()>) {
    let (session, server) = log_in(&format!("S: +OK\n{CAPA}{LOGIN}{script}")).await;
    (session.unwrap(), server)
}

/// The same, on a server of 1996.
async fn old(script: &str) -> (Transaction, JoinHandle<()>) {
    let (session, server) = log_in(&format!("S: +OK\n{OLD_LOGIN}{script}")).await;
    (session.unwrap(), server)
}

/// The events of a retrieval, told in words.
async fn retrieve(session: &mut Transaction, numbers: &[u32]) -> String {
    let mut retrieval = session.retrieve(numbers.to_vec());
    let mut told = String::new();
    loop {
        match retrieval.next().await {
            Ok(None) => return told,
            Ok(Some(RetrieveEvent::Start { number })) => write!(told, "{number}<").unwrap(),
            Ok(Some(RetrieveEvent::Chunk(chunk))) => {
                told.push_str(&String::from_utf8_lossy(&chunk).replace("\r\n", "|"));
            }
            Ok(Some(RetrieveEvent::End { octets_on_wire, .. })) => {
                write!(told, ">{octets_on_wire} ").unwrap();
            }
            Ok(Some(RetrieveEvent::Refused { number, refusal })) => {
                write!(told, "{number}({refusal}) ").unwrap();
            }
            Err(error) => {
                write!(told, "!{error}").unwrap();
                return told;
            }
        }
    }
}

fn shown(state: &UidlState) -> &str {
    match state {
        UidlState::Unique(uidl) => uidl.as_str(),
        UidlState::Ambiguous => "AMBIGUOUS",
        UidlState::Missing => "-",
    }
}

fn told(maildrop: &Maildrop) -> Vec<(u32, Option<u64>, &str)> {
    let messages = maildrop.messages.iter();
    messages
        .map(|m| (m.number, m.octets, shown(&m.uidl)))
        .collect()
}

#[tokio::test]
async fn a_pass_with_pipelining_takes_five_round_trips() {
    let (mut session, server) = modern(
        "C: STAT
C: LIST
C: UIDL
S: +OK 2 30
S: +OK
S: 1 10
S: 2 20
S: .
S: +OK
S: 1 a
S: 2 b
S: .
C: RETR 1
C: RETR 2
S: +OK
S: one
S: ..dot
S: .
S: +OK
S: two
S: .
C: DELE 1
C: DELE 2
C: QUIT
S: +OK
S: +OK
S: +OK bye",
    )
    .await;
    let maildrop = session.survey().await.unwrap();
    assert!(maildrop.witnesses_agree && maildrop.uidl_supported);
    assert_eq!((maildrop.count, maildrop.octets), (2, 30));
    assert_eq!(told(&maildrop), [(1, Some(10), "a"), (2, Some(20), "b")]);
    assert_eq!(
        retrieve(&mut session, &[1, 2]).await,
        "1<one|.dot|>11 2<two|>5 "
    );
    let quit = session.delete_and_quit(&[1, 2]).await.unwrap();
    assert_eq!(quit.deleted, [1, 2]);
    assert!(quit.committed && quit.refused.is_empty());
    assert_eq!(quit.round_trips, 5);
    server.await.unwrap();
}

/// A server that says nothing before it has heard all of it: the whole of a day's mail is one flight.
#[tokio::test(start_paused = true)]
async fn four_hundred_messages_are_asked_for_in_one_flight() {
    let all = 1..=400;
    let mut script = String::new();
    for (asked, answer) in [("RETR", "S: +OK\nS: x\nS: .\n"), ("DELE", "S: +OK\n")] {
        all.clone()
            .for_each(|n| writeln!(script, "C: {asked} {n}").unwrap());
        let quits = asked == "DELE";
        script.push_str(if quits { "C: QUIT\n" } else { "" });
        script.push_str(&answer.repeat(400 + usize::from(quits)));
    }
    let (mut session, server) = modern(&script).await;
    let numbers: Vec<u32> = all.collect();
    let told = retrieve(&mut session, &numbers).await;
    assert!(told.ends_with("400<x|>3 "), "{told}");
    let quit = session.delete_and_quit(&numbers).await.unwrap();
    assert_eq!((quit.deleted.len(), quit.round_trips), (400, 4));
    server.await.unwrap();
}

#[tokio::test]
async fn a_server_without_capa_gets_one_command_at_a_time() {
    let (mut session, server) = old("C: STAT
S: +OK 2 30
C: LIST
S: +OK
S: 1 10
S: 2 20
S: .
C: UIDL
S: -ERR unknown
C: RETR 1
S: +OK
S: one
S: .
C: RETR 2
S: -ERR [SYS/TEMP] locked
C: DELE 1
S: +OK
C: DELE 2
S: -ERR no
C: QUIT
S: +OK")
    .await;
    let maildrop = session.survey().await.unwrap();
    assert!(maildrop.witnesses_agree && !maildrop.uidl_supported);
    assert_eq!(told(&maildrop), [(1, Some(10), "-"), (2, Some(20), "-")]);
    assert_eq!(
        retrieve(&mut session, &[1, 2]).await,
        "1<one|>5 2([SYS/TEMP] locked) "
    );
    let quit = session.delete_and_quit(&[1, 2]).await.unwrap();
    assert_eq!(quit.deleted, [1]);
    assert_eq!(quit.refused.first().map(|(number, _)| *number), Some(2));
    assert!(quit.committed);
    server.await.unwrap();
}

#[tokio::test]
async fn pipelining_told_only_after_the_login_is_used() {
    let script = "S: +OK
C: CAPA
S: +OK
S: UIDL
S: .
C: USER ada
S: +OK
C: PASS secret
S: +OK
C: CAPA
S: +OK
S: pipelining
S: .
C: RETR 1
C: RETR 2
S: -ERR
S: -ERR";
    let (session, server) = log_in(script).await;
    let mut session = session.unwrap();
    assert_eq!(retrieve(&mut session, &[1, 2]).await, "1(-ERR) 2(-ERR) ");
    drop(session);
    server.await.unwrap();
}

#[tokio::test]
async fn stat_and_list_that_disagree_are_two_witnesses_apart() {
    for (stat, rows) in [("3 30", "S: 1 10\n"), ("1 10", ""), ("0 0", "S: 1 10\n")] {
        let script = format!(
            "C: STAT\nC: LIST\nC: UIDL\nS: +OK {stat}\nS: +OK\n{rows}S: .\nS: +OK\nS: .\nS?"
        );
        let (mut session, _server) = modern(&script).await;
        let maildrop = session.survey().await.unwrap();
        assert!(!maildrop.witnesses_agree, "{stat} {rows:?}");
    }
}

#[tokio::test]
async fn an_empty_maildrop_has_two_witnesses() {
    let (mut session, server) = modern(
        "C: STAT\nC: LIST\nC: UIDL\nS: +OK 0 0\nS: +OK\nS: .\nS: +OK\nS: .\nC: QUIT\nS: +OK",
    )
    .await;
    let maildrop = session.survey().await.unwrap();
    assert!(maildrop.messages.is_empty() && maildrop.witnesses_agree);
    session.quit().await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn numbers_that_stat_does_not_cover_never_reach_a_command() {
    let (mut session, _server) = modern(
        "C: STAT
C: LIST
C: UIDL
S: +OK 1 10
S: +OK
S: 1 10
S: 2 10
S: -1 10
S: 99999999999 1
S: .
S: +OK
S: 1 a
S: 7 z
S: .
S?",
    )
    .await;
    let maildrop = session.survey().await.unwrap();
    assert_eq!(told(&maildrop), [(1, Some(10), "a")]);
    assert!(!maildrop.witnesses_agree);
}

#[tokio::test]
async fn one_message_that_cannot_be_had_does_not_stop_the_others() {
    let (mut session, server) = modern(
        "C: RETR 1
C: RETR 2
C: RETR 3
S: +OK
S: one
S: .
S: -ERR [SYS/PERM] broken \u{1b}[2J
S: +OK
S: .
C: QUIT
S!",
    )
    .await;
    assert_eq!(
        retrieve(&mut session, &[1, 2, 3]).await,
        "1<one|>5 2([SYS/PERM] broken \\u{1b}[2J) 3<>0 "
    );
    // Nothing was deleted, so a server that just hangs up at QUIT is no error.
    session.quit().await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_deletion_counts_only_after_quits_answer() {
    let dele = "C: DELE 1\nC: DELE 2\nC: QUIT\nS: +OK\n";
    let (session, _server) = modern(&format!("{dele}S: +OK\nS: -ERR some not removed")).await;
    let quit = session.delete_and_quit(&[1, 2]).await.unwrap();
    assert!(!quit.committed);
    assert_eq!(quit.deleted, [1, 2]);
    for cut in ["S!", "S: +OK\nS!", "S: +OK\nS: +O\\\nS!"] {
        let (session, _server) = modern(&format!("{dele}{cut}")).await;
        let error = session.delete_and_quit(&[1, 2]).await.unwrap_err();
        assert!(
            matches!(error, Pop3Error::Closed { .. }),
            "{cut}: {error:?}"
        );
    }
    let (session, _server) = modern(&format!("{dele}S: 250 smtp?\nS: +OK")).await;
    let error = session.delete_and_quit(&[1, 2]).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Protocol);
}

#[tokio::test]
async fn headers_are_bounded_and_refusals_left_out() {
    let long = "x".repeat(1000);
    let body = format!("S: {long}\n").repeat(200);
    let script = format!(
        "C: TOP 1 0\nC: TOP 2 0\nC: TOP 3 0\nS: +OK\nS: Subject: a\nS: \nS: .\nS: -ERR\nS: +OK\n{body}S: .\nC: TOP 1 2\nS: +OK\nS: b\nS: .\nC: RSET\nS: +OK"
    );
    let (mut session, server) = modern(&script).await;
    let headers = session.headers(&[1, 2, 3]).await.unwrap();
    let [(1, first), (3, third)] = headers.as_slice() else {
        panic!("{headers:?}");
    };
    assert_eq!(first, b"Subject: a\r\n\r\n");
    assert_eq!(third.len(), 128 * 1024);
    assert_eq!(session.top(1, 2).await.unwrap().unwrap(), b"b\r\n");
    session.reset().await.unwrap();
    drop(session);
    server.await.unwrap();
}
