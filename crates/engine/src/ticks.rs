//! How long the machine has been running, by the kernel's clock that nobody sets.

use postrider_core::retention::Ticks;
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

/// Another one with every boot (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// In which run of the machine we are. Where `/proc` is about processes only, as under `ProcSubset=pid`, the
/// program's own run is what is known.
static RUN: LazyLock<i64> = LazyLock::new(|| {
    let boot = fs::read_to_string(BOOT_ID).ok();
    boot.and_then(|id| first_half(&id))
        .unwrap_or_else(|| RandomState::new().hash_one(BOOT_ID).cast_signed())
});

pub(crate) fn ticks() -> Ticks {
    // CLOCK_BOOTTIME goes on in a suspend (clock_gettime(2)).
    let at = read(ClockId::Boottime);
    Ticks { run: *RUN, at }
}

/// What a clock of the kernel shows.
pub(crate) fn read(clock: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    let seconds = Duration::from_secs(u64::try_from(tv_sec).unwrap_or(0));
    seconds + Duration::from_nanos(u64::try_from(tv_nsec).unwrap_or(0))
}

/// Of a random UUID: no two boots that one machine remembers share it.
fn first_half(id: &str) -> Option<i64> {
    let digits = id.trim_end().replace('-', "");
    let half = u64::from_str_radix(digits.get(..16)?, 16).ok()?;
    Some(half.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_its_boot() {
        let of = first_half;
        let (one, other) = (
            of("c4c1f9c8-1f0e-4b0e-9d2f-5a3a6f0b7a11\n"),
            of("c4c1f9c8-1f0e-4b0f-9d2f-5a3a6f0b7a11\n"),
        );
        assert!(one.is_some() && other.is_some() && one != other);
        assert_eq!(of(""), None);
        assert_eq!(of("not a UUID, whoever may have put it there"), None);
    }

    #[test]
    fn a_run_stays_the_same_and_its_ticks_go_on() {
        let (first, then) = (ticks(), ticks());
        assert_eq!(first.run, then.run);
        assert!(then.at >= first.at && first.at > Duration::ZERO);
    }
}
