//! A stream under TLS.
//!
//! Under TLS 1.3 a server refuses our certificate, or the lack of it, when for us the handshake is long over: its
//! alert comes in place of the greeting. It is told apart from a connection that broke here. Dovecot 2.3 sends no alert and hangs
//! up: so a server that has asked for our certificate, and then ends before it has said anything, is taken at that.

use crate::Duplex;
use crate::error::TransportError;
use crate::tls::refusal::{client, is_about_us};
use postrider_core::certificate::Certificate;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// Octets both ways, encrypted.
#[derive(Debug)]
pub(crate) struct SecuredStream<S> {
    stream: TlsStream<S>,
    host: String,
    /// `None`: the server has not asked who we are. `Some(None)`: we have no certificate to tell it.
    own: Option<Option<Certificate>>,
    /// The server has said something.
    heard: bool,
}

impl<S> SecuredStream<S> {
    pub(super) const fn new(
        stream: TlsStream<S>,
        host: String,
        own: Option<Option<Certificate>>,
    ) -> Self {
        Self {
            stream,
            host,
            own,
            heard: false,
        }
    }

    fn told(&self, error: io::Error) -> io::Error {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(rustls::Error::AlertReceived(alert))
                if is_about_us(*alert, self.own.is_some()) =>
            {
                self.refused(&format!("{alert:?}"))
            }
            _ if error.kind() == io::ErrorKind::UnexpectedEof && self.is_turned_away() => {
                self.refused("it hung up")
            }
            _ => error,
        }
    }

    /// Whether an end now would be the server's answer to who we are.
    const fn is_turned_away(&self) -> bool {
        self.own.is_some() && !self.heard
    }

    fn refused(&self, alert: &str) -> io::Error {
        let own = self.own.as_ref().and_then(Option::as_ref);
        io::Error::new(
            io::ErrorKind::PermissionDenied,
            TransportError::from(client(&self.host, alert, own)),
        )
    }
}

impl<S: Duplex> AsyncRead for SecuredStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match ready!(Pin::new(&mut self.stream).poll_read(context, buffer)) {
            Ok(()) if buffer.filled().len() > before => {
                self.heard = true;
                Poll::Ready(Ok(()))
            }
            Ok(()) if buffer.remaining() > 0 && self.is_turned_away() => {
                Poll::Ready(Err(self.refused("it hung up")))
            }
            ended => Poll::Ready(ended.map_err(|error| self.told(error))),
        }
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
