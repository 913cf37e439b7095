//! A protocol conversation as a text file, played to a client in memory.
//!
//! ```text
//! # RFC 9051 §6.2.3: why this conversation matters.
//! S: * OK ready
//! C: LOGIN "ada" "secret"
//! S: {tag} OK logged in
//! S: * 1 FETCH (UID 7 BODY[] {literal first.eml})
//! S!
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `# text`, blank | for the reader |
//! | `S: text` | the server sends text and CRLF |
//! | `S<< text` | the server sends exactly these octets; `\r \n \t \0 \\ \xHH` are escapes |
//! | `S!` | the server closes the connection |
//! | `C: text` | the client must send this line |
//! | `C<< text` | the client must send exactly these octets (a literal); escapes as above |
//!
//! In a conversation that starts with an untagged `* ` greeting, or names a `{tag}`, the client chooses the tags and
//! `C:` lines leave them out; a line without one (DONE, an answer to `+`) matches too. `{tag}` is the tag of
//! the last client command, `{tag-1}` of the one before it, and so on, for pipelined commands.
//! A `C:` text that ends in `{any}` matches any rest.
//! `{literal FILE}` (beside the script; its line ends become CRLF) and `{literal "text\r\n"}` send `{n}`, CRLF and the n octets.

mod play;
mod script;

use std::fmt;
use std::path::{Path, PathBuf};

use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use script::Line;

/// A conversation, read and ready to be played any number of times.
#[derive(Clone, Debug)]
pub struct Dialogue {
    path: PathBuf,
    lines: Vec<Line>,
    tagged: bool,
}

impl Dialogue {
    /// Reads the script at `path` and the literal files beside it.
    ///
    /// # Errors
    /// [`Mismatch`] when a file cannot be read or a line is not of the language; it names file and line.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Mismatch> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Mismatch {
            path: path.to_owned(),
            line: 0,
            what: format!("cannot read the dialogue: {error}"),
        })?;
        Self::parse(path, &text)
    }

    /// Reads a script given as text; `path` is its name in messages and the place of its literal files.
    ///
    /// # Errors
    /// As [`Dialogue::load`].
    pub fn parse(path: impl AsRef<Path>, text: &str) -> Result<Self, Mismatch> {
        let path = path.as_ref().to_owned();
        let lines = script::parse_lines(&path, text)?;
        let tagged = script::is_tagged(&lines);
        Ok(Self {
            path,
            lines,
            tagged,
        })
    }

    /// All that the server says, to a client whose tags are `p1`, `p2` and so on.
    ///
    /// # Errors
    /// [`Mismatch`] when it names the tag of a command that did not come yet.
    pub fn server_octets(&self) -> Result<Vec<u8>, Mismatch> {
        play::server_octets(self)
    }

    /// Starts to play the server's part; the client gets the stream.
    ///
    /// The task ends when the script has ended and the client has closed the stream, so drop the
    /// stream before awaiting the task. A client that is silent for five seconds where it should
    /// speak is a mismatch too.
    #[must_use]
    pub fn play(&self) -> (DuplexStream, JoinHandle<Result<(), Mismatch>>) {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let dialogue = self.clone();
        let task = tokio::spawn(async move { play::play(&dialogue, server).await });
        (client, task)
    }
}

/// Where the client left the script, or the script its language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    path: PathBuf,
    line: usize,
    what: String,
}

impl Mismatch {
    fn at(path: &Path, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }

    /// The line of the script, from one; zero when the file itself is the matter.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.what)
    }
}

impl std::error::Error for Mismatch {}
