use super::*;
use crate::step::Step;
use crate::testing::{flown, logged_in};
use postrider_core::fault::Fault;
use std::io::Cursor;

fn append(octets: u64) -> Append {
    Append {
        mailbox: WireName::encode("Sent"),
        flags: FlagSet::from_index("\\Seen work größe"),
        internal_date: Some(UnixTime::from_seconds(837_596_665)),
        octets,
    }
}

fn source(octets: &str) -> Source {
    Source::new(Cursor::new(octets.to_owned().into_bytes()))
}

const COMMAND: &str = "APPEND \"Sent\" (\\Seen work) \"17-Jul-1996 09:44:25 +0000\"";

#[tokio::test]
async fn a_message_waits_for_the_server_and_is_told_its_uid() {
    let script = format!(
        "C: p1 {COMMAND} {{8}}\nS?\nS: + go\nC= a: b\\r\\n\\r\\n\\r\\n\nS: p1 OK [APPENDUID 7 12] done"
    );
    let (mut session, server) = logged_in("UIDPLUS", &script).await;
    let done = session
        .append(&append(8), source("a: b\r\n\r\n"))
        .await
        .unwrap();
    let uid = Some((UidValidity::new(7).unwrap(), Uid::new(12).unwrap()));
    assert_eq!(done, Appended::Done { uid });
    server.await.unwrap();
}

#[tokio::test]
async fn a_short_one_goes_at_once_and_is_owed_even_when_it_is_refused() {
    let script = format!(
        "C: p1 {COMMAND} {{4+}}\nS: p1 NO [OVERQUOTA] full\nC= ab\\r\\n\\r\\n\nC: p2 NOOP\nS: p2 OK"
    );
    let (mut session, server) = logged_in("LITERAL+", &script).await;
    let refused = session.append(&append(4), source("ab\r\n")).await.unwrap();
    let Appended::Refused(refusal) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.fault(), Fault::Throttled);
    let after = flown(&mut session, [Step::Noop]).await.unwrap();
    assert_eq!(after, ["0 done"]);
    server.await.unwrap();
}

#[tokio::test]
async fn a_refused_large_one_is_not_sent() {
    let script = format!("C: p1 {COMMAND} {{5000}}\nS: p1 NO [TRYCREATE] no\nC: p2 NOOP\nS: p2 OK");
    let (mut session, server) = logged_in("LITERAL+", &script).await;
    let refused = session.append(&append(5_000), source("never read")).await;
    assert!(matches!(refused, Ok(Appended::Refused(_))), "{refused:?}");
    flown(&mut session, [Step::Noop]).await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn r7_a_source_that_ends_early_is_no_message() {
    let script = format!("C: p1 {COMMAND} {{9}}\nS: + go\nS~");
    let (mut session, _server) = logged_in("", &script).await;
    let error = session
        .append(&append(9), source("short"))
        .await
        .unwrap_err();
    assert!(matches!(error, ImapError::Source(_)), "{error:?}");
    assert_eq!(error.fault(), Fault::LocalIo);
    assert!(session.flight([Step::Noop]).is_err());
}

#[tokio::test]
async fn r11_a_large_message_is_sent_in_pieces() {
    let octets = 3 << 20;
    let mut script = format!("C: p1 {COMMAND} {{{octets}}}\nS: + go\n");
    for _ in 0..3 {
        script += &format!("C= {}\n", "x".repeat(1 << 20));
    }
    script += "C= \\r\\n\nS: p1 OK";
    let (mut session, server) = logged_in("", &script).await;
    let body = tokio::io::AsyncReadExt::take(tokio::io::repeat(b'x'), octets);
    let done = session
        .append(&append(octets), Source::new(body))
        .await
        .unwrap();
    assert_eq!(done, Appended::Done { uid: None });
    server.await.unwrap();
}
