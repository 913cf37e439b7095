//! From settings to a session that is logged in.

use crate::error::EngineError;
use crate::events;
use crate::password;
use crate::veil::Veil;
use postrider_core::settings::{AccountSettings, TlsMode};
use postrider_imap::{FlightEvent, Memory, Session, Step};
use postrider_pop3::{Authorization, Transaction};
use postrider_transport::{Connector, Login};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The way into an IMAP account, for as many connections as a pass opens: the password is asked for
/// once, and what the server could do last time is used before it has said it again.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    login: Arc<OnceCell<Login>>,
    memory: Memory,
}

impl Access {
    pub(crate) fn new(memory: Memory) -> Self {
        let login = Arc::default();
        Self { login, memory }
    }

    /// A session in the authenticated state, and what came of `first`, which left together with the
    /// login where that was safe.
    pub(crate) async fn open(
        &self,
        settings: &AccountSettings,
        connector: &Connector,
        first: Vec<Step>,
    ) -> Result<(Session, Vec<FlightEvent>), EngineError> {
        let address = &settings.server;
        let stream = connector.connect(address, settings.timeout).await?;
        let mut session = Session::greet(stream, address.tls)
            .await
            .map_err(EngineError::imap)?;
        if address.tls == TlsMode::StartTls {
            let upgraded = session.start_tls(connector, address).await;
            session = upgraded.map_err(EngineError::imap)?;
        }
        // Not before there is a server that wants it: a password command may ask a person.
        let login = self.login.get_or_try_init(|| login(settings)).await?;
        let veiled = |error| EngineError::imap(Veil::of(login).over_imap(error));
        let logged_in = session.log_in_with(login, &self.memory, first).await;
        let mut events = Vec::new();
        {
            let mut flight = logged_in.map_err(veiled)?;
            while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
                events.push(event);
            }
        }
        connected(settings);
        Ok((session, events))
    }
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
