//! What an authorization server gives.

use oauth2::TokenResponse;
use oauth2::basic::BasicTokenResponse;
use postrider_core::secret::Secret;
use std::time::Duration;

/// Tokens, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Opens the mailbox.
    pub access: Secret,
    /// Gets the next access token; `None`: the one before stays good (RFC 6749 §6).
    pub refresh: Option<Secret>,
    /// How long the access token is good, where the server says so.
    pub expires_in: Option<Duration>,
}

impl Grant {
    /// Reads an answer; `None`: its access token can stand in no header and no SASL message
    /// (RFC 6750 §2.1).
    pub(crate) fn of(answer: &BasicTokenResponse) -> Option<Self> {
        let access = answer.access_token().secret();
        let refresh = answer.refresh_token().map(|token| token.secret());
        let good = |token: &String| {
            !token.is_empty() && token.bytes().all(|octet| (0x21..0x7f).contains(&octet))
        };
        let whole = good(access) && refresh.is_none_or(good);
        whole.then(|| Self {
            access: Secret::new(access.clone()),
            refresh: refresh.cloned().map(Secret::new),
            expires_in: answer.expires_in(),
        })
    }
}
