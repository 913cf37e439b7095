//! A relay that counts how many connections pass through it at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running relay on a port of 127.0.0.1; ends when it is dropped.
#[derive(Debug)]
pub struct CountingRelay {
    /// Where it listens.
    pub port: u16,
    most: Arc<AtomicUsize>,
    listening: JoinHandle<()>,
}

impl CountingRelay {
    /// Relays to `server`. Must be called inside a tokio runtime.
    ///
    /// # Panics
    /// When no socket can be bound.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let most = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(AtomicUsize::new(0));
        let listening = tokio::spawn({
            let most = Arc::clone(&most);
            async move {
                while let Ok((mut near, _)) = listener.accept().await {
                    let (open, most) = (Arc::clone(&open), Arc::clone(&most));
                    most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::spawn(async move {
                        if let Ok(mut far) = TcpStream::connect(server).await {
                            // However it ends, it has ended.
                            tokio::io::copy_bidirectional(&mut near, &mut far)
                                .await
                                .ok();
                        }
                        open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            }
        });
        Self {
            port,
            most,
            listening,
        }
    }

    /// The most connections at once so far. One that has just ended may still be counted with its successor.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

impl Drop for CountingRelay {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
