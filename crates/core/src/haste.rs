//! When a change around us (a network that is back, a machine that has woken up) may cut a pause short.
//!
//! Such changes come in bursts, and on some machines all day long: a laptop at the edge of its network, a host
//! on which containers come and go. So they are a bounded good: a few at once, then one in a while.

use crate::fault::Fault;
use crate::time::UnixTime;
use std::time::Duration;

/// So many changes in a short time may each call an account that waits.
pub const CALLS: u32 = 4;
/// After this long another call may be used.
pub const REFILL: Duration = Duration::from_secs(5 * 60);

/// Whether what is wrong may be mended by another network. A wrong password is not, and a server that wants
/// to be left alone wants it from any network.
#[must_use]
pub const fn may_be_mended(fault: Fault) -> bool {
    match fault {
        // Who answers in the server's place speaks TLS badly, or no IMAP at all (captive portals).
        Fault::Protocol | Fault::Tls | Fault::Unreachable => true,
        Fault::Auth | Fault::Busy | Fault::Config | Fault::LocalIo | Fault::Throttled => false,
    }
}

/// What one account has left of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Haste {
    used: u32,
    /// Since when the used ones come back.
    since: Option<UnixTime>,
}

impl Haste {
    /// Whether a change around us may call an account that waits because of `fault`; if so, it is used up.
    pub fn grants(&mut self, fault: Fault, now: UnixTime) -> bool {
        if !may_be_mended(fault) {
            return false;
        }
        self.refill(now);
        if self.used >= CALLS {
            return false;
        }
        self.used += 1;
        self.since.get_or_insert(now);
        true
    }

    fn refill(&mut self, now: UnixTime) {
        let Some(since) = self.since else { return };
        let back = now.since(since).as_secs() / REFILL.as_secs();
        let back = u32::try_from(back).unwrap_or(u32::MAX);
        self.used = self.used.saturating_sub(back);
        self.since = (self.used > 0).then(|| since.after(REFILL.saturating_mul(back)));
        // A clock that was set back does not take calls away for longer than one refill.
        if self.since.is_some_and(|since| since > now) {
            self.since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> UnixTime {
        UnixTime::from_seconds(1_700_000_000 + seconds)
    }

    #[test]
    fn only_what_another_network_may_mend_is_called() {
        let granted = |fault| Haste::default().grants(fault, at(0));
        assert!(
            [Fault::Unreachable, Fault::Tls, Fault::Protocol]
                .map(granted)
                .iter()
                .all(|g| *g)
        );
        let others = [
            Fault::Auth,
            Fault::Busy,
            Fault::Config,
            Fault::LocalIo,
            Fault::Throttled,
        ];
        assert!(others.map(granted).iter().all(|granted| !granted));
    }

    #[test]
    fn a_day_of_changes_is_a_bounded_number_of_calls() {
        let mut haste = Haste::default();
        // A change every ten seconds, all day long.
        let changes = (0..86_400).step_by(10);
        let calls = changes.filter(|second| haste.grants(Fault::Unreachable, at(*second)));
        assert_eq!(calls.count(), 4 + 86_400 / 300 - 1);
    }

    #[test]
    fn calls_come_back_one_by_one() {
        let mut haste = Haste::default();
        let mut granted = |second| haste.grants(Fault::Unreachable, at(second));
        assert!((0..4).all(&mut granted));
        assert!(!granted(299));
        assert!(granted(300) && !granted(301));
        assert!(granted(900) && granted(901) && !granted(902));
    }

    #[test]
    fn a_clock_that_was_set_back_takes_no_calls_away() {
        let mut haste = Haste::default();
        assert!((0..4).all(|second| haste.grants(Fault::Unreachable, at(second))));
        assert!(!haste.grants(Fault::Unreachable, at(-9_000)));
        assert!(haste.grants(Fault::Unreachable, at(-9_000 + 300)));
    }
}
