//! What can go wrong with TLS, and what to type next.

use crate::error::shown_names;
use postrider_core::certificate::{Certificate, Standing, Validity};
use postrider_core::fault::Fault;
use postrider_core::time::Now;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The host cannot stand in a certificate.
    #[error("{host:?} is not a host name")]
    HostName {
        /// What the configuration says.
        host: String,
    },
    /// There is not one trusted root.
    #[error("loading the system's trusted certificates: {reason}")]
    Roots {
        /// What the platform said; may be empty.
        reason: String,
    },
    /// A `ca_file` cannot be read, or holds no PEM certificate.
    #[error("reading ca_file {}", .path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate of a `ca_file` cannot be a root.
    #[error("trusting the certificates of ca_file {}", .path.display())]
    CaCertificate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// `client_cert` or `client_key` cannot be used.
    #[error("reading our own certificate from {}: {problem}", .path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do about that, where it is not plain.
        hint: Option<String>,
    },
    /// The server's certificate is not good.
    #[error(transparent)]
    Certificate(#[from] Box<CertificateRefused>),
    /// The server refuses us for want of a certificate, or for the one we have.
    #[error(transparent)]
    Client(#[from] Box<ClientRefused>),
    /// What answered does not speak TLS.
    #[error("{host}:{port} does not speak TLS")]
    NotTls {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// The server knows nothing later than TLS 1.1.
    #[error(
        "{host} speaks only versions of TLS before 1.2, which are not safe any more (RFC 8996)"
    )]
    TooOld {
        /// The host.
        host: String,
    },
    /// TLS failed otherwise: algorithm, alert.
    #[error("agreeing on TLS with {host}")]
    Handshake {
        /// The host.
        host: String,
        /// What TLS said.
        source: io::Error,
    },
    /// The connection broke during the TLS handshake.
    #[error("the TLS handshake with {host} was cut")]
    HandshakeCut {
        /// The host.
        host: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A certificate that is not good, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRefused {
    /// The host.
    pub host: String,
    /// Why.
    pub because: Because,
    /// What it says; `None` when it cannot be read.
    pub certificate: Option<Certificate>,
}

/// Why a certificate is not good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// It does not match any of the account's pins.
    Pin,
    /// Its time is over, or has not come.
    Time {
        /// The present.
        now: Now,
    },
    /// It is somebody else's.
    Name,
    /// Its chain ends at nobody we trust.
    Issuer,
    /// Anything else, in the words of the library.
    Other(String),
}

/// What a server said of our certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRefused {
    /// The host.
    pub host: String,
    /// Its alert (RFC 8446 §6.2), as rustls calls it.
    pub alert: String,
    /// Ours; `None`: we have none.
    pub own: Option<Certificate>,
    /// Where ours stands in time.
    pub standing: Option<Standing>,
}

impl fmt::Display for CertificateRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        let certificate = self.certificate.as_ref();
        match &self.because {
            Because::Pin => {
                write!(f, "the certificate of {host} matches no `pin`")?;
                certificate.map_or(Ok(()), |shown| {
                    let (whole, key) = (shown.sha256, shown.key_sha256);
                    write!(
                        f,
                        ": its own is {whole}, its key's {key}, issued by {}",
                        shown.issuer
                    )
                })
            }
            Because::Time { now } => {
                let validity = certificate.map(|shown| shown.validity);
                f.write_str(&out_of_time(host, validity, *now))
            }
            Because::Name => {
                let names = certificate.map_or(&[][..], |shown| &shown.names);
                write!(
                    f,
                    "the certificate is not for {host}, but for {}",
                    shown_names(names)
                )
            }
            Because::Issuer => match certificate {
                Some(shown) if shown.is_self_signed() => {
                    write!(
                        f,
                        "the certificate of {host} is signed by itself ({}), which proves nothing",
                        shown.subject
                    )
                }
                Some(shown) => {
                    write!(
                        f,
                        "the certificate of {host} is signed by nobody we trust, but by {}",
                        shown.issuer
                    )
                }
                None => write!(f, "the certificate of {host} is signed by nobody we trust"),
            },
            Because::Other(problem) => {
                write!(f, "the certificate of {host} cannot be trusted: {problem}")
            }
        }
    }
}

fn out_of_time(host: &str, validity: Option<Validity>, now: Now) -> String {
    let days = |seconds: u64| match seconds / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    let Some(validity) = validity else {
        return format!("the certificate of {host} is out of its time");
    };
    match validity.at(now) {
        Standing::NotYet => {
            let wait = days(validity.from.since(now.0).as_secs());
            let from = validity.from.to_string_utc();
            format!("the certificate of {host} is valid from {from} on, in {wait}")
        }
        // One of its issuers may be what is out of time.
        Standing::Valid => format!("a certificate in the chain of {host} is out of its time"),
        Standing::Expired => {
            let since = days(now.0.since(validity.until).as_secs());
            let until = validity.until.to_string_utc();
            format!(
                "the certificate of {host} has expired: it was valid until {until}, {since} ago"
            )
        }
    }
}

impl std::error::Error for CertificateRefused {}

impl CertificateRefused {
    fn hint(&self) -> Option<String> {
        let names = self
            .certificate
            .as_ref()
            .map(|shown| shown.names.as_slice());
        let hint = match (&self.because, &self.certificate) {
            (Because::Pin, Some(shown)) => format!(
                "ask the server's operator whether this certificate is theirs, by another way than this connection; \
                 only then set `pin: [\"{}\"]`: whoever sits in between would show you a certificate as well",
                shown.key_sha256
            ),
            (Because::Pin | Because::Other(_), _) => return None,
            (Because::Time { now }, shown) => {
                let standing = shown.as_ref().map(|shown| shown.validity.at(*now));
                match standing {
                    Some(Standing::NotYet) => "check this machine's clock: date".to_owned(),
                    _ => "the server's operator must renew it; check this machine's clock as well: date".to_owned(),
                }
            }
            (Because::Name, _) => match names {
                Some([name]) if !name.contains('*') => {
                    format!("if {name} is your server's real name, set `host: {name}`")
                }
                _ => "set `host:` to a name that the certificate bears".to_owned(),
            },
            (Because::Issuer, Some(shown)) if shown.is_self_signed() => format!(
                "if the server's operator confirms this fingerprint by another way than this connection, set \
                 `pin: [\"{}\"]`",
                shown.key_sha256
            ),
            (Because::Issuer, _) => {
                "if the server has a CA of its own, set `ca_file:` to that CA's certificate"
                    .to_owned()
            }
        };
        Some(with_portal(&hint))
    }
}

impl fmt::Display for ClientRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, alert) = (&self.host, &self.alert);
        match &self.own {
            None => write!(
                f,
                "{host} wants a certificate of ours, and there is none ({alert})"
            ),
            Some(own) => write!(
                f,
                "{host} refused our certificate {} ({alert})",
                own.subject
            ),
        }
    }
}

impl std::error::Error for ClientRefused {}

impl ClientRefused {
    fn hint(&self) -> String {
        match (&self.own, self.standing) {
            (None, _) => "set `client_cert:` and `client_key:` to the files that the server's operator gave you".to_owned(),
            (Some(own), Some(Standing::Expired)) => format!(
                "it has expired ({}): have it renewed",
                own.validity.until.to_string_utc()
            ),
            (Some(own), Some(Standing::NotYet)) => format!(
                "it is valid from {} on; check this machine's clock: date",
                own.validity.from.to_string_utc()
            ),
            (Some(own), _) => format!(
                "ask the server's operator whether it takes certificates issued by {}; `client_cert:` should hold \
                 the issuers in between as well",
                own.issuer
            ),
        }
    }
}

/// A certificate that is not the server's, on a machine that moves about, is most often the network's.
fn with_portal(hint: &str) -> String {
    format!(
        "{hint}. If a captive portal (the login page of a hotel's or train's network) answers in the server's \
         place, log in there: it is tried again when the network changes, and within the hour"
    )
}

impl TlsError {
    /// What it means for the account.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::HandshakeCut { .. } => Fault::Unreachable,
            Self::HostName { .. }
            | Self::Roots { .. }
            | Self::CaFile { .. }
            | Self::CaCertificate { .. }
            | Self::Identity { .. } => Fault::Config,
            Self::Certificate(_)
            | Self::Client(_)
            | Self::NotTls { .. }
            | Self::TooOld { .. }
            | Self::Handshake { .. } => Fault::Tls,
        }
    }

    /// What to type or change next, where we know it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::HostName { .. } => "write `host:` as a name or an IP address alone".to_owned(),
            Self::Roots { .. } => {
                "install the ca-certificates package, or set `ca_file:`".to_owned()
            }
            Self::CaFile { .. } | Self::CaCertificate { .. } => {
                "`ca_file:` must be a readable PEM file of CA certificates".to_owned()
            }
            Self::Identity { path, hint, .. } => {
                let usual = || format!("a readable PEM file is wanted: ls -l {}", path.display());
                hint.clone().unwrap_or_else(usual)
            }
            Self::Certificate(refused) => return refused.hint(),
            Self::Client(refused) => refused.hint(),
            Self::NotTls { .. } => {
                with_portal("set `tls: starttls`, or the port for TLS (993 for IMAP, 995 for POP3)")
            }
            Self::TooOld { .. } => {
                "the server's operator must update it; no setting lets us use what is not safe"
                    .to_owned()
            }
            Self::Handshake { host, .. } => {
                format!(
                    "see what it offers: openssl s_client -connect {host}:PORT, with -starttls imap or pop3 where that is meant"
                )
            }
            Self::HandshakeCut { .. } => "check the network and any firewall".to_owned(),
        };
        Some(hint)
    }

    /// The server's certificate, where it is what is wrong.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Certificate(refused) => refused.certificate.as_ref(),
            _ => None,
        }
    }
}
