//! Pins: what matches, what does not, and what a match does not make good.

use super::*;
use crate::testing::{Authority, Ending, Issued, address, echo, params, server_config};
use postrider_core::certificate::Trust;
use postrider_core::fault::Fault;
use postrider_core::pin::Pin;
use postrider_core::settings::TlsMode;
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;

/// By another implementation than the one under test.
pub(super) fn of(octets: &[u8]) -> Pin {
    let digest = ring::digest::digest(&ring::digest::SHA256, octets);
    Pin::of_digest(digest.as_ref().try_into().unwrap())
}

/// A server's certificate that nobody vouches for, for a host that is not ours.
fn own() -> Issued {
    Issued::by_itself(params(&["nas.lan"], -1..1), KeyPair::generate().unwrap())
}

/// What comes of a connection to this server with these pins, and what stood for the certificate.
async fn with_pins(
    config: Arc<ServerConfig>,
    pins: Vec<Pin>,
    authority: Option<&Authority>,
) -> Result<Trust, TransportError> {
    let (port, server) = echo(config, Ending::CloseNotify).await;
    let ca_file = authority.map(Authority::ca_file);
    let mut address = address("localhost", port, TlsMode::Implicit, ca_file);
    address.pins = pins;
    let connector = Connector::new();
    let talked = talk(&connector, &address).await;
    server.abort();
    talked.map(|()| connector.secured().unwrap().trust)
}

#[tokio::test]
async fn a_pin_stands_for_a_certificate_that_nobody_vouches_for() {
    let own = own();
    let key = of(&own.key.subject_public_key_info());
    let other = Pin::of_digest([7; 32]);
    for (pins, trust) in [
        (vec![key], Trust::PinnedKey),
        (vec![other, of(&own.der())], Trust::PinnedCertificate),
        (vec![of(&own.der()), key], Trust::PinnedKey),
    ] {
        let met = with_pins(own.server(), pins, None).await;
        assert_eq!(met.unwrap(), trust);
    }
}

#[tokio::test]
async fn r9_what_matches_no_pin_is_refused_whoever_vouches_for_it() {
    let authority = Authority::new();
    let issued = authority.issue(&["localhost"], -1..1);
    let pins = vec![Pin::of_digest([7; 32])];
    let error = with_pins(issued.server(), pins, Some(&authority))
        .await
        .unwrap_err();
    assert_eq!(because(&error), &Because::Pin);
    assert_eq!(error.fault(), Fault::Tls);
    let key = of(&issued.key.subject_public_key_info());
    let said = format!(
        "the certificate of localhost matches no `pin`: its own is {}, its key's {key}, issued by CN=authority",
        of(&issued.der())
    );
    assert!(error.to_string().starts_with(&said), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains(&format!("`pin: [\"{key}\"]`")), "{hint}");
    assert!(
        hint.contains("by another way than this connection"),
        "{hint}"
    );
}

#[tokio::test]
async fn the_next_keys_pin_carries_over_a_rotation() {
    let (old, next) = (own(), KeyPair::generate().unwrap());
    let pins = vec![
        of(&old.key.subject_public_key_info()),
        of(&next.subject_public_key_info()),
    ];
    let new = Issued::by_itself(params(&["nas.lan"], 0..90), next);
    for server in [old.server(), new.server()] {
        let met = with_pins(server, pins.clone(), None).await;
        assert_eq!(met.unwrap(), Trust::PinnedKey);
    }
    // A renewal that keeps the key keeps its pin, and loses the certificate's.
    let Issued { certificate, key } = new;
    let renewed = Issued::by_itself(params(&["nas.lan"], 0..180), key);
    assert!(with_pins(renewed.server(), pins, None).await.is_ok());
    let certificate = vec![of(certificate.der())];
    let error = with_pins(renewed.server(), certificate, None).await;
    assert_eq!(because(&error.unwrap_err()), &Because::Pin);
}

#[tokio::test]
async fn a_pinned_certificate_is_bound_to_its_time() {
    for days in [-9..-1, 1..9] {
        let own = Issued::by_itself(params(&["a"], days), KeyPair::generate().unwrap());
        let pins = vec![of(&own.key.subject_public_key_info())];
        let error = with_pins(own.server(), pins, None).await.unwrap_err();
        assert!(matches!(because(&error), Because::Time { .. }), "{error}");
    }
}

#[tokio::test]
async fn r9_a_pin_of_an_issuer_is_none_of_the_server() {
    let authority = Authority::new();
    let issued = authority.issue(&["localhost"], -1..1);
    let chain = vec![issued.der(), authority.certificate.clone()];
    let config = server_config(chain, &issued.key, rustls::DEFAULT_VERSIONS);
    let pins = vec![of(&authority.certificate)];
    let error = with_pins(config, pins, Some(&authority)).await.unwrap_err();
    assert_eq!(because(&error), &Because::Pin);
}

/// A certificate that was seen on the wire, with a key that is not its own.
#[derive(Debug)]
struct Stolen(Arc<CertifiedKey>);

impl ResolvesServerCert for Stolen {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn r9_a_pinned_certificate_without_its_key_is_worth_nothing() {
    let own = own();
    let thief = KeyPair::generate().unwrap();
    let key = PrivateKeyDer::try_from(thief.serialize_der()).unwrap();
    let stolen = CertifiedKey::new(vec![own.der()], any_ecdsa_type(&key).unwrap());
    let stolen = Arc::new(Stolen(Arc::new(stolen)));
    let versions: [&'static SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    for version in versions {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&stolen) as Arc<dyn ResolvesServerCert>);
        let pins = vec![of(&own.der()), of(&own.key.subject_public_key_info())];
        let error = with_pins(Arc::new(config), pins, None).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Tls, "{error:?}");
    }
}
