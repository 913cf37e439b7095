//! `tunnel` and `proxy`: who makes the connection.

use super::account::Account;
use super::error::Problem;
use super::file::Node;
use super::password;
use super::reading::{Reading, or};
use postrider_core::secret::Secret;
use postrider_core::way::{Proxy, ProxyKind, ProxyLogin, Way};
use std::net::IpAddr;
use zeroize::Zeroizing;

const WANTED: &str =
    "`socks5://HOST:PORT` or `http://HOST:PORT`, with `USER:PASSWORD@` before the host if need be";

/// Reads both; `None` when one is wrong.
pub(super) fn way(reading: &mut Reading<'_>, keys: &Account<'_>) -> Option<Way> {
    let (tunnel, proxy) = (keys.find("tunnel"), keys.find("proxy"));
    let command = or(tunnel, None, |node| {
        let command = reading.text("tunnel", node)?;
        Some(Some(command.to_owned()))
    });
    let read = or(proxy, None, |node| self::proxy(reading, node).map(Some));
    // The account's own word counts for more than the one under `defaults`.
    let own = (keys.is_own("tunnel"), keys.is_own("proxy"));
    if let (Some(_), Some(node)) = (tunnel, keys.own("port")) {
        let because = "the command of `tunnel` makes the connection";
        reading.complain(
            node.at,
            Problem::SaysNothing {
                key: "port",
                because,
            },
        );
    }
    match (command?, read?) {
        (None, None) => Some(Way::Direct),
        (Some(command), None) => Some(Way::Tunnel(command)),
        (None, Some(proxy)) => Some(Way::Proxy(proxy)),
        (Some(command), Some(_)) if own == (true, false) => Some(Way::Tunnel(command)),
        (Some(_), Some(proxy)) if own == (false, true) => Some(Way::Proxy(proxy)),
        (Some(_), Some(_)) => {
            let at = tunnel.map_or(keys.at, |node| node.at);
            reading.complain(at, Problem::TunnelAndProxy);
            None
        }
    }
}

/// Reads `proxy`. What is wrong is not quoted: a password may stand in it.
fn proxy(reading: &mut Reading<'_>, node: &Node) -> Option<Proxy> {
    let text = reading.text("proxy", node)?;
    let Some((proxy, has_login)) = parse(text) else {
        let (key, wanted) = ("proxy", WANTED);
        reading.complain(node.at, Problem::Kind { key, wanted });
        return None;
    };
    if has_login {
        password::private(reading, node);
    }
    if let Some(login) = &proxy.login {
        password::sendable(reading, "proxy", node, &login.user)?;
        password::sendable(reading, "proxy", node, login.password.reveal())?;
    }
    Some(proxy)
}

/// `SCHEME://[USER[:PASSWORD]@]HOST:PORT`.
fn parse(text: &str) -> Option<(Proxy, bool)> {
    let (scheme, rest) = text.split_once("://")?;
    // curl's name for a proxy that looks names up itself, which is what every one does here.
    let kind = match scheme {
        "socks5" | "socks5h" => ProxyKind::Socks5,
        "http" => ProxyKind::Http,
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (login, place) = match rest.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, rest),
    };
    let (host, port) = place.rsplit_once(':')?;
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(address) => address.parse::<IpAddr>().ok().map(|_| address)?,
        None if host.is_empty() || host.contains(is_no_part_of_a_name) => return None,
        None => host,
    };
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let proxy = Proxy {
        kind,
        host: host.to_owned(),
        port,
        login: match login {
            Some(login) => Some(self::login(login)?),
            None => None,
        },
    };
    Some((proxy, login.is_some()))
}

fn is_no_part_of_a_name(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "/:@[]?#".contains(c)
}

fn login(text: &str) -> Option<ProxyLogin> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let mut user = decoded(user)?;
    Some(ProxyLogin {
        user: std::mem::take(&mut *user),
        password: Secret::new(std::mem::take(&mut *decoded(password)?)),
    })
}

/// `%XX` stands for an octet (RFC 3986 §2.1).
fn decoded(text: &str) -> Option<Zeroizing<String>> {
    let mut octets = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'%' => {
                let digit = |octet: u8| char::from(octet).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            octet => octet,
        });
    }
    let text = std::str::from_utf8(&octets).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_proxy_and_who_we_are() {
        for (url, shown, login) in [
            ("socks5://p.example:1080", "socks5://p.example:1080", None),
            ("socks5h://127.0.0.1:9050/", "socks5://127.0.0.1:9050", None),
            ("http://[::1]:8080", "http://[::1]:8080", None),
            (
                "http://ada:a%40b%3A%25:c@h:1",
                "http://h:1",
                Some(("ada", "a@b:%:c")),
            ),
            ("http://ada@h:1", "http://h:1", Some(("ada", ""))),
            ("socks5://a@b:c@h:1", "socks5://h:1", Some(("a@b", "c"))),
        ] {
            let (proxy, has_login) = parse(url).expect(url);
            assert_eq!(proxy.to_string(), shown);
            let found = proxy.login.as_ref();
            let found = found.map(|login| (login.user.as_str(), login.password.reveal()));
            assert_eq!(found, login, "{url}");
            assert_eq!(has_login, login.is_some());
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for url in [
            "p.example:1080",
            "socks4://h:1",
            "https://h:1",
            "socks5://h",
            "socks5://h:0",
            "socks5://h:65536",
            "socks5://:1",
            "socks5://::1:1",
            "http://h:1/path",
            "http://a%4:b@h:1",
            "http://a%ff:b@h:1",
        ] {
            assert!(parse(url).is_none(), "{url}");
        }
    }
}
