//! By which time ages are judged, and which time is noted for what comes: a machine whose battery is dead wakes
//! up in another year, and `delete_after` must not take that for the passing of time.
//!
//! Ages are the difference of two times, and each of them may be wrong. What helps is that the machine counts
//! [`Ticks`]: between two passes of one run of it we know how much time has passed, whatever the clock was set to.
//!
//! **By which they are judged.** What a clock says is believed when it goes on from where it was. After a
//! leap forward it is not, for [`SETTLES`]: until then ages are judged by the time before the leap. When the clock is
//! set right within that time, as machines with a network do, it was as if it had never leapt. When it stands by its leap
//! (the machine was off for a month), it is believed. In one run whatever is more than [`SLACK`] beyond the ticks is
//! a leap; from one run to the next a pause of more than [`LEAP`] may be one.
//!
//! **From which they count.** What is noted is never before the latest time that was believed: a clock that
//! says less is behind now, or was ahead then, and one cannot know which. While it says less, our own time goes
//! on from that latest one. When the clock leaps forward in one run, it may have been behind all the time since the run
//! began, or since the leap before, so what was noted since then moves with it. After [`LEAP`] the lower time is believed, and nothing counts
//! from a later one any more: else what came after a clock had been in the year 2100 would stay for good.
//!
//! Guaranteed: times that were noted while the clock was ahead make nothing older
//! ([`Facts::age`](super::Facts::age) is never negative); a clock that is set back, or that is behind when the
//! machine starts (in 1970, or at the time of its last shutdown), makes nothing older, neither then nor when it is set
//! right in the same run, within [`LEAP`]; a leap in one run makes nothing older unless the clock stands by it for
//! [`SETTLES`], and so does one of more than [`LEAP`] from run to run. Not guaranteed: of a clock that is wrong from the
//! first pass on nothing can be known; one that starts ahead by less than [`LEAP`], or that is ahead for longer than
//! [`SETTLES`], or is set right only in another run than that in which it was behind, deletes as much too early as
//! it is wrong. R1 holds all the same.

use crate::time::{Now, UnixTime};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// A pause between two passes longer than this may be a leap: more than a week, so that whoever syncs
/// once a week has ordinary pauses. And for so long a clock that was set back is taken to be behind.
pub const LEAP: Duration = Duration::from_secs(8 * 86_400);

/// How long a clock must stand by its leap: machines set their clocks right within minutes of being
/// online.
pub const SETTLES: Duration = Duration::from_secs(3_600);

/// By how much a clock and the ticks may part between two passes: clocks are slewed, by half a second in a
/// thousand at most (adjtimex(2)), which is five minutes in a week.
pub const SLACK: Duration = Duration::from_secs(600);

/// How long the machine has been running, by a clock that nobody sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// In which run of the machine, or of the program where that cannot be told.
    pub run: i64,
    /// For how long, suspends included.
    pub at: Duration,
}

/// What is remembered of the clock from pass to pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// What it said in the last pass.
    pub seen: Option<UnixTime>,
    /// Our own time in the last pass: the latest that was believed, and what has passed since by a clock that
    /// said less.
    pub own: Option<UnixTime>,
    /// What it said when it began to say less than our own time.
    pub behind_since: Option<UnixTime>,
    /// The leap that it has not stood by for long enough.
    pub leap: Option<Leap>,
    /// The run in which the last pass was.
    pub run: Option<Run>,
}

/// A leap of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leap {
    /// Our own time before it.
    pub from: UnixTime,
    /// What it said then.
    pub to: UnixTime,
}

/// A run of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The last pass in it.
    pub ticks: Ticks,
    /// What was noted in its first pass, or when a leap was over: whatever is later may have been noted by a clock
    /// that was behind.
    pub began: UnixTime,
}

/// Times that were noted by a clock that may have been behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The first.
    pub from: UnixTime,
    /// The last.
    pub until: UnixTime,
    /// By how much.
    pub by: Duration,
}

/// What holds for a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// By this ages are judged.
    pub ages_by: Now,
    /// This is noted of what comes in the pass: when it was first seen, when it was proven.
    pub notes: Now,
    /// These were noted by a clock that was behind: they count as so much later.
    pub behind: Option<Behind>,
    /// A later time than this was noted by a clock that was ahead: it counts as this one.
    pub latest: Option<UnixTime>,
    /// What to remember.
    pub clock: Clock,
}

impl Ticks {
    /// How long after `earlier` this is; `None` where that was in another run.
    fn since(self, earlier: Self) -> Option<Duration> {
        let passed = self.at.checked_sub(earlier.at);
        passed.filter(|_| self.run == earlier.run)
    }
}

impl Clock {
    /// What holds for a pass that starts now.
    #[must_use]
    pub fn judge(self, now: Now, ticks: Ticks) -> Judged {
        let passed = self.run.and_then(|run| ticks.since(run.ticks));
        let mut judged = self.look(now, passed);
        let run = self.run.filter(|_| passed.is_some());
        // A leap of this run that is over makes what was noted until then right: no later one is about that.
        let is_over = |run: &Run| {
            let leapt = self.leap.is_some_and(|leap| leap.to > run.began);
            leapt && judged.clock.leap.is_none()
        };
        let run = run.filter(|run| !is_over(run));
        let notes = judged.notes.0;
        let began = run.map_or(notes, |run| run.began.min(notes));
        judged.clock.run = Some(Run { ticks, began });
        judged
    }

    /// The same, where so much time has passed since the last pass, as far as that is known.
    fn look(self, now: Now, passed: Option<Duration>) -> Judged {
        let Some(last) = self.seen else {
            return Judged::believed(now);
        };
        // Earlier versions remembered no time of our own.
        let own = self.own.or_else(|| self.leap.map(|leap| leap.from));
        let goes_on = |time: UnixTime| time.after(passed.unwrap_or_default());
        let (own, due) = (goes_on(own.unwrap_or(last)), goes_on(last));
        let (bound, slack) = passed.map_or((LEAP, Duration::ZERO), |_| (SLACK, SLACK));
        let is_leap = |since: UnixTime| now.0.since(since) > bound;
        let Some(leap) = self.leap else {
            return match is_leap(own) {
                true => self.leapt(own, (own, now), passed),
                false => self.went_on((last, own, now), passed),
            };
        };
        let reached = due.max(goes_on(leap.to));
        if is_leap(reached) {
            // Upon a leap of another run: whoever syncs once a month leaps in every pass, and what the clock
            // said until then is believed. Not where it had gone back meanwhile.
            let run = self.run.filter(|_| passed.is_some());
            let from = match run {
                Some(run) if run.began <= leap.to => leap.from,
                _ if due >= leap.to => due,
                _ => own,
            };
            self.leapt(from, (reached, now), passed)
        } else if now.0 >= leap.to {
            match now.0.since(leap.to) < SETTLES {
                true => Judged::standing(leap, own, now),
                false => Judged::believed(now),
            }
        } else if now.0.after(slack) >= leap.from {
            // It was set right, and what was noted meanwhile was wrong.
            let right = Judged::believed(Now(now.0.max(own)));
            right.seen(now, Some(right.notes.0))
        } else {
            self.went_on((last, own, now), passed)
        }
    }

    /// The clock says much more than it should, by all we know: the time `due`.
    fn leapt(
        self,
        from: UnixTime,
        (due, now): (UnixTime, Now),
        passed: Option<Duration>,
    ) -> Judged {
        let run = self.run.filter(|_| passed.is_some());
        let behind = run.map(|run| Behind {
            from: run.began,
            until: due,
            by: now.0.since(due),
        });
        let leapt = Judged::standing(Leap { from, to: now.0 }, from, now);
        Judged { behind, ..leapt }
    }

    /// The clock says little more than our own time, or less.
    fn went_on(
        self,
        (last, own, now): (UnixTime, UnixTime, Now),
        passed: Option<Duration>,
    ) -> Judged {
        let slack = passed.map(|_| SLACK).unwrap_or_default();
        if now.0.after(slack) >= own {
            return Judged::believed(now);
        }
        let went = now.0.since(last);
        let has_jumped = match passed {
            Some(passed) => {
                let due = last.after(passed);
                due.since(now.0).max(now.0.since(due)) > SLACK
            }
            None => now.0 < last || went > LEAP,
        };
        let since = self.behind_since.filter(|_| !has_jumped).unwrap_or(now.0);
        if now.0.since(since) >= LEAP {
            return Judged::believed(now).seen(now, Some(now.0));
        }
        let own = match passed {
            None if !has_jumped => own.after(went),
            _ => own,
        };
        Judged {
            ages_by: now,
            notes: Now(own),
            behind: None,
            latest: None,
            clock: Self {
                seen: Some(now.0),
                own: Some(own),
                behind_since: Some(since),
                ..self
            },
        }
    }
}

impl Judged {
    fn believed(now: Now) -> Self {
        Self {
            ages_by: now,
            notes: now,
            behind: None,
            latest: None,
            clock: Clock {
                seen: Some(now.0),
                own: Some(now.0),
                ..Clock::default()
            },
        }
    }

    /// The time before the leap counts. What comes is noted by the time after it: should that be right, it must
    /// not be older than it is.
    fn standing(leap: Leap, own: UnixTime, now: Now) -> Self {
        let clock = Clock {
            seen: Some(now.0),
            own: Some(own),
            leap: Some(leap),
            ..Clock::default()
        };
        Self {
            ages_by: Now(leap.from),
            clock,
            ..Self::believed(now)
        }
    }

    fn seen(self, now: Now, latest: Option<UnixTime>) -> Self {
        let clock = Clock {
            seen: Some(now.0),
            ..self.clock
        };
        Self {
            ages_by: now,
            latest,
            clock,
            ..self
        }
    }
}
