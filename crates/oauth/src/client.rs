//! The requests, in the words of the `oauth2` crate.

use crate::error::OAuthError;
use crate::grant::Grant;
use crate::http::Http;
use oauth2::basic::{
    BasicClient, BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenResponse,
};
use oauth2::{
    AuthType, AuthorizationCode, Client, ClientId, ClientSecret, EndpointNotSet, EndpointSet,
    ErrorResponse, HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError,
    StandardRevocableToken, TokenUrl,
};
use postrider_core::oauth2::AuthorizationServer;
use postrider_core::secret::Secret;
use postrider_transport::escape_server_text;
use std::borrow::Cow;
#[cfg(test)]
use std::error::Error;

/// How much of a server's own words is shown.
const SHOWN: usize = 300;

/// What stands where a secret stood.
const VEIL: &str = "<redacted>";

/// Errors that mean: ask the person again (RFC 6749 §5.2, OpenID Connect Core §3.1.2.6).
const ASK_AGAIN: [&str; 4] = [
    "invalid_grant",
    "interaction_required",
    "login_required",
    "consent_required",
];

/// A client that can ask for tokens.
pub(crate) type TokenClient = Client<
    BasicErrorResponse,
    BasicTokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// Us, as this server knows us.
pub(crate) fn client(
    server: &AuthorizationServer,
    secret: Option<&Secret>,
) -> Result<TokenClient, OAuthError> {
    let token_url = TokenUrl::new(server.token_url.clone());
    let token_url = token_url.map_err(|_| no_address(&server.token_url))?;
    let client = BasicClient::new(ClientId::new(server.client_id.clone())).set_token_uri(token_url);
    Ok(match secret {
        // In the body, which RFC 6749 §2.3.1 allows, and as the pages of Google and Microsoft show it.
        Some(secret) => client
            .set_client_secret(ClientSecret::new(secret.reveal().to_owned()))
            .set_auth_type(AuthType::RequestBody),
        None => client,
    })
}

pub(crate) fn no_address(url: &str) -> OAuthError {
    OAuthError::Address {
        url: url.to_owned(),
        problem: "it is no address",
    }
}

/// Shows the refresh token, and gets what it is good for (RFC 6749 §6).
pub(crate) async fn renew(
    (server, http): (&AuthorizationServer, &Http),
    secret: Option<&Secret>,
    refresh: &Secret,
) -> Result<Grant, OAuthError> {
    let client = client(server, secret)?;
    let token = RefreshToken::new(refresh.reveal().to_owned());
    let request = client.exchange_refresh_token(&token);
    let answer = request.request_async(http).await;
    let secrets: Vec<&Secret> = secret.into_iter().chain([refresh]).collect();
    grant(answer).map_err(|error| veiled(error, &secrets))
}

/// Shows the code that the person's browser brought, and the proof that it was us who asked (RFC 7636).
pub(crate) async fn redeem(
    (server, http): (&AuthorizationServer, &Http),
    secret: Option<&Secret>,
    (code, verifier, redirect): (&Secret, PkceCodeVerifier, &RedirectUrl),
) -> Result<Grant, OAuthError> {
    let client = client(server, secret)?;
    let code_shown = AuthorizationCode::new(code.reveal().to_owned());
    let request = client.exchange_code(code_shown);
    let request = request
        .set_pkce_verifier(verifier)
        .set_redirect_uri(Cow::Borrowed(redirect));
    let answer = request.request_async(http).await;
    let secrets: Vec<&Secret> = secret.into_iter().chain([code]).collect();
    grant(answer).map_err(|error| match veiled(error, &secrets) {
        // There is nothing to renew yet.
        OAuthError::GrantRefused { reason } => OAuthError::NotAllowed { reason },
        error => error,
    })
}

/// Reads one answer of a token endpoint, as every other way here does.
///
/// # Errors
/// When it is an error of the protocol, or no answer at all.
pub fn read_answer(status: u16, body: &[u8]) -> Result<Grant, OAuthError> {
    let server = AuthorizationServer {
        provider: None,
        client_id: "postrider".to_owned(),
        client_secret: None,
        auth_url: None,
        token_url: "https://localhost/".to_owned(),
        device_url: None,
        scopes: Vec::new(),
        token_file: "/".into(),
        ca_file: None,
    };
    let client = client(&server, None)?;
    let token = RefreshToken::new("token".to_owned());
    let read = |_request| {
        let mut answer = HttpResponse::new(body.to_vec());
        *answer.status_mut() = oauth2::http::StatusCode::from_u16(status).unwrap_or_default();
        Ok::<_, OAuthError>(answer)
    };
    grant(client.exchange_refresh_token(&token).request(&read))
}

/// What a token endpoint has said.
pub(crate) fn grant(
    answer: Result<BasicTokenResponse, RequestTokenError<OAuthError, BasicErrorResponse>>,
) -> Result<Grant, OAuthError> {
    let answer = answer.map_err(refusal)?;
    Grant::of(&answer).ok_or_else(|| OAuthError::Answer {
        problem: "a token has octets that no token has".to_owned(),
    })
}

/// What an error says, in our words.
pub(crate) fn refusal<T>(error: RequestTokenError<OAuthError, T>) -> OAuthError
where
    T: ErrorResponse + Into<Named>,
{
    match error {
        RequestTokenError::ServerResponse(answer) => {
            let Named(error, description) = answer.into();
            let words = description.as_deref().map(shown);
            let error = shown(&error);
            if ASK_AGAIN.contains(&error.as_str()) {
                let words = words.map_or_else(String::new, |words| format!(" ({words})"));
                return OAuthError::GrantRefused {
                    reason: format!("the authorization server said {error}{words}"),
                };
            }
            OAuthError::Refused {
                error,
                description: words,
            }
        }
        RequestTokenError::Request(error) => error,
        // What it was is not shown: it may bear a token.
        RequestTokenError::Parse(error, _) => {
            let inner = error.inner();
            let (line, column) = (inner.line(), inner.column());
            OAuthError::Answer {
                problem: format!(
                    "it is not the JSON that RFC 6749 describes (line {line}, column {column})"
                ),
            }
        }
        RequestTokenError::Other(problem) => OAuthError::Answer {
            problem: shown(&problem),
        },
    }
}

/// The name of an error, and the server's words for it.
#[derive(Debug)]
pub(crate) struct Named(String, Option<String>);

impl From<BasicErrorResponse> for Named {
    fn from(answer: BasicErrorResponse) -> Self {
        Self(
            answer.error().as_ref().to_owned(),
            answer.error_description().cloned(),
        )
    }
}

impl Named {
    pub(crate) const fn new(error: String, description: Option<String>) -> Self {
        Self(error, description)
    }
}

/// Server text, safe on a terminal and not too long.
pub(crate) fn shown(text: &str) -> String {
    let escaped = escape_server_text(text.lines().next().unwrap_or_default());
    escaped.chars().take(SHOWN).collect()
}

/// The same error, if the server has repeated what is secret: without it.
pub(crate) fn veiled(mut error: OAuthError, secrets: &[&Secret]) -> OAuthError {
    let texts: Vec<&mut String> = match &mut error {
        OAuthError::Refused { error, description } => {
            [error].into_iter().chain(description.as_mut()).collect()
        }
        OAuthError::GrantRefused { reason } | OAuthError::NotAllowed { reason } => vec![reason],
        OAuthError::Answer { problem } => vec![problem],
        // No other holds words of the server.
        _ => Vec::new(),
    };
    for text in texts {
        for secret in secrets.iter().filter(|secret| !secret.reveal().is_empty()) {
            if text.contains(secret.reveal()) {
                *text = text.replace(secret.reveal(), VEIL);
            }
        }
    }
    error
}

/// The causes of an error in one line.
#[cfg(test)]
pub(crate) fn story(error: &dyn Error) -> String {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        story.push_str(": ");
        story.push_str(&error.to_string());
        cause = error.source();
    }
    story
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_tokens_or_a_reason() {
        let good =
            br#"{"access_token":"a","token_type":"Bearer","expires_in":3600,"refresh_token":"r"}"#;
        let grant = read_answer(200, good).unwrap();
        assert_eq!(grant.access.reveal(), "a");
        assert_eq!(grant.refresh.unwrap().reveal(), "r");
        assert_eq!(grant.expires_in.unwrap().as_secs(), 3600);
        let refused = br#"{"error":"invalid_grant","error_description":"Token has been revoked."}"#;
        let error = read_answer(400, refused).unwrap_err();
        assert!(error.needs_login(), "{error}");
        assert!(error.to_string().contains("Token has been revoked."));
        let refused = read_answer(400, br#"{"error":"invalid_client"}"#).unwrap_err();
        assert!(!refused.needs_login(), "{refused}");
        for (status, body) in [
            (200, &b""[..]),
            (200, b"{}"),
            (200, b"<html>"),
            (200, br#"{"access_token":"","token_type":"Bearer"}"#),
            (
                200,
                b"{\"access_token\":\"a\\u0001b\",\"token_type\":\"Bearer\"}",
            ),
            (200, br#"{"access_token":"a b","token_type":"Bearer"}"#),
            (400, b"nothing"),
            (400, br#"{"access_token":"secret-token","error":1}"#),
        ] {
            let error = read_answer(status, body).unwrap_err();
            assert!(matches!(error, OAuthError::Answer { .. }), "{error:?}");
            assert!(!story(&error).contains("secret-token"), "{error}");
        }
    }

    #[test]
    fn what_the_server_repeats_is_covered() {
        let refused = br#"{"error":"invalid_grant","error_description":"no such token: 1//hunter2\u001b[2J"}"#;
        let error = read_answer(400, refused).unwrap_err();
        let token = Secret::new("1//hunter2".to_owned());
        let said = veiled(error, &[&token]).to_string();
        assert!(
            !said.contains("hunter2") && !said.contains('\u{1b}'),
            "{said}"
        );
        assert!(said.contains("no such token: <redacted>"), "{said}");
    }
}
