//! Certificates that an authority vouches for, or does not.

use super::*;
use crate::testing::{Authority, Ending, Issued, address, echo, failure, params};
use postrider_core::fault::Fault;
use postrider_core::settings::TlsMode;
use rcgen::{DnType, KeyPair};
use std::sync::Arc;

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
    assert_eq!(because(&error), &Because::Issuer);
    let certificate = error.certificate().unwrap();
    assert!(
        certificate.issuer.starts_with("CN=authority"),
        "{certificate:?}"
    );
    let said = format!(
        "the certificate of 127.0.0.1 is signed by nobody we trust, but by {}",
        certificate.issuer
    );
    assert_eq!(error.to_string(), said);
    assert!(error.hint().unwrap().contains("ca_file"));
    assert!(error.hint().unwrap().contains("captive portal"));
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_refused() {
    let authority = Authority::new();
    let expired = authority.sign(&["127.0.0.1"], -9..-1);
    let error = failure(expired, "127.0.0.1", Some(authority.ca_file())).await;
    assert!(matches!(because(&error), Because::Time { .. }));
    let until = error.certificate().unwrap().validity.until.to_string_utc();
    let said = format!("has expired: it was valid until {until}, 1 day ago");
    assert!(error.to_string().ends_with(&said), "{error}");
    assert!(error.hint().unwrap().contains("renew"));
    let early = authority.sign(&["127.0.0.1"], 1..9);
    let error = failure(early, "127.0.0.1", Some(authority.ca_file())).await;
    assert!(matches!(because(&error), Because::Time { .. }));
    assert!(error.to_string().contains("is valid from"), "{error}");
    assert!(error.hint().unwrap().contains("clock"));
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
        assert!(
            matches!(error, TransportError::Tls(TlsError::CaFile { .. })),
            "{error:?}"
        );
        assert_eq!(error.fault(), Fault::Config);
    }
}

#[tokio::test]
async fn of_several_names_all_are_said_addresses_too() {
    let authority = Authority::new();
    let config = authority.sign(
        &["mail.example.org", "*.example.net", "127.0.0.2", "::1"],
        -1..1,
    );
    let error = failure(config, "127.0.0.1", Some(authority.ca_file())).await;
    assert_eq!(
        error.to_string(),
        "the certificate is not for 127.0.0.1, but for mail.example.org, *.example.net, 127.0.0.2, ::1"
    );
    assert!(
        error
            .hint()
            .unwrap()
            .contains("a name that the certificate bears")
    );
}

#[tokio::test]
async fn a_certificate_that_vouches_for_itself_is_refused_with_the_pin_to_ask_for() {
    let authority = Authority::new();
    let mut params = params(&["127.0.0.1"], -1..1);
    params.distinguished_name.push(DnType::CommonName, "nas");
    let own = Issued::by_itself(params, KeyPair::generate().unwrap());
    let error = failure(own.server(), "127.0.0.1", Some(authority.ca_file())).await;
    assert_eq!(because(&error), &Because::Issuer);
    assert!(
        error.to_string().contains("is signed by itself (CN=nas"),
        "{error}"
    );
    let hint = error.hint().unwrap();
    let key = error.certificate().unwrap().key_sha256;
    assert!(hint.contains(&format!("`pin: [\"{key}\"]`")), "{hint}");
    assert!(
        hint.contains("by another way than this connection"),
        "{hint}"
    );
}

#[tokio::test]
async fn text_in_a_certificate_cannot_move_the_cursor() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut params = params(&["127.0.0.1"], -1..1);
    params
        .distinguished_name
        .push(DnType::CommonName, "evil\u{1b}[2J\u{202e}\r\n");
    let issued = stranger.vouch(params, KeyPair::generate().unwrap());
    let error = failure(issued.server(), "127.0.0.1", Some(authority.ca_file())).await;
    let subject = &error.certificate().unwrap().subject;
    assert!(subject.contains("evil\\u{1b}[2J"), "{subject}");
    assert!(!subject.contains(char::is_control) && !subject.contains('\u{202e}'));
}

#[tokio::test]
async fn a_good_chain_is_known_afterwards() {
    let authority = Authority::new();
    let issued = authority.issue(&["localhost"], -1..9);
    let (port, server) = echo(issued.server(), Ending::CloseNotify).await;
    let address = address(
        "localhost",
        port,
        TlsMode::Implicit,
        Some(authority.ca_file()),
    );
    let connector = Connector::new();
    assert_eq!(connector.secured(), None);
    talk(&connector, &address).await.unwrap();
    let secured = connector.secured().unwrap();
    assert_eq!(secured.version, "TLS 1.3");
    assert!(secured.cipher.starts_with("TLS13_"), "{secured:?}");
    assert_eq!(secured.chain[0].names, ["localhost"]);
    assert_eq!((secured.client.as_ref(), secured.resumed), (None, false));
    server.abort();
}
