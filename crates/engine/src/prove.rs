//! Proof before deletion (R1): the stored file is read back and its hash compared, later than the
//! write and before anything is deleted.

use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::local::locate_anywhere;
use crate::step::Step;
use postrider_core::message::MessageKey;
use postrider_index::{FileRow, MailboxRow};
use std::collections::HashSet;
use std::path::PathBuf;

/// Files read back by one job, so that other accounts get their turn at the disk.
const FILES_IN_A_JOB: usize = 256;

/// Reads the files of `keys` back. Returns those whose file is there with the recorded hash; they
/// are proven from now on, and the index says so.
pub(crate) async fn prove(
    account: &Account,
    keys: &[MessageKey],
) -> Result<HashSet<MessageKey>, EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let mailboxes = index.call(move |index| index.mailboxes(id)).await?;
    let mut proven = HashSet::new();
    for keys in keys.chunks(FILES_IN_A_JOB) {
        let asked = keys.to_vec();
        let rows = index.call(move |index| index.files(&asked)).await?;
        let mailboxes = mailboxes.clone();
        let read_back = DeliveryPool::run(move || read_back(rows, &mailboxes)).await?;
        let good = read_back.clone();
        index.call(move |index| index.mark_proven(&good, now())).await?;
        account.shared.steps.reached(Step::Proven)?;
        proven.extend(read_back);
    }
    Ok(proven)
}

/// A file that cannot be found, read, or that differs proves nothing; its server copy stays. That is
/// no error of the pass: the verdict says why the message is kept.
fn read_back(rows: Vec<FileRow>, mailboxes: &[MailboxRow]) -> Vec<MessageKey> {
    let is_whole = |row: &FileRow| {
        let path = row.mailbox_path.join(&row.file);
        let same = |path: &PathBuf| {
            let read = postrider_maildir::read_back(path);
            read.is_ok_and(|proof| proof.sha256 == row.sha256 && proof.octets == row.octets)
        };
        same(&path) || locate_anywhere(mailboxes, &row.base).is_some_and(|(path, _)| same(&path))
    };
    rows.iter().filter(|row| is_whole(row)).map(|row| row.key).collect()
}
