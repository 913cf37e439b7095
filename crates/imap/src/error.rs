//! What can go wrong in a session, and what a server's refusal means.

use crate::code::Code;
use crate::encode::EncodeError;
use crate::framer::FrameError;
use crate::parse::{NotAResponse, StatusText, Verdict};
use crate::shown::shown;
use postrider_core::fault::Fault;
use postrider_core::wish::{Limit, Wish};
use postrider_transport::TransportError;
use std::fmt;
use std::io;
use std::time::Duration;

/// A session that ended, or could not begin. No variant leaves a session that can be used again.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    /// A flight was dropped before it had landed, or an earlier error ended the session.
    #[error("this IMAP session ended earlier")]
    Abandoned,
    /// The server said BYE.
    #[error("the server said goodbye{}", after_colon(.text))]
    Bye {
        /// Its words.
        text: String,
        /// The code in brackets.
        code: Option<Code>,
    },
    /// The server talks and talks, and nothing of it answers a command.
    #[error("the server sent {octets} octets that answered nothing")]
    Chatter {
        /// How much was put up with.
        octets: u64,
    },
    /// The server closed the connection, or it broke.
    #[error("the server closed the connection in the middle of a session")]
    Closed,
    /// A command of ours could not be written.
    #[error("encoding a command")]
    Encode(#[from] EncodeError),
    /// What came is not IMAP, or beyond all measure.
    #[error("reading a response")]
    Frame(#[from] FrameError),
    /// The greeting is none.
    #[error("the server's greeting is not IMAP{}", after_colon(.text))]
    Greeting {
        /// What came instead.
        text: String,
    },
    /// Reading or writing failed.
    #[error("talking to the server")]
    Io(#[source] io::Error),
    /// The server disabled LOGIN and offers no mechanism that we may use.
    #[error("the server takes no password here: LOGIN is disabled and none of its mechanisms ({}) can be used", offered.join(" "))]
    LoginDisabled {
        /// The mechanisms it offers.
        offered: Vec<String>,
    },
    /// The server refused name or password, or login altogether.
    #[error("the server refused the login: {refusal}")]
    LoginRefused {
        /// Its words.
        refusal: Refusal,
    },
    /// A line that is no response.
    #[error("reading a response: {:?}", shown(.0.text.as_bytes()))]
    NotAResponse(NotAResponse),
    /// A password would have crossed a connection without TLS.
    #[error("the connection is not encrypted: no password is sent")]
    Cleartext,
    /// PREAUTH on a connection that still needs STARTTLS: someone is in between, or TLS can never
    /// begin (RFC 9051 §11.1; CVE-2020-14093, CVE-2021-39272).
    #[error("the server skipped the login (PREAUTH) before the connection was encrypted")]
    PreAuthBeforeTls,
    /// Nothing that answers a command came for too long.
    #[error("the server did not answer a command for {} s", .waited.as_secs())]
    Patience {
        /// How long we waited.
        waited: Duration,
    },
    /// A command that must succeed was refused.
    #[error("the server refused {command}: {refusal}")]
    Refused {
        /// Its verb.
        command: &'static str,
        /// The server's words.
        refusal: Refusal,
    },
    /// Octets came in the clear after STARTTLS was granted: response injection (CVE-2020-14954).
    #[error("the server sent {octets} octets between STARTTLS and encryption: they may be forged")]
    StartTlsInjection {
        /// How many.
        octets: usize,
    },
    /// The message that was being sent could not be read to its end, or was not what it should be.
    #[error("reading the message that was being sent")]
    Source(#[source] io::Error),
    /// STARTTLS is not offered.
    #[error("the server does not offer STARTTLS, which `tls: starttls` requires")]
    StartTlsMissing,
    /// STARTTLS is offered and refused. For whatever reason: there is no login without it.
    #[error("the server refused STARTTLS: {refusal}")]
    StartTlsRefused {
        /// Its words.
        refusal: Refusal,
    },
    /// The server lists more mailboxes, or longer names, than anyone has.
    #[error("the server's list of mailboxes is longer than {limit} octets")]
    ListingTooLong {
        /// How many are taken.
        limit: usize,
    },
    /// The server tells of more messages, or of longer keywords, than anyone has.
    #[error("the server told of more messages than fit into {limit} octets")]
    TooManyMessages {
        /// How much is taken.
        limit: usize,
    },
    /// Connecting, TLS or SASL failed.
    #[error("opening the connection or proving who we are")]
    Transport(#[from] TransportError),
    /// A response to a command we did not send.
    #[error("the server answered a command that was not sent, tagged {:?}", shown(.tag.as_bytes()))]
    UnknownTag {
        /// Its tag.
        tag: String,
    },
}

fn after_colon(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {}", shown(text.as_bytes()))
    }
}

impl ImapError {
    /// What the error means for the account.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Bye { code, text } => bye_fault(code.as_ref(), text),
            Self::Abandoned | Self::Closed | Self::Io(_) | Self::Patience { .. } => {
                Fault::Unreachable
            }
            Self::Cleartext | Self::LoginDisabled { .. } => Fault::Auth,
            Self::Source(_) => Fault::LocalIo,
            Self::LoginRefused { refusal } => refusal.login_fault(),
            Self::Refused { refusal, .. } => refusal.fault(),
            Self::PreAuthBeforeTls
            | Self::StartTlsInjection { .. }
            | Self::StartTlsMissing
            | Self::StartTlsRefused { .. } => Fault::Tls,
            Self::Transport(error) => error.fault(),
            Self::Chatter { .. }
            | Self::Encode(_)
            | Self::Frame(_)
            | Self::Greeting { .. }
            | Self::NotAResponse(_)
            | Self::ListingTooLong { .. }
            | Self::TooManyMessages { .. }
            | Self::UnknownTag { .. } => Fault::Protocol,
        }
    }

    /// Whether the server ended the conversation, or its sense, without a reason that would hold for
    /// another one.
    #[must_use]
    pub fn ends_talk(&self) -> bool {
        match self {
            Self::Bye { code: None, text } => Wish::read(text).is_none(),
            Self::Closed | Self::Frame(_) | Self::NotAResponse(_) | Self::UnknownTag { .. } => true,
            _ => false,
        }
    }

    /// What the server wants of us, where its words say so.
    #[must_use]
    pub fn wish(&self) -> Option<Wish> {
        match self {
            Self::Bye { code, text } => wish(code.as_ref(), text),
            Self::Greeting { text } => Wish::read(text),
            Self::LoginRefused { refusal } | Self::Refused { refusal, .. } => refusal.wish(),
            _ => None,
        }
    }

    /// What a user may do about it, when there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        if let Some(wish) = self.wish() {
            return Some(wish.limit.hint().to_owned());
        }
        let hint = match self {
            Self::Cleartext => "use `tls: implicit` or `tls: starttls`",
            Self::LoginDisabled { .. } => "use `tls: implicit`, or another `auth`",
            Self::LoginRefused { refusal } if refusal.login_fault() == Fault::Auth => {
                "check `user` and `password`; many providers want an app password for IMAP"
            }
            Self::StartTlsMissing | Self::StartTlsRefused { .. } | Self::PreAuthBeforeTls => {
                "try `tls: implicit`, port 993"
            }
            Self::StartTlsInjection { .. } => {
                "somebody on the way tampers with the connection; try `tls: implicit`, port 993"
            }
            Self::Greeting { .. } => {
                "check `host`, `port` and `tls`; a captive portal (the login page of a hotel's or train's network) \
                 may answer in the server's place too"
            }
            Self::Transport(error) => return error.hint(),
            Self::Io(error) => return postrider_transport::stream_hint(error),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// What a server wants that says this; its code comes first, then its words.
fn wish(code: Option<&Code>, text: &str) -> Option<Wish> {
    match code {
        Some(Code::Throttled) => Some(Wish::of_code(Limit::Requests, text)),
        _ => Wish::read(text),
    }
}

/// What a code says of the credentials: words beside it do not make a wrong password a right one.
const fn is_auth(code: Option<&Code>) -> bool {
    matches!(
        code,
        Some(
            Code::AuthenticationFailed
                | Code::AuthorizationFailed
                | Code::Expired
                | Code::PrivacyRequired
        )
    )
}

/// BYE; a login that is refused by hanging up says why in it.
fn bye_fault(code: Option<&Code>, text: &str) -> Fault {
    if is_auth(code) {
        return Fault::Auth;
    }
    if let Some(wish) = wish(code, text) {
        return wish.limit.fault();
    }
    match code {
        Some(Code::InUse | Code::Limit | Code::OverQuota) => Fault::Throttled,
        _ => Fault::Unreachable,
    }
}

/// A server's NO or BAD to one command; or our own, where sending it would have been wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code in brackets.
    pub code: Option<Code>,
    /// The text, as sent. Show it with `Display`, which escapes it.
    pub text: String,
    /// BAD: the server did not understand, rather than did not want.
    pub bad: bool,
}

impl Refusal {
    /// What the server wants of us, where its words say so.
    #[must_use]
    pub fn wish(&self) -> Option<Wish> {
        wish(self.code.as_ref(), &self.text)
    }

    /// Whether it is about how much we ask for, and not about what: asking for something else does not help.
    pub(crate) fn is_throttle(&self) -> bool {
        let limit = self.wish().map(|wish| wish.limit.fault());
        limit == Some(Fault::Throttled) && !is_auth(self.code.as_ref())
    }

    /// What a refused command means for the account. A plain NO is taken for passing trouble.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match &self.code {
            Some(Code::AuthorizationFailed | Code::PrivacyRequired) => Fault::Auth,
            code => match self.wish() {
                Some(wish) => wish.limit.fault(),
                None => self.fault_of(code.as_ref(), Fault::Unreachable),
            },
        }
    }

    /// What a refused login means: the password is wrong, unless a code or known words say otherwise (RFC 5530).
    #[must_use]
    pub fn login_fault(&self) -> Fault {
        let code = self.code.as_ref();
        match self.wish() {
            _ if is_auth(code) => Fault::Auth,
            Some(wish) => wish.limit.fault(),
            None if matches!(code, Some(Code::Unavailable | Code::ServerBug)) => Fault::Unreachable,
            None => self.fault_of(code, Fault::Auth),
        }
    }

    const fn fault_of(&self, code: Option<&Code>, plain: Fault) -> Fault {
        match code {
            Some(Code::InUse | Code::Limit | Code::OverQuota) => Fault::Throttled,
            _ if self.bad => Fault::Protocol,
            _ => plain,
        }
    }

    /// The refusal in a status, if it is one.
    pub(crate) fn of(status: StatusText) -> Option<Self> {
        (status.verdict != Verdict::Ok).then(|| Self {
            code: status.code,
            text: status.text,
            bad: status.verdict == Verdict::Bad,
        })
    }

    /// Our own refusal to send something.
    pub(crate) fn ours(text: &str) -> Self {
        Self {
            code: None,
            text: text.to_owned(),
            bad: false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            return f.write_str(if self.bad { "BAD" } else { "NO" });
        }
        f.write_str(&shown(self.text.as_bytes()))
    }
}

#[cfg(test)]
mod tests;
