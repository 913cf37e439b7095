//! CAPA (RFC 2449 §5): what a server can.

use crate::command::Command;
use crate::error::Pop3Error;
use crate::reply::Reply;
use crate::wire::{Follows, Wire};
use postrider_transport::escape_server_text;
use std::time::Duration;

/// The largest list of capabilities, in octets; real ones are below one KiB.
const LARGEST: u64 = 64 * 1024;

/// The longest pause between logins that a server is granted: beyond a day it has mistaken the unit.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a server says that it can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `None` when the server does not know CAPA.
    lines: Option<Vec<String>>,
}

impl Capabilities {
    /// Whether the server knows CAPA at all.
    #[must_use]
    pub const fn has_capa(&self) -> bool {
        self.lines.is_some()
    }

    /// Whether `name` was announced; case does not matter.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.arguments(name).is_some()
    }

    /// The announced lines with their arguments (`SASL PLAIN LOGIN`), fit to be shown, in the
    /// server's order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lines
            .iter()
            .flatten()
            .map(escape_server_text)
            .collect()
    }

    /// The mechanisms of SASL (RFC 5034 §3), in capitals.
    #[must_use]
    pub fn sasl_mechanisms(&self) -> Vec<String> {
        let mechanisms = self.arguments("SASL").unwrap_or_default();
        let mechanisms = mechanisms.split_ascii_whitespace();
        mechanisms.map(str::to_ascii_uppercase).collect()
    }

    /// The least time between two logins (RFC 2449 §6.6). Servers for which it differs from user to
    /// user may tell more after the login.
    #[must_use]
    pub fn login_delay(&self) -> Option<Duration> {
        let seconds = self.number("LOGIN-DELAY")?;
        Some(Duration::from_secs(seconds).min(LONGEST_DELAY))
    }

    /// After how many days the server deletes a message by itself (RFC 2449 §6.7); 0: once it was
    /// retrieved. `None` when it never does, or does not say.
    #[must_use]
    pub fn expires_after_days(&self) -> Option<u64> {
        self.number("EXPIRE")
    }

    fn number(&self, name: &str) -> Option<u64> {
        let word = self.arguments(name)?.split_ascii_whitespace().next()?;
        // `NEVER` is no number, nor is what a broken server says.
        word.parse().ok().filter(|_| !word.starts_with('+'))
    }

    fn arguments(&self, name: &str) -> Option<&str> {
        self.lines.iter().flatten().find_map(|line| {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            word.eq_ignore_ascii_case(name).then_some(rest)
        })
    }
}

/// Asks for the capabilities. `-ERR` means that the server predates RFC 2449.
pub(crate) async fn ask(wire: &mut Wire) -> Result<Capabilities, Pop3Error> {
    let mut capabilities = Capabilities::default();
    if let Reply::Ok(_) = wire.ask(Command::Capa, Follows::Data).await? {
        let lines = capabilities.lines.insert(Vec::new());
        wire.rows(LARGEST, |row| {
            let line = String::from_utf8_lossy(row).trim().to_owned();
            if !line.is_empty() {
                lines.push(line);
            }
        })
        .await?;
    }
    Ok(capabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_any_case_and_as_a_whole() {
        let lines = ["sasl Plain SCRAM-SHA-1", "UIDL", "PIPELININGS"];
        let capabilities = Capabilities {
            lines: Some(lines.map(str::to_owned).to_vec()),
        };
        assert_eq!(capabilities.sasl_mechanisms(), ["PLAIN", "SCRAM-SHA-1"]);
        assert!(capabilities.has("uidl"));
        assert!(!capabilities.has("PIPELINING"));
        assert_eq!(capabilities.names(), lines);
        assert!(!Capabilities::default().has_capa());
    }

    #[test]
    fn delays_and_expiry_are_read_with_care() {
        let told = |line: &str| Capabilities {
            lines: Some(vec![line.to_owned()]),
        };
        let delay = |line| told(line).login_delay().map(|delay| delay.as_secs());
        assert_eq!(delay("LOGIN-DELAY 900"), Some(900));
        assert_eq!(delay("login-delay 60 USER"), Some(60));
        assert_eq!(delay("LOGIN-DELAY 99999999"), Some(86_400));
        for line in ["LOGIN-DELAY", "LOGIN-DELAY -5", "LOGIN-DELAY +5", "LOGIN"] {
            assert_eq!(delay(line), None, "{line}");
        }
        for (line, days) in [
            ("EXPIRE 0", Some(0)),
            ("EXPIRE 30 USER", Some(30)),
            ("EXPIRE NEVER", None),
            ("EXPIRE", None),
        ] {
            assert_eq!(told(line).expires_after_days(), days, "{line}");
        }
    }
}
