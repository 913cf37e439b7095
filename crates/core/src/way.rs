//! What carries the octets to a server: a connection of our own, one that a proxy makes, or a command.

use crate::secret::Secret;
use std::fmt;
use std::hash::{Hash, Hasher};

/// The way to a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Way {
    /// A TCP connection of our own.
    #[default]
    Direct,
    /// A shell command whose input and output are the connection.
    Tunnel(String),
    /// A proxy makes the connection, and looks the name up.
    Proxy(Proxy),
}

/// Somebody who connects for us.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// What it speaks.
    pub kind: ProxyKind,
    /// Where it is: a name or an address.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// Who we are to it, if it wants to know.
    pub login: Option<ProxyLogin>,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyKind {
    /// SOCKS version 5 (RFC 1928).
    Socks5,
    /// CONNECT of HTTP (RFC 9110 §9.3.6).
    Http,
}

/// Who we are to a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyLogin {
    /// The name.
    pub user: String,
    /// What proves it.
    pub password: Secret,
}

impl Hash for ProxyLogin {
    // Equal logins have equal names, which is all that a hash needs to know.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.user.hash(state);
    }
}

impl fmt::Display for Proxy {
    /// Without the login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Socks5 => "socks5",
            ProxyKind::Http => "http",
        };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_its_login() {
        let proxy = |host: &str| Proxy {
            kind: ProxyKind::Socks5,
            host: host.to_owned(),
            port: 1080,
            login: Some(ProxyLogin {
                user: "ada".to_owned(),
                password: Secret::new("hunter2".to_owned()),
            }),
        };
        assert_eq!(proxy("p.example").to_string(), "socks5://p.example:1080");
        assert_eq!(proxy("::1").to_string(), "socks5://[::1]:1080");
        assert!(!format!("{:?}", Way::Proxy(proxy("::1"))).contains("hunter2"));
    }
}
