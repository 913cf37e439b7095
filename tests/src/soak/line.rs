//! A line to a server that can be torn and mended as often as one likes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a client may take to notice on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The line; it ends with its value.
#[derive(Debug)]
pub(super) struct Line {
    /// Where the client is to connect.
    pub(super) port: u16,
    whole: watch::Sender<bool>,
    refused: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl Line {
    /// A whole line to a port of loopback. Call it on a runtime.
    pub(super) async fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port of loopback");
        let port = listener.local_addr().expect("a bound socket").port();
        let (whole, refused) = (watch::Sender::new(true), Arc::new(AtomicU64::new(0)));
        let server = SocketAddr::from(([127, 0, 0, 1], server_port));
        let serving = tokio::spawn(serve(
            listener,
            server,
            (whole.subscribe(), Arc::clone(&refused)),
        ));
        Self {
            port,
            whole,
            refused,
            serving,
        }
    }

    /// Ends every connection, and every further one at once.
    pub(super) fn tear(&self) {
        self.whole.send_replace(false);
    }

    /// From now on connections are whole.
    pub(super) fn mend(&self) {
        self.whole.send_replace(true);
    }

    /// How many connections were ended at once.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }

    /// Waits until somebody has tried in vain since there were `before`.
    pub(super) fn was_tried(&self, before: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.refused() == before {
            assert!(Instant::now() < deadline, "nobody tries a torn line");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    listener: TcpListener,
    server: SocketAddr,
    (whole, refused): (watch::Receiver<bool>, Arc<AtomicU64>),
) {
    while let Ok((client, _)) = listener.accept().await {
        if *whole.borrow() {
            tokio::spawn(relay(client, server, whole.clone()));
        } else {
            drop(client);
            refused.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn relay(mut client: TcpStream, server: SocketAddr, mut whole: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    tokio::select! {
        _ended = copy_bidirectional(&mut client, &mut server) => {}
        _torn = whole.wait_for(|whole| !whole) => {}
    }
}
