//! The browser's way (RFC 8252): a page where the person says yes, and an address to which the browser
//! goes with a code afterwards, on this machine or read from another one's address bar.

use crate::client::{no_address, redeem, shown};
use crate::error::OAuthError;
use crate::grant::Grant;
use crate::http::Http;
use crate::visitor;
use oauth2::basic::BasicClient;
use oauth2::url::{Url, form_urlencoded};
use oauth2::{
    AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};
use postrider_core::oauth2::{AuthorizationServer, Provider};
use postrider_core::secret::Secret;
use std::fmt;
use tokio::net::TcpListener;

/// A question that a person's browser was sent with, or will be.
pub struct Redirect {
    listener: TcpListener,
    url: Url,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
    redirect: RedirectUrl,
}

impl Redirect {
    /// Listens on loopback and words the question, for `user` where the server can tell persons apart;
    /// `None`: this server has no such page.
    ///
    /// # Errors
    /// When nobody can listen, or the address is none.
    pub async fn begin(
        server: &AuthorizationServer,
        user: &str,
    ) -> Result<Option<Self>, OAuthError> {
        let Some(auth_url) = &server.auth_url else {
            return Ok(None);
        };
        let listen = |source| OAuthError::Listen { source };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(listen)?;
        let port = listener.local_addr().map_err(listen)?.port();
        // Microsoft forgives another port for this name alone; RFC 8252 §7.3 asks for the address.
        let host = match server.provider {
            Some(Provider::Microsoft) => "localhost",
            Some(Provider::Google) | None => "127.0.0.1",
        };
        let redirect = format!("http://{host}:{port}/");
        let redirect = RedirectUrl::new(redirect.clone()).map_err(|_| no_address(&redirect))?;
        let auth_url = AuthUrl::new(auth_url.clone()).map_err(|_| no_address(auth_url))?;
        let client = BasicClient::new(ClientId::new(server.client_id.clone()))
            .set_auth_uri(auth_url)
            .set_redirect_uri(redirect.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut question = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(server.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .add_extra_param("login_hint", user);
        if server.provider == Some(Provider::Google) {
            // Without these Google gives a refresh token to nobody, or to each person once.
            question = question
                .add_extra_param("access_type", "offline")
                .add_extra_param("prompt", "consent");
        }
        let (url, state) = question.url();
        Ok(Some(Self {
            listener,
            url,
            state,
            verifier,
            redirect,
        }))
    }

    /// The page for the person.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Waits for the browser. Whoever else knocks, without knowing what was asked, is turned away.
    ///
    /// # Errors
    /// When the person said no, or nobody can be listened to.
    pub async fn visited(&self) -> Result<Secret, OAuthError> {
        visitor::await_code(&self.listener, |query| self.code(query)).await
    }

    /// Reads what a person pasted: the address to which the browser went, or the code alone.
    ///
    /// # Errors
    /// When it is neither, an answer to another question, or a no.
    pub fn pasted(&self, text: &str) -> Result<Secret, OAuthError> {
        match read_redirect(text) {
            Some(Pasted::Code(code)) => Ok(code),
            Some(Pasted::Query(query)) => self.code(&query),
            None => Err(OAuthError::Redirect {
                problem: "that is neither the address to which the browser went nor a code",
            }),
        }
    }

    /// The code in the answer to our question.
    fn code(&self, query: &str) -> Result<Secret, OAuthError> {
        let mut fields = (None, None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let field = match &*name {
                "code" => &mut fields.0,
                "state" => &mut fields.1,
                "error" => &mut fields.2,
                "error_description" => &mut fields.3,
                _ => continue,
            };
            field.get_or_insert(value);
        }
        let (code, state, error, description) = fields;
        if state.as_deref() != Some(self.state.secret().as_str()) {
            return Err(OAuthError::Redirect {
                problem: "that answers another question: `state` is not the one that was sent",
            });
        }
        if let Some(error) = error {
            let words =
                description.map_or_else(String::new, |words| format!(" ({})", shown(&words)));
            return Err(OAuthError::NotAllowed {
                reason: format!("the authorization server said {}{words}", shown(&error)),
            });
        }
        match code {
            Some(code) if is_code(&code) => Ok(Secret::new(code.into_owned())),
            _ => Err(OAuthError::Redirect {
                problem: "there is no code in that answer",
            }),
        }
    }

    /// Gets the tokens for a code.
    ///
    /// # Errors
    /// When the server cannot be asked, or refuses.
    pub async fn redeem(
        self,
        (server, http): (&AuthorizationServer, &Http),
        secret: Option<&Secret>,
        code: &Secret,
    ) -> Result<Grant, OAuthError> {
        let shown = (code, self.verifier, &self.redirect);
        redeem((server, http), secret, shown).await
    }
}

impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirect")
            .field("redirect", &self.redirect)
            .finish_non_exhaustive()
    }
}

/// What a person pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pasted {
    /// A code alone.
    Code(Secret),
    /// What stood behind the `?` of an address.
    Query(String),
}

/// Reads what a person pasted; `None`: it is nothing of use.
#[must_use]
pub fn read_redirect(text: &str) -> Option<Pasted> {
    let text = text.trim();
    if let Ok(url) = Url::parse(text)
        && matches!(url.scheme(), "http" | "https")
    {
        return url.query().map(|query| Pasted::Query(query.to_owned()));
    }
    let query = text.strip_prefix('?').unwrap_or(text);
    let has_field = |field: &str| field.starts_with("code=") || field.starts_with("error=");
    if query.split('&').any(has_field) {
        return Some(Pasted::Query(query.to_owned()));
    }
    is_code(text).then(|| Pasted::Code(Secret::new(text.to_owned())))
}

/// RFC 6749 appendix A.11: visible ASCII; nobody's is as long as a token.
fn is_code(text: &str) -> bool {
    (1..=8192).contains(&text.len()) && text.bytes().all(|octet| (0x21..0x7f).contains(&octet))
}

#[cfg(test)]
mod tests;
