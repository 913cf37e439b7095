//! Where metrics are served: HTTP on a loopback port or a Unix socket.

use super::process::Process;
use super::text::{CONTENT_TYPE, text};
use crate::config::MetricsPlace;
use crate::error::Error;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE as TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use postrider_engine::Handle;
use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

/// Scrapers at once: one is usual, two while one is being replaced.
const SCRAPERS: usize = 8;

/// How long a scraper may take for the head of its request, and how long a connection may last in all: scrapers
/// that keep connections open connect anew.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
const CONNECTED_FOR: Duration = Duration::from_secs(300);

/// Between two tries to accept a scraper when there are no descriptors left.
const BREATH: Duration = Duration::from_millis(100);

/// Where metrics will be served.
#[derive(Debug)]
pub struct Bound {
    listener: Listener,
    /// Removed in the end.
    socket: Option<PathBuf>,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Served metrics; no longer when this is dropped.
#[derive(Debug)]
pub struct Metrics {
    task: JoinHandle<()>,
    socket: Option<PathBuf>,
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(socket) = &self.socket {
            // One that stays is replaced by the next daemon.
            let _gone = fs::remove_file(socket).is_ok();
        }
    }
}

impl Metrics {
    /// Takes the place, if there is to be one.
    ///
    /// # Errors
    /// When somebody else has it.
    pub fn bind(place: Option<&MetricsPlace>) -> Result<Option<Bound>, Error> {
        let Some(place) = place else {
            return Ok(None);
        };
        let bound = match place {
            MetricsPlace::Tcp(address) => bind_tcp(*address),
            MetricsPlace::Socket(path) => bind_unix(path),
        };
        bound.map(Some).map_err(|source| Error::Metrics {
            place: place.to_string(),
            source,
        })
    }
}

impl Bound {
    /// Serves what the daemon's accounts tell.
    #[must_use]
    pub fn serve(self, handle: Handle) -> Metrics {
        let Self { listener, socket } = self;
        let scrape = Arc::new(Scrape {
            handle,
            started_at: jiff::Timestamp::now().as_second(),
        });
        let task = tokio::spawn(accept(listener, scrape));
        Metrics { task, socket }
    }
}

fn bind_tcp(address: std::net::SocketAddr) -> io::Result<Bound> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(Bound {
        listener: Listener::Tcp(TcpListener::from_std(listener)?),
        socket: None,
    })
}

/// A socket is the same as a port of this machine: whoever reaches it may scrape, and its directory says who
/// that is. One that nobody answers at is one that a killed daemon left.
fn bind_unix(path: &Path) -> io::Result<Bound> {
    let stale = fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket());
    if stale {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o666))?;
    Ok(Bound {
        listener: Listener::Unix(listener),
        socket: Some(path.to_owned()),
    })
}

/// One who has connected.
enum Scraper {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    async fn next(&self) -> io::Result<Scraper> {
        match self {
            Self::Tcp(listener) => Ok(Scraper::Tcp(listener.accept().await?.0)),
            Self::Unix(listener) => Ok(Scraper::Unix(listener.accept().await?.0)),
        }
    }
}

async fn accept(listener: Listener, scrape: Arc<Scrape>) {
    let room = Arc::new(Semaphore::new(SCRAPERS));
    // Dropped with this task, and they with it.
    let mut scrapers = JoinSet::new();
    loop {
        let scraper = tokio::select! {
            accepted = listener.next() => match accepted {
                Ok(scraper) => scraper,
                Err(error) => {
                    tracing::debug!(error = %error, "accepting a scraper");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
            Some(_ended) = scrapers.join_next() => continue,
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            continue;
        };
        let scrape = Arc::clone(&scrape);
        scrapers.spawn(async move {
            match scraper {
                Scraper::Tcp(stream) => converse(stream, scrape).await,
                Scraper::Unix(stream) => converse(stream, scrape).await,
            }
            drop(place);
        });
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send, scrape: Arc<Scrape>) {
    let answer = service_fn(move |request| {
        let scrape = Arc::clone(&scrape);
        async move { Ok::<_, Infallible>(scrape.answer(&request).await) }
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), answer);
    // Whoever asks nonsense or hangs up is no matter of ours.
    if let Ok(Err(error)) = tokio::time::timeout(CONNECTED_FOR, conversation).await {
        tracing::debug!(error = %error, "answering a scraper");
    }
}

/// What a scrape looks at.
#[derive(Debug)]
struct Scrape {
    handle: Handle,
    started_at: i64,
}

impl Scrape {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = told(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
            let get = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, get);
            return response;
        }
        if request.uri().path() != "/metrics" {
            return told(
                StatusCode::NOT_FOUND,
                "metrics are at /metrics\n".to_owned(),
            );
        }
        let stopping = || {
            let text = "the daemon is stopping\n".to_owned();
            told(StatusCode::SERVICE_UNAVAILABLE, text)
        };
        let Ok(accounts) = self.handle.look().await else {
            return stopping();
        };
        let Ok(text) = text(accounts, Process::now(self.started_at)) else {
            return stopping();
        };
        let mut response = told(StatusCode::OK, text);
        let kind = HeaderValue::from_static(CONTENT_TYPE);
        response.headers_mut().insert(TYPE, kind);
        response
    }
}

fn told(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(TYPE, plain);
    response
}
