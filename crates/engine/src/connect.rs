//! From settings to a session that is logged in.

use crate::error::EngineError;
use crate::events;
use crate::heart::announced;
use crate::password;
use crate::veil::Veil;
use postrider_core::secret::Secret;
use postrider_core::settings::{AccountSettings, TlsMode};
use postrider_imap::{FlightEvent, ImapError, Limits, Memory, Session, Step};
use postrider_pop3::{Authorization, Transaction};
use postrider_transport::{Calm, Connector, Login, Stream, TransportError, Turn};
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
        let nobody = Login {
            user: String::new(),
            password: Secret::new(String::new()),
            choice: settings.auth,
        };
        let login = match session.is_logged_in() {
            true => &nobody,
            false => self.login.get_or_try_init(|| login(settings)).await?,
        };
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
    let stream = stream(settings, connector, &calm).await?;
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

async fn stream(
    settings: &AccountSettings,
    connector: &Connector,
    calm: &Calm,
) -> Result<Stream, TransportError> {
    let (address, limit) = (&settings.server, settings.timeout);
    let connect = async |turn| connector.connect_in(turn, address, limit, calm).await;
    in_turn(connector, connect).await
}

/// Connects when it is our turn, which others decide; every step from then on has a limit of its own, and the
/// watchdog need not be told to wait for ever.
async fn in_turn<T>(
    connector: &Connector,
    connect: impl AsyncFnOnce(Turn) -> Result<T, TransportError>,
) -> Result<T, TransportError> {
    let turn = announced(None, connector.turn()).await?;
    connect(turn).await
}

/// A POP3 session in the TRANSACTION state.
pub(crate) async fn pop3(
    settings: &AccountSettings,
    connector: &Connector,
) -> Result<Transaction, EngineError> {
    let address = &settings.server;
    let stream = stream(settings, connector, &Calm::default()).await?;
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
        host: settings.server.told(),
    }
    .emit();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heart::Heart;
    use postrider_transport::{Bandwidth, Slots};
    use std::future::pending;
    use std::num::NonZeroUsize;
    use std::time::Duration;
    use tokio::time::sleep;

    const LIMIT: Duration = Duration::from_secs(90);

    #[tokio::test(start_paused = true)]
    async fn only_the_wait_for_ones_turn_has_no_end() {
        let slots = Slots::new(NonZeroUsize::new(1));
        let connector = Connector::new().sharing(&slots, &Bandwidth::new(None));
        let held = slots.first().await;
        let heart = Heart::new(LIMIT);
        let connects = async move {
            let hangs = async |turn: Turn| {
                pending::<()>().await;
                drop(turn);
                Ok(())
            };
            in_turn(&connector, hangs).await.unwrap();
        };
        tokio::spawn(heart.clone().carry(connects));
        sleep(LIMIT * 1_000).await;
        assert_eq!(heart.pulse().stall(), None, "others decide");
        drop(held);
        sleep(LIMIT + Duration::from_secs(1)).await;
        assert!(heart.pulse().stall().is_some(), "it is connecting");
    }
}
