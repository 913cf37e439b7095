use super::*;
use socket2::{Domain, Socket, Type};
use std::time::Instant;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// An address that takes SYNs and never answers: a listener whose queue is full.
struct BlackHole {
    address: SocketAddr,
    _listener: Socket,
    _queued: Vec<Socket>,
}

impl BlackHole {
    fn new(on: &str) -> Self {
        let on = address(on);
        let listener = Socket::new(Domain::for_address(on), Type::STREAM, None).unwrap();
        listener.bind(&on.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        // The kernel takes one or two more than it was told to.
        let queued = (0..4).map(|_| {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _under_way = socket.connect(&address.into()).is_err();
            socket
        });
        let queued = queued.collect();
        std::thread::sleep(Duration::from_millis(50));
        Self {
            address,
            _listener: listener,
            _queued: queued,
        }
    }
}

async fn listener(on: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(on).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn ipv6_that_leads_nowhere_costs_a_quarter_of_a_second() {
    let hole = BlackHole::new("[::1]:0");
    let (_listener, good) = listener("127.0.0.1:0").await;
    let begun = Instant::now();
    let tcp = first_to_answer(vec![hole.address, good]).await.unwrap();
    let took = begun.elapsed();
    assert_eq!(tcp.peer_addr().unwrap(), good);
    assert!(took >= STAGGER, "the hole is none: {took:?}");
    assert!(took < STAGGER * 8, "{took:?}");
}

#[tokio::test]
async fn a_family_that_leads_nowhere_costs_no_more_however_many_addresses_it_has() {
    let holes = [
        BlackHole::new("[::1]:0"),
        BlackHole::new("[::1]:0"),
        BlackHole::new("[::1]:0"),
    ];
    let (_listener, good) = listener("127.0.0.1:0").await;
    let mut addresses: Vec<_> = holes.iter().map(|hole| hole.address).collect();
    addresses.push(good);
    let begun = Instant::now();
    let tcp = first_to_answer(addresses).await.unwrap();
    assert_eq!(tcp.peer_addr().unwrap(), good);
    assert!(begun.elapsed() < STAGGER * 8, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_refusal_is_followed_by_the_next_at_once() {
    let (dead, refusing) = listener("127.0.0.1:0").await;
    drop(dead);
    let (_listener, good) = listener("127.0.0.1:0").await;
    let begun = Instant::now();
    let tcp = first_to_answer(vec![refusing, refusing, refusing, good])
        .await
        .unwrap();
    assert_eq!(tcp.peer_addr().unwrap(), good);
    assert!(begun.elapsed() < STAGGER, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_address_that_answers_late_still_wins_when_the_others_fail() {
    let hole = BlackHole::new("127.0.0.1:0");
    let (dead, refusing) = listener("127.0.0.1:0").await;
    drop(dead);
    // Both lead nowhere: it goes on waiting for the silent one, and the caller's limit ends it.
    let race = first_to_answer(vec![hole.address, refusing]);
    let ended = tokio::time::timeout(STAGGER * 4, race).await;
    assert!(ended.is_err(), "given up though one address had not failed");
}

#[tokio::test]
async fn those_who_come_too_late_are_closed() {
    let (early, first) = listener("127.0.0.1:0").await;
    let hole = BlackHole::new("127.0.0.1:0");
    let tcp = first_to_answer(vec![hole.address, first]).await.unwrap();
    let (mut accepted, _) = early.accept().await.unwrap();
    // Room in the queue: a connection that was still tried for would be made now.
    drop(hole._queued);
    let late = hole._listener;
    late.set_nonblocking(true).unwrap();
    sleep(Duration::from_millis(1_500)).await;
    while let Ok((socket, _)) = late.accept() {
        // What is in the queue was closed by its maker.
        let mut octet = [std::mem::MaybeUninit::uninit()];
        socket.set_nonblocking(true).unwrap();
        let read = socket.recv(&mut octet);
        assert!(
            matches!(read, Ok(0) | Err(_)) && !is_open(&read),
            "{read:?}"
        );
    }
    drop(tcp);
    assert_eq!(accepted.read(&mut [0]).await.unwrap(), 0);
}

fn is_open(read: &io::Result<usize>) -> bool {
    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[tokio::test]
async fn who_refused_is_told_rather_than_who_cannot_be_reached() {
    let (dead, refusing) = listener("127.0.0.1:0").await;
    drop(dead);
    // 255.255.255.255 cannot be connected to.
    let unreachable = address("255.255.255.255:1");
    for order in [vec![refusing, unreachable], vec![unreachable, refusing]] {
        let (failed, error) = first_to_answer(order).await.unwrap_err().unwrap();
        assert_eq!(failed, refusing);
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[tokio::test]
async fn nowhere_to_go_is_no_failure_of_an_address() {
    assert!(first_to_answer(Vec::new()).await.unwrap_err().is_none());
}

#[test]
fn families_take_turns_beginning_with_the_systems_choice() {
    let six = |n: u16| address(&format!("[2001:db8::{n}]:993"));
    let four = |n: u16| address(&format!("192.0.2.{n}:993"));
    let turns = |addresses: &[SocketAddr]| Vec::from(in_turns(addresses.to_vec()));
    assert_eq!(
        turns(&[six(1), six(2), six(3), four(1), four(2)]),
        [six(1), four(1), six(2), four(2), six(3)]
    );
    assert_eq!(turns(&[four(1), six(1)]), [four(1), six(1)]);
    assert_eq!(turns(&[four(1), four(2)]), [four(1), four(2)]);
    // Many of one family do not push out the other.
    let mut many: Vec<_> = (1..40).map(six).collect();
    many.push(four(1));
    assert_eq!(turns(&many).len(), TRIED);
    assert_eq!(turns(&many)[1], four(1));
}
