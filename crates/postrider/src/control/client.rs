//! The other end: how commands reach the daemon that keeps their state directory, if one runs.
//!
//! It blocks, and never for longer than the daemon's signs of life are apart: a daemon that was killed or
//! stopped in the midst of an answer is an error, not a wait.

use super::place::{Address, places};
use super::words::{Answer, Hello, Request, Trouble};
use super::{LONGEST_ANSWER, PATIENCE, PROTOCOL};
use crate::config::Config;
use crate::error::Error;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// A connection to the running daemon, on which nothing has been asked yet.
#[derive(Debug)]
pub struct Client {
    hello: Hello,
    lines: Lines,
}

/// Reaches the daemon that keeps this state directory. `None`: no daemon runs.
///
/// # Errors
/// When it runs and may not be spoken to, or does not answer.
pub fn reach(config: &Config) -> Result<Option<Client>, Error> {
    for path in places(config) {
        let stream = match connect(&path) {
            Ok(stream) => stream,
            Err(error) if nobody(&error) => continue,
            Err(source) => return Err(Error::ControlReach { path, source }),
        };
        let mut lines = Lines {
            path,
            stream: BufReader::new(stream),
        };
        let hello = match lines.next()? {
            Answer::Hello(hello) => hello,
            Answer::Failed(trouble) => return Err(Error::Refused { trouble }),
            _ => return Err(lines.garbled()),
        };
        if !same_dir(&hello.state_dir, &config.state_dir) {
            continue;
        }
        if hello.protocol != PROTOCOL {
            return Err(Error::ControlVersion {
                version: hello.version,
                protocol: hello.protocol,
            });
        }
        return Ok(Some(Client { hello, lines }));
    }
    Ok(None)
}

/// The same, for a command that is nothing without a daemon.
///
/// # Errors
/// When no daemon runs, too.
pub fn need(config: &Config) -> Result<Client, Error> {
    let reached = reach(config)?;
    reached.ok_or_else(|| Error::NoDaemon {
        places: places(config),
    })
}

fn connect(path: &Path) -> io::Result<UnixStream> {
    let address = Address::of(path)?;
    let stream = UnixStream::connect(address.path())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Whether there is no daemon, or only what one left.
fn nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory
    )
}

fn same_dir(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    one == other || real(one) == real(other)
}

impl Client {
    /// Who it is.
    #[must_use]
    pub const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Asks; what is answered follows.
    ///
    /// # Errors
    /// When the daemon has gone meanwhile.
    pub fn ask(mut self, request: &Request) -> Result<Answers, Error> {
        self.lines.ask(request)?;
        Ok(Answers(Some(self.lines)))
    }

    /// Asks, and waits until all is answered.
    ///
    /// # Errors
    /// When the daemon has gone meanwhile, or refuses.
    pub fn ask_all(self, request: &Request) -> Result<Vec<Answer>, Error> {
        self.ask(request)?.collect()
    }
}

/// Answers, until the last; that it was the last is their end. A refusal is an error.
#[derive(Debug)]
pub struct Answers(Option<Lines>);

impl Iterator for Answers {
    type Item = Result<Answer, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let lines = self.0.as_mut()?;
        let answer = loop {
            match lines.next() {
                Ok(Answer::Waiting) => {}
                answer => break answer,
            }
        };
        if !matches!(answer, Ok(Answer::Done | Answer::Failed(_)) | Err(_)) {
            return Some(answer);
        }
        self.0 = None;
        match answer {
            Ok(Answer::Done) => None,
            Ok(Answer::Failed(trouble)) => Some(Err(Error::Refused { trouble })),
            answer => Some(answer),
        }
    }
}

/// The lines of a connection.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Lines {
    fn ask(&mut self, request: &Request) -> Result<(), Error> {
        let mut value = serde_json::to_value(request).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("postrider".to_owned(), Value::from(PROTOCOL));
        }
        let written = self
            .stream
            .get_mut()
            .write_all(format!("{value}\n").as_bytes());
        written.map_err(|source| self.lost(source))
    }

    /// The next answer that is known here.
    fn next(&mut self) -> Result<Answer, Error> {
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut self.stream).take(LONGEST_ANSWER);
            let read = bounded.read_until(b'\n', &mut line);
            read.map_err(|source| self.lost(source))?;
            if !line.ends_with(b"\n") {
                return Err(self.lost(io::ErrorKind::UnexpectedEof.into()));
            }
            let Ok(value) = serde_json::from_slice::<Value>(&line) else {
                return Err(self.garbled());
            };
            let named = value.get("answer").is_some_and(Value::is_string);
            match serde_json::from_value(value) {
                Ok(answer) => return Ok(answer),
                // A newer daemon says more than we know.
                Err(_) if named => {}
                Err(_) => return Err(self.garbled()),
            }
        }
    }

    fn lost(&self, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::DaemonSilent {
                path: self.path.clone(),
                within: PATIENCE,
            },
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset => Error::DaemonGone,
            _ => Error::ControlReach {
                path: self.path.clone(),
                source,
            },
        }
    }

    fn garbled(&self) -> Error {
        let source = io::Error::new(io::ErrorKind::InvalidData, "no answer of a postrider");
        Error::ControlReach {
            path: self.path.clone(),
            source,
        }
    }
}

/// The trouble of a daemon as an error of a command.
impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        Self::Refused { trouble }
    }
}
