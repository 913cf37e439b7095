//! Login: SASL where the server has a mechanism that we may use, LOGIN otherwise.

use crate::capability::Capability;
use crate::code::Code;
use crate::encode::CommandText;
use crate::error::{ImapError, Refusal};
use crate::intake::Incoming;
use crate::parse::{StatusText, Verdict};
use crate::session::{Session, SessionState};
use crate::wire::tag;
use postrider_core::secret::Secret;
use postrider_core::settings::TlsMode;
use postrider_transport::sasl::Exchange;
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
        let offered = self.capabilities().mechanisms();
        let exchange = Exchange::begin(login, &offered, true)?;
        self.hushed = true;
        let result = match exchange {
            Some(exchange) => self.authenticate(exchange).await,
            None => self.plain_login(login, offered).await,
        };
        self.hushed = false;
        self.broken |= result.is_err();
        let status = result?;
        let told = matches!(status.code, Some(Code::Capability(_)));
        if let Some(refusal) = Refusal::of(status) {
            self.broken = true;
            return Err(ImapError::LoginRefused { refusal });
        }
        self.state = SessionState::Authenticated;
        if !told {
            // Some send it untagged in the same breath; what was said before the login is stale.
            self.learn_capabilities().await?;
        }
        Ok(())
    }

    /// AUTHENTICATE (RFC 9051 §6.2.2), with the first response in the same line where SASL-IR
    /// (RFC 4959) allows it.
    async fn authenticate(&mut self, mut exchange: Exchange) -> Result<StatusText, ImapError> {
        let mut first = exchange.initial()?;
        let mut command = CommandText::new("AUTHENTICATE ").secret();
        command.text(exchange.mechanism());
        if self.capabilities().has(Capability::SaslIr)
            && let Some(first) = first.take()
        {
            command.text(" ");
            // An empty response is `=`, because nothing at all would be no response.
            command.text(if first.reveal().is_empty() {
                "="
            } else {
                first.reveal()
            });
        }
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
                Incoming::Tagged { number: of, status } if of == number => {
                    self.wire.progressed();
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
        let mut command = CommandText::new("LOGIN ").secret();
        command.string(login.user.as_bytes(), self.capabilities())?;
        command.text(" ");
        command.string(login.password.reveal().as_bytes(), self.capabilities())?;
        self.forget_capabilities();
        self.command(command).await
    }
}

#[cfg(test)]
mod tests;
