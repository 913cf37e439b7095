//! What can go wrong in a pass, and what it means.

use crate::step::Step;
use postrider_core::certificate::Certificate;
use postrider_core::fault::Fault;
use postrider_core::wish::Wish;
use postrider_imap::ImapError;
use postrider_index::IndexError;
use postrider_maildir::MaildirError;
use postrider_oauth::OAuthError;
use postrider_pop3::Pop3Error;
use postrider_transport::TransportError;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An error of the engine. `Display` says what we were doing; `source` says why it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The account named on the command line is not in the configuration.
    #[error("there is no account named {name}")]
    NoSuchAccount {
        /// The name that was asked for.
        name: String,
    },
    /// The connection could not be made or secured.
    #[error("connecting to the server")]
    Connect(#[from] TransportError),
    /// The IMAP conversation failed.
    #[error("{}", doing(.mailbox.as_deref(), "talking IMAP"))]
    Imap {
        /// The mailbox it was about.
        mailbox: Option<String>,
        /// Why.
        source: ImapError,
    },
    /// The POP3 conversation failed.
    #[error("talking POP3")]
    Pop3(#[from] Pop3Error),
    /// The index failed.
    #[error("using the index{}", in_dir(.state_dir.as_deref()))]
    Index {
        /// Where it lies, as far as whoever met the error knew.
        state_dir: Option<Arc<Path>>,
        /// Why.
        source: IndexError,
    },
    /// The Maildir failed.
    #[error("{}", doing(.mailbox.as_deref(), "writing the Maildir"))]
    Maildir {
        /// The mailbox it was about.
        mailbox: Option<String>,
        /// Why.
        source: MaildirError,
    },
    /// The password could not be had.
    #[error("getting the password: {reason}")]
    Password {
        /// Why, without the password.
        reason: String,
    },
    /// No access token could be had.
    #[error("getting an access token")]
    Token {
        /// Whose.
        account: String,
        /// Why not.
        source: Box<OAuthError>,
    },
    /// The server refused something a pass cannot do without.
    #[error("the server refused {what}: {text}")]
    Refused {
        /// What was asked.
        what: String,
        /// The server's words, escaped.
        text: String,
    },
    /// The index knows messages of a mail tree of which nothing is there.
    #[error("the mail tree {} is not there, with its {messages} messages", .path.display())]
    TreeMissing {
        /// The tree.
        path: std::path::PathBuf,
        /// How many messages should lie in it.
        messages: u64,
    },
    /// Somebody paused the account.
    #[error("the account is paused")]
    Paused {
        /// Whose.
        account: String,
    },
    /// The running daemon does not know the account.
    #[error("the running daemon has no account {name}")]
    NotRunning {
        /// The name that was asked for.
        name: String,
    },
    /// The daemon is on its way out.
    #[error("the daemon is stopping")]
    Stopping,
    /// More passes of one account are waited for than a person asks for.
    #[error("too many passes of the account are waited for already")]
    TooManyCalls {
        /// Whose.
        account: String,
    },
    /// POP3 has no command that puts a message into a maildrop (RFC 1939).
    #[error("account {account} is read by POP3, which has no way to put a message back")]
    NoWayBack {
        /// The account.
        account: String,
    },
    /// A download would leave less room on a disk than `limits.disk_free_min`.
    #[error("the disk of {} has {free} octets free, and {least} are to stay", .path.display())]
    DiskNearlyFull {
        /// What lies on it.
        path: std::path::PathBuf,
        /// Octets that are free.
        free: u64,
        /// Octets that stay free.
        least: u64,
    },
    /// The system does not say how much room there is.
    #[error("asking how much room the disk of {} has", .path.display())]
    DiskUnknown {
        /// What lies on it.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A reload would have to change the state directory.
    #[error("the state directory cannot change from {} to {} while the daemon runs", .was.display(), .now.display())]
    StateDirChanged {
        /// The one in use.
        was: std::path::PathBuf,
        /// The one that the new configuration names.
        now: std::path::PathBuf,
    },
    /// A thread could not be started.
    #[error("starting a thread")]
    Thread {
        /// Why.
        source: std::io::Error,
    },
    /// The index thread has ended.
    #[error("the index is closed")]
    IndexGone,
    /// A background job ended without an answer.
    #[error("a disk job ended without an answer")]
    JobLost,
    /// The engine was asked to stop in the middle of a pass. What was received whole is stored.
    #[error("stopped before the pass was complete")]
    Stopped,
    /// A crash test stopped the engine here.
    #[error("interrupted after {step:?}")]
    Interrupted {
        /// The last step that was done.
        step: Step,
    },
}

fn doing(mailbox: Option<&str>, what: &str) -> String {
    match mailbox {
        Some(mailbox) => format!("mailbox {mailbox}: {what}"),
        None => what.to_owned(),
    }
}

fn in_dir(dir: Option<&Path>) -> String {
    dir.map_or_else(String::new, |dir| format!(" in {}", dir.display()))
}

impl From<IndexError> for EngineError {
    fn from(source: IndexError) -> Self {
        Self::Index {
            state_dir: None,
            source,
        }
    }
}

impl EngineError {
    /// An error of the index in this directory; for `map_err`.
    pub(crate) fn index(state_dir: &Path) -> impl FnOnce(IndexError) -> Self {
        let state_dir = Some(state_dir.into());
        move |source| Self::Index { state_dir, source }
    }

    /// An error of an IMAP conversation that is not about one mailbox.
    pub(crate) const fn imap(source: ImapError) -> Self {
        Self::Imap {
            mailbox: None,
            source,
        }
    }

    /// An error of the disk, before anybody knows in which mailbox.
    pub(crate) const fn disk(source: MaildirError) -> Self {
        Self::Maildir {
            mailbox: None,
            source,
        }
    }

    /// The same error, with the mailbox it happened in.
    #[must_use]
    pub(crate) fn in_mailbox(mut self, name: &str) -> Self {
        if let Self::Imap { mailbox, .. } | Self::Maildir { mailbox, .. } = &mut self {
            mailbox.get_or_insert_with(|| name.to_owned());
        }
        self
    }

    /// What is to be done about it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoSuchAccount { .. }
            | Self::NotRunning { .. }
            | Self::NoWayBack { .. }
            | Self::StateDirChanged { .. } => Fault::Config,
            Self::Connect(source) => source.fault(),
            Self::Imap { source, .. } => source.fault(),
            Self::Pop3(source) => source.fault(),
            Self::Index { source, .. } => source.fault(),
            Self::Maildir { source, .. } => source.fault(),
            Self::Password { .. } => Fault::Auth,
            Self::Token { source, .. } => source.fault(),
            Self::Refused { text, .. } => {
                Wish::read(text).map_or(Fault::Protocol, |wish| wish.limit.fault())
            }
            Self::DiskNearlyFull { .. }
            | Self::DiskUnknown { .. }
            | Self::Thread { .. }
            | Self::TreeMissing { .. } => Fault::LocalIo,
            Self::IndexGone
            | Self::JobLost
            | Self::Paused { .. }
            | Self::Stopping
            | Self::Stopped
            | Self::TooManyCalls { .. }
            | Self::Interrupted { .. } => Fault::Busy,
        }
    }

    /// How long the server wants between two logins, where it said so.
    pub(crate) const fn login_delay(&self) -> Option<Duration> {
        match self {
            Self::Pop3(source) => source.wait(),
            _ => None,
        }
    }

    /// What the server wants of us, where its words say so.
    pub(crate) fn wish(&self) -> Option<Wish> {
        match self {
            Self::Imap { source, .. } => source.wish(),
            Self::Pop3(source) => source.wish(),
            Self::Refused { text, .. } => Wish::read(text),
            _ => None,
        }
    }

    /// What a person can type or change next, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(source) => source.hint(),
            Self::Imap { source, .. } => source.hint(),
            Self::Pop3(source) => source.hint(),
            Self::Index { source, .. } => source.hint().map(str::to_owned),
            Self::Maildir { source, .. } => source.hint().map(str::to_owned),
            Self::NoSuchAccount { .. } => Some(
                "`postrider check --offline` lists the accounts of the configuration".to_owned(),
            ),
            Self::NotRunning { .. } => {
                Some("if it is new in the configuration: postrider reload --wait".to_owned())
            }
            Self::Paused { account } => Some(format!("postrider resume {account}")),
            Self::TooManyCalls { account } => Some(format!(
                "postrider sync-now {account} starts one without waiting for it"
            )),
            Self::NoWayBack { account } => Some(format!(
                "its messages are in the Maildir: postrider history {account} --action expired says where"
            )),
            Self::TreeMissing { path, .. } => Some(format!(
                "mount the disk that it lies on; if it was removed on purpose, make {} with `cur`, `new` and \
                 `tmp` in it, or remove index.db from the state directory to begin anew",
                path.join("INBOX").display()
            )),
            Self::DiskNearlyFull { path, .. } => Some(format!(
                "make room there: df -h {}; or lower `limits: {{disk_free_min: ...}}`; nothing is fetched or \
                 deleted meanwhile",
                path.display()
            )),
            Self::StateDirChanged { .. } => {
                Some("restart the daemon: systemctl restart postrider".to_owned())
            }
            Self::Password { .. } => Some(
                "run the `password:` command by hand, or read the file or variable it names"
                    .to_owned(),
            ),
            Self::Token { account, source } => source.hint(account),
            Self::Refused { .. } => self.wish().map(|wish| wish.limit.hint().to_owned()),
            Self::DiskUnknown { .. }
            | Self::Thread { .. }
            | Self::IndexGone
            | Self::JobLost
            | Self::Stopping
            | Self::Stopped
            | Self::Interrupted { .. } => None,
        }
    }

    /// The server's certificate, where it is what is wrong.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Connect(source)
            | Self::Imap {
                source: ImapError::Transport(source),
                ..
            }
            | Self::Pop3(Pop3Error::Transport(source)) => source.certificate(),
            _ => None,
        }
    }

    /// The mailbox it happened in, where it was in one.
    #[must_use]
    pub fn mailbox(&self) -> Option<&str> {
        match self {
            Self::Imap { mailbox, .. } | Self::Maildir { mailbox, .. } => mailbox.as_deref(),
            _ => None,
        }
    }

    /// The whole story in one line: what we were doing and every cause below it.
    #[must_use]
    pub fn story(&self) -> String {
        let mut story = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            story.push_str(": ");
            story.push_str(&error.to_string());
            cause = error.source();
        }
        story
    }
}
