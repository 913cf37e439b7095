//! Octets of a command that come from elsewhere while it is sent, so that a message of any size takes no
//! memory (R11).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// Octets read at once.
const CHUNK: usize = 64 << 10;

/// Where the octets of a message come from.
pub struct Source(State);

enum State {
    Open(Pin<Box<dyn AsyncRead + Send>>),
    Closed(Box<dyn FnOnce() -> io::Result<Source> + Send>),
}

impl Source {
    /// A message, as it is to be sent: line ends CRLF.
    pub fn new(octets: impl AsyncRead + Send + 'static) -> Self {
        Self(State::Open(Box::pin(octets)))
    }

    /// A message that is opened when its turn comes, if it comes: of many that go in one command, one file
    /// is open at a time.
    pub fn opened_by(open: impl FnOnce() -> io::Result<Self> + Send + 'static) -> Self {
        Self(State::Closed(Box::new(open)))
    }

    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match &mut self.0 {
                State::Open(octets) => return octets.as_mut().poll_read(context, buffer),
                State::Closed(open) => {
                    let nothing = Box::new(|| Err(io::ErrorKind::UnexpectedEof.into()));
                    *self = std::mem::replace(open, nothing)()?;
                }
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// What is still to come of a source.
#[derive(Debug)]
pub(crate) struct Streamed {
    pub(crate) source: Source,
    pub(crate) left: u64,
}

impl Streamed {
    /// Replaces `chunk` by the next octets; it stays empty when nothing is left.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        chunk: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        chunk.clear();
        let wanted = usize::try_from(self.left).map_or(CHUNK, |left| left.min(CHUNK));
        if wanted == 0 {
            return Poll::Ready(Ok(()));
        }
        chunk.resize(wanted, 0);
        let mut buffer = ReadBuf::new(chunk);
        let read = self.source.poll_read(context, &mut buffer);
        let filled = buffer.filled().len();
        chunk.truncate(filled);
        ready!(read)?;
        if filled == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.left -= filled as u64;
        Poll::Ready(Ok(()))
    }
}
