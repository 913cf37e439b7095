//! Sorts a failed handshake by what a human can do about it.

use crate::tls::describe;
use crate::tls::error::{Because, CertificateRefused, ClientRefused, TlsError};
use crate::tls::met::Met;
use postrider_core::certificate::Certificate;
use postrider_core::settings::ServerAddress;
use postrider_core::time::{Now, UnixTime};
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a handshake failed for.
pub(super) fn sort(
    address: &ServerAddress,
    source: io::Error,
    met: &Met,
    own: Option<&Certificate>,
) -> TlsError {
    let host = address.host.clone();
    let tls = source.get_ref().and_then(|inner| inner.downcast_ref());
    match tls {
        Some(Error::InvalidCertificate(problem)) => {
            let certificate = met.chain.first().and_then(describe::certificate);
            let because = because(problem);
            TlsError::Certificate(Box::new(CertificateRefused {
                host,
                because,
                certificate,
            }))
        }
        Some(
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            )
            | Error::AlertReceived(AlertDescription::ProtocolVersion),
        ) => TlsError::TooOld { host },
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => TlsError::NotTls {
            host,
            port: address.port,
        },
        Some(Error::AlertReceived(alert)) if is_about_us(*alert, met.asked_for_ours) => {
            client(&host, *alert, own)
        }
        Some(_) => TlsError::Handshake { host, source },
        None => TlsError::HandshakeCut { host, source },
    }
}

/// What an alert says of our certificate, or of the lack of one.
pub(super) fn client(host: &str, alert: AlertDescription, own: Option<&Certificate>) -> TlsError {
    TlsError::Client(Box::new(ClientRefused {
        host: host.to_owned(),
        alert: format!("{alert:?}"),
        standing: own.map(|own| own.validity.at(now())),
        own: own.cloned(),
    }))
}

/// Whether an alert is about our certificate: by its name, or, of those that say nothing, when the server has asked for one
/// (OpenSSL answers none under TLS 1.2 by `handshake_failure`).
pub(super) const fn is_about_us(alert: AlertDescription, asked: bool) -> bool {
    match alert {
        AlertDescription::CertificateRequired => true,
        AlertDescription::NoCertificate
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError
        | AlertDescription::HandshakeFailure => asked,
        _ => false,
    }
}

fn because(problem: &CertificateError) -> Because {
    match problem {
        CertificateError::ApplicationVerificationFailure => Because::Pin,
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Because::Time { now: now() },
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Because::Name
        }
        // A CA made anew under its old name gives a bad signature, not an unknown issuer.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Because::Issuer,
        // webpki's word for a certificate that may sign others (`openssl req -x509` makes such), where a server's is wanted.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            Because::Issuer
        }
        other => Because::Other(other.to_string()),
    }
}

fn now() -> Now {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    Now(UnixTime::from_seconds(seconds))
}
