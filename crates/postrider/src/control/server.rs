//! The daemon's end: who may speak, and within which bounds. What is answered is in `answers`.

use super::answers::{Desk, answer};
use super::bind::{Bound, bind};
use super::error::ControlError;
use super::words::{Answer, Hello, Request, Trouble};
use super::{CLIENTS, LONGEST_REQUEST, PROTOCOL, REQUEST_WITHIN, TAKEN_WITHIN};
use crate::config::Config;
use postrider_core::fault::Fault;
use postrider_core::time::UnixTime;
use postrider_engine::{Handle, Reloaded};
use rustix::process::geteuid;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

/// Reloads that may wait. Each reads the file anew, so one more would say nothing new.
const RELOADS: usize = 4;

/// Between two tries to accept a client when there are no descriptors left.
const BREATH: Duration = Duration::from_millis(100);

/// How long clients have to take their last answers when the daemon has stopped.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Somebody asks for the configuration to be read again.
#[derive(Debug)]
pub struct ReloadAsked {
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Reloaded, Trouble>>,
}

/// The served control socket.
#[derive(Debug)]
pub struct Control {
    task: JoinHandle<()>,
    open: oneshot::Sender<()>,
    bound: Bound,
    reloads: mpsc::Receiver<ReloadAsked>,
}

impl Control {
    /// Binds the socket and serves it. The state directory must be locked, which [`Handle`] shows.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn start(config: &Config, handle: Handle) -> Result<Self, ControlError> {
        let (listener, bound) = bind(&config.runtime_dir, &config.state_dir)?;
        let listener = UnixListener::from_std(listener).map_err(|source| ControlError::Socket {
            path: bound.path.clone(),
            source,
        })?;
        let (asking, reloads) = mpsc::channel(RELOADS);
        let desk = Arc::new(Desk {
            handle,
            reloads: asking,
            hello: Hello {
                protocol: PROTOCOL,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: std::process::id(),
                state_dir: config.state_dir.clone(),
                started_at: now(),
            },
        });
        let (open, closed) = oneshot::channel();
        Ok(Self {
            task: tokio::spawn(accept(listener, desk, closed)),
            open,
            bound,
            reloads,
        })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.bound.path
    }

    /// The next client that wants the configuration to be read again.
    pub async fn reload_asked(&mut self) -> ReloadAsked {
        match self.reloads.recv().await {
            Some(asked) => asked,
            // The server goes on for as long as we do.
            None => std::future::pending().await,
        }
    }

    /// Takes the socket away, while the state is still locked; those who are being answered stay.
    #[must_use]
    pub fn close(self) -> Closing {
        drop(self.bound);
        drop(self.open);
        Closing(self.task)
    }
}

/// A control socket that nobody finds any more.
#[derive(Debug)]
pub struct Closing(JoinHandle<()>);

impl Closing {
    /// Ends those who are being answered, a moment after the daemon has stopped: the last answers of their
    /// passes are on the way.
    pub async fn end(mut self) {
        let ended = tokio::time::timeout(LAST_WORDS, &mut self.0).await;
        if ended.is_err() {
            self.0.abort();
        }
    }
}

fn now() -> UnixTime {
    let now = jiff::Timestamp::now();
    UnixTime::from_seconds(now.as_second())
}

/// Until it is `closed`; then until everybody is answered.
async fn accept(listener: UnixListener, desk: Arc<Desk>, mut closed: oneshot::Receiver<()>) {
    let room = Arc::new(Semaphore::new(CLIENTS));
    // Dropped with this task, and they with it.
    let mut clients = tokio::task::JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(error = %error, "accepting a client of the control socket");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
            Some(_ended) = clients.join_next() => continue,
            _ = &mut closed => break,
        };
        if let Err(trouble) = admit(&stream) {
            turn_away(&stream, &trouble);
            continue;
        }
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            turn_away(&stream, &full());
            continue;
        };
        let desk = Arc::clone(&desk);
        clients.spawn(async move {
            if let Err(error) = serve(stream, &desk).await {
                tracing::debug!(error = %error, "answering a client of the control socket");
            }
            drop(place);
        });
    }
    drop(listener);
    while clients.join_next().await.is_some() {}
}

/// The owner and root may speak. The mode of the socket says so already; whoever got a descriptor of it by
/// another way is stopped here.
fn admit(stream: &UnixStream) -> Result<(), Trouble> {
    let ours = geteuid().as_raw();
    let theirs = stream.peer_cred().map(|peer| peer.uid());
    if theirs.as_ref().is_ok_and(|uid| *uid == 0 || *uid == ours) {
        return Ok(());
    }
    let who = theirs.map_or_else(|error| error.to_string(), |uid| format!("user {uid}"));
    Err(trouble(
        Fault::Auth,
        &format!("only user {ours} and root may speak to this daemon; this is {who}"),
        Some("run the command as the user whose daemon it is"),
    ))
}

fn full() -> Trouble {
    trouble(
        Fault::Busy,
        &format!("{CLIENTS} clients are being answered already"),
        Some("end a `status --watch` or a waiting `sync`"),
    )
}

fn turn_away(stream: &UnixStream, trouble: &Trouble) {
    let line = line(&Answer::Failed(trouble.clone()));
    // An empty socket takes a line at once; one that does not has nobody reading.
    let _told = stream.try_write(line.as_bytes()).is_ok();
}

async fn serve(stream: UnixStream, desk: &Desk) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let mut pen = Pen(writer);
    pen.write(&Answer::Hello(desk.hello.clone())).await?;
    let ended = match request(reader).await {
        Ok(request) => answer(request, desk, &mut pen).await?,
        Err(trouble) => Err(trouble),
    };
    let last = match ended {
        Ok(()) => Answer::Done,
        Err(trouble) => Answer::Failed(trouble),
    };
    pen.write(&last).await
}

/// Reads the one line of a client.
async fn request(reader: OwnedReadHalf) -> Result<Request, Trouble> {
    let wrong = |what: &str| {
        trouble(
            Fault::Config,
            what,
            Some("docs/control.md has the protocol"),
        )
    };
    let mut line = Vec::new();
    let mut bounded = BufReader::new(reader).take(LONGEST_REQUEST);
    let read = tokio::time::timeout(REQUEST_WITHIN, bounded.read_until(b'\n', &mut line)).await;
    match read {
        Ok(Ok(_)) if line.ends_with(b"\n") => {}
        Ok(Ok(_)) => return Err(wrong("the request has no line end, or is too long")),
        Ok(Err(error)) => return Err(wrong(&format!("the request could not be read: {error}"))),
        Err(_) => return Err(wrong("the request did not come in time")),
    }
    Request::read(&line).map_err(|what| wrong(&what))
}

pub(super) fn trouble(fault: Fault, error: &str, hint: Option<&str>) -> Trouble {
    Trouble {
        kind: fault.kind().to_owned(),
        error: error.to_owned(),
        caused_by: Vec::new(),
        hint: hint.map(str::to_owned),
    }
}

/// An answer is made of text, numbers and times; none of them is refused by JSON.
fn line(answer: &Answer) -> String {
    let mut line = serde_json::to_string(answer).unwrap_or_default();
    line.push('\n');
    line
}

/// Writes answers to one client, who is dropped when it does not take them.
#[derive(Debug)]
pub(super) struct Pen(OwnedWriteHalf);

impl Pen {
    pub(super) async fn write(&mut self, answer: &Answer) -> io::Result<()> {
        let line = line(answer);
        let written = tokio::time::timeout(TAKEN_WITHIN, self.0.write_all(line.as_bytes())).await;
        written.map_err(|_| io::ErrorKind::TimedOut)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_given_up() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut pen = Pen(ours.into_split().1);
        let begun = tokio::time::Instant::now();
        let account = "x".repeat(100_000);
        let ended = loop {
            let account = account.clone();
            if let Err(error) = pen.write(&Answer::Gone { account }).await {
                break error;
            }
        };
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed(), TAKEN_WITHIN);
        drop(theirs);
    }
}
