//! What can go wrong on the way to a server.

use crate::escape::escape_server_text;
use crate::tls::error::TlsError;
use postrider_core::certificate::Certificate;
use postrider_core::fault::Fault;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Why there is no connection, or no login by SASL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// As many connections are open as there may be, and this one is not worth waiting for.
    #[error("as many connections are open as `limits` allows")]
    AllInUse,
    /// The name server did not give an address.
    #[error("looking up {host}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The name has no address at all.
    #[error("{host} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// Nobody listens there.
    #[error("{address} refused the connection")]
    Refused {
        /// The address that was tried last.
        address: SocketAddr,
    },
    /// The address cannot be reached.
    #[error("connecting to {address}")]
    Connect {
        /// The address that was tried last.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A step took too long.
    #[error("{phase} {host}:{port} took longer than {} s", .limit.as_secs_f32())]
    TimedOut {
        /// The step.
        phase: Phase,
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// How long it was given.
        limit: Duration,
    },
    /// The proxy cannot be reached.
    #[error("reaching the proxy {proxy}")]
    Proxy {
        /// The proxy, without its login.
        proxy: String,
        /// Why.
        source: Box<Self>,
    },
    /// The proxy does not make the connection.
    #[error("the proxy {proxy} does not connect to {host}:{port}: {why}")]
    ProxyRefused {
        /// The proxy, without its login.
        proxy: String,
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// Why, in words of ours.
        why: String,
    },
    /// The proxy does not know us.
    #[error("the proxy {proxy} does not let us in: {why}")]
    ProxyLogin {
        /// The proxy, without its login.
        proxy: String,
        /// Why, in words of ours.
        why: String,
    },
    /// The connection broke while the proxy was asked.
    #[error("asking the proxy {proxy} for a connection")]
    ProxyCut {
        /// The proxy, without its login.
        proxy: String,
        /// What the system said.
        source: io::Error,
    },
    /// What answers is no proxy, or one of another kind.
    #[error("{proxy} does not answer like a proxy of this kind: {reason}")]
    NotAProxy {
        /// What was taken for one.
        proxy: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The command of a tunnel could not be started.
    #[error("starting the tunnel `{command}`")]
    TunnelStart {
        /// The command.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// TLS failed.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Logging in would show the password to everybody on the way (R9).
    #[error("the server offers only logins that would send the password in the clear")]
    CleartextRefused,
    /// The mechanism that was asked for is not offered.
    #[error("the server does not offer {mechanism}, but {}", shown_names(.offered))]
    NotOffered {
        /// The mechanism.
        mechanism: &'static str,
        /// What the server offers.
        offered: Vec<String>,
    },
    /// A mechanism's exchange went wrong on our side of it.
    #[error("logging in with {mechanism}")]
    Sasl {
        /// The mechanism.
        mechanism: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server's challenge is not one of this mechanism.
    #[error("the server's {mechanism} challenge {problem}")]
    Challenge {
        /// The mechanism.
        mechanism: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Kerberos has no ticket of the user's, or an old one.
    #[error("there is no Kerberos ticket with which {user} could log in at {service}: {why}")]
    NoTicket {
        /// The login name.
        user: String,
        /// The server, `imap@HOST` or `pop@HOST`.
        service: String,
        /// What Kerberos said.
        why: String,
    },
    /// No KDC of the realm answers.
    #[error("asking Kerberos for a ticket for {service}: {why}")]
    KdcSilent {
        /// The server, `imap@HOST` or `pop@HOST`.
        service: String,
        /// What Kerberos said.
        why: String,
    },
    /// Kerberos gives no ticket for this server.
    #[error("Kerberos has no ticket for {service}: {why}")]
    NoServiceTicket {
        /// The server, `imap@HOST` or `pop@HOST`.
        service: String,
        /// What Kerberos said.
        why: String,
    },
    /// The server let us in without having proved that it knows the password (RFC 5802 §5), or has the service's key
    /// (RFC 4752 §3.1).
    #[error("the server did not prove by {mechanism} that it {}", what_is_proved(.mechanism))]
    ServerUnproven {
        /// The mechanism.
        mechanism: String,
    },
}

/// A step on the way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Name to addresses.
    Resolve,
    /// TCP.
    Connect,
    /// The proxy's connection.
    Proxy,
    /// The TLS handshake.
    Tls,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up",
            Self::Connect => "connecting to",
            Self::Proxy => "waiting for the proxy to reach",
            Self::Tls => "agreeing on TLS with",
        })
    }
}

pub(crate) fn shown_names(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(10).map(escape_server_text).collect();
    match names.len() {
        0 => "none".to_owned(),
        1..=10 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), more - 10),
    }
}

/// What a server proves by a mechanism.
fn what_is_proved(mechanism: &str) -> &'static str {
    match mechanism {
        "GSSAPI" => "has the service's key",
        _ => "knows the password",
    }
}

impl TransportError {
    pub(crate) fn connect(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused { address },
            _ => Self::Connect { address, source },
        }
    }

    /// What it means for the account.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::AllInUse => Fault::Busy,
            Self::Resolve { .. }
            | Self::NoAddress { .. }
            | Self::Refused { .. }
            | Self::Connect { .. }
            | Self::TimedOut { .. }
            | Self::ProxyRefused { .. }
            | Self::ProxyCut { .. }
            | Self::KdcSilent { .. } => Fault::Unreachable,
            Self::Proxy { source, .. } => source.fault(),
            Self::TunnelStart { .. } => Fault::LocalIo,
            Self::Tls(error) => error.fault(),
            Self::CleartextRefused
            | Self::NotOffered { .. }
            | Self::ProxyLogin { .. }
            | Self::Sasl { .. }
            | Self::NoTicket { .. }
            | Self::NoServiceTicket { .. }
            | Self::ServerUnproven { .. } => Fault::Auth,
            Self::NotAProxy { .. } | Self::Challenge { .. } => Fault::Protocol,
        }
    }

    /// What to do about a proxy.
    const fn proxy_hint(&self) -> &'static str {
        match self {
            Self::ProxyRefused { .. } => {
                "check `host:` and `port:`; the proxy looks the name up and makes the connection"
            }
            Self::ProxyLogin { .. } => {
                "write `proxy: SCHEME://USER:PASSWORD@HOST:PORT`, with %40 for an @ in them"
            }
            Self::ProxyCut { .. } | Self::NotAProxy { .. } => {
                "check `proxy:`; is it `socks5://` or `http://` that listens there?"
            }
            _ => "check the host and port of `proxy:`, and whether the proxy runs",
        }
    }

    /// What to type or change next, where we know it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::AllInUse => "raise `limits: {connections: ...}`".to_owned(),
            Self::Resolve { host, .. } | Self::NoAddress { host } => {
                format!("check the spelling of `host: {host}`, and the network")
            }
            Self::Refused { .. } => "check `port:` and `tls:`; nothing listens there".to_owned(),
            Self::Connect { .. } => "check the network and any firewall".to_owned(),
            Self::TimedOut { phase, .. } => match phase {
                Phase::Tls => {
                    "check `tls:`; a port that waits for us to speak cleartext looks like this"
                        .to_owned()
                }
                Phase::Resolve | Phase::Connect => "check the network and any firewall".to_owned(),
                Phase::Proxy => "the proxy does not answer: check `proxy:`, and `host:`".to_owned(),
            },
            Self::Proxy { .. }
            | Self::ProxyRefused { .. }
            | Self::ProxyLogin { .. }
            | Self::ProxyCut { .. }
            | Self::NotAProxy { .. } => self.proxy_hint().to_owned(),
            Self::Tls(error) => return error.hint(),
            Self::CleartextRefused => "set `tls: implicit` or `tls: starttls`".to_owned(),
            Self::NotOffered { mechanism, .. } if *mechanism == "GSSAPI" => {
                "set `auth: auto` and a `password`".to_owned()
            }
            Self::NotOffered { .. } => "set `auth: auto`".to_owned(),
            Self::NoTicket { user, .. } => format!(
                "type `kinit {user}`, or start postrider with KRB5_CLIENT_KTNAME naming a keytab"
            ),
            Self::KdcSilent { .. } => {
                "check the network, and the realm's KDC in krb5.conf".to_owned()
            }
            Self::NoServiceTicket { service, .. } => format!(
                "check `host:`, which Kerberos must know by this name: `kvno {}` asks it",
                service.replacen('@', "/", 1)
            ),
            Self::ServerUnproven { .. } => {
                "do not log in there: somebody may be posing as your server".to_owned()
            }
            Self::Sasl { .. } | Self::Challenge { .. } | Self::TunnelStart { .. } => return None,
        };
        Some(hint)
    }

    /// The server's certificate, where it is what is wrong.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Tls(error) => error.certificate(),
            _ => None,
        }
    }

    /// An error of ours that a stream had to hand on as one of input or output: TLS is refused after the handshake too.
    ///
    /// # Errors
    /// The same error, when it is none of ours.
    pub fn carried_by(error: io::Error) -> Result<Self, io::Error> {
        error.downcast()
    }
}
