//! Whether something that must go on has come to a halt, from what it announced and when it last moved.

use std::fmt;
use std::time::Duration;

/// How a task or thread stands at this moment. All spans are as of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// How long ago it last moved: was woken, and went on.
    pub silent_for: Duration,
    /// How long it may be silent while it has announced nothing.
    pub limit: Duration,
    /// What it has announced to wait for, and still does.
    pub waits: Vec<Wait>,
    /// It has ended, in whatever way.
    pub ended: bool,
}

/// A wait that was announced before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How long it has lasted.
    pub lasted: Duration,
    /// How long it may last; `None`: for ever, because somebody else has to move first.
    pub at_most: Option<Duration>,
}

impl Wait {
    fn overdue(&self) -> Option<Duration> {
        self.at_most.filter(|at_most| self.lasted > *at_most)
    }
}

/// How something came to a halt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    /// It has ended, and nobody asked it to.
    Ended,
    /// A wait is not over that should be.
    Overdue {
        /// How long it has lasted.
        lasted: Duration,
        /// How long it was to last at most.
        at_most: Duration,
    },
    /// It waits for nothing that it told of, and does not move.
    Silent {
        /// How long it has not moved.
        silent_for: Duration,
        /// How long it may.
        limit: Duration,
    },
}

impl Pulse {
    /// The cases, the first that holds:
    ///
    /// 1. it has ended: halted, for only who was asked to may end, and is then asked no more;
    /// 2. a wait is overdue: halted, whatever else moves;
    /// 3. it waits, in time: well. What else it does meanwhile is not looked at;
    /// 4. it waits for nothing: well as long as it moved lately.
    #[must_use]
    pub fn stall(&self) -> Option<Stall> {
        if self.ended {
            return Some(Stall::Ended);
        }
        let overdue = |wait: &Wait| Some((wait.lasted, wait.overdue()?));
        if let Some((lasted, at_most)) = self.waits.iter().find_map(overdue) {
            return Some(Stall::Overdue { lasted, at_most });
        }
        let moves = self.silent_for <= self.limit;
        (self.waits.is_empty() && !moves).then_some(Stall::Silent {
            silent_for: self.silent_for,
            limit: self.limit,
        })
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("it has ended, and nobody asked it to"),
            Self::Overdue { lasted, at_most } => write!(
                f,
                "it has waited {} s for something that takes {} s at most",
                lasted.as_secs(),
                at_most.as_secs()
            ),
            Self::Silent { silent_for, limit } => write!(
                f,
                "it has not moved for {} s, and may rest for {} s at most",
                silent_for.as_secs(),
                limit.as_secs()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn pulse(silent_for: u64, waits: &[(u64, Option<u64>)]) -> Pulse {
        let wait = |(lasted, at_most): &(u64, Option<u64>)| Wait {
            lasted: seconds(*lasted),
            at_most: at_most.map(seconds),
        };
        Pulse {
            silent_for: seconds(silent_for),
            limit: seconds(90),
            waits: waits.iter().map(wait).collect(),
            ended: false,
        }
    }

    #[test]
    fn who_waits_for_nothing_must_move() {
        assert_eq!(pulse(0, &[]).stall(), None);
        assert_eq!(pulse(90, &[]).stall(), None);
        let stall = pulse(91, &[]).stall().unwrap();
        assert_eq!(
            stall.to_string(),
            "it has not moved for 91 s, and may rest for 90 s at most"
        );
    }

    #[test]
    fn who_waits_may_be_silent_until_the_wait_should_be_over() {
        assert_eq!(pulse(300, &[(300, Some(300))]).stall(), None);
        assert_eq!(pulse(9_999, &[(9_999, None)]).stall(), None);
        let stall = pulse(301, &[(301, Some(300))]).stall().unwrap();
        assert_eq!(
            stall.to_string(),
            "it has waited 301 s for something that takes 300 s at most"
        );
    }

    #[test]
    fn a_wait_that_is_overdue_is_not_excused_by_what_moves_beside_it() {
        let (lasted, at_most) = (seconds(301), seconds(300));
        let overdue = Some(Stall::Overdue { lasted, at_most });
        assert_eq!(pulse(0, &[(301, Some(300))]).stall(), overdue);
        let both = [(1, None), (301, Some(300)), (5, Some(10))];
        assert_eq!(pulse(0, &both).stall(), overdue);
    }

    #[test]
    fn who_ended_unasked_is_missed() {
        let ended = Pulse {
            ended: true,
            ..pulse(0, &[(1, None)])
        };
        assert_eq!(ended.stall(), Some(Stall::Ended));
    }
}
