//! Against real TLS servers on loopback, with certificates made for the occasion.

use super::*;
use crate::TlsError;
use crate::testing::{Authority, Ending, LIMIT, address, echo};
use postrider_core::fault::Fault;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

#[tokio::test]
async fn start_tls_verifies_like_implicit_tls() {
    let authority = Authority::new();
    for (name, good) in [("localhost", true), ("elsewhere", false)] {
        let config = authority.sign(&[name], -1..1);
        let (port, server) = echo(config, Ending::CloseNotify).await;
        let address = address(
            "localhost",
            port,
            TlsMode::StartTls,
            Some(authority.ca_file()),
        );
        let connector = Connector::new();
        let stream = connector.connect(&address, LIMIT).await.unwrap();
        let secured = connector.start_tls(stream, &address).await;
        assert_eq!(secured.is_ok(), good, "{name}");
        server.abort();
    }
}

#[tokio::test]
async fn cleartext_where_tls_was_due_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"* OK IMAP4rev1 ready\r\n").await.unwrap();
        tcp
    });
    let authority = Authority::new();
    let address = address(
        "127.0.0.1",
        port,
        TlsMode::Implicit,
        Some(authority.ca_file()),
    );
    let error = Connector::new()
        .connect(&address, LIMIT)
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, TransportError::Tls(TlsError::NotTls { .. })),
        "{error:?}"
    );
    server.await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_hangs_ends() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = address(
        "127.0.0.1",
        port,
        TlsMode::Implicit,
        Some(authority.ca_file()),
    );
    let limit = Duration::from_millis(200);
    let error = Connector::new()
        .connect(&address, limit)
        .await
        .err()
        .unwrap();
    assert_eq!(error.fault(), Fault::Unreachable, "{error:?}");
    drop(listener);
}

#[tokio::test]
async fn a_handshake_after_starttls_that_trickles_ends() {
    let authority = Authority::new();
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let address = address("localhost", 1, TlsMode::StartTls, Some(authority.ca_file()));
    let connector = Connector::new();
    // Loaded before time is paused: a paused clock jumps while a blocking thread works.
    connector.tls_warm_up(&address).await;
    tokio::time::pause();
    let peer = tokio::spawn(async move {
        // A handshake record of 16 KiB, an octet every ten seconds: never idle, never done.
        let header = [22, 3, 3, 0x40, 0];
        for octet in header.into_iter().chain(std::iter::repeat(0)) {
            if theirs.write_u8(octet).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    });
    let stream: Stream = Box::new(IdleTimeout::new(ours, LIMIT * 4));
    let began = tokio::time::Instant::now();
    let result = connector.start_tls(stream, &address).await;
    assert!(matches!(
        result,
        Err(TransportError::TimedOut {
            phase: Phase::Tls,
            ..
        })
    ));
    assert_eq!(began.elapsed().as_secs(), HANDSHAKE.as_secs());
    peer.await.unwrap();
}

#[tokio::test]
async fn nobody_listening_is_said_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let address = address("127.0.0.1", port, TlsMode::None, None);
    let error = Connector::new()
        .connect(&address, LIMIT)
        .await
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        format!("127.0.0.1:{port} refused the connection")
    );
    assert_eq!(error.fault(), Fault::Unreachable);
}

#[test]
fn hosts_lose_their_dress() {
    for (host, bare) in [
        ("imap.example.org", "imap.example.org"),
        ("imap.example.org.", "imap.example.org"),
        ("[::1]", "::1"),
        ("::1", "::1"),
    ] {
        assert_eq!(bare_host(host), bare);
    }
}

impl Connector {
    async fn tls_warm_up(&self, address: &ServerAddress) {
        let (ours, theirs) = tokio::io::duplex(1);
        drop(theirs);
        assert!(
            self.tls
                .handshake(ours, address, &Seen::default())
                .await
                .is_err()
        );
    }
}
