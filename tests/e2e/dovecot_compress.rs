//! COMPRESS=DEFLATE (RFC 4978) with a real Dovecot: on a slow line, and not on loopback as it is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use postrider_core::secret::Secret;
use postrider_core::settings::{AuthChoice, TlsMode};
use postrider_imap::{FlightEvent, Limits, SelectMode, Session, Step, WireName};
use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::Oracle;
use postrider_transport::{Login, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

const MESSAGES: u32 = 250;

#[tokio::test]
async fn a_slow_line_is_compressed_and_every_octet_is_the_same() {
    let server = Dovecot::start();
    let mail = mail();
    let mut oracle = Oracle::login(server.imap_port, "ada", Dovecot::PASSWORD);
    for _ in 0..MESSAGES {
        oracle.append("INBOX", mail.as_bytes(), &[], 1_700_000_000);
    }
    let tcp = || TcpStream::connect(("127.0.0.1", server.imap_port));
    let fast = Box::new(tcp().await.unwrap());
    assert!(!fetch(fast, &mail).await, "loopback is fast");
    let slow = Box::new(Slow::new(tcp().await.unwrap()));
    assert!(fetch(slow, &mail).await, "{}", server.log());
}

/// About 40 KB of text.
fn mail() -> String {
    let lines = (0..1_000).map(|n| format!("line {n} of some length, as mail has them\r\n"));
    format!("Subject: compress me\r\n\r\n{}", lines.collect::<String>())
}

/// Fetches all messages; each must be `mail`. Whether the session was compressed in the end.
async fn fetch(stream: Stream, mail: &str) -> bool {
    let limits = Limits {
        window: 16,
        ..Limits::default()
    };
    let mut session = Session::greet_within(stream, TlsMode::None, limits)
        .await
        .unwrap();
    let login = Login {
        user: "ada".to_owned(),
        password: Secret::new(Dovecot::PASSWORD.to_owned()),
        choice: AuthChoice::Auto,
        service: "imap@localhost".to_owned(),
    };
    session.log_in(&login).await.unwrap();
    let inbox = WireName::encode("INBOX");
    session.select(inbox, SelectMode::ReadOnly).await.unwrap();
    let steps = (1..=MESSAGES).map(|uid| Step::Bodies {
        uids: uid.to_string().parse().unwrap(),
    });
    let (mut body, mut whole) = (Vec::new(), 0);
    let mut flight = session.flight(steps).unwrap();
    while let Some(event) = flight.next().await.unwrap() {
        match event {
            FlightEvent::BodyStart { .. } => body.clear(),
            FlightEvent::BodyChunk(chunk) => body.extend_from_slice(&chunk),
            FlightEvent::BodyEnd { .. } => {
                assert!(body == mail.as_bytes());
                whole += 1;
            }
            FlightEvent::Done { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    drop(flight);
    assert_eq!(whole, MESSAGES);
    let compressed = session.is_compressed();
    session.log_out().await;
    compressed
}

/// A line of about a megabyte a second.
struct Slow {
    stream: TcpStream,
    pause: Pin<Box<Sleep>>,
}

impl Slow {
    const PAUSE: Duration = Duration::from_millis(16);
    const OCTETS: u64 = 16 << 10;

    fn new(stream: TcpStream) -> Self {
        let pause = Box::pin(tokio::time::sleep(Self::PAUSE));
        Self { stream, pause }
    }
}

impl AsyncRead for Slow {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.pause.as_mut().poll(context));
        let mut few = (&mut this.stream).take(Self::OCTETS);
        ready!(Pin::new(&mut few).poll_read(context, buffer))?;
        let next = tokio::time::Instant::now() + Self::PAUSE;
        this.pause.as_mut().reset(next);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
