//! From settings to a session that is logged in.

use crate::error::EngineError;
use crate::events;
use crate::heart::announced;
use crate::password;
use crate::veil::Veil;
use postrider_core::settings::{AccountSettings, TlsMode};
use postrider_imap::{FlightEvent, ImapError, Limits, Memory, Session, Step};
use postrider_pop3::{Authorization, Transaction};
use postrider_transport::{Calm, Connector, Login};
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
        let mut session = greeted(settings, connector).await?;
        // Not before there is a server that wants it: a password command may ask a person.
        let login = self.login.get_or_try_init(|| login(settings)).await?;
        let flown = log_in(&mut session, login, &self.memory, first.clone());
        let events = match flown.await {
            // A server that hangs up on who asks before being let in is asked one by one.
            Err(error) if session.left_early() && error.ends_talk() => {
                // Where there may be one connection only, it makes room for the next.
                drop(session);
                session = greeted(settings, connector).await?;
                let events = log_in(&mut session, login, &Memory::default(), first).await;
                session.note_login_alone();
                events
            }
            flown => flown,
        };
        let veiled = |error| EngineError::imap(Veil::of(login).over_imap(error));
        let events = events.map_err(veiled)?;
        connected(settings);
        Ok((session, events))
    }
}

async fn log_in(
    session: &mut Session,
    login: &Login,
    memory: &Memory,
    first: Vec<Step>,
) -> Result<Vec<FlightEvent>, ImapError> {
    let mut flight = session.log_in_with(login, memory, first).await?;
    let mut events = Vec::new();
    while let Some(event) = flight.next().await? {
        events.push(event);
    }
    Ok(events)
}

/// An IMAP session that nobody has logged in to, encrypted where it is to be.
async fn greeted(
    settings: &AccountSettings,
    connector: &Connector,
) -> Result<Session, EngineError> {
    let (address, calm) = (&settings.server, Calm::default());
    let stream = connector.connect_for(address, settings.timeout, &calm);
    // Others decide when it is its turn; from then on `timeout` does.
    let stream = announced(None, stream).await?;
    let limits = Limits::for_timeout(settings.timeout);
    let greeted = Session::greet_within(stream, address.tls, limits).await;
    let mut session = greeted.map_err(EngineError::imap)?;
    if address.tls == TlsMode::StartTls {
        let upgraded = session.start_tls(connector, address).await;
        session = upgraded.map_err(EngineError::imap)?;
    }
    session.set_calm(calm);
    Ok(session)
}

/// A POP3 session in the TRANSACTION state.
pub(crate) async fn pop3(
    settings: &AccountSettings,
    connector: &Connector,
) -> Result<Transaction, EngineError> {
    let address = &settings.server;
    // Others decide when it is its turn; from then on `timeout` does.
    let stream = announced(None, connector.connect(address, settings.timeout)).await?;
    let greeted = Authorization::greet_within(stream, address.tls, settings.timeout);
    let mut session = greeted.await?;
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
