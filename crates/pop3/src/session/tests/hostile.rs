//! Servers that trickle, fall silent, hang up, answer too early or never end.

use super::*;

#[tokio::test]
async fn an_answer_that_comes_before_its_question_is_not_believed() {
    let (mut session, _server) = modern("C: RSET\nS: +OK^+OK 0 0\nS?").await;
    session.reset().await.unwrap();
    let error = session.survey().await.unwrap_err();
    assert!(
        matches!(error, Pop3Error::Unsolicited { command: "STAT" }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_trickles_is_left_within_minutes() {
    let (ours, mut theirs) = duplex(1 << 16);
    let server = tokio::spawn(async move {
        theirs.write_all(b"+OK\r\n").await.unwrap();
        let mut capa = [0; 6];
        theirs.read_exact(&mut capa).await.unwrap();
        // Never idle for a minute, never done.
        while theirs.write_all(b"+").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(50)).await;
        }
    });
    let stream: Stream = Box::new(IdleTimeout::new(ours, Duration::from_secs(60)));
    let mut session = Authorization::greet(stream, TlsMode::None).await.unwrap();
    let began = tokio::time::Instant::now();
    let error = session.capabilities().await.unwrap_err();
    assert!(
        matches!(
            error,
            Pop3Error::Deadline {
                command: "CAPA",
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(began.elapsed().as_secs(), 300);
    assert_eq!(error.fault(), Fault::Unreachable);
    drop(session);
    server.await.unwrap();
}

/// The listing of capabilities, so many octets a second for a minute, and how its asker fared.
async fn listing_at(octets_a_second: usize) -> (Result<(), Pop3Error>, u64) {
    let (ours, mut theirs) = duplex(1 << 16);
    tokio::spawn(async move {
        theirs.write_all(b"+OK\r\n").await.unwrap();
        let mut capa = [0; 6];
        theirs.read_exact(&mut capa).await.unwrap();
        theirs.write_all(b"+OK\r\n").await.unwrap();
        let row = format!("{}\r\n", "X".repeat(octets_a_second - 2));
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if theirs.write_all(row.as_bytes()).await.is_err() {
                return;
            }
        }
        theirs.write_all(b".\r\n").await.unwrap();
        let mut rest = Vec::new();
        theirs.read_to_end(&mut rest).await.unwrap();
    });
    let timeout = Duration::from_secs(2);
    let greeted = Authorization::greet_within(Box::new(ours), TlsMode::None, timeout);
    let mut session = greeted.await.unwrap();
    let began = tokio::time::Instant::now();
    let asked = session.capabilities().await.map(drop);
    (asked, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_flows_is_waited_for_and_one_that_trickles_is_not() {
    let (asked, took) = listing_at(300).await;
    asked.unwrap();
    assert_eq!(took, 60);
    let (asked, took) = listing_at(20).await;
    let error = asked.unwrap_err();
    assert!(matches!(error, Pop3Error::Deadline { .. }), "{error:?}");
    assert_eq!(took, 10);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_left_after_the_idle_timeout() {
    let (ours, _theirs) = duplex(64);
    let stream: Stream = Box::new(IdleTimeout::new(ours, Duration::from_secs(60)));
    let began = tokio::time::Instant::now();
    let error = Authorization::greet(stream, TlsMode::None)
        .await
        .unwrap_err();
    assert!(matches!(error, Pop3Error::Io { .. }), "{error:?}");
    assert_eq!(began.elapsed().as_secs(), 60);
}

/// Both pipes are far smaller than what is under way in each direction: whoever writes before he
/// reads would wait for ever.
#[tokio::test(start_paused = true)]
async fn a_pipeline_larger_than_every_buffer_does_not_deadlock() {
    const MESSAGES: u32 = 500;
    let (ours, theirs) = duplex(64);
    let server = tokio::spawn(async move {
        let mut theirs = BufReader::new(theirs);
        let capabilities = "+OK\r\n+OK\r\nSASL PLAIN\r\nPIPELINING\r\n.\r\n+OK\r\n";
        for (at, answer) in capabilities.split_inclusive("\r\n").enumerate() {
            // CAPA's answer is four lines; each of the others answers one command.
            if at == 1 || at == 5 {
                let mut said = String::new();
                theirs.read_line(&mut said).await.unwrap();
            }
            theirs.write_all(answer.as_bytes()).await.unwrap();
        }
        let mut deleted = 0;
        loop {
            let mut said = String::new();
            theirs.read_line(&mut said).await.unwrap();
            let answer = match said.split_at(4).0 {
                "RETR" => format!("+OK\r\n{}\r\n.\r\n", "x".repeat(300)),
                "DELE" => {
                    deleted += 1;
                    format!("+OK {}\r\n", "deleted ".repeat(20))
                }
                _ => "+OK\r\n".to_owned(),
            };
            theirs.write_all(answer.as_bytes()).await.unwrap();
            if said.starts_with("QUIT") {
                return deleted;
            }
        }
    });
    let stream: Stream = Box::new(IdleTimeout::new(ours, Duration::from_secs(60)));
    let session = Authorization::greet(stream, TlsMode::None).await.unwrap();
    let mut session = session.log_in(&login(AuthChoice::Auto)).await.unwrap();
    let numbers: Vec<u32> = (1..=MESSAGES).collect();
    let mut retrieval = session.retrieve(numbers.clone());
    let mut whole = 0;
    while let Some(event) = retrieval.next().await.unwrap() {
        if let RetrieveEvent::End { octets_on_wire, .. } = event {
            assert_eq!(octets_on_wire, 302);
            whole += 1;
        }
    }
    assert_eq!(whole, MESSAGES);
    let quit = session.delete_and_quit(&numbers).await.unwrap();
    assert!(quit.committed);
    assert_eq!(quit.deleted, numbers);
    // CAPA, AUTH, one flight of RETR, one of DELE and QUIT.
    assert_eq!(quit.round_trips, 4);
    assert_eq!(server.await.unwrap(), MESSAGES);
}

#[tokio::test]
async fn listings_without_end_are_cut_off() {
    let (ours, mut theirs) = duplex(1 << 20);
    let server = tokio::spawn(async move {
        let mut capa = [0; 6];
        theirs.write_all(b"+OK\r\n").await.unwrap();
        theirs.read_exact(&mut capa).await.unwrap();
        theirs.write_all(b"+OK\r\n").await.unwrap();
        let flood = b"X-FLOOD\r\n".repeat(4096);
        // More than any answer may have; and an end, for a client that never has enough.
        for _ in 0..3_000 {
            if theirs.write_all(&flood).await.is_err() {
                return;
            }
        }
    });
    let mut session = Authorization::greet(Box::new(ours), TlsMode::None)
        .await
        .unwrap();
    let error = session.capabilities().await.unwrap_err();
    assert!(
        matches!(
            error,
            Pop3Error::TooLarge {
                command: "CAPA",
                ..
            }
        ),
        "{error:?}"
    );
    drop(session);
    server.await.unwrap();
    let line = format!("S: +OK\nC: CAPA\nS: +OK\nS: {}\nS?", "x".repeat(9000));
    let (stream, _server) = play(&line);
    let mut session = Authorization::greet(stream, TlsMode::None).await.unwrap();
    let error = session.capabilities().await.unwrap_err();
    assert!(matches!(error, Pop3Error::LineTooLong { .. }), "{error:?}");
}

/// What comes of a maildrop of so many messages, whose unique-ids are as long as any may be.
async fn survey_of(messages: u32) -> Result<Maildrop, Pop3Error> {
    let (ours, theirs) = duplex(1 << 20);
    tokio::spawn(async move {
        let mut theirs = BufReader::new(theirs);
        theirs.write_all(b"+OK\r\n").await.unwrap();
        let mut said = String::new();
        while theirs.read_line(&mut said).await.unwrap() > 0 {
            let row = |number: u32| match said.as_str() {
                "LIST\r\n" => format!("{number} 1\r\n"),
                _ => format!("{number} {number:070}\r\n"),
            };
            let answer = match said.as_str() {
                "CAPA\r\n" => "-ERR\r\n".to_owned(),
                "STAT\r\n" => format!("+OK {messages} {messages}\r\n"),
                "LIST\r\n" | "UIDL\r\n" => {
                    let rows: String = (1..=messages).map(row).collect();
                    format!("+OK\r\n{rows}.\r\n")
                }
                _ => "+OK\r\n".to_owned(),
            };
            if theirs.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            said.clear();
        }
    });
    let session = Authorization::greet(Box::new(ours), TlsMode::None).await?;
    let mut session = session.log_in(&login(AuthChoice::Auto)).await?;
    session.survey().await
}

#[tokio::test]
async fn r11_a_listing_that_is_too_large_to_be_kept_is_refused_and_not_cut() {
    for (messages, refused) in [
        (1_000, None),
        (400_000, Some("UIDL")),
        (1_200_000, Some("LIST")),
    ] {
        match (survey_of(messages).await, refused) {
            (Ok(maildrop), None) => {
                assert!(maildrop.witnesses_agree);
                assert_eq!(maildrop.messages.len(), 1_000);
            }
            (Err(Pop3Error::TooLarge { command, .. }), Some(refused)) => {
                assert_eq!(command, refused, "{messages}");
            }
            (surveyed, _) => panic!("{messages}: {:?}", surveyed.map(|found| found.count)),
        }
    }
}

#[tokio::test]
async fn the_end_of_the_connection_is_never_the_end_of_an_answer() {
    for script in [
        "C: STAT\nC: LIST\nC: UIDL\nS: +OK 2 30\nS: +OK\nS: 1 10\nS!",
        "C: STAT\nC: LIST\nC: UIDL\nS: +OK 2 30\nS: +OK\nS: 1 10\nS: 2 20\nS: .\nS!",
        "C: STAT\nC: LIST\nC: UIDL\nS: +OK 2 30\nS: +OK\nS: 1 10\nS: .\\\nS!",
        "C: STAT\nC: LIST\nC: UIDL\nS: +OK 2 30\\\nS!",
    ] {
        let (mut session, _server) = modern(script).await;
        let error = session.survey().await.unwrap_err();
        assert!(
            matches!(error, Pop3Error::Closed { .. }),
            "{script}: {error:?}"
        );
        assert_eq!(error.fault(), Fault::Unreachable);
    }
    let closed = "!the server closed the connection during RETR";
    for (script, expected) in [
        ("S: +OK\nS: half\nS!", "1<half|"),
        ("S: +OK\nS: half\nS: .\\\nS!", "1<half|"),
        ("S: +OK\nS: whole\nS: .\nS!", "1<whole|>7 "),
        ("S!", ""),
    ] {
        let (mut session, _server) = modern(&format!("C: RETR 1\nC: RETR 2\n{script}")).await;
        let told = retrieve(&mut session, &[1, 2]).await;
        assert_eq!(told, format!("{expected}{closed}"), "{script}");
        // What is left of the session is of no use, and says so.
        assert!(matches!(
            session.survey().await,
            Err(Pop3Error::Interrupted)
        ));
    }
}
