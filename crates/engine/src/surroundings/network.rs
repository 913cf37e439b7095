//! Hearing of links, addresses and routes from the kernel (rtnetlink(7)).

use super::meaning::{Change, Known};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use std::collections::BTreeSet;
use std::io;
use std::os::unix::net::UnixDatagram as StdDatagram;
use tokio::net::UnixDatagram;

/// RTMGRP_LINK, and RTMGRP_IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/// Larger than any datagram that the kernel sends unasked (a page, or 8 KiB).
const DATAGRAM: usize = 32 * 1024;

/// The kernel's news of the network.
#[derive(Debug)]
pub(super) struct Network {
    /// A netlink socket is none of Unix's, but it is a socket of datagrams, and nothing but recv(2) is asked of it. tokio
    /// has no safe way to wait for one that it does not know.
    socket: UnixDatagram,
    datagram: Vec<u8>,
    known: Known,
}

impl Network {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system does not let us: a sandbox without AF_NETLINK, for one.
    pub(super) fn listen() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // NETLINK_ROUTE is protocol zero.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(Self {
            socket: UnixDatagram::from_std(StdDatagram::from(socket))?,
            datagram: vec![0; DATAGRAM],
            known: Known::default(),
        })
    }

    /// The next changes.
    ///
    /// # Errors
    /// When the socket fails, which then stays so.
    pub(super) async fn next(&mut self) -> io::Result<BTreeSet<Change>> {
        loop {
            let changes = match self.socket.recv(&mut self.datagram).await {
                // netlink(7): the kernel had more to tell than there was room for.
                Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {
                    BTreeSet::from([Change::Lost])
                }
                Err(error) => return Err(error),
                Ok(length) => {
                    let datagram = self.datagram.get(..length).unwrap_or_default();
                    self.known.changes(datagram)
                }
            };
            if !changes.is_empty() {
                return Ok(changes);
            }
        }
    }
}
