//! A client of the control socket that is not ours: lines of JSON, as docs/control.md has them.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection, greeted.
#[derive(Debug)]
pub struct Control {
    /// What the daemon said first.
    pub hello: Value,
    lines: BufReader<UnixStream>,
}

impl Control {
    /// Connects and waits for the greeting.
    ///
    /// # Panics
    /// When nobody answers.
    #[must_use]
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("a control socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut lines = BufReader::new(stream);
        let hello = line(&mut lines).expect("a greeting");
        Self { hello, lines }
    }

    /// Sends text as it stands.
    ///
    /// # Panics
    /// When the daemon has hung up.
    pub fn send(&mut self, text: &str) {
        let sent = self.lines.get_mut().write_all(text.as_bytes());
        sent.expect("the daemon listens");
    }

    /// The next answer; `None`: it has hung up.
    pub fn hear(&mut self) -> Option<Value> {
        line(&mut self.lines)
    }

    /// Asks, and reads all answers.
    pub fn ask(socket: &Path, request: &str) -> Vec<Value> {
        let mut control = Self::connect(socket);
        control.send(&format!("{request}\n"));
        std::iter::from_fn(|| control.hear()).collect()
    }
}

fn line(lines: &mut BufReader<UnixStream>) -> Option<Value> {
    let mut text = String::new();
    match lines.read_line(&mut text) {
        Ok(0) => None,
        Ok(_) => Some(serde_json::from_str(&text).expect("an answer is JSON")),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
        Err(error) => panic!("the daemon does not answer: {error}"),
    }
}
