//! When to try again: back-off and the next pass, from values handed in.

use crate::fault::Fault;
use std::time::Duration;

/// The first pause after a failure, before jitter. Short, because most failures are a lost line
/// that is back at once.
pub const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause after failures that pass by themselves.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The first pause after a refusal that only a human can mend: a wrong password tried every few
/// seconds locks accounts.
pub const FIRST_PAUSE_FOR_A_HUMAN: Duration = Duration::from_secs(5 * 60);
/// The longest such pause.
pub const LONGEST_PAUSE_FOR_A_HUMAN: Duration = Duration::from_secs(6 * 60 * 60);

/// A number from 0 to 1, drawn by the caller: this crate has no dice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jitter(f64);

impl Jitter {
    /// Takes a drawn number; what lies outside 0 to 1 is cut to it.
    #[must_use]
    pub const fn new(drawn: f64) -> Self {
        Self(drawn.clamp(0.0, 1.0))
    }
}

/// How long to wait after the `failures`th failure in a row (1 for the first): doubled each time up
/// to a bound, then cut by jitter to between half and all of it, so that clients which failed
/// together do not come back together.
#[must_use]
pub fn pause_after(fault: Fault, failures: u32, jitter: Jitter) -> Duration {
    let (first, longest) = if fault.needs_human() {
        (FIRST_PAUSE_FOR_A_HUMAN, LONGEST_PAUSE_FOR_A_HUMAN)
    } else {
        (FIRST_PAUSE, LONGEST_PAUSE)
    };
    let doublings = failures.saturating_sub(1).min(31);
    let whole = first.saturating_mul(1 << doublings).min(longest);
    whole.mul_f64(0.5 + jitter.0 / 2.0)
}

/// How long to wait after a good pass: `poll`, give or take a tenth, so that many accounts spread.
#[must_use]
pub fn pause_between(poll: Duration, jitter: Jitter) -> Duration {
    poll.mul_f64(0.9 + jitter.0 / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let pause = |n| pause_after(Fault::Unreachable, n, Jitter::new(1.0));
        assert_eq!(pause(1), FIRST_PAUSE);
        assert_eq!(pause(2), FIRST_PAUSE * 2);
        assert_eq!(pause(40), LONGEST_PAUSE);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
        assert!((1..20).all(|n| pause(n) <= pause(n + 1)));
    }

    #[test]
    fn a_refused_password_is_not_hammered() {
        let pause = pause_after(Fault::Auth, 1, Jitter::new(0.0));
        assert!(pause >= FIRST_PAUSE_FOR_A_HUMAN / 2);
    }

    #[test]
    fn jitter_spreads_but_never_below_half_or_above_the_whole() {
        for drawn in [-1.0, 0.0, 0.3, 1.0, 7.0, f64::INFINITY] {
            let pause = pause_after(Fault::Unreachable, 3, Jitter::new(drawn));
            assert!(
                (FIRST_PAUSE * 2..=FIRST_PAUSE * 4).contains(&pause),
                "{drawn}"
            );
            let between = pause_between(Duration::from_secs(100), Jitter::new(drawn));
            assert!((90..=110).contains(&between.as_secs()), "{drawn}");
        }
    }
}
