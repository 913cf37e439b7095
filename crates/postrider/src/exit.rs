//! How a command ends: what is said on stderr, and the status (CONTRACT section 4).

use crate::error::Error;
use postrider_core::fault::Fault;
use std::error::Error as _;

/// The status of a command line that is wrong (sysexits).
pub const USAGE: u8 = 64;

/// The longest line of an error, in characters: server text is in it, and a terminal has an end.
const LONGEST: usize = 2_000;

/// The status that errors end a command with: 0 for none, else the highest ranked.
#[must_use]
pub fn status(errors: &[Error]) -> u8 {
    let usage = |error: &Error| matches!(error, Error::UnknownAccount { .. });
    if errors.iter().any(usage) {
        return USAGE;
    }
    let worst = Fault::worst(errors.iter().map(Error::fault));
    worst.map_or(0, Fault::exit_status)
}

/// What is said about an error: what happened, the causes, and what to type next.
#[must_use]
pub fn report(error: &Error) -> String {
    let (first, mut cause) = match error {
        Error::Account { source, .. } => (format!("{error}: {source}"), source.source()),
        other => (other.to_string(), other.source()),
    };
    // A configuration has several lines to say, each complete in itself.
    let mut lines: Vec<String> = first
        .lines()
        .map(|line| format!("postrider: {line}"))
        .collect();
    while let Some(error) = cause {
        lines.push(format!("  caused by: {error}"));
        cause = error.source();
    }
    if let Some(hint) = error.hint() {
        let mut hint = hint.lines();
        lines.push(format!("  hint: {}", hint.next().unwrap_or_default()));
        lines.extend(hint.map(|line| format!("  {line}")));
    }
    let lines: Vec<String> = lines.iter().map(|line| safe(line)).collect();
    lines.join("\n")
}

/// No control character of a server or a file reaches the terminal.
fn safe(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    for c in line.chars().take(LONGEST) {
        if c.is_control() {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}
