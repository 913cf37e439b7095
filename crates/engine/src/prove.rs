//! Proof before deletion (R1): the stored file is read back and its hash compared, later than the
//! write and before anything is deleted.

use crate::context::{Account, now};
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::local::locate_anywhere;
use crate::step::Step;
use postrider_core::message::MessageKey;
use postrider_index::{MailboxRow, MessageFile};
use postrider_maildir::Entry;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Files read back by one job, so that other accounts get their turn at the disk.
const FILES_IN_A_JOB: usize = 256;

/// Reads the files of `keys` back. Returns those whose file is there with the recorded hash; they
/// are proven from now on, and the index says so. What was taken in and never compared with the server's
/// octets is not received whole: it proves nothing.
pub(crate) async fn prove(
    account: &Account,
    keys: &[MessageKey],
) -> Result<HashSet<MessageKey>, EngineError> {
    let (id, index) = (account.id, &account.shared.index);
    let mailboxes = index.call(move |index| index.mailboxes(id)).await?;
    let mut proven = HashSet::new();
    for keys in keys.chunks(FILES_IN_A_JOB) {
        let asked = keys.to_vec();
        let rows = index
            .call(move |index| index.file_of(&index.only_received(&asked)?))
            .await?;
        let (mailboxes, tree) = (mailboxes.clone(), account.settings.maildir.clone());
        let read_back = DeliveryPool::run(move || read_back(&rows, &tree, &mailboxes)).await?;
        let good = read_back.clone();
        index
            .call(move |index| index.mark_proven(&good, now()))
            .await?;
        account.shared.steps.reached(Step::Proven)?;
        proven.extend(read_back);
    }
    Ok(proven)
}

/// A file that cannot be found, read, or that differs proves nothing; its server copy stays. That is
/// no error of the pass: the verdict says why the message is kept.
fn read_back(rows: &[MessageFile], tree: &Path, mailboxes: &[MailboxRow]) -> Vec<MessageKey> {
    let is_whole = |row: &MessageFile| {
        let path = row.mailbox_path.join(&row.file);
        let same = |path: &PathBuf| {
            let read = postrider_maildir::read_back(path);
            read.is_ok_and(|proof| proof.sha256 == row.sha256 && proof.octets == row.octets)
        };
        let elsewhere = || {
            let known = Entry::parse(&row.file)?;
            locate_anywhere(tree, mailboxes, &known)
        };
        same(&path) || elsewhere().is_some_and(|path| same(&path))
    };
    rows.iter()
        .filter(|row| is_whole(row))
        .map(|row| row.key)
        .collect()
}
