//! Certificates in the words that people need.
//!
//! What is read here may come from anybody: x509-parser is made for that, and whatever it cannot read is no certificate.

use crate::escape::escape_server_text;
use postrider_core::certificate::{Certificate, Validity};
use postrider_core::pin::Pin;
use postrider_core::time::UnixTime;
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};
use x509_parser::time::ASN1Time;

/// The most names that are kept: a certificate may bear thousands.
const NAMES: usize = 100;

/// What a certificate says; `None` when it is none.
pub(crate) fn certificate(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let validity = parsed.validity();
    Some(Certificate {
        subject: name(parsed.subject()),
        issuer: name(parsed.issuer()),
        names: names(&parsed),
        validity: Validity {
            from: second(validity.not_before),
            until: second(validity.not_after),
        },
        sha256: sha256(der),
        key_sha256: sha256(parsed.public_key().raw),
    })
}

fn sha256(octets: &[u8]) -> Pin {
    Pin::of_digest(Sha256::digest(octets).into())
}

fn second(time: ASN1Time) -> UnixTime {
    UnixTime::from_seconds(time.timestamp())
}

/// `CN=mail.example.org, O=Example`; an empty name is `(none)`.
fn name(name: &X509Name<'_>) -> String {
    let shown = escape_server_text(name.to_string());
    if shown.is_empty() {
        "(none)".to_owned()
    } else {
        shown
    }
}

/// What it is for: the alternative names, which alone count (RFC 9525 §6.1).
fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = parsed.subject_alternative_name() else {
        return Vec::new();
    };
    let named = names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(escape_server_text(name)),
            GeneralName::IPAddress(octets) => address(octets).map(|address| address.to_string()),
            _ => None,
        });
    named.take(NAMES).collect()
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).into());
    let sixteen = <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).into());
    four.or(sixteen).ok()
}

#[cfg(test)]
mod tests;
