//! Putting expired messages back on an IMAP server, from their local copies.
//!
//! The life of one: its copy is found and its hash read back → the index notes that it is on its way, and
//! that a copy at the server which nobody knows may be it → APPEND, with its flags and INTERNALDATE →
//! the index gives it its new identity. A crash before the answer leaves a message that is perhaps at
//! the server: the next undo looks there first, and every pass does (`imap::rematch`).
//!
//! What was put back is held: no rule lets it go again until a person says so ([`release`]). POP3 has
//! no command that puts a message into a maildrop (RFC 1939).

use crate::connect::Access;
use crate::context::Account;
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::local::locate_anywhere;
use crate::shutdown::Shutdown;
use crate::state::{EngineSettings, State};
use crate::step::Steps;
use postrider_core::account::{AccountName, Protocol};
use postrider_core::settings::AccountSettings;
use postrider_core::time::UnixTime;
use postrider_imap::{Memory, Session};
use postrider_index::{Index, IndexError, MailboxRow, UndoFilter, UndoRow};
use postrider_maildir::{Entry, MaildirError, read_back};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

mod find;
mod put_back;
use put_back::put_back;

/// Which expired messages are meant.
#[derive(Clone, Debug)]
pub struct UndoOptions {
    /// The account.
    pub account: AccountName,
    /// In mailboxes whose decoded name matches: `*` any run of characters, `?` one; INBOX in any case.
    pub mailbox: Option<String>,
    /// With this Message-ID, with its angle brackets or without.
    pub message_id: Option<String>,
    /// Expired at this time or later.
    pub since: Option<UnixTime>,
    /// Expired before this.
    pub until: Option<UnixTime>,
    /// For crash tests: where to stop dead.
    pub steps: Steps,
}

impl UndoOptions {
    fn filter(&self) -> UndoFilter {
        UndoFilter {
            mailbox: self.mailbox.clone(),
            message_id: self.message_id.clone(),
            since: self.since,
            until: self.until,
        }
    }
}

/// One message, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoItem {
    /// The mailbox's decoded name.
    pub mailbox: String,
    /// `Message-ID`.
    pub message_id: Option<String>,
    /// `Subject`.
    pub subject: Option<String>,
    /// When it was expired; `None` when an earlier undo was interrupted.
    pub expired_at: Option<UnixTime>,
    /// Octets of the message as it travels.
    pub octets: u64,
    /// What became of it.
    pub outcome: UndoOutcome,
}

/// What became of a message that was to be put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UndoOutcome {
    /// An interrupted undo had put it there.
    Found,
    /// There is no local copy any more, or it is not what was stored.
    NoCopy(String),
    /// Its mailbox is not there any more, and the server would not make it anew.
    NoMailbox(String),
    /// It would be put back: this was a dry run.
    Planned,
    /// The server would not have it.
    Refused(String),
    /// It is on the server.
    Restored,
}

/// How long a server may go on with what a killed undo sent.
const SETTLING: Duration = Duration::from_secs(3);

/// One undo over all of its messages.
struct UndoRun {
    /// By then the server is done with whatever an earlier one sent: it held the state directory, and is gone.
    settled_at: Instant,
}

impl UndoRun {
    fn start() -> Self {
        let settled_at = Instant::now() + SETTLING;
        Self { settled_at }
    }

    fn is_settled(&self) -> bool {
        Instant::now() >= self.settled_at
    }

    async fn settled(&self) {
        tokio::time::sleep_until(self.settled_at).await;
    }
}

/// A message that is to be put back, and its copy.
struct Candidate {
    row: UndoRow,
    mailbox: MailboxRow,
    copy: Result<PathBuf, MaildirError>,
}

impl Candidate {
    fn item(&self, outcome: UndoOutcome) -> UndoItem {
        UndoItem {
            mailbox: self.mailbox.name.clone(),
            message_id: self.row.message_id.clone(),
            subject: self.row.subject.clone(),
            expired_at: self.row.expired_at,
            octets: self.row.octets_crlf,
            outcome,
        }
    }
}

/// Says what [`undo`] would do, beside a running daemon. Copies are looked for and read all the same.
///
/// # Errors
/// When the account is not one of an IMAP server, or the index cannot be read.
pub fn plan_undo(
    settings: &EngineSettings,
    options: &UndoOptions,
) -> Result<Vec<UndoItem>, EngineError> {
    let account = account_settings(settings, &options.account)?;
    let index = match Index::open_read_only(&settings.state_dir) {
        Ok(index) => index,
        Err(IndexError::Missing { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let Some(id) = index.account_named(&account.name)? else {
        return Ok(Vec::new());
    };
    let mailboxes = index.mailboxes(id)?;
    let rows = index.undoable(id, &options.filter())?;
    let planned = candidates(rows, &mailboxes, &account.maildir).map(|candidate| {
        let outcome = match &candidate.copy {
            Ok(_) => UndoOutcome::Planned,
            Err(error) => UndoOutcome::NoCopy(error.to_string()),
        };
        candidate.item(outcome)
    });
    Ok(planned.collect())
}

/// Puts the messages back, and hands each to `each` as soon as its fate is known.
///
/// # Errors
/// When the account is not one of an IMAP server, another instance holds the state directory (R10), the
/// server cannot be reached, or the conversation breaks; what was put back until then stays.
pub async fn undo(
    settings: EngineSettings,
    options: &UndoOptions,
    shutdown: Shutdown,
    mut each: impl FnMut(UndoItem),
) -> Result<(), EngineError> {
    let account = account_settings(&settings, &options.account)?.clone();
    let steps = options.steps.clone();
    let state = State::open(settings.state_dir, None, steps).await?;
    let done = match state.account(account, shutdown).await {
        Ok(account) => undo_account(&account, options, &mut each).await,
        Err(error) => Err(error),
    };
    state.close().await;
    done
}

/// Lets retention judge again what was put back. Says of how many messages.
///
/// # Errors
/// When the account is not one of an IMAP server, another instance holds the state directory (R10), or
/// the index cannot be written.
pub async fn release(
    settings: EngineSettings,
    options: &UndoOptions,
    shutdown: Shutdown,
) -> Result<u64, EngineError> {
    let account = account_settings(&settings, &options.account)?.clone();
    let state = State::open(settings.state_dir, None, Steps::default()).await?;
    let released = match state.account(account, shutdown).await {
        Ok(account) => {
            let (id, filter) = (account.id, options.filter());
            let release = move |index: &mut Index| index.release_undone(id, &filter);
            account.shared.index.call(release).await
        }
        Err(error) => Err(error),
    };
    state.close().await;
    Ok(released? as u64)
}

fn account_settings<'s>(
    settings: &'s EngineSettings,
    name: &AccountName,
) -> Result<&'s AccountSettings, EngineError> {
    let account = settings.accounts.iter().find(|a| a.name == *name);
    let account = account.ok_or_else(|| EngineError::NoSuchAccount {
        name: name.to_string(),
    })?;
    match account.protocol {
        Protocol::Imap => Ok(account),
        Protocol::Pop3 => Err(EngineError::NoWayBack {
            account: name.to_string(),
        }),
    }
}

async fn undo_account(
    account: &Account,
    options: &UndoOptions,
    each: &mut impl FnMut(UndoItem),
) -> Result<(), EngineError> {
    let (id, filter, index) = (account.id, options.filter(), &account.shared.index);
    let read = move |index: &mut Index| Ok((index.mailboxes(id)?, index.undoable(id, &filter)?));
    let (mailboxes, rows) = index.call(read).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let access = Access::new(Memory::default());
    let opened = access.open(&account.settings, &account.shared.connector, Vec::new());
    let (mut session, _) = opened.await?;
    let run = UndoRun::start();
    for row in rows {
        if account.shutdown.is_requested() {
            return Err(EngineError::Stopped);
        }
        let (tree, places) = (account.settings.maildir.clone(), mailboxes.clone());
        let find = move || candidates(vec![row], &places, &tree).next();
        if let Some(candidate) = DeliveryPool::run(find).await? {
            let outcome = restore(account, &mut session, &candidate, &run).await?;
            each(candidate.item(outcome));
        }
    }
    session.log_out().await;
    Ok(())
}

/// One message, from its copy to the server.
async fn restore(
    account: &Account,
    session: &mut Session,
    candidate: &Candidate,
    run: &UndoRun,
) -> Result<UndoOutcome, EngineError> {
    let path = match &candidate.copy {
        Ok(path) => path,
        Err(error) => return Ok(UndoOutcome::NoCopy(error.to_string())),
    };
    put_back(account, session, (candidate, path), run).await
}

fn candidates<'a>(
    rows: Vec<UndoRow>,
    mailboxes: &'a [MailboxRow],
    tree: &'a Path,
) -> impl Iterator<Item = Candidate> + 'a {
    rows.into_iter().filter_map(move |row| {
        let mailbox = mailboxes.iter().find(|m| m.id == row.file.mailbox)?.clone();
        let copy = copy(&row, mailboxes, tree);
        Some(Candidate { row, mailbox, copy })
    })
}

/// The local copy, wherever a reader has moved it, if it is what was stored.
fn copy(row: &UndoRow, mailboxes: &[MailboxRow], tree: &Path) -> Result<PathBuf, MaildirError> {
    let known = row.file.mailbox_path.join(&row.file.file);
    let proof = match read_back(&known) {
        Err(MaildirError::Gone { path }) => {
            let elsewhere =
                Entry::parse(&row.file.file).and_then(|e| locate_anywhere(tree, mailboxes, &e));
            let elsewhere = elsewhere.ok_or(MaildirError::Gone { path })?;
            return checked(row, read_back(&elsewhere)?.sha256, elsewhere);
        }
        read => read?,
    };
    checked(row, proof.sha256, known)
}

fn checked(
    row: &UndoRow,
    sha256: postrider_core::message::Sha256,
    path: PathBuf,
) -> Result<PathBuf, MaildirError> {
    if sha256 == row.file.sha256 {
        Ok(path)
    } else {
        Err(MaildirError::Changed { path })
    }
}
