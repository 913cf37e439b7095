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
    /// Octets of one LIST: the names, and [`Limits::ROW_OCTETS`] for each. 32 MiB are about 100,000
    /// mailboxes.
    pub listing_octets: usize,
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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            response_octets: 8 << 20,
            literal_octets: 1 << 20,
            body_octets: 4 << 30,
            listing_octets: 32 << 20,
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
