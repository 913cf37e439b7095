//! What the server holds: accounts, their mailboxes, and the log of what clients said.
//!
//! Everything is behind cheap handles, so that a test can look and meddle while sessions run.
//! Message bytes are shared, never copied.

mod account;
mod gmail;
mod locked;
mod mailbox;
mod state;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use account::Account;
pub use mailbox::Message;
pub(crate) use mailbox::{Mailbox, PermanentFlags, canonical_flag};
pub(crate) use state::State;

/// All accounts of a server. Clones are handles to the same store.
#[derive(Clone, Debug, Default)]
pub struct Mailstore(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    accounts: BTreeMap<String, (String, Account)>,
    commands: Vec<Command>,
    connections: u64,
    gmail: bool,
}

/// One command line that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Which connection, counted from one over the life of the store.
    pub connection: u64,
    /// What was spoken on it.
    pub protocol: Protocol,
    /// The line without its end and, in IMAP, without its tag. Literals stand in it as they came.
    /// Passwords too: a test may have to assert that none was sent.
    pub line: String,
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// IMAP4rev1, RFC 3501.
    Imap,
    /// POP3, RFC 1939.
    Pop3,
}

impl Mailstore {
    /// A store without accounts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The account of `user`, with an empty INBOX if it is new; its password is now `password`.
    #[must_use]
    pub fn account(&self, user: &str, password: &str) -> Account {
        let mut inner = self.lock();
        let entry = inner.accounts.entry(user.to_owned()).or_default();
        password.clone_into(&mut entry.0);
        let account = entry.1.clone();
        if inner.gmail {
            account.lock().become_gmail();
        }
        account
    }

    /// Keeps labels, in all accounts, from now on.
    pub(crate) fn become_gmail(&self) {
        let mut inner = self.lock();
        inner.gmail = true;
        for (_, account) in inner.accounts.values() {
            account.lock().become_gmail();
        }
    }

    /// Every command line so far, in the order in which it was taken up.
    #[must_use]
    pub fn commands(&self) -> Vec<Command> {
        self.lock().commands.clone()
    }

    /// Forgets the commands so far, so that the next pass can be counted alone.
    pub fn forget_commands(&self) {
        self.lock().commands.clear();
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.lock().connections
    }

    pub(crate) fn login(&self, user: &str, password: &str) -> Option<Account> {
        let inner = self.lock();
        let (expected, account) = inner.accounts.get(user)?;
        (expected == password).then(|| account.clone())
    }

    /// The account of a connection that needs no password (PREAUTH).
    pub(crate) fn preauthenticated(&self, user: &str) -> Option<Account> {
        let inner = self.lock();
        inner.accounts.get(user).map(|(_, account)| account.clone())
    }

    pub(crate) fn open_connection(&self) -> u64 {
        let mut inner = self.lock();
        inner.connections += 1;
        inner.connections
    }

    pub(crate) fn log(&self, command: Command) {
        self.lock().commands.push(command);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panicked test thread must not hide its message behind a poisoned lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
