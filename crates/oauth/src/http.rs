//! One request, one answer, over our own connections.

use crate::address;
use crate::error::OAuthError;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use postrider_core::settings::ServerAddress;
use postrider_core::way::Way;
use postrider_transport::Connector;
use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::time::timeout;

/// How long a request may take from name to last octet: people wait, and so does a mail server that has
/// greeted us.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// The longest answer read, in octets: a token with all its claims has some kilobytes.
const LONGEST: usize = 64 * 1024;

/// The way to authorization servers.
#[derive(Clone, Debug, Default)]
pub struct Http {
    connector: Connector,
    ca_file: Option<PathBuf>,
    way: Way,
}

impl Http {
    /// Over connections of this connector, trusting `ca_file` as well.
    #[must_use]
    pub const fn new(connector: Connector, ca_file: Option<PathBuf>) -> Self {
        let way = Way::Direct;
        Self {
            connector,
            ca_file,
            way,
        }
    }

    /// The same, by the proxy through which an account's mail comes. A tunnel leads to the mail server alone.
    #[must_use]
    pub fn by_proxy_of(self, account: &Way) -> Self {
        let way = match account {
            Way::Proxy(proxy) => Way::Proxy(proxy.clone()),
            Way::Direct | Way::Tunnel(_) => Way::Direct,
        };
        Self { way, ..self }
    }

    /// Over connections of its own.
    #[must_use]
    pub fn trusting(ca_file: Option<PathBuf>) -> Self {
        Self::new(Connector::new(), ca_file)
    }

    /// Asks once. A redirection is not followed: RFC 6749 knows none here, and what is asked bears
    /// secrets.
    pub(crate) async fn once(&self, request: HttpRequest) -> Result<HttpResponse, OAuthError> {
        let url = request.uri().to_string();
        let address = address::server(&url, self.ca_file.as_deref(), &self.way)?;
        let asked = self.ask(&address, request);
        let answered = timeout(LIMIT, asked).await;
        let answer = answered.map_err(|_| OAuthError::TimedOut {
            host: address.host.clone(),
            limit: LIMIT,
        })??;
        match answer.status().as_u16() {
            // Errors of the protocol come with these (RFC 6749 §5.2).
            200 | 400 | 401 | 403 => Ok(answer),
            status => Err(OAuthError::Status {
                host: address.host,
                status,
            }),
        }
    }

    async fn ask(
        &self,
        address: &ServerAddress,
        request: HttpRequest,
    ) -> Result<HttpResponse, OAuthError> {
        let broken = |source| OAuthError::Http {
            host: address.host.clone(),
            source,
        };
        let stream = self.connector.connect(address, LIMIT).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let request = in_origin_form(request)?;
        let answer = async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            whole(answer, &address.host).await
        };
        let (mut answer, mut connection) = (pin!(answer), pin!(connection));
        tokio::select! {
            answered = &mut answer => answered,
            // What arrived before it ended is still to be read.
            _ended = &mut connection => answer.await,
        }
    }
}

/// As the `oauth2` crate wants it.
impl<'c> AsyncHttpClient<'c> for Http {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.once(request))
    }
}

/// The request as a server wants it: the path alone, and the host in a field of its own (RFC 9112 §3.2.1).
fn in_origin_form(request: HttpRequest) -> Result<Request<Full<Bytes>>, OAuthError> {
    let (mut parts, body) = request.into_parts();
    let wrong = |problem| OAuthError::Answer { problem };
    if let Some(authority) = parts.uri.authority() {
        let host = HeaderValue::from_str(authority.as_str());
        let host = host.map_err(|_| wrong("the host's name cannot be sent".to_owned()))?;
        parts.headers.insert(HOST, host);
    }
    parts
        .headers
        .insert(CONNECTION, HeaderValue::from_static("close"));
    let path = parts.uri.path_and_query().cloned();
    parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    Ok(Request::from_parts(parts, Full::new(Bytes::from(body))))
}

async fn whole(answer: Response<Incoming>, host: &str) -> Result<HttpResponse, OAuthError> {
    let (parts, body) = answer.into_parts();
    let collected = Limited::new(body, LONGEST).collect().await;
    let body = collected.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(source) => OAuthError::Http {
            host: host.to_owned(),
            source: *source,
        },
        Err(error) if error.is::<LengthLimitError>() => OAuthError::TooLarge {
            host: host.to_owned(),
            limit: LONGEST,
        },
        Err(error) => OAuthError::Answer {
            problem: error.to_string(),
        },
    })?;
    let octets = body.to_bytes().to_vec();
    Ok(Response::from_parts(parts, octets))
}

#[cfg(test)]
mod tests;
