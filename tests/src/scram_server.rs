//! A server under TLS 1.3 that takes logins by SCRAM alone, bound to their connection (`-PLUS`, RFC 5802 and RFC 9266) where it
//! offers that. Debian's Dovecot has no `-PLUS` yet.
//!
//! Up to the login it is all here; behind it a server in memory speaks on. SCRAM is on ring, and not on the crate that the
//! binary has it from, so that what is misread there is not misread here as well.

mod exchange;
mod middle_man;
mod session;
mod tls;

pub use exchange::Proof;
pub use middle_man::MiddleMan;

use crate::certificate::{self, Likeness};
use crate::hostile::Protocol;
use crate::rig::message;
use postrider_mailserver::{Mailstore, Options, Service};
use session::Session;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// How the server logs people in.
#[derive(Clone, Copy, Debug)]
pub struct Ways {
    /// The mechanisms that it offers, and takes.
    pub mechanisms: &'static [&'static str],
    /// Whether IMAP takes the first message with the command (RFC 4959); POP3 always does.
    pub sasl_ir: bool,
    /// What it shows of its own knowledge of the password.
    pub proof: Proof,
}

/// One login that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// By this mechanism.
    pub mechanism: String,
    /// What the client said of binding: `p=tls-exporter`, `y` or `n`.
    pub flag: String,
    /// Whether the client proved what it must, or what was wrong, by its name in RFC 5802 §7.
    pub outcome: Result<(), &'static str>,
}

/// What the sessions of one server share.
#[derive(Debug)]
struct Shared {
    protocol: Protocol,
    ways: Ways,
    service: Service,
    attempts: Mutex<Vec<Attempt>>,
}

impl Shared {
    fn note(&self, attempt: Attempt) {
        let attempts = &self.attempts;
        let mut attempts = attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.push(attempt);
    }
}

/// A server for `localhost` with one message for `ada`. It and all its connections end when it is dropped.
#[derive(Debug)]
pub struct ScramServer {
    /// Where it listens.
    pub port: u16,
    shared: Arc<Shared>,
    dir: TempDir,
    listening: JoinHandle<()>,
}

impl ScramServer {
    /// Who may log in.
    pub const USER: &str = "ada";

    /// And by what.
    pub const PASSWORD: &str = "p\u{e4}ss,word=";

    /// Starts one. Must be called inside a tokio runtime.
    pub async fn start(protocol: Protocol, ways: Ways) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        certificate::write(dir.path(), &Likeness::default()).expect("a certificate");
        let store = Mailstore::new();
        let account = store.account(Self::USER, Self::PASSWORD);
        account.append("INBOX", message("INBOX", 1), &[], 1_700_000_000);
        let shared = Arc::new(Shared {
            protocol,
            ways,
            service: Service::new(store, Options::default()),
            attempts: Mutex::default(),
        });
        let acceptor = tls::acceptor(dir.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let listening = tokio::spawn(listen(listener, acceptor, Arc::clone(&shared)));
        Self {
            port,
            shared,
            dir,
            listening,
        }
    }

    /// The authority that it is trusted by, PEM.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// The logins that were tried, in their order; they are told once.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        let attempts = &self.shared.attempts;
        std::mem::take(&mut attempts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where its certificate and its key are: whoever has them passes for the server.
    fn identity(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for ScramServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(speak(stream, acceptor.clone(), Arc::clone(&shared)));
    }
}

/// One connection; that the client ends it is no error.
async fn speak(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    stream.set_nodelay(true).ok();
    if let Ok(stream) = acceptor.accept(stream).await {
        Session::new(stream, &shared).speak().await.ok();
    }
}
