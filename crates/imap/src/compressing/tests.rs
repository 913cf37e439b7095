//! Lines that are slow, fast, and servers that refuse.

use crate::session::Session;
use crate::step::Step;
use crate::testing::flown;
use postrider_core::settings::TlsMode;
use postrider_core::uid::UidSet;
use postrider_transport::{Deflate, Stream};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};
use tokio::task::JoinHandle;

const BODY: usize = 10_000;

/// A server of bodies, each of which takes `pause`. It agrees to compress, or not. At the end it tells
/// after how many bodies it was asked to, if ever.
fn serve(pause: Duration, answer: &'static str) -> (DuplexStream, JoinHandle<Option<usize>>) {
    let (client, server) = tokio::io::duplex(1 << 16);
    (
        client,
        tokio::spawn(bodies(Box::new(server), pause, answer)),
    )
}

async fn bodies(stream: Stream, pause: Duration, answer: &'static str) -> Option<usize> {
    let mut stream = BufReader::new(stream);
    let greeting = "* PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] hi\r\n";
    stream.write_all(greeting.as_bytes()).await.unwrap();
    let (mut served, mut asked) = (0, None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return asked;
        }
        let (tag, command) = line.trim_end().split_once(' ').unwrap();
        if command == "COMPRESS DEFLATE" {
            assert!(asked.is_none(), "once");
            asked = Some(served);
            assert!(stream.buffer().is_empty(), "sent on the hope for a yes");
            let reply = format!("{tag} {answer}\r\n");
            stream.write_all(reply.as_bytes()).await.unwrap();
            if answer == "OK" {
                let inner = stream.into_inner();
                let compressed: Stream = Box::new(Deflate::new(inner, vec![]));
                stream = BufReader::new(compressed);
            }
            continue;
        }
        let behind = String::from_utf8_lossy(stream.buffer());
        assert!(!behind.contains("COMPRESS"), "asked while bodies are due");
        let uids = command.strip_prefix("UID FETCH ").unwrap();
        let uids: UidSet = uids.split(' ').next().unwrap().parse().unwrap();
        for uid in uids.iter() {
            tokio::time::sleep(pause).await;
            let row = format!("* 1 FETCH (UID {uid} BODY[] {{{BODY}}}\r\n");
            let row = [row.as_bytes(), &[b'a'; BODY], b")\r\n"].concat();
            stream.write_all(&row).await.unwrap();
            served += 1;
        }
        let reply = format!("{tag} OK\r\n");
        stream.write_all(reply.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
}

/// Fetches messages, so many a command, and tells whether the session compressed at the end.
async fn fetch(client: DuplexStream, messages: u32, a_command: u32) -> bool {
    let mut session = Session::greet(Box::new(client), TlsMode::None)
        .await
        .unwrap();
    session.state = crate::session::SessionState::Selected;
    let firsts = (1..=messages).step_by(a_command as usize);
    let steps = firsts.map(|first| Step::Bodies {
        uids: format!("{first}:{}", first + a_command - 1)
            .parse()
            .unwrap(),
    });
    let events = flown(&mut session, steps).await.unwrap();
    let fetched = events.iter().filter(|event| event.contains(" fetched "));
    assert_eq!(fetched.count(), messages as usize);
    let done = events.iter().filter(|event| event.ends_with("done"));
    assert_eq!(done.count(), (messages / a_command) as usize);
    session.is_compressed()
}

#[tokio::test(start_paused = true)]
async fn a_slow_line_is_compressed_once_between_commands() {
    let (client, server) = serve(Duration::from_millis(100), "OK");
    assert!(fetch(client, 4_000, 1).await);
    // A window of commands was under way when a second had passed.
    let asked = server.await.unwrap().unwrap();
    assert!((900..1_050).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn not_much_is_asked_for_before_the_line_is_known() {
    let (client, server) = serve(Duration::from_millis(100), "OK");
    assert!(fetch(client, 4_000, 200).await);
    let asked = server.await.unwrap().unwrap();
    assert_eq!(
        asked, 1_200,
        "six commands, the first of which were more than 1,024"
    );
}

#[tokio::test(start_paused = true)]
async fn fast_lines_and_short_fetches_are_left_alone() {
    let (client, server) = serve(Duration::ZERO, "OK");
    assert!(!fetch(client, 4_000, 200).await);
    assert_eq!(server.await.unwrap(), None);
    let (client, server) = serve(Duration::from_millis(100), "OK");
    assert!(!fetch(client, 100, 1).await);
    assert_eq!(server.await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_changes_nothing() {
    let (client, server) = serve(Duration::from_millis(100), "NO [COMPRESSIONACTIVE] no");
    assert!(!fetch(client, 4_000, 1).await);
    assert!(server.await.unwrap().is_some());
}
