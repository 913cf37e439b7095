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

fn messages(octets: &[&'static str]) -> Vec<(Append, Source)> {
    let message = |text: &&'static str| {
        let text = *text;
        let open = move || Ok(source(text));
        (append(text.len() as u64), Source::opened_by(open))
    };
    octets.iter().map(message).collect()
}

async fn together(
    session: &mut Session,
    messages: Vec<(Append, Source)>,
) -> Result<AppendedAll, ImapError> {
    let (appends, sources): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
    assert_eq!(session.together(&appends), appends.len());
    session
        .append_all(appends.iter().zip(sources).collect())
        .await
}

const FURTHER: &str = "(\\Seen work) \"17-Jul-1996 09:44:25 +0000\"";

/// RFC 3502 §6.3.11, and RFC 4315 §3 for what it answers.
#[tokio::test]
async fn several_messages_go_in_one_command() {
    let script = format!(
        "C: p1 {COMMAND} {{2+}}\nC= a\\n {FURTHER} {{3+}}\\r\\nb\\r\\n\nC=  {FURTHER} {{1+}}\\r\\nc\\r\\n\n\
         S: p1 OK [APPENDUID 7 12,9:10] done"
    );
    let (mut session, server) = logged_in("MULTIAPPEND UIDPLUS LITERAL-", &script).await;
    let done = together(&mut session, messages(&["a\n", "b\r\n", "c"])).await;
    let uids = [12, 9, 10].into_iter().filter_map(Uid::new).collect();
    let uids = Some((UidValidity::new(7).unwrap(), uids));
    assert_eq!(done.unwrap(), AppendedAll::Done { uids });
    assert_eq!(session.round_trips(), 1);
    server.await.unwrap();
}

/// LITERAL- lets 4,096 octets go at once (RFC 7888 §5), LITERAL+ any number; the first waits if it is large.
#[tokio::test]
async fn literals_wait_where_they_must() {
    let large: &'static str = "x".repeat(4_097).leak();
    let small: &'static str = "y".repeat(4_096).leak();
    let parts = |further: &str| {
        format!(
            "C: p1 {COMMAND} {{4097}}\nS?\nS: + go\nC= {large} {FURTHER} {further}\nC= {large} {FURTHER} {{4096+}}\\r\\n{small}\\r\\n\nS: p1 OK"
        )
    };
    let plus = parts("{4097+}\\r\\n");
    let minus = parts("{4097}\\r\\n\nS?\nS: + go");
    for (capability, script) in [("LITERAL+", plus), ("LITERAL-", minus)] {
        let capabilities = format!("MULTIAPPEND {capability}");
        let (mut session, server) = logged_in(&capabilities, &script).await;
        let done = together(&mut session, messages(&[large, large, small])).await;
        assert_eq!(done.unwrap(), AppendedAll::Done { uids: None });
        server.await.unwrap();
    }
}

/// A server that refuses in the midst still waits for the literal that it has taken on, and for the end of
/// the command (RFC 9051 §4.3); the messages behind it are not sent.
#[tokio::test]
async fn a_refusal_in_the_midst_ends_the_command() {
    for (capability, first) in [("LITERAL+", "{1+}"), ("X", "{1}\nS: + go")] {
        let script = format!(
            "C: p1 {COMMAND} {first}\nS: p1 NO [OVERQUOTA] full\nC= a\\r\\n\nC: p2 NOOP\nS: p2 OK"
        );
        let capabilities = format!("MULTIAPPEND {capability}");
        let (mut session, server) = logged_in(&capabilities, &script).await;
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let (appends, mut sources): (Vec<_>, Vec<_>) =
            messages(&["a", "b", "c"]).into_iter().unzip();
        let (mut into, from) = tokio::io::duplex(9);
        // The octets come when the refusal has come.
        tokio::spawn(async move {
            wait.await.ok();
            tokio::io::AsyncWriteExt::write_all(&mut into, b"a").await
        });
        sources[0] = Source::new(from);
        let append = session.append_all(appends.iter().zip(sources).collect());
        let refused = append.await.unwrap();
        let AppendedAll::Refused(refusal) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refusal.text, "full");
        go.send(()).unwrap();
        flown(&mut session, [Step::Noop]).await.unwrap();
        server.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_not_wanted_is_not_opened() {
    let script = format!("C: p1 {COMMAND} {{1}}\nS: p1 NO [TRYCREATE] no such mailbox");
    let (mut session, server) = logged_in("MULTIAPPEND", &script).await;
    let never = || -> std::io::Result<Source> { panic!("opened") };
    let appends = [append(1), append(1)];
    let sources = [Source::opened_by(never), Source::opened_by(never)];
    let done = session.append_all(appends.iter().zip(sources).collect());
    let AppendedAll::Refused(refusal) = done.await.unwrap() else {
        panic!("done");
    };
    assert_eq!(refusal.code, Some(Code::TryCreate));
    server.await.unwrap();
}

#[tokio::test]
async fn r7_messages_whose_connection_or_source_ends_are_not_there() {
    let script = format!("C: p1 {COMMAND} {{1+}}\nC= a {FURTHER} {{2+}}\\r\\n\nS!");
    let (mut session, _server) = logged_in("MULTIAPPEND LITERAL+", &script).await;
    let error = together(&mut session, messages(&["a", "bb"])).await;
    assert!(error.is_err(), "{error:?}");
    let script = format!("C: p1 {COMMAND} {{1+}}\nC= a {FURTHER} {{1+}}\\r\\n\nS~");
    let (mut session, _server) = logged_in("MULTIAPPEND LITERAL+", &script).await;
    let lost = || Err(std::io::ErrorKind::NotFound.into());
    let appends = [append(1), append(1)];
    let sources = [source("a"), Source::opened_by(lost)];
    let error = session.append_all(appends.iter().zip(sources).collect());
    let error = error.await.unwrap_err();
    assert!(matches!(error, ImapError::Source(_)), "{error:?}");
}

/// RFC 7889 §4.
#[tokio::test]
async fn what_the_server_finds_too_large_is_not_sent() {
    let (mut session, server) = logged_in("APPENDLIMIT=8 MULTIAPPEND", "S?").await;
    let refused = session.append(&append(9), source("never read")).await;
    let Ok(Appended::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.code, Some(Code::TooBig));
    let appends = [append(1), append(9)];
    assert_eq!(session.together(&appends), 1);
    let both = appends.iter().zip([source("a"), source("b")]).collect();
    let refused = session.append_all(both).await.unwrap();
    assert_eq!(refused, AppendedAll::Refused(refusal));
    server.await.unwrap();
}
