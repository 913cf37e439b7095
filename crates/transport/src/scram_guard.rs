//! A gate before rsasl's SCRAM: only challenges of the right shape pass.
//!
//! rsasl 2.3 slices `[0..2]` of an attribute without looking at its length, so that a server's
//! `r=abc,,` or an empty last message would panic, and it takes any iteration count, so that
//! `i=4294967295` would keep a core busy for an hour (R11).

/// The most PBKDF2 iterations we do for a server: RFC 7677 asks for 4096, OWASP for 600,000 with
/// SHA-256; a million take about half a second.
const MAX_ITERATIONS: u32 = 1_000_000;

/// The longest challenge, in octets: a nonce, a salt and a number are some hundred.
const MAX_OCTETS: usize = 4096;

/// Which of the server's messages is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerMessage {
    /// `r=…,s=…,i=…` (RFC 5802 §7, server-first-message).
    First,
    /// `v=…` or `e=…` (server-final-message).
    Final,
}

/// Says what is wrong with a decoded challenge, if anything is.
pub(crate) fn problem(message: ServerMessage, challenge: &[u8]) -> Option<&'static str> {
    if challenge.len() > MAX_OCTETS {
        return Some("is too long");
    }
    let mut attributes = challenge.split(|octet| *octet == b',');
    let mut next = |name: u8| match attributes.next() {
        Some([first, b'=', value @ ..]) if *first == name && !value.is_empty() => Some(value),
        _ => None,
    };
    match message {
        ServerMessage::First => {
            let (Some(_nonce), Some(_salt), Some(iterations)) =
                (next(b'r'), next(b's'), next(b'i'))
            else {
                return Some("is not `r=…,s=…,i=…`");
            };
            let iterations = str::from_utf8(iterations).ok().and_then(|n| n.parse().ok());
            match iterations {
                Some(1..=MAX_ITERATIONS) => None,
                _ => Some("asks for an iteration count outside 1 to 1,000,000"),
            }
        }
        ServerMessage::Final => match challenge {
            [b'v' | b'e', b'=', ..] => None,
            _ => Some("is neither `v=…` nor `e=…`"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_shaped_challenges_pass() {
        use ServerMessage::{Final, First};
        for (message, challenge, good) in [
            (First, &b"r=abc,s=QQ==,i=4096"[..], true),
            (First, b"r=abc,s=QQ==,i=4096,x=extension", true),
            (First, b"", false),
            (First, b"r=abc", false),
            (First, b"r=abc,", false),
            (First, b"r=abc,s,i=1", false),
            (First, b"r=abc,s=QQ==,i", false),
            (First, b"m=mandatory,r=abc,s=QQ==,i=1", false),
            (First, b"r=abc,s=QQ==,i=0", false),
            (First, b"r=abc,s=QQ==,i=-1", false),
            (First, b"r=abc,s=QQ==,i=1000001", false),
            (First, b"r=abc,s=QQ==,i=4294967296", false),
            (First, &[b'r'; 5000], false),
            (Final, b"v=abc", true),
            (Final, b"e=other-error", true),
            (Final, b"", false),
            (Final, b"v", false),
            (Final, b",v=abc", false),
        ] {
            let shown = String::from_utf8_lossy(challenge);
            assert_eq!(problem(message, challenge).is_none(), good, "{shown}");
        }
    }
}
