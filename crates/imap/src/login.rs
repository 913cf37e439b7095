//! Login: SASL where the server has a mechanism that we may use, LOGIN otherwise.

use crate::capability::{Capabilities, Capability};
use crate::encode::{CommandText, EncodeError};
use crate::error::{ImapError, Refusal};
use crate::intake::Incoming;
use crate::parse::{StatusText, Verdict};
use crate::session::{Session, SessionState};
use crate::wire::tag;
use postrider_core::secret::Secret;
use postrider_core::settings::TlsMode;
use postrider_transport::sasl::{Exchange, Line};
use postrider_transport::{Login, TransportError};

impl Session {
    /// Proves who we are. Does nothing on a session that the server greeted with PREAUTH.
    ///
    /// No password crosses a connection in the clear unless the settings said [`TlsMode::None`]
    /// (R9). What the server can do is known anew afterwards.
    ///
    /// # Errors
    /// [`ImapError::LoginRefused`], [`ImapError::LoginDisabled`],
    /// [`ImapError::Cleartext`], a [`TransportError`] when SASL fails, and whatever else ends a session.
    pub async fn log_in(&mut self, login: &Login) -> Result<(), ImapError> {
        self.check()?;
        if self.state != SessionState::NotAuthenticated {
            return Ok(());
        }
        // A session for STARTTLS is another one once encrypted; this one never was.
        if self.tls() == TlsMode::StartTls {
            return Err(ImapError::Cleartext);
        }
        self.learn_capabilities().await?;
        self.before_login = self.capabilities().words().to_vec();
        let offered = self.capabilities().mechanisms();
        let exchange = Exchange::begin(login, &offered, self.line())?;
        self.hushed = true;
        let result = match exchange {
            Some(exchange) => self.authenticate(exchange).await,
            None => self.plain_login(login, offered).await,
        };
        self.hushed = false;
        self.broken |= result.is_err();
        let status = result?;
        if let Some(refusal) = Refusal::of(status) {
            self.broken = true;
            return Err(ImapError::LoginRefused { refusal });
        }
        self.state = SessionState::Authenticated;
        // Some tell it untagged in the same breath; what was said before the login is stale.
        self.notes.asked = !self.told;
        self.learn_capabilities().await
    }

    /// What a login goes over: nobody logs in to a session for STARTTLS that is not encrypted yet.
    pub(crate) const fn line(&self) -> Line<'_> {
        match self.tls() {
            TlsMode::Implicit | TlsMode::StartTls => Line::Encrypted(self.binding.as_ref()),
            TlsMode::None => Line::Cleartext,
        }
    }

    /// AUTHENTICATE (RFC 9051 §6.2.2), with the first response in the same line where SASL-IR
    /// (RFC 4959) allows it.
    async fn authenticate(&mut self, mut exchange: Exchange) -> Result<StatusText, ImapError> {
        let mut first = exchange.initial()?;
        let in_one_line = self.capabilities().has(Capability::SaslIr);
        let told = first.take_if(|_| in_one_line);
        let command = authenticate_command(&exchange, told.as_ref());
        self.forget_capabilities();
        let number = self.send(command);
        loop {
            match self.next_incoming().await? {
                Incoming::Continuation(challenge) => {
                    let answer = match first.take() {
                        Some(first) => Ok(first),
                        None => exchange.respond(&String::from_utf8_lossy(&challenge)),
                    };
                    self.answer(number, answer).await?;
                }
                Incoming::Tagged {
                    number: of,
                    mut status,
                } if of == number => {
                    self.wire.progressed();
                    if let Some(reasons) = exchange.reasons() {
                        status.text = format!("{}: {reasons}", status.text);
                    }
                    if status.verdict == Verdict::Ok {
                        // A server that cannot prove that it knows the password is not ours.
                        exchange.finish()?;
                    }
                    return Ok(status);
                }
                Incoming::Tagged { number, .. } => {
                    return Err(ImapError::UnknownTag { tag: tag(number) });
                }
                Incoming::BodyStart { .. }
                | Incoming::BodyChunk(_)
                | Incoming::BodyEnd
                | Incoming::Settled
                | Incoming::Untagged(_) => {}
            }
        }
    }

    /// Sends the next line of the exchange. When we will not go on, `*` tells the server so, and our
    /// own reason is the error, whatever it answers.
    async fn answer(
        &mut self,
        number: u64,
        answer: Result<Secret, TransportError>,
    ) -> Result<(), ImapError> {
        match answer {
            Ok(line) => {
                self.wire.queue_secret_line(number, line.reveal());
                Ok(())
            }
            Err(error) => {
                self.wire.queue_secret_line(number, "*");
                let patience = self.limits.farewell;
                let goodbye = async {
                    while !matches!(
                        self.next_incoming().await,
                        Err(_) | Ok(Incoming::Tagged { .. })
                    ) {}
                };
                drop(tokio::time::timeout(patience, goodbye).await);
                Err(error.into())
            }
        }
    }

    /// LOGIN (RFC 9051 §6.2.3).
    async fn plain_login(
        &mut self,
        login: &Login,
        offered: Vec<String>,
    ) -> Result<StatusText, ImapError> {
        if self.capabilities().has(Capability::LoginDisabled) {
            return Err(ImapError::LoginDisabled { offered });
        }
        let command = login_command(login, self.capabilities())?;
        self.forget_capabilities();
        self.command(command).await
    }
}

/// AUTHENTICATE, with our first response where it may stand in the same line.
fn authenticate_command(exchange: &Exchange, first: Option<&Secret>) -> CommandText {
    let mut command = CommandText::new("AUTHENTICATE ").secret();
    command.text(exchange.mechanism());
    if let Some(first) = first {
        command.text(" ");
        // An empty response is `=`, because nothing at all would be no response.
        command.text(if first.reveal().is_empty() {
            "="
        } else {
            first.reveal()
        });
    }
    command
}

fn login_command(login: &Login, capabilities: &Capabilities) -> Result<CommandText, EncodeError> {
    let mut command = CommandText::new("LOGIN ").secret();
    command.string(login.user.as_bytes(), capabilities)?;
    command.text(" ");
    command.string(login.password.reveal().as_bytes(), capabilities)?;
    Ok(command)
}

/// The login as one command on whose answer nothing else depends; `None` when it takes more, or when
/// there is no way in at all. What the server can do may be what it could last time.
pub(crate) fn in_one_command(
    login: &Login,
    capabilities: &Capabilities,
    line: Line<'_>,
) -> Option<CommandText> {
    // What goes wrong here goes wrong again, and is told, on the way by steps.
    let exchange = Exchange::begin(login, &capabilities.mechanisms(), line).ok()?;
    let command = match exchange {
        Some(exchange) if !exchange.may_be_one_message() => return None,
        Some(mut exchange) => {
            let first = exchange.initial().ok()??;
            let whole = exchange.is_done() && capabilities.has(Capability::SaslIr);
            whole.then(|| authenticate_command(&exchange, Some(&first)))?
        }
        None if capabilities.has(Capability::LoginDisabled) => return None,
        None => login_command(login, capabilities).ok()?,
    };
    (!command.waits()).then_some(command)
}

#[cfg(test)]
mod tests;
