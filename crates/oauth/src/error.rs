//! What can go wrong between us and an authorization server, and what it means.

use postrider_core::fault::Fault;
use postrider_transport::TransportError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// An error of this crate. `Display` says what happened; `source` says why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OAuthError {
    /// An address is none that we ask.
    #[error("`{url}` cannot be asked: {problem}")]
    Address {
        /// As given.
        url: String,
        /// Why not.
        problem: &'static str,
    },
    /// The server cannot be reached, or its certificate is not good.
    #[error("connecting to the authorization server")]
    Connect(#[from] TransportError),
    /// The connection broke.
    #[error("talking to the authorization server {host}")]
    Http {
        /// The host.
        host: String,
        /// Why.
        source: hyper::Error,
    },
    /// The server does not answer in time.
    #[error("the authorization server {host} did not answer within {} s", .limit.as_secs())]
    TimedOut {
        /// The host.
        host: String,
        /// The time it had.
        limit: Duration,
    },
    /// The answer is longer than any token.
    #[error("the authorization server {host} answered more than {limit} octets")]
    TooLarge {
        /// The host.
        host: String,
        /// How much is read.
        limit: usize,
    },
    /// The answer is none of OAuth's.
    #[error("the authorization server {host} answered with status {status}")]
    Status {
        /// The host.
        host: String,
        /// The status of HTTP.
        status: u16,
    },
    /// The answer cannot be read.
    #[error("the authorization server's answer cannot be used: {problem}")]
    Answer {
        /// What is wrong with it, without its octets.
        problem: String,
    },
    /// The server refuses us, not the person.
    #[error("the authorization server refused: {error}{}", behind(.description.as_deref()))]
    Refused {
        /// The error's name (RFC 6749 §5.2).
        error: String,
        /// The server's words.
        description: Option<String>,
    },
    /// The person said no, or time ran out.
    #[error("nobody was let in: {reason}")]
    NotAllowed {
        /// What happened.
        reason: String,
    },
    /// The server takes the refresh token no more. This is where it is found out.
    #[error("the account needs a login: {reason}")]
    GrantRefused {
        /// Why.
        reason: String,
    },
    /// There is nothing to get a token with.
    #[error("the account needs a login: {reason}")]
    NeedsLogin {
        /// Why.
        reason: String,
    },
    /// The file of the tokens cannot be used.
    #[error("using {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read the tokens.
    #[error("others can read {} (mode {:04o})", .path.display(), .mode & 0o7777)]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Another process is busy with the tokens.
    #[error("another process holds {}", .path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// What came back is not an answer to what was asked.
    #[error("{problem}")]
    Redirect {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody can be listened to on loopback.
    #[error("listening on 127.0.0.1")]
    Listen {
        /// Why.
        source: io::Error,
    },
}

fn behind(description: Option<&str>) -> String {
    description.map_or_else(String::new, |words| format!(" ({words})"))
}

impl OAuthError {
    /// What it means for the account.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Address { .. } => Fault::Config,
            Self::Connect(source) => source.fault(),
            Self::Http { .. } | Self::TimedOut { .. } => Fault::Unreachable,
            Self::Status { status: 429, .. } => Fault::Throttled,
            Self::Status {
                status: 500..=599, ..
            } => Fault::Unreachable,
            Self::TooLarge { .. } | Self::Status { .. } | Self::Answer { .. } => Fault::Protocol,
            Self::Refused { error, .. } => match error.as_str() {
                // RFC 6749 §4.1.2.1: it says so itself.
                "server_error" | "temporarily_unavailable" => Fault::Unreachable,
                "slow_down" => Fault::Throttled,
                _ => Fault::Auth,
            },
            Self::NotAllowed { .. }
            | Self::GrantRefused { .. }
            | Self::NeedsLogin { .. }
            | Self::Redirect { .. }
            | Self::Exposed { .. } => Fault::Auth,
            Self::File { .. } | Self::Listen { .. } => Fault::LocalIo,
            Self::Locked { .. } => Fault::Busy,
        }
    }

    /// Whether a person has to log in.
    #[must_use]
    pub const fn needs_login(&self) -> bool {
        matches!(self, Self::GrantRefused { .. } | Self::NeedsLogin { .. })
    }

    /// What to type or change next for this account, where we know it.
    #[must_use]
    pub fn hint(&self, account: &str) -> Option<String> {
        let hint = match self {
            Self::GrantRefused { .. } | Self::NeedsLogin { .. } => {
                format!("postrider login {account}")
            }
            Self::Exposed { path, .. } => format!(
                "chmod 600 {}; then postrider login {account}, for who read it may use it",
                path.display()
            ),
            Self::Refused { error, .. } => match error.as_str() {
                "invalid_client" | "unauthorized_client" => {
                    "check `client_id:` and `client_secret:` in `oauth2:`".to_owned()
                }
                "invalid_scope" => "check `scope:` in `oauth2:`".to_owned(),
                _ => return None,
            },
            Self::Status {
                status: 300..=499, ..
            } => "check the addresses in `oauth2:`".to_owned(),
            Self::Address { .. } => "an address begins with https://".to_owned(),
            Self::Connect(source) => return source.hint(),
            Self::NotAllowed { .. } | Self::Redirect { .. } => {
                format!("postrider login {account} begins anew")
            }
            Self::Http { .. }
            | Self::TimedOut { .. }
            | Self::TooLarge { .. }
            | Self::Status { .. }
            | Self::Answer { .. }
            | Self::File { .. }
            | Self::Locked { .. }
            | Self::Listen { .. } => return None,
        };
        Some(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_needs_no_human() {
        let status = |status| OAuthError::Status {
            host: "h".to_owned(),
            status,
        };
        let refused = |error: &str| OAuthError::Refused {
            error: error.to_owned(),
            description: None,
        };
        for (error, fault) in [
            (status(503), Fault::Unreachable),
            (status(429), Fault::Throttled),
            (status(302), Fault::Protocol),
            (refused("temporarily_unavailable"), Fault::Unreachable),
            (refused("invalid_client"), Fault::Auth),
        ] {
            assert_eq!(error.fault(), fault, "{error}");
            assert!(!error.needs_login(), "{error}");
        }
    }
}
