//! A connection that a proxy makes. The name of the host is looked up by the proxy, never here.
//!
//! Nothing may be read beyond the proxy's answer: a mail server speaks first, and its greeting may come in the same packet.
//! tokio-socks reads exactly what the protocol says; hyper hands back what it has read too much.

use crate::Duplex;
use crate::connect::bare_host;
use crate::error::TransportError;
use crate::tls::error::TlsError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use postrider_core::settings::ServerAddress;
use postrider_core::way::{Proxy, ProxyKind, ProxyLogin};
use tokio::task::JoinSet;
use tokio_socks::Error as SocksError;
use tokio_socks::tcp::Socks5Stream;
use zeroize::Zeroizing;

/// Asks the proxy at the other end of `stream` for a connection to the server.
pub(crate) async fn through<S: Duplex + 'static>(
    stream: S,
    proxy: &Proxy,
    address: &ServerAddress,
) -> Result<Box<dyn Duplex>, TransportError> {
    match proxy.kind {
        ProxyKind::Socks5 => socks5(stream, proxy, address).await,
        ProxyKind::Http => connect(stream, proxy, address).await,
    }
}

async fn socks5<S: Duplex + 'static>(
    stream: S,
    proxy: &Proxy,
    address: &ServerAddress,
) -> Result<Box<dyn Duplex>, TransportError> {
    let target = (bare_host(&address.host), address.port);
    let opened = match &proxy.login {
        None => Socks5Stream::connect_with_socket(stream, target).await,
        Some(ProxyLogin { user, password }) => {
            let password = password.reveal();
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
        }
    };
    match opened {
        Ok(opened) => Ok(Box::new(opened.into_inner())),
        Err(error) => Err(socks_error(proxy, address, error)),
    }
}

/// The codes of RFC 1928 §6 and RFC 1929 §2 in words.
fn socks_error(proxy: &Proxy, address: &ServerAddress, error: SocksError) -> TransportError {
    let refused = |why: &str| refusal(proxy, address, why);
    let login = |why: &str| login_refusal(proxy, why);
    match error {
        SocksError::GeneralSocksServerFailure => {
            refused("it failed, and does not say why; often it does not find the name")
        }
        SocksError::ConnectionNotAllowedByRuleset => refused("its rules do not allow it"),
        SocksError::NetworkUnreachable => refused("it does not reach the network"),
        SocksError::HostUnreachable => refused("it does not reach the host"),
        SocksError::ConnectionRefused => refused("the host refused the connection"),
        SocksError::TtlExpired => refused("it took too long (TTL expired)"),
        SocksError::CommandNotSupported => refused("it does not make connections"),
        SocksError::AddressTypeNotSupported => {
            refused("it does not take this kind of address; some do not look names up")
        }
        SocksError::NoAcceptableAuthMethods => match proxy.login {
            None => login("it wants a user and a password"),
            Some(_) => login("it takes no user and password"),
        },
        SocksError::PasswordAuthFailure(_) => login("user or password is wrong"),
        SocksError::InvalidAuthValues(_) => {
            login("user and password are 1 to 255 octets each, which these are not")
        }
        SocksError::Io(source) => TransportError::ProxyCut {
            proxy: proxy.to_string(),
            source,
        },
        other => TransportError::NotAProxy {
            proxy: proxy.to_string(),
            reason: other.to_string(),
        },
    }
}

async fn connect<S: Duplex + 'static>(
    stream: S,
    proxy: &Proxy,
    address: &ServerAddress,
) -> Result<Box<dyn Duplex>, TransportError> {
    let request = request(proxy, address)?;
    let strange = |error: hyper::Error| http_error(proxy, error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(strange)?;
    // Ends the connection when nobody waits for it any more.
    let mut driver = JoinSet::new();
    driver.spawn(connection.with_upgrades());
    let response = sender.send_request(request).await.map_err(strange)?;
    let status = response.status();
    // 401 is a server's, not a proxy's; tinyproxy says so all the same.
    if [
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        StatusCode::UNAUTHORIZED,
    ]
    .contains(&status)
    {
        let why = match proxy.login {
            None => "it wants a user and a password",
            Some(_) => "user or password is wrong, or not what it wants",
        };
        return Err(login_refusal(
            proxy,
            &format!("{why} ({})", status.as_u16()),
        ));
    }
    if !status.is_success() {
        return Err(refusal(proxy, address, &format!("it says {status}")));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(strange)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

fn request(
    proxy: &Proxy,
    address: &ServerAddress,
) -> Result<Request<Empty<Bytes>>, TransportError> {
    let host = bare_host(&address.host);
    let target = match host.contains(':') {
        true => format!("[{host}]:{}", address.port),
        false => format!("{host}:{}", address.port),
    };
    let mut request = Request::connect(target.as_str()).header(HOST, target.as_str());
    if let Some(ProxyLogin { user, password }) = &proxy.login {
        let pair = Zeroizing::new(format!("{user}:{}", password.reveal()));
        let basic = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        // Base64 is always a header's value.
        if let Ok(mut value) = HeaderValue::from_str(&basic) {
            value.set_sensitive(true);
            request = request.header(PROXY_AUTHORIZATION, value);
        }
    }
    let request = request.body(Empty::new());
    request.map_err(|_invalid| {
        let host = address.host.clone();
        TlsError::HostName { host }.into()
    })
}

fn http_error(proxy: &Proxy, error: hyper::Error) -> TransportError {
    let proxy = proxy.to_string();
    if error.is_parse() {
        let reason = error.to_string();
        return TransportError::NotAProxy { proxy, reason };
    }
    let source = std::io::Error::other(error);
    TransportError::ProxyCut { proxy, source }
}

fn refusal(proxy: &Proxy, address: &ServerAddress, why: &str) -> TransportError {
    TransportError::ProxyRefused {
        proxy: proxy.to_string(),
        host: address.host.clone(),
        port: address.port,
        why: why.to_owned(),
    }
}

fn login_refusal(proxy: &Proxy, why: &str) -> TransportError {
    TransportError::ProxyLogin {
        proxy: proxy.to_string(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests;
