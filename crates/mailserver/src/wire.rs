//! What both protocols share on the wire: commands come in as fast as they like, answers go out in
//! order, and faults decide where they stop.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter,
    ReadBuf,
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
    /// The client sends a literal without waiting, or a longer one than it may (RFC 7888 §4, §5).
    UnaskedLiteral,
    /// The client waits for a `+` before it sends a literal (RFC 3501 §7.5).
    WaitsForContinuation,
}

/// Whether a line that ends in `{n}` announces a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Literals {
    /// IMAP; without being asked, literals of at most so many octets.
    Read { unasked_octets: u64 },
    /// POP3.
    None,
}

/// The receiving half: what faults let through of it.
#[derive(Debug)]
pub(crate) struct Incoming<R> {
    stream: R,
    faults: Faults,
    is_cut: bool,
}

impl<R> Incoming<R> {
    pub(crate) const fn new(stream: R, faults: Faults) -> Self {
        Self {
            stream,
            faults,
            is_cut: false,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Incoming<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let (heard, is_cut) = self.faults.hear(buffer.filled().len() - before);
        buffer.set_filled(before + heard);
        self.is_cut = is_cut;
        Poll::Ready(Ok(()))
    }
}

/// Reads commands until the end of the stream, and returns only where that is a cut: what was read before
/// any other end is still answered.
pub(crate) async fn read_until_end<R: AsyncRead + Unpin>(
    mut incoming: Incoming<R>,
    inputs: UnboundedSender<Input>,
    literals: Literals,
) {
    read_commands(&mut incoming, inputs, literals).await;
    if !incoming.is_cut {
        std::future::pending::<()>().await;
    }
}

/// Reads commands until the end of the stream. Reading never waits for answers, so a client may
/// pipeline as much as it likes.
async fn read_commands<R: AsyncRead + Unpin>(
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
        let literal = match literals {
            Literals::Read { unasked_octets } => announced_literal(&line, unasked_octets),
            Literals::None => None,
        };
        if let Some((octets, input)) = literal {
            command.append(&mut line);
            let is_refused = matches!(input, Some(Input::UnaskedLiteral));
            let is_told = input.is_none_or(|input| inputs.send(input).is_ok());
            if octets > COMMAND_LIMIT || is_refused || !is_told {
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

/// `{n}` or `{n+}` at the end of a line: the octets, and what the session must know of it (RFC 7888).
fn announced_literal(line: &[u8], unasked_octets: u64) -> Option<(u64, Option<Input>)> {
    let line = line.strip_suffix(b"\n")?;
    let line = line
        .strip_suffix(b"\r")
        .unwrap_or(line)
        .strip_suffix(b"}")?;
    let start = line.iter().rposition(|octet| *octet == b'{')?;
    let digits = std::str::from_utf8(line.get(start + 1..)?).ok()?;
    let plain = digits.trim_end_matches('+');
    let octets = plain.parse().ok()?;
    let input = if plain == digits {
        Some(Input::WaitsForContinuation)
    } else {
        (octets > unasked_octets || unasked_octets == 0).then_some(Input::UnaskedLiteral)
    };
    Some((octets, input))
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
