//! Servers that talk too much, too little, or at the wrong time.

use crate::error::ImapError;
use crate::limits::Limits;
use crate::select::SelectMode;
use crate::session::Session;
use crate::step::FlightEvent;
use crate::step::Step;
use crate::testing::{bodies, flags, flown, greeted, logged_in, selected};
use crate::wire_name::WireName;
use postrider_core::fault::Fault;
use postrider_core::settings::TlsMode;
use postrider_core::uid::UidSet;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

#[tokio::test]
async fn literals_wait_for_the_server_and_a_refused_one_is_not_sent() {
    let odd = || Step::Status(WireName::from_octets(b"a\nb"));
    let script = "C: p1 STATUS {3}\nS?\nS: + go\nC= a\\nb (MESSAGES UIDNEXT UIDVALIDITY)\\r\\n\nC: p2 NOOP\n\
        S: * STATUS {3}\nS= a\\nb (MESSAGES 1)\\r\\n\nS: p1 OK\nS: p2 OK\n\
        C: p3 STATUS {3}\nS: p3 NO [TOOBIG] no\nC: p4 NOOP\nS: p4 OK";
    let (mut session, server) = logged_in("", script).await;
    let events = flown(&mut session, [odd(), Step::Noop]).await.unwrap();
    assert_eq!(events, ["0 status Some(1) None", "0 done", "1 done"]);
    let events = flown(&mut session, [odd(), Step::Noop]).await.unwrap();
    assert_eq!(events, ["0 refused no", "1 done"]);
    server.await.unwrap();
    let (mut session, server) = logged_in("", "S?").await;
    let events = flown(&mut session, [Step::Status(WireName::from_octets(b"a\0"))])
        .await
        .unwrap();
    assert!(events[0].starts_with("0 refused a name"), "{events:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn news_is_kept_without_growing() {
    let script = "C: p1 NOOP\nS: * 5 EXISTS\nS: * 2 EXPUNGE\nS: * VANISHED 7:9\nS: * -1 EXISTS\n\
        S: * 1 FETCH (FLAGS (\\Seen))\nS: * OK [ALERT] disk\nS= * 1 FETCH (UID 1 BODY[] {3}\\r\\nold)\\r\\n\n\
        S: * NO [ALERT]\nS: + what\nS: p1 OK";
    let (mut session, _server) = selected("", script).await;
    assert_eq!(flown(&mut session, [Step::Noop]).await.unwrap(), ["0 done"]);
    let news = session.unsolicited();
    assert_eq!(
        (news.exists, news.vanished, news.flag_changes),
        (Some(1), 4, 1)
    );
    assert_eq!(session.take_alerts(), ["disk", ""]);
}

#[tokio::test]
async fn a_server_that_writes_before_it_reads_gets_its_way() {
    let (client, mut server) = tokio::io::duplex(64);
    let flood = tokio::spawn(async move {
        server
            .write_all(b"* OK [CAPABILITY IMAP4rev1] hi\r\n")
            .await
            .unwrap();
        let mut line = [0; 1];
        server.read_exact(&mut line).await.unwrap();
        // Nothing more is read until all this is written.
        for _ in 0..1_000 {
            server
                .write_all(b"* OK some words that fill the pipe\r\n")
                .await
                .unwrap();
        }
        let mut received = vec![line[0]];
        while !received.ends_with(b"p200 NOOP\r\n") {
            server.read_buf(&mut received).await.unwrap();
        }
        for number in 1..=200 {
            server
                .write_all(format!("p{number} OK\r\n").as_bytes())
                .await
                .unwrap();
        }
        server
    });
    let limits = Limits {
        window: 1_000,
        ..Limits::default()
    };
    let mut session = Session::greet_within(Box::new(client), TlsMode::None, limits)
        .await
        .unwrap();
    let events = flown(&mut session, vec![Step::Noop; 200]).await.unwrap();
    assert_eq!(events.len(), 200);
    drop(flood.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn still_here_for_ever_ends() {
    let (client, mut server) = tokio::io::duplex(64);
    let talker = tokio::spawn(async move {
        server
            .write_all(b"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n")
            .await
            .unwrap();
        loop {
            tokio::time::sleep(Duration::from_secs(30)).await;
            if server.write_all(b"* OK Still here\r\n").await.is_err() {
                return;
            }
        }
    });
    let mut session = Session::greet(Box::new(client), TlsMode::None)
        .await
        .unwrap();
    let began = tokio::time::Instant::now();
    let error = flown(&mut session, [Step::Noop]).await.unwrap_err();
    assert!(matches!(error, ImapError::Patience { .. }), "{error}");
    assert_eq!(began.elapsed().as_secs(), 600);
    assert_eq!(error.fault(), Fault::Unreachable);
    drop(session);
    talker.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_message_that_flows_is_waited_for_and_one_that_trickles_is_not() {
    let timeout = Duration::from_secs(2);
    for (octets_a_second, is_borne) in [(200, true), (50, false)] {
        let (client, server) = tokio::io::duplex(1 << 16);
        let server = tokio::spawn(async move {
            let mut server = BufReader::new(server);
            let greeting = b"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n";
            server.write_all(greeting).await.unwrap();
            let mut heard = String::new();
            server.read_line(&mut heard).await.unwrap();
            let opened = b"* OK [UIDVALIDITY 1] x\r\np1 OK done\r\n";
            server.write_all(opened).await.unwrap();
            server.read_line(&mut heard).await.unwrap();
            let row = b"* 1 FETCH (UID 1 FLAGS () BODY[] {20000}\r\n";
            server.write_all(row).await.unwrap();
            for _ in 0..20_000 / octets_a_second {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let octets = vec![b'x'; octets_a_second];
                if server.write_all(&octets).await.is_err() {
                    return;
                }
            }
            server.write_all(b")\r\np2 OK done\r\n").await.unwrap();
            // Whoever takes it hangs up.
            server.read_line(&mut heard).await.unwrap();
        });
        let limits = Limits::for_timeout(timeout);
        let greeted = Session::greet_within(Box::new(client), TlsMode::None, limits);
        let mut session = greeted.await.unwrap();
        let inbox = WireName::encode("INBOX");
        session.select(inbox, SelectMode::ReadOnly).await.unwrap();
        let began = tokio::time::Instant::now();
        let uids = "1".parse().unwrap();
        let fetched = flown(&mut session, [Step::Bodies { uids }]).await;
        let took = began.elapsed().as_secs();
        if is_borne {
            fetched.unwrap();
            assert_eq!(took, 100);
        } else {
            let error = fetched.unwrap_err();
            assert!(matches!(error, ImapError::Patience { .. }), "{error}");
            assert!((20..100).contains(&took), "{took}");
        }
        drop(session);
        server.await.unwrap();
    }
}

/// Talks for ever, saying `line(n)`.
fn chatterbox(line: impl Fn(u32) -> String + Send + 'static) -> postrider_transport::Stream {
    let (client, mut server) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let mut text = "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n".to_owned();
        for number in 1.. {
            if text.len() > 60_000 {
                if server.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
                text.clear();
            }
            text.push_str(&line(number));
        }
    });
    Box::new(client)
}

#[tokio::test]
async fn chatter_listings_and_rows_of_the_same_message_end() {
    let limits = Limits {
        chatter_octets: 1 << 20,
        listing_octets: 1 << 20,
        ..Limits::default()
    };
    let mut session = Session::greet_within(
        chatterbox(|_| "* OK Still here\r\n".to_owned()),
        TlsMode::None,
        limits,
    )
    .await
    .unwrap();
    let error = flown(&mut session, [Step::Noop]).await.unwrap_err();
    assert!(matches!(error, ImapError::Chatter { .. }), "{error}");
    let names = chatterbox(|number| format!("* LIST () \"/\" m{number}\r\n"));
    let mut session = Session::greet_within(names, TlsMode::None, limits)
        .await
        .unwrap();
    let error = flown(&mut session, [Step::List]).await.unwrap_err();
    assert!(matches!(error, ImapError::ListingTooLong { .. }), "{error}");
    let opened = "* 1 EXISTS\r\np1 OK\r\n";
    let rows = chatterbox(move |number| match number {
        1 => opened.to_owned(),
        _ => "* 1 FETCH (UID 1 FLAGS ())\r\n".to_owned(),
    });
    let mut session = Session::greet_within(rows, TlsMode::None, limits)
        .await
        .unwrap();
    session
        .select(WireName::encode("a"), SelectMode::ReadOnly)
        .await
        .unwrap();
    let mut flight = session.flight([flags("1:9")]).unwrap();
    let error = loop {
        match flight.next().await {
            Ok(event) => assert!(event.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ImapError::Chatter { .. }), "{error}");
    let same = chatterbox(move |number| match number {
        1 => opened.to_owned(),
        _ => "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n".to_owned(),
    });
    let greeted = Session::greet_within(same, TlsMode::None, limits);
    let mut session = greeted.await.unwrap();
    let inbox = WireName::encode("a");
    session.select(inbox, SelectMode::ReadOnly).await.unwrap();
    let (mut flight, mut whole) = (session.flight([bodies("1")]).unwrap(), 0);
    let error = loop {
        match flight.next().await {
            Ok(Some(FlightEvent::BodyEnd { .. })) => whole += 1,
            Ok(event) => assert!(event.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ImapError::Chatter { .. }), "{error}");
    assert_eq!(whole, 18, "twice as many as were asked for, and some");
}

#[tokio::test]
async fn r7_a_server_that_answers_two_commands_at_once_loses_no_message() {
    let mixed = chatterbox(|number| match number {
        1 => "* 90 EXISTS\r\np1 OK\r\n".to_owned(),
        2..91 => format!("* 1 FETCH (UID {} BODY[] {{3}}\r\nabc)\r\n", 91 - number),
        _ => "p3 OK\r\np2 OK\r\n* BYE\r\n".to_owned(),
    });
    let greeted = Session::greet_within(mixed, TlsMode::None, Limits::default());
    let mut session = greeted.await.unwrap();
    let inbox = WireName::encode("a");
    session.select(inbox, SelectMode::ReadOnly).await.unwrap();
    let steps = [bodies("90"), bodies("1:89")];
    let (mut flight, mut whole) = (session.flight(steps).unwrap(), 0);
    while let Some(event) = flight.next().await.unwrap() {
        whole += u32::from(matches!(event, FlightEvent::BodyEnd { .. }));
    }
    assert_eq!(whole, 89);
}

#[tokio::test]
async fn a_dropped_flight_takes_the_session_and_a_dropped_wait_does_not() {
    let (mut session, _server) = logged_in("", "C: p1 NOOP\nS~").await;
    let mut flight = session.flight([Step::Noop]).unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(20), flight.next()).await;
    assert!(waited.is_err());
    drop(flight);
    assert!(matches!(session.flight([]), Err(ImapError::Abandoned)));
    assert!(matches!(
        session.run(Step::Noop).await,
        Err(ImapError::Abandoned)
    ));

    let script = "C: p1 UID FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\n\
        S= * 1 FETCH (UID 1 BODY[] {6}\\r\\nhel\nS?\nS= lo!)\\r\\n\nS?\nS: p1 OK";
    let (mut session, _server) = selected("", script).await;
    let mut flight = session.flight([bodies("1")]).unwrap();
    let (mut body, mut done, mut dropped) = (Vec::new(), false, 0);
    loop {
        match tokio::time::timeout(Duration::from_millis(1), flight.next()).await {
            Err(_elapsed) => dropped += 1,
            Ok(Ok(None)) => break,
            Ok(Ok(Some(FlightEvent::BodyChunk(chunk)))) => body.extend_from_slice(&chunk),
            Ok(Ok(Some(event))) => done |= matches!(event, FlightEvent::Done { .. }),
            Ok(Err(error)) => panic!("{error}"),
        }
    }
    assert!(done && dropped > 0);
    assert_eq!(body, b"hello!");
}

#[tokio::test]
async fn steps_may_join_a_flight_under_way_and_empty_ones_cost_nothing() {
    let (mut session, server) = selected("", "C: p1 NOOP\nS: p1 OK\nC: p2 NOOP\nS: p2 OK").await;
    let mut flight = session.flight([Step::Noop, bodies("1").emptied()]).unwrap();
    assert_eq!(
        flight.next().await.unwrap(),
        Some(FlightEvent::Done { step: 1 })
    );
    assert_eq!(
        flight.next().await.unwrap(),
        Some(FlightEvent::Done { step: 0 })
    );
    assert_eq!(flight.push(Step::Noop), 2);
    assert_eq!(
        flight.next().await.unwrap(),
        Some(FlightEvent::Done { step: 2 })
    );
    assert_eq!(flight.next().await.unwrap(), None);
    drop(flight);
    session.log_out().await;
    server.await.unwrap();
}

impl Step {
    fn emptied(self) -> Self {
        match self {
            Self::Bodies { .. } => Self::Bodies {
                uids: UidSet::new(),
            },
            other => other,
        }
    }
}

#[tokio::test]
async fn who_we_are_is_told_where_it_is_asked() {
    let version = env!("CARGO_PKG_VERSION");
    let script = format!(
        "C: p1 ID (\"name\" \"postrider\" \"version\" \"{version}\")\nS: * ID NIL\nS: p1 OK"
    );
    let (mut session, server) = logged_in("ID", &script).await;
    assert_eq!(flown(&mut session, [Step::Id]).await.unwrap(), ["0 done"]);
    server.await.unwrap();
    let (mut session, _server) = greeted("S~").await;
    assert_eq!(flown(&mut session, [Step::Id]).await.unwrap(), ["0 done"]);
}

#[tokio::test]
async fn what_is_open_for_reading_is_known_until_the_next_select() {
    let script = "C: p1 EXAMINE \"a\"\nS: * OK [UIDVALIDITY 7]\nS: p1 OK\n\
        C: p2 EXAMINE \"b\"\nS: p2 NO\n\
        C: p3 EXAMINE \"a\"\nS: * OK [UIDVALIDITY 7]\nS: * OK [UIDNOTSTICKY]\nS: p3 OK\n\
        C: p4 SELECT \"a\"\nS: * OK [UIDVALIDITY 7]\nS: p4 OK\n\
        C: p5 EXAMINE \"a\"\nS: p5 OK\n\
        C: p6 EXAMINE \"a\"\nC: p7 EXAMINE \"b\"\nS: * OK [UIDVALIDITY 7]\nS: p6 OK\nS: * OK [UIDVALIDITY 8]\nS: p7 OK\n\
        C: p8 UNSELECT\nS: p8 OK";
    let (mut session, server) = logged_in("UNSELECT", script).await;
    let open = |name, mode| Step::Select {
        mailbox: WireName::encode(name),
        mode,
        resync: None,
    };
    let examine = |name| open(name, SelectMode::ReadOnly);
    let shown = |session: &Session| {
        let examined = session.examined();
        examined.map(|(mailbox, epoch)| (mailbox.clone(), epoch.as_u32()))
    };
    let is = |name, epoch| Some((WireName::encode(name), epoch));
    for (steps, open) in [
        (vec![examine("a")], is("a", 7)),
        (vec![examine("b")], None),
        // Its UIDs last no longer than the session.
        (vec![examine("a")], None),
        (vec![open("a", SelectMode::ReadWrite)], None),
        (vec![examine("a")], None),
        (vec![examine("a"), examine("b")], is("b", 8)),
        (vec![Step::Unselect], None),
    ] {
        flown(&mut session, steps).await.unwrap();
        assert_eq!(shown(&session), open);
    }
    server.await.unwrap();
}
