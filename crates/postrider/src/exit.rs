//! How a command ends: what is said on stderr, and the status (CONTRACT section 4).

use crate::control::error::ControlError;
use crate::control::words::Trouble;
use crate::error::Error;
use crate::readers::Unfit;
use postrider_core::fault::Fault;
use postrider_engine::EngineError;
use std::error::Error as _;

/// The status of a command line that is wrong (sysexits).
pub const USAGE: u8 = 64;

/// The longest line of an error, in characters: server text is in it, and a terminal has an end.
const LONGEST: usize = 2_000;

/// The status that errors end a command with: 0 for none, else the highest ranked.
#[must_use]
pub fn status(errors: &[Error]) -> u8 {
    let usage = |error: &Error| {
        matches!(
            error,
            Error::UnknownAccount { .. }
                | Error::NoTerminal
                | Error::Engine(EngineError::NoWayBack { .. })
                | Error::Export(Unfit::Apart { .. })
        )
    };
    if errors.iter().any(usage) {
        return USAGE;
    }
    let worst = Fault::worst(errors.iter().map(Error::fault));
    worst.map_or(0, Fault::exit_status)
}

/// What is said about an error: what happened, the causes, and what to type next.
#[must_use]
pub fn report(error: &Error) -> String {
    let (first, causes) = told(error);
    // A configuration has several lines to say, each complete in itself.
    let mut lines: Vec<String> = first
        .lines()
        .map(|line| format!("postrider: {line}"))
        .collect();
    lines.extend(causes.iter().map(|cause| format!("  caused by: {cause}")));
    if let Some(hint) = error.hint() {
        let mut hint = hint.lines();
        lines.push(format!("  hint: {}", hint.next().unwrap_or_default()));
        lines.extend(hint.map(|line| format!("  {line}")));
    }
    let lines: Vec<String> = lines.iter().map(|line| safe(line)).collect();
    lines.join("\n")
}

/// The same as the `error` field of an event: what happened and the causes, on one line.
#[must_use]
pub fn one_line(error: &Error) -> String {
    let (first, causes) = told(error);
    let lines: Vec<&str> = first.lines().collect();
    let whole = std::iter::once(lines.join("; ")).chain(causes);
    safe(&whole.collect::<Vec<_>>().join(": "))
}

/// Lines that are complete in themselves, as one, safe in a log.
#[must_use]
pub fn plain_line(lines: &str) -> String {
    safe(&lines.lines().collect::<Vec<_>>().join("; "))
}

/// The same for another process.
#[must_use]
pub fn trouble(error: &Error) -> Trouble {
    let (first, caused_by) = told(error);
    Trouble {
        kind: error.fault().kind().to_owned(),
        error: first,
        caused_by,
        hint: error.hint(),
    }
}

/// What happened, and the causes from the nearest on.
fn told(error: &Error) -> (String, Vec<String>) {
    if let Error::Control(ControlError::Refused { trouble }) | Error::Told { trouble, .. } = error {
        return (error.to_string(), trouble.caused_by.clone());
    }
    let (first, cause) = match error {
        Error::Account { source, .. } => (format!("{error}: {source}"), source.source()),
        other => (other.to_string(), other.source()),
    };
    (first, causes(cause))
}

/// A chain of sources as text.
pub(crate) fn causes(mut cause: Option<&(dyn std::error::Error + 'static)>) -> Vec<String> {
    let mut causes = Vec::new();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::error::ConfigError;
    use std::io;
    use std::path::PathBuf;
    use std::time::Duration;

    fn config() -> Error {
        let looked = vec![PathBuf::from("/a"), PathBuf::from("/b")];
        ConfigError::NotFound { looked }.into()
    }

    fn output() -> Error {
        let source = io::Error::other("no \u{1b}[2J space");
        Error::Output { source }
    }

    fn late() -> Error {
        let within = Duration::from_secs(10);
        Error::StopTimedOut { within }
    }

    fn unknown() -> Error {
        let (name, nearest) = ("hmoe".to_owned(), Some("home".to_owned()));
        Error::UnknownAccount { name, nearest }
    }

    #[test]
    fn the_highest_ranked_error_decides() {
        assert_eq!(status(&[]), 0);
        assert_eq!(status(&[late()]), 75);
        assert_eq!(status(&[late(), output()]), 74);
        assert_eq!(status(&[late(), config(), output()]), 78);
        assert_eq!(status(&[unknown()]), 64);
    }

    #[test]
    fn an_error_is_what_happened_then_why_then_what_to_type() {
        assert_eq!(
            report(&output()),
            "postrider: writing the answer\n  caused by: no \\u{1b}[2J space"
        );
        assert_eq!(
            report(&unknown()),
            "postrider: there is no account `hmoe`\n  hint: the nearest name is `home`"
        );
        assert_eq!(
            one_line(&output()),
            "writing the answer: no \\u{1b}[2J space"
        );
        let said = report(&config());
        let first =
            "postrider: there is no configuration; looked for /a, /b\n  hint: write this to /a\n";
        assert!(said.starts_with(first), "{said}");
    }
}
