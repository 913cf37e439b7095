//! Trusted roots, and what a refused certificate means.

use crate::Duplex;
use crate::connect::bare_host;
use crate::error::TransportError;
use postrider_core::settings::ServerAddress;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, InvalidMessage, RootCertStore};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The TLS side of a connector: one client configuration per `ca_file`, made when first needed.
///
/// A configuration carries the session tickets of its connections, so it is kept as long as its
/// file stays the same: each further connection saves a round trip and a chain verification.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    configs: Arc<Mutex<HashMap<Option<PathBuf>, Cached>>>,
}

#[derive(Debug)]
struct Cached {
    version: FileVersion,
    config: Arc<ClientConfig>,
}

/// Tells whether a file was replaced; `None` without a file.
type FileVersion = Option<(SystemTime, u64)>;

impl Tls {
    /// Shakes hands; the host name is `address.host`, an IP address must be among the certificate's.
    pub(crate) async fn handshake<S: Duplex>(
        &self,
        stream: S,
        address: &ServerAddress,
    ) -> Result<TlsStream<S>, TransportError> {
        let name = ServerName::try_from(bare_host(&address.host).to_owned());
        let name = name.map_err(|_invalid| TransportError::HostName {
            host: address.host.clone(),
        })?;
        let config = self.config(address.ca_file.as_deref()).await?;
        TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|source| refusal(address, source))
    }

    async fn config(&self, ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TransportError> {
        let ca_file = ca_file.map(Path::to_owned);
        // Held while loading: a hundred accounts that start together read the roots once.
        let mut configs = self.configs.lock().await;
        let path = ca_file.clone();
        let version = blocking(move || file_version(path.as_deref())).await?;
        if let Some(cached) = configs.get(&ca_file)
            && cached.version == version
        {
            return Ok(Arc::clone(&cached.config));
        }
        let path = ca_file.clone();
        let config = blocking(move || load(path.as_deref())).await?;
        let cached = Cached {
            version,
            config: Arc::clone(&config),
        };
        configs.insert(ca_file, cached);
        Ok(config)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TransportError> + Send + 'static,
) -> Result<T, TransportError> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(source) => Err(TransportError::Roots {
            reason: source.to_string(),
        }),
    }
}

fn file_version(ca_file: Option<&Path>) -> Result<FileVersion, TransportError> {
    let Some(path) = ca_file else { return Ok(None) };
    let version = path
        .metadata()
        .and_then(|metadata| Ok((metadata.modified()?, metadata.len())));
    version.map(Some).map_err(|source| TransportError::CaFile {
        path: path.to_owned(),
        source: rustls::pki_types::pem::Error::Io(source),
    })
}

fn load(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TransportError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    // Stores contain oddities that no chain needs; what cannot be parsed is no root.
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = ca_file {
        add_ca_file(&mut roots, path)?;
    }
    if roots.is_empty() {
        let reasons: Vec<String> = native.errors.iter().map(ToString::to_string).collect();
        return Err(TransportError::Roots {
            reason: reasons.join("; "),
        });
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|source| TransportError::Roots {
            reason: source.to_string(),
        })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn add_ca_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TransportError> {
    let unreadable = |source| TransportError::CaFile {
        path: path.to_owned(),
        source,
    };
    let mut found = false;
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let certificate = certificate.map_err(unreadable)?;
        roots
            .add(certificate)
            .map_err(|source| TransportError::CaCertificate {
                path: path.to_owned(),
                source,
            })?;
        found = true;
    }
    if found {
        Ok(())
    } else {
        Err(unreadable(rustls::pki_types::pem::Error::NoItemsFound))
    }
}

/// Sorts a failed handshake by what a human can do about it.
fn refusal(address: &ServerAddress, source: io::Error) -> TransportError {
    let host = address.host.clone();
    let tls = source
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(problem)) => match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TransportError::CertificateExpired { host, source }
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TransportError::CertificateNotYetValid { host, source }
            }
            CertificateError::NotValidForNameContext { presented, .. } => {
                let names = presented.iter().map(|name| plain_name(name)).collect();
                TransportError::CertificateName { host, names }
            }
            CertificateError::NotValidForName => TransportError::CertificateName {
                host,
                names: Vec::new(),
            },
            // A CA made anew under its old name gives a bad signature, not an unknown issuer.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                TransportError::UnknownIssuer { host }
            }
            _ => TransportError::Handshake { host, source },
        },
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            TransportError::NotTls {
                host,
                port: address.port,
            }
        }
        Some(_) => TransportError::Handshake { host, source },
        None => TransportError::HandshakeCut { host, source },
    }
}

/// `DnsName("mail.example.org")` is how webpki shows a name.
fn plain_name(presented: &str) -> String {
    let inner = presented.split_once('(').map(|(_, rest)| rest);
    let inner = inner.and_then(|rest| rest.strip_suffix(')'));
    let name = inner.unwrap_or(presented).trim_matches('"');
    crate::escape_server_text(name)
}
