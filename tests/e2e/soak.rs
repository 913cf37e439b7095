//! The short form of `tests/soak/run`: what leaks by the pass is seen after some hundred of them.

use postrider_tests::soak::{Plan, Sample, Soaked, soak};

#[test]
fn two_hundred_passes_and_five_broken_lines_leave_nothing_behind() {
    let plan = Plan {
        passes: 200,
        reconnects: 5,
    };
    let soaked = soak(plan);
    let growth = soaked.growth();
    assert!(growth.descriptors <= 0, "{soaked}");
    // 16 KiB a pass: a connection or a message's buffer that stays. In so few passes, what is less may be the
    // allocator, which makes an arena for a thread that a busy machine started late; the long form is for that.
    assert!(growth.own_kib_per_thousand < 65_536.0, "{soaked}");
    assert_eq!((soaked.passes, soaked.reconnects), (800, 5));
}

/// Thirty samples of a daemon; `own` is its memory and `open` its descriptors by the sample.
fn soaked(own: fn(u64) -> u64, open: fn(usize) -> usize) -> Soaked {
    let sample = |n: usize| Sample {
        round: n * 10,
        own_kib: own(n as u64),
        resident_kib: 30_000,
        descriptors: open(n),
        threads: 9,
    };
    Soaked {
        samples: (1..=30).map(sample).collect(),
        ..Soaked::default()
    }
}

#[test]
fn growth_is_seen_and_a_warm_up_is_none() {
    let leaks = soaked(|n| 10_000 + n * 20, |n| 30 + n / 10).growth();
    assert_eq!(leaks.own_kib_per_thousand.round(), 2_000.0);
    assert_eq!(leaks.descriptors, 1);
    let settles = soaked(|n| 10_000 + 500 * n.min(9), |n| 30 + n % 2).growth();
    assert_eq!(settles.own_kib_per_thousand.round(), 0.0);
    assert_eq!(settles.descriptors, 0);
}
