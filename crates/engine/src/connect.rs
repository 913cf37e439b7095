//! From settings to a session that is logged in.

use crate::error::EngineError;
use crate::events;
use crate::password;
use crate::veil::Veil;
use postrider_core::settings::{AccountSettings, TlsMode};
use postrider_imap::{FlightEvent, ImapError, Memory, Session, Step};
use postrider_pop3::{Authorization, Transaction};
use postrider_transport::{Connector, Login};

/// The way into an IMAP account, for as many connections as a pass opens: the password is asked for
/// once, and what the server could do last time is used before it has said it again.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    login: Login,
    memory: Memory,
}

impl Access {
    pub(crate) async fn of(
        settings: &AccountSettings,
        memory: Memory,
    ) -> Result<Self, EngineError> {
        let login = login(settings).await?;
        Ok(Self { login, memory })
    }

    /// A session in the authenticated state, and what came of `first`, which left together with the
    /// login where that was safe.
    pub(crate) async fn open(
        &self,
        settings: &AccountSettings,
        connector: &Connector,
        first: Vec<Step>,
    ) -> Result<(Session, Vec<FlightEvent>), EngineError> {
        let mut session = greeted(settings, connector).await?;
        let flown = self.log_in(&mut session, &self.memory, first.clone());
        let events = match flown.await {
            // A server that hangs up on who asks before being let in is asked one by one.
            Err(error) if session.left_early() && error.ends_talk() => {
                session = greeted(settings, connector).await?;
                let events = self.log_in(&mut session, &Memory::default(), first).await;
                session.note_login_alone();
                events
            }
            flown => flown,
        };
        let events = events.map_err(|error| self.veiled(error))?;
        connected(settings);
        Ok((session, events))
    }

    async fn log_in(
        &self,
        session: &mut Session,
        memory: &Memory,
        first: Vec<Step>,
    ) -> Result<Vec<FlightEvent>, ImapError> {
        let mut flight = session.log_in_with(&self.login, memory, first).await?;
        let mut events = Vec::new();
        while let Some(event) = flight.next().await? {
            events.push(event);
        }
        Ok(events)
    }

    fn veiled(&self, error: ImapError) -> EngineError {
        EngineError::imap(Veil::of(&self.login).over_imap(error))
    }
}

/// An IMAP session that nobody has logged in to, encrypted where it is to be.
async fn greeted(
    settings: &AccountSettings,
    connector: &Connector,
) -> Result<Session, EngineError> {
    let address = &settings.server;
    let stream = connector.connect(address, settings.timeout).await?;
    let greeted = Session::greet(stream, address.tls).await;
    let session = greeted.map_err(EngineError::imap)?;
    if address.tls != TlsMode::StartTls {
        return Ok(session);
    }
    let upgraded = session.start_tls(connector, address).await;
    upgraded.map_err(EngineError::imap)
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
