//! From settings to a session that is logged in.

use crate::access_token::access_token;
use crate::error::EngineError;
use crate::events;
use crate::heart::announced;
use crate::password;
use crate::veil::Veil;
use postrider_core::account::Protocol;
use postrider_core::fault::Fault;
use postrider_core::oauth2::TokenSource;
use postrider_core::secret::Secret;
use postrider_core::settings::{AccountSettings, AuthChoice, PasswordSource, TlsMode};
use postrider_imap::{FlightEvent, ImapError, Limits, Memory, Session, Step};
use postrider_pop3::{Authorization, Pop3Error, Transaction};
use postrider_transport::{Calm, Connector, Login, Stream, TransportError, Turn};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The way into an IMAP account, for as many connections as a pass opens: the password is asked for
/// once, and what the server could do last time is used before it has said it again.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// What let us in before, or may do so. Held while it is asked for, so that it is asked for once.
    login: Arc<Mutex<Option<Login>>>,
    memory: Memory,
}

impl Access {
    pub(crate) fn new(memory: Memory) -> Self {
        let login = Arc::default();
        Self { login, memory }
    }

    /// What the server could do last time.
    pub(crate) const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// A session in the authenticated state, and what came of `first`, which left together with the
    /// login where that was safe.
    pub(crate) async fn open(
        &self,
        settings: &AccountSettings,
        connector: &Connector,
        first: Vec<Step>,
    ) -> Result<(Session, Vec<FlightEvent>), EngineError> {
        let opened = self.try_open((settings, connector), first.clone(), None);
        match opened.await {
            Err(Refused {
                error,
                token: Some(token),
            }) if is_refusal(&error) => {
                // Once: with another token, or not at all.
                let again = self.try_open((settings, connector), first, Some(token));
                again.await.map_err(|refused| refused.error)
            }
            opened => opened.map_err(|refused| refused.error),
        }
    }

    async fn try_open(
        &self,
        (settings, connector): (&AccountSettings, &Connector),
        first: Vec<Step>,
        refused: Option<Box<Login>>,
    ) -> Result<(Session, Vec<FlightEvent>), Refused> {
        let mut session = greeted(settings, connector).await?;
        // Not before there is a server that wants it: a password command may ask a person.
        let login = match session.is_logged_in() {
            true => nobody(settings),
            false => {
                let refused = refused.as_deref();
                self.login((settings, connector), refused).await?
            }
        };
        let flown = log_in(&mut session, &login, &self.memory, first.clone());
        let events = match flown.await {
            // A server that hangs up on who asks before being let in is asked one by one.
            Err(error) if session.left_early() && error.ends_talk() => {
                // Where there may be one connection only, it makes room for the next.
                drop(session);
                session = greeted(settings, connector).await?;
                let events = log_in(&mut session, &login, &Memory::default(), first).await;
                session.note_login_alone();
                events
            }
            flown => flown,
        };
        let veiled = |error| EngineError::imap(Veil::of(&login).over_imap(error));
        let events = events.map_err(|error| Refused {
            error: veiled(error),
            token: by_token(settings).then(|| Box::new(login.clone())),
        })?;
        connected(settings);
        Ok((session, events))
    }

    /// What is to let us in, asked for where it is not known, is used up, or was `refused`.
    async fn login(
        &self,
        (settings, connector): (&AccountSettings, &Connector),
        refused: Option<&Login>,
    ) -> Result<Login, EngineError> {
        let mut known = self.login.lock().await;
        // A long pass outlives a token: each connection looks whether it is still good.
        let may_last = !is_kept_by_us(settings);
        let usable = known.as_ref().filter(|known| {
            may_last && refused.is_none_or(|refused| refused.password != known.password)
        });
        if let Some(known) = usable {
            return Ok(known.clone());
        }
        let login = login((settings, connector), refused).await?;
        *known = Some(login.clone());
        Ok(login)
    }
}

/// Why nobody was let in, and with which token.
struct Refused {
    error: EngineError,
    token: Option<Box<Login>>,
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        let token = None;
        Self { error, token }
    }
}

/// Whether the server has looked at the token and wants none of it.
fn is_refusal(error: &EngineError) -> bool {
    let refused = matches!(
        error,
        EngineError::Imap {
            source: ImapError::LoginRefused { .. },
            ..
        } | EngineError::Pop3(Pop3Error::LoginRefused { .. })
    );
    refused && error.fault() == Fault::Auth
}

const fn by_token(settings: &AccountSettings) -> bool {
    matches!(settings.password, PasswordSource::Token(_))
}

/// Whether we know when it ends.
fn is_kept_by_us(settings: &AccountSettings) -> bool {
    matches!(
        &settings.password,
        PasswordSource::Token(TokenSource::Server(_))
    )
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
    match try_pop3((settings, connector), None).await {
        Err(Refused {
            error,
            token: Some(token),
        }) if is_refusal(&error) => {
            // Once: with another token, or not at all.
            let again = try_pop3((settings, connector), Some(&token)).await;
            again.map_err(|refused| refused.error)
        }
        opened => opened.map_err(|refused| refused.error),
    }
}

async fn try_pop3(
    (settings, connector): (&AccountSettings, &Connector),
    refused: Option<&Login>,
) -> Result<Transaction, Refused> {
    let address = &settings.server;
    let stream = stream(settings, connector, &Calm::default()).await;
    let stream = stream.map_err(EngineError::from)?;
    let greeted = Authorization::greet_within(stream, address.tls, settings.timeout);
    let mut session = greeted.await.map_err(EngineError::from)?;
    if address.tls == TlsMode::StartTls {
        let upgraded = session.start_tls(connector, address).await;
        session = upgraded.map_err(EngineError::from)?;
    }
    let login = login((settings, connector), refused).await?;
    let logged_in = session.log_in(&login).await;
    let session = logged_in.map_err(|error| Refused {
        error: Veil::of(&login).over_pop3(error).into(),
        token: by_token(settings).then(|| Box::new(login.clone())),
    })?;
    connected(settings);
    Ok(session)
}

/// What is to let us in where the server knows us already: nothing.
fn nobody(settings: &AccountSettings) -> Login {
    Login {
        user: String::new(),
        password: Secret::new(String::new()),
        choice: settings.auth,
        service: service(settings),
    }
}

/// The server as Kerberos names it (RFC 4752 §3.1), by the services of IANA's registry for GSSAPI.
fn service(settings: &AccountSettings) -> String {
    let service = match settings.protocol {
        Protocol::Imap => "imap",
        Protocol::Pop3 => "pop",
    };
    format!("{service}@{}", settings.server.host)
}

/// What is to let us in; not what was `refused`.
async fn login(
    (settings, connector): (&AccountSettings, &Connector),
    refused: Option<&Login>,
) -> Result<Login, EngineError> {
    let password = match &settings.password {
        PasswordSource::Token(source) => {
            let refused = refused.map(|login| &login.password);
            access_token((settings, source), connector, refused).await?
        }
        // The certificate speaks, or a ticket.
        _ if matches!(settings.auth, AuthChoice::External | AuthChoice::Gssapi) => {
            Secret::new(String::new())
        }
        source => password::obtain(source).await?,
    };
    Ok(Login {
        user: settings.user.clone(),
        password,
        choice: settings.auth,
        service: service(settings),
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
