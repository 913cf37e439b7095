//! Real proxies on loopback ports of their own: microsocks and tinyproxy. `tests/install` installs them.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a proxy may take to listen on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running proxy; killed on drop.
#[derive(Debug)]
pub struct RunningProxy {
    /// Where it listens.
    pub port: u16,
    scheme: &'static str,
    process: Child,
}

/// Which program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SOCKS5 by microsocks.
    Socks5,
    /// CONNECT by tinyproxy.
    Http,
}

impl RunningProxy {
    /// Starts one on this machine; `login` is who may use it, everybody if it is none. `dir` is where its
    /// configuration may lie.
    ///
    /// # Panics
    /// When it does not listen.
    #[must_use]
    pub fn start(kind: Kind, login: Option<(&str, &str)>, dir: &Path) -> Self {
        // A port that is free now may be taken by another test before the proxy binds it.
        for _ in 0..5 {
            let port = free_port();
            let mut command = command(kind, (Ipv4Addr::LOCALHOST, port), login, dir);
            let process = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the proxy runs: tests/install");
            let mut proxy = Self {
                port,
                scheme: scheme(kind),
                process,
            };
            if proxy.listens() {
                return proxy;
            }
        }
        panic!("the proxy found its port taken five times");
    }

    /// Its URL, with `login` before the host (`user:password@`, or nothing).
    #[must_use]
    pub fn url(&self, login: &str) -> String {
        format!("{}://{login}127.0.0.1:{}", self.scheme, self.port)
    }

    fn listens(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if crate::server::is_open(self.port) {
                // Somebody listens; it is this one if it lives.
                return matches!(self.process.try_wait(), Ok(None));
            }
            if !matches!(self.process.try_wait(), Ok(None)) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the proxy does not listen");
    }
}

impl Drop for RunningProxy {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

const fn scheme(kind: Kind) -> &'static str {
    match kind {
        Kind::Socks5 => "socks5",
        Kind::Http => "http",
    }
}

/// The command that becomes a proxy at this address.
///
/// # Panics
/// When its configuration cannot be written.
#[must_use]
pub fn command(
    kind: Kind,
    (ip, port): (Ipv4Addr, u16),
    login: Option<(&str, &str)>,
    dir: &Path,
) -> Command {
    match kind {
        Kind::Socks5 => {
            let mut command = Command::new("microsocks");
            command.args(["-i", &ip.to_string(), "-p", &port.to_string()]);
            if let Some((user, password)) = login {
                command.args(["-u", user, "-P", password]);
            }
            command
        }
        Kind::Http => {
            let login = login.map(|(user, password)| format!("BasicAuth {user} {password}\n"));
            let configuration = dir.join(format!("tinyproxy-{port}.conf"));
            let text = format!(
                "Port {port}\nListen {ip}\nTimeout 600\nMaxClients 50\n{}",
                login.unwrap_or_default()
            );
            std::fs::write(&configuration, text).expect("a configuration can be written");
            let mut command = Command::new("tinyproxy");
            command.arg("-d").arg("-c").arg(configuration);
            command
        }
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
