//! What an error means for the account it happened to.

use std::fmt;

/// What is to be done about an error. Every error type answers `fault()`; the supervisor and the
/// exit status look at this and at nothing else (CONTRACT sections 4 and 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Login, certificate or TLS policy refused: a human must act. Exit 77.
    Auth,
    /// Another instance, or a limit of our own, holds us up: try later. Exit 75.
    Busy,
    /// The configuration cannot be followed. Exit 78.
    Config,
    /// The local disk failed: full, read-only, no permission. Exit 74.
    LocalIo,
    /// The server broke the protocol. Exit 76.
    Protocol,
    /// The server asked us to slow down. Exit 75.
    Throttled,
    /// TLS failed: certificate, name, version. Exit 77.
    Tls,
    /// The server cannot be reached or does not answer. Exit 69.
    Unreachable,
}

impl Fault {
    /// The `kind` field of `*.failed` events.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Busy | Self::Throttled => "throttled",
            Self::Config => "config",
            Self::LocalIo => "local_io",
            Self::Protocol => "protocol",
            Self::Tls => "tls",
            Self::Unreachable => "unreachable",
        }
    }

    /// The exit status of a command that ended with this (sysexits).
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Auth | Self::Tls => 77,
            Self::Busy | Self::Throttled => 75,
            Self::Config => 78,
            Self::LocalIo => 74,
            Self::Protocol => 76,
            Self::Unreachable => 69,
        }
    }

    /// Which of several faults decides the exit status: 78, 77, 74, 76, 69, 75 in that order.
    #[must_use]
    pub fn worst(faults: impl IntoIterator<Item = Self>) -> Option<Self> {
        const RANKED: [u8; 6] = [78, 77, 74, 76, 69, 75];
        let rank = |fault: &Self| RANKED.iter().position(|s| *s == fault.exit_status());
        faults.into_iter().min_by_key(rank)
    }

    /// Whether trying again soon is pointless until a human has acted.
    #[must_use]
    pub const fn needs_human(self) -> bool {
        matches!(self, Self::Auth | Self::Config)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_ranked_fault_decides() {
        let worst = Fault::worst([Fault::Throttled, Fault::Unreachable, Fault::Protocol]);
        assert_eq!(worst, Some(Fault::Protocol));
        let worst = Fault::worst([Fault::LocalIo, Fault::Auth, Fault::Busy]);
        assert_eq!(worst, Some(Fault::Auth));
        assert_eq!(Fault::worst([]), None);
    }
}
