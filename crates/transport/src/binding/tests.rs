use super::*;
use crate::Connector;
use postrider_core::settings::{ServerAddress, TlsMode};
use postrider_core::way::Way;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A server for `localhost` that speaks this version, and the authority that it is trusted by.
fn server(version: &'static rustls::SupportedProtocolVersion, ca_file: &PathBuf) -> ServerConfig {
    let mut of_authority = CertificateParams::new(Vec::new()).unwrap();
    of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = of_authority.self_signed(&key).unwrap();
    std::fs::write(ca_file, authority.pem()).unwrap();
    let issuer = Issuer::new(of_authority, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}

#[tokio::test]
async fn both_ends_have_the_same_and_nothing_binds_to_a_line_in_the_clear() {
    for (version, binds) in [
        (&rustls::version::TLS13, true),
        (&rustls::version::TLS12, false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let ca_file = dir.path().join("ca.pem");
        let acceptor = TlsAcceptor::from(Arc::new(server(version, &ca_file)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = ServerAddress {
            host: "localhost".to_owned(),
            port: listener.local_addr().unwrap().port(),
            tls: TlsMode::Implicit,
            ca_file: Some(ca_file),
            way: Way::Direct,
            pins: Vec::new(),
            client: None,
        };
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            let theirs = stream.get_ref().1;
            theirs
                .export_keying_material(vec![0; 32], LABEL, Some(&[]))
                .unwrap()
        };
        let connector = Connector::new();
        let connect = connector.connect(&address, Duration::from_secs(30));
        let (stream, theirs) = tokio::join!(connect, serve);
        let ours = (*stream.unwrap()).channel_binding();
        assert_eq!(ours.is_some(), binds, "{version:?}");
        if let Some(ours) = ours {
            assert_eq!((ours.name, ours.octets), ("tls-exporter", theirs));
        }
    }
    let (ours, _theirs) = tokio::io::duplex(64);
    let plain: Stream = Box::new(ours);
    assert_eq!((*plain).channel_binding(), None);
}
