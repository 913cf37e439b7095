//! The store on sockets of loopback, or on any stream.

use std::net::SocketAddr;
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::store::Protocol;
use crate::{Faults, Mailstore, Misbehaviour, Options, imap, pop3};

/// A store with a way to present it: what a connection needs. Clones share everything.
#[derive(Clone, Debug)]
pub struct Service {
    pub(crate) store: Mailstore,
    pub(crate) options: Options,
    pub(crate) faults: Faults,
}

impl Service {
    /// Serves `store` as `options` say, without faults. With [`Options::gmail`] the store's accounts get
    /// Gmail's mailboxes.
    #[must_use]
    pub fn new(store: Mailstore, options: Options) -> Self {
        if options.has_imap("X-GM-EXT-1") {
            store.become_gmail();
        }
        Self {
            store,
            options,
            faults: Faults::default(),
        }
    }

    /// The faults of this service.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Mailstore {
        &self.store
    }

    /// Speaks IMAP on `stream` until either side ends it: no socket, no task of its own.
    pub async fn serve_imap<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) {
        if !self.faults.has(Misbehaviour::RefusesConnections) {
            imap::serve(self.clone(), stream).await;
        }
    }

    /// Speaks POP3 on `stream` until either side ends it.
    pub async fn serve_pop3<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) {
        if !self.faults.has(Misbehaviour::RefusesConnections) {
            pop3::serve(self.clone(), stream).await;
        }
    }
}

/// A running server on two ports of 127.0.0.1. It and all its connections end when it is dropped.
pub struct Server {
    /// Where IMAP is spoken, in clear.
    pub imap_addr: SocketAddr,
    /// Where POP3 is spoken, in clear.
    pub pop3_addr: SocketAddr,
    service: Service,
    listeners: [JoinHandle<()>; 2],
}

impl Server {
    /// Starts to serve `store` on two free ports. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When no socket can be bound.
    pub async fn start(store: Mailstore, options: Options) -> io::Result<Self> {
        let service = Service::new(store, options);
        let imap = TcpListener::bind("127.0.0.1:0").await?;
        let pop3 = TcpListener::bind("127.0.0.1:0").await?;
        Ok(Self {
            imap_addr: imap.local_addr()?,
            pop3_addr: pop3.local_addr()?,
            listeners: [
                tokio::spawn(listen(imap, service.clone(), Protocol::Imap)),
                tokio::spawn(listen(pop3, service.clone(), Protocol::Pop3)),
            ],
            service,
        })
    }

    /// The faults of this server.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.service.faults()
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Mailstore {
        self.service.store()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("imap_addr", &self.imap_addr)
            .field("pop3_addr", &self.pop3_addr)
            .finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

/// Accepts until aborted; the set dies with it, and every connection with the set.
async fn listen(listener: TcpListener, service: Service, protocol: Protocol) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(speak(stream, service.clone(), protocol));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn speak(stream: TcpStream, service: Service, protocol: Protocol) {
    // Answers are small and awaited: waiting to fill a segment would only slow tests down. A socket
    // that refuses the option is as good.
    stream.set_nodelay(true).ok();
    match protocol {
        Protocol::Imap => service.serve_imap(stream).await,
        Protocol::Pop3 => service.serve_pop3(stream).await,
    }
}
