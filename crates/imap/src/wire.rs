//! The stream with its framer and what is yet to be sent. Reading and writing go on in one poll, so
//! a pipeline cannot deadlock: a server that stops reading until we read gets its way.

use crate::encode::{CommandText, Part};
use crate::error::ImapError;
use crate::ext::compress::Flow;
use crate::framer::{Framer, Piece};
use crate::limits::Limits;
use crate::shown::shown;
use crate::source::{Source, Streamed};
use postrider_transport::{Calm, Deflate, Stream, TransportError};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

/// Octets asked of the stream at once: four TLS records.
const READ_OCTETS: usize = 64 << 10;

/// Octets asked for while nothing is expected: news are a few lines, and thousands of sessions may wait
/// for them.
const CALM_OCTETS: usize = 1 << 10;

/// Parts of commands in one write; more than a flight begins with.
const SLICES: usize = 64;

/// Octets of a source that count as progress.
const STREAMED_PROGRESS: u64 = 1 << 20;

/// A part of a command that waits for its turn.
#[derive(Debug)]
struct Outgoing {
    command: u64,
    part: Part,
    /// What follows the octets of the part, as much of it as was announced.
    streamed: Option<Streamed>,
    sent: usize,
}

/// The stream, both ways.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that happened or did not"
)]
pub(crate) struct Wire {
    stream: Stream,
    framer: Framer,
    outgoing: VecDeque<Outgoing>,
    unflushed: bool,
    /// The command whose literal waits for the server's `+`.
    waiting: Option<u64>,
    /// Writing failed; what the server said before that is read first.
    write_error: Option<io::Error>,
    /// What we were to send could not be had.
    source_error: Option<io::Error>,
    /// Octets of a source that were sent since that last counted as progress.
    streamed: u64,
    patience: Duration,
    chatter: u64,
    body_octets: u64,
    /// Bodies are on their way: waiting means waiting for the line.
    is_flowing: bool,
    flow: Flow,
    is_compressed: bool,
    round_trips: u64,
    /// Something was sent since the server spoke last.
    asked: bool,
    /// While it is on, nobody waits for an answer.
    calm: Calm,
    limits: Limits,
}

impl Wire {
    pub(crate) fn new(stream: Stream, limits: Limits) -> Self {
        Self {
            stream,
            framer: Framer::new(limits),
            outgoing: VecDeque::new(),
            unflushed: false,
            waiting: None,
            write_error: None,
            source_error: None,
            streamed: 0,
            patience: limits.patience,
            chatter: limits.chatter_octets,
            body_octets: 0,
            is_flowing: false,
            flow: Flow::default(),
            is_compressed: false,
            round_trips: 0,
            asked: false,
            calm: Calm::default(),
            limits,
        }
    }

    /// Sends what is queued and closes our side. What the server still says is read and dropped in the
    /// background until it closes too: to close with octets unread would reset the connection, and
    /// the server might lose our last words.
    pub(crate) async fn hang_up(mut self, patience: Duration) {
        let farewell = async {
            poll_fn(|context| self.poll_write(context)).await?;
            self.stream.shutdown().await
        };
        if !matches!(timeout(patience, farewell).await, Ok(Ok(()))) {
            return;
        }
        let mut stream = self.stream;
        tokio::spawn(timeout(patience, async move {
            let mut unread = [0; 4_096];
            while matches!(stream.read(&mut unread).await, Ok(1..)) {}
        }));
    }

    /// Gives the bare stream back, for TLS; refused while octets are left that came in the clear.
    pub(crate) fn into_stream(self) -> Result<Stream, ImapError> {
        match self.framer.pending_octets() {
            0 => Ok(self.stream),
            octets => Err(ImapError::StartTlsInjection { octets }),
        }
    }

    /// Everything is compressed from here on, what was read of it included.
    pub(crate) fn compress(&mut self) {
        let input = self.framer.input().split().to_vec();
        let stream = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = Box::new(Deflate::new(stream, input));
        self.framer = Framer::new(self.limits);
        self.is_compressed = true;
    }

    /// Nothing is expected of the server any more.
    pub(crate) fn begin_calm(&mut self) {
        self.framer.rest();
        self.calm.begin();
    }

    /// The server is about to be asked something: its time begins.
    pub(crate) fn end_calm(&mut self) {
        if self.calm.is_on() {
            self.calm.end();
            self.progressed();
        }
    }

    pub(crate) fn set_calm(&mut self, calm: Calm) {
        self.calm = calm;
    }

    pub(crate) const fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    /// How bodies have flowed in this session.
    pub(crate) const fn flow(&self) -> Flow {
        self.flow
    }

    /// No body is on its way.
    pub(crate) const fn rest(&mut self) {
        self.is_flowing = false;
    }

    /// Times we waited for the server after having sent something.
    pub(crate) const fn round_trips(&self) -> u64 {
        self.round_trips
    }

    /// Counts round trips from zero.
    pub(crate) const fn count_anew(&mut self) {
        self.round_trips = 0;
    }

    /// Puts a command in the queue.
    pub(crate) fn queue(&mut self, number: u64, command: CommandText, sources: Vec<Source>) {
        let tag = tag(number);
        if tracing::enabled!(target: "wire", tracing::Level::TRACE) {
            tracing::trace!(target: "wire", "C: {tag} {}", shown(command.shown().as_bytes()));
        }
        let mut sources = sources.into_iter();
        let outgoing = |part: Part| {
            let streamed = part.streamed.and_then(|left| {
                let source = sources.next()?;
                Some(Streamed { source, left })
            });
            Outgoing {
                command: number,
                streamed,
                part,
                sent: 0,
            }
        };
        self.outgoing
            .extend(command.into_parts(&tag).into_iter().map(outgoing));
    }

    /// Puts a line of a SASL exchange in the queue; never traced.
    pub(crate) fn queue_secret_line(&mut self, number: u64, line: &str) {
        tracing::trace!(target: "wire", "C: <redacted>");
        let mut octets = zeroize::Zeroizing::new(Vec::with_capacity(line.len() + 2));
        octets.extend_from_slice(line.as_bytes());
        octets.extend_from_slice(b"\r\n");
        self.outgoing.push_back(Outgoing {
            command: number,
            part: Part {
                octets,
                ..Part::default()
            },
            streamed: None,
            sent: 0,
        });
    }

    /// Puts an IDLE in the queue: the server must agree before anything else goes out (RFC 2177).
    pub(crate) fn queue_idle(&mut self, number: u64) {
        self.queue_line(number, &format!("{} IDLE", tag(number)), true);
    }

    /// Puts the end of an IDLE in the queue.
    pub(crate) fn queue_done(&mut self, number: u64) {
        self.queue_line(number, "DONE", false);
    }

    fn queue_line(&mut self, command: u64, line: &str, then_wait: bool) {
        tracing::trace!(target: "wire", "C: {line}");
        self.outgoing.push_back(Outgoing {
            command,
            part: Part {
                octets: zeroize::Zeroizing::new(format!("{line}\r\n").into_bytes()),
                then_wait,
                ..Part::default()
            },
            streamed: None,
            sent: 0,
        });
    }

    /// The command that waits for the server's `+`.
    pub(crate) const fn waiting(&self) -> Option<u64> {
        self.waiting
    }

    /// The server said `+`; whether a literal was waiting for it. From here on the server waits for it, and
    /// for what is behind it up to the next that waits.
    pub(crate) fn go_on(&mut self) -> bool {
        let Some(number) = self.waiting.take() else {
            return false;
        };
        let granted = self.outgoing.iter_mut();
        for outgoing in granted.take_while(|outgoing| outgoing.command == number) {
            outgoing.part.owed = true;
            if outgoing.part.then_wait {
                break;
            }
        }
        true
    }

    /// The command was answered; what is left of it must not go out any more, but the octets of a literal
    /// that the server waits for, and then the end of the command.
    pub(crate) fn drop_command(&mut self, number: u64) {
        let mut is_over = false;
        self.outgoing.retain_mut(|outgoing| {
            if outgoing.command != number {
                return true;
            }
            let stays = outgoing.part.owed && !is_over;
            // In place of a further literal.
            if stays && outgoing.part.may_end && outgoing.sent == 0 {
                outgoing.part.octets = zeroize::Zeroizing::new(b"\r\n".to_vec());
                is_over = true;
            }
            is_over |= !stays || outgoing.part.then_wait;
            outgoing.part.then_wait = false;
            stays
        });
        if self.waiting == Some(number) {
            self.waiting = None;
        }
    }

    /// Octets that wait for their turn.
    pub(crate) fn outgoing_octets(&self) -> usize {
        self.outgoing
            .iter()
            .map(|outgoing| outgoing.part.octets.len())
            .sum()
    }

    /// The server brought us forward: its time starts anew.
    pub(crate) const fn progressed(&mut self) {
        self.patience = self.limits.patience;
        self.chatter = self.limits.chatter_octets;
        self.body_octets = 0;
    }

    /// Octets of a body that we asked for have come.
    pub(crate) const fn body_progressed(&mut self, octets: u64) {
        self.body_octets += octets;
        // Nobody has measured the wait for the first.
        if self.is_flowing {
            self.flow.octets = self.flow.octets.saturating_add(octets);
        }
        self.is_flowing = true;
        if self.body_octets >= self.limits.progress_octets {
            self.progressed();
        }
    }

    /// The next piece of what the server says. Nothing is lost when the future is dropped.
    pub(crate) async fn next_piece(&mut self) -> Result<Piece, ImapError> {
        loop {
            if let Some(piece) = self.framer.next_piece()? {
                return Ok(piece);
            }
            self.exchange().await?;
        }
    }

    async fn exchange(&mut self) -> Result<(), ImapError> {
        if self.chatter == 0 {
            return Err(ImapError::Chatter {
                octets: self.limits.chatter_octets,
            });
        }
        if self.calm.is_on() {
            return poll_fn(|context| self.poll_exchange(context)).await;
        }
        let (patience, began) = (self.patience, Instant::now());
        let exchanged = timeout(patience, poll_fn(|context| self.poll_exchange(context))).await;
        // Only time spent waiting counts: a caller may be slow to take what has come.
        let waited = began.elapsed();
        self.patience = patience.saturating_sub(waited);
        if self.is_flowing {
            self.flow.waited = self.flow.waited.saturating_add(waited);
        }
        exchanged.unwrap_or(Err(ImapError::Patience {
            waited: self.limits.patience,
        }))
    }

    fn poll_exchange(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ImapError>> {
        if self.write_error.is_none()
            && let Poll::Ready(Err(error)) = self.poll_write(context)
        {
            self.write_error = Some(error);
        }
        if let Some(error) = self.source_error.take() {
            return Poll::Ready(Err(ImapError::Source(error)));
        }
        if self.streamed >= STREAMED_PROGRESS {
            // A server that takes in an upload has nothing to say meanwhile.
            self.streamed = 0;
            self.progressed();
            return Poll::Ready(Ok(()));
        }
        let wanted = if self.calm.is_on() {
            CALM_OCTETS
        } else {
            READ_OCTETS
        };
        let input = self.framer.input();
        if input.capacity() - input.len() < wanted / 4 {
            input.reserve(wanted);
        }
        let read = pin!(self.stream.read_buf(input)).poll(context);
        Poll::Ready(match std::task::ready!(read) {
            Ok(0) => Err(self.write_error.take().map_or(ImapError::Closed, closed)),
            Ok(octets) => {
                self.chatter = self.chatter.saturating_sub(octets as u64);
                self.round_trips += u64::from(std::mem::take(&mut self.asked));
                Ok(())
            }
            Err(error) => Err(closed(self.write_error.take().unwrap_or(error))),
        })
    }

    /// Writes what may go now: many commands in one segment and one TLS record.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.waiting.is_none() && !self.outgoing.is_empty() {
            if std::task::ready!(self.poll_source(context)).is_break() {
                return Poll::Ready(Ok(()));
            }
            let written = {
                let slices = slices(&self.outgoing);
                let write = self.stream.write_vectored(&slices);
                std::task::ready!(pin!(write).poll(context))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.asked = true;
            self.take_written(written);
        }
        if self.unflushed {
            std::task::ready!(pin!(self.stream.flush()).poll(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads more of what a command streams, once all that was read of it has been written. Breaks where
    /// it cannot be read.
    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        let Some(first) = self.outgoing.front_mut() else {
            return Poll::Ready(ControlFlow::Continue(()));
        };
        if first.sent < first.part.octets.len() {
            return Poll::Ready(ControlFlow::Continue(()));
        }
        let Some(streamed) = &mut first.streamed else {
            return Poll::Ready(ControlFlow::Continue(()));
        };
        if let Err(error) = std::task::ready!(streamed.poll_fill(context, &mut first.part.octets)) {
            self.source_error = Some(error);
            return Poll::Ready(ControlFlow::Break(()));
        }
        first.sent = 0;
        self.streamed += first.part.octets.len() as u64;
        if first.part.octets.is_empty() {
            self.outgoing.pop_front();
            return self.poll_source(context);
        }
        Poll::Ready(ControlFlow::Continue(()))
    }

    /// Lets go of what was written.
    fn take_written(&mut self, mut written: usize) {
        while let Some(first) = self.outgoing.front_mut() {
            let left = first.part.octets.len() - first.sent;
            if written < left || first.streamed.is_some() {
                first.sent += written.min(left);
                return;
            }
            written -= left;
            self.waiting = first.part.then_wait.then_some(first.command);
            self.outgoing.pop_front();
            if written == 0 {
                return;
            }
        }
    }
}

/// What may go in one write: up to the first part behind which the server must speak.
fn slices(outgoing: &VecDeque<Outgoing>) -> Vec<io::IoSlice<'_>> {
    let ends = |outgoing: &Outgoing| outgoing.part.then_wait || outgoing.streamed.is_some();
    let waits = outgoing.iter().position(ends);
    let ready = outgoing.iter().take(waits.map_or(SLICES, |at| at + 1));
    let rest = ready.take(SLICES).map(|outgoing| {
        let Outgoing { part, sent, .. } = outgoing;
        part.octets.get(*sent..).unwrap_or_default()
    });
    rest.map(io::IoSlice::new).collect()
}

/// TLS reports a connection cut without farewell as an unexpected end: to us it is the same thing.
fn closed(error: io::Error) -> ImapError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ImapError::Closed,
        _ => TransportError::carried_by(error).map_or_else(ImapError::Io, ImapError::Transport),
    }
}

/// The tag of a command.
pub(crate) fn tag(number: u64) -> String {
    format!("p{number}")
}

/// The command of a tag, if it is one of ours.
pub(crate) fn tag_number(tag: &str) -> Option<u64> {
    let number = tag.strip_prefix('p')?.parse().ok()?;
    (self::tag(number) == tag).then_some(number)
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is on its way may be secret.
        let queued = self.outgoing.len();
        f.debug_struct("Wire")
            .field("queued", &queued)
            .finish_non_exhaustive()
    }
}
