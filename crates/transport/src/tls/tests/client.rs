//! Servers that want to know who we are.

use super::*;
use crate::testing::{Authority, Ending, Issued, address, echo, params};
use postrider_core::fault::Fault;
use postrider_core::settings::{ClientIdentity, TlsMode};
use rcgen::{DnType, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A server that lets in only who has a certificate of `users`.
fn strict(
    server: &Issued,
    users: &Authority,
    version: &'static SupportedProtocolVersion,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(users.certificate.clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = PrivateKeyDer::try_from(server.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![server.der()], key)
        .unwrap();
    Arc::new(config)
}

/// Ada's certificate, by this authority, for these days.
fn ada(authority: &Authority, days: std::ops::Range<i64>) -> Issued {
    let mut params = params(&[], days);
    params.distinguished_name.push(DnType::CommonName, "ada");
    authority.vouch(params, KeyPair::generate().unwrap())
}

fn write(path: PathBuf, text: &str, mode: u32) -> PathBuf {
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn files(dir: &Path, issued: &Issued) -> ClientIdentity {
    ClientIdentity {
        cert: write(dir.join("cert.pem"), &issued.certificate.pem(), 0o644),
        key: write(dir.join("key.pem"), &issued.key.serialize_pem(), 0o600),
    }
}

/// What comes of each version when this is who we are.
async fn known_as(
    users: &Authority,
    client: Option<ClientIdentity>,
) -> Vec<(&'static str, Result<String, TransportError>)> {
    let authority = Authority::new();
    let server = authority.issue(&["localhost"], -1..1);
    let mut ended = Vec::new();
    for (version, name) in [(&TLS13, "1.3"), (&TLS12, "1.2")] {
        let (port, task) = echo(strict(&server, users, version), Ending::CloseNotify).await;
        let mut address = address(
            "localhost",
            port,
            TlsMode::Implicit,
            Some(authority.ca_file()),
        );
        address.client = client.clone();
        let connector = Connector::new();
        let talked = talk(&connector, &address).await;
        let shown = talked.map(|()| connector.secured().unwrap().client.clone().unwrap().subject);
        ended.push((name, shown));
        task.abort();
    }
    ended
}

#[tokio::test]
async fn our_certificate_opens_the_door() {
    let users = Authority::new();
    let dir = tempfile::tempdir().unwrap();
    let client = files(dir.path(), &ada(&users, -1..9));
    for (version, ended) in known_as(&users, Some(client)).await {
        assert_eq!(ended.unwrap(), "CN=ada", "{version}");
    }
}

#[tokio::test]
async fn the_lack_of_one_is_told_with_the_keys_to_set() {
    for (version, ended) in known_as(&Authority::new(), None).await {
        let error = ended.unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with("localhost wants a certificate of ours, and there is none ("),
            "{version}: {said}"
        );
        assert_eq!(error.fault(), Fault::Tls, "{version}");
        let hint = error.hint().unwrap();
        assert!(
            hint.contains("client_cert:") && hint.contains("client_key:"),
            "{hint}"
        );
    }
}

#[tokio::test]
async fn one_that_the_server_does_not_like_is_told_with_the_reason_we_know() {
    let (users, strangers) = (Authority::new(), Authority::new());
    let dir = tempfile::tempdir().unwrap();
    for (issued, word) in [
        (
            ada(&strangers, -1..9),
            "whether it takes certificates issued by CN=authority",
        ),
        (ada(&users, -9..-1), "it has expired ("),
        (ada(&users, 1..9), "it is valid from "),
    ] {
        let client = files(dir.path(), &issued);
        for (version, ended) in known_as(&users, Some(client.clone())).await {
            let error = ended.unwrap_err();
            let said = error.to_string();
            assert!(
                said.starts_with("localhost refused our certificate CN=ada ("),
                "{version}: {said}"
            );
            assert_eq!(error.fault(), Fault::Tls);
            assert!(
                error.hint().unwrap().contains(word),
                "{version}: {:?}",
                error.hint()
            );
        }
    }
}

#[tokio::test]
async fn a_replaced_certificate_is_read_again() {
    let (users, strangers, authority) = (Authority::new(), Authority::new(), Authority::new());
    let server = authority.issue(&["localhost"], -1..1);
    let dir = tempfile::tempdir().unwrap();
    let (port, task) = echo(strict(&server, &users, &TLS13), Ending::CloseNotify).await;
    let mut address = address(
        "localhost",
        port,
        TlsMode::Implicit,
        Some(authority.ca_file()),
    );
    address.client = Some(files(dir.path(), &ada(&strangers, -1..9)));
    let connector = Connector::new();
    talk(&connector, &address).await.unwrap_err();
    // Made longer, because a clock may be too coarse to tell two files apart.
    let good = ada(&users, -1..9);
    files(dir.path(), &good);
    let text = good.certificate.pem() + "\n\n\n";
    write(dir.path().join("cert.pem"), &text, 0o644);
    talk(&connector, &address).await.unwrap();
    task.abort();
}

/// What is said when these files are ours; no server is asked.
async fn complaint(cert: &Path, key: &Path) -> TransportError {
    let mut address = address("localhost", 1, TlsMode::Implicit, None);
    address.client = Some(ClientIdentity {
        cert: cert.to_owned(),
        key: key.to_owned(),
    });
    let (ours, theirs) = tokio::io::duplex(1);
    drop(theirs);
    let seen = crate::tls::Seen::default();
    let tls = crate::tls::Tls::default();
    tls.handshake(ours, &address, &seen).await.unwrap_err()
}

#[tokio::test]
async fn files_that_cannot_be_used_are_errors_of_the_configuration() {
    let authority = Authority::new();
    let dir = tempfile::tempdir().unwrap();
    let issued = ada(&authority, -1..1);
    let ClientIdentity { cert, key } = files(dir.path(), &issued);
    let place = |name: &str| dir.path().join(name);
    let pem = issued.key.serialize_pem();
    let foreign = write(
        place("foreign"),
        &KeyPair::generate().unwrap().serialize_pem(),
        0o600,
    );
    let open = write(place("open"), &pem, 0o644);
    let empty = write(place("empty"), "nothing", 0o600);
    let pkcs8 =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let pkcs8 = write(place("pkcs8"), pkcs8, 0o600);
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
               -----END RSA PRIVATE KEY-----\n";
    let old = write(place("old"), old, 0o600);
    let missing = place("missing");
    for (cert, key, word, next) in [
        (
            &cert,
            &foreign,
            "it is not the key of the certificate in",
            "belong together",
        ),
        (&cert, &open, "others can read it (mode 0644)", "chmod 600 "),
        (&cert, &empty, "there is no private key in it", "ls -l "),
        (&empty, &key, "there is no certificate in it", "ls -l "),
        (&cert, &pkcs8, "is encrypted", "openssl pkey -in "),
        (&cert, &old, "is encrypted", "openssl pkey -in "),
        (&cert, &missing, "No such file", "ls -l "),
        (&missing, &key, "No such file", "ls -l "),
    ] {
        let error = complaint(cert, key).await;
        assert!(error.to_string().contains(word), "{word}: {error}");
        assert_eq!(error.fault(), Fault::Config, "{word}");
        assert!(
            error.hint().unwrap().contains(next),
            "{word}: {:?}",
            error.hint()
        );
        assert!(
            !format!("{error:?}").contains(pem.get(40..60).unwrap()),
            "{word}"
        );
    }
    // Good files get as far as the server, which is not there.
    assert_eq!(complaint(&cert, &key).await.fault(), Fault::Unreachable);
}
