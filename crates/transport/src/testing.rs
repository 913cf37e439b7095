//! Certificates made for the occasion, and TLS servers on loopback that have them.

use crate::connect::Connector;
use crate::error::TransportError;
use postrider_core::settings::{ServerAddress, TlsMode};
use postrider_core::way::Way;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
}

/// What a certificate for `names` says, valid these many days from now.
pub(crate) fn params(names: &[&str], days: std::ops::Range<i64>) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    let now = OffsetDateTime::now_utc();
    params.not_before = now + time::Duration::days(days.start);
    params.not_after = now + time::Duration::days(days.end);
    params
}

impl Issued {
    /// One that nobody but itself vouches for, as `openssl req -x509` makes it: it may sign others.
    pub(crate) fn by_itself(mut params: CertificateParams, key: KeyPair) -> Self {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, key }
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    /// A server that has it.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        server_config(vec![self.der()], &self.key, rustls::DEFAULT_VERSIONS)
    }
}

/// A certificate authority, and a directory with its certificate.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) dir: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let name = format!("authority {:?}", std::time::Instant::now());
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            certificate: certificate.der().clone(),
            dir,
        }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Signs for a key.
    pub(crate) fn vouch(&self, mut params: CertificateParams, key: KeyPair) -> Issued {
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued { certificate, key }
    }

    /// A certificate for `names` whose validity is these many days from now.
    pub(crate) fn issue(&self, names: &[&str], days: std::ops::Range<i64>) -> Issued {
        self.vouch(params(names, days), KeyPair::generate().unwrap())
    }

    /// A server that has such a certificate.
    pub(crate) fn sign(&self, names: &[&str], days: std::ops::Range<i64>) -> Arc<ServerConfig> {
        self.issue(names, days).server()
    }
}

pub(crate) fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

pub(crate) fn address(
    host: &str,
    port: u16,
    tls: TlsMode,
    ca_file: Option<PathBuf>,
) -> ServerAddress {
    ServerAddress {
        host: host.to_owned(),
        port,
        tls,
        ca_file,
        way: Way::Direct,
        pins: Vec::new(),
        client: None,
    }
}

/// How the server ends a connection.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Ending {
    CloseNotify,
    Cut,
}

/// Echoes four octets on each of two connections, then ends it; answers whether the session was resumed.
pub(crate) async fn echo(
    config: Arc<ServerConfig>,
    ending: Ending,
) -> (u16, JoinHandle<Vec<bool>>) {
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
            if tls.read_exact(&mut octets).await.is_err() {
                continue;
            }
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

pub(crate) async fn failure(
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
