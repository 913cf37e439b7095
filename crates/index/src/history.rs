//! Reading the ledger: what happened to which message, when, and because of what.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::open::Index;
use postrider_core::message::Sha256;
use postrider_core::time::UnixTime;
use rusqlite::{Row, params};
use std::path::PathBuf;

/// Which entries are wanted; an empty one wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFilter {
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

/// An entry, and where the message's local copy should lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
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
    /// The hash of the file.
    pub sha256: Option<Sha256>,
    /// What was done.
    pub action: String,
    /// Why.
    pub because: String,
    /// Where the local copy was last seen; `None` when the index has no row of the message.
    pub copy: Option<CopyRow>,
}

/// Where a local copy was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyRow {
    /// The account that it belongs to.
    pub account: AccountId,
    /// The mailbox's directory.
    pub mailbox_path: PathBuf,
    /// The file relative to it.
    pub file: String,
    /// When it was removed by policy.
    pub removed_at: Option<UnixTime>,
}

impl Index {
    /// Hands the entries of the ledger that `filter` wants to `each`, oldest first. None is held: a ledger
    /// only grows.
    ///
    /// # Errors
    /// When the database refuses, or `each` fails.
    pub fn each_entry<E: From<IndexError>>(
        &self,
        filter: &LedgerFilter,
        mut each: impl FnMut(LedgerRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = "
            SELECT entry.*, message.subject, message.from_addr, message.file, message.removed_at,
              mailbox.path, mailbox.account AS account_id
            FROM (
              SELECT * FROM ledger_entry
              WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR mailbox GLOB ?2)
                AND (?3 IS NULL OR message_id = ?3)
                AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR at < ?5)
                AND (?6 IS NULL OR action = ?6)
              ORDER BY id DESC LIMIT ?7) AS entry
            LEFT JOIN message ON message.id = entry.message
              AND message.sha256 = entry.sha256
            LEFT JOIN mailbox ON mailbox.id = message.mailbox
            ORDER BY entry.id";
        let failed = || IndexError::sql("read the ledger");
        let message_id = filter.message_id.as_deref();
        let row = params![
            filter.account,
            filter.mailbox.as_deref().map(sqlite_glob),
            message_id.map(|id| id.trim_start_matches('<').trim_end_matches('>')),
            filter.since.map(UnixTime::as_seconds),
            filter.until.map(UnixTime::as_seconds),
            filter.action,
            filter.limit.map_or(-1, column::integer),
        ];
        let mut statement = self.connection.prepare(sql).map_err(failed())?;
        let mut rows = statement.query(row).map_err(failed())?;
        while let Some(row) = rows.next().map_err(failed())? {
            each(ledger_row(row).map_err(failed())?)?;
        }
        Ok(())
    }

    /// Whether the ledger tells of an account of this name, whatever has become of it.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn tells_of(&self, account: &str) -> Result<bool, IndexError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM ledger_entry WHERE account = ?)";
        let told = self.connection.query_row(sql, [account], |row| row.get(0));
        told.map_err(IndexError::sql("look for an account in the ledger"))
    }
}

/// A glob of the configuration's as SQLite's: there `[` begins a class, here it is a letter.
pub(crate) fn sqlite_glob(glob: &str) -> String {
    if glob.eq_ignore_ascii_case("INBOX") {
        return "INBOX".to_owned();
    }
    glob.replace('[', "[[]")
}

fn ledger_row(row: &Row<'_>) -> rusqlite::Result<LedgerRow> {
    let account: Option<i64> = row.get("account_id")?;
    let copy = match account {
        Some(account) => Some(CopyRow {
            account: AccountId(account),
            mailbox_path: PathBuf::from(row.get::<_, String>("path")?),
            file: row.get("file")?,
            removed_at: column::time(row, "removed_at")?,
        }),
        None => None,
    };
    Ok(LedgerRow {
        at: column::time(row, "at")?.ok_or_else(|| column::absent("at"))?,
        account: row.get("account")?,
        mailbox: row.get("mailbox")?,
        message_id: row.get("message_id")?,
        subject: row.get("subject")?,
        from_addr: row.get("from_addr")?,
        sha256: column::sha256(row, "sha256").ok(),
        action: row.get("action")?,
        because: row.get("because")?,
        copy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, imap, message, now};

    fn told(bench: &Bench, filter: &LedgerFilter) -> Vec<String> {
        let mut told = Vec::new();
        let each = |row: LedgerRow| {
            told.push(format!(
                "{} {} {}",
                row.at,
                row.action,
                row.message_id.unwrap()
            ));
            Ok::<_, IndexError>(())
        };
        bench.index.each_entry(filter, each).unwrap();
        told
    }

    /// `mailbox=I* limit=1` as a filter.
    fn filter(text: &str) -> LedgerFilter {
        let mut filter = LedgerFilter::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let (key, value) = word.split_once('=').unwrap();
            let text = Some(value.to_owned());
            let time = || Some(UnixTime::from_seconds(value.parse().unwrap()));
            match key {
                "account" => filter.account = text,
                "mailbox" => filter.mailbox = text,
                "message_id" => filter.message_id = text,
                "action" => filter.action = text,
                "since" => filter.since = time(),
                "until" => filter.until = time(),
                _ => filter.limit = value.parse().ok(),
            }
        }
        filter
    }

    #[test]
    fn an_account_of_which_nothing_is_told_is_unknown() {
        let mut bench = Bench::new();
        assert!(!bench.index.tells_of("home").unwrap());
        bench.store(vec![message(imap(7, 1), 1)]);
        let told = ["home", "nobody"].map(|name| bench.index.tells_of(name).unwrap());
        assert_eq!(told, [true, false]);
    }

    #[test]
    fn every_filter_narrows_and_the_latest_come_last() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
        bench.index.mark_vanished(&keys[1..], now(200)).unwrap();
        let all = [
            "100 stored 1@example.org",
            "100 stored 2@example.org",
            "200 vanished 2@example.org",
        ];
        for (text, expected) in [
            ("", 0..3),
            ("account=home", 0..3),
            ("account=x", 0..0),
            ("mailbox=in?o*", 0..0),
            ("mailbox=inbox", 0..3),
            ("mailbox=I*", 0..3),
            ("mailbox=[I]*", 0..0),
            ("message_id=<2@example.org>", 1..3),
            ("action=vanished", 2..3),
            ("since=101", 2..3),
            ("until=200", 0..2),
            ("limit=1", 2..3),
            ("until=200 limit=1", 1..2),
        ] {
            assert_eq!(told(&bench, &filter(text)), all[expected], "{text}");
        }
    }
}
