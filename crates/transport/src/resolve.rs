//! From a name to addresses.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Lookups at once. getaddrinfo(3) holds a thread and cannot be ended: with a name server that is silent it takes
/// ten seconds and more, and the threads are those that the disk needs too.
const AT_ONCE: usize = 32;

/// The lookups of all connections.
#[derive(Clone, Debug)]
pub(crate) struct Lookups(Arc<Semaphore>);

impl Default for Lookups {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Lookups {
    /// All addresses of a name, in the order of the system (RFC 6724).
    ///
    /// # Errors
    /// What the resolver said.
    pub(crate) async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let closed = |_| io::Error::other("no more names are looked up");
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(closed)?;
        let host = host.to_owned();
        let lookup = spawn_blocking(move || {
            // Held by the thread: whoever asked may have given up.
            let _permit = permit;
            Ok((host.as_str(), port).to_socket_addrs()?.collect())
        });
        lookup.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn an_address_is_no_name_and_needs_no_lookup() {
        let lookups = Lookups(Arc::new(Semaphore::new(0)));
        for host in ["127.0.0.1", "::1"] {
            let found = lookups.addresses(host, 993).await.unwrap();
            assert_eq!(found, [SocketAddr::new(host.parse().unwrap(), 993)]);
        }
    }

    #[tokio::test]
    async fn a_name_waits_for_its_turn() {
        let lookups = Lookups(Arc::new(Semaphore::new(0)));
        let wait = lookups.addresses("localhost", 993);
        let waited = tokio::time::timeout(Duration::from_millis(100), wait).await;
        assert!(waited.is_err());
        lookups.0.add_permits(1);
        for _ in 0..2 {
            let found = lookups.addresses("localhost", 993).await.unwrap();
            assert!(found.iter().all(|address| address.ip().is_loopback()));
        }
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_the_resolvers_error() {
        let error = Lookups::default().addresses("nowhere.invalid", 993).await;
        assert!(error.is_err());
    }
}
