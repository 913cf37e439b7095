//! When to try again: back-off, polls and how accounts spread, from values handed in.
//!
//! An account's [`Pace`] answers one question after every pass: how long until the next one? The server's
//! own wish comes first ([`crate::wish`]); then back-off after failures, then the poll. What happens around
//! us (a network that is back) may cut a pause short, within the bounds of [`crate::haste`].

use crate::fault::Fault;
use crate::time::UnixTime;
use std::time::Duration;

/// The first pause after a failure, before jitter. Short, because most failures are a lost line
/// that is back at once.
pub const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause after failures that pass by themselves.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The first pause after a certificate that is not good. Most often somebody else answers in the
/// server's place (a captive portal), and does so until a person has logged in there.
pub const FIRST_PAUSE_FOR_TLS: Duration = Duration::from_secs(30);
/// The longest such pause: a renewed certificate is noticed within the hour.
pub const LONGEST_PAUSE_FOR_TLS: Duration = Duration::from_secs(60 * 60);
/// The first pause where a server asked us to slow down and did not say for how long.
pub const FIRST_PAUSE_WHEN_THROTTLED: Duration = Duration::from_secs(60);
/// The longest such pause. A time that the server names is kept whatever it is.
pub const LONGEST_PAUSE_WHEN_THROTTLED: Duration = Duration::from_secs(60 * 60);
/// The first pause after a refusal that only a human can mend: a wrong password tried every few
/// seconds locks accounts.
pub const FIRST_PAUSE_FOR_A_HUMAN: Duration = Duration::from_secs(5 * 60);
/// The longest such pause.
pub const LONGEST_PAUSE_FOR_A_HUMAN: Duration = Duration::from_secs(6 * 60 * 60);

/// For how long an account must work, at the least, before its failures are forgotten.
pub const STABLE_AFTER: Duration = Duration::from_secs(60);

/// So many accounts begin at once; a machine with a few must not wait for its mail.
pub const AT_ONCE: usize = 8;
/// The distance at which the others begin, after a start, a reload or a change around us: forty logins a
/// second are few for a server and for us, and a thousand accounts have all begun after 25 s.
pub const APART: Duration = Duration::from_millis(25);
/// Over how long accounts spread when all are called together: at the least, and at the most. Whoever waits for mail
/// after a wake does not wait for ten thousand others.
const LEAST_SPREAD: Duration = Duration::from_millis(500);
const LARGEST_SPREAD: Duration = Duration::from_secs(30);

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

/// Failures that are counted together, because they are waited for in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// It passes by itself.
    Passing,
    /// Who answers is not the server we want.
    Tls,
    /// The server wants less of us.
    Throttled,
    /// A human must act.
    Human,
}

impl Trouble {
    const fn of(fault: Fault) -> Self {
        match fault {
            Fault::Auth | Fault::Config => Self::Human,
            Fault::Tls => Self::Tls,
            Fault::Throttled => Self::Throttled,
            Fault::Busy | Fault::LocalIo | Fault::Protocol | Fault::Unreachable => Self::Passing,
        }
    }

    const fn bounds(self) -> (Duration, Duration) {
        match self {
            Self::Passing => (FIRST_PAUSE, LONGEST_PAUSE),
            Self::Tls => (FIRST_PAUSE_FOR_TLS, LONGEST_PAUSE_FOR_TLS),
            Self::Throttled => (FIRST_PAUSE_WHEN_THROTTLED, LONGEST_PAUSE_WHEN_THROTTLED),
            Self::Human => (FIRST_PAUSE_FOR_A_HUMAN, LONGEST_PAUSE_FOR_A_HUMAN),
        }
    }

    /// The pause after the `nth` failure before jitter.
    fn whole_pause(self, nth: u32) -> Duration {
        let (first, longest) = self.bounds();
        let doublings = nth.saturating_sub(1).min(31);
        first.saturating_mul(1 << doublings).min(longest)
    }
}

/// How long to wait after the `nth` failure (1 for the first): doubled each time up to a bound, then cut by
/// jitter to between half and all of it, so that clients which failed together do not come back together.
#[must_use]
pub fn pause_after(fault: Fault, nth: u32, jitter: Jitter) -> Duration {
    let whole = Trouble::of(fault).whole_pause(nth);
    whole.mul_f64(0.5 + jitter.0 / 2.0)
}

/// How long to wait after a good pass: `poll`, give or take a tenth, so that many accounts spread.
#[must_use]
pub fn pause_between(poll: Duration, jitter: Jitter) -> Duration {
    poll.mul_f64(0.9 + jitter.0 / 5.0)
}

/// How long the `nth` account (0 for the first) waits before its first pass, of those that begin together.
#[must_use]
pub fn pause_before_first(nth: usize, jitter: Jitter) -> Duration {
    match nth.checked_sub(AT_ONCE) {
        None => Duration::ZERO,
        Some(waiting) => times(APART, waiting) + APART.mul_f64(jitter.0),
    }
}

/// How long an account waits when `accounts` of them are called together.
#[must_use]
pub fn pause_before_call(accounts: usize, jitter: Jitter) -> Duration {
    let spread = times(APART, accounts).clamp(LEAST_SPREAD, LARGEST_SPREAD);
    spread.mul_f64(jitter.0)
}

fn times(apart: Duration, accounts: usize) -> Duration {
    apart.saturating_mul(u32::try_from(accounts).unwrap_or(u32::MAX))
}

/// What one account's passes have come to, as far as the next one's time depends on it.
///
/// Failures of one sort are counted until the account has been stable: it has worked, without a failure in
/// between, for as long as the longest pause that they had led to, and for [`STABLE_AFTER`] at the least. A pass
/// that works once in a while does not make a failing account's tries frequent again.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// Failures since the account was stable, by [`Trouble`].
    failures: [u32; 4],
    /// The longest pause since then, before jitter.
    longest: Duration,
    /// Since when it works; `None` while it does not.
    works_since: Option<UnixTime>,
    has_polled: bool,
    /// What the server wants between two logins, as it last said.
    login_delay: Duration,
}

impl Pace {
    /// A pass was complete. `login_delay` is what the server wants between two logins. How long to wait.
    pub fn worked(
        &mut self,
        poll: Duration,
        login_delay: Duration,
        (now, jitter): (UnixTime, Jitter),
    ) -> Duration {
        self.works_since.get_or_insert(now);
        self.login_delay = login_delay;
        let pause = if self.has_polled {
            pause_between(poll, jitter)
        } else {
            // Accounts that began together are apart from the first poll on.
            poll.mul_f64(0.5 + jitter.0 / 2.0)
        };
        self.has_polled = true;
        pause.max(login_delay)
    }

    /// A pass failed; `wish` is how long the server wants to be left alone, if it said so. How long to wait.
    pub fn failed(
        &mut self,
        fault: Fault,
        wish: Option<Duration>,
        (now, jitter): (UnixTime, Jitter),
    ) -> Duration {
        if self.was_stable(now) {
            self.failures = [0; 4];
            self.longest = Duration::ZERO;
        }
        self.works_since = None;
        let trouble = Trouble::of(fault);
        let mut nth = 1;
        if let Some(count) = self.failures.get_mut(trouble as usize) {
            *count = count.saturating_add(1);
            nth = *count;
        }
        self.longest = self.longest.max(trouble.whole_pause(nth));
        let wish = wish.unwrap_or_default().max(self.login_delay);
        // A little later than asked: others were told the same, and clocks differ.
        let obeyed = wish.mul_f64(1.0 + jitter.0 / 10.0);
        pause_after(fault, nth, jitter).max(obeyed)
    }

    /// Forgets failures to which something around us may have been the reason, and that has changed.
    pub fn begin_anew(&mut self) {
        for trouble in [Trouble::Passing, Trouble::Tls] {
            if let Some(count) = self.failures.get_mut(trouble as usize) {
                *count = 0;
            }
        }
    }

    /// The server wants so much time between two logins from now on.
    pub const fn keep_apart(&mut self, login_delay: Duration) {
        self.login_delay = login_delay;
    }

    /// The least time from one login to the next.
    #[must_use]
    pub const fn login_delay(&self) -> Duration {
        self.login_delay
    }

    fn was_stable(&self, now: UnixTime) -> bool {
        let needed = self.longest.max(STABLE_AFTER);
        self.works_since
            .is_some_and(|since| now.since(since) >= needed)
    }
}

#[cfg(test)]
mod tests;
