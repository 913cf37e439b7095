//! The end of a connection on which nothing moves.

use crate::calm::Calm;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream that fails with [`io::ErrorKind::TimedOut`] when somebody waits on it and no octet has
/// passed, either way, for the timeout.
///
/// Time in which nobody waits does not count: while our disk is slow, the server is not at fault.
/// Progress in one direction keeps the other alive: a server that takes in a large upload has
/// nothing to say meanwhile. While its [`Calm`] is on, a reader may wait for ever.
#[derive(Debug)]
pub struct IdleTimeout<S> {
    stream: S,
    timeout: Duration,
    calm: Calm,
    last_progress: Instant,
    // One timer a direction, because reader and writer may be different tasks with wakers of their own.
    reading: Waiting,
    writing: Waiting,
}

impl<S> IdleTimeout<S> {
    /// Watches over `stream`.
    #[must_use]
    pub fn new(stream: S, timeout: Duration) -> Self {
        Self::with_calm(stream, timeout, Calm::default())
    }

    /// Watches over `stream`, but not while `calm` is on.
    #[must_use]
    pub fn with_calm(stream: S, timeout: Duration, calm: Calm) -> Self {
        Self {
            stream,
            timeout,
            calm,
            last_progress: Instant::now(),
            reading: Waiting::default(),
            writing: Waiting::default(),
        }
    }
}

/// One direction's wait for progress.
#[derive(Debug, Default)]
struct Waiting {
    timer: Option<Pin<Box<Sleep>>>,
    /// When the present wait began; `None` while nobody waits.
    since: Option<Instant>,
}

impl Waiting {
    /// Ready when the wait has lasted too long.
    fn poll_expired(
        &mut self,
        context: &mut Context<'_>,
        timeout: Duration,
        last_progress: Instant,
    ) -> Poll<io::Error> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(timeout)));
        let since = match self.since {
            Some(since) => since,
            None => {
                let now = Instant::now();
                timer.as_mut().reset(now + timeout);
                *self.since.insert(now)
            }
        };
        loop {
            ready!(timer.as_mut().poll(context));
            // The other direction may have moved meanwhile.
            let expiry = since.max(last_progress) + timeout;
            if expiry <= Instant::now() {
                self.since = None;
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            timer.as_mut().reset(expiry);
        }
    }
}

macro_rules! watch {
    ($self:ident, $context:ident, $waiting:ident, $poll:expr) => {{
        match $poll {
            Poll::Ready(result) => {
                $self.last_progress = Instant::now();
                $self.$waiting.since = None;
                Poll::Ready(result)
            }
            // Not even a timer: thousands of connections may be calm at once.
            Poll::Pending if $self.calm.is_on() => {
                $self.$waiting.since = None;
                Poll::Pending
            }
            Poll::Pending => {
                let (timeout, progress) = ($self.timeout, $self.last_progress);
                let waiting = &mut $self.$waiting;
                let error = ready!(waiting.poll_expired($context, timeout, progress));
                Poll::Ready(Err(error))
            }
        }
    }};
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        watch!(self, context, reading, poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, octets);
        watch!(self, context, writing, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(context);
        watch!(self, context, writing, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(context);
        watch!(self, context, writing, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        watch!(self, context, writing, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_ends_the_wait() {
        let (ours, _theirs) = duplex(16);
        let mut ours = IdleTimeout::new(ours, MINUTE);
        let began = Instant::now();
        let error = ours.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_ends_the_wait() {
        let (ours, _theirs) = duplex(16);
        let mut ours = IdleTimeout::new(ours, MINUTE);
        let error = ours.write_all(&[0; 17]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_peer_is_borne_as_long_as_it_moves() {
        let (ours, mut theirs) = duplex(16);
        let mut ours = IdleTimeout::new(ours, MINUTE);
        let peer = tokio::spawn(async move {
            for octet in 0..5 {
                sleep(Duration::from_secs(59)).await;
                theirs.write_u8(octet).await.unwrap();
            }
        });
        for octet in 0..5 {
            assert_eq!(ours.read_u8().await.unwrap(), octet);
            // Our own slowness does not count.
            sleep(Duration::from_secs(10)).await;
        }
        assert_eq!(
            ours.read_u8().await.unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        peer.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_borne_while_it_is_calm_and_counts_anew_after_it() {
        let calm = Calm::default();
        let (ours, mut theirs) = duplex(16);
        let mut ours = IdleTimeout::with_calm(ours, MINUTE, calm.clone());
        // A wait that began before the calm leaves a timer behind.
        tokio::time::timeout(MINUTE / 2, ours.read_u8())
            .await
            .unwrap_err();
        calm.begin();
        let hour = Duration::from_secs(3_600);
        tokio::time::timeout(hour, ours.read_u8())
            .await
            .expect_err("an hour of silence is no failure");
        calm.end();
        ours.write_u8(1).await.unwrap();
        let asked = Instant::now();
        let error = ours.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(asked.elapsed().as_secs(), 60);
        theirs.read_u8().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_keeps_the_reader_alive() {
        let (ours, mut theirs) = duplex(1);
        let (mut reader, mut writer) = tokio::io::split(IdleTimeout::new(ours, MINUTE));
        let peer = tokio::spawn(async move {
            for _ in 0..4 {
                sleep(Duration::from_secs(40)).await;
                theirs.read_u8().await.unwrap();
            }
            theirs.write_u8(7).await.unwrap();
            theirs
        });
        let upload = tokio::spawn(async move {
            writer.write_all(&[0; 4]).await.unwrap();
            writer
        });
        assert_eq!(reader.read_u8().await.unwrap(), 7);
        upload.await.unwrap();
        peer.await.unwrap();
    }
}
