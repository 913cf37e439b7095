//! Connections that are looked after: keepalive at rest, and probes at once when something around us has changed.
//!
//! A suspend or another network leaves connections behind whose other end is gone, and that nobody hears
//! of before a timeout. Our kernel can ask the other end's at any time, without disturbing the server: a keepalive
//! probe is answered below it, so a server that is busy for a minute is not taken for one that is gone.

use socket2::{SockRef, TcpKeepalive};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

/// First probe after this much silence, then one per [`INTERVAL`]: below the five minutes after which many NAT
/// boxes forget a connection.
const AFTER: Duration = Duration::from_secs(120);
const INTERVAL: Duration = Duration::from_secs(30);
/// Probes without an answer after which a connection is broken.
const RETRIES: u32 = 4;

/// In doubt a probe goes out each second, and the connection is broken after [`RETRIES`] of them: a network that has just come
/// up loses some.
const INTERVAL_IN_DOUBT: Duration = Duration::from_secs(1);
/// How long doubt lasts: longer than all probes need.
const DOUBT: Duration = Duration::from_secs(15);
/// In doubt, octets that the other end does not acknowledge break the connection after this long. At rest the
/// system decides (tcp(7), `tcp_retries2`: a quarter of an hour).
const UNACKNOWLEDGED: Duration = Duration::from_secs(8);

/// No delay, because commands are small and answers are awaited; keepalive, because a half-open connection is
/// otherwise never noticed.
pub(crate) fn tune(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    probe(tcp, (AFTER, INTERVAL), None)
}

fn doubt(tcp: &TcpStream) -> io::Result<()> {
    let (now, interval) = (INTERVAL_IN_DOUBT, INTERVAL_IN_DOUBT);
    probe(tcp, (now, interval), Some(UNACKNOWLEDGED))
}

fn probe(
    tcp: &TcpStream,
    (after, interval): (Duration, Duration),
    unacknowledged: Option<Duration>,
) -> io::Result<()> {
    let keepalive = TcpKeepalive::new()
        .with_time(after)
        .with_interval(interval)
        .with_retries(RETRIES);
    let socket = SockRef::from(tcp);
    socket.set_tcp_user_timeout(unacknowledged)?;
    socket.set_tcp_keepalive(&keepalive)
}

/// Raises doubts about all connections at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubts(Arc<watch::Sender<u64>>);

/// Waits for them.
#[derive(Debug)]
pub(crate) struct Doubt(watch::Receiver<u64>);

impl Doubts {
    pub(crate) fn raise(&self) {
        self.0
            .send_modify(|doubts| *doubts = doubts.wrapping_add(1));
    }

    /// Those from now on.
    pub(crate) fn watch(&self) -> Doubt {
        Doubt(self.0.subscribe())
    }
}

impl Doubt {
    /// Returns at the next one.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // The connector is gone: nobody will ever raise one.
            std::future::pending::<()>().await;
        }
    }
}

/// What is to be done about the probes next.
enum Turn {
    Doubt,
    Trust,
}

type Turning = Pin<Box<dyn Future<Output = (Turn, Doubt)> + Send>>;

/// A TCP connection that is probed when there is doubt.
pub(crate) struct Probed {
    tcp: TcpStream,
    turning: Turning,
}

impl Probed {
    pub(crate) fn new(tcp: TcpStream, doubt: Doubt) -> Self {
        let turning = Box::pin(until_doubt(doubt));
        Self { tcp, turning }
    }

    /// Called whenever somebody waits for the connection.
    fn look_after(&mut self, context: &mut Context<'_>) {
        while let Poll::Ready((turn, next)) = self.turning.as_mut().poll(context) {
            // A socket that takes no options any more is broken, and whoever waits hears of that.
            let _broken = match turn {
                Turn::Doubt => {
                    self.turning = Box::pin(until_trust(next));
                    doubt(&self.tcp).is_err()
                }
                Turn::Trust => {
                    self.turning = Box::pin(until_doubt(next));
                    probe(&self.tcp, (AFTER, INTERVAL), None).is_err()
                }
            };
        }
    }
}

async fn until_doubt(mut doubt: Doubt) -> (Turn, Doubt) {
    doubt.next().await;
    (Turn::Doubt, doubt)
}

async fn until_trust(doubt: Doubt) -> (Turn, Doubt) {
    sleep(DOUBT).await;
    (Turn::Trust, doubt)
}

impl AsyncRead for Probed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.tcp).poll_read(context, buffer);
        if poll.is_pending() {
            self.look_after(context);
        }
        poll
    }
}

impl AsyncWrite for Probed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.tcp).poll_write(context, octets);
        if poll.is_pending() {
            self.look_after(context);
        }
        poll
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.tcp).poll_write_vectored(context, slices);
        if poll.is_pending() {
            self.look_after(context);
        }
        poll
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}

impl std::fmt::Debug for Probed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Probed").field(&self.tcp).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Seconds between two probes, and until the first.
    fn probes(tcp: &TcpStream) -> (u64, u64) {
        let socket = SockRef::from(tcp);
        let (after, interval) = (socket.tcp_keepalive_time(), socket.tcp_keepalive_interval());
        (after.unwrap().as_secs(), interval.unwrap().as_secs())
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (theirs, _) = listener.accept().await.unwrap();
        (ours.unwrap(), theirs)
    }

    #[tokio::test]
    async fn doubt_probes_at_once_and_passes() {
        let (tcp, mut peer) = pair().await;
        tune(&tcp).unwrap();
        assert_eq!(probes(&tcp), (120, 30));
        let doubts = Doubts::default();
        let mut probed = Probed::new(tcp, doubts.watch());
        // Nobody has raised a doubt while it waited.
        let wait = tokio::time::timeout(Duration::from_millis(50), probed.read_u8());
        assert!(wait.await.is_err());
        assert_eq!(probes(&probed.tcp), (120, 30));

        let raise = async {
            sleep(Duration::from_millis(50)).await;
            doubts.raise();
        };
        let wait = tokio::time::timeout(Duration::from_millis(200), probed.read_u8());
        let (waited, ()) = tokio::join!(wait, raise);
        assert!(waited.is_err());
        assert_eq!(probes(&probed.tcp), (1, 1));
        // The connection is as good as before.
        peer.write_u8(7).await.unwrap();
        assert_eq!(probed.read_u8().await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_doubt_that_was_raised_while_nobody_waited_is_not_lost() {
        let (tcp, _peer) = pair().await;
        let doubts = Doubts::default();
        let mut probed = Probed::new(tcp, doubts.watch());
        doubts.raise();
        let wait = tokio::time::timeout(Duration::from_millis(50), probed.read_u8());
        assert!(wait.await.is_err());
        assert_eq!(probes(&probed.tcp), (1, 1));
    }

    #[tokio::test]
    async fn trust_comes_back() {
        let (tcp, _peer) = pair().await;
        let doubts = Doubts::default();
        let mut probed = Probed::new(tcp, doubts.watch());
        doubts.raise();
        tokio::time::pause();
        for (waits, expected) in [(DOUBT / 2, (1, 1)), (DOUBT, (120, 30))] {
            let wait = tokio::time::timeout(waits, probed.read_u8());
            assert!(wait.await.is_err());
            assert_eq!(probes(&probed.tcp), expected);
        }
    }
}
