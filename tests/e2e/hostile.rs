//! The built binary between servers that mean harm (R7, R8, R11): each ends in a clear error for its own account, with
//! memory within bounds, nothing written elsewhere, and the mail of the others delivered.

mod bombs;
mod byes;
mod daemon;
mod floods;
mod imap_lies;
mod names;
mod pop3_lies;
mod slow;

use postrider_tests::hostile::{Act, Trap};

/// Says this, and nothing else.
fn instead(of: &str, text: &str) -> Trap {
    Trap::at(of, [Act::say(text)])
}

/// Says this, and then what is honest.
fn before(of: &str, text: &str) -> Trap {
    Trap::at(of, [Act::say(text), Act::Honest])
}

/// Says what is honest, with a text in it replaced.
fn edited(of: &str, from: &'static str, to: &'static str) -> Trap {
    Trap::at(of, [Act::Edited(from, to)])
}
