//! Servers that mean harm: honest up to a point of the session, and from there on whatever a script says.
//!
//! Between the client and an honest server in memory sits a middleman, who hands commands and answers on one by
//! one. At the command that a [`Trap`] names he answers in the server's place, by [`Act`]s: so every case
//! is one line of a table, and all that comes before it is what a real session says.
//!
//! [`case`] puts many such servers and a good one into one configuration, runs the built binary once, and looks at what
//! became of every account, of the memory of the process and of the disk.

mod act;
pub mod case;
mod imap;
mod pop3;
mod tree;

pub use act::{Act, compressed, flood_of};
pub use case::{Case, End, Outcome};
pub use tree::Tree;

use act::Line;
use postrider_mailserver::Service;
use std::io;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
}

/// A command at which the server stops being honest.
#[derive(Clone, Debug)]
pub struct Trap {
    at: String,
    nth: usize,
    acts: Vec<Act>,
}

impl Trap {
    /// At every command that begins so (`UID FETCH`, `RETR 2`; any case); what stands behind a `*` must come
    /// later in it (`UID FETCH*BODY`). `GREETING` is the moment before any; the empty text is any command, and
    /// not the greeting.
    #[must_use]
    pub fn at(command: &str, acts: impl IntoIterator<Item = Act>) -> Self {
        Self {
            at: command.to_ascii_uppercase(),
            nth: 0,
            acts: acts.into_iter().collect(),
        }
    }

    /// At the `nth` such command alone, counted from one.
    #[must_use]
    pub const fn nth(mut self, nth: usize) -> Self {
        self.nth = nth;
        self
    }
}

/// The traps of one connection, and how often each was passed.
#[derive(Debug)]
struct Traps(Vec<(Trap, usize)>);

impl Traps {
    /// What to do at this command, unless it is to be answered honestly.
    fn sprung(&mut self, command: &str) -> Option<Vec<Act>> {
        let command = command.to_ascii_uppercase();
        let mut found = None;
        for (trap, passed) in &mut self.0 {
            let (begin, later) = trap.at.split_once('*').unwrap_or((&trap.at, ""));
            let is_any = trap.at.is_empty() && command != "GREETING";
            if !is_any && (trap.at.is_empty() || !command.starts_with(begin))
                || !command.contains(later)
            {
                continue;
            }
            *passed += 1;
            if found.is_none() && (trap.nth == 0 || trap.nth == *passed) {
                found = Some(trap.acts.clone());
            }
        }
        found
    }
}

/// A server with traps on a port of 127.0.0.1. It and all its connections end when it is dropped.
#[derive(Debug)]
pub struct HostileServer {
    /// Where it listens.
    pub port: u16,
    listening: JoinHandle<()>,
}

impl HostileServer {
    /// Starts one before `honest`. Must be called inside a tokio runtime.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start(honest: Service, protocol: Protocol, traps: Vec<Trap>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let listening = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let traps = Traps(traps.iter().map(|trap| (trap.clone(), 0)).collect());
                connections.spawn(speak(stream, honest.clone(), protocol, traps));
            }
        });
        Self { port, listening }
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// One connection; that the client ends it, or the script, is no error.
async fn speak(stream: TcpStream, honest: Service, protocol: Protocol, traps: Traps) {
    stream.set_nodelay(true).ok();
    let (near, far) = tokio::io::duplex(64 << 10);
    let mut served = JoinSet::new();
    let line = Line::new(stream);
    let spoken: io::Result<()> = match protocol {
        Protocol::Imap => {
            served.spawn(async move { honest.serve_imap(far).await });
            imap::speak(line, near, traps).await
        }
        Protocol::Pop3 => {
            served.spawn(async move { honest.serve_pop3(far).await });
            pop3::speak(line, near, traps).await
        }
    };
    spoken.ok();
}
