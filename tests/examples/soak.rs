//! Lets a daemon work for long and says whether it grows: `tests/soak/run [PASSES [RECONNECTS]]`.

use postrider_tests::soak::{Plan, soak};
use std::process::ExitCode;

/// What own memory may grow by over 1,000 rounds, in KiB. The index itself grows by a message in ten rounds, and the
/// allocator is never quite at rest.
const MOST_KIB: f64 = 512.0;

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1).map(|number| number.parse());
    let mut number = |otherwise| given.next().unwrap_or(Ok(otherwise));
    let (Ok(passes), Ok(reconnects)) = (number(2_000), number(50)) else {
        print("usage: tests/soak/run [PASSES [RECONNECTS]]");
        return ExitCode::from(64);
    };
    let soaked = soak(Plan { passes, reconnects });
    print(&soaked.to_string());
    let growth = soaked.growth();
    if growth.own_kib_per_thousand > MOST_KIB || growth.descriptors > 0 {
        print("it grows");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "what this program is for")]
fn print(text: &str) {
    println!("{text}");
}
