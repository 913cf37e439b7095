//! A stream under TLS.
//!
//! Under TLS 1.3 a server refuses our certificate, or the lack of it, when for us the handshake is long over: its
//! alert comes in place of the greeting. It is told apart from a connection that broke here.

use crate::Duplex;
use crate::error::TransportError;
use crate::tls::ahead::Ahead;
use crate::tls::refusal::{client, is_about_us};
use postrider_core::certificate::Certificate;
use rustls::ClientConnection;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// Octets both ways, encrypted.
#[derive(Debug)]
pub(crate) struct SecuredStream<S> {
    stream: TlsStream<Ahead<S>>,
    host: String,
    /// `None`: the server has not asked who we are. `Some(None)`: we have no certificate to tell it.
    own: Option<Option<Certificate>>,
}

impl<S> SecuredStream<S> {
    pub(super) const fn new(
        stream: TlsStream<Ahead<S>>,
        host: String,
        own: Option<Option<Certificate>>,
    ) -> Self {
        Self { stream, host, own }
    }

    /// What was agreed on.
    pub(crate) fn connection(&self) -> &ClientConnection {
        self.stream.get_ref().1
    }

    fn told(&self, error: io::Error) -> io::Error {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(rustls::Error::AlertReceived(alert))
                if is_about_us(*alert, self.own.is_some()) =>
            {
                let own = self.own.as_ref().and_then(Option::as_ref);
                io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    TransportError::from(client(&self.host, *alert, own)),
                )
            }
            _ => error,
        }
    }
}

impl<S: Duplex> AsyncRead for SecuredStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        poll.map_err(|error| self.told(error))
    }
}

impl<S: Duplex> AsyncWrite for SecuredStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, octets);
        poll.map_err(|error| self.told(error))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        poll.map_err(|error| self.told(error))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
