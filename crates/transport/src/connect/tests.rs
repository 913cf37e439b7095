//! Against real TLS servers on loopback, with certificates made for the occasion.

use super::*;
use postrider_core::fault::Fault;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const LIMIT: Duration = Duration::from_secs(5);

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    dir: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let name = format!("authority {:?}", std::time::Instant::now());
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            dir,
        }
    }

    fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate for `names` whose validity is these many days from now.
    fn sign(&self, names: &[&str], days: std::ops::Range<i64>) -> Arc<ServerConfig> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = OffsetDateTime::now_utc();
        params.not_before = now + time::Duration::days(days.start);
        params.not_after = now + time::Duration::days(days.end);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        server_config(certificate.der().clone(), &key, rustls::DEFAULT_VERSIONS)
    }
}

fn server_config(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

fn address(host: &str, port: u16, tls: TlsMode, ca_file: Option<PathBuf>) -> ServerAddress {
    ServerAddress {
        host: host.to_owned(),
        port,
        tls,
        ca_file,
        way: Way::Direct,
    }
}

/// How the server ends a connection.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    CloseNotify,
    Cut,
}

/// Echoes four octets on each connection, then ends it; answers whether the session was resumed.
async fn echo(config: Arc<ServerConfig>, ending: Ending) -> (u16, JoinHandle<Vec<bool>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(config);
    let server = tokio::spawn(async move {
        let mut resumed = Vec::new();
        for _ in 0..2 {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(mut tls) = acceptor.accept(tcp).await else {
                continue;
            };
            let kind = tls.get_ref().1.handshake_kind();
            resumed.push(kind == Some(rustls::HandshakeKind::Resumed));
            let mut octets = [0; 4];
            tls.read_exact(&mut octets).await.unwrap();
            tls.write_all(&octets).await.unwrap();
            tls.flush().await.unwrap();
            match ending {
                Ending::CloseNotify => tls.shutdown().await.unwrap(),
                Ending::Cut => drop(tls.into_inner().0),
            }
        }
        resumed
    });
    (port, server)
}

async fn failure(
    config: Arc<ServerConfig>,
    host: &str,
    ca_file: Option<PathBuf>,
) -> TransportError {
    let (port, server) = echo(config, Ending::CloseNotify).await;
    let address = address(host, port, TlsMode::Implicit, ca_file);
    let result = Connector::new().connect(&address, LIMIT).await;
    server.abort();
    match result {
        Ok(_) => panic!("the connection was accepted"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_good_certificate_is_accepted_and_the_session_resumed() {
    let authority = Authority::new();
    let config = authority.sign(&["localhost", "127.0.0.1"], -1..1);
    for host in ["localhost", "127.0.0.1", "localhost."] {
        let (port, server) = echo(Arc::clone(&config), Ending::CloseNotify).await;
        let address = address(host, port, TlsMode::Implicit, Some(authority.ca_file()));
        let connector = Connector::new();
        for _ in 0..2 {
            let mut stream = connector.connect(&address, LIMIT).await.unwrap();
            stream.write_all(b"ping").await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"ping");
        }
        assert_eq!(server.await.unwrap(), [false, true], "{host}");
    }
}

#[tokio::test]
async fn a_cut_without_close_notify_is_no_end() {
    let authority = Authority::new();
    let config = authority.sign(&["127.0.0.1"], -1..1);
    let (port, server) = echo(config, Ending::Cut).await;
    let address = address(
        "127.0.0.1",
        port,
        TlsMode::Implicit,
        Some(authority.ca_file()),
    );
    let mut stream = Connector::new().connect(&address, LIMIT).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut answer = Vec::new();
    let error = stream.read_to_end(&mut answer).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    server.abort();
}

#[tokio::test]
async fn somebody_elses_certificate_is_refused_by_name() {
    let authority = Authority::new();
    let config = authority.sign(&["mail.example.org"], -1..1);
    let error = failure(config, "127.0.0.1", Some(authority.ca_file())).await;
    assert_eq!(
        error.to_string(),
        "the certificate is not for 127.0.0.1, but for mail.example.org"
    );
    assert_eq!(error.fault(), Fault::Tls);
    assert!(error.hint().unwrap().contains("host: mail.example.org"));
}

#[tokio::test]
async fn an_unknown_issuer_is_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let config = stranger.sign(&["127.0.0.1"], -1..1);
    let error = failure(config, "127.0.0.1", Some(authority.ca_file())).await;
    assert!(
        matches!(error, TransportError::UnknownIssuer { .. }),
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("ca_file"));
    assert!(error.hint().unwrap().contains("captive portal"));
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_refused() {
    let authority = Authority::new();
    let expired = authority.sign(&["127.0.0.1"], -9..-1);
    let error = failure(expired, "127.0.0.1", Some(authority.ca_file())).await;
    assert!(
        matches!(error, TransportError::CertificateExpired { .. }),
        "{error:?}"
    );
    let early = authority.sign(&["127.0.0.1"], 1..9);
    let error = failure(early, "127.0.0.1", Some(authority.ca_file())).await;
    assert!(
        matches!(error, TransportError::CertificateNotYetValid { .. }),
        "{error:?}"
    );
    assert_eq!(error.fault(), Fault::Tls);
}

#[tokio::test]
async fn a_replaced_ca_file_is_read_again() {
    let (authority, successor) = (Authority::new(), Authority::new());
    let (port, server) = echo(successor.sign(&["127.0.0.1"], -1..1), Ending::CloseNotify).await;
    let address = address(
        "127.0.0.1",
        port,
        TlsMode::Implicit,
        Some(authority.ca_file()),
    );
    let connector = Connector::new();
    assert!(connector.connect(&address, LIMIT).await.is_err());
    let certificates = std::fs::read_to_string(successor.ca_file()).unwrap();
    std::fs::write(authority.ca_file(), certificates + "\n").unwrap();
    assert!(connector.connect(&address, LIMIT).await.is_ok());
    server.abort();
}

#[tokio::test]
async fn a_bad_ca_file_is_an_error_of_the_configuration() {
    let authority = Authority::new();
    let config = authority.sign(&["127.0.0.1"], -1..1);
    let empty = authority.dir.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for path in [empty, authority.dir.path().join("missing.pem")] {
        let error = failure(Arc::clone(&config), "127.0.0.1", Some(path)).await;
        assert!(matches!(error, TransportError::CaFile { .. }), "{error:?}");
        assert_eq!(error.fault(), Fault::Config);
    }
}

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
    assert!(matches!(error, TransportError::NotTls { .. }), "{error:?}");
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
        assert!(self.tls.handshake(ours, address).await.is_err());
    }
}
