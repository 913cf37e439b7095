//! Whoever wants a token asks here: the file first, and the server only when what is there is used up.

use crate::client::renew;
use crate::error::OAuthError;
use crate::grant::Grant;
use crate::http::Http;
use crate::store::{Store, Tokens};
use postrider_core::oauth2::AuthorizationServer;
use postrider_core::secret::Secret;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long before its end a token is replaced, at the most: a login takes a while, and clocks differ. Of a
/// token that lives shortly it is a fifth of its life.
const MARGIN: Duration = Duration::from_secs(120);

/// One account's tokens.
#[derive(Clone, Debug)]
pub struct Keeper<'a> {
    server: &'a AuthorizationServer,
    http: Http,
    store: Store,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// An access token that is good for a while.
    Fresh(Secret),
    /// [`Keeper::renew`] can get one.
    Stale,
}

/// An access token, and how it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The token.
    pub access: Secret,
    /// Whether the server was asked; otherwise somebody else was faster.
    pub asked: bool,
    /// How long it is good, where the server says so.
    pub expires_in: Option<Duration>,
}

impl<'a> Keeper<'a> {
    /// Of the tokens that `server` names the file of.
    #[must_use]
    pub fn new(server: &'a AuthorizationServer, http: Http) -> Self {
        let store = Store::new(&server.token_file);
        Self {
            server,
            http,
            store,
        }
    }

    /// Looks at what is there, and asks nobody. `refused` is a token that the mail server does not take.
    ///
    /// # Errors
    /// [`OAuthError::NeedsLogin`] when there is nothing that leads to a token, or the server has refused
    /// it already; and when the file cannot be read.
    pub async fn look(&self, refused: Option<&Secret>) -> Result<Looked, OAuthError> {
        self.examine(refused).await.map(|(looked, _)| looked)
    }

    async fn examine(&self, refused: Option<&Secret>) -> Result<(Looked, Secret), OAuthError> {
        let needed = |reason: &str| OAuthError::NeedsLogin {
            reason: reason.to_owned(),
        };
        let Some(tokens) = self.store.read().await? else {
            return Err(needed("nobody has logged in yet"));
        };
        let ours =
            tokens.token_url == self.server.token_url && tokens.client_id == self.server.client_id;
        if !ours {
            return Err(needed(
                "the tokens are another `client_id`'s or another server's",
            ));
        }
        let fresh = tokens.access_token.clone();
        let fresh = fresh.filter(|access| refused != Some(access) && is_fresh(&tokens, now()));
        let refresh = tokens
            .refresh_token
            .unwrap_or_else(|| Secret::new(String::new()));
        if let Some(access) = fresh {
            return Ok((Looked::Fresh(access), refresh));
        }
        if let Some(reason) = tokens.refused {
            return Err(needed(&reason));
        }
        if refresh.reveal().is_empty() {
            return Err(needed(
                "the access token has ended, and the server gave no refresh token",
            ));
        }
        Ok((Looked::Stale, refresh))
    }

    /// Gets an access token with the refresh token, unless somebody else has got one meanwhile: one
    /// request, however many connections and processes want one. `client_secret` is ours, where the
    /// server gave us one.
    ///
    /// # Errors
    /// As [`Keeper::look`]; [`OAuthError::GrantRefused`] when the server takes the refresh token no
    /// more, which is written down; and when the server cannot be asked, or its answer could not be kept, which
    /// changes nothing.
    pub async fn renew(
        &self,
        refused: Option<&Secret>,
        client_secret: Option<&Secret>,
    ) -> Result<Renewed, OAuthError> {
        let _lock = self.store.lock().await?;
        let refresh = match self.examine(refused).await? {
            (Looked::Fresh(access), _) => {
                return Ok(Renewed {
                    access,
                    asked: false,
                    expires_in: None,
                });
            }
            (Looked::Stale, refresh) => refresh,
        };
        // The server ends the refresh token with its answer, and a full disk would lose the one in it: what could
        // not be kept is not asked for.
        self.store.write_again().await?;
        match renew((self.server, &self.http), client_secret, &refresh).await {
            Ok(grant) => {
                // Before anybody uses it: the server may have ended the refresh token before.
                self.keep(&grant, Some(&refresh)).await?;
                Ok(Renewed {
                    access: grant.access,
                    asked: true,
                    expires_in: grant.expires_in,
                })
            }
            Err(OAuthError::GrantRefused { reason }) => {
                self.note_refusal(&reason).await?;
                Err(OAuthError::GrantRefused { reason })
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the tokens of a login, in place of whatever was there.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn take(&self, grant: &Grant) -> Result<(), OAuthError> {
        let _lock = self.store.lock().await?;
        self.keep(grant, None).await
    }

    async fn keep(&self, grant: &Grant, before: Option<&Secret>) -> Result<(), OAuthError> {
        let now = now();
        let refresh = grant.refresh.as_ref().or(before);
        let tokens = Tokens {
            token_url: self.server.token_url.clone(),
            client_id: self.server.client_id.clone(),
            access_token: Some(grant.access.clone()),
            refresh_token: refresh.cloned(),
            given_at: now,
            expires_at: grant
                .expires_in
                .map(|life| now.saturating_add(life.as_secs())),
            refused: None,
        };
        self.store.write(&tokens).await
    }

    /// The refresh token stays: it was not the server that lost it, perhaps, and a person may want to look.
    async fn note_refusal(&self, reason: &str) -> Result<(), OAuthError> {
        let Some(mut tokens) = self.store.read().await? else {
            return Ok(());
        };
        tokens.refused = Some(reason.to_owned());
        self.store.write(&tokens).await
    }
}

/// Whether the access token is good for a while yet.
fn is_fresh(tokens: &Tokens, now: u64) -> bool {
    // A clock that went back says nothing about the life of a token.
    let Some(age) = now.checked_sub(tokens.given_at) else {
        return false;
    };
    let Some(expires_at) = tokens.expires_at else {
        // The mail server will say so.
        return true;
    };
    let life = expires_at.saturating_sub(tokens.given_at);
    let margin = MARGIN.as_secs().min(life / 5);
    age < life.saturating_sub(margin)
}

fn now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests;
