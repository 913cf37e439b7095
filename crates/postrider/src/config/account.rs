//! The keys of one account, each also looked for under `defaults`, as [`AccountSettings`].

use super::error::{Place, Problem};
use super::file::{Entry, Node};
use super::password;
use super::reading::{Reading, find, or};
use super::{folders, on_new, proof, push, readers, removal, tls_trust, way};
use postrider_core::account::{AccountName, Protocol};
use postrider_core::retention::Policy;
use postrider_core::settings::{
    AccountSettings, AuthChoice, Layout, PasswordSource, ServerAddress, TlsMode,
};
use postrider_core::way::Way;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Every key of an account.
pub(super) const KEYS: &[&str] = &[
    "protocol",
    "host",
    "port",
    "tls",
    "allow_cleartext",
    "ca_file",
    "pin",
    "client_cert",
    "client_key",
    "tunnel",
    "proxy",
    "user",
    "password",
    "auth",
    "oauth2",
    "maildir",
    "layout",
    "folders",
    "labels",
    "max_size",
    "max_age",
    "flags",
    "deleted_flag",
    "deletions",
    "moves",
    "upload",
    "poll",
    "push",
    "idle_refresh",
    "timeout",
    "connections",
    "retention",
    "brake",
    "on_new",
    "on_new_timeout",
];

/// The contract's default: new mail within minutes, without push, at a cost no server minds.
const POLL: Duration = Duration::from_secs(5 * 60);
/// The contract's default: longer than a busy server thinks, shorter than a user waits.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The contract's default; servers refuse more than 10 to 15 of one user.
const CONNECTIONS: usize = 3;
/// More than any server known allows one user.
const MAX_CONNECTIONS: usize = 100;

/// The entries that speak for one account.
pub(super) struct Account<'a> {
    pub(super) at: Place,
    pub(super) name: AccountName,
    own: &'a [Entry],
    defaults: &'a [Entry],
}

impl<'a> Account<'a> {
    fn of(reading: &mut Reading<'_>, entry: &'a Entry, defaults: &'a [Entry]) -> Option<Self> {
        let own = reading.map("accounts", &entry.node)?;
        reading.keys(own, KEYS);
        let name = AccountName::parse(&entry.key)
            .map_err(|why| reading.complain(entry.at, Problem::AccountName { why }))
            .ok()?;
        Some(Self {
            at: entry.at,
            name,
            own,
            defaults,
        })
    }

    pub(super) fn find(&self, key: &str) -> Option<&'a Node> {
        find(self.own, key).or_else(|| find(self.defaults, key))
    }

    /// The key where it stands in the account itself.
    pub(super) fn own(&self, key: &str) -> Option<&'a Node> {
        find(self.own, key)
    }

    /// Whether the key stands in the account itself.
    pub(super) fn is_own(&self, key: &str) -> bool {
        find(self.own, key).is_some()
    }

    /// A key that POP3 has no use for, and `because` of what. Under `defaults` it is meant for the
    /// other accounts.
    pub(super) fn imap_only(
        &self,
        reading: &mut Reading<'_>,
        protocol: Protocol,
        (key, because): (&'static str, Option<&'static str>),
    ) -> Option<&'a Node> {
        if protocol == Protocol::Imap {
            return self.find(key);
        }
        if let Some(entry) = self.own.iter().find(|entry| entry.key == key) {
            reading.complain(entry.at, Problem::ImapOnly { key, because });
        }
        None
    }

    /// Where a key stands.
    pub(super) fn place(&self, key: &str) -> Place {
        self.find(key).map_or(self.at, |node| node.at)
    }

    pub(super) fn required(
        &self,
        reading: &mut Reading<'_>,
        key: &'static str,
    ) -> Option<&'a Node> {
        let node = self.find(key);
        if node.is_none() {
            let account = self.name.to_string();
            reading.complain(self.at, Problem::Missing { account, key });
        }
        node
    }
}

/// Reads one account. Every key is read before the first wrong one ends it, so that one run shows
/// all that is wrong.
pub(super) fn account(
    reading: &mut Reading<'_>,
    entry: &Entry,
    defaults: &[Entry],
) -> Option<AccountSettings> {
    let keys = Account::of(reading, entry, defaults)?;
    let protocol = protocol(reading, &keys);
    let assumed = protocol.unwrap_or(Protocol::Imap);
    let server = server(reading, &keys, assumed);
    let tls = server.as_ref().map(|server| server.tls);
    let (user, proof) = who(reading, &keys, (assumed, tls));
    let maildir = maildir(reading, &keys);
    let layout = layout(reading, &keys);
    let folders = folders::folders(reading, &keys, assumed);
    let labels = folders::labels(reading, &keys, assumed);
    let limits = limits(reading, &keys, assumed);
    let readers = readers::readers(reading, &keys, assumed);
    let pace = pace(reading, &keys);
    let push = push::push(reading, &keys, assumed);
    let retention = removal::retention(reading, &keys, assumed);
    let brake = removal::brake(reading, &keys);
    let on_new = on_new::on_new(reading, &keys);
    let (max_size_octets, max_age) = limits?;
    let (retention, vanished) = retention?;
    let readers = readers?;
    let (poll, timeout, connections) = pace?;
    let (push, idle_refresh) = push?;
    let (password, auth) = proof?;
    Some(AccountSettings {
        protocol: protocol?,
        server: server?,
        user: user?,
        password,
        auth,
        maildir: maildir?,
        layout: layout?,
        folders: folders?,
        poll,
        push,
        idle_refresh,
        timeout,
        connections,
        retention: Policy {
            deletions_pushed: readers.deletions_pushed,
            ..retention
        },
        vanished,
        brake: brake?,
        max_size_octets,
        max_age,
        flags: readers.flags,
        deleted_flag: readers.deleted_flag,
        moves: readers.moves,
        upload: readers.upload,
        labels: labels?,
        on_new: on_new?,
        name: keys.name,
    })
}

/// Who the account is at the server, and what proves it.
fn who(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    (protocol, tls): (Protocol, Option<TlsMode>),
) -> (Option<String>, Option<(PasswordSource, AuthChoice)>) {
    // Whoever is behind a tunnel may know us already.
    let may_be_known = protocol == Protocol::Imap
        && keys.find("tunnel").is_some()
        && ["user", "password", "oauth2"]
            .iter()
            .all(|key| keys.find(key).is_none());
    let user = match may_be_known {
        true => Some(String::new()),
        false => user(reading, keys),
    };
    let proof = proof::proof(reading, keys, (protocol, tls, may_be_known));
    (user, proof)
}

/// `poll`, `timeout` and `connections`.
fn pace(reading: &mut Reading<'_>, keys: &Account<'_>) -> Option<(Duration, Duration, usize)> {
    let poll = or(keys.find("poll"), POLL, |node| {
        reading.duration("poll", node)
    });
    let timeout = or(keys.find("timeout"), TIMEOUT, |node| {
        reading.duration("timeout", node)
    });
    let connections = or(keys.find("connections"), CONNECTIONS, |node| {
        reading.number("connections", node, 1..=MAX_CONNECTIONS)
    });
    Some((poll?, timeout?, connections?))
}

fn protocol(reading: &mut Reading<'_>, keys: &Account<'_>) -> Option<Protocol> {
    let words = [("imap", Protocol::Imap), ("pop3", Protocol::Pop3)];
    or(keys.find("protocol"), Protocol::Imap, |node| {
        reading.word("protocol", node, &words)
    })
}

fn layout(reading: &mut Reading<'_>, keys: &Account<'_>) -> Option<Layout> {
    let words = [("fs", Layout::Fs), ("maildir++", Layout::MaildirPlusPlus)];
    or(keys.find("layout"), Layout::Fs, |node| {
        reading.word("layout", node, &words)
    })
}

/// Where the server is; the port follows from the protocol and from TLS (RFC 8314 §3, RFC 9051 §2.1,
/// RFC 1939 §3).
fn server(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    protocol: Protocol,
) -> Option<ServerAddress> {
    let words = [
        ("implicit", TlsMode::Implicit),
        ("starttls", TlsMode::StartTls),
        ("none", TlsMode::None),
    ];
    let way = way::way(reading, keys);
    let is_tunnel = keys.find("tunnel").is_some() && !matches!(way, Some(Way::Proxy(_)));
    let usual = if is_tunnel {
        TlsMode::None
    } else {
        TlsMode::Implicit
    };
    let tls = or(keys.find("tls"), usual, |node| {
        reading.word("tls", node, &words)
    });
    let host = match keys.find("host") {
        // Only a certificate would have to bear it.
        None if is_tunnel && tls == Some(TlsMode::None) => Some(String::new()),
        None | Some(_) => {
            let host = keys.required(reading, "host");
            host.and_then(|node| host_of(reading, node))
        }
    };
    let cleartext = or(keys.find("allow_cleartext"), false, |node| {
        reading.truth("allow_cleartext", node)
    });
    let standard = match (protocol, tls.unwrap_or(TlsMode::Implicit)) {
        (Protocol::Imap, TlsMode::Implicit) => 993,
        (Protocol::Imap, TlsMode::StartTls | TlsMode::None) => 143,
        (Protocol::Pop3, TlsMode::Implicit) => 995,
        (Protocol::Pop3, TlsMode::StartTls | TlsMode::None) => 110,
    };
    let port = or(keys.find("port"), standard, |node| {
        reading.number("port", node, 1..=u16::MAX)
    });
    let ca_file = tls_trust::authorities(reading, keys, tls);
    let pins = tls_trust::pins(reading, keys, tls);
    let client = tls_trust::client(reading, keys, tls);
    if let (Some(host), Some(TlsMode::None), Some(false)) = (&host, tls, cleartext)
        && way
            .as_ref()
            .is_some_and(|way| leaves_in_the_clear(host, way))
    {
        let at = keys.place("tls");
        let host = host.clone();
        reading.complain(at, Problem::Cleartext { host });
    }
    Some(ServerAddress {
        host: host?,
        port: port?,
        tls: tls?,
        ca_file: ca_file?,
        way: way?,
        pins: pins?,
        client: client?,
    })
}

/// A host name or an address, without brackets, scheme or port.
fn host_of(reading: &mut Reading<'_>, node: &Node) -> Option<String> {
    let found = reading.text("host", node)?;
    let bare = found
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(found);
    if host.parse::<IpAddr>().is_ok() {
        return Some(host.to_owned());
    }
    let wanted = if host.contains(':') {
        "a name without `://` or a port is wanted; the port is a key of its own"
    } else if host
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || "/@[]".contains(c))
    {
        "a host name or an address is wanted"
    } else {
        return Some(host.to_owned());
    };
    reading.wrong_form("host", node.at, (found, wanted.to_owned()));
    None
}

/// Whether octets without TLS could be read by others: all the way, also to and from a proxy. What a tunnel does
/// with them is its own affair.
fn leaves_in_the_clear(host: &str, way: &Way) -> bool {
    match way {
        Way::Direct => !is_loopback(host),
        Way::Proxy(proxy) => !is_loopback(host) || !is_loopback(&proxy.host),
        Way::Tunnel(_) => false,
    }
}

/// Whether the octets stay on this machine.
fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>().map(|address| address.to_canonical());
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn user(reading: &mut Reading<'_>, keys: &Account<'_>) -> Option<String> {
    let node = keys.required(reading, "user")?;
    let user = reading.text("user", node)?;
    password::sendable(reading, "user", node, user)?;
    Some(user.to_owned())
}

/// The mail tree; `{account}` in it is the account's name, which is safe as a directory.
fn maildir(reading: &mut Reading<'_>, keys: &Account<'_>) -> Option<PathBuf> {
    let name = keys.name.as_str();
    let path = match keys.find("maildir") {
        Some(node) => reading.path("maildir", node)?,
        None => {
            let Some(home) = reading.around.home() else {
                let (account, key) = (name.to_owned(), "maildir");
                reading.complain(keys.at, Problem::Missing { account, key });
                return None;
            };
            home.join("Mail/{account}")
        }
    };
    // A path that came from a file and from the environment is UTF-8.
    Some(PathBuf::from(path.to_str()?.replace("{account}", name)))
}

/// What POP3 has not.
const NO_DATES: Option<&str> =
    Some("a POP3 server does not say when a message came; `max_size` works there");

/// Which messages stay on the server only: the largest and the oldest that are fetched.
fn limits(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    protocol: Protocol,
) -> Option<(Option<u64>, Option<Duration>)> {
    let node = keys.find("max_size");
    let max_size = or(node, None, |node| reading.size("max_size", node).map(Some));
    let node = keys.imap_only(reading, protocol, ("max_age", NO_DATES));
    let max_age = or(node, None, |node| {
        reading.duration("max_age", node).map(Some)
    });
    Some((max_size?, max_age?))
}
