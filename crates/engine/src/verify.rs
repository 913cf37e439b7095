//! The index against the Maildir, and against the server: what is there, what is not, and what is not
//! what it was. `repair` heals what can be healed, and deletes nothing.
//!
//! Every file is read. What a reader may do to a mailbox is no fault: other flags, another mailbox, new
//! messages of its own. A missing file is one, because nobody can tell a message that a reader deleted
//! from one that was lost; a repair fetches it again where the server has it, and otherwise writes
//! down that it is gone, so that it is told once.
//!
//! And the whole tree is looked at, not only what the index lists: an index that was lost, or is older than a
//! mailbox, would find nothing wrong with mail that it does not know.

use crate::context::now;
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::state::open_index;
use crate::ticks::ticks;
use crate::trees::Trees;
use postrider_core::account::AccountName;
use postrider_core::settings::AccountSettings;
use postrider_index::{Index, IndexError, MailboxRow, StateLock};
use postrider_maildir::Mailbox;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

mod files;
mod server;
mod unlisted;
pub use server::ServerReport;

/// Findings that are named one by one; of more, the number is enough.
const NAMED: usize = 1_000;

/// What is to be checked.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Only these accounts; empty means all.
    pub only: Vec<AccountName>,
    /// Whether the server is asked too.
    pub server: bool,
    /// Whether what can be healed is healed.
    pub repair: bool,
}

/// How far a check has come.
#[derive(Clone, Copy, Debug)]
pub struct Checking<'a> {
    /// The account.
    pub account: &'a AccountName,
    /// Messages read so far.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
}

/// What was found in one account.
#[derive(Debug)]
pub struct VerifyOutcome {
    /// The account.
    pub account: AccountName,
    /// What was found, or why nothing could be.
    pub result: Result<VerifyReport, EngineError>,
}

/// What was found in one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Messages whose files were read and are what they were.
    pub good: u64,
    /// Octets read.
    pub octets: u64,
    /// What is wrong, the first thousand.
    pub findings: Vec<Finding>,
    /// What is wrong besides those.
    pub more_findings: u64,
    /// What is wrong and was not healed.
    pub faults: u64,
    /// Of those, files of our making in directories of which the index has no row. After a repair the next pass asks
    /// the server which mailboxes they are, and takes them in.
    pub unlisted: u64,
    /// Whether the index knows no mailbox of the account at all: it was lost, or the account is new.
    pub unindexed: bool,
    /// Messages that a reader has moved to another mailbox.
    pub moved: u64,
    /// Messages that a reader has flagged, and of which the server has not been told yet.
    pub reflagged: u64,
    /// Files that are no message of ours: a reader's own.
    pub strangers: u64,
    /// Files in `tmp`.
    pub unfinished: u64,
    /// Files that are not what their names tell: of other sizes, or of another hash.
    pub misnamed: u64,
    /// The other side, where it was asked.
    pub server: Option<ServerReport>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// The mailbox's decoded name; that of its directory where the index has no row of it.
    pub mailbox: String,
    /// The file.
    pub path: PathBuf,
    /// Whether the repair has healed it.
    pub healed: bool,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// The file is not what was stored. A repair keeps it, and fetches the server's copy beside it.
    Changed,
    /// The file is nowhere in the account. A repair has it fetched again, where the server has it.
    Missing,
    /// A file of our making that the index does not know, or takes to be gone. A repair takes it in where its
    /// mailbox is known, and so does the next pass.
    Unknown,
    /// The file cannot be read.
    Unreadable,
}

impl FindingKind {
    /// The word for people and scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::Unreadable => "unreadable",
        }
    }
}

impl VerifyReport {
    fn found(&mut self, finding: Finding) {
        self.faults += u64::from(!finding.healed);
        if self.findings.len() < NAMED {
            self.findings.push(finding);
        } else {
            self.more_findings += 1;
        }
    }
}

/// Checks accounts one after another. Without a repair it reads beside a running daemon; a repair needs the
/// state directory for itself (R10). One account's failure stops no other.
///
/// # Errors
/// When an account of `only` does not exist, another instance holds the state directory, or the index
/// cannot be opened.
pub async fn verify(
    settings: crate::EngineSettings,
    options: VerifyOptions,
    mut progress: impl FnMut(Checking<'_>) + Send + 'static,
) -> Result<Vec<VerifyOutcome>, EngineError> {
    let (trees, mut told) = (Trees::of(&settings.accounts), HashSet::new());
    let accounts = crate::sync::chosen(settings.accounts, &options.only)?;
    let (state_dir, repair) = (settings.state_dir, options.repair);
    let (mut opened, lock) = DeliveryPool::run(move || open(&state_dir, repair)).await??;
    let mut outcomes = Vec::with_capacity(accounts.len());
    for account in accounts {
        let name = account.name.clone();
        let (settings, index) = (account.clone(), opened.take());
        let trees = trees.clone();
        let (result, given_back, reporter, seen) = DeliveryPool::run(move || {
            let (mut index, mut told) = (index, told);
            let result = files(
                index.as_mut(),
                (&settings, (&trees, &mut told)),
                repair,
                &mut progress,
            );
            (result, index, progress, told)
        })
        .await?;
        (opened, progress, told) = (given_back, reporter, seen);
        let mut result = result;
        if let (Ok(report), true, Some(index)) = (&mut result, options.server, opened.as_mut()) {
            match server::compare(index, &account, repair).await {
                Ok(compared) => report.server = compared,
                Err(error) => result = Err(error),
            }
        }
        outcomes.push(VerifyOutcome {
            account: name,
            result,
        });
    }
    if let (Some(index), true) = (opened, repair) {
        DeliveryPool::run(move || index.close()).await??;
    }
    drop(lock);
    Ok(outcomes)
}

/// No index is no error: there may be nothing to check yet.
fn open(state_dir: &Path, repair: bool) -> Result<(Option<Index>, Option<StateLock>), EngineError> {
    if repair {
        let lock = StateLock::acquire(state_dir)?;
        return Ok((Some(open_index(state_dir)?), Some(lock)));
    }
    match Index::open_read_only(state_dir) {
        Ok(index) => {
            let faults = index.check()?;
            match faults.into_iter().next() {
                None => Ok((Some(index), None)),
                Some(found) => Err(IndexError::Corrupt {
                    path: state_dir.join("index.db"),
                    found,
                }
                .into()),
            }
        }
        Err(IndexError::Missing { .. }) => Ok((None, None)),
        Err(error) => Err(error.into()),
    }
}

fn files(
    index: Option<&mut Index>,
    (settings, trees): (&AccountSettings, (&Trees, &mut HashSet<PathBuf>)),
    repair: bool,
    progress: &mut impl FnMut(Checking<'_>),
) -> Result<VerifyReport, EngineError> {
    let mut report = VerifyReport {
        unindexed: true,
        ..VerifyReport::default()
    };
    let Some(index) = index else {
        unlisted::look((None, &[]), settings, trees, &mut report)?;
        return Ok(report);
    };
    let Some(id) = index.account_named(&settings.name)? else {
        unlisted::look((Some(index), &[]), settings, trees, &mut report)?;
        return Ok(report);
    };
    let mailboxes = index.mailboxes(id)?;
    require_tree(index, settings, &mailboxes)?;
    report.unindexed = mailboxes.is_empty();
    let repair = match repair {
        true => {
            let now = now();
            Some((index.judge_clock(id, now, ticks())?.notes, now))
        }
        false => None,
    };
    for row in &mailboxes {
        let mut check = files::Check {
            index,
            account: id,
            settings,
            mailboxes: &mailboxes,
            row,
            repair,
        };
        let told = |report: &VerifyReport| {
            progress(Checking {
                account: &settings.name,
                messages: report.good,
                octets: report.octets,
            });
        };
        check
            .run(&mut report, told)
            .map_err(|error| error.in_mailbox(&row.name))?;
    }
    unlisted::look((Some(index), &mailboxes), settings, trees, &mut report)?;
    if repair.is_some() && report.unlisted > 0 {
        // The next pass takes them in.
        index.mark_outdated(id, now())?;
    }
    Ok(report)
}

/// As before a pass: a tree that is not mounted is not a tree whose messages are missing.
fn require_tree(
    index: &Index,
    settings: &AccountSettings,
    mailboxes: &[MailboxRow],
) -> Result<(), EngineError> {
    let mut messages = 0;
    for row in mailboxes {
        let mailbox = Mailbox::new(&settings.maildir, &row.path);
        if mailbox.exists().map_err(EngineError::disk)? {
            return Ok(());
        }
        messages += index.held(row.id)?;
    }
    if messages == 0 {
        return Ok(());
    }
    Err(EngineError::TreeMissing {
        path: settings.maildir.clone(),
        messages,
    })
}
