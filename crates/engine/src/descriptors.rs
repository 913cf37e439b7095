//! Open files: how many all accounts may need at once, how many the system allows, and what follows.
//!
//! Every connection is one, a download has some more until its files are flushed, and jobs on blocking threads
//! have some for moments. A daemon that ran out of them would fail in the middle of anything; so it is
//! counted at the start, and where there are too few, connections and downloads wait for each other.

use crate::events;
use postrider_core::settings::AccountSettings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::num::NonZeroUsize;
use std::sync::OnceLock;

/// Index, log, watches, sockets of our own, and what blocking threads have open for moments.
const OURS: usize = 384;

/// Files of a download that are open at once: some of each of three batches (`deliver.rs`).
const OF_A_DOWNLOAD: usize = 96;

/// Downloads at once that are counted on; more are made where there is room, fewer where there is none.
const DOWNLOADS: usize = 32;

/// However few files there are, so many connections there may be, and one download.
const FEWEST_CONNECTIONS: usize = 8;

/// Downloads at once, however many files the system allows: each holds octets in memory (R11).
const MOST_DOWNLOADS: usize = 128;

/// What there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Connections at once; `None`: as many as all accounts want.
    pub(crate) connections: Option<NonZeroUsize>,
    /// Files that all accounts may have open at once.
    pub(crate) needed: usize,
    /// Files that the system allows.
    pub(crate) allowed: usize,
}

/// The soft limit before we raised it: what other programs are made for. Some look through as many descriptors as they
/// may have, and select(2) has no room for more than 1,024.
static BEFORE: OnceLock<u64> = OnceLock::new();

/// The soft limit that a program which we start is to have; `None`: the one that it has anyway.
pub(crate) fn for_others() -> Option<u64> {
    let before = BEFORE.get().copied()?;
    let now = getrlimit(Resource::Nofile).current;
    (now != Some(before)).then_some(before)
}

/// Raises the limit as far as we may by ourselves, and says what it is then.
pub(crate) fn raise() -> usize {
    let limits = getrlimit(Resource::Nofile);
    if let Some(soft) = limits.current {
        // The first time is before anybody raised it.
        BEFORE.get_or_init(|| soft);
    }
    let wanted = Rlimit {
        current: limits.maximum,
        maximum: limits.maximum,
    };
    // What cannot be raised is counted as it is.
    let raised = limits.current != limits.maximum && setrlimit(Resource::Nofile, wanted).is_ok();
    let soft = if raised {
        wanted.current
    } else {
        limits.current
    };
    soft.map_or(usize::MAX, |soft| {
        usize::try_from(soft).unwrap_or(usize::MAX)
    })
}

/// How many downloads there may be at once.
pub(crate) fn downloads(allowed: usize) -> usize {
    let third = allowed.saturating_sub(OURS) / 3;
    (third / OF_A_DOWNLOAD).clamp(1, MOST_DOWNLOADS)
}

/// What there is room for, when accounts want so many connections at once.
pub(crate) fn room(allowed: usize, wanted: usize) -> Room {
    let downloads = wanted.min(DOWNLOADS);
    let needed = OURS
        .saturating_add(wanted)
        .saturating_add(OF_A_DOWNLOAD * downloads);
    let left = allowed.saturating_sub(OURS) / 3 * 2;
    let bounded = NonZeroUsize::new(left.max(FEWEST_CONNECTIONS));
    Room {
        connections: bounded.filter(|_| allowed < needed),
        needed,
        allowed,
    }
}

/// The connections that accounts want at once, all together.
pub(crate) fn wanted<'a>(accounts: impl IntoIterator<Item = &'a AccountSettings>) -> usize {
    let connections = accounts.into_iter().map(|account| account.connections);
    connections.fold(0, usize::saturating_add)
}

impl Room {
    /// Says so where there is too little.
    pub(crate) fn tell(&self) {
        if let Some(connections) = self.connections {
            events::DaemonCrowded {
                needed: self.needed as u64,
                allowed: self.allowed as u64,
                connections: connections.get() as u64,
                hint: &format!(
                    "allow more: LimitNOFILE={0} in the unit, or ulimit -Hn {0} before the daemon starts",
                    self.needed.next_power_of_two()
                ),
            }
            .emit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_are_enough_nothing_is_bounded() {
        let room = room(524_288, 3_000);
        assert_eq!((room.connections, room.needed), (None, 6_456));
        assert_eq!(downloads(524_288), MOST_DOWNLOADS);
        assert_eq!(super::room(1_024, 3).connections, None);
    }

    #[test]
    fn where_there_are_too_few_it_works_with_those() {
        let used = |allowed: usize, wanted: usize| {
            let connections = room(allowed, wanted).connections.unwrap().get();
            OURS + connections + OF_A_DOWNLOAD * downloads(allowed)
        };
        for allowed in [1_024, 2_048, 4_096] {
            assert!(used(allowed, 30_000) <= allowed, "{allowed}");
        }
        assert_eq!(
            room(64, 3_000).connections,
            NonZeroUsize::new(FEWEST_CONNECTIONS)
        );
        assert_eq!(downloads(64), 1);
    }

    #[test]
    fn the_limit_is_raised_to_what_we_may_have() {
        let allowed = raise();
        let limits = getrlimit(Resource::Nofile);
        assert_eq!(limits.current, limits.maximum);
        assert!(
            limits
                .current
                .is_none_or(|soft| usize::try_from(soft) == Ok(allowed))
        );
    }
}
