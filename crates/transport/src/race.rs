//! Many addresses, one connection: happy eyeballs (RFC 8305).

use crate::probe::tune;
use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long one address may be silent before the next is tried beside it (RFC 8305 §8, "Connection Attempt Delay").
const STAGGER: Duration = Duration::from_millis(250);

/// At most this many of a name's addresses are tried: big providers publish four to eight, and a name with
/// hundreds would be a flood.
const TRIED: usize = 8;

/// Which attempt failed, and why; `None` without any address.
type Failure = Option<(SocketAddr, io::Error)>;

/// The first connection that is made. The next address is tried when the one before has failed or has said nothing for
/// [`STAGGER`]; the attempts before go on. Those that come too late are closed.
///
/// # Errors
/// When all have failed. It does not end by itself while one is silent.
pub(crate) async fn first_to_answer(addresses: Vec<SocketAddr>) -> Result<TcpStream, Failure> {
    let mut waiting = in_turns(addresses);
    // Ends all that are left in it when it is dropped.
    let mut attempts = JoinSet::new();
    let mut failure = None;
    loop {
        if let Some(address) = waiting.pop_front() {
            attempts.spawn(async move {
                let opened = TcpStream::connect(address).await;
                (address, opened.and_then(|tcp| tune(&tcp).map(|()| tcp)))
            });
        }
        let has_more = !waiting.is_empty();
        tokio::select! {
            biased;
            ended = attempts.join_next() => match ended {
                Some(Ok((_, Ok(tcp)))) => return Ok(tcp),
                Some(Ok((address, Err(error)))) => {
                    failure = more_telling(failure, (address, error));
                }
                Some(Err(_)) => {}
                None => return Err(failure),
            },
            () = stagger(has_more) => {}
        }
    }
}

async fn stagger(has_more: bool) {
    if has_more {
        sleep(STAGGER).await;
    } else {
        pending::<()>().await;
    }
}

/// A machine that refused is there; that there is no way to another one says less.
fn more_telling(before: Failure, failure: (SocketAddr, io::Error)) -> Failure {
    let is_refusal = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    match before {
        Some((address, error)) if is_refusal(&error) && !is_refusal(&failure.1) => {
            Some((address, error))
        }
        _ => Some(failure),
    }
}

/// IPv6 and IPv4 in turns, beginning with what the system puts first (RFC 8305 §4): a family that leads nowhere
/// costs one [`STAGGER`] and not all of its addresses.
fn in_turns(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let v6_first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == v6_first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = VecDeque::new();
    loop {
        let (one, other) = (first.next(), second.next());
        if one.is_none() && other.is_none() {
            turns.truncate(TRIED);
            return turns;
        }
        turns.extend(one.into_iter().chain(other));
    }
}

#[cfg(test)]
mod tests;
