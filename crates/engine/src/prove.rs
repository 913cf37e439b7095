//! Proof before deletion (R1): the stored file is read back and its hash compared, later than the
//! write and before anything is deleted.

use crate::absence::{self, Found};
use crate::context::Account;
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::local::locate_anywhere;
use crate::step::Step;
use postrider_core::message::MessageKey;
use postrider_index::{MailboxRow, MessageFile};
use postrider_maildir::{Cold, Entry, Proof};
use std::collections::HashSet;
use std::path::Path;

/// Files read back by one job, so that other accounts get their turn at the disk.
const FILES_IN_A_JOB: usize = 256;

/// Files that the disk is asked for before the first of them is read.
const FILES_AHEAD: usize = 32;

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
        let (promised, rows): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|row| account.is_promised(row.key));
        let (mailboxes, tree) = (mailboxes.clone(), account.settings.maildir.clone());
        let mut read_back = DeliveryPool::run(move || read_back(&rows, &tree, &mailboxes)).await?;
        read_back.extend(promised.iter().map(|row| row.key));
        let good = read_back.clone();
        let proven_at = account.notes();
        index
            .call(move |index| index.mark_proven(&good, proven_at))
            .await?;
        account.shared.steps.reached(Step::Proven)?;
        proven.extend(read_back);
    }
    Ok(proven)
}

/// How local copies stand that were proven some time ago.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Their file is there with the recorded hash.
    pub(crate) whole: HashSet<MessageKey>,
    /// Their file is nowhere in the account.
    pub(crate) absent: Vec<MessageKey>,
}

/// Reads the files of `keys` back once more, just before their server copies go: a proof tells of the
/// day on which it was made. What is in neither list has changed.
pub(crate) async fn prove_again(
    account: &Account,
    keys: &[MessageKey],
) -> Result<Standing, EngineError> {
    let mut standing = Standing::default();
    for keys in keys.chunks(FILES_IN_A_JOB) {
        let asked = keys.to_vec();
        let index = &account.shared.index;
        let rows = index.call(move |index| index.file_of(&asked)).await?;
        let Found { keys, places } = absence::sort(account, rows.clone()).await?;
        let absent = rows.iter().filter(|row| !keys.contains(&row.key));
        standing.absent.extend(absent.map(|row| row.key));
        let promised = rows.iter().map(|row| row.key);
        let promised = promised.filter(|key| account.is_promised(*key));
        standing.whole.extend(promised);
        let whole = move || {
            let whole = rows.iter().filter(|row| {
                let place = places.get(&row.key);
                place.is_some_and(|path| is_whole(row, path))
            });
            whole.map(|row| row.key).collect::<Vec<_>>()
        };
        standing.whole.extend(DeliveryPool::run(whole).await?);
    }
    Ok(standing)
}

/// A file that cannot be found, read, or that differs proves nothing; its server copy stays. That is
/// no error of the pass: the verdict says why the message is kept.
fn read_back(rows: &[MessageFile], tree: &Path, mailboxes: &[MailboxRow]) -> Vec<MessageKey> {
    let elsewhere = |row: &MessageFile| {
        let known = Entry::parse(&row.file)?;
        locate_anywhere(tree, mailboxes, &known)
    };
    let mut proven = Vec::with_capacity(rows.len());
    let mut chunk = Vec::new();
    for rows in rows.chunks(FILES_AHEAD) {
        let paths: Vec<_> = rows.iter().map(|r| r.mailbox_path.join(&r.file)).collect();
        let cold: Vec<_> = paths.iter().map(|path| Cold::open(path)).collect();
        for (row, cold) in rows.iter().zip(cold) {
            let read = cold.and_then(|cold| cold.read(&mut chunk));
            let here = read.is_ok_and(|proof| holds(row, &proof));
            if here || elsewhere(row).is_some_and(|path| is_whole(row, &path)) {
                proven.push(row.key);
            }
        }
    }
    proven
}

fn is_whole(row: &MessageFile, path: &Path) -> bool {
    let read = postrider_maildir::read_back(path);
    read.is_ok_and(|proof| holds(row, &proof))
}

fn holds(row: &MessageFile, proof: &Proof) -> bool {
    proof.sha256 == row.sha256 && proof.octets == row.octets
}
