//! The way to a mail server: name, TCP, TLS, and who we say we are.
//!
//! What it gives is a [`Stream`]: octets both ways, with an idle timeout beneath and, where the
//! configuration asks for it, TLS on top; a protocol that agreed to compress puts [`Deflate`] over that. It knows nothing of IMAP or POP3; STARTTLS and STLS are
//! theirs, and hand their stream to [`Connector::start_tls`].
//!
//! **Invariant:** there is no way to a TLS stream whose certificate was not verified: chain and host name, or else a pin of
//! the server's own key; its time in either case; TLS 1.2 or later, no override (CONTRACT R9).
//!
//! Reading order: [`connect`](Connector), `resolve`, `race` (many addresses), `proxy` and `tunnel` (others make the connection; [`ProcessGroup`], [`LastWords`]), `tls` (trust, identity, refusals), `idle_timeout`, [`Calm`], `probe`, `metered` (what all accounts share: [`Slots`], [`Bandwidth`]), [`Deflate`], [`sasl`],
//! `escape`, [`error`].

mod bandwidth;
mod binding;
mod calm;
mod connect;
mod deflate;
pub mod error;
mod escape;
mod fair_queue;
mod idle_timeout;
mod last_words;
mod metered;
mod probe;
mod process_group;
mod proxy;
mod race;
mod resolve;
pub mod sasl;
mod scram_guard;
mod share;
mod slots;
#[cfg(test)]
mod testing;
mod tls;
mod tunnel;

use postrider_core::secret::Secret;
use postrider_core::settings::AuthChoice;
use tokio::io::{AsyncRead, AsyncWrite};

pub use bandwidth::Bandwidth;
pub use binding::ChannelBinding;
pub use calm::Calm;
pub use connect::{Connector, Turn};
pub use deflate::Deflate;
pub use error::TransportError;
pub use escape::escape_server_text;
pub use idle_timeout::IdleTimeout;
pub use last_words::LastWords;
pub use process_group::{Ending, ProcessGroup};
pub use slots::{Slot, Slots, Yielding};
pub use tls::error::{Because, CertificateRefused, ClientRefused, TlsError};
pub use tunnel::stream_hint;

/// Octets both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {
    /// What binds a login to it, where it is under TLS. A [`Stream`] is asked by what it is made of:
    /// `(*stream).channel_binding()`.
    fn channel_binding(&self) -> Option<ChannelBinding>;
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Duplex for T {
    fn channel_binding(&self) -> Option<ChannelBinding> {
        ChannelBinding::of(self)
    }
}

/// A connection to a server, whatever it is made of.
///
/// One from [`Connector::connect`] fails with [`std::io::ErrorKind::TimedOut`] when no octet passes
/// for the account's `timeout` while somebody waits for one, unless it is [`Calm`], and, under TLS, with
/// [`std::io::ErrorKind::UnexpectedEof`] when it is cut without the peer's close_notify.
pub type Stream = Box<dyn Duplex>;

/// Who logs in, and how.
#[derive(Clone, Debug)]
pub struct Login {
    /// The login name.
    pub user: String,
    /// What proves it.
    pub password: Secret,
    /// Which mechanism carries the proof.
    pub choice: AuthChoice,
    /// The server's name in Kerberos, service and host (RFC 4752 §3.1): `imap@mail.example.org`. Only GSSAPI wants it.
    pub service: String,
}
