//! Proving who we are by SASL (RFC 4422), for both protocols.
//!
//! rsasl does the mechanisms. Ours is what it leaves open: which mechanism may be used over which
//! connection, and what a hostile server may ask of us.

use crate::scram_guard::{self, ServerMessage};
use crate::{Login, TransportError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postrider_core::secret::Secret;
use postrider_core::settings::AuthChoice;
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::config::SASLConfig;
use rsasl::mechanisms::login::LOGIN;
use rsasl::mechanisms::plain::PLAIN;
use rsasl::mechanisms::scram::{SCRAM_SHA1, SCRAM_SHA256};
use rsasl::prelude::{Mechanism, Mechname, Registry, SASLClient, Session, SessionError, State};
use rsasl::property::{AuthId, Password};
use std::fmt;
use zeroize::Zeroizing;

/// The mechanisms we have, strongest first. SCRAM never shows the password, and proves the server
/// to us as well; PLAIN before LOGIN, because it takes one round trip and has an RFC (4616).
static MECHANISMS: [Mechanism; 4] = [SCRAM_SHA256, SCRAM_SHA1, PLAIN, LOGIN];

/// Whether a mechanism shows the password to whoever listens.
fn is_cleartext(mechanism: &str) -> bool {
    !mechanism.starts_with("SCRAM-")
}

/// One exchange by one mechanism, base64 on both sides as IMAP (RFC 9051 §6.2.2) and POP3
/// (RFC 5034) want it.
pub struct Exchange {
    session: Session,
    mechanism: String,
    /// SCRAM's next message from the server, where the mechanism is SCRAM.
    scram: Option<ServerMessage>,
    is_done: bool,
}

impl Exchange {
    /// Chooses the strongest mechanism that both sides have and the connection allows.
    ///
    /// `secured` says whether a password may be shown to the connection: it is under TLS, or the
    /// configuration asked for `tls: none`. `offered` are the server's mechanisms, in any case.
    ///
    /// `None` means: use the protocol's own LOGIN or USER/PASS. Without `secured` it is never
    /// `None`, because those show the password too.
    ///
    /// # Errors
    /// When only cleartext logins are left and the connection is not secured, or when the
    /// mechanism that was asked for is not offered.
    pub fn begin(
        login: &Login,
        offered: &[String],
        secured: bool,
    ) -> Result<Option<Self>, TransportError> {
        let has = |name: &str| offered.iter().any(|o| o.eq_ignore_ascii_case(name));
        let names = MECHANISMS.iter().map(|m| m.mechanism.as_str());
        let chosen = match login.choice {
            AuthChoice::Auto => names
                .filter(|name| secured || !is_cleartext(name))
                .find(|name| has(name)),
            AuthChoice::Plain if !secured => None,
            AuthChoice::Plain if has("PLAIN") => Some("PLAIN"),
            AuthChoice::Plain => {
                return Err(TransportError::NotOffered {
                    mechanism: "PLAIN",
                    offered: offered.to_vec(),
                });
            }
            AuthChoice::Login => None,
        };
        match chosen {
            Some(name) => Self::start(login, name).map(Some),
            None if secured => Ok(None),
            None => Err(TransportError::CleartextRefused),
        }
    }

    fn start(login: &Login, mechanism: &str) -> Result<Self, TransportError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| TransportError::Sasl {
            mechanism: mechanism.to_owned(),
            source,
        };
        let credentials = Credentials {
            user: login.user.clone(),
            password: login.password.clone(),
        };
        let name = Mechname::parse(mechanism.as_bytes()).map_err(|e| failed(Box::new(e)))?;
        let config = SASLConfig::builder()
            .with_registry(Registry::with_mechanisms(&MECHANISMS))
            .with_callback(credentials)
            .map_err(|e| failed(Box::new(e)))?;
        let session = SASLClient::new(config)
            .start_suggested_iter([name])
            .map_err(|e| failed(Box::new(e)))?;
        Ok(Self {
            session,
            mechanism: mechanism.to_owned(),
            scram: (!is_cleartext(mechanism)).then_some(ServerMessage::First),
            is_done: false,
        })
    }

    /// The mechanism's name on the wire.
    #[must_use]
    pub fn mechanism(&self) -> &str {
        &self.mechanism
    }

    /// Our first message as base64; `None` when the server speaks first. Ask once, before
    /// [`Exchange::respond`]; send it with the command or as the answer to an empty challenge.
    ///
    /// # Errors
    /// When the mechanism cannot carry the login: an empty password, a NUL in it.
    pub fn initial(&mut self) -> Result<Option<Secret>, TransportError> {
        if self.session.are_we_first() {
            self.step(None).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Our answer to a challenge, both base64; may be empty, and is then an empty line.
    ///
    /// # Errors
    /// When the challenge is not one of this mechanism, asks too much, comes after the end, or
    /// does not prove what it should.
    pub fn respond(&mut self, challenge_base64: &str) -> Result<Secret, TransportError> {
        if self.is_done {
            return Err(self.challenge("comes after the end of the exchange"));
        }
        self.step(Some(challenge_base64.trim()))
    }

    /// Whether the exchange is complete on our side: for SCRAM, that the server has proved that it
    /// knows the password.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.is_done
    }

    /// To be asked when the server says that we are in.
    ///
    /// # Errors
    /// When the server has let us in without having proved itself.
    pub fn finish(self) -> Result<(), TransportError> {
        if self.is_done {
            Ok(())
        } else {
            Err(TransportError::ServerUnproven {
                mechanism: self.mechanism,
            })
        }
    }

    fn step(&mut self, challenge: Option<&str>) -> Result<Secret, TransportError> {
        if let Some(challenge) = challenge {
            self.inspect(challenge)?;
        }
        // Room enough that no copy of a secret is left behind by growing.
        let mut response = Zeroizing::new(Vec::with_capacity(4096));
        let challenge = challenge.map(str::as_bytes);
        let state = self
            .session
            .step64(challenge, &mut *response)
            .map_err(|source| self.failed(source))?;
        self.is_done = matches!(state, State::Finished(_));
        let text = String::from_utf8(std::mem::take(&mut *response));
        match text {
            Ok(text) => Ok(Secret::new(text)),
            Err(source) => Err(TransportError::Sasl {
                mechanism: self.mechanism.clone(),
                source: Box::new(source.utf8_error()),
            }),
        }
    }

    fn inspect(&mut self, challenge: &str) -> Result<(), TransportError> {
        let Some(message) = self.scram else {
            return Ok(());
        };
        let Ok(decoded) = STANDARD.decode(challenge) else {
            return Err(self.challenge("is not base64"));
        };
        match scram_guard::problem(message, &decoded) {
            Some(problem) => Err(self.challenge(problem)),
            None => {
                self.scram = Some(ServerMessage::Final);
                Ok(())
            }
        }
    }

    fn challenge(&self, problem: &'static str) -> TransportError {
        TransportError::Challenge {
            mechanism: self.mechanism.clone(),
            problem,
        }
    }

    fn failed(&self, source: SessionError) -> TransportError {
        let mechanism = self.mechanism.clone();
        match source {
            SessionError::MutualAuthenticationFailed => {
                TransportError::ServerUnproven { mechanism }
            }
            SessionError::Base64 { .. } => self.challenge("is not base64"),
            source => TransportError::Sasl {
                mechanism,
                source: Box::new(source),
            },
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("mechanism", &self.mechanism)
            .field("is_done", &self.is_done)
            .finish_non_exhaustive()
    }
}

struct Credentials {
    user: String,
    password: Secret,
}

impl SessionCallback for Credentials {
    fn callback(
        &self,
        _session: &SessionData,
        _context: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        request
            .satisfy::<AuthId>(&self.user)?
            .satisfy::<Password>(self.password.reveal().as_bytes())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
