//! The brake: a pass that would remove too much stops before it does (R6).

use std::fmt;

/// A whole number of hundredths, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u8);

impl Percent {
    /// Makes a share of a number; `None` above 100.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= 100 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// How much one pass may remove from one mailbox, on either side and for whatever reason.
///
/// Both bounds must be exceeded: a hundred of a million messages are a day's cleaning, and all but
/// one of five are too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Brake {
    /// So many messages never engage it, unless they are all there are.
    pub messages: u64,
    /// Neither does this share of the messages in the mailbox.
    pub share: Percent,
}

impl Default for Brake {
    fn default() -> Self {
        Self {
            messages: 100,
            share: Percent(20),
        }
    }
}

/// Whoever empties a mailbox of fewer messages than this does so by hand.
const WORTH_ASKING: u64 = 10;

/// Whether a pass that would remove `removing` of the `held` messages of a mailbox must wait for
/// `approve`. A mailbox of ten or more that would be left empty engages it whatever the bounds.
#[must_use]
pub fn engages(brake: &Brake, removing: u64, held: u64) -> bool {
    // Hundredths of a u64 do not fit one.
    let share = u128::from(removing) * 100 > u128::from(held) * u128::from(brake.share.0);
    let empties = held >= WORTH_ASKING && removing >= held;
    removing > brake.messages && share || empties
}

/// The brake as an English sentence.
impl fmt::Display for Brake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "more than {} messages and more than {} of a mailbox, or all of {WORTH_ASKING} or more, \
             are removed only after `approve`",
            self.messages, self.share
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn r6_both_bounds_or_an_empty_mailbox() {
        for (removing, held, stops) in [
            (0, 0, false),
            (0, 1_000, false),
            (100, 101, false),
            (100, 400, false),
            (101, 505, false),
            (101, 504, true),
            (101, 1_000_000, false),
            (200_000, 1_000_000, false),
            (200_001, 1_000_000, true),
            (9, 9, false),
            (10, 10, true),
            (9, 10, false),
            (100, 100, true),
            // What was counted in two moments may not add up.
            (11, 10, true),
            (u64::MAX, u64::MAX, true),
            (1, u64::MAX, false),
        ] {
            let stopped = engages(&Brake::default(), removing, held);
            assert_eq!(stopped, stops, "{removing} of {held}");
        }
    }

    #[test]
    fn r6_the_bounds_may_be_extreme() {
        let brake = |messages, share| Brake {
            messages,
            share: Percent::new(share).unwrap(),
        };
        assert!(engages(&brake(0, 0), 1, 1_000));
        assert!(!engages(&brake(0, 0), 0, 1_000));
        assert!(!engages(&brake(0, 100), 999, 1_000));
        assert!(engages(&brake(u64::MAX, 100), 1_000, 1_000));
        assert!(Percent::new(101).is_none());
    }

    #[test]
    fn it_is_said_in_words() {
        assert_eq!(
            Brake::default().to_string(),
            "more than 100 messages and more than 20% of a mailbox, or all of 10 or more, \
             are removed only after `approve`"
        );
    }

    fn brakes() -> impl Strategy<Value = Brake> {
        let bounds = (0_u64..2_000, 0_u8..=100);
        bounds.prop_map(|(messages, share)| Brake {
            messages,
            share: Percent::new(share).unwrap(),
        })
    }

    proptest! {
        #[test]
        fn r6_emptying_ten_or_more_always_stops(brake in brakes(), held in 10_u64..) {
            prop_assert!(engages(&brake, held, held));
        }

        #[test]
        fn r6_removing_more_never_releases(
            brake in brakes(),
            removing in 0_u64..5_000,
            more in 0_u64..5_000,
            held in 0_u64..5_000,
        ) {
            prop_assert!(
                !engages(&brake, removing, held) || engages(&brake, removing + more, held)
            );
        }

        #[test]
        fn r6_what_is_left_alone_is_small_in_number_or_in_share(
            brake in brakes(),
            removing in 0_u64..5_000,
            held in 0_u64..5_000,
        ) {
            let few = removing <= brake.messages;
            let share = removing * 100 <= held * u64::from(brake.share.as_u8());
            let empties = held >= 10 && removing >= held;
            prop_assert_eq!(engages(&brake, removing, held), !(few || share) || empties);
        }
    }
}
