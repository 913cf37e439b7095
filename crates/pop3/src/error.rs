//! What can go wrong in a POP3 session.

use crate::codec::LONGEST_LINE;
use crate::reply::Refusal;
use postrider_core::fault::Fault;
use postrider_core::wish::Wish;
use postrider_transport::{TransportError, escape_server_text};
use std::io;
use std::time::Duration;

/// Why a session, or a step of it, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Pop3Error {
    /// TLS or SASL failed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The connection broke.
    #[error("waiting for the answer to {command}")]
    Io {
        /// The command whose answer was awaited.
        command: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The server closed the connection before its answer was complete (R7).
    #[error("the server closed the connection during {command}")]
    Closed {
        /// The command whose answer was awaited.
        command: &'static str,
    },
    /// The server sent something now and then, but no answer, or one slower than any network.
    #[error("the answer to {command} took longer than {} s", .limit.as_secs())]
    Deadline {
        /// The command whose answer was awaited.
        command: &'static str,
        /// How long we waited.
        limit: Duration,
    },
    /// The greeting was `-ERR`.
    #[error("the server does not take us in: {refusal}")]
    GreetingRefused {
        /// What the server said.
        refusal: Refusal,
    },
    /// The login was refused.
    #[error("the server refused the login: {refusal}")]
    LoginRefused {
        /// What the server said.
        refusal: Refusal,
        /// How long it wants to be left alone, where it said so.
        wait: Option<Duration>,
    },
    /// A command was refused that must work.
    #[error("the server refused {command}: {refusal}")]
    Refused {
        /// The command.
        command: &'static str,
        /// What the server said.
        refusal: Refusal,
    },
    /// Something that is not an answer.
    #[error("the server answered {command} with \"{}\"", escape_server_text(.line))]
    Reply {
        /// The command.
        command: &'static str,
        /// The line, as it came.
        line: Vec<u8>,
    },
    /// Octets came that nobody had asked for.
    #[error("the server spoke before {command} was sent")]
    Unsolicited {
        /// The command that was to be sent.
        command: &'static str,
    },
    /// A line of an answer was longer than any.
    #[error("the answer to {command} has a line of more than {LONGEST_LINE} octets")]
    LineTooLong {
        /// The command.
        command: &'static str,
    },
    /// An answer that we must keep was larger than we are willing to.
    #[error("the answer to {command} is larger than {limit} octets")]
    TooLarge {
        /// The command.
        command: &'static str,
        /// The bound, in octets.
        limit: u64,
    },
    /// The server does not offer STLS, which the configuration requires.
    #[error("the server does not offer STLS")]
    StlsMissing,
    /// The server refused STLS.
    #[error("the server refused STLS: {refusal}")]
    StlsRefused {
        /// What the server said.
        refusal: Refusal,
    },
    /// Octets came after the answer to STLS and before TLS: somebody injects answers.
    #[error("cleartext followed the answer to STLS")]
    InjectedBeforeTls,
    /// A SASL exchange did not come to an end.
    #[error("the server's login asks and asks")]
    TooManyChallenges,
    /// An argument has a line end or a NUL in it.
    #[error("the argument of {command} has a line end or a NUL in it")]
    Argument {
        /// The command.
        command: &'static str,
    },
    /// An earlier answer was not read to its end, so the session is of no more use.
    #[error("an earlier answer was not read to its end")]
    Interrupted,
}

impl Pop3Error {
    /// What it means for the account.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Transport(source) => source.fault(),
            Self::Io { .. } | Self::Closed { .. } | Self::Deadline { .. } | Self::Interrupted => {
                Fault::Unreachable
            }
            Self::GreetingRefused { refusal } => refusal.fault().unwrap_or(Fault::Unreachable),
            Self::LoginRefused { refusal, .. } => refusal.fault().unwrap_or(Fault::Auth),
            Self::Refused { refusal, .. } => refusal.fault().unwrap_or(Fault::Protocol),
            Self::Reply { .. }
            | Self::Unsolicited { .. }
            | Self::LineTooLong { .. }
            | Self::TooLarge { .. }
            | Self::TooManyChallenges => Fault::Protocol,
            Self::StlsMissing | Self::StlsRefused { .. } | Self::InjectedBeforeTls => Fault::Tls,
            Self::Argument { .. } => Fault::Config,
        }
    }

    /// What the server wants of us, where its words say so.
    #[must_use]
    pub fn wish(&self) -> Option<Wish> {
        match self {
            Self::GreetingRefused { refusal }
            | Self::LoginRefused { refusal, .. }
            | Self::Refused { refusal, .. } => refusal.wish(),
            _ => None,
        }
    }

    /// How long the server wants between two logins, where it said so.
    #[must_use]
    pub const fn wait(&self) -> Option<Duration> {
        match self {
            Self::LoginRefused { wait, .. } => *wait,
            _ => None,
        }
    }

    /// What to type or change next, where we know it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        if let Some(wish) = self.wish() {
            return Some(wish.limit.hint().to_owned());
        }
        let hint = match self {
            Self::Transport(source) => return source.hint(),
            Self::Io { source, .. } => return postrider_transport::stream_hint(source),
            Self::GreetingRefused { refusal } | Self::LoginRefused { refusal, .. }
                if refusal.fault() == Some(Fault::Busy) =>
            {
                "another program holds the maildrop; it is tried again later"
            }
            Self::LoginRefused { refusal, .. } => match refusal.fault() {
                Some(Fault::Throttled) => {
                    "the server wants more time between logins; raise `poll:`"
                }
                Some(Fault::Unreachable) => "the trouble is the server's; it is tried again later",
                _ => "check `user:` and `password:`, and whether the provider has POP3 switched on",
            },
            Self::Reply {
                command: GREETING, ..
            } => {
                "what listens there is no POP3 server; check `host:`, `port:` and `tls:`, and whether a captive \
                 portal answers in its place"
            }
            Self::StlsMissing | Self::StlsRefused { .. } => "set `tls: implicit` (port 995)",
            Self::InjectedBeforeTls => {
                "somebody on the way tampers with the connection; set `tls: implicit` (port 995)"
            }
            Self::Argument { .. } => "`user:` and `password:` are single lines",
            Self::Closed { .. }
            | Self::Deadline { .. }
            | Self::GreetingRefused { .. }
            | Self::Refused { .. }
            | Self::Reply { .. }
            | Self::Unsolicited { .. }
            | Self::LineTooLong { .. }
            | Self::TooLarge { .. }
            | Self::TooManyChallenges
            | Self::Interrupted => return None,
        };
        Some(hint.to_owned())
    }
}

/// What stands for a command while the greeting is awaited.
pub(crate) const GREETING: &str = "the connection";
