//! How much of a server we put up with.

use std::time::Duration;

/// Bounds on what a server may make us hold or wait for (R11). All of them end the session with an
/// error when crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of one response's lines, literals not counted. The longest honest one is a `SEARCH`
    /// answer: eight octets for each UID, so a million messages fit.
    pub response_octets: usize,
    /// Octets of one response's literals that are not a message's body: names and headers.
    pub literal_octets: u64,
    /// Octets of one message. No server known stores more than 2 GiB in one.
    pub body_octets: u64,
    /// Octets of one LIST: the names twice, [`Limits::ROW_OCTETS`] for each and [`Limits::LEVEL_OCTETS`] for each of their
    /// levels. 32 MiB are about 80,000 mailboxes.
    pub listing_octets: usize,
    /// Octets of what one flight tells of messages' flags: [`Limits::MESSAGE_OCTETS`] for each row, and its
    /// keywords. 40 MiB are a million messages.
    pub flags_octets: usize,
    /// Time spent waiting for the server since it last brought us forward. The stream's own timeout
    /// ends silence earlier; this ends talk that says nothing (`* OK Still here` for ever).
    pub patience: Duration,
    /// Octets received since the server last brought us forward: ends talk that says nothing fast.
    /// More than `response_octets` and `literal_octets` together, so that one response fits.
    pub chatter_octets: u64,
    /// Octets of a body that count as progress, so that a body of one octet a minute ends too.
    pub progress_octets: u64,
    /// Commands under way at once. Enough for the first sync of 200 mailboxes in one flight; the line is
    /// kept full by half as many.
    pub window: usize,
    /// Octets of a UID set in one command: RFC 7162 §4 asks clients to keep lines below 8,192.
    pub set_octets: usize,
    /// How long what left together with the login may stay unanswered after the login's OK until it
    /// counts as lost. Far above a round trip; a slow server is merely asked twice.
    pub grace: Duration,
    /// How long a polite farewell may take.
    pub farewell: Duration,
}

impl Limits {
    /// What one row of a listing costs besides its name.
    pub const ROW_OCTETS: usize = 256;

    /// What a level of a mailbox's name costs besides its letters: a name of 32 MiB may have 16 million of them.
    pub const LEVEL_OCTETS: usize = 56;

    /// What a message's flags cost whoever keeps them, without keywords.
    pub const MESSAGE_OCTETS: usize = 40;

    /// Octets of a message's labels and of the server's name for it that cost nothing more: a mailbox of
    /// Gmail's may hold a million messages too.
    pub const NAMES_OCTETS: usize = 256;

    /// Timeouts that fit into [`Limits::patience`]: a server that thinks for long and says so now and then gets
    /// minutes, one that only says so does not get hours.
    const TIMEOUTS: u32 = 10;

    /// The usual limits for a connection that ends when nothing comes for `timeout`.
    #[must_use]
    pub fn for_timeout(timeout: Duration) -> Self {
        let usual = Self::default();
        let patience = timeout.saturating_mul(Self::TIMEOUTS);
        // The same slowest line, whatever the patience.
        let octets = u128::from(usual.progress_octets) * patience.as_millis();
        let octets = octets / usual.patience.as_millis();
        Self {
            patience,
            progress_octets: u64::try_from(octets).unwrap_or(u64::MAX).max(1),
            ..usual
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            response_octets: 8 << 20,
            literal_octets: 1 << 20,
            body_octets: 4 << 30,
            listing_octets: 32 << 20,
            flags_octets: 40 << 20,
            patience: Duration::from_secs(600),
            chatter_octets: 16 << 20,
            progress_octets: 64 << 10,
            window: 1_024,
            set_octets: 7_000,
            grace: Duration::from_secs(3),
            farewell: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_with_the_timeout_and_the_slowest_line_stays() {
        let usual = Limits::for_timeout(Duration::from_secs(60));
        assert_eq!(usual, Limits::default());
        let short = Limits::for_timeout(Duration::from_secs(2));
        assert_eq!(short.patience, Duration::from_secs(20));
        assert_eq!(short.progress_octets, usual.progress_octets / 30);
        assert_eq!(Limits::for_timeout(Duration::ZERO).progress_octets, 1);
        assert_eq!(Limits::for_timeout(Duration::MAX).patience, Duration::MAX);
    }
}
