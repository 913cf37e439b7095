//! Both ends of TLS 1.3, and what is known at both ends of one connection alone.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// RFC 9266 §2.
const LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// The server's end, with the certificate in `dir`.
pub(super) fn acceptor(dir: &Path) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(dir.join("server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(dir.join("server.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("ring has TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate with its key");
    TlsAcceptor::from(Arc::new(config))
}

/// A client's end that trusts the authority in `dir`.
pub(super) fn connector(dir: &Path) -> TlsConnector {
    let authority = CertificateDer::from_pem_file(dir.join("ca.pem")).expect("an authority");
    let mut trusted = RootCertStore::empty();
    trusted.add(authority).expect("an authority");
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("ring has TLS 1.3")
        .with_root_certificates(trusted)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// `tls-exporter` of a connection.
pub(super) fn binding(connection: &ServerConnection) -> [u8; 32] {
    connection
        .export_keying_material([0; 32], LABEL, Some(&[]))
        .expect("a connection whose handshake is over")
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
