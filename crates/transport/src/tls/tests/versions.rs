//! Servers that know no version of TLS that is safe.

use super::*;
use crate::testing::{Authority, address};
use postrider_core::fault::Fault;
use postrider_core::settings::TlsMode;
use tokio::net::TcpListener;

/// A ServerHello (RFC 5246 §7.4.1.3) that chooses this version, as a server does that cannot do better.
fn server_hello(version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([0x5a; 32]);
    // No session id; TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA; no compression; no extensions.
    body.extend([0, 0xc0, 0x13, 0, 0, 0]);
    let length = u8::try_from(body.len()).unwrap();
    let mut message = vec![2, 0, 0, length];
    message.append(&mut body);
    let mut record = vec![22, version[0], version[1], 0, length + 4];
    record.append(&mut message);
    record
}

/// What comes of a server that answers every hello with this.
async fn met(answer: Vec<u8>) -> TransportError {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut hello = [0; 2_048];
        assert!(tcp.read(&mut hello).await.unwrap() > 0);
        tcp.write_all(&answer).await.unwrap();
        // Until the client has read it and hung up: otherwise a reset may overtake the answer.
        while tcp.read(&mut hello).await.is_ok_and(|octets| octets > 0) {}
    });
    let address = address(
        "127.0.0.1",
        port,
        TlsMode::Implicit,
        Some(authority.ca_file()),
    );
    let error = talk(&Connector::new(), &address).await.unwrap_err();
    server.await.unwrap();
    error
}

#[tokio::test]
async fn tls_before_1_2_is_refused_and_named() {
    // TLS 1.1, TLS 1.0, SSL 3; and the alert by which OpenSSL says that it cannot do better.
    let alert = vec![21, 3, 1, 0, 2, 2, 70];
    for answer in [
        server_hello([3, 2]),
        server_hello([3, 1]),
        server_hello([3, 0]),
        alert,
    ] {
        let error = met(answer.clone()).await;
        assert!(
            matches!(error, TransportError::Tls(TlsError::TooOld { .. })),
            "{answer:?}: {error:?}"
        );
        assert_eq!(error.fault(), Fault::Tls);
        assert!(error.hint().unwrap().contains("operator must update"));
    }
}

#[tokio::test]
async fn an_alert_that_says_little_is_told_with_a_way_to_look() {
    // handshake_failure, without having asked for a certificate: nothing is in common.
    let error = met(vec![21, 3, 3, 0, 2, 2, 40]).await;
    assert!(
        matches!(error, TransportError::Tls(TlsError::Handshake { .. })),
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("openssl s_client"));
}
