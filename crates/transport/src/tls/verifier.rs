//! Whether a server's certificate is good: by a chain, or by a pin.
//!
//! A pin is of the server's own certificate or of its key, and the handshake proves that the server holds that key
//! ([`ServerCertVerifier::verify_tls13_signature`]). So where a pin matches, no authority could add to what it says, and none is
//! asked: neither for the chain, nor for the name. The certificate's time still counts.

use crate::tls::describe;
use crate::tls::error::TlsError;
use crate::tls::met;
use postrider_core::certificate::Standing;
use postrider_core::pin::Pin;
use postrider_core::time::{Now, UnixTime as Second};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;
use std::time::Duration;

/// Decides about certificates.
#[derive(Debug)]
pub(super) struct Verifier {
    witness: Witness,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
enum Witness {
    Chain(Arc<WebPkiServerVerifier>),
    /// Never empty.
    Pins(Vec<Pin>),
}

impl Verifier {
    /// Believes chains that end at one of `roots`.
    pub(super) fn chains(
        roots: RootCertStore,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let webpki = webpki.build().map_err(|source| TlsError::Roots {
            reason: source.to_string(),
        })?;
        Ok(Self {
            witness: Witness::Chain(webpki),
            algorithms: provider.signature_verification_algorithms,
        })
    }

    /// Believes whoever has a certificate, or the key in it, that one of `pins` is of.
    pub(super) fn pins(pins: Vec<Pin>, provider: &CryptoProvider) -> Self {
        Self {
            witness: Witness::Pins(pins),
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

/// Compares the server's own certificate; its issuers are in the same message, and anybody could send them along.
fn pinned(pins: &[Pin], certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let shown = describe::certificate(certificate).ok_or(CertificateError::BadEncoding)?;
    if !pins.contains(&shown.sha256) && !pins.contains(&shown.key_sha256) {
        // Said by nobody else, because nobody else looks at pinned certificates.
        return Err(CertificateError::ApplicationVerificationFailure.into());
    }
    let second = |time: Second| {
        let seconds = u64::try_from(time.as_seconds()).unwrap_or_default();
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    };
    let at = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    match shown.validity.at(Now(Second::from_seconds(at))) {
        Standing::Valid => Ok(()),
        Standing::NotYet => Err(CertificateError::NotValidYetContext {
            time: now,
            not_before: second(shown.validity.from),
        }
        .into()),
        Standing::Expired => Err(CertificateError::ExpiredContext {
            time: now,
            not_after: second(shown.validity.until),
        }
        .into()),
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        met::note(|met| {
            let sent = std::iter::once(end_entity).chain(intermediates);
            met.chain = sent
                .map(|certificate| certificate.clone().into_owned())
                .collect();
        });
        match &self.witness {
            Witness::Chain(webpki) => webpki.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            Witness::Pins(pins) => {
                pinned(pins, end_entity, now).map(|()| ServerCertVerified::assertion())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
