//! What signals ask for: TERM and INT to stop, HUP to reload, USR1 to sync now.

use futures_core::Stream;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::low_level::emulate_default_handler;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// TERM or INT: finish or roll back the current step, and stop.
    Stop,
    /// HUP: read the configuration again.
    Reload,
    /// USR1: sync every account now.
    SyncNow,
}

/// The signals of this process.
pub struct Signals {
    arrived: signal_hook_tokio::Signals,
}

impl std::fmt::Debug for Signals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}

impl Signals {
    /// Those a daemon listens to. Call it on the runtime.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn of_daemon() -> io::Result<Self> {
        let arrived = signal_hook_tokio::Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])?;
        Ok(Self { arrived })
    }

    /// Those a command listens to: a terminal that hangs up may end it.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn of_command() -> io::Result<Self> {
        let arrived = signal_hook_tokio::Signals::new([SIGTERM, SIGINT])?;
        Ok(Self { arrived })
    }

    /// Waits for the next request.
    pub async fn next(&mut self) -> Request {
        match self.number().await {
            SIGHUP => Request::Reload,
            SIGUSR1 => Request::SyncNow,
            _ => Request::Stop,
        }
    }

    /// Waits, while the process stops, for somebody who cannot: a second TERM or INT ends it on the
    /// spot, as if nobody had listened. The journal heals what that leaves behind.
    pub async fn insist(&mut self) {
        loop {
            let number = self.number().await;
            if matches!(number, SIGTERM | SIGINT)
                && let Err(error) = emulate_default_handler(number)
            {
                tracing::debug!(error = %error, "dying of a signal");
            }
        }
    }

    async fn number(&mut self) -> i32 {
        let next = poll_fn(|context| Pin::new(&mut self.arrived).poll_next(context)).await;
        // The stream ends only when its handle is closed, which nobody does.
        match next {
            Some(number) => number,
            None => std::future::pending().await,
        }
    }
}
