//! Files that are back after it was written down that they are gone: put back from a backup, or from where
//! somebody had taken them.
//!
//! With the octets that were stored they are the same message, which so keeps its history and its way back to
//! the server. Who it is there was forgotten with its file; the server's copy may have been fetched anew since,
//! as another message. So it is like one that was taken in: a pass that finds it at the server without a
//! message of ours gives it that identity, else it is a copy that only we have, and stays.

use crate::ledger::{self, Action};
use crate::mailboxes::MailboxId;
use crate::take_in::FoundFile;
use postrider_core::message::MessageKey;
use postrider_core::time::Now;
use rusqlite::{OptionalExtension, Transaction, params};

/// The message of the mailbox that had this file and lost it, which has it again from now on; `None` where
/// there is none. What a proof was about is gone, so it is made anew (R1). Flags are agreed on anew, as for any
/// file that is taken in; those with which an expired one left are what `undo` gives back.
pub(crate) fn revive(
    transaction: &Transaction<'_>,
    mailbox: MailboxId,
    found: &FoundFile,
    now: Now,
) -> rusqlite::Result<Option<MessageKey>> {
    let sql = "
        UPDATE message SET removed_at = NULL, file = ?1,
          absent_at = NULL, deleted_at = NULL, lost_at = NULL, unproven_told_at = NULL,
          released_at = CASE WHEN vanished_at IS NOT NULL OR expired_at IS NOT NULL THEN released_at END,
          proven_at = CASE WHEN expired_at IS NOT NULL THEN proven_at END,
          flags = CASE WHEN expired_at IS NOT NULL THEN flags ELSE '' END
        WHERE id = (SELECT id FROM message WHERE base = ?2 AND mailbox = ?3 AND sha256 = ?4
            AND removed_at IS NOT NULL ORDER BY id DESC LIMIT 1)
        RETURNING id";
    let row = params![found.file, found.base, mailbox.0, found.sha256.0];
    let mut statement = transaction.prepare_cached(sql)?;
    let key = statement.query_row(row, |row| row.get(0).map(MessageKey));
    let key = key.optional()?;
    if let Some(key) = key {
        ledger::append(
            transaction,
            key,
            Action::Stored,
            now,
            "found in the Maildir again",
        )?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, epoch, found, imap, message, now};
    use postrider_core::message::{MessageKey, Sha256};

    const GONE: &str = "verify: its file is missing";

    /// Two messages of which the first one's file was lost.
    fn bench() -> (Bench, Vec<MessageKey>) {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
        bench.index.mark_proven(&keys, now(8)).unwrap();
        let lost = bench
            .index
            .forget_copies(bench.mailbox, &keys[..1], now(9), GONE);
        lost.unwrap();
        (bench, keys)
    }

    #[test]
    fn r4_a_file_that_is_back_is_its_message_and_waits_for_a_match() {
        let (mut bench, keys) = bench();
        let unknown = bench
            .index
            .unknown_bases(bench.mailbox, &["base1", "base2"]);
        assert_eq!(unknown.unwrap(), ["base1"]);
        let taken = bench
            .index
            .take_in(bench.mailbox, &[found(1, false)], now(10), now(10));
        assert_eq!(taken.unwrap(), keys[..1]);
        assert_eq!(bench.count("message"), 2);
        let unmatched = bench.index.unmatched(bench.mailbox, epoch(7)).unwrap();
        assert_eq!(
            unmatched.iter().map(|row| row.key).collect::<Vec<_>>(),
            keys[..1]
        );
        assert!(bench.index.unreleased(bench.mailbox).unwrap().is_empty());
        let all = (MessageKey(0), keys[1]);
        let page = bench.index.kept(bench.mailbox, all, 9).unwrap();
        assert_eq!(page.len(), 2);
        let again = "ledger WHERE action = 'stored' AND because = 'found in the Maildir again'";
        assert_eq!(bench.count(again), 1);
        let unknown = bench.index.unknown_bases(bench.mailbox, &["base1"]);
        assert!(unknown.unwrap().is_empty());
    }

    #[test]
    fn r1_what_is_back_is_proven_anew() {
        let (mut bench, keys) = bench();
        let taken = bench
            .index
            .take_in(bench.mailbox, &[found(1, false)], now(10), now(10));
        taken.unwrap();
        let unproven = bench.index.unproven(bench.mailbox, 9).unwrap();
        assert_eq!(
            unproven.iter().map(|file| file.key).collect::<Vec<_>>(),
            keys[..1]
        );
        assert_eq!(bench.index.only_received(&keys).unwrap(), keys);
    }

    #[test]
    fn other_octets_under_the_name_are_another_message() {
        let (mut bench, keys) = bench();
        let mut other = found(1, false);
        other.sha256 = Sha256([9; 32]);
        let taken = bench
            .index
            .take_in(bench.mailbox, &[other], now(10), now(10))
            .unwrap();
        assert!(!keys.contains(&taken[0]));
        assert_eq!(bench.count("message WHERE removed_at IS NOT NULL"), 1);
    }
}
