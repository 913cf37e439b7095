//! What the kernel's messages about the network mean (rtnetlink(7)): which of them are a change.
//!
//! Most are none: an address whose lifetime was prolonged by the router, a wireless link that has looked for
//! others, routes of the loopback.

use std::collections::{BTreeMap, BTreeSet};

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    Address,
    Link,
    /// Messages were lost: anything may have.
    Lost,
    Route,
    /// The machine has slept.
    Wake,
}

impl Change {
    /// As the log has it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Link => "link",
            Self::Lost => "unknown",
            Self::Route => "route",
            Self::Wake => "wake",
        }
    }
}

// Types of messages, from linux/rtnetlink.h.
const NEW_LINK: u16 = 16;
const DEL_LINK: u16 = 17;
const NEW_ADDRESS: u16 = 20;
const DEL_ADDRESS: u16 = 21;
const NEW_ROUTE: u16 = 24;
const DEL_ROUTE: u16 = 25;

/// A link's IFF_UP, IFF_RUNNING and IFF_LOWER_UP: what else changes about it does not matter to us.
const LINK_WORKS: u32 = 0x1 | 0x40 | 0x1_0000;
/// RT_SCOPE_LINK and RT_SCOPE_HOST: addresses that lead nowhere.
const NARROW: [u8; 2] = [253, 254];
/// IFA_F_TENTATIVE: not usable yet; the kernel tells again when it is.
const TENTATIVE: u8 = 0x40;
/// RTN_UNICAST, as opposed to local, broadcast and multicast routes.
const UNICAST: u8 = 1;
/// The table of routes to the machine itself.
const TABLE_LOCAL: u8 = 255;
/// RTM_F_CLONED: a route that was looked up, not made.
const CLONED: u32 = 0x200;
/// IFA_ADDRESS and RTA_DST have the same number.
const ATTRIBUTE_ADDRESS: u16 = 1;

/// What is known of the network from the messages so far.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Whether a link works, by its number.
    links: BTreeMap<u32, u32>,
    /// Addresses by link.
    addresses: BTreeSet<(u32, Vec<u8>)>,
}

impl Known {
    /// Which changes the messages in a datagram tell of. What cannot be read is none.
    pub(super) fn changes(&mut self, datagram: &[u8]) -> BTreeSet<Change> {
        let mut changes = BTreeSet::new();
        let mut rest = datagram;
        while let Some((kind, body, after)) = message(rest) {
            changes.extend(self.change(kind, body));
            rest = after;
        }
        changes
    }

    fn change(&mut self, kind: u16, body: &[u8]) -> Option<Change> {
        match kind {
            NEW_LINK | DEL_LINK => self.link(kind == NEW_LINK, body),
            NEW_ADDRESS | DEL_ADDRESS => self.address(kind == NEW_ADDRESS, body),
            NEW_ROUTE | DEL_ROUTE => route(body),
            _ => None,
        }
    }

    /// `struct ifinfomsg`: family, pad, type, index, flags, change.
    fn link(&mut self, is_there: bool, body: &[u8]) -> Option<Change> {
        let (index, flags, told) = (word(body, 4)?, word(body, 8)?, word(body, 12)?);
        let works = flags & LINK_WORKS;
        let before = if is_there {
            self.links.insert(index, works)
        } else {
            self.links.remove(&index)
        };
        let has_changed = match before {
            Some(before) => before != works || !is_there,
            // Of a link that is not known yet only the message can say. One that lost its carrier says nothing, and
            // nothing is to be done then; when it is back it is known.
            None => told & LINK_WORKS != 0,
        };
        has_changed.then_some(Change::Link)
    }

    /// `struct ifaddrmsg`: family, prefix length, flags, scope, index.
    fn address(&mut self, is_there: bool, body: &[u8]) -> Option<Change> {
        let (flags, scope, index) = (*body.get(2)?, *body.get(3)?, word(body, 4)?);
        if NARROW.contains(&scope) {
            return None;
        }
        let address = attribute(body.get(8..)?, ATTRIBUTE_ADDRESS)?.to_vec();
        let has_changed = if !is_there {
            self.addresses.remove(&(index, address));
            true
        } else if flags & TENTATIVE != 0 {
            false
        } else {
            self.addresses.insert((index, address))
        };
        has_changed.then_some(Change::Address)
    }
}

/// `struct rtmsg`: family, two prefix lengths, tos, table, protocol, scope, type, flags.
fn route(body: &[u8]) -> Option<Change> {
    let (table, kind, flags) = (*body.get(4)?, *body.get(7)?, word(body, 8)?);
    let is_ours = table == TABLE_LOCAL || flags & CLONED != 0 || kind != UNICAST;
    let to = attribute(body.get(12..)?, ATTRIBUTE_ADDRESS).unwrap_or_default();
    (!is_ours && !is_local_ipv6(to)).then_some(Change::Route)
}

/// fe80::/10 and ff00::/8: every link has routes to them.
fn is_local_ipv6(address: &[u8]) -> bool {
    match address {
        [0xfe, second, ..] if address.len() == 16 => second & 0xc0 == 0x80,
        [0xff, ..] => address.len() == 16,
        _ => false,
    }
}

/// The next message: its type, what follows its header, and what follows it (netlink(7)).
fn message(datagram: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(word(datagram, 0)?).ok()?;
    let kind = half(datagram, 4)?;
    let body = datagram.get(16..length)?;
    let after = datagram.get(aligned(length)..).unwrap_or_default();
    Some((kind, body, after))
}

/// The value of the first attribute of this type.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(half(attributes, 0)?);
        let value = attributes.get(4..length)?;
        if half(attributes, 2)? == wanted {
            return Some(value);
        }
        attributes = attributes.get(aligned(length)..)?;
    }
}

const fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    let octets = octets.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(octets.try_into().ok()?))
}

fn half(octets: &[u8], at: usize) -> Option<u16> {
    let octets = octets.get(at..at.checked_add(2)?)?;
    Some(u16::from_ne_bytes(octets.try_into().ok()?))
}

#[cfg(test)]
mod tests;
