//! From a server's address to a stream.

use crate::calm::Calm;
use crate::error::{Phase, TransportError};
use crate::idle_timeout::IdleTimeout;
use crate::tls::Tls;
use crate::{Duplex, Stream};
use postrider_core::settings::{ServerAddress, TlsMode};
use socket2::{SockRef, TcpKeepalive};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// At most this many of a name's addresses are tried: big providers publish four to eight, and a
/// name with hundreds would keep an account busy for an hour.
const ADDRESSES_TRIED: usize = 8;

/// How long one address may take to answer when there are more: a TCP handshake that needs more than
/// three retransmissions (1, 2, 4 s) is better tried elsewhere.
const ATTEMPT: Duration = Duration::from_secs(10);

/// How long a TLS handshake after STARTTLS may take, whatever trickles in meanwhile. fetchmail had
/// none and hung for weeks (CVE-2011-1947).
const HANDSHAKE: Duration = Duration::from_secs(60);

/// First keepalive probe after this much silence, then one per [`KEEPALIVE_INTERVAL`]: below the
/// five minutes after which many NAT boxes forget a connection.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(120);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// Makes connections; remembers trusted roots and TLS sessions between them.
///
/// Cheap to make and to clone: roots are loaded with the first TLS connection, and clones share
/// them. A `ca_file` is read again when it has changed.
#[derive(Clone, Debug, Default)]
pub struct Connector {
    tls: Tls,
}

impl Connector {
    /// Makes a connector that trusts the platform's roots.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects to `address`: name, TCP, and TLS when it is implicit. `limit` bounds each step and
    /// later every wait for an octet.
    ///
    /// With `tls: starttls` the stream is still cleartext; see [`Connector::start_tls`].
    ///
    /// # Errors
    /// When the name has no address, none of them answers, or the certificate is not good. Of
    /// several addresses, the last one's error is reported.
    pub async fn connect(
        &self,
        address: &ServerAddress,
        limit: Duration,
    ) -> Result<Stream, TransportError> {
        self.connect_for(address, limit, &Calm::default()).await
    }

    /// As [`Connector::connect`]; while `calm` is on, no wait for an octet is too long.
    ///
    /// # Errors
    /// As there.
    pub async fn connect_for(
        &self,
        address: &ServerAddress,
        limit: Duration,
        calm: &Calm,
    ) -> Result<Stream, TransportError> {
        let tcp = open_tcp(address, limit).await?;
        let stream: Stream = Box::new(IdleTimeout::with_calm(tcp, limit, calm.clone()));
        match address.tls {
            TlsMode::Implicit => self.handshake(stream, address, limit).await,
            TlsMode::StartTls | TlsMode::None => Ok(stream),
        }
    }

    /// Turns a cleartext stream into a TLS one, after the server has agreed to it.
    ///
    /// The caller has made sure that it has read nothing beyond the server's agreement, and forgets
    /// all it has learnt before (R9).
    ///
    /// # Errors
    /// When the handshake fails, the certificate is not good, or a minute has passed.
    pub async fn start_tls(
        &self,
        stream: Stream,
        address: &ServerAddress,
    ) -> Result<Stream, TransportError> {
        self.handshake(stream, address, HANDSHAKE).await
    }

    async fn handshake<S: Duplex + 'static>(
        &self,
        stream: S,
        address: &ServerAddress,
        limit: Duration,
    ) -> Result<Stream, TransportError> {
        let handshake = self.tls.handshake(stream, address);
        let stream = within(limit, Phase::Tls, address, handshake).await??;
        Ok(Box::new(stream))
    }
}

async fn open_tcp(address: &ServerAddress, limit: Duration) -> Result<TcpStream, TransportError> {
    let host = bare_host(&address.host);
    let lookup = lookup_host((host, address.port));
    let found = within(limit, Phase::Resolve, address, lookup).await?;
    let found = found.map_err(|source| TransportError::Resolve {
        host: address.host.clone(),
        source,
    })?;
    let found: Vec<SocketAddr> = found.take(ADDRESSES_TRIED).collect();
    let attempt = if found.len() > 1 {
        limit.min(ATTEMPT)
    } else {
        limit
    };
    let mut failure = TransportError::NoAddress {
        host: address.host.clone(),
    };
    for socket_address in found {
        let open = TcpStream::connect(socket_address);
        failure = match within(attempt, Phase::Connect, address, open).await {
            Ok(Ok(tcp)) => match tune(&tcp) {
                Ok(()) => return Ok(tcp),
                Err(source) => TransportError::connect(socket_address, source),
            },
            Ok(Err(source)) => TransportError::connect(socket_address, source),
            Err(timed_out) => timed_out,
        };
    }
    Err(failure)
}

/// No delay, because commands are small and answers are awaited; keepalive, because a half-open
/// connection is otherwise never noticed.
fn tune(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(tcp).set_tcp_keepalive(&keepalive)
}

async fn within<T>(
    limit: Duration,
    phase: Phase,
    address: &ServerAddress,
    step: impl Future<Output = T>,
) -> Result<T, TransportError> {
    timeout(limit, step)
        .await
        .map_err(|_elapsed| TransportError::TimedOut {
            phase,
            host: address.host.clone(),
            port: address.port,
            limit,
        })
}

/// A literal IPv6 address may be written `[::1]`, and a name with its final dot.
pub(crate) fn bare_host(host: &str) -> &str {
    let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    address.unwrap_or_else(|| host.strip_suffix('.').unwrap_or(host))
}

#[cfg(test)]
mod tests;
