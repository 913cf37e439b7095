//! `status` and `runtime_dir`: what a daemon tells those who ask how it is doing, and where.

use super::file::{Entry, Node};
use super::reading::{Reading, find, or};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Every key of `status`.
pub(super) const KEYS: &[&str] = &["stale_after", "metrics"];

/// An hour: twelve polls of the usual pause, so that a server may be down for a while before anybody is called.
const STALE_AFTER: Duration = Duration::from_secs(3_600);

/// How an address of metrics is written.
const WANTED: &str = "a loopback address with a port (`127.0.0.1:9123`, `[::1]:9123`) or the path of a Unix socket, with a `/` in it";

/// What a daemon tells those who ask how it is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSettings {
    /// An account is stale when its last success is longer ago.
    pub stale_after: Duration,
    /// Where metrics are served; `None`: nowhere.
    pub metrics: Option<MetricsPlace>,
}

/// Where metrics are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsPlace {
    /// A Unix socket; absolute.
    Socket(PathBuf),
    /// A port of this machine.
    Tcp(SocketAddr),
}

impl std::fmt::Display for MetricsPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

impl Default for StatusSettings {
    fn default() -> Self {
        Self {
            stale_after: STALE_AFTER,
            metrics: None,
        }
    }
}

/// Reads `status`; `None` when it was there and wrong.
pub(super) fn status(reading: &mut Reading<'_>, top: &[Entry]) -> Option<StatusSettings> {
    let Some(node) = find(top, "status") else {
        return Some(StatusSettings::default());
    };
    let entries = reading.map("status", node)?;
    reading.keys(entries, KEYS);
    let stale_after = or(find(entries, "stale_after"), STALE_AFTER, |node| {
        reading.duration("stale_after", node)
    });
    let metrics = or(find(entries, "metrics"), None, |node| {
        metrics(reading, node).map(Some)
    });
    Some(StatusSettings {
        stale_after: stale_after?,
        metrics: metrics?,
    })
}

fn metrics(reading: &mut Reading<'_>, node: &Node) -> Option<MetricsPlace> {
    let found = reading.text("metrics", node)?;
    let wrong = |reading: &mut Reading<'_>, wanted: String| {
        reading.wrong_form("metrics", node.at, (found, wanted));
        None
    };
    if let Ok(address) = found.parse::<SocketAddr>() {
        if address.ip().is_loopback() && address.port() > 0 {
            return Some(MetricsPlace::Tcp(address));
        }
        let wanted = format!(
            "metrics go to this machine only, for they have no login and no TLS; it wants {WANTED}"
        );
        return wrong(reading, wanted);
    }
    if found.parse::<IpAddr>().is_err() && found.contains('/') {
        return Some(MetricsPlace::Socket(reading.path("metrics", node)?));
    }
    wrong(reading, format!("it wants {WANTED}"))
}

/// Where the control socket lies, when neither the file nor the environment says: beside the index.
pub(super) fn runtime_dir(reading: &mut Reading<'_>, top: &[Entry]) -> Option<Option<PathBuf>> {
    match find(top, "runtime_dir") {
        Some(node) => reading.path("runtime_dir", node).map(Some),
        None => Some(reading.around.runtime_dir()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::surroundings::Surroundings;
    use super::super::{Complaint, Config, parse};
    use super::*;
    use std::path::Path;

    const ACCOUNTS: &str = "accounts: {home: {host: h, user: u, password: {env: PW}}}\n";

    fn read(top: &str, around: &Surroundings) -> Result<Config, Vec<Complaint>> {
        let text = format!("{ACCOUNTS}{top}\n");
        parse(Path::new("/etc/p/c.yaml"), (text.as_bytes(), 0o600), around)
    }

    fn status(value: &str) -> Result<StatusSettings, String> {
        let around = Surroundings::of([("HOME", "/home/ada")]);
        let config = read(&format!("status: {value}"), &around);
        let told = |complaints: Vec<Complaint>| {
            let problems = complaints.iter().map(|c| c.problem.to_string());
            problems.collect::<Vec<_>>().join("\n")
        };
        config.map(|config| config.status).map_err(told)
    }

    #[test]
    fn what_is_not_said_is_usual() {
        let usual = StatusSettings {
            stale_after: Duration::from_secs(3_600),
            metrics: None,
        };
        assert_eq!(status("{}").unwrap(), usual);
        assert_eq!(
            status("{stale_after: 10m}").unwrap().stale_after,
            Duration::from_secs(600)
        );
    }

    #[test]
    fn metrics_go_to_this_machine_only() {
        let place = |value: &str| status(&format!("{{metrics: \"{value}\"}}"));
        for address in ["127.0.0.1:9123", "[::1]:9123", "127.9.9.9:1"] {
            let expected = MetricsPlace::Tcp(address.parse().unwrap());
            assert_eq!(place(address).unwrap().metrics, Some(expected));
        }
        let socket = MetricsPlace::Socket("/etc/p/run/m.sock".into());
        assert_eq!(place("run/m.sock").unwrap().metrics, Some(socket));
        let socket = MetricsPlace::Socket("/home/ada/m.sock".into());
        assert_eq!(place("~/m.sock").unwrap().metrics, Some(socket));
        for address in ["0.0.0.0:9123", "192.0.2.1:9123", "[::]:9123", "127.0.0.1:0"] {
            let told = place(address).unwrap_err();
            assert!(told.contains("to this machine only"), "{address}: {told}");
        }
        for address in ["9123", "127.0.0.1", "localhost:9123", "::1", "m.sock"] {
            let told = place(address).unwrap_err();
            assert!(
                told.contains("it wants a loopback address"),
                "{address}: {told}"
            );
        }
    }

    #[test]
    fn the_control_socket_lies_where_the_file_or_the_environment_says_or_beside_the_index() {
        let home = ("HOME", "/home/ada");
        let dir = |top: &str, around: &Surroundings| read(top, around).unwrap().runtime_dir;
        let bare = Surroundings::of([home]);
        assert_eq!(
            dir("", &bare),
            Path::new("/home/ada/.local/state/postrider")
        );
        assert_eq!(dir("state_dir: s", &bare), Path::new("/etc/p/s"));
        let session = Surroundings::of([home, ("XDG_RUNTIME_DIR", "/run/user/7")]);
        assert_eq!(dir("", &session), Path::new("/run/user/7/postrider"));
        let service = Surroundings::of([
            home,
            ("XDG_RUNTIME_DIR", "/run/user/7"),
            ("RUNTIME_DIRECTORY", "/run/postrider:/run/more"),
        ]);
        assert_eq!(dir("", &service), Path::new("/run/postrider"));
        assert_eq!(dir("runtime_dir: ~/r", &service), Path::new("/home/ada/r"));
    }
}
