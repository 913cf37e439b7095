//! What is typed, read beside the screen.
//!
//! Who reads from a terminal that has gone does not come back: crossterm takes its end for a key that is still on
//! the way. So a thread reads, and the end of the process is the end of it.

use crossterm::event::{self, Event};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

/// Keys, and changes of the terminal's size, as they come.
#[derive(Debug)]
pub(super) struct Keys(Receiver<io::Result<Event>>);

impl Keys {
    /// Reads from now on; the terminal must give every key at once already.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, receiver) = channel();
        let reading = move || {
            loop {
                let read = event::read();
                let failed = read.is_err();
                if sender.send(read).is_err() || failed {
                    return;
                }
            }
        };
        Builder::new().name("keys".to_owned()).spawn(reading)?;
        Ok(Self(receiver))
    }

    /// The next, if there is one `within` this time.
    pub(super) fn next(&self, within: Duration) -> io::Result<Option<Event>> {
        match self.0.recv_timeout(within) {
            Ok(read) => read.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}
