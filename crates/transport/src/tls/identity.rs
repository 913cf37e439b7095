//! A certificate of our own, by which a server may know us (`client_cert`, `client_key`).

use crate::tls::describe;
use crate::tls::error::TlsError;
use crate::tls::met;
use postrider_core::certificate::Certificate;
use postrider_core::settings::ClientIdentity;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A PEM file that is longer is a wrong path.
const LONGEST: u64 = 1 << 20;

/// Who we are to a server that asks; by default nobody.
#[derive(Debug, Default)]
pub(super) struct Identity(Option<Arc<CertifiedKey>>);

impl Identity {
    /// Reads both files.
    pub(super) fn load(own: &ClientIdentity) -> Result<Self, TlsError> {
        let chain = chain(&own.cert)?;
        let key = key(&own.key)?;
        let certified = CertifiedKey::from_der(chain, key, &default_provider());
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => wrong(
                &own.key,
                format!(
                    "it is not the key of the certificate in {}",
                    own.cert.display()
                ),
                Some(
                    "set `client_cert:` and `client_key:` to files that belong together".to_owned(),
                ),
            ),
            error => wrong(
                &own.key,
                format!("the key cannot be used: {error}"),
                Some("an RSA, ECDSA (P-256, P-384) or Ed25519 key is wanted".to_owned()),
            ),
        })?;
        Ok(Self(Some(Arc::new(certified))))
    }

    /// What our certificate says.
    pub(super) fn certificate(&self) -> Option<Certificate> {
        self.0
            .as_ref()?
            .cert
            .first()
            .and_then(describe::certificate)
    }
}

impl ResolvesClientCert for Identity {
    /// What we have is offered whatever the server's list of issuers says: many servers send one that is wrong, and
    /// a server that does not like it says so.
    fn resolve(
        &self,
        _issuers: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        met::note(|met| met.asked_for_ours = true);
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

fn wrong(path: &Path, problem: String, hint: Option<String>) -> TlsError {
    TlsError::Identity {
        path: path.to_owned(),
        problem,
        hint,
    }
}

/// The certificate, then its issuers.
fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let Contents { text, .. } = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(wrong(
            path,
            "there is no certificate in it".to_owned(),
            None,
        )),
        Err(error) => Err(wrong(path, format!("it is no good PEM: {error}"), None)),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let Contents { text, mode, owner } = read(path)?;
    if is_exposed(mode, owner) {
        return Err(wrong(
            path,
            format!(
                "a private key is in it, and others can read it (mode {:04o})",
                mode & 0o7777
            ),
            Some(format!("chmod 600 {}", path.display())),
        ));
    }
    if is_encrypted(&text) {
        return Err(wrong(
            path,
            "the key in it is encrypted, and there is nobody to ask for its passphrase".to_owned(),
            Some(format!(
                "openssl pkey -in {} -out FILE, with FILE private, then `client_key: FILE`",
                path.display()
            )),
        ));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            wrong(path, "there is no private key in it".to_owned(), None)
        }
        error => wrong(path, format!("it is no good PEM: {error}"), None),
    })
}

/// Whether others read it. A file of root's that a group may read was made so by root: systemd shows its
/// credentials like that.
const fn is_exposed(mode: u32, owner: u32) -> bool {
    let group = mode & 0o040 != 0 && owner != 0;
    mode & 0o004 != 0 || group
}

/// PKCS #8 says it in its label (RFC 7468 §11), older forms in a header (RFC 1421 §4.6.1.1).
fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text
            .lines()
            .any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
}

/// A file that was read, which may be a private key.
struct Contents {
    text: Zeroizing<Vec<u8>>,
    mode: u32,
    owner: u32,
}

fn read(path: &Path) -> Result<Contents, TlsError> {
    let unreadable = |source: std::io::Error| wrong(path, source.to_string(), None);
    let file = File::open(path).map_err(unreadable)?;
    // Of the file that is read, whatever its name leads to by then.
    let metadata = file.metadata().map_err(unreadable)?;
    let mut text = Zeroizing::new(Vec::new());
    file.take(LONGEST)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    Ok(Contents {
        text,
        mode: metadata.mode(),
        owner: metadata.uid(),
    })
}

#[cfg(test)]
mod tests;
