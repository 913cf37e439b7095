//! COMPRESS=DEFLATE (RFC 4978): fewer octets on a slow line, for more work at both ends.
//!
//! It is begun at most once in a session, while bodies flow, when the line has shown to be slow and
//! enough is left to be fetched: mail shrinks by a quarter at least (attachments in base64 do), by
//! more than half when it is text. To begin costs the time to drain the pipeline. On loopback and in
//! a fast network compressing costs more than it saves, so there it is never begun. Without it nothing changes.

use crate::capability::{Capabilities, Capability};
use crate::encode::CommandText;
use std::time::Duration;

/// Waited so long, or received so much, a line is known. TCP has opened its window by then.
const MEASURED: Duration = Duration::from_secs(1);
const MEASURED_OCTETS: u64 = 4 << 20;

/// Octets per second above which a line is fast: a server's deflate makes 20 to 50 MiB/s of one core, which
/// others want too; a line of 32 Mbit/s is what people still call slow.
const FAST: u64 = 4 << 20;

/// What compressing must save to be begun: a round trip on the worst line.
const WORTH: Duration = Duration::from_secs(1);

/// Messages that may be asked for ahead while a line is not known: what was asked for already comes as it
/// was asked for. Enough to keep any pipe full.
pub(crate) const MESSAGES_AHEAD: u64 = 1_024;

/// Bodies that flowed, and the time spent waiting for more of them. The time in which we were slow
/// ourselves is not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) octets: u64,
    pub(crate) waited: Duration,
}

impl Flow {
    /// Whether anything can be said of the line.
    pub(crate) const fn is_measured(self) -> bool {
        self.waited.as_nanos() >= MEASURED.as_nanos() || self.octets >= MEASURED_OCTETS
    }

    /// Whether compressing is worth its cost for what is left: the line is slow, and a quarter of the
    /// time that the rest would take is long enough.
    pub(crate) fn is_worth_compressing(self, octets_left: u64) -> bool {
        let waited = self.waited.as_millis();
        let (octets, left) = (u128::from(self.octets), u128::from(octets_left));
        let is_slow = octets * 1_000 < u128::from(FAST) * waited;
        let saved = left * waited / octets.max(1) / 4;
        self.is_measured() && is_slow && saved >= WORTH.as_millis()
    }
}

/// How far a session has come with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Compression {
    /// It was not asked for.
    #[default]
    Untried,
    /// It will be asked for as soon as nothing is under way.
    Wanted,
    /// It was asked for: with success or without.
    Tried,
}

/// The command, where the server knows it.
pub(crate) fn command(capabilities: &Capabilities) -> Option<CommandText> {
    let able = capabilities.has(Capability::CompressDeflate);
    able.then(|| CommandText::new("COMPRESS DEFLATE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;

    const fn flow(octets: u64, millis: u64) -> Flow {
        Flow {
            octets,
            waited: Duration::from_millis(millis),
        }
    }

    #[test]
    fn only_a_slow_line_with_much_to_come_is_worth_it() {
        for (flow, left, worth, why) in [
            (flow(0, 0), u64::MAX, false, "nothing is known yet"),
            (
                flow(100 * KIB, 999),
                100 * MIB,
                false,
                "not measured for long",
            ),
            (flow(100 * KIB, 1_000), 100 * MIB, true, "a slow line"),
            (flow(100 * KIB, 1_000), 400 * KIB, true, "a second is saved"),
            (flow(100 * KIB, 1_000), 399 * KIB, false, "less is saved"),
            (flow(0, 2_000), 10, true, "a line that stands still"),
            (flow(4 * MIB, 1_000), 1_000 * MIB, false, "32 Mbit/s"),
            (flow(4 * MIB - 1, 1_000), 1_000 * MIB, true, "just below"),
            (flow(4 * MIB - 1, 1_000), 15 * MIB, false, "and soon over"),
            (flow(500 * MIB, 1_500), 1_000 * MIB, false, "loopback"),
            (flow(4 * MIB, 0), u64::MAX, false, "never waited at all"),
            (flow(u64::MAX, u64::MAX), u64::MAX, true, "no overflow"),
        ] {
            assert_eq!(flow.is_worth_compressing(left), worth, "{why}");
        }
        assert!(flow(4 * MIB, 0).is_measured() && flow(0, 1_000).is_measured());
        assert!(!flow(4 * MIB - 1, 999).is_measured());
    }
}
