//! How often a failure that lasts is told: the first time, then with growing distance, then that it is over.
//!
//! A daemon tries for as long as it takes. A line for every try would bury what else happens; no line would
//! leave whoever looks at the end of the log in the dark.

use crate::fault::Fault;
use crate::time::UnixTime;
use std::fmt;
use std::time::Duration;

/// The least distance between two lines about one outage.
pub const LEAST_DISTANCE: Duration = Duration::from_secs(60);
/// The largest: an outage of days is told four times a day.
pub const LARGEST_DISTANCE: Duration = Duration::from_secs(6 * 60 * 60);
/// What fails again so soon after it worked has not been well: it is the same outage.
pub const SAME_OUTAGE: Duration = Duration::from_secs(10 * 60);

/// What one account's failures have come to, as far as the log is concerned.
#[derive(Clone, Debug, Default)]
pub struct Outage(Option<Lasting>);

#[derive(Clone, Debug)]
struct Lasting {
    since: UnixTime,
    failures: u64,
    /// What was told of it so far: another kind of failure is news.
    kinds: Vec<Fault>,
    told_at: UnixTime,
    /// Whether it was told since it last seemed to be over.
    is_open: bool,
    /// How often it was told after it had seemed to be over, the first time included.
    openings: u32,
    worked_at: Option<UnixTime>,
}

/// One failure of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong.
    pub fault: Fault,
    /// Which failure it is, 1 for the first.
    pub nth: u64,
    /// When the first was.
    pub since: UnixTime,
    /// When this one is.
    pub now: UnixTime,
    /// Whether people are told, or only whoever reads everything.
    pub aloud: bool,
}

/// An outage that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// How many failures there were.
    pub failures: u64,
    /// When the first was.
    pub since: UnixTime,
    /// How long it lasted.
    pub lasted: Duration,
}

impl Outage {
    /// A pass failed.
    pub fn failed(&mut self, fault: Fault, now: UnixTime) -> Failure {
        if self.0.as_ref().is_some_and(|last| last.is_over(now)) {
            self.0 = None;
        }
        let lasting = self.0.get_or_insert_with(|| Lasting::begin(now));
        lasting.worked_at = None;
        lasting.failures = lasting.failures.saturating_add(1);
        let aloud = lasting.is_news(fault, now);
        if aloud {
            lasting.told_at = now;
            lasting.openings += u32::from(!lasting.is_open);
            lasting.is_open = true;
            if !lasting.kinds.contains(&fault) {
                lasting.kinds.push(fault);
            }
        }
        Failure {
            fault,
            nth: lasting.failures,
            since: lasting.since,
            now,
            aloud,
        }
    }

    /// A pass was complete. The recovery, when there is one to tell of.
    pub fn worked(&mut self, now: UnixTime) -> Option<Recovery> {
        let lasting = self.0.as_mut()?;
        lasting.worked_at.get_or_insert(now);
        if !std::mem::take(&mut lasting.is_open) {
            return None;
        }
        Some(Recovery {
            failures: lasting.failures,
            since: lasting.since,
            lasted: now.since(lasting.since),
        })
    }
}

impl Lasting {
    const fn begin(now: UnixTime) -> Self {
        Self {
            since: now,
            failures: 0,
            kinds: Vec::new(),
            told_at: now,
            is_open: false,
            openings: 0,
            worked_at: None,
        }
    }

    fn is_over(&self, now: UnixTime) -> bool {
        self.worked_at
            .is_some_and(|worked_at| now.since(worked_at) >= SAME_OUTAGE)
    }

    fn is_news(&self, fault: Fault, now: UnixTime) -> bool {
        let distance = if self.is_open {
            // Each line is as far from the one before as that was from the beginning.
            self.told_at.since(self.since)
        } else {
            // People were told that it is over, so they hear soon that it is not; but not for ever of each time.
            let doublings = self.openings.saturating_sub(1).min(31);
            LEAST_DISTANCE.saturating_mul(1 << doublings)
        };
        let distance = distance.clamp(LEAST_DISTANCE, LARGEST_DISTANCE);
        // A clock that was set back must not silence it until the old time comes again.
        !self.kinds.contains(&fault) || now < self.told_at || now.since(self.told_at) >= distance
    }
}

/// `still unreachable, 14th time since 09:12 UTC`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            Fault::Auth => "login still refused",
            Fault::Busy => "still in use by another",
            Fault::Config => "configuration still cannot be followed",
            Fault::LocalIo => "local disk still failing",
            Fault::Protocol => "server still not understood",
            Fault::Throttled => "still throttled",
            Fault::Tls => "still no trusted connection",
            Fault::Unreachable => "still unreachable",
        };
        let ordinal = match (self.nth % 10, self.nth % 100) {
            (1, rest) if rest != 11 => "st",
            (2, rest) if rest != 12 => "nd",
            (3, rest) if rest != 13 => "rd",
            _ => "th",
        };
        let (nth, since, now) = (
            self.nth,
            self.since.to_string_utc(),
            self.now.to_string_utc(),
        );
        // The same day needs no date.
        let same_day = since.get(..10) == now.get(..10);
        let day = if same_day {
            ""
        } else {
            since.get(..10).unwrap_or_default()
        };
        let blank = if same_day { "" } else { " " };
        let time = since.get(11..16).unwrap_or_default();
        write!(
            f,
            "{what}, {nth}{ordinal} time since {day}{blank}{time} UTC"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> UnixTime {
        // 2026-11-29T09:12:00Z
        UnixTime::from_seconds(1_795_943_520 + seconds)
    }

    #[test]
    fn the_first_failure_is_told_and_then_ever_fewer() {
        let mut outage = Outage::default();
        let mut told = Vec::new();
        for second in (0..86_400 * 2).step_by(30) {
            if outage.failed(Fault::Unreachable, at(second)).aloud {
                told.push(second);
            }
        }
        let hour = 3_600;
        assert_eq!(told[..7], [0, 60, 120, 240, 480, 960, 1_920]);
        assert!(told.len() < 20, "{told:?}");
        let last = told.windows(2).map(|pair| pair[1] - pair[0]).next_back();
        assert_eq!(last, Some(6 * hour));
        let recovery = outage.worked(at(86_400 * 2)).unwrap();
        assert_eq!(recovery.failures, 5_760);
        assert_eq!(recovery.lasted.as_secs(), 86_400 * 2);
        assert_eq!(recovery.since, at(0));
    }

    #[test]
    fn another_kind_of_failure_is_news_once() {
        let mut outage = Outage::default();
        let mut aloud = |fault, second| outage.failed(fault, at(second)).aloud;
        assert!(aloud(Fault::Unreachable, 0));
        assert!(aloud(Fault::Tls, 1));
        assert!(!aloud(Fault::Unreachable, 2));
        assert!(!aloud(Fault::Tls, 3));
        assert!(aloud(Fault::Auth, 4));
    }

    #[test]
    fn what_works_now_and_then_is_one_outage() {
        let mut outage = Outage::default();
        let (mut told, mut recovered) = (0, 0);
        for minute in 0..60 {
            told += u32::from(outage.failed(Fault::Unreachable, at(minute * 60)).aloud);
            recovered += u32::from(outage.worked(at(minute * 60 + 30)).is_some());
        }
        assert_eq!(told, recovered, "every line has its end");
        assert!(told <= 7, "{told}");
        let next = outage.failed(Fault::Unreachable, at(59 * 60 + 31));
        assert_eq!((next.nth, next.since), (61, at(0)));
    }

    #[test]
    fn whoever_was_told_of_a_recovery_hears_soon_that_it_was_none() {
        let mut outage = Outage::default();
        let hours = 8 * 3_600;
        for second in (0..hours).step_by(60) {
            outage.failed(Fault::Unreachable, at(second));
        }
        assert!(outage.worked(at(hours)).is_some());
        assert!(outage.failed(Fault::Unreachable, at(hours + 120)).aloud);
    }

    #[test]
    fn what_worked_for_a_while_fails_anew() {
        let mut outage = Outage::default();
        outage.failed(Fault::Unreachable, at(0));
        outage.worked(at(10)).unwrap();
        assert_eq!(outage.worked(at(300)), None, "told once");
        let failure = outage.failed(Fault::Unreachable, at(610));
        assert_eq!((failure.nth, failure.aloud), (1, true));
    }

    #[test]
    fn what_never_failed_does_not_recover() {
        assert_eq!(Outage::default().worked(at(0)), None);
    }

    #[test]
    fn a_clock_that_was_set_back_silences_nothing() {
        let mut outage = Outage::default();
        outage.failed(Fault::Unreachable, at(0));
        assert!(outage.failed(Fault::Unreachable, at(-90_000)).aloud);
    }

    #[test]
    fn it_is_said_in_words() {
        let said = |nth, now| {
            let failure = Failure {
                fault: Fault::Unreachable,
                nth,
                since: at(0),
                now: at(now),
                aloud: true,
            };
            failure.to_string()
        };
        assert_eq!(said(14, 60), "still unreachable, 14th time since 09:12 UTC");
        for (nth, ordinal) in [
            (1, "1st"),
            (2, "2nd"),
            (3, "3rd"),
            (11, "11th"),
            (112, "112th"),
            (123, "123rd"),
        ] {
            assert!(said(nth, 0).contains(&format!(" {ordinal} time")), "{nth}");
        }
        let tomorrow = said(99, 86_400);
        assert_eq!(
            tomorrow,
            "still unreachable, 99th time since 2026-11-29 09:12 UTC"
        );
    }
}
