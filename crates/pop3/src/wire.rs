//! Octets out and in at the same time, with deadlines.
//!
//! Whoever waits for an answer also writes what has not been written yet. So a pipeline cannot
//! deadlock: neither side's full socket buffer ever keeps us from reading.

use crate::codec::{Data, Decoder, LONGEST_LINE};
use crate::command::Command;
use crate::error::{GREETING, Pop3Error};
use crate::reply::Reply;
use bytes::BytesMut;
use postrider_transport::{ChannelBinding, Stream, TransportError, escape_server_text};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout};
use tracing::trace;
use zeroize::Zeroizing;

/// How long a server may be silent where nobody says otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// How many such timeouts an answer may keep us waiting, however often an octet trickles in. Servers that
/// open a large mbox take minutes.
const TIMEOUTS: u32 = 5;

/// An answer that goes on may take longer as long as it is not slower than this,
/// in octets per second: a tenth of the slowest modem on which people fetched mail.
const SLOWEST: u64 = 256;

/// How much is read at once, in octets: a message of common size in one chunk.
const READ_SIZE: usize = 32 * 1024;

/// What follows a `+OK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    Nothing,
    Data,
}

/// One connection and the commands whose answers are due.
pub(crate) struct Wire {
    stream: Stream,
    decoder: Decoder,
    input: BytesMut,
    /// May hold a password, so it is wiped; `written` octets of it are gone already.
    out: Zeroizing<Vec<u8>>,
    written: usize,
    unflushed: bool,
    write_error: Option<io::Error>,
    /// Commands without a complete answer, oldest first.
    in_flight: VecDeque<&'static str>,
    /// How long we have waited for the oldest one's answer, and what came of it, in octets. Time in
    /// which we did not wait, because our disk was slow, is not the server's.
    waited: Duration,
    received: u64,
    round_trips: u64,
    /// How long an answer may keep us waiting.
    patience: Duration,
}

impl Wire {
    /// A connection on which the greeting is due, and whose server may be silent for `timeout`.
    pub(crate) fn new(stream: Stream, timeout: Duration) -> Self {
        let patience = timeout.saturating_mul(TIMEOUTS);
        let mut wire = Self::after_greeting(stream, 0, patience);
        wire.in_flight.push_back(GREETING);
        wire
    }

    /// A connection on which it is our turn.
    pub(crate) fn after_greeting(stream: Stream, round_trips: u64, patience: Duration) -> Self {
        Self {
            stream,
            decoder: Decoder::default(),
            input: BytesMut::new(),
            out: Zeroizing::new(Vec::with_capacity(4096)),
            written: 0,
            unflushed: false,
            write_error: None,
            in_flight: VecDeque::new(),
            waited: Duration::ZERO,
            received: 0,
            round_trips,
            patience,
        }
    }

    /// How long an answer may keep us waiting.
    pub(crate) const fn patience(&self) -> Duration {
        self.patience
    }

    /// How often a command had to wait for an answer to travel back.
    pub(crate) const fn round_trips(&self) -> u64 {
        self.round_trips
    }

    /// What binds a login to the connection, where it is under TLS.
    pub(crate) fn channel_binding(&self) -> Option<ChannelBinding> {
        // Of what is in the box, not of the box.
        (*self.stream).channel_binding()
    }

    /// The stream, if nothing was read beyond the last answer.
    pub(crate) fn into_stream(self) -> Option<Stream> {
        self.input.is_empty().then_some(self.stream)
    }

    /// Queues a command; it leaves while the next answer is awaited.
    pub(crate) fn send(&mut self, command: Command<'_>) -> Result<(), Pop3Error> {
        if self.in_flight.is_empty() {
            // What is here already cannot be the answer to what we have not said yet.
            if !self.input.is_empty() {
                return Err(Pop3Error::Unsolicited {
                    command: command.name(),
                });
            }
            self.round_trips += 1;
        }
        command.encode(&mut self.out)?;
        trace!(target: "wire", "C: {command}");
        self.in_flight.push_back(command.name());
        Ok(())
    }

    /// Fails when an earlier answer was left half read.
    pub(crate) fn expect_idle(&self) -> Result<(), Pop3Error> {
        if self.in_flight.is_empty() {
            Ok(())
        } else {
            Err(Pop3Error::Interrupted)
        }
    }

    /// Sends one command and waits for the first line of its answer.
    pub(crate) async fn ask(
        &mut self,
        command: Command<'_>,
        follows: Follows,
    ) -> Result<Reply, Pop3Error> {
        self.expect_idle()?;
        self.send(command)?;
        self.reply(follows).await
    }

    /// The first line of the answer to the oldest command in flight. After a `+OK` that data follow,
    /// [`Wire::data`] must be called to its end.
    pub(crate) async fn reply(&mut self, follows: Follows) -> Result<Reply, Pop3Error> {
        let command = self.awaited();
        let line = loop {
            match self.decoder.line(&mut self.input) {
                Ok(Some(line)) => break line,
                Ok(None) => self.fill().await?,
                Err(_too_long) => return Err(Pop3Error::LineTooLong { command }),
            }
        };
        let reply = Reply::parse(&line);
        match &reply {
            Some(Reply::Challenge(_)) => trace!(target: "wire", "S: + …"),
            _ => trace!(target: "wire", "S: {}", escape_server_text(&line)),
        }
        match reply {
            Some(Reply::Ok(text)) => {
                match follows {
                    Follows::Data => self.decoder.open_data(),
                    Follows::Nothing => self.answered(),
                }
                Ok(Reply::Ok(text))
            }
            Some(Reply::Challenge(text)) if command == "AUTH" => {
                self.answered();
                Ok(Reply::Challenge(text))
            }
            Some(Reply::Refused(refusal)) => {
                self.answered();
                Ok(Reply::Refused(refusal))
            }
            Some(Reply::Challenge(_)) | None => Err(Pop3Error::Reply {
                command,
                line: line.to_vec(),
            }),
        }
    }

    /// The next piece of the data that follow a `+OK`.
    pub(crate) async fn data(&mut self) -> Result<Data, Pop3Error> {
        loop {
            match self.decoder.data(&mut self.input) {
                Some(Data::End) => {
                    trace!(target: "wire", "S: .");
                    self.answered();
                    return Ok(Data::End);
                }
                Some(Data::Chunk(chunk)) => {
                    trace!(target: "wire", octets = chunk.len(), "S: …");
                    return Ok(Data::Chunk(chunk));
                }
                None => self.fill().await?,
            }
        }
    }

    /// The data that follow a `+OK`, line by line, of at most `limit` octets.
    pub(crate) async fn rows(
        &mut self,
        limit: u64,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), Pop3Error> {
        let command = self.awaited();
        let mut octets = 0_u64;
        // The beginning of a line whose end has not come yet.
        let mut begun: Vec<u8> = Vec::new();
        loop {
            let Data::Chunk(chunk) = self.data().await? else {
                if !begun.is_empty() {
                    take(&begun);
                }
                return Ok(());
            };
            octets += chunk.len() as u64;
            if octets > limit {
                return Err(Pop3Error::TooLarge { command, limit });
            }
            for piece in chunk.split_inclusive(|octet| *octet == b'\n') {
                if begun.len() + piece.len() > LONGEST_LINE {
                    return Err(Pop3Error::LineTooLong { command });
                }
                match (piece.ends_with(b"\n"), begun.is_empty()) {
                    (true, true) => take(piece.trim_ascii_end()),
                    (true, false) => {
                        begun.extend_from_slice(piece);
                        take(begun.trim_ascii_end());
                        begun.clear();
                    }
                    (false, _) => begun.extend_from_slice(piece),
                }
            }
        }
    }

    fn awaited(&self) -> &'static str {
        self.in_flight.front().copied().unwrap_or(GREETING)
    }

    fn answered(&mut self) {
        self.in_flight.pop_front();
        self.waited = Duration::ZERO;
        self.received = 0;
    }

    /// Waits until more has come in, writing meanwhile.
    async fn fill(&mut self) -> Result<(), Pop3Error> {
        let command = self.awaited();
        let earned = Duration::from_secs(self.received / SLOWEST);
        let limit = self.patience.saturating_add(earned);
        let left = limit.saturating_sub(self.waited);
        let began = Instant::now();
        let moved = timeout(left, poll_fn(|context| self.poll_exchange(context))).await;
        self.waited += began.elapsed();
        match moved {
            Ok(Ok(0)) => Err(match self.write_error.take() {
                Some(source) => broken(command, source),
                None => Pop3Error::Closed { command },
            }),
            Ok(Ok(octets)) => {
                self.received += octets as u64;
                Ok(())
            }
            // TLS without close_notify: as good as any other end, and none of ours.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(Pop3Error::Closed { command })
            }
            Ok(Err(source)) => Err(broken(command, source)),
            Err(_elapsed) => Err(Pop3Error::Deadline { command, limit }),
        }
    }

    fn poll_exchange(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Err(error)) = self.poll_write_out(context) {
            // The server may have said why before it went; what it said is read first.
            self.wipe_out();
            self.write_error = Some(error);
        }
        if self.input.capacity() - self.input.len() < READ_SIZE / 4 {
            self.input.reserve(READ_SIZE);
        }
        pin!(self.stream.read_buf(&mut self.input)).poll(context)
    }

    fn poll_write_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(octets) = self.out.get(self.written..).filter(|o| !o.is_empty()) {
            let stream = Pin::new(&mut *self.stream);
            let written = ready!(stream.poll_write(context, octets))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut *self.stream).poll_flush(context))?;
            self.unflushed = false;
            self.wipe_out();
        }
        Poll::Ready(Ok(()))
    }

    fn wipe_out(&mut self) {
        self.out.fill(0);
        self.out.clear();
        self.written = 0;
        self.unflushed = false;
    }
}

/// TLS may be refused when its handshake is long over.
fn broken(command: &'static str, error: io::Error) -> Pop3Error {
    let other = |source| Pop3Error::Io { command, source };
    TransportError::carried_by(error).map_or_else(other, Pop3Error::Transport)
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("in_flight", &self.in_flight)
            .field("round_trips", &self.round_trips)
            .finish_non_exhaustive()
    }
}
