//! Stderr, with the lines of progress out of the way while a line of the log is written.

use crate::progress::Screen;
use std::io::{self, Write};
use tracing_subscriber::fmt::MakeWriter;

/// Writes whole lines to stderr.
#[derive(Clone, Debug)]
pub(super) struct LogWriter {
    screen: Option<Screen>,
}

impl LogWriter {
    /// A writer that knows where progress is shown.
    pub(super) const fn new(screen: Option<Screen>) -> Self {
        Self { screen }
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let write = || io::stderr().lock().write(line);
        match &self.screen {
            Some(screen) => screen.above(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
