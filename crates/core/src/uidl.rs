//! Unique-id listings of a POP3 maildrop.

use std::fmt;

/// A POP3 unique-id. RFC 1939 §7 allows 1 to 70 octets of 0x21 to 0x7E.
///
/// Servers exceed both bounds, so up to [`Uidl::MAX_OCTETS`] of anything but line ends, blanks and
/// control octets is taken. An empty one is none (CVE-2018-14356): it is never a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uidl(Box<str>);

impl Uidl {
    /// The longest unique-id accepted, in octets: RFC 1939 says 70, some servers send hashes and
    /// paths well beyond; past this it is no key but an attack on our memory.
    pub const MAX_OCTETS: usize = 512;

    /// Makes a unique-id of what stood on the wire; `None` when it cannot be a key.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let graphic = |octet: &u8| *octet > 0x20 && *octet != 0x7F;
        let good = !text.is_empty() && text.len() <= Self::MAX_OCTETS && text.iter().all(graphic);
        good.then(|| match std::str::from_utf8(text) {
            Ok(text) if text.is_ascii() => Self(text.into()),
            // Octets beyond ASCII keep their identity by one character each.
            _ => Self(text.iter().map(|&octet| char::from(octet)).collect()),
        })
    }

    /// Takes back what [`Uidl::as_str`] gave to the index.
    #[must_use]
    pub fn from_index(text: &str) -> Self {
        Self(text.into())
    }

    /// The unique-id as text; an octet beyond ASCII is the character of that number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uidl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_key_is_none() {
        for text in [&b""[..], b" ", b"a b", b"a\r", b"a\0b", &[b'x'; 513]] {
            assert_eq!(Uidl::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn octets_beyond_ascii_stay_distinct() {
        let (a, b) = (Uidl::parse(b"\xE9").unwrap(), Uidl::parse(b"\xE8").unwrap());
        assert_ne!(a, b);
        assert_eq!(Uidl::from_index(a.as_str()), a);
    }
}
