//! What the throw-away real servers have in common: users, ports, a certificate, and names of mailboxes.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The password of every user.
pub const PASSWORD: &str = "secret";

/// How long a server may take to greet on a busy machine; usually it is a tenth of a second.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(20);

/// Whose the mail is when the tests run as root: no server delivers for that one. `nobody` on Debian.
pub(crate) const NOBODY: u32 = 65534;

/// A running server whose users are at least `ada` and `bob`, each with an empty INBOX.
pub trait Server {
    /// Where it listens.
    fn ports(&self) -> Ports;

    /// The certificate authority that signed the server's certificate for `localhost` and 127.0.0.1, PEM.
    fn ca_file(&self) -> &Path;

    /// What this server calls a mailbox whose levels are parted by `/`, in modified UTF-7.
    fn wire_name(&self, mailbox: &str) -> String;

    /// Where a mailbox, as people read it, lies below the mail tree.
    fn directory(&self, mailbox: &str) -> String;
}

/// Ports of loopback.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// IMAP in clear and with STARTTLS.
    pub imap: u16,
    /// IMAP over implicit TLS.
    pub imaps: u16,
    /// POP3 in clear and with STLS.
    pub pop3: u16,
    /// POP3 over implicit TLS.
    pub pop3s: u16,
}

impl Ports {
    /// Four ports that nobody has at this moment.
    pub(crate) fn free() -> Self {
        let listeners =
            [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").expect("loopback has a free port"));
        let [imap, imaps, pop3, pop3s] = listeners.map(|listener| {
            let address = listener
                .local_addr()
                .expect("a bound socket has an address");
            address.port()
        });
        Self {
            imap,
            imaps,
            pop3,
            pop3s,
        }
    }

    /// Fills in `@IMAP_PORT@` and the like.
    pub(crate) fn fill_in(&self, text: &str) -> String {
        text.replace("@IMAP_PORT@", &self.imap.to_string())
            .replace("@IMAPS_PORT@", &self.imaps.to_string())
            .replace("@POP3_PORT@", &self.pop3.to_string())
            .replace("@POP3S_PORT@", &self.pop3s.to_string())
    }
}

/// Whether anybody listens at a port of loopback.
#[must_use]
pub fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Whether the first line is the real greeting: a Dovecot whose authentication process is still starting
/// says `* OK Waiting for authentication process to respond..` before it.
pub(crate) fn greets(port: u16, greeting: &str) -> bool {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    stream.set_read_timeout(Some(START_LIMIT)).ok();
    let mut line = String::new();
    let read = BufReader::new(stream).read_line(&mut line);
    read.is_ok() && line.starts_with(greeting) && !line.contains("Waiting for")
}

/// What `id` says of this process.
pub(crate) fn id(what: &str) -> String {
    let output = Command::new("id").arg(what).output().expect("`id` runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
