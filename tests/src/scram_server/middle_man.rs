//! A man in the middle who ends TLS himself and opens it anew to the server.

use super::{ScramServer, tls};
use rustls::pki_types::ServerName;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::{TlsAcceptor, TlsConnector};

type Heard = Arc<Mutex<Vec<u8>>>;

/// Whoever he is, he has the server's key: chain, name and pins are right. He and his connections end when he is dropped.
#[derive(Debug)]
pub struct MiddleMan {
    /// Where he listens.
    pub port: u16,
    heard: Heard,
    listening: JoinHandle<()>,
}

/// How he meets a connection.
#[derive(Clone)]
struct Ends {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    server_port: u16,
    hides: &'static [&'static str],
    heard: Heard,
}

impl MiddleMan {
    /// Hands on every octet, but for these mechanisms, which he takes out of what the server offers. Must be called inside a
    /// tokio runtime.
    pub async fn before(server: &ScramServer, hides: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard = Heard::default();
        let ends = Ends {
            acceptor: tls::acceptor(server.identity()),
            connector: tls::connector(server.identity()),
            server_port: server.port,
            hides,
            heard: Arc::clone(&heard),
        };
        let listening = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // However it ends, it has ended.
                let ends = ends.clone();
                connections.spawn(async move { ends.relay(stream).await.ok() });
            }
        });
        Self {
            port,
            heard,
            listening,
        }
    }

    /// All that the client has said so far.
    #[must_use]
    pub fn heard(&self) -> String {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard).into_owned()
    }
}

impl Drop for MiddleMan {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Ends {
    async fn relay(self, near: TcpStream) -> io::Result<()> {
        near.set_nodelay(true)?;
        let near = self.acceptor.accept(near).await?;
        let far = TcpStream::connect(("127.0.0.1", self.server_port)).await?;
        far.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let far = self.connector.connect(name, far).await?;
        let (from_client, to_client) = tokio::io::split(near);
        let (from_server, to_server) = tokio::io::split(far);
        let client = pump(from_client, to_server, |octets| {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.extend_from_slice(&octets);
            octets
        });
        let server = pump(from_server, to_client, |octets| self.hidden(octets));
        tokio::try_join!(client, server).map(|_| ())
    }

    /// What the client is told of what the server says; the lists that name mechanisms come in one piece.
    fn hidden(&self, octets: Vec<u8>) -> Vec<u8> {
        let Ok(mut text) = String::from_utf8(octets.clone()) else {
            return octets;
        };
        for mechanism in self.hides {
            text = text.replace(&format!(" AUTH={mechanism}"), "");
            text = text.replace(&format!(" {mechanism}"), "");
        }
        text.into_bytes()
    }
}

/// Hands on what comes until it ends, as `seen` makes it.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    seen: impl Fn(Vec<u8>) -> Vec<u8>,
) -> io::Result<()> {
    let mut octets = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut octets).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let part = seen(octets.get(..read).unwrap_or_default().to_vec());
        to.write_all(&part).await?;
        to.flush().await?;
    }
}
