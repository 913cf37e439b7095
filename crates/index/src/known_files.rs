//! Under which names the files of a mailbox were last seen, small enough for a million of them.

use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use std::hash::{BuildHasher, RandomState};

/// The names of the files of a mailbox's messages. Eight octets for each: the name's hash, under a key
/// that nobody can aim at. One in 10^13 names of a mailbox of a million is taken for another; then a
/// file that a reader renamed is looked for once more when it is needed.
#[derive(Debug)]
pub struct KnownFiles {
    hasher: RandomState,
    /// Sorted.
    hashes: Vec<u64>,
}

impl KnownFiles {
    /// Whether a message's file was last seen under this name, relative to the mailbox.
    #[must_use]
    pub fn has(&self, file: &str) -> bool {
        let hash = self.hasher.hash_one(file);
        self.hashes.binary_search(&hash).is_ok()
    }
}

impl Index {
    /// Where the files of a mailbox's messages were last seen, and those that are no message's yet. A file of
    /// which it was written down that it is gone is not among them: should it lie there again, that is news.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn known_files(&self, mailbox: MailboxId) -> Result<KnownFiles, IndexError> {
        let hasher = RandomState::new();
        let read = || {
            let sql = "SELECT count(*) FROM message WHERE mailbox = ?";
            let mut count = self.connection.prepare_cached(sql)?;
            let count = count.query_row([mailbox.0], |row| row.get::<_, i64>(0))?;
            // Grown by doubling it would be three times as large for a moment.
            let mut hashes = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
            let files = [
                "SELECT file FROM message WHERE mailbox = ? AND removed_at IS NULL",
                "SELECT file FROM newcomer WHERE mailbox = ?",
            ];
            for sql in files {
                let mut statement = self.connection.prepare_cached(sql)?;
                let mut rows = statement.query([mailbox.0])?;
                while let Some(row) = rows.next()? {
                    hashes.push(hasher.hash_one(row.get_ref("file")?.as_str()?));
                }
            }
            hashes.sort_unstable();
            Ok(hashes)
        };
        let hashes = read().map_err(IndexError::sql("list the files of a mailbox"))?;
        Ok(KnownFiles { hasher, hashes })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, imap, message, new_mailbox, now};

    #[test]
    fn the_names_of_one_mailbox_are_known() {
        let mut bench = Bench::new();
        let other = new_mailbox("Other");
        let other = bench.index.mailbox(bench.account, &other).unwrap();
        let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
        let known = bench.index.known_files(bench.mailbox).unwrap();
        for (file, is_known) in [
            ("cur/base1:2,S", true),
            ("cur/base2:2,S", true),
            ("cur/base1:2,FS", false),
            ("new/base1", false),
            ("", false),
        ] {
            assert_eq!(known.has(file), is_known, "{file}");
        }
        let none = bench.index.known_files(other).unwrap();
        assert!(!none.has("cur/base1:2,S"));
        bench.index.mark_vanished(&keys, now(8)).unwrap();
        bench
            .index
            .mark_removed(&keys[..1], now(9), "delete")
            .unwrap();
        let known = bench.index.known_files(bench.mailbox).unwrap();
        assert!(!known.has("cur/base1:2,S") && known.has("cur/base2:2,S"));
    }
}
