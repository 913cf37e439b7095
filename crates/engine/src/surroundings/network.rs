//! Hearing of links, addresses and routes from the kernel (rtnetlink(7)).

use super::meaning::{Change, Known};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
use std::collections::BTreeSet;
use std::io;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// RTMGRP_LINK, and RTMGRP_IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/// Larger than any datagram that the kernel sends unasked (a page, or 8 KiB).
const DATAGRAM: usize = 32 * 1024;

/// The kernel's news of the network.
#[derive(Debug)]
pub(super) struct Network {
    socket: AsyncFd<OwnedFd>,
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
            socket: AsyncFd::register_with_interest(socket, Interest::READABLE)?,
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
            let mut ready = self.socket.readable().await?;
            let datagram = self.datagram.as_mut_slice();
            let received = ready.try_io(|socket| {
                let (length, _) = recv(socket.get_ref(), &mut *datagram, RecvFlags::empty())?;
                Ok(length)
            });
            let changes = match received {
                // Somebody else had it.
                Err(_would_block) => continue,
                // netlink(7): the kernel had more to tell than there was room for.
                Ok(Err(error)) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {
                    BTreeSet::from([Change::Lost])
                }
                Ok(Err(error)) => return Err(error),
                Ok(Ok(length)) => {
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
