//! One mailbox: every message's file, then every file.

use crate::error::EngineError;
use crate::take_in::found_file;
use crate::verify::{Finding, FindingKind, VerifyReport};
use postrider_core::flag::Flag;
use postrider_core::message::MessageKey;
use postrider_core::settings::AccountSettings;
use postrider_core::time::Now;
use postrider_index::{AccountId, BaseHit, Index, KeptRow, MailboxRow};
use postrider_maildir::name::token_of;
use postrider_maildir::{Entry, Examined, Mailbox, MaildirError, examine, scan};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Messages read from the index at a time.
const PAGE: u32 = 512;

/// What the ledger says.
const CHANGED: &str = "verify: its file is not what was stored";
const MISSING: &str = "verify: its file is missing";

/// One mailbox being checked.
pub(super) struct Check<'a> {
    pub(super) index: &'a mut Index,
    pub(super) account: AccountId,
    pub(super) settings: &'a AccountSettings,
    pub(super) mailboxes: &'a [MailboxRow],
    pub(super) row: &'a MailboxRow,
    /// When the repair is made, as is noted of what it takes in and as the ledger has it; `None` without one.
    pub(super) repair: Option<(Now, Now)>,
}

impl Check<'_> {
    pub(super) fn run(
        &mut self,
        report: &mut VerifyReport,
        mut told: impl FnMut(&VerifyReport),
    ) -> Result<(), EngineError> {
        let mut missing: HashMap<String, KeptRow> = HashMap::new();
        // What a repair takes in on the way has been told of already.
        let newest = self.index.last_key()?;
        let mut after = MessageKey(0);
        loop {
            let page = self.index.kept(self.row.id, (after, newest), PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.file.key;
            for kept in page {
                let path = self.row.path.join(&kept.file.file);
                if !self.is_there(&kept, &path, report)? {
                    missing.insert(kept.file.base.clone(), kept);
                }
            }
            told(report);
        }
        self.look_at_files(&mut missing, report)?;
        self.look_elsewhere(&mut missing, report)?;
        for kept in missing.into_values() {
            let path = self.row.path.join(&kept.file.file);
            let healed = self.forget(&kept, MISSING)?;
            self.found(FindingKind::Missing, path, healed, report);
        }
        self.count_unfinished(report);
        told(report);
        Ok(())
    }

    fn found(&self, kind: FindingKind, path: PathBuf, healed: bool, report: &mut VerifyReport) {
        report.found(Finding {
            kind,
            mailbox: self.row.name.clone(),
            path,
            healed,
        });
    }

    /// Reads a message's file and compares it with the record. Whether there is one.
    fn is_there(
        &mut self,
        kept: &KeptRow,
        path: &Path,
        report: &mut VerifyReport,
    ) -> Result<bool, EngineError> {
        let examined = match examine(path) {
            Ok(examined) => examined,
            Err(MaildirError::Gone { .. }) => return Ok(false),
            Err(_) => {
                self.found(FindingKind::Unreadable, path.to_owned(), false, report);
                return Ok(true);
            }
        };
        report.octets += examined.octets;
        if examined.sha256 == kept.file.sha256 {
            report.good += 1;
            report.misnamed += u64::from(is_misnamed(path, &examined));
            report.reflagged += u64::from(is_reflagged(self.settings, kept, path));
        } else {
            let healed = self.keep_changed(kept, path, examined)?;
            self.found(FindingKind::Changed, path.to_owned(), healed, report);
        }
        Ok(true)
    }

    /// The file stays, as a message of its own that nothing but its octets can match; the one that was
    /// stored is fetched again, where the server has it.
    fn keep_changed(
        &mut self,
        kept: &KeptRow,
        path: &Path,
        examined: Examined,
    ) -> Result<bool, EngineError> {
        let Some((seen, now)) = self.repair else {
            return Ok(false);
        };
        let healed = self.forget(kept, CHANGED)?;
        if let Some(entry) = entry_of(path) {
            let mut file = found_file(&entry, examined, self.settings);
            (file.received, file.server_octets) = (false, None);
            self.index.take_in(self.row.id, &[file], seen, now)?;
        }
        Ok(healed)
    }

    /// Whether the next pass will fetch the message again.
    fn forget(&mut self, kept: &KeptRow, because: &str) -> Result<bool, EngineError> {
        let Some((_, now)) = self.repair else {
            return Ok(false);
        };
        let keys = [kept.file.key];
        self.index.forget_copies(self.row.id, &keys, now, because)?;
        Ok(kept.on_server)
    }

    /// Every file of the mailbox: those of missing messages under another name, those that are no
    /// message's.
    fn look_at_files(
        &mut self,
        missing: &mut HashMap<String, KeptRow>,
        report: &mut VerifyReport,
    ) -> Result<(), EngineError> {
        let mailbox = self.mailbox(self.row);
        if !mailbox.exists().map_err(EngineError::disk)? {
            return Ok(());
        }
        for entry in scan(&mailbox).map_err(EngineError::disk)? {
            let entry = entry.map_err(EngineError::disk)?;
            let (base, path) = (entry.file_name.base(), mailbox.path_of(&entry));
            if let Some(kept) = missing.remove(base) {
                // Its new name is for the next pass, which tells the server what a reader said by it.
                if !self.is_there(&kept, &path, report)? {
                    // Renamed once more at this moment.
                    missing.insert(kept.file.base.clone(), kept);
                }
            } else if !self.index.unknown_bases(self.row.id, &[base])?.is_empty() {
                self.unknown(&entry, path, report)?;
            }
        }
        Ok(())
    }

    fn unknown(
        &mut self,
        entry: &Entry,
        path: PathBuf,
        report: &mut VerifyReport,
    ) -> Result<(), EngineError> {
        if !self.is_ours(entry)? {
            report.strangers += 1;
            return Ok(());
        }
        let mut healed = false;
        if let (Some((seen, now)), Ok(examined)) = (self.repair, examine(&path)) {
            let file = found_file(entry, examined, self.settings);
            self.index.take_in(self.row.id, &[file], seen, now)?;
            self.index.forget_state(self.row.id)?;
            healed = true;
        }
        self.found(FindingKind::Unknown, path, healed, report);
        Ok(())
    }

    /// Whether it bears a name of our making, or is back after it was written down that it is gone.
    fn is_ours(&self, entry: &Entry) -> Result<bool, EngineError> {
        if token_of(entry.file_name.as_str()).is_some() {
            return Ok(true);
        }
        let of_base = self
            .index
            .find_by_base(self.account, entry.file_name.base())?;
        let is_back = |hit: &BaseHit| hit.mailbox == self.row.id && hit.removed && hit.received;
        Ok(of_base.iter().any(is_back))
    }

    /// Readers move files to other mailboxes, with their names.
    fn look_elsewhere(
        &mut self,
        missing: &mut HashMap<String, KeptRow>,
        report: &mut VerifyReport,
    ) -> Result<(), EngineError> {
        for other in self.mailboxes.iter().filter(|row| row.id != self.row.id) {
            if missing.is_empty() {
                return Ok(());
            }
            let mailbox = self.mailbox(other);
            if !mailbox.exists().map_err(EngineError::disk)? {
                continue;
            }
            for entry in scan(&mailbox).map_err(EngineError::disk)? {
                let entry = entry.map_err(EngineError::disk)?;
                let Some(kept) = missing.remove(entry.file_name.base()) else {
                    continue;
                };
                let path = mailbox.path_of(&entry);
                if self.is_there(&kept, &path, report)? {
                    report.moved += 1;
                } else {
                    missing.insert(kept.file.base.clone(), kept);
                }
            }
        }
        Ok(())
    }

    fn mailbox(&self, row: &MailboxRow) -> Mailbox {
        Mailbox::new(&self.settings.maildir, &row.path)
    }

    fn count_unfinished(&self, report: &mut VerifyReport) {
        let files = std::fs::read_dir(self.mailbox(self.row).tmp());
        report.unfinished += files.map_or(0, Iterator::count) as u64;
    }
}

/// The file's name among its directory's; it lies in `new` or `cur`.
fn entry_of(path: &Path) -> Option<Entry> {
    let name = path.file_name()?.to_str()?;
    let subdir = path.parent()?.file_name()?.to_str()?;
    Entry::parse(&format!("{subdir}/{name}"))
}

/// Whether a reader's flags are on their way to the server.
fn is_reflagged(settings: &AccountSettings, kept: &KeptRow, path: &Path) -> bool {
    let Some((agreed, entry)) = kept.agreed.as_ref().zip(entry_of(path)) else {
        return false;
    };
    if !settings.flags.pushes() || !kept.on_server {
        return false;
    }
    let here = entry.file_name.flags();
    let counts = |flag: Flag| flag != Flag::Deleted || settings.deleted_flag;
    let mut flags = Flag::TABLE.iter().filter(|(flag, ..)| counts(*flag));
    flags.any(|(flag, ..)| agreed.has(*flag) != here.has(*flag))
}

/// Dovecot believes the sizes, and breaks on wrong ones. Another hash is that of damage: see [`crate::take_in`].
fn is_misnamed(path: &Path, examined: &Examined) -> bool {
    let Some(entry) = entry_of(path) else {
        return false;
    };
    let differs = |said: Option<u64>, is: u64| said.is_some_and(|said| said != is);
    let name = &entry.file_name;
    differs(name.octets(), examined.octets)
        || differs(name.octets_crlf(), examined.octets_crlf)
        || name.vouches_for(examined.octets, examined.octets_crlf, &examined.sha256) == Some(false)
}
