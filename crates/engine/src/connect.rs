//! From settings to a session that is logged in.

use crate::error::EngineError;
use crate::events;
use crate::password;
use crate::veil::Veil;
use postrider_core::settings::{AccountSettings, TlsMode};
use postrider_imap::Session;
use postrider_pop3::{Authorization, Transaction};
use postrider_transport::{Connector, Login};

/// An IMAP session in the authenticated state.
pub(crate) async fn imap(
    settings: &AccountSettings,
    connector: &Connector,
) -> Result<Session, EngineError> {
    let address = &settings.server;
    let stream = connector.connect(address, settings.timeout).await?;
    let mut session = Session::greet(stream, address.tls)
        .await
        .map_err(EngineError::imap)?;
    if address.tls == TlsMode::StartTls {
        let upgraded = session.start_tls(connector, address).await;
        session = upgraded.map_err(EngineError::imap)?;
    }
    let login = login(settings).await?;
    let logged_in = session.log_in(&login).await;
    logged_in.map_err(|error| EngineError::imap(Veil::of(&login).over_imap(error)))?;
    connected(settings);
    Ok(session)
}

/// A POP3 session in the TRANSACTION state.
pub(crate) async fn pop3(
    settings: &AccountSettings,
    connector: &Connector,
) -> Result<Transaction, EngineError> {
    let address = &settings.server;
    let stream = connector.connect(address, settings.timeout).await?;
    let mut session = Authorization::greet(stream, address.tls).await?;
    if address.tls == TlsMode::StartTls {
        session = session.start_tls(connector, address).await?;
    }
    let login = login(settings).await?;
    let logged_in = session.log_in(&login).await;
    let session = logged_in.map_err(|error| Veil::of(&login).over_pop3(error))?;
    connected(settings);
    Ok(session)
}

async fn login(settings: &AccountSettings) -> Result<Login, EngineError> {
    Ok(Login {
        user: settings.user.clone(),
        password: password::obtain(&settings.password).await?,
        choice: settings.auth,
    })
}

fn connected(settings: &AccountSettings) {
    events::AccountConnected {
        account: settings.name.as_str(),
        host: &settings.server.host,
    }
    .emit();
}
