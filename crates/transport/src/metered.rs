//! A connection that counts: it has a slot among all slots, and pays for its octets.

use crate::bandwidth::Flow;
use crate::slots::Slot;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// A stream that moves octets in turn with all others.
///
/// It stands above the idle timeout, not below: while it waits for its turn the server is not at fault.
#[derive(Debug)]
pub(crate) struct Metered<S> {
    stream: S,
    flow: Option<Flow>,
    // Each way by itself, because reader and writer may be different tasks.
    reading: Debt,
    writing: Debt,
    _slot: Option<Slot>,
}

impl<S> Metered<S> {
    pub(crate) fn new(stream: S, flow: Option<Flow>, slot: Option<Slot>) -> Self {
        Self {
            stream,
            flow,
            reading: Debt::default(),
            writing: Debt::default(),
            _slot: slot,
        }
    }

    fn turn(&self) -> Option<usize> {
        self.flow.as_ref().and_then(Flow::turn)
    }

    fn pay(&self, octets: usize) -> Debt {
        let flow = self.flow.as_ref().filter(|_| octets > 0);
        Debt(flow.map(|flow| flow.pay(octets)))
    }
}

/// Octets that were moved and not paid for.
#[derive(Debug, Default)]
struct Debt(Option<oneshot::Receiver<()>>);

impl Debt {
    fn poll_paid(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(paid) = &mut self.0 {
            // Nobody who gives turns any more: nobody counts.
            let _nobody_counts = ready!(Pin::new(paid).poll(context)).is_err();
            self.0 = None;
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.reading.poll_paid(context));
        let Some(turn) = self.turn() else {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        };
        let room = turn.min(buffer.remaining());
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
        let octets = part.filled().len();
        buffer.advance(octets);
        self.reading = self.pay(octets);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.writing.poll_paid(context));
        let Some(turn) = self.turn() else {
            return Pin::new(&mut self.stream).poll_write(context, octets);
        };
        let octets = octets.get(..turn).unwrap_or(octets);
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, octets))?;
        self.writing = self.pay(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.turn().is_some() || self.writing.0.is_some() {
            let first = slices.iter().find(|slice| !slice.is_empty());
            let first = first.map_or(&[][..], |slice| slice);
            return self.poll_write(context, first);
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bandwidth::Bandwidth;
    use crate::idle_timeout::IdleTimeout;
    use crate::slots::Slots;
    use std::num::{NonZeroU64, NonZeroUsize};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    fn bandwidth() -> Bandwidth {
        Bandwidth::new(NonZeroU64::new(100_000))
    }

    #[tokio::test(start_paused = true)]
    async fn octets_take_their_time_both_ways_and_are_what_they_were() {
        let bandwidth = bandwidth();
        let (ours, mut theirs) = duplex(1 << 20);
        let mut ours = Metered::new(ours, Some(bandwidth.flow()), None);
        let sent: Vec<u8> = (0..400_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        theirs.write_all(&sent).await.unwrap();
        let begun = Instant::now();
        let mut received = vec![0; sent.len()];
        ours.read_exact(&mut received).await.unwrap();
        assert!(begun.elapsed().abs_diff(Duration::from_secs(4)) < Duration::from_millis(100));
        assert!(received == sent);
        let begun = Instant::now();
        ours.write_all(&sent).await.unwrap();
        assert!(begun.elapsed().abs_diff(Duration::from_secs(4)) < Duration::from_millis(100));
        theirs.read_exact(&mut received).await.unwrap();
        assert!(received == sent);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_turn_is_not_the_servers_silence() {
        let bandwidth = Bandwidth::new(NonZeroU64::new(20));
        let (ours, mut theirs) = duplex(1 << 20);
        let ours = IdleTimeout::new(ours, Duration::from_secs(10));
        let mut ours = Metered::new(ours, Some(bandwidth.flow()), None);
        theirs.write_all(&[7; 4_096]).await.unwrap();
        let mut received = [0; 4_096];
        // A turn takes 51 s.
        ours.read_exact(&mut received).await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_gives_its_slot_back_when_it_ends() {
        let slots = Slots::new(NonZeroUsize::new(1));
        let (ours, _theirs) = duplex(16);
        let slot = Some(slots.first().await);
        let stream: crate::Stream = Box::new(Metered::new(ours, None, slot));
        assert!(slots.further().is_none());
        drop(stream);
        assert!(slots.further().is_some());
    }
}
