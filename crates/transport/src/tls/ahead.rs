//! Reading ahead for TLS.
//!
//! rustls takes 4 KiB at a time: a first sync over TLS asked the kernel 75,000 times for 315 MB, and 5,000 times in
//! the clear. While octets come in bulk they are fetched from the kernel in large pieces; a connection that waits
//! for mail, of which there may be a thousand, holds no buffer.

use crate::Duplex;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets of a piece.
const PIECE: usize = 64 * 1024;
/// A piece with fewer ends the bulk.
const FEW: usize = 8 * 1024;

/// A stream whose octets are fetched in large pieces while there are many.
#[derive(Debug)]
pub(crate) struct Ahead<S> {
    stream: S,
    /// Empty, but in bulk.
    piece: Box<[u8]>,
    /// What of it is still to be given out.
    from: usize,
    to: usize,
    /// The last read took all that there was room for.
    bulk: bool,
}

impl<S> Ahead<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            piece: Box::default(),
            from: 0,
            to: 0,
            bulk: false,
        }
    }

    fn give_out(&mut self, buffer: &mut ReadBuf<'_>) {
        let rest = self.piece.get(self.from..self.to).unwrap_or_default();
        let part = rest.get(..buffer.remaining()).unwrap_or(rest);
        buffer.put_slice(part);
        self.from += part.len();
        if self.from == self.to && !self.bulk {
            self.piece = Box::default();
            (self.from, self.to) = (0, 0);
        }
    }
}

impl<S: Duplex> AsyncRead for Ahead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.from == this.to {
            if !this.bulk {
                ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
                this.bulk = buffer.remaining() == 0;
                return Poll::Ready(Ok(()));
            }
            if this.piece.is_empty() {
                this.piece = vec![0; PIECE].into();
            }
            let mut piece = ReadBuf::new(&mut this.piece);
            match Pin::new(&mut this.stream).poll_read(context, &mut piece) {
                Poll::Ready(read) => read?,
                Poll::Pending => {
                    // Whoever waits may wait for long.
                    (this.piece, this.bulk) = (Box::default(), false);
                    (this.from, this.to) = (0, 0);
                    return Poll::Pending;
                }
            }
            (this.from, this.to) = (0, piece.filled().len());
            this.bulk = this.to >= FEW;
        }
        this.give_out(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<S: Duplex> AsyncWrite for Ahead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
    use proptest::prelude::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(work)
    }

    #[test]
    fn a_connection_that_waits_holds_no_buffer() {
        run(async {
            let (ours, mut theirs) = tokio::io::duplex(1 << 20);
            let mut ours = Ahead::new(ours);
            theirs.write_all(&[7; 300_000]).await.unwrap();
            let (mut taken, mut most) = (0, 0);
            let mut buffer = [0; 4096];
            while taken < 300_000 {
                taken += ours.read(&mut buffer).await.unwrap();
                most = most.max(ours.piece.len());
            }
            assert_eq!(most, PIECE);
            let nothing_more = async { ours.read(&mut buffer).await.unwrap() };
            let waited = tokio::time::timeout(Duration::from_millis(1), nothing_more).await;
            assert!(waited.is_err());
            assert!(ours.piece.is_empty());
            theirs.write_all(b"* 1 EXISTS\r\n").await.unwrap();
            assert_eq!(ours.read(&mut buffer).await.unwrap(), 12);
            assert!(ours.piece.is_empty());
            drop(theirs);
            assert_eq!(ours.read(&mut buffer).await.unwrap(), 0);
        });
    }

    proptest! {
        #[test]
        fn every_octet_comes_once_and_in_order(
            pieces in proptest::collection::vec(1_usize..100_000, 0..12),
            room in 1_usize..20_000,
        ) {
            run(async {
                let (ours, mut theirs) = tokio::io::duplex(4 << 20);
                let mut ours = Ahead::new(ours);
                let mut sent = Vec::new();
                let mut taken = Vec::new();
                let mut buffer = vec![0; room];
                for octets in pieces {
                    let more: Vec<u8> = (0..octets).map(|n| ((sent.len() + n) % 251).try_into().unwrap()).collect();
                    theirs.write_all(&more).await.unwrap();
                    sent.extend(more);
                    let read = ours.read(&mut buffer).await.unwrap();
                    taken.extend_from_slice(&buffer[..read]);
                }
                drop(theirs);
                loop {
                    match ours.read(&mut buffer).await.unwrap() {
                        0 => break,
                        read => taken.extend_from_slice(&buffer[..read]),
                    }
                }
                assert!(sent == taken, "{} octets, and {}", sent.len(), taken.len());
            });
        }
    }
}
