//! CAPA (RFC 2449 §5): what a server can.

use crate::command::Command;
use crate::error::Pop3Error;
use crate::reply::Reply;
use crate::wire::{Follows, Wire};
use postrider_transport::escape_server_text;

/// The largest list of capabilities, in octets; real ones are below one KiB.
const LARGEST: u64 = 64 * 1024;

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
}
