//! Getting an access token: from the file, from the authorization server, or from a command.

use crate::error::EngineError;
use crate::events;
use crate::heart::within;
use crate::password;
use postrider_core::oauth2::{AuthorizationServer, TokenSource};
use postrider_core::secret::Secret;
use postrider_core::settings::{AccountSettings, PasswordSource};
use postrider_oauth::{Http, Keeper, Looked, OAuthError};
use postrider_transport::Connector;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How long all of it may take: another process asks, then we do; each has limits of its own.
const PATIENCE: Duration = Duration::from_secs(300);

/// An access token that the mail server may take. `refused` is one that it does not take, though by its age
/// it should be good: somebody has revoked it, or changed the password.
pub(crate) async fn access_token(
    (settings, source): (&AccountSettings, &TokenSource),
    connector: &Connector,
    refused: Option<&Secret>,
) -> Result<Secret, EngineError> {
    match source {
        // It keeps the tokens, and renews them: asked again, it may have noticed.
        TokenSource::Command(command) => {
            password::obtain(&PasswordSource::Command(command.clone())).await
        }
        TokenSource::Server(server) => {
            // Boxed, because no pass need be as large as this.
            let kept: Pin<Box<dyn Future<Output = Result<Secret, EngineError>> + Send + '_>> =
                Box::pin(kept((settings, server), connector, refused));
            within(PATIENCE, kept).await
        }
    }
}

async fn kept(
    (settings, server): (&AccountSettings, &AuthorizationServer),
    connector: &Connector,
    refused: Option<&Secret>,
) -> Result<Secret, EngineError> {
    let account = settings.name.as_str();
    let failed = |source| EngineError::Token {
        account: account.to_owned(),
        source: Box::new(source),
    };
    // A mail connection may be open, and wait for this.
    let http =
        Http::new(connector.aside(), server.ca_file.clone()).by_proxy_of(&settings.server.way);
    let keeper = Keeper::new(server, http);
    if let Looked::Fresh(access) = keeper.look(refused).await.map_err(failed)? {
        return Ok(access);
    }
    let secret = client_secret(server).await?;
    match keeper.renew(refused, secret.as_ref()).await {
        Ok(renewed) => {
            if renewed.asked {
                let expires_in_s = renewed.expires_in.map(|life| life.as_secs());
                events::TokenRenewed {
                    account,
                    expires_in_s,
                }
                .emit();
            }
            Ok(renewed.access)
        }
        Err(error) => {
            tell(account, &error);
            Err(failed(error))
        }
    }
}

/// The moment in which a login becomes necessary is an event of its own: programs may want to tell a person.
fn tell(account: &str, error: &OAuthError) {
    if let OAuthError::GrantRefused { reason } = error {
        let hint = error.hint(account).unwrap_or_default();
        events::LoginNeeded {
            account,
            error: reason,
            hint: &hint,
        }
        .emit();
    }
}

/// Our own password at the authorization server, where it gave us one.
///
/// # Errors
/// When it is kept somewhere and cannot be had.
pub async fn client_secret(server: &AuthorizationServer) -> Result<Option<Secret>, EngineError> {
    match &server.client_secret {
        Some(source) => password::obtain(source).await.map(Some),
        None => Ok(None),
    }
}
