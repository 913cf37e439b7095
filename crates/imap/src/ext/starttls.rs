//! STARTTLS (RFC 9051 §6.2.1). It is asked for only where the settings require it, and then there is
//! no way on without it: no fallback, no cleartext login.
//!
//! Nothing said before encryption is remembered, and nothing may have arrived between the server's
//! OK and the handshake: it could have been put there by anyone (CVE-2020-14954, CVE-2021-22947).

use crate::capability::Capability;
use crate::encode::CommandText;
use crate::error::{ImapError, Refusal};
use crate::session::Session;
use postrider_core::settings::ServerAddress;
use postrider_transport::{Connector, Stream};

/// Turns a session in the clear into an encrypted one that knows nothing yet.
pub(crate) async fn begin(
    session: Session,
    connector: &Connector,
    address: &ServerAddress,
) -> Result<Session, ImapError> {
    let (stream, session) = ask(session).await?;
    let stream = connector.start_tls(stream, address).await?;
    Ok(session(stream))
}

/// Asks for STARTTLS; gives back the bare stream and what makes a session of it once encrypted.
pub(crate) async fn ask(
    mut session: Session,
) -> Result<(Stream, impl FnOnce(Stream) -> Session), ImapError> {
    session.learn_capabilities().await?;
    if !session.capabilities().has(Capability::StartTls) {
        return Err(ImapError::StartTlsMissing);
    }
    let status = session.command(CommandText::new("STARTTLS")).await?;
    if let Some(refusal) = Refusal::of(status) {
        return Err(ImapError::StartTlsRefused { refusal });
    }
    let limits = session.limits;
    let stream = session.wire.into_stream()?;
    Ok((stream, move |stream| Session::encrypted(stream, limits)))
}
