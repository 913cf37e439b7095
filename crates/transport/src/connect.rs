//! From a server's address to a stream.

use crate::calm::Calm;
use crate::error::{Phase, TransportError};
use crate::idle_timeout::IdleTimeout;
use crate::probe::{Doubts, Probed};
use crate::proxy;
use crate::race::first_to_answer;
use crate::resolve::Lookups;
use crate::share::Share;
use crate::slots::Slot;
use crate::tls::{Seen, Tls};
use crate::tunnel::Tunnel;
use crate::{Bandwidth, Duplex, Slots, Stream};
use postrider_core::certificate::Secured;
use postrider_core::settings::{ServerAddress, TlsMode};
use postrider_core::way::{Proxy, Way};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A change around us lets an attempt begin anew, so often at the most: each has the whole `limit`.
const BEGINNINGS: usize = 3;

/// How long a TLS handshake after STARTTLS may take, whatever trickles in meanwhile. fetchmail had
/// none and hung for weeks (CVE-2011-1947).
const HANDSHAKE: Duration = Duration::from_secs(60);

/// Makes connections; remembers trusted roots and TLS sessions between them.
///
/// Cheap to make and to clone: roots are loaded with the first TLS connection, and clones share
/// them. A `ca_file` is read again when it has changed.
#[derive(Clone, Debug, Default)]
pub struct Connector {
    tls: Tls,
    lookups: Lookups,
    doubts: Doubts,
    share: Share,
    seen: Seen,
}

/// It is our turn to connect: a place among all connections, where there may be only so many.
#[derive(Debug)]
pub struct Turn(Option<Slot>);

impl Connector {
    /// Makes a connector that trusts the platform's roots.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for the connections of one account, which has its share of what all may use together.
    #[must_use]
    pub fn sharing(&self, slots: &Slots, bandwidth: &Bandwidth) -> Self {
        Self {
            share: Share::of(slots, bandwidth),
            seen: Seen::default(),
            ..self.clone()
        }
    }

    /// The same for further connections of an account that has one: where all are in use, one is not
    /// waited for.
    #[must_use]
    pub fn further(&self) -> Self {
        Self {
            share: self.share.further(),
            ..self.clone()
        }
    }

    /// How the latest connection of the account was secured; `None` before there was one, and in the clear.
    #[must_use]
    pub fn secured(&self) -> Option<Arc<Secured>> {
        self.seen.last()
    }

    /// Something around us has changed (another network, a suspend): connections are probed, so that those whose
    /// way is gone fail within seconds, and attempts to connect begin anew.
    pub fn doubt(&self) {
        self.doubts.raise();
    }

    /// Connects to `address`: name, TCP, and TLS when it is implicit. `limit` bounds each step and
    /// later every wait for an octet. Of several addresses the first that answers is taken (RFC 8305).
    ///
    /// With `tls: starttls` the stream is still cleartext; see [`Connector::start_tls`].
    ///
    /// # Errors
    /// When the name has no address, none of them answers, or the certificate is not good. Of several
    /// addresses, one that refused is reported, or else the one that failed last. Where there
    /// may be only so many connections, it waits until it is its turn.
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
        let turn = self.turn().await?;
        self.connect_in(turn, address, limit, calm).await
    }

    /// Waits until there may be one connection more; a further one is not waited for. Others decide how long that
    /// takes, and `limit` does not bound it.
    ///
    /// # Errors
    /// [`TransportError::AllInUse`] for a further one.
    pub async fn turn(&self) -> Result<Turn, TransportError> {
        self.share.slot().await.map(Turn)
    }

    /// As [`Connector::connect_for`], when it is our turn.
    ///
    /// # Errors
    /// As there.
    pub async fn connect_in(
        &self,
        Turn(slot): Turn,
        address: &ServerAddress,
        limit: Duration,
        calm: &Calm,
    ) -> Result<Stream, TransportError> {
        let stream = match &address.way {
            Way::Direct => {
                let tcp = self.open_tcp((&address.host, address.port), limit).await?;
                let probed = Probed::new(tcp, self.doubts.watch());
                let bounded = IdleTimeout::with_calm(probed, limit, calm.clone());
                self.share.carry(bounded, slot)
            }
            Way::Proxy(proxy) => {
                let opened = self.open_proxied(proxy, address, limit).await?;
                let bounded = IdleTimeout::with_calm(opened, limit, calm.clone());
                self.share.carry(bounded, slot)
            }
            Way::Tunnel(command) => {
                let tunnel = Tunnel::open(command)?;
                let bounded = IdleTimeout::with_calm(tunnel, limit, calm.clone());
                self.share.carry(bounded, slot)
            }
        };
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

    /// Whatever fails on the way to the proxy is said to be about the proxy: its name alone is looked up here.
    async fn open_proxied(
        &self,
        proxy: &Proxy,
        address: &ServerAddress,
        limit: Duration,
    ) -> Result<Stream, TransportError> {
        let opened = self.open_tcp((&proxy.host, proxy.port), limit).await;
        let tcp = opened.map_err(|source| TransportError::Proxy {
            proxy: proxy.to_string(),
            source: Box::new(source),
        })?;
        let probed = Probed::new(tcp, self.doubts.watch());
        let asked = proxy::through(probed, proxy, address);
        let there = (address.host.as_str(), address.port);
        within(limit, Phase::Proxy, there, asked).await?
    }

    async fn open_tcp(
        &self,
        there: (&str, u16),
        limit: Duration,
    ) -> Result<TcpStream, TransportError> {
        let mut doubt = self.doubts.watch();
        for _ in 1..BEGINNINGS {
            tokio::select! {
                biased;
                opened = self.attempt(there, limit) => return opened,
                () = doubt.next() => {}
            }
        }
        self.attempt(there, limit).await
    }

    async fn attempt(
        &self,
        there: (&str, u16),
        limit: Duration,
    ) -> Result<TcpStream, TransportError> {
        let (host, port) = there;
        let lookup = self.lookups.addresses(bare_host(host), port);
        let found = within(limit, Phase::Resolve, there, lookup).await?;
        let found = found.map_err(|source| TransportError::Resolve {
            host: host.to_owned(),
            source,
        })?;
        let race = first_to_answer(found);
        let opened = within(limit, Phase::Connect, there, race).await?;
        opened.map_err(|failure| match failure {
            Some((socket_address, source)) => TransportError::connect(socket_address, source),
            None => TransportError::NoAddress {
                host: host.to_owned(),
            },
        })
    }

    async fn handshake<S: Duplex + 'static>(
        &self,
        stream: S,
        address: &ServerAddress,
        limit: Duration,
    ) -> Result<Stream, TransportError> {
        let handshake = self.tls.handshake(stream, address, &self.seen);
        let there = (address.host.as_str(), address.port);
        let stream = within(limit, Phase::Tls, there, handshake).await??;
        Ok(Box::new(stream))
    }
}

async fn within<T>(
    limit: Duration,
    phase: Phase,
    (host, port): (&str, u16),
    step: impl Future<Output = T>,
) -> Result<T, TransportError> {
    timeout(limit, step)
        .await
        .map_err(|_elapsed| TransportError::TimedOut {
            phase,
            host: host.to_owned(),
            port,
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
