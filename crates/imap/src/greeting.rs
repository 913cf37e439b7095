//! From an address to a session that is ready for a login.

use crate::error::ImapError;
use crate::ext::starttls;
use crate::intake::Incoming;
use crate::limits::Limits;
use crate::parse::{StatusText, Untagged, Verdict};
use crate::session::{Session, SessionState};
use postrider_core::settings::{ServerAddress, TlsMode};
use postrider_transport::{Connector, Stream};

impl Session {
    /// Reads the greeting on a stream that is as `tls` says: encrypted, to be encrypted by STARTTLS,
    /// or in the clear.
    ///
    /// # Errors
    /// When the server does not greet, says BYE, or claims that we are logged in (PREAUTH) before
    /// the connection is encrypted.
    pub async fn greet(stream: Stream, tls: TlsMode) -> Result<Self, ImapError> {
        Self::greet_within(stream, tls, Limits::default()).await
    }

    /// As [`Session::greet`], with other limits.
    ///
    /// # Errors
    /// As [`Session::greet`].
    pub async fn greet_within(
        stream: Stream,
        tls: TlsMode,
        limits: Limits,
    ) -> Result<Self, ImapError> {
        let mut session = Self::new(stream, tls, limits);
        let status = session.greeting().await?;
        session.wire.progressed();
        match (status.verdict, tls) {
            (Verdict::Ok, _) => Ok(session),
            (Verdict::PreAuth, TlsMode::StartTls) => Err(ImapError::PreAuthBeforeTls),
            (Verdict::PreAuth, TlsMode::Implicit | TlsMode::None) => {
                session.state = SessionState::Authenticated;
                session.learn_capabilities().await?;
                Ok(session)
            }
            // BYE is an error already; NO and BAD greet nobody.
            (Verdict::Bad | Verdict::Bye | Verdict::No, _) => {
                Err(ImapError::Greeting { text: status.text })
            }
        }
    }

    /// Encrypts a session whose settings say STARTTLS. There is no other way on for it.
    ///
    /// # Errors
    /// When the server does not offer it, refuses it, or has sent anything in the clear after it
    /// agreed; and when the handshake fails.
    pub async fn start_tls(
        self,
        connector: &Connector,
        address: &ServerAddress,
    ) -> Result<Self, ImapError> {
        starttls::begin(self, connector, address).await
    }

    /// The first line must be the greeting: what comes before it belongs to no state and another
    /// protocol's banner is no IMAP (ALPACA).
    async fn greeting(&mut self) -> Result<StatusText, ImapError> {
        match self.next_incoming().await {
            Ok(Incoming::Untagged(Untagged::Status(status))) => Ok(status),
            // What a POP3 server greets with.
            Ok(Incoming::Continuation(text)) => Err(ImapError::Greeting {
                text: format!("+{}", String::from_utf8_lossy(&text)),
            }),
            Ok(_) => Err(ImapError::Greeting {
                text: String::new(),
            }),
            Err(ImapError::NotAResponse(odd)) => Err(ImapError::Greeting { text: odd.text }),
            Err(error) => Err(error),
        }
    }
}
