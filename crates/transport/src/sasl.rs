//! Proving who we are by SASL (RFC 4422), for both protocols.
//!
//! rsasl does the mechanisms, all but CRAM-MD5, which it lacks, and GSSAPI, which gives too much away there
//! (`gssapi`). Ours is what it leaves open: which mechanism
//! may be used over which connection (`choose`), what a hostile server may ask of us, and what its reasons
//! mean (`bearer`). APOP ([`apop`]) is POP3's own.

pub mod apop;
mod bearer;
mod choose;
mod cram_md5;
#[cfg(feature = "gssapi")]
mod gssapi;

use crate::scram_guard::{self, ServerMessage};
use crate::{ChannelBinding, Login, TransportError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postrider_core::secret::Secret;
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::config::SASLConfig;
use rsasl::mechanisms::external::EXTERNAL;
use rsasl::mechanisms::login::LOGIN;
use rsasl::mechanisms::oauthbearer::OAUTHBEARER;
use rsasl::mechanisms::plain::PLAIN;
use rsasl::mechanisms::scram::{SCRAM_SHA1, SCRAM_SHA1_PLUS, SCRAM_SHA256, SCRAM_SHA256_PLUS};
use rsasl::mechanisms::xoauth2::XOAUTH2;
use rsasl::prelude::{Mechanism, Mechname, Registry, SASLClient, Session, SessionError, State};
use rsasl::property::{
    AuthId, AuthzId, ChannelBindings, OAuthBearerToken, OverrideCBType, Password,
};
use std::fmt;
use zeroize::Zeroizing;

/// What rsasl has of the mechanisms that we use.
static MECHANISMS: [Mechanism; 9] = [
    SCRAM_SHA256_PLUS,
    SCRAM_SHA1_PLUS,
    SCRAM_SHA256,
    SCRAM_SHA1,
    PLAIN,
    LOGIN,
    EXTERNAL,
    OAUTHBEARER,
    XOAUTH2,
];

/// The connection that an exchange goes over.
#[derive(Clone, Copy, Debug)]
pub enum Line<'a> {
    /// Under TLS; what binds an exchange to it, where that is known.
    Encrypted(Option<&'a ChannelBinding>),
    /// In the clear, because the configuration asked for `tls: none`.
    Cleartext,
    /// In the clear, and nobody asked for that.
    Exposed,
}

/// How much the best mechanism of a server hides and proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// The server sees the password; TLS hides it from others.
    Shown,
    /// The server never sees it, and proves that it knows it.
    Mutual,
    /// And nobody sits between us.
    Bound,
}

impl Strength {
    /// Of what a server offers.
    #[must_use]
    pub fn of(offered: &[String]) -> Self {
        choose::strength(offered)
    }

    /// Its best mechanisms, by name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shown => "PLAIN or LOGIN",
            Self::Mutual => "SCRAM",
            Self::Bound => "SCRAM with channel binding",
        }
    }
}

/// One exchange by one mechanism, base64 on both sides as IMAP (RFC 9051 §6.2.2) and POP3
/// (RFC 5034) want it.
pub struct Exchange {
    mechanism: &'static str,
    way: Way,
    is_done: bool,
}

/// Who does the mechanism.
enum Way {
    /// rsasl; which of SCRAM's messages from the server is next, where the mechanism is SCRAM.
    Rsasl(Box<Session>, Option<ServerMessage>),
    /// rsasl makes the first message; the server's answer is its error, if anything.
    Bearer(Box<Session>, Refused),
    CramMd5(Login),
    #[cfg(feature = "gssapi")]
    Gssapi(Box<gssapi::Gssapi>),
}

/// What a server said to a token.
enum Refused {
    NotYet,
    Because(Option<String>),
}

impl Exchange {
    /// Chooses the strongest mechanism that both sides have and the connection allows, or the one that
    /// was asked for. `offered` are the server's mechanisms, in any case.
    ///
    /// `None` means: use the protocol's own LOGIN, USER/PASS or APOP. Over a line that is
    /// [`Line::Exposed`] it is never `None`, because those show the password too.
    ///
    /// # Errors
    /// When only cleartext logins are left and the connection is not secured, or when the
    /// mechanism that was asked for is not offered.
    pub fn begin(
        login: &Login,
        offered: &[String],
        line: Line<'_>,
    ) -> Result<Option<Self>, TransportError> {
        let chosen = choose::choose(login, offered, line)?;
        chosen
            .map(|name| Self::start(login, name, line))
            .transpose()
    }

    fn start(
        login: &Login,
        mechanism: &'static str,
        line: Line<'_>,
    ) -> Result<Self, TransportError> {
        let way = match mechanism {
            "CRAM-MD5" => Way::CramMd5(login.clone()),
            #[cfg(feature = "gssapi")]
            "GSSAPI" => Way::Gssapi(Box::new(gssapi::Gssapi::new(&login.user, &login.service))),
            "OAUTHBEARER" | "XOAUTH2" => {
                Way::Bearer(session(login, mechanism, line)?, Refused::NotYet)
            }
            _ => {
                let is_scram = mechanism.starts_with("SCRAM-");
                let message = is_scram.then_some(ServerMessage::First);
                Way::Rsasl(session(login, mechanism, line)?, message)
            }
        };
        Ok(Self {
            mechanism,
            way,
            is_done: false,
        })
    }

    /// The mechanism's name on the wire.
    #[must_use]
    pub const fn mechanism(&self) -> &'static str {
        self.mechanism
    }

    /// Whether this may be one message, on whose answer nothing else depends. Where it cannot be, making the first
    /// message may be dear: GSSAPI asks a KDC for it.
    #[must_use]
    pub fn may_be_one_message(&self) -> bool {
        self.mechanism != "GSSAPI"
    }

    /// Our first message as base64; `None` when the server speaks first. Ask once, before
    /// [`Exchange::respond`]; send it with the command or as the answer to an empty challenge.
    ///
    /// # Errors
    /// When the mechanism cannot carry the login: an empty password, a NUL in it, no ticket.
    pub fn initial(&mut self) -> Result<Option<Secret>, TransportError> {
        #[cfg(feature = "gssapi")]
        if let Way::Gssapi(gssapi) = &mut self.way {
            let (message, _) = gssapi.step(None)?;
            return Ok(Some(Secret::new(STANDARD.encode(message))));
        }
        let (Way::Rsasl(session, _) | Way::Bearer(session, _)) = &mut self.way else {
            return Ok(None);
        };
        if !session.are_we_first() {
            return Ok(None);
        }
        let (message, is_done) = step(self.mechanism, session, None)?;
        self.is_done = is_done;
        Ok(Some(message))
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
        let challenge = challenge_base64.trim();
        let mechanism = self.mechanism;
        let wrong = |problem| TransportError::Challenge {
            mechanism: mechanism.to_owned(),
            problem,
        };
        let (message, is_done) = match &mut self.way {
            Way::Rsasl(session, expected) => {
                if let Some(expected) = expected {
                    inspect(expected, challenge).map_err(wrong)?;
                }
                step(mechanism, session, Some(challenge))?
            }
            Way::Bearer(_, refused) => {
                // The server has refused, and goes on when it has an answer, whatever it is (RFC 7628
                // §3.2.3; Google wants an empty line).
                *refused = Refused::Because(bearer::reasons(challenge));
                let dummy = match mechanism {
                    "OAUTHBEARER" => STANDARD.encode([1]),
                    _ => String::new(),
                };
                (Secret::new(dummy), true)
            }
            Way::CramMd5(login) => {
                let decoded = STANDARD
                    .decode(challenge)
                    .map_err(|_| wrong("is not base64"))?;
                let answer = cram_md5::response(login, &decoded).map_err(wrong)?;
                (Secret::new(STANDARD.encode(answer)), true)
            }
            #[cfg(feature = "gssapi")]
            Way::Gssapi(gssapi) => {
                let decoded = STANDARD
                    .decode(challenge)
                    .map_err(|_| wrong("is not base64"))?;
                let (answer, is_done) = gssapi.step(Some(&decoded))?;
                (Secret::new(STANDARD.encode(answer)), is_done)
            }
        };
        self.is_done = is_done;
        Ok(message)
    }

    /// Whether the exchange is complete on our side: for SCRAM, that the server has proved that it
    /// knows the password, and for GSSAPI, that it has the service's key.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.is_done
    }

    /// The server's reasons for having refused a token, in words, where it gave some.
    #[must_use]
    pub fn reasons(&self) -> Option<&str> {
        match &self.way {
            Way::Bearer(_, Refused::Because(words)) => words.as_deref(),
            Way::Bearer(_, Refused::NotYet) | Way::Rsasl(..) | Way::CramMd5(_) => None,
            #[cfg(feature = "gssapi")]
            Way::Gssapi(_) => None,
        }
    }

    /// To be asked when the server says that we are in.
    ///
    /// # Errors
    /// When the server has let us in without having proved itself.
    pub fn finish(self) -> Result<(), TransportError> {
        // A token is taken without a word.
        if self.is_done || matches!(self.way, Way::Bearer(_, Refused::NotYet)) {
            Ok(())
        } else {
            Err(TransportError::ServerUnproven {
                mechanism: self.mechanism.to_owned(),
            })
        }
    }

    fn challenge(&self, problem: &'static str) -> TransportError {
        TransportError::Challenge {
            mechanism: self.mechanism.to_owned(),
            problem,
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

fn session(login: &Login, mechanism: &str, line: Line<'_>) -> Result<Box<Session>, TransportError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| TransportError::Sasl {
        mechanism: mechanism.to_owned(),
        source,
    };
    let binding = match line {
        // Without `-PLUS` too: then SCRAM says `y`, we could have bound it, and a server that had offered that knows
        // that somebody took it out on the way (RFC 5802 §6).
        Line::Encrypted(Some(binding)) if mechanism.starts_with("SCRAM-") => Some(binding.clone()),
        Line::Encrypted(_) | Line::Cleartext | Line::Exposed => None,
    };
    let credentials = Credentials {
        user: login.user.clone(),
        password: login.password.clone(),
        // Whom these are to log in; the others say it elsewhere.
        authorize: matches!(mechanism, "EXTERNAL" | "OAUTHBEARER"),
        binding,
    };
    let name = Mechname::parse(mechanism.as_bytes()).map_err(|e| failed(Box::new(e)))?;
    let config = SASLConfig::builder()
        .with_registry(Registry::with_mechanisms(&MECHANISMS))
        .with_callback(credentials)
        .map_err(|e| failed(Box::new(e)))?;
    let session = SASLClient::new(config)
        .start_suggested_iter([name])
        .map_err(|e| failed(Box::new(e)))?;
    Ok(Box::new(session))
}

/// One step of rsasl's; our message, and whether it is the last.
fn step(
    mechanism: &str,
    session: &mut Session,
    challenge: Option<&str>,
) -> Result<(Secret, bool), TransportError> {
    // Room enough that no copy of a secret is left behind by growing.
    let mut response = Zeroizing::new(Vec::with_capacity(4096));
    let challenge = challenge.map(str::as_bytes);
    let state = session
        .step64(challenge, &mut *response)
        .map_err(|source| failed(mechanism, source))?;
    let is_done = matches!(state, State::Finished(_));
    match String::from_utf8(std::mem::take(&mut *response)) {
        Ok(text) => Ok((Secret::new(text), is_done)),
        Err(source) => Err(TransportError::Sasl {
            mechanism: mechanism.to_owned(),
            source: Box::new(source.utf8_error()),
        }),
    }
}

/// Lets only challenges of the right shape pass.
fn inspect(expected: &mut ServerMessage, challenge: &str) -> Result<(), &'static str> {
    let Ok(decoded) = STANDARD.decode(challenge) else {
        return Err("is not base64");
    };
    if let Some(problem) = scram_guard::problem(*expected, &decoded) {
        return Err(problem);
    }
    *expected = ServerMessage::Final;
    Ok(())
}

fn failed(mechanism: &str, source: SessionError) -> TransportError {
    let mechanism = mechanism.to_owned();
    match source {
        SessionError::MutualAuthenticationFailed => TransportError::ServerUnproven { mechanism },
        SessionError::Base64 { .. } => TransportError::Challenge {
            mechanism,
            problem: "is not base64",
        },
        source => TransportError::Sasl {
            mechanism,
            source: Box::new(source),
        },
    }
}

struct Credentials {
    user: String,
    password: Secret,
    authorize: bool,
    binding: Option<ChannelBinding>,
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
            .satisfy::<Password>(self.password.reveal().as_bytes())?
            .satisfy::<OAuthBearerToken>(self.password.reveal())?;
        if self.authorize {
            request.satisfy::<AuthzId>(&self.user)?;
        }
        if let Some(binding) = &self.binding {
            request
                .satisfy::<OverrideCBType>(binding.name)?
                .satisfy::<ChannelBindings>(&binding.octets)?;
        }
        Ok(())
    }

    /// rsasl takes a `-PLUS` for a mechanism only then, and says `y` or `n` by it for one without.
    fn enable_channel_binding(&self) -> bool {
        self.binding.is_some()
    }
}

#[cfg(test)]
mod tests;
