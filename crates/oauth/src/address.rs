//! Addresses of an authorization server: what may be asked, and how it is reached.

use crate::error::OAuthError;
use oauth2::url::{Host, Url};
use postrider_core::settings::{ServerAddress, TlsMode};
use postrider_core::way::Way;
use std::net::IpAddr;
use std::path::Path;

/// Says what is wrong with an address of an authorization server, if anything is: it begins with
/// `https://`; to this machine itself (`localhost`, a loopback address), `http://` will do.
///
/// # Errors
/// With what is wrong.
pub fn check_url(text: &str) -> Result<(), &'static str> {
    parse(text).map(drop)
}

/// Parses an address that may be asked.
fn parse(text: &str) -> Result<(Url, bool), &'static str> {
    let url = Url::parse(text).map_err(|_| "it is no address; `https://...` is wanted")?;
    if url.host().is_none() {
        return Err("it names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user and a password do not belong there");
    }
    if url.fragment().is_some() {
        // RFC 6749 §3.1, §3.2.
        return Err("nothing may stand behind a `#`");
    }
    match url.scheme() {
        "https" => Ok((url, true)),
        "http" if is_loopback(&url) => Ok((url, false)),
        "http" => Err("tokens would travel in the clear; `https://...` is wanted"),
        _ => Err("`https://...` is wanted"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).to_canonical().is_loopback(),
        None => false,
    }
}

/// Where the server of an address is. Its TLS is verified as a mail server's is.
pub(crate) fn server(
    text: &str,
    ca_file: Option<&Path>,
    way: &Way,
) -> Result<ServerAddress, OAuthError> {
    let wrong = |problem| OAuthError::Address {
        url: text.to_owned(),
        problem,
    };
    let (url, encrypted) = parse(text).map_err(wrong)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default();
    Ok(ServerAddress {
        host,
        port: port.ok_or("it names no port").map_err(wrong)?,
        tls: if encrypted {
            TlsMode::Implicit
        } else {
            TlsMode::None
        },
        ca_file: ca_file.map(Path::to_owned),
        way: way.clone(),
        // Those of the account are the mail server's.
        pins: Vec::new(),
        client: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_encrypted_or_on_this_machine_is_asked() {
        for (url, good) in [
            ("https://login.example.org/token", true),
            ("https://login.example.org:8443/token?tenant=x", true),
            ("http://localhost:8080/token", true),
            ("http://127.0.0.1/token", true),
            ("http://[::1]:80/token", true),
            ("http://login.example.org/token", false),
            ("http://localhost.example.org/token", false),
            ("http://127.0.0.1.example.org/token", false),
            ("https://user:pw@login.example.org/", false),
            ("https://login.example.org/#x", false),
            ("file:///etc/passwd", false),
            ("login.example.org/token", false),
            ("", false),
        ] {
            assert_eq!(check_url(url).is_ok(), good, "{url}");
        }
        let address = server("https://login.example.org/token", None, &Way::Direct).unwrap();
        assert_eq!((address.port, address.tls), (443, TlsMode::Implicit));
    }
}
