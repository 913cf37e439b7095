//! What both protocols share on the wire: commands come in as fast as they like, answers go out in
//! order, and faults decide where they stop.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::faults::{Action, Faults};

/// More octets than any command of a client may have: an APPEND of a large message fits.
const COMMAND_LIMIT: u64 = 256 * 1024 * 1024;

/// What came from the client.
#[derive(Debug)]
pub(crate) enum Input {
    /// A whole command without its last CRLF; literals stand in it as `{n}`, CRLF and n octets.
    Command(Vec<u8>),
    /// The client waits for a `+` before it sends a literal (RFC 3501 §7.5).
    WaitsForContinuation,
}

/// Whether a line that ends in `{n}` announces a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Literals {
    /// IMAP.
    Read,
    /// POP3.
    None,
}

/// Reads commands until the end of the stream. Reading never waits for answers, so a client may
/// pipeline as much as it likes.
pub(crate) async fn read_commands<R: AsyncRead + Unpin>(
    stream: R,
    inputs: UnboundedSender<Input>,
    literals: Literals,
) {
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    let mut command = Vec::new();
    loop {
        // A line of its own: the octets of a literal before it may look like anything.
        let mut line = Vec::new();
        match stream.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let literal = announced_literal(&line).filter(|_| literals == Literals::Read);
        if let Some((octets, waits)) = literal {
            command.append(&mut line);
            if octets > COMMAND_LIMIT
                || (waits && inputs.send(Input::WaitsForContinuation).is_err())
            {
                return;
            }
            let read = (&mut stream).take(octets).read_to_end(&mut command).await;
            if read.is_err() {
                return;
            }
            continue;
        }
        let end = line.strip_suffix(b"\n").unwrap_or(&line);
        command.extend_from_slice(end.strip_suffix(b"\r").unwrap_or(end));
        let command = std::mem::take(&mut command);
        if inputs.send(Input::Command(command)).is_err() {
            return;
        }
    }
}

/// `{n}` or `{n+}` at the end of a line: the octets, and whether the client waits (RFC 7888).
fn announced_literal(line: &[u8]) -> Option<(u64, bool)> {
    let line = line.strip_suffix(b"\n")?;
    let line = line
        .strip_suffix(b"\r")
        .unwrap_or(line)
        .strip_suffix(b"}")?;
    let start = line.iter().rposition(|octet| *octet == b'{')?;
    let digits = std::str::from_utf8(line.get(start + 1..)?).ok()?;
    let plain = digits.trim_end_matches('+');
    Some((plain.parse().ok()?, plain == digits))
}

/// An answer: text, and shared octets that are not copied into it.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    chunks: Vec<Bytes>,
    text: BytesMut,
}

impl Reply {
    pub(crate) fn text(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn line(&mut self, text: &str) {
        self.text(text);
        self.text("\r\n");
    }

    pub(crate) fn octets(&mut self, octets: Bytes) {
        self.chunks.push(self.text.split().freeze());
        self.chunks.push(octets);
    }

    fn into_chunks(mut self) -> Vec<Bytes> {
        self.chunks.push(self.text.freeze());
        self.chunks
    }
}

/// The connection is over: nothing more can be, or shall be, sent.
#[derive(Debug)]
pub(crate) struct Gone;

/// Where an answer stops short.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// After so many octets the connection ends.
    Cut(u64),
    /// After so many octets nothing more comes.
    Stall(u64),
}

/// What a planned fault means for one command, step by step.
#[derive(Debug, Default)]
pub(crate) struct Course {
    pub(crate) delay: Duration,
    pub(crate) garbage: Option<Bytes>,
    pub(crate) skips_command: bool,
    pub(crate) status: Option<Status>,
    pub(crate) literal_lie: i64,
    pub(crate) stop: Option<Stop>,
}

/// What stands in place of the right status line.
#[derive(Debug)]
pub(crate) enum Status {
    /// This text.
    Answer(String),
    /// A BYE with this text; the connection ends.
    Bye(String),
}

impl Course {
    /// What `faults` have in mind for `command` (upper case, without tag).
    pub(crate) fn of(faults: &Faults, command: &str) -> Self {
        let mut course = Self {
            delay: faults.answer_delay(),
            ..Self::default()
        };
        let Some(action) = faults.take(command) else {
            return course;
        };
        course.skips_command = matches!(
            action,
            Action::Answer(_) | Action::Bye(_) | Action::Cut | Action::Stall
        );
        match action {
            Action::Answer(text) | Action::PerformAnswer(text) => {
                course.status = Some(Status::Answer(text));
            }
            Action::Bye(text) | Action::PerformBye(text) => course.status = Some(Status::Bye(text)),
            Action::Cut => course.stop = Some(Stop::Cut(0)),
            Action::Delay(delay) => course.delay += delay,
            Action::Garbage(octets) => course.garbage = Some(octets),
            Action::LiteralAnnounces(more) => course.literal_lie = more,
            Action::PerformCut(octets) => course.stop = Some(Stop::Cut(octets)),
            Action::PerformStall(octets) => course.stop = Some(Stop::Stall(octets)),
            Action::Stall => course.stop = Some(Stop::Stall(0)),
        }
        course
    }
}

/// The sending half.
#[derive(Debug)]
pub(crate) struct Outgoing<W> {
    stream: BufWriter<W>,
    faults: Faults,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    pub(crate) fn new(stream: W, faults: Faults) -> Self {
        Self {
            stream: BufWriter::with_capacity(64 * 1024, stream),
            faults,
        }
    }

    /// Sends an answer as far as the faults let it.
    pub(crate) async fn send(&mut self, reply: Reply, stop: Option<Stop>) -> Result<(), Gone> {
        let mut left = stop.map(|(Stop::Cut(octets) | Stop::Stall(octets))| octets);
        for chunk in reply.into_chunks() {
            let wanted = left.map_or(chunk.len(), |left| {
                chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX))
            });
            let (allowed, cut) = if wanted == 0 {
                (0, false)
            } else {
                self.faults.allow(wanted)
            };
            let part = chunk.slice(..allowed);
            self.stream.write_all(&part).await.map_err(|_| Gone)?;
            if cut {
                return self.end().await;
            }
            if let Some(left) = &mut left {
                *left -= u64::try_from(allowed).unwrap_or(*left).min(*left);
            }
        }
        match stop {
            None => self.stream.flush().await.map_err(|_| Gone),
            Some(Stop::Cut(_)) => self.end().await,
            Some(Stop::Stall(_)) => {
                self.stream.flush().await.map_err(|_| Gone)?;
                std::future::pending().await
            }
        }
    }

    /// Sends what is buffered and ends the connection.
    pub(crate) async fn end(&mut self) -> Result<(), Gone> {
        // Whoever has gone already need not hear it.
        self.stream.flush().await.ok();
        self.stream.shutdown().await.ok();
        Err(Gone)
    }
}

/// The next whole command; anything else is none.
pub(crate) async fn next_command(inputs: &mut UnboundedReceiver<Input>) -> Option<Vec<u8>> {
    loop {
        if let Input::Command(command) = inputs.recv().await? {
            return Some(command);
        }
    }
}
