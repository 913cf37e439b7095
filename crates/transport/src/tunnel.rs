//! A connection that a command makes: its input and output are the octets (`ssh -q host /usr/lib/dovecot/imap`).
//!
//! The command leads a process group, which ends with the stream: it is asked to (TERM), given two seconds, and then
//! made to (KILL). A command that ends before us is told of with its status and its last words on standard error, because to
//! the session that is only an end of file.

use crate::error::TransportError;
use crate::last_words::LastWords;
use crate::process_group::{Ending, ProcessGroup};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a command may take to end that has closed its output.
const ENDING: Duration = Duration::from_secs(1);

/// Why a tunnel has no more octets; what an [`io::Error`] of its stream is made of.
#[derive(Debug, thiserror::Error)]
#[error("the tunnel `{command}` ended with {ending}{}", after_colon(.words))]
pub(crate) struct TunnelEnded {
    command: String,
    ending: Ending,
    words: String,
}

fn after_colon(words: &str) -> String {
    match words {
        "" => String::new(),
        words => format!(": {words}"),
    }
}

/// What to do about an error of a stream, where that is known.
#[must_use]
pub fn stream_hint(error: &io::Error) -> Option<String> {
    let ended = error.get_ref()?.downcast_ref::<TunnelEnded>();
    ended.map(|_| "run the command of `tunnel:` by hand; the server must answer in it".to_owned())
}

/// A running command, as a stream.
pub(crate) struct Tunnel {
    command: String,
    /// `None` once it is on its way out.
    group: Option<ProcessGroup>,
    input: Option<ChildStdin>,
    output: ChildStdout,
    heard: bool,
    end: End,
    words: Option<LastWords>,
}

/// The end of the command, as seen from the stream.
enum End {
    NotYet,
    /// It closed its output; how it ended is being found out.
    Coming(Pin<Box<dyn Future<Output = Finding> + Send>>),
    Told,
}

type Finding = (ProcessGroup, Option<Ending>, String);

impl Tunnel {
    /// Starts the command. Whether anybody answers in it is seen by the greeting.
    pub(crate) fn open(command: &str) -> Result<Self, TransportError> {
        let failed = |source| TransportError::TunnelStart {
            command: command.to_owned(),
            source,
        };
        let mut group = ProcessGroup::start(command, Stdio::piped()).map_err(failed)?;
        let child = group.child();
        let lacking = || failed(io::ErrorKind::BrokenPipe.into());
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or_else(lacking)?;
        let words = child.stderr.take().map(LastWords::of);
        Ok(Self {
            command: command.to_owned(),
            group: Some(group),
            input,
            output,
            heard: false,
            end: End::NotYet,
            words,
        })
    }

    /// The end of the file, or why it came too early.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let (End::NotYet, Some(group)) = (&self.end, self.group.take()) {
            let words = self.words.take();
            // What it still waits for from us will not come.
            self.input = None;
            self.end = End::Coming(Box::pin(find_out(group, words)));
        }
        let End::Coming(finding) = &mut self.end else {
            return Poll::Ready(Ok(()));
        };
        let (group, ending, words) = ready!(finding.as_mut().poll(context));
        self.end = End::Told;
        self.group = Some(group);
        match ending {
            Some(ending) if !ending.is_success() || !self.heard => {
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    TunnelEnded {
                        command: self.command.clone(),
                        ending,
                        words,
                    },
                )))
            }
            Some(_) | None => Poll::Ready(Ok(())),
        }
    }

    /// Somebody does not read what we write: that it has ended says more than that the pipe is broken.
    fn poll_written(
        &mut self,
        context: &mut Context<'_>,
        error: io::Error,
    ) -> Poll<io::Result<usize>> {
        if error.kind() != io::ErrorKind::BrokenPipe {
            return Poll::Ready(Err(error));
        }
        ready!(self.poll_end(context))?;
        Poll::Ready(Err(error))
    }
}

async fn find_out(group: ProcessGroup, words: Option<LastWords>) -> Finding {
    let ending = timeout(ENDING, group.ended()).await.ok();
    let words = match words {
        Some(mut words) => words.shown().await,
        None => String::new(),
    };
    (group, ending, words)
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if matches!(self.end, End::NotYet) {
            ready!(Pin::new(&mut self.output).poll_read(context, buffer))?;
            if buffer.filled().len() > before || buffer.remaining() == 0 {
                self.heard = true;
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_end(context)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(input) = &mut self.input else {
            return self.poll_written(context, io::ErrorKind::BrokenPipe.into());
        };
        match ready!(Pin::new(input).poll_write(context, octets)) {
            Err(error) => self.poll_written(context, error),
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(input) = &mut self.input {
            ready!(Pin::new(input).poll_shutdown(context))?;
        }
        // Only a closed pipe is an end of file to the other side.
        self.input = None;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let Some(group) = self.group.take() else {
            // It is being found out how it ended; with that, the group goes.
            return;
        };
        group.ask();
        // Where nothing runs any more, the group is killed here.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(group.end());
        }
    }
}

#[cfg(test)]
mod tests;
