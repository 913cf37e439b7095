//! What should lie in a mailbox's directory, to hold against what does.

use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use rusqlite::params;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// The low bit of a hash: whether the file is looked for.
const EXPECTED: u64 = 1;

/// The files that may lie in a mailbox's directory, and those that should. Nine octets for each.
///
/// Known is every message's file, a delivery's under way, and what another account knows of a
/// directory that both share. Expected is less: nobody waits for a file that a scan has missed
/// before, nor for one of a message that the server has no more.
#[derive(Debug)]
pub struct Inventory {
    hasher: RandomState,
    /// Sorted.
    known: Vec<u64>,
    /// Which of `known` were asked for.
    seen: Vec<bool>,
    /// Base names of deliveries under way.
    arriving: HashSet<String>,
}

impl Inventory {
    /// Nothing is known of the directory. The hasher must be the same for whatever is compared.
    #[must_use]
    pub fn empty(hasher: RandomState) -> Self {
        Self {
            hasher,
            known: Vec::new(),
            seen: Vec::new(),
            arriving: HashSet::new(),
        }
    }

    /// Whether a file of this name, relative to the mailbox, and with this base may lie there; it
    /// counts as seen from now on.
    pub fn see(&mut self, file: &str, base: &str) -> bool {
        let hash = self.hasher.hash_one(file) | EXPECTED;
        let found = self.known.binary_search_by_key(&hash, |h| h | EXPECTED);
        let seen = found.ok().and_then(|at| self.seen.get_mut(at));
        if let Some(seen) = seen {
            *seen = true;
            return true;
        }
        self.arriving.contains(base)
    }

    /// The expected files that were not seen, each as a number that is the same in every inventory of
    /// this hasher.
    pub fn missing(&self) -> impl Iterator<Item = u64> {
        let asked = self.known.iter().zip(&self.seen);
        asked.filter_map(|(hash, seen)| (!seen && hash & EXPECTED != 0).then_some(*hash))
    }
}

impl Index {
    /// What should lie in the directory of a mailbox.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn inventory(
        &self,
        mailbox: MailboxId,
        hasher: RandomState,
    ) -> Result<Inventory, IndexError> {
        let mut inventory = Inventory::empty(hasher);
        let mut read = || {
            let sql = "
                SELECT file, mailbox = ?1 AND vanished_at IS NULL AND expired_at IS NULL
                  AND absent_at IS NULL AND deleted_at IS NULL AS expected
                FROM message
                WHERE mailbox IN (SELECT other.id FROM mailbox JOIN mailbox AS other
                  ON other.path = mailbox.path WHERE mailbox.id = ?1)";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![mailbox.0])?;
            while let Some(row) = rows.next()? {
                let hash = inventory.hasher.hash_one(row.get_ref("file")?.as_str()?);
                let expected = u64::from(row.get::<_, bool>("expected")?);
                inventory.known.push(hash & !EXPECTED | expected);
            }
            let mut arriving = self.connection.prepare_cached("SELECT base FROM journal")?;
            let mut rows = arriving.query(())?;
            while let Some(row) = rows.next()? {
                inventory.arriving.insert(row.get("base")?);
            }
            Ok(())
        };
        read().map_err(IndexError::sql("list the files of a directory"))?;
        inventory.known.sort_unstable();
        // Two accounts may know one file; expected is what either expects.
        inventory.known.dedup_by(|next, kept| {
            let is_same = *next | EXPECTED == *kept | EXPECTED;
            *kept |= u64::from(is_same) & *next;
            is_same
        });
        inventory.seen = vec![false; inventory.known.len()];
        Ok(inventory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, imap, intent, message, new_mailbox, now, pop3};
    use postrider_core::account::{AccountName, Protocol};

    #[test]
    fn what_is_known_may_lie_there_and_what_is_expected_is_missed() {
        let mut bench = Bench::new();
        let stored = [1, 2, 3].map(|n| message(imap(7, n.into()), n));
        let keys = bench.store(stored.into());
        bench.index.note_absent(&keys[2..], now(200)).unwrap();
        let hasher = RandomState::new();
        let read = |bench: &Bench| {
            bench
                .index
                .inventory(bench.mailbox, hasher.clone())
                .unwrap()
        };
        let mut inventory = read(&bench);
        assert!(inventory.see("cur/base1:2,S", "base1"));
        assert!(inventory.see("cur/base3:2,S", "base3"));
        assert!(!inventory.see("cur/base1:2,FS", "base1"));
        assert!(!inventory.see("cur/other:2,S", "other"));
        let missing: Vec<u64> = inventory.missing().collect();
        assert_eq!(missing.len(), 1, "the second; nobody waits for the third");
        let mut again = read(&bench);
        again.see("cur/base1:2,S", "base1");
        assert_eq!(again.missing().collect::<Vec<_>>(), missing);
        again.see("cur/base2:2,S", "base2");
        assert_eq!(again.missing().count(), 0);
    }

    #[test]
    fn a_delivery_under_way_is_no_stranger() {
        let mut bench = Bench::new();
        bench
            .index
            .begin(&[intent(message(imap(7, 1), 1))])
            .unwrap();
        let inventory = bench.index.inventory(bench.mailbox, RandomState::new());
        let mut inventory = inventory.unwrap();
        assert!(inventory.see("cur/base1:2,S", "base1"));
        assert_eq!(inventory.missing().count(), 0, "nor is it expected yet");
    }

    #[test]
    fn accounts_that_share_a_directory_know_of_each_other() {
        let mut bench = Bench::new();
        let shared = new_mailbox("Shared");
        let [one, other] = ["one", "other"].map(|name| {
            let name = AccountName::parse(name).unwrap();
            let account = bench.index.account(&name, Protocol::Pop3).unwrap();
            bench.index.mailbox(account, &shared).unwrap()
        });
        let mut intent = intent(message(pop3("a"), 1));
        intent.mailbox = one;
        let begun = bench.index.begin(&[intent]).unwrap();
        bench.index.record(&begun, now(100), now(100)).unwrap();
        let read = |mailbox| bench.index.inventory(mailbox, RandomState::new()).unwrap();
        assert!(read(other).see("cur/base1:2,S", "base1"));
        assert_eq!(
            read(other).missing().count(),
            0,
            "it is the other's to miss"
        );
        assert_eq!(read(one).missing().count(), 1);
    }
}
