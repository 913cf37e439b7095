//! Sessions that are resumed, and connections that are cut.

use super::*;
use crate::testing::{Authority, Ending, Issued, address, echo, params, server_config};
use postrider_core::pin::Pin;
use postrider_core::settings::TlsMode;
use rcgen::KeyPair;
use rustls::version::{TLS12, TLS13};

#[tokio::test]
async fn a_second_connection_resumes_the_session_in_both_versions() {
    let authority = Authority::new();
    let issued = authority.issue(&["localhost", "127.0.0.1"], -1..1);
    for (version, name) in [(&TLS13, "TLS 1.3"), (&TLS12, "TLS 1.2")] {
        for host in ["localhost", "127.0.0.1", "localhost."] {
            let config = server_config(vec![issued.der()], &issued.key, &[version]);
            let (port, server) = echo(config, Ending::CloseNotify).await;
            let address = address(host, port, TlsMode::Implicit, Some(authority.ca_file()));
            let connector = Connector::new();
            for resumed in [false, true] {
                talk(&connector, &address).await.unwrap();
                let secured = connector.secured().unwrap();
                assert_eq!((secured.version.as_str(), secured.resumed), (name, resumed));
                // Of a session that is resumed the certificate is known as well.
                assert_eq!(secured.chain.len(), 1, "{name}");
            }
            assert_eq!(server.await.unwrap(), [false, true], "{name}, {host}");
        }
    }
}

#[tokio::test]
async fn r9_a_session_is_not_resumed_past_another_pin() {
    let own = Issued::by_itself(params(&["a"], -1..1), KeyPair::generate().unwrap());
    for version in [&TLS13, &TLS12] {
        let config = server_config(vec![own.der()], &own.key, &[version]);
        let (port, server) = echo(config, Ending::CloseNotify).await;
        let mut address = address("localhost", port, TlsMode::Implicit, None);
        address.pins = vec![pins::of(&own.der())];
        let connector = Connector::new();
        talk(&connector, &address).await.unwrap();
        address.pins = vec![Pin::of_digest([7; 32])];
        let error = talk(&connector, &address).await.unwrap_err();
        assert_eq!(because(&error), &Because::Pin);
        server.abort();
    }
}

#[tokio::test]
async fn r7_a_cut_without_close_notify_is_no_end() {
    let authority = Authority::new();
    let issued = authority.issue(&["127.0.0.1"], -1..1);
    for version in [&TLS13, &TLS12] {
        let config = server_config(vec![issued.der()], &issued.key, &[version]);
        let (port, server) = echo(config, Ending::Cut).await;
        let address = address(
            "127.0.0.1",
            port,
            TlsMode::Implicit,
            Some(authority.ca_file()),
        );
        let mut stream = Connector::new().connect(&address, LIMIT).await.unwrap();
        let error = ping(&mut stream).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        server.abort();
    }
}
