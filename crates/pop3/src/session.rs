//! A session's states as types (RFC 1939 §3).
//!
//! AUTHORIZATION is [`Authorization`]; TRANSACTION is [`Transaction`]; UPDATE has no type, because
//! it is what the server does between QUIT and its answer.

use crate::command::Command;
use crate::error::{GREETING, Pop3Error};
use crate::ext::capa::{self, Capabilities};
use crate::ext::{pipelining, sasl};
use crate::reply::{Code, Reply};
use crate::wire::{Follows, TIMEOUT, Wire};
use postrider_core::settings::{AuthChoice, TlsMode};
use postrider_transport::sasl::{Exchange, Line, apop};
use postrider_transport::{Login, Stream, TransportError};
use std::time::Duration;

/// In Gmail's greeting (`Gpop ready for requests`). It lists some 250 messages in a session and the
/// next ones in the next, and does not say so.
const GMAIL: &str = "Gpop ";

/// Greeted, not logged in.
#[derive(Debug)]
pub struct Authorization {
    pub(crate) wire: Wire,
    tls: TlsMode,
    /// The stream is under TLS.
    is_encrypted: bool,
    apop_banner: Option<String>,
    limits_sessions: bool,
    capabilities: Option<Capabilities>,
}

impl Authorization {
    /// Waits for the greeting. `tls` is the account's mode: with [`TlsMode::Implicit`] the stream is
    /// under TLS already; with [`TlsMode::StartTls`] nothing but [`Authorization::start_tls`] leads
    /// on.
    ///
    /// # Errors
    /// When the server refuses us, or is no POP3 server.
    pub async fn greet(stream: Stream, tls: TlsMode) -> Result<Self, Pop3Error> {
        Self::greet_within(stream, tls, TIMEOUT).await
    }

    /// As [`Authorization::greet`], on a stream that ends when nothing comes for `timeout`: an answer may take
    /// five times as long, and longer only when it flows.
    ///
    /// # Errors
    /// As [`Authorization::greet`].
    pub async fn greet_within(
        stream: Stream,
        tls: TlsMode,
        timeout: Duration,
    ) -> Result<Self, Pop3Error> {
        let mut wire = Wire::new(stream, timeout);
        match wire.reply(Follows::Nothing).await? {
            Reply::Ok(text) => Ok(Self {
                wire,
                tls,
                is_encrypted: tls == TlsMode::Implicit,
                apop_banner: apop_banner(&text),
                limits_sessions: text.contains(GMAIL),
                capabilities: None,
            }),
            Reply::Refused(refusal) => Err(Pop3Error::GreetingRefused { refusal }),
            Reply::Challenge(text) => Err(Pop3Error::Reply {
                command: GREETING,
                line: text.into_bytes(),
            }),
        }
    }

    /// A session whose TLS has just begun, and which knows nothing from before (RFC 2595 §4).
    pub(crate) fn encrypted(
        stream: Stream,
        tls: TlsMode,
        (round_trips, patience): (u64, Duration),
    ) -> Self {
        Self {
            wire: Wire::after_greeting(stream, round_trips, patience),
            tls,
            is_encrypted: true,
            apop_banner: None,
            limits_sessions: false,
            capabilities: None,
        }
    }

    pub(crate) const fn tls(&self) -> TlsMode {
        self.tls
    }

    /// The greeting's timestamp, which a server that has APOP sends (RFC 1939 §7).
    #[must_use]
    pub fn apop_banner(&self) -> Option<&str> {
        self.apop_banner.as_deref()
    }

    /// What the server can; asked once per connection and once more after STLS.
    ///
    /// # Errors
    /// When the session breaks. A server that does not know CAPA has no capabilities.
    pub async fn capabilities(&mut self) -> Result<&Capabilities, Pop3Error> {
        let known = match self.capabilities.take() {
            Some(known) => known,
            None => capa::ask(&mut self.wire).await?,
        };
        Ok(self.capabilities.insert(known))
    }

    /// Logs in by the strongest mechanism that both sides have, or by USER and PASS.
    ///
    /// # Errors
    /// When the server refuses; when the password would leave in the clear and the configuration
    /// does not ask for `tls: none`.
    pub async fn log_in(mut self, login: &Login) -> Result<Transaction, Pop3Error> {
        let binding = self.wire.channel_binding();
        let line = match self.tls {
            _ if self.is_encrypted => Line::Encrypted(binding.as_ref()),
            TlsMode::None => Line::Cleartext,
            TlsMode::Implicit | TlsMode::StartTls => Line::Exposed,
        };
        // APOP shows no password; whoever asked for it gets nothing else.
        if login.choice == AuthChoice::Apop {
            return self.log_in_by_apop(login).await;
        }
        let capabilities = self.capabilities().await?.clone();
        let mechanisms = capabilities.sasl_mechanisms();
        let mut wire = self.wire;
        let exchange = Exchange::begin(login, &mechanisms, line)?;
        let authenticated = authenticate(&mut wire, login, exchange).await;
        authenticated.map_err(|error| with_wait(error, &capabilities))?;
        Self::logged_in(wire, capabilities, self.limits_sessions).await
    }

    /// APOP (RFC 1939 §7): the digest of the greeting's timestamp and the password.
    async fn log_in_by_apop(mut self, login: &Login) -> Result<Transaction, Pop3Error> {
        let Some(timestamp) = self.apop_banner.take() else {
            let capabilities = self.capabilities().await?;
            let not_offered = TransportError::NotOffered {
                mechanism: "APOP",
                offered: capabilities.sasl_mechanisms(),
            };
            return Err(not_offered.into());
        };
        let digest = apop::digest(login, &timestamp)?;
        let capabilities = self.capabilities().await?.clone();
        let command = Command::Apop(&login.user, &digest);
        let accepted = accept(self.wire.ask(command, Follows::Nothing).await?);
        accepted.map_err(|error| with_wait(error, &capabilities))?;
        Self::logged_in(self.wire, capabilities, self.limits_sessions).await
    }

    async fn logged_in(
        mut wire: Wire,
        capabilities: Capabilities,
        limits_sessions: bool,
    ) -> Result<Transaction, Pop3Error> {
        let offered = capabilities.sasl_mechanisms();
        // RFC 2449 §5: some capabilities are told only to those who are logged in. Asking again is
        // worth a round trip only where it may save many.
        let capabilities = if capabilities.has_capa() && !capabilities.has(pipelining::CAPABILITY) {
            capa::ask(&mut wire).await?
        } else {
            capabilities
        };
        Ok(Transaction {
            wire,
            capabilities,
            offered,
            limits_sessions,
        })
    }
}

async fn authenticate(
    wire: &mut Wire,
    login: &Login,
    exchange: Option<Exchange>,
) -> Result<(), Pop3Error> {
    if let Some(exchange) = exchange {
        return sasl::authenticate(wire, exchange).await;
    }
    let user = Command::User(&login.user);
    accept(wire.ask(user, Follows::Nothing).await?)?;
    let pass = Command::Pass(&login.password);
    accept(wire.ask(pass, Follows::Nothing).await?)
}

/// A login that came too soon may come again after what the refusal or else CAPA says.
fn with_wait(mut error: Pop3Error, capabilities: &Capabilities) -> Pop3Error {
    if let Pop3Error::LoginRefused { refusal, wait } = &mut error
        && refusal.code == Some(Code::LoginDelay)
    {
        *wait = wait.or_else(|| capabilities.login_delay());
    }
    error
}

/// A step of the login must be accepted.
pub(crate) fn accept(reply: Reply) -> Result<(), Pop3Error> {
    match reply {
        Reply::Ok(_) => Ok(()),
        Reply::Refused(refusal) => Err(Pop3Error::LoginRefused {
            wait: refusal.wait(),
            refusal,
        }),
        Reply::Challenge(text) => Err(Pop3Error::Reply {
            command: "AUTH",
            line: text.into_bytes(),
        }),
    }
}

/// `<process-ID.clock@hostname>` at the end of the greeting.
fn apop_banner(greeting: &str) -> Option<String> {
    let (_, banner) = greeting.rsplit_once('<')?;
    let (banner, _) = banner.split_once('>')?;
    banner.contains('@').then(|| format!("<{banner}>"))
}

/// Logged in: the maildrop is ours until QUIT.
#[derive(Debug)]
pub struct Transaction {
    pub(crate) wire: Wire,
    capabilities: Capabilities,
    /// The mechanisms before the login.
    offered: Vec<String>,
    limits_sessions: bool,
}

impl Transaction {
    /// The mechanisms that the server offered for the login.
    #[must_use]
    pub fn offered(&self) -> &[String] {
        &self.offered
    }

    /// What the server can.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether the server is known to list only some of its messages in one session.
    #[must_use]
    pub const fn limits_sessions(&self) -> bool {
        self.limits_sessions
    }

    /// How often we have waited for an answer to travel back, since the greeting.
    #[must_use]
    pub const fn round_trips(&self) -> u64 {
        self.wire.round_trips()
    }

    /// How many commands may be in flight at once.
    pub(crate) fn window(&self) -> usize {
        pipelining::window(&self.capabilities)
    }

    /// Asks a command whose `-ERR` is an error.
    pub(crate) async fn demand(&mut self, command: Command<'_>) -> Result<String, Pop3Error> {
        let reply = self.wire.ask(command, Follows::Nothing).await?;
        demanded(command.name(), reply)
    }

    /// Takes back every DELE of this session (RFC 1939 §5, RSET).
    ///
    /// # Errors
    /// When the server refuses, or the session breaks.
    pub async fn reset(&mut self) -> Result<(), Pop3Error> {
        self.demand(Command::Rset).await.map(drop)
    }

    /// Says goodbye to a maildrop in which nothing was deleted.
    ///
    /// Nothing depends on the answer, so a server that refuses or just hangs up is no error.
    ///
    /// # Errors
    /// When the server neither answers nor hangs up, or an earlier answer was left half read.
    pub async fn quit(mut self) -> Result<(), Pop3Error> {
        match self.wire.ask(Command::Quit, Follows::Nothing).await {
            Ok(_) | Err(Pop3Error::Closed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The text of a `+OK`; anything else is an error.
pub(crate) fn demanded(command: &'static str, reply: Reply) -> Result<String, Pop3Error> {
    match reply {
        Reply::Ok(text) => Ok(text),
        Reply::Refused(refusal) => Err(Pop3Error::Refused { command, refusal }),
        Reply::Challenge(text) => Err(Pop3Error::Reply {
            command,
            line: text.into_bytes(),
        }),
    }
}

#[cfg(test)]
mod tests;
