//! The ledger, for people: what happened to a message, and where its local copy is now.

use crate::error::EngineError;
use postrider_core::message::Sha256;
use postrider_core::time::UnixTime;
use postrider_index::{AccountId, CopyRow, Index, IndexError, LedgerFilter, LedgerRow};
use postrider_maildir::{Entry, Mailbox, is_there, scan};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Which entries are wanted; an empty one wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Of this account.
    pub account: Option<String>,
    /// Of mailboxes whose decoded name matches: `*` any run of characters, `?` one; INBOX in any case.
    pub mailbox: Option<String>,
    /// Of messages with this Message-ID, with its angle brackets or without.
    pub message_id: Option<String>,
    /// Not before this.
    pub since: Option<UnixTime>,
    /// Before this.
    pub until: Option<UnixTime>,
    /// Of this kind: `stored`, `moved`, `expired`, `vanished`, `removed`, `restored`.
    pub action: Option<String>,
    /// Only the latest so many.
    pub limit: Option<u64>,
}

/// An entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When it was done.
    pub at: UnixTime,
    /// The account's name then.
    pub account: String,
    /// The mailbox's decoded name then.
    pub mailbox: String,
    /// `Message-ID`.
    pub message_id: Option<String>,
    /// `Subject`.
    pub subject: Option<String>,
    /// The address of `From`.
    pub from_addr: Option<String>,
    /// The hash of the local copy.
    pub sha256: Option<Sha256>,
    /// What was done.
    pub action: String,
    /// Because of which rule, or what was seen.
    pub because: String,
    /// Where the local copy is now.
    pub copy: Whereabouts,
}

/// Where a message's local copy is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// Here.
    At(PathBuf),
    /// Nowhere in the account's mailboxes: a reader deleted it or took it elsewhere.
    Gone,
    /// Nobody can tell: the directory of its mailbox is not there, or cannot be read. A tree that is not mounted
    /// looks like this (R5).
    Unreachable,
    /// We removed it, by policy or because it was lost; the ledger has an entry of its own for that.
    Removed(UnixTime),
    /// The index that knew it was lost.
    Unknown,
}

/// Whether the ledger tells of an account of this name. What was removed from the configuration stays in it.
///
/// # Errors
/// When the index cannot be read.
pub fn tells_of(state_dir: &Path, account: &str) -> Result<bool, EngineError> {
    match Index::open_read_only(state_dir) {
        Ok(index) => Ok(index.tells_of(account)?),
        Err(IndexError::Missing { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Hands the entries that `filter` wants to `each`, oldest first, without disturbing a running daemon.
/// None where there is no index yet.
///
/// # Errors
/// When the index cannot be read, or `each` fails.
pub fn history<E: From<EngineError>>(
    state_dir: &Path,
    filter: &HistoryFilter,
    mut each: impl FnMut(HistoryEntry) -> Result<(), E>,
) -> Result<(), E> {
    let index = match Index::open_read_only(state_dir) {
        Ok(index) => index,
        Err(IndexError::Missing { .. }) => return Ok(()),
        Err(error) => return Err(EngineError::from(error).into()),
    };
    let mut finder = Finder {
        index: &index,
        found: HashMap::new(),
    };
    let told = index.each_entry(&wanted(filter), |row| {
        let copy = finder.whereabouts(row.copy.as_ref())?;
        each(entry(row, copy)).map_err(Halt::Asker)
    });
    told.map_err(|halt| match halt {
        Halt::Index(error) => EngineError::from(error).into(),
        Halt::Asker(error) => error,
    })
}

/// Why the reading ends early.
enum Halt<E> {
    Asker(E),
    Index(IndexError),
}

impl<E> From<IndexError> for Halt<E> {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}

fn wanted(filter: &HistoryFilter) -> LedgerFilter {
    let HistoryFilter {
        account,
        mailbox,
        message_id,
        since,
        until,
        action,
        limit,
    } = filter.clone();
    LedgerFilter {
        account,
        mailbox,
        message_id,
        since,
        until,
        action,
        limit,
    }
}

fn entry(row: LedgerRow, copy: Whereabouts) -> HistoryEntry {
    HistoryEntry {
        at: row.at,
        account: row.account,
        mailbox: row.mailbox,
        message_id: row.message_id,
        subject: row.subject,
        from_addr: row.from_addr,
        sha256: row.sha256,
        action: row.action,
        because: row.because,
        copy,
    }
}

/// Finds files: where they were last seen, else under another name or in another mailbox. An account's
/// tree is read for that once, and only when something is not where it was.
struct Finder<'i> {
    index: &'i Index,
    found: HashMap<AccountId, HashMap<String, PathBuf>>,
}

impl Finder<'_> {
    fn whereabouts(&mut self, copy: Option<&CopyRow>) -> Result<Whereabouts, IndexError> {
        let Some(copy) = copy else {
            return Ok(Whereabouts::Unknown);
        };
        if let Some(at) = copy.removed_at {
            return Ok(Whereabouts::Removed(at));
        }
        let Some(known) = Entry::parse(&copy.file) else {
            return Ok(Whereabouts::Gone);
        };
        let mailbox = Mailbox::new(&copy.mailbox_path, Path::new(""));
        let found = is_there(&mailbox, &known);
        if let Ok(true) = found {
            return Ok(Whereabouts::At(mailbox.path_of(&known)));
        }
        let by_base = self.by_base(copy.account)?;
        if let Some(path) = by_base.get(known.file_name.base()) {
            return Ok(Whereabouts::At(path.clone()));
        }
        let was_looked_at = found.is_ok() && mailbox.exists().unwrap_or(false);
        Ok(match was_looked_at {
            true => Whereabouts::Gone,
            false => Whereabouts::Unreachable,
        })
    }

    /// The files of an account by their base names. A mailbox that cannot be read has none.
    fn by_base(&mut self, account: AccountId) -> Result<&HashMap<String, PathBuf>, IndexError> {
        if !self.found.contains_key(&account) {
            let mut by_base = HashMap::new();
            for row in self.index.mailboxes(account)? {
                let mailbox = Mailbox::new(&row.path, Path::new(""));
                for entry in scan(&mailbox).into_iter().flatten().flatten() {
                    let base = entry.file_name.base().to_owned();
                    by_base.insert(base, mailbox.path_of(&entry));
                }
            }
            self.found.insert(account, by_base);
        }
        Ok(self.found.entry(account).or_default())
    }
}
