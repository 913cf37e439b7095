//! Certificates as a person needs to know them, and when one is about to run out.

use crate::pin::Pin;
use crate::time::{Now, UnixTime};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// A certificate that renews itself should have done so long before: Let's Encrypt's clients renew 30 days before the
/// end of 90. So with this much left something is wrong, and there is time to mend it.
const LATE: Duration = DAY.saturating_mul(14);
/// The same where a person here has something to do, who wants more time for it.
const EARLY: Duration = DAY.saturating_mul(30);
/// Short-lived certificates have never as much left. ACME clients renew them when a third, or a half, of their
/// time is left (RFC 9773 is about that): below this share of it they are late too.
const LATE_SHARE: u32 = 6;
/// The same where a person has to act.
const EARLY_SHARE: u32 = 3;
/// How long a warning holds.
const TOLD_ONCE_IN: Duration = DAY;

/// What an X.509 certificate says. All text in it is fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is: its distinguished name.
    pub subject: String,
    /// Who vouches for it.
    pub issuer: String,
    /// The host names and addresses that it is for.
    pub names: Vec<String>,
    /// When it is valid.
    pub validity: Validity,
    /// The SHA-256 of the whole.
    pub sha256: Pin,
    /// The SHA-256 of its public key.
    pub key_sha256: Pin,
}

impl Certificate {
    /// Whether nobody but itself vouches for it, as far as names tell.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }
}

/// From when to when a certificate holds, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not before.
    pub from: UnixTime,
    /// Not after.
    pub until: UnixTime,
}

/// Where a point in time lies to a validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Before it.
    NotYet,
    /// Within it.
    Valid,
    /// After it.
    Expired,
}

impl Validity {
    /// Where `now` lies.
    #[must_use]
    pub fn at(self, now: Now) -> Standing {
        match now.0 {
            now if now < self.from => Standing::NotYet,
            now if now > self.until => Standing::Expired,
            _ => Standing::Valid,
        }
    }

    /// Whole days that are left; 0 when it is over.
    #[must_use]
    pub fn days_left(self, now: Now) -> u64 {
        self.until.since(now.0).as_secs() / DAY.as_secs()
    }
}

/// How a connection is secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    /// The protocol and its version.
    pub version: String,
    /// The cipher suite, by its name in IANA's registry.
    pub cipher: String,
    /// The server's certificate, then its issuers as the server sent them; never empty but for a server that
    /// sends something that cannot be read.
    pub chain: Vec<Certificate>,
    /// What stood for the certificate.
    pub trust: Trust,
    /// The session is that of an earlier connection (RFC 8446 §2.2).
    pub resumed: bool,
    /// Our own certificate, if the server wanted one and we have one.
    pub client: Option<Certificate>,
}

/// What stands for a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A chain to a root that is trusted, and the server's name in it.
    Chain,
    /// A pin of the certificate itself: its renewal ends the match.
    PinnedCertificate,
    /// A pin of the key, which a renewal may keep.
    PinnedKey,
}

/// Whose certificate runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The server's.
    Server,
    /// Ours.
    Client,
}

impl Side {
    /// The word for the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// A certificate that runs out soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiring {
    /// Whose.
    pub side: Side,
    /// When.
    pub until: UnixTime,
    /// Whole days until then.
    pub days_left: u64,
    /// Whether the configuration pins it, the certificate or its key.
    pub pinned: bool,
}

impl Expiring {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match (self.side, self.pinned) {
            (Side::Client, _) => {
                "have it renewed, and put the new one where `client_cert:` and `client_key:` say"
            }
            (Side::Server, true) => {
                "ask the server's operator for the next certificate's or key's SHA-256, and add it to `pin:` now \
                 (docs/tls.md)"
            }
            (Side::Server, false) => "the server's operator must renew it",
        }
    }
}

/// Which certificate of a connection is about to run out, the one that ends first; `told` is when that was last said.
///
/// How much time counts as little depends on how long a certificate lives, and on whether a person here has to act:
/// a pinned certificate is another one after its renewal, and nobody renews ours for us.
#[must_use]
pub fn expiring(secured: &Secured, now: Now, told: Option<UnixTime>) -> Option<Expiring> {
    // A clock that was set back does not silence it for ever.
    if told.is_some_and(|told| told <= now.0 && now.0.since(told) < TOLD_ONCE_IN) {
        return None;
    }
    let server = secured.chain.first().map(|certificate| {
        let pinned = secured.trust != Trust::Chain;
        let acts = secured.trust == Trust::PinnedCertificate;
        (Side::Server, certificate.validity, pinned, acts)
    });
    let client = secured.client.as_ref();
    let client = client.map(|certificate| (Side::Client, certificate.validity, false, true));
    let soon = |&(_, validity, _, acts): &(Side, Validity, bool, bool)| {
        let (least, share) = if acts {
            (EARLY, EARLY_SHARE)
        } else {
            (LATE, LATE_SHARE)
        };
        let life = validity.until.since(validity.from);
        validity.until.since(now.0) < least.min(life / share)
    };
    let expiring = [server, client].into_iter().flatten().filter(soon);
    let (side, validity, pinned, _) = expiring.min_by_key(|(_, validity, ..)| validity.until)?;
    Some(Expiring {
        side,
        until: validity.until,
        days_left: validity.days_left(now),
        pinned,
    })
}

#[cfg(test)]
mod tests;
