//! What a hostile server does instead of answering.

use flate2::{Compress, Compression, FlushCompress};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Octets of a flood that are made at once.
const PIECE: usize = 64 << 10;

/// One thing that it does. When all acts are done, it goes on with the next command.
#[derive(Clone)]
pub enum Act {
    /// Says this. `{tag}` is the tag of the command.
    Say(Vec<u8>),
    /// Says this for ever, as fast as it is taken.
    Flood(Arc<[u8]>),
    /// Says what is made of 1, 2, 3 … up to this number, as fast as it is taken.
    Count(u64, fn(u64) -> String),
    /// Says this for ever, one octet after every such pause.
    Drip(&'static str, Duration),
    /// Says this so many times, whole, after every such pause.
    Flow(&'static str, Duration, usize),
    /// Says this for ever, whole, after every such pause.
    Chatter(&'static str, Duration),
    /// Says what an honest server would.
    Honest,
    /// The same, with every occurrence of a text in it replaced by another.
    Edited(&'static str, &'static str),
    /// What an honest server would say if the command were this (IMAP, without its tag).
    Redirected(&'static str),
    /// What an honest server would say, without its last line, which would end the command.
    Unended,
    /// Says nothing more, and does not hang up.
    Hang,
    /// Hangs up.
    Close,
}

impl Act {
    /// Says this.
    #[must_use]
    pub fn say(text: impl AsRef<[u8]>) -> Self {
        Self::Say(text.as_ref().to_vec())
    }

    /// Says this for ever.
    #[must_use]
    pub fn flood(text: impl AsRef<[u8]>) -> Self {
        Self::Flood(flood_of(text.as_ref()).into())
    }
}

impl std::fmt::Debug for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Say(text) => write!(f, "Say({})", text.escape_ascii()),
            Self::Flood(_) => f.write_str("Flood"),
            Self::Count(to, _) => write!(f, "Count({to})"),
            Self::Drip(text, every) => write!(f, "Drip({text:?}, {every:?})"),
            Self::Flow(text, every, times) => write!(f, "Flow({text:?}, {every:?}, {times})"),
            Self::Chatter(text, every) => write!(f, "Chatter({text:?}, {every:?})"),
            Self::Honest => f.write_str("Honest"),
            Self::Edited(from, to) => write!(f, "Edited({from:?}, {to:?})"),
            Self::Redirected(to) => write!(f, "Redirected({to:?})"),
            Self::Unended => f.write_str("Unended"),
            Self::Hang => f.write_str("Hang"),
            Self::Close => f.write_str("Close"),
        }
    }
}

/// So many repetitions of `text` that writing them is cheap.
#[must_use]
pub fn flood_of(text: &[u8]) -> Vec<u8> {
    text.repeat(PIECE.div_ceil(text.len().max(1)))
}

/// What `octets` are under COMPRESS=DEFLATE, when the stream begins with them.
///
/// # Panics
/// When the compressor fails.
#[must_use]
pub fn compressed(octets: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut output = Vec::with_capacity(octets.len() / 2 + 1_024);
    compress
        .compress_vec(octets, &mut output, FlushCompress::Sync)
        .expect("octets can be compressed");
    output
}

/// Whether the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Command,
    Nothing,
}

/// The client's side of the middleman.
pub(super) struct Line {
    pub(super) client: BufReader<OwnedReadHalf>,
    pub(super) to_client: OwnedWriteHalf,
}

impl Line {
    pub(super) fn new(stream: TcpStream) -> Self {
        let (read, to_client) = stream.into_split();
        Self {
            client: BufReader::new(read),
            to_client,
        }
    }

    /// The next line that the client says, with its end; empty when it has hung up.
    pub(super) async fn heard(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.client.read_until(b'\n', &mut line).await?;
        Ok(line)
    }

    pub(super) async fn say(&mut self, octets: &[u8]) -> io::Result<()> {
        self.to_client.write_all(octets).await
    }

    /// Greets as an honest server would, or carries out these acts.
    pub(super) async fn greet(
        &mut self,
        greeting: &[u8],
        acts: Option<Vec<Act>>,
    ) -> io::Result<Next> {
        for act in acts.unwrap_or_else(|| vec![Act::Honest]) {
            match act {
                Act::Honest => self.say(greeting).await?,
                act => {
                    if self.act(&act, "").await? == Next::Nothing {
                        return Ok(Next::Nothing);
                    }
                }
            }
        }
        Ok(Next::Command)
    }

    /// Carries out what needs no honest server.
    pub(super) async fn act(&mut self, act: &Act, tag: &str) -> io::Result<Next> {
        match act {
            Act::Say(text) => {
                let text = replaced(text, b"{tag}", tag.as_bytes());
                self.say(&text).await?;
            }
            Act::Flood(piece) => loop {
                self.say(piece).await?;
            },
            Act::Count(to, make) => {
                let mut piece = String::with_capacity(2 * PIECE);
                for n in 1..=*to {
                    piece += &make(n);
                    if piece.len() >= PIECE || n == *to {
                        self.say(piece.as_bytes()).await?;
                        piece.clear();
                    }
                }
            }
            Act::Drip(text, every) => loop {
                for octet in text.as_bytes() {
                    tokio::time::sleep(*every).await;
                    self.say(&[*octet]).await?;
                }
            },
            Act::Flow(text, every, times) => {
                for _ in 0..*times {
                    tokio::time::sleep(*every).await;
                    self.say(text.as_bytes()).await?;
                }
            }
            Act::Chatter(text, every) => loop {
                tokio::time::sleep(*every).await;
                self.say(text.as_bytes()).await?;
            },
            Act::Hang => {
                self.hang().await?;
                return Ok(Next::Nothing);
            }
            Act::Close => return Ok(Next::Nothing),
            Act::Honest | Act::Edited(..) | Act::Redirected(_) | Act::Unended => {}
        }
        Ok(Next::Command)
    }

    /// Listens until the client hangs up.
    async fn hang(&mut self) -> io::Result<()> {
        let mut unheard = [0; 4_096];
        while self.client.read(&mut unheard).await? > 0 {}
        Ok(())
    }
}

pub(super) fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut left = text;
    let mut said = Vec::with_capacity(text.len());
    while let Some(at) = left.windows(from.len()).position(|part| part == from) {
        let (before, after) = left.split_at(at);
        said.extend_from_slice(before);
        said.extend_from_slice(to);
        left = after.get(from.len()..).unwrap_or_default();
    }
    said.extend_from_slice(left);
    said
}
