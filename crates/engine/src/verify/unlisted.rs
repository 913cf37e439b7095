//! Files of our making in directories that no row tells of: the index was lost, or is older than the mailbox.
//!
//! A repair leaves them where they are, and writes down that the index is old: which mailbox of the server they are
//! of is for the server to say, and the next pass asks it and takes them in.

use crate::error::EngineError;
use crate::trees::Trees;
use crate::verify::{Finding, FindingKind, VerifyReport};
use postrider_core::account::Protocol;
use postrider_core::settings::{AccountSettings, Layout};
use postrider_index::{Index, MailboxRow};
use postrider_maildir::name::token_of;
use postrider_maildir::{Mailbox, name_of, scan};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Looks for such files in the tree of one account, of which the index, if there is one, knows `mailboxes`; `told`
/// are the directories of which an account has told already.
pub(super) fn look(
    (index, mailboxes): (Option<&Index>, &[MailboxRow]),
    settings: &AccountSettings,
    (trees, told): (&Trees, &mut HashSet<PathBuf>),
    report: &mut VerifyReport,
) -> Result<(), EngineError> {
    let root = &settings.maildir;
    for relative in directories(settings)? {
        let mailbox = Mailbox::new(root, &relative);
        // Joining nothing would add a `/`.
        let directory = match relative.as_os_str().is_empty() {
            true => root.clone(),
            false => root.join(&relative),
        };
        let is_listed = mailboxes.iter().any(|row| row.path == directory)
            || index.map_or(Ok(false), |index| index.is_mailbox(&directory))?;
        if is_listed || trees.has_within(root, &directory) {
            continue;
        }
        if !mailbox.exists().map_err(EngineError::disk)? || !told.insert(directory) {
            continue;
        }
        let name = called(settings, &relative);
        in_mailbox((index, &mailbox), &name, report).map_err(|error| error.in_mailbox(&name))?;
    }
    Ok(())
}

fn in_mailbox(
    (index, mailbox): (Option<&Index>, &Mailbox),
    name: &str,
    report: &mut VerifyReport,
) -> Result<(), EngineError> {
    for entry in scan(mailbox).map_err(EngineError::disk)? {
        let entry = entry.map_err(EngineError::disk)?;
        let base = entry.file_name.base();
        let is_ours = token_of(entry.file_name.as_str()).is_some();
        // What readers carry into directories of their own keeps its name, and is known by that.
        if !is_ours || index.map_or(Ok(false), |index| index.has_base(base))? {
            continue;
        }
        report.unlisted += 1;
        report.found(Finding {
            kind: FindingKind::Unknown,
            mailbox: name.to_owned(),
            path: mailbox.path_of(&entry),
            healed: false,
        });
    }
    Ok(())
}

/// Where mailboxes of the account may lie, relative to its root.
fn directories(settings: &AccountSettings) -> Result<Vec<PathBuf>, EngineError> {
    // A maildrop is the root itself, and nothing else is one.
    if settings.protocol == Protocol::Pop3 {
        return Ok(vec![PathBuf::new()]);
    }
    let found = postrider_maildir::mailboxes(&settings.maildir, settings.layout);
    let mut found = found.map_err(EngineError::disk)?;
    if settings.layout == Layout::MaildirPlusPlus {
        found.push(PathBuf::new());
    }
    Ok(found)
}

/// The name that leads to a directory; one to which none leads is told by its path.
fn called(settings: &AccountSettings, relative: &Path) -> String {
    match settings.protocol {
        Protocol::Pop3 => "INBOX".to_owned(),
        Protocol::Imap => name_of(settings.layout, relative)
            .map_or_else(|| relative.display().to_string(), |name| name.to_string()),
    }
}
