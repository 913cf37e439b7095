//! The device code (RFC 8628): a code that a person types on any machine with a browser.

use crate::client::{Named, TokenClient, client, grant, no_address, refusal, shown};
use crate::error::OAuthError;
use crate::grant::Grant;
use crate::http::Http;
use oauth2::basic::BasicErrorResponse;
use oauth2::{
    DeviceAuthorizationUrl, DeviceCodeErrorResponse, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse,
};
use postrider_core::oauth2::AuthorizationServer;
use postrider_core::secret::Secret;
use std::time::Duration;
use tokio::time::sleep;

/// Codes that live longer are not waited for, nor are servers that want to be asked less often.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The least time between two questions, whatever the server says.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// A code that was asked for, and the right to ask what became of it.
#[derive(Debug)]
pub struct Device {
    client: TokenClient,
    http: Http,
    answer: StandardDeviceAuthorizationResponse,
}

/// What the person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCode {
    /// Where to go with the code.
    pub url: String,
    /// The code.
    pub code: String,
    /// The same place with the code in it, where there is one.
    pub whole_url: Option<String>,
    /// How long the code is good.
    pub expires_in: Duration,
}

impl Device {
    /// Asks for a code; `None`: this server has none to give.
    ///
    /// # Errors
    /// When the server cannot be asked, or refuses.
    pub async fn begin(
        server: &AuthorizationServer,
        http: &Http,
        secret: Option<&Secret>,
    ) -> Result<Option<Self>, OAuthError> {
        let Some(url) = &server.device_url else {
            return Ok(None);
        };
        let client = client(server, secret)?;
        let device_url = DeviceAuthorizationUrl::new(url.clone());
        let device_url = device_url.map_err(|_| no_address(url))?;
        let asking = client.clone().set_device_authorization_url(device_url);
        let scopes = server.scopes.iter().cloned().map(Scope::new);
        let request = asking.exchange_device_code().add_scopes(scopes);
        let answer: Result<
            StandardDeviceAuthorizationResponse,
            RequestTokenError<OAuthError, BasicErrorResponse>,
        > = request.request_async(http).await;
        let answer = answer.map_err(refusal)?;
        if answer.interval() > LONGEST {
            return Err(OAuthError::Answer {
                problem: "it wants to be asked less than once an hour".to_owned(),
            });
        }
        Ok(Some(Self {
            client,
            http: http.clone(),
            answer,
        }))
    }

    /// What the person is to be told. It is the server's text, made safe for a terminal.
    #[must_use]
    pub fn code(&self) -> DeviceCode {
        let whole_url = self.answer.verification_uri_complete();
        DeviceCode {
            url: shown(self.answer.verification_uri()),
            code: shown(self.answer.user_code().secret()),
            whole_url: whole_url.map(|url| shown(url.secret())),
            expires_in: self.answer.expires_in().min(LONGEST),
        }
    }

    /// Asks again and again, as often as the server likes it, until the person has decided or the code has
    /// ended. A server that cannot be reached is asked again.
    ///
    /// # Errors
    /// [`OAuthError::NotAllowed`] when the person says no or time runs out, and when the server refuses.
    pub async fn wait(self) -> Result<Grant, OAuthError> {
        let http = &self.http;
        let pause = |pause: Duration| sleep(pause.max(LEAST_PAUSE));
        let request = self.client.exchange_device_access_token(&self.answer);
        let limit = self.answer.expires_in().min(LONGEST);
        // The first question before anybody can have typed a code would be in vain.
        pause(self.answer.interval()).await;
        let answer = request.request_async(http, pause, Some(limit)).await;
        let answer = answer.map_err(not_allowed)?;
        grant(Ok(answer))
    }
}

fn not_allowed(error: RequestTokenError<OAuthError, DeviceCodeErrorResponse>) -> OAuthError {
    match refusal(error) {
        OAuthError::Refused { error, .. } if error == "access_denied" => OAuthError::NotAllowed {
            reason: "the person said no".to_owned(),
        },
        OAuthError::Refused { error, .. } if error == "expired_token" => OAuthError::NotAllowed {
            reason: "the code has ended before anybody typed it".to_owned(),
        },
        OAuthError::GrantRefused { reason } => OAuthError::NotAllowed { reason },
        error => error,
    }
}

impl From<DeviceCodeErrorResponse> for Named {
    fn from(answer: DeviceCodeErrorResponse) -> Self {
        Self::new(
            answer.error().as_ref().to_owned(),
            answer.error_description().cloned(),
        )
    }
}
