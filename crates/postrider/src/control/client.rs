//! The other end: how commands reach the daemon that keeps their state directory, if one runs.
//!
//! It blocks, and never for longer than the daemon's signs of life are apart: a daemon that was killed or
//! stopped in the midst of an answer is an error, not a wait.

use super::error::ControlError;
use super::place::{self, places};
use super::words::{Answer, Hello, Request};
use super::{LONGEST_ANSWER, PATIENCE, PROTOCOL};
use crate::config::Config;
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
pub fn reach(config: &Config) -> Result<Option<Client>, ControlError> {
    reach_by(places(config), &config.state_dir)
}

/// The same where the configuration cannot be read: by the link in the state directory.
///
/// # Errors
/// As [`reach`].
pub fn reach_in(state_dir: &Path) -> Result<Option<Client>, ControlError> {
    reach_by(vec![state_dir.join(place::NAME)], state_dir)
}

fn reach_by(places: Vec<PathBuf>, state_dir: &Path) -> Result<Option<Client>, ControlError> {
    for path in places {
        let stream = match connect(&path) {
            Ok(stream) => stream,
            Err(error) if nobody(&error) => continue,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let within = PATIENCE;
                return Err(ControlError::Silent { path, within });
            }
            Err(source) => return Err(ControlError::Reach { path, source }),
        };
        let mut lines = Lines {
            path,
            stream: BufReader::new(stream),
        };
        let hello = match lines.next()? {
            Answer::Hello(hello) => hello,
            Answer::Failed(trouble) => return Err(ControlError::Refused { trouble }),
            _ => return Err(lines.garbled()),
        };
        if !same_dir(&hello.state_dir, state_dir) {
            continue;
        }
        if hello.protocol != PROTOCOL {
            return Err(ControlError::Version {
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
pub fn need(config: &Config) -> Result<Client, ControlError> {
    let reached = reach(config)?;
    reached.ok_or_else(|| ControlError::NoDaemon {
        places: places(config),
    })
}

fn connect(path: &Path) -> io::Result<UnixStream> {
    let stream = place::connect(path, PATIENCE)?;
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
    pub fn ask(mut self, request: &Request) -> Result<Answers, ControlError> {
        self.lines.ask(request)?;
        Ok(Answers(Some(self.lines)))
    }

    /// Asks, and waits until all is answered.
    ///
    /// # Errors
    /// When the daemon has gone meanwhile, or refuses.
    pub fn ask_all(self, request: &Request) -> Result<Vec<Answer>, ControlError> {
        self.ask(request)?.collect()
    }
}

/// Answers, until the last; that it was the last is their end. A refusal is an error.
#[derive(Debug)]
pub struct Answers(Option<Lines>);

impl Iterator for Answers {
    type Item = Result<Answer, ControlError>;

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
            Ok(Answer::Failed(trouble)) => Some(Err(ControlError::Refused { trouble })),
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
    fn ask(&mut self, request: &Request) -> Result<(), ControlError> {
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
    fn next(&mut self) -> Result<Answer, ControlError> {
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

    fn lost(&self, source: io::Error) -> ControlError {
        match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ControlError::Silent {
                path: self.path.clone(),
                within: PATIENCE,
            },
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset => ControlError::Gone,
            _ => ControlError::Reach {
                path: self.path.clone(),
                source,
            },
        }
    }

    fn garbled(&self) -> ControlError {
        let source = io::Error::new(io::ErrorKind::InvalidData, "no answer of a postrider");
        ControlError::Reach {
            path: self.path.clone(),
            source,
        }
    }
}
