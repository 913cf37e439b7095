//! TLS: who is trusted, who we are, and what a failed handshake means ([decision 20](../../../docs/decisions/0020-tls.md)).
//!
//! Reading order: [`verifier`] decides about a certificate, [`roots`] and [`identity`] are what it and we go by,
//! [`describe`] reads certificates for people, [`refusal`] says what went wrong as [`error`], [`ahead`] fetches
//! what is to be decrypted, and [`secured`] is the stream that comes of it.

mod ahead;
pub(crate) mod describe;
pub(crate) mod error;
mod identity;
mod met;
mod refusal;
mod roots;
pub(crate) mod secured;
mod verifier;

use crate::Duplex;
use crate::connect::bare_host;
use crate::error::TransportError;
use crate::tls::ahead::Ahead;
use crate::tls::error::TlsError;
use crate::tls::identity::Identity;
use crate::tls::met::Met;
use crate::tls::secured::SecuredStream;
use crate::tls::verifier::Verifier;
use postrider_core::certificate::{Certificate, Secured, Trust};
use postrider_core::pin::Pin;
use postrider_core::settings::{ClientIdentity, ServerAddress};
use rustls::ClientConfig;
use rustls::HandshakeKind;
use rustls::client::ClientConnection;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::SystemTime;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;

/// The TLS side of a connector: one client configuration per set of keys that say whom to trust and who we are, made when
/// first needed.
///
/// A configuration carries the session tickets of its connections, so it is kept as long as its
/// files stay the same: each further connection saves a round trip and a chain verification. It is
/// never shared with other pins or another identity: a session that is resumed is not verified again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    configs: Arc<Mutex<HashMap<Key, Cached>>>,
}

/// What makes two configurations one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    ca_file: Option<PathBuf>,
    pins: Vec<Pin>,
    client: Option<ClientIdentity>,
}

#[derive(Clone, Debug)]
struct Cached {
    versions: Vec<FileVersion>,
    config: Arc<ClientConfig>,
    /// Our own certificate.
    own: Option<Certificate>,
}

/// Tells whether a file was replaced.
type FileVersion = (SystemTime, u64);

/// How the latest connection of an account is secured. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Lock<Option<Arc<Secured>>>>);

impl Seen {
    pub(crate) fn last(&self) -> Option<Arc<Secured>> {
        // Nobody panics while holding it.
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, secured: Secured) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(Arc::new(secured));
    }
}

impl Tls {
    /// Shakes hands; the host name is `address.host`, an IP address must be among the certificate's.
    pub(crate) async fn handshake<S: Duplex>(
        &self,
        stream: S,
        address: &ServerAddress,
        seen: &Seen,
    ) -> Result<SecuredStream<S>, TransportError> {
        let name = ServerName::try_from(bare_host(&address.host).to_owned());
        let name = name.map_err(|_invalid| TlsError::HostName {
            host: address.host.clone(),
        })?;
        let cached = self.config(address).await?;
        let connector = TlsConnector::from(Arc::clone(&cached.config));
        let (ended, met) = met::during(connector.connect(name, Ahead::new(stream))).await;
        let own = cached.own;
        let stream = match ended {
            Ok(stream) => stream,
            Err(source) => return Err(refusal::sort(address, source, &met, own.as_ref()).into()),
        };
        seen.note(facts(stream.get_ref().1, address, &met, own.clone()));
        let own = met.asked_for_ours.then_some(own);
        Ok(SecuredStream::new(stream, address.host.clone(), own))
    }

    async fn config(&self, address: &ServerAddress) -> Result<Cached, TlsError> {
        let key = Key {
            ca_file: address.ca_file.clone(),
            pins: address.pins.clone(),
            client: address.client.clone(),
        };
        // Held while loading: a hundred accounts that start together read the roots once.
        let mut configs = self.configs.lock().await;
        let wanted = key.clone();
        let versions = blocking(move || wanted.versions()).await?;
        if let Some(cached) = configs.get(&key)
            && cached.versions == versions
        {
            return Ok(cached.clone());
        }
        let wanted = key.clone();
        let cached = blocking(move || wanted.load(versions)).await?;
        configs.insert(key, cached.clone());
        Ok(cached)
    }
}

impl Key {
    fn versions(&self) -> Result<Vec<FileVersion>, TlsError> {
        let version = |path: &Path| {
            let metadata = path.metadata()?;
            Ok((metadata.modified()?, metadata.len()))
        };
        let roots = self.ca_file.iter().map(|path| {
            version(path).map_err(|source| TlsError::CaFile {
                path: path.clone(),
                source: rustls::pki_types::pem::Error::Io(source),
            })
        });
        let files = self.client.iter().flat_map(|own| [&own.cert, &own.key]);
        let ours = files.map(|path| {
            version(path).map_err(|source| TlsError::Identity {
                path: path.clone(),
                problem: source.to_string(),
                hint: None,
            })
        });
        roots.chain(ours).collect()
    }

    fn load(&self, versions: Vec<FileVersion>) -> Result<Cached, TlsError> {
        let provider = Arc::new(default_provider());
        let identity = self.client.as_ref().map(Identity::load);
        let identity = identity.transpose()?.unwrap_or_default();
        let own = identity.certificate();
        let verifier = if self.pins.is_empty() {
            Verifier::chains(roots::load(self.ca_file.as_deref())?, &provider)?
        } else {
            Verifier::pins(self.pins.clone(), &provider)
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsError::Roots {
                reason: source.to_string(),
            })?
            // Our own one, which asks webpki, or compares pins: there is no other way to pin in rustls.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(identity));
        Ok(Cached {
            versions,
            config: Arc::new(config),
            own,
        })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TlsError> + Send + 'static,
) -> Result<T, TlsError> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(source) => Err(TlsError::Roots {
            reason: source.to_string(),
        }),
    }
}

/// What a handshake came to.
fn facts(
    connection: &ClientConnection,
    address: &ServerAddress,
    met: &Met,
    own: Option<Certificate>,
) -> Secured {
    let sent = connection.peer_certificates().unwrap_or_default();
    let chain: Vec<Certificate> = sent.iter().filter_map(describe::certificate).collect();
    let pins = |pin: Pin| address.pins.contains(&pin);
    let trust = match chain.first() {
        Some(leaf) if pins(leaf.key_sha256) => Trust::PinnedKey,
        Some(leaf) if pins(leaf.sha256) => Trust::PinnedCertificate,
        _ => Trust::Chain,
    };
    let version = connection.protocol_version();
    let cipher = connection.negotiated_cipher_suite();
    let name = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
    Secured {
        version: name(version.and_then(|version| version.as_str())).replace("TLSv1_", "TLS 1."),
        cipher: name(cipher.and_then(|cipher| cipher.suite().as_str())),
        chain,
        trust,
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        client: own.filter(|_| met.asked_for_ours),
    }
}

#[cfg(test)]
mod tests;
