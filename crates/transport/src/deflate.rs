//! A stream that is compressed both ways (DEFLATE, RFC 1951, without a header), for COMPRESS=DEFLATE
//! (RFC 4978).
//!
//! It lies over TLS, never under it. What is inflated is handed out as it is made, into the reader's
//! buffer: a bomb costs its reader what the same octets would cost uncompressed, and no memory (R11).

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Compressed octets asked of the stream at once: a TLS record.
const INPUT_OCTETS: usize = 16 << 10;

/// Compressed octets that may wait to be written. Commands are small.
const OUTPUT_OCTETS: usize = 16 << 10;

/// Both directions of a compressed stream.
pub struct Deflate<S> {
    stream: S,
    inflate: Decompress,
    /// Compressed octets, of which those from `taken` on are not inflated yet.
    input: Vec<u8>,
    taken: usize,
    /// The inflater may hold more than the reader had room for.
    is_full: bool,
    deflate: Compress,
    /// Compressed octets, of which those from `written` on are not written yet.
    output: Vec<u8>,
    written: usize,
    /// Something was compressed since the last flush.
    is_dirty: bool,
}

impl<S> Deflate<S> {
    /// Compresses what is written to `stream` from now on, and inflates what is read. `input` are
    /// octets of the peer's that were read already and are compressed.
    #[must_use]
    pub fn new(stream: S, input: Vec<u8>) -> Self {
        Self {
            stream,
            inflate: Decompress::new(false),
            input,
            taken: 0,
            is_full: false,
            deflate: Compress::new(Compression::default(), false),
            output: Vec::with_capacity(OUTPUT_OCTETS),
            written: 0,
            is_dirty: false,
        }
    }

    /// Inflates into `buffer` what there is; how many octets it made, and whether the peer has ended
    /// its compressed stream.
    fn inflate(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<(usize, bool)> {
        let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
        let input = self.input.get(self.taken..).unwrap_or_default();
        let room = buffer.initialize_unfilled();
        let status = self
            .inflate
            .decompress(input, room, FlushDecompress::None)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let octets = |after: u64, before| usize::try_from(after - before).unwrap_or(usize::MAX);
        let made = octets(self.inflate.total_out(), made);
        self.taken += octets(self.inflate.total_in(), read);
        self.is_full = made == room.len();
        buffer.advance(made);
        Ok((made, status == Status::StreamEnd))
    }

    /// Compresses `octets`; how many were taken. Without room in `output` it takes none.
    fn compress(&mut self, octets: &[u8], flush: FlushCompress) -> io::Result<usize> {
        let before = self.deflate.total_in();
        self.deflate
            .compress_vec(octets, &mut self.output, flush)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let taken = self.deflate.total_in() - before;
        Ok(usize::try_from(taken).unwrap_or(usize::MAX))
    }
}

impl<S: AsyncWrite + Unpin> Deflate<S> {
    /// Writes what is compressed.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.output.get(self.written..).filter(|r| !r.is_empty()) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        self.output.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Deflate<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if this.taken < this.input.len() || this.is_full {
                let (made, ended) = this.inflate(buffer)?;
                if made > 0 || ended {
                    return Poll::Ready(Ok(()));
                }
            }
            // All of the input is in the inflater, which wants more of it.
            this.input.resize(INPUT_OCTETS, 0);
            this.taken = INPUT_OCTETS;
            let mut input = ReadBuf::new(&mut this.input);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut input))?;
            let octets = input.filled().len();
            if octets == 0 {
                return Poll::Ready(Ok(()));
            }
            this.input.truncate(octets);
            this.taken = 0;
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Deflate<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if octets.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            let taken = this.compress(octets, FlushCompress::None)?;
            if taken > 0 {
                this.is_dirty = true;
                return Poll::Ready(Ok(taken));
            }
            ready!(this.poll_drain(context))?;
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.is_dirty {
            this.compress(&[], FlushCompress::Sync)?;
            // With room left, nothing is left in the compressor.
            this.is_dirty = this.output.len() == this.output.capacity();
            ready!(this.poll_drain(context))?;
        }
        ready!(this.poll_drain(context))?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut *this).poll_flush(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

impl<S> std::fmt::Debug for Deflate<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deflate").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
