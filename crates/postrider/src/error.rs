//! What ends a command, and with which exit status.

use crate::config::error::ConfigError;
use crate::control::error::ControlError;
use crate::control::words::Trouble;
use crate::readers::Unfit;
use postrider_core::account::AccountName;
use postrider_core::fault::Fault;
use postrider_engine::EngineError;
use postrider_oauth::OAuthError;
use std::io;
use std::time::Duration;

/// What ended a command, or kept an account from success.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One account did not succeed; the others may have.
    #[error("account {account}")]
    Account {
        /// Whose.
        account: AccountName,
        /// What happened.
        source: EngineError,
        /// Whether an event of the log has told it where it would be reported again.
        logged: bool,
    },
    /// The brake holds part of what a pass would have done (R6).
    #[error("account {account}: the brake holds the removal of {messages} messages")]
    Braked {
        /// Whose.
        account: AccountName,
        /// How many.
        messages: u64,
    },
    /// The configuration cannot be followed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The daemon cannot be spoken to, or cannot be spoken to as it should.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The engine as a whole cannot work.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A mail reader's configuration cannot be written.
    #[error(transparent)]
    Export(#[from] Unfit),
    /// The override of the log's level cannot be read.
    #[error("reading $POSTRIDER_LOG, `{given}`")]
    LogFilter {
        /// As given.
        given: String,
        /// Why not.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Metrics cannot be served.
    #[error("serving metrics at {place}")]
    Metrics {
        /// Where.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// The account has no tokens of ours, or its server not this way to them.
    #[error("account {account}: {problem}")]
    NoLogin {
        /// Whose.
        account: AccountName,
        /// What is missing.
        problem: &'static str,
        /// What to do instead.
        hint: &'static str,
    },
    /// A login did not come to its end.
    #[error("account {account}: logging in")]
    Login {
        /// Whose.
        account: AccountName,
        /// Why not.
        source: OAuthError,
    },
    /// A full-screen view was asked for where there is no screen.
    #[error("--watch wants a terminal, and standard output is none")]
    NoTerminal,
    /// Not every message that was asked for is back on its server.
    #[error("account {account}: {} could not be put back", crate::words::count(*copies + *refused, "message", "messages"))]
    NotRestored {
        /// Whose.
        account: AccountName,
        /// How many have no local copy that is what was stored.
        copies: u64,
        /// How many the server refused.
        refused: u64,
        /// Whether it refused to make a mailbox for any of them.
        mailboxes: bool,
    },
    /// Nothing of the account lies in its mail tree yet.
    #[error("account {account}: the index knows no mailbox of it")]
    NotSynced {
        /// Whose.
        account: AccountName,
    },
    /// Standard output cannot be written.
    #[error("writing the answer")]
    Output {
        /// Why.
        source: io::Error,
    },
    /// The account makes no pass, for somebody paused it.
    #[error("account {account} is paused")]
    Paused {
        /// Whose.
        account: AccountName,
    },
    /// The process cannot set itself up: threads, signals.
    #[error("setting up the process")]
    Setup {
        /// Why.
        source: io::Error,
    },
    /// An account has been without success for too long, or never had any.
    #[error("account {account}: {}", stale(*since))]
    Stale {
        /// Whose.
        account: AccountName,
        /// How long ago the last success was.
        since: Option<Duration>,
    },
    /// One account did not succeed in the daemon; the others may have.
    #[error("account {account}: {}", trouble.error)]
    Told {
        /// Whose.
        account: AccountName,
        /// What happened, as the daemon told.
        trouble: Trouble,
        /// Whether an event of the log has told it where it would be reported again.
        logged: bool,
    },
    /// The daemon did not come to an end in time.
    #[error("the daemon did not stop within {} s", within.as_secs())]
    StopTimedOut {
        /// The time it had.
        within: Duration,
    },
    /// The index and the Maildir disagree.
    #[error("account {account}: {} wrong", crate::words::count(*faults, "message is", "messages are"))]
    Unsound {
        /// Whose.
        account: AccountName,
        /// How many faults were found and not healed.
        faults: u64,
        /// What heals them, where something does.
        remedy: Option<Remedy>,
    },
    /// An argument names an account that the configuration does not.
    #[error("there is no account `{}`", name.escape_debug())]
    UnknownAccount {
        /// As given.
        name: String,
        /// The account with the most similar name.
        nearest: Option<String>,
    },
}

/// What heals the faults that `verify` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// `verify --repair`.
    Repair,
    /// A pass, which takes in what lies in mailboxes of which the index has no row.
    Pass,
    /// A pass, which makes the index anew.
    Rebuild,
    /// A repair, and a pass for what is in mailboxes of which the index has no row.
    RepairAndPass,
}

impl Remedy {
    fn told(self, account: &AccountName) -> String {
        let repair = format!(
            "postrider verify {account} --repair heals what can be healed, and deletes nothing"
        );
        match self {
            Self::Repair => repair,
            Self::Pass => format!(
                "postrider sync {account} takes in what lies in its mailboxes and the index does not know"
            ),
            Self::Rebuild => format!(
                "the index was lost, or never knew them: postrider sync {account} rebuilds it from Maildir and \
                 server"
            ),
            Self::RepairAndPass => {
                format!(
                    "{repair}; postrider sync {account} takes in what lies in mailboxes that the index does not know"
                )
            }
        }
    }
}

fn stale(since: Option<Duration>) -> String {
    since.map_or_else(
        || "no pass has succeeded yet".to_owned(),
        |since| format!("the last success was {} ago", crate::words::span(since)),
    )
}

impl Error {
    /// What it means for whoever may try again.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Account { source, .. } | Self::Engine(source) => source.fault(),
            Self::Control(error) => error.fault(),
            Self::Told { trouble, .. } => trouble.fault(),
            Self::Login { source, .. } => source.fault(),
            Self::Config(_)
            | Self::NoLogin { .. }
            | Self::Export(_)
            | Self::LogFilter { .. }
            | Self::NoTerminal
            | Self::UnknownAccount { .. } => Fault::Config,
            Self::NotRestored { copies: 0, .. } => Fault::Unreachable,
            Self::Metrics { .. }
            | Self::NotRestored { .. }
            | Self::Output { .. }
            | Self::Setup { .. }
            | Self::Unsound { .. } => Fault::LocalIo,
            Self::Braked { .. }
            | Self::NotSynced { .. }
            | Self::Paused { .. }
            | Self::Stale { .. }
            | Self::StopTimedOut { .. } => Fault::Busy,
        }
    }

    /// Whether it has been told already: a failure is told once, to whoever reads stderr.
    #[must_use]
    pub const fn is_logged(&self) -> bool {
        matches!(
            self,
            Self::Account { logged: true, .. } | Self::Told { logged: true, .. }
        )
    }

    /// What to type next, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Account { source, .. } | Self::Engine(source) => source.hint(),
            Self::Braked { account, .. } => Some(format!(
                "`postrider status` says what waits and why; if that is right: postrider approve {account}"
            )),
            Self::Config(error) => error.hint(),
            Self::Control(error) => error.hint(),
            Self::Told { trouble, .. } => trouble.hint.clone(),
            Self::Metrics { .. } => Some(
                "another program has the place already; `status: {metrics: ...}` names another"
                    .to_owned(),
            ),
            Self::NoTerminal => Some(
                "`postrider status` prints a table once, `postrider status --json` a document"
                    .to_owned(),
            ),
            Self::NoLogin { hint, .. } => Some((*hint).to_owned()),
            Self::Login { account, source } => source.hint(account.as_str()),
            Self::Export(unfit) => unfit.hint(),
            Self::LogFilter { .. } => {
                Some("POSTRIDER_LOG=debug, or postrider=debug,rustls=info".to_owned())
            }
            Self::Paused { account } => Some(format!("postrider resume {account}")),
            Self::NotSynced { account } => Some(format!("postrider sync {account}")),
            Self::Stale { account, .. } => Some(format!("postrider check {account}")),
            Self::UnknownAccount { nearest, .. } => nearest
                .as_ref()
                .map(|near| format!("the nearest name is `{near}`")),
            Self::Unsound {
                account, remedy, ..
            } => remedy.map(|remedy| remedy.told(account)),
            Self::NotRestored {
                account,
                mailboxes: true,
                ..
            } => Some(format!(
                "make the mailbox at the server with another program, and undo again; its messages are in the \
                 Maildir: postrider history {account} --action expired says where"
            )),
            Self::NotRestored { .. }
            | Self::Output { .. }
            | Self::Setup { .. }
            | Self::StopTimedOut { .. } => None,
        }
    }
}
