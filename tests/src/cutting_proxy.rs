//! A line between the built binary and a real server that ends, or stands still, at an exact octet.
//!
//! What is exact: how many octets of the chosen side have passed. At the octet where it happens nothing more
//! passes in either direction. The server then reads the end of the line and finishes what it had been asked for;
//! [`CuttingProxy::settle`] waits for that, so that no test looks at a server that is still at work.

mod relay;
mod transcript;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

pub use transcript::Transcript;

/// How long anything may take on a busy machine; what is waited for takes a fraction of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whose output is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The binary's.
    Client,
    /// The server's.
    Server,
}

/// What becomes of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client reads the end of the stream.
    Fin,
    /// The client gets an error.
    Reset,
    /// Nothing more comes, and nothing ends, until the client is gone.
    Held,
}

/// Where the line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Whose output is counted, over all connections since the plan was made.
    pub side: Side,
    /// So many octets of it pass.
    pub after: u64,
    /// And then this happens, once: later connections are whole.
    pub end: End,
}

/// The line; it ends with its value.
#[derive(Debug)]
pub struct CuttingProxy {
    /// Where the client is to connect.
    pub port: u16,
    line: Arc<Line>,
    relays: Option<JoinHandle<()>>,
}

impl CuttingProxy {
    /// A whole line to a port of loopback.
    ///
    /// # Panics
    /// When loopback has no free port.
    #[must_use]
    pub fn start(server_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
        listener.set_nonblocking(true).expect("a socket of ours");
        let port = listener.local_addr().expect("a bound socket").port();
        let line = Arc::new(Line::default());
        let relays = std::thread::spawn({
            let line = Arc::clone(&line);
            move || relay::serve(listener, server_port, &line)
        });
        Self {
            port,
            line,
            relays: Some(relays),
        }
    }

    /// Counts from zero, forgets what was said, and ends the line there.
    pub fn plan(&self, cut: Option<Cut>) {
        *self.line.state() = State {
            cut,
            ..State::default()
        };
    }

    /// Waits until the line has come to the planned octet or `is_over`; whether it came there.
    pub fn reaches_cut(&self, mut is_over: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.line.state();
        while !state.is_cut && !is_over() {
            assert!(Instant::now() < deadline, "the line stands still");
            state = self.line.wait(state);
        }
        state.is_cut
    }

    /// Waits until every connection is over on the server's side too, and tells what was said.
    ///
    /// # Panics
    /// When one does not end.
    #[must_use]
    pub fn settle(&self) -> Transcript {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.line.state();
        while state.open > 0 {
            assert!(Instant::now() < deadline, "the server holds the line");
            state = self.line.wait(state);
        }
        state.said.clone()
    }
}

impl Drop for CuttingProxy {
    fn drop(&mut self) {
        self.line.end.notify_one();
        if let Some(relays) = self.relays.take() {
            relays.join().ok();
        }
    }
}

/// What all connections share.
#[derive(Debug, Default)]
struct Line {
    state: Mutex<State>,
    changed: Condvar,
    end: Notify,
}

#[derive(Debug, Default)]
struct State {
    cut: Option<Cut>,
    is_cut: bool,
    said: Transcript,
    /// Connections that are not over.
    open: usize,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A moment, or until something has changed.
    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let moment = Duration::from_millis(5);
        let (state, _) = self
            .changed
            .wait_timeout(state, moment)
            .unwrap_or_else(PoisonError::into_inner);
        state
    }

    /// How many of the octets that `side` has said may pass, and what then becomes of the line.
    fn admit(&self, side: Side, octets: &[u8]) -> (usize, Option<End>) {
        let mut state = self.state();
        let before = state.said.count(side);
        let here = state
            .cut
            .filter(|cut| cut.side == side && cut.after <= before + octets.len() as u64);
        let Some(cut) = here else {
            state.said.note(side, octets);
            return (octets.len(), None);
        };
        let pass = usize::try_from(cut.after.saturating_sub(before)).unwrap_or(octets.len());
        state
            .said
            .note(side, octets.get(..pass).unwrap_or_default());
        state.cut = None;
        (pass, Some(cut.end))
    }

    fn is_cut(&self) {
        self.state().is_cut = true;
        self.changed.notify_all();
    }

    fn opened(&self) {
        self.state().open += 1;
    }

    fn closed(&self) {
        let mut state = self.state();
        state.open = state.open.saturating_sub(1);
        drop(state);
        self.changed.notify_all();
    }
}
