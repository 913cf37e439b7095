//! Bringing an index of any earlier version to the present one.

use crate::error::IndexError;
use crate::open::opening;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Every change of the schema, oldest first. One that was released is never edited.
const MIGRATIONS: [&str; 13] = [
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_full_strength_imap.sql"),
    include_str!("migrations/0003_retention.sql"),
    include_str!("migrations/0004_ledger.sql"),
    include_str!("migrations/0005_brake_rule.sql"),
    include_str!("migrations/0006_maildrops.sql"),
    include_str!("migrations/0007_local_side.sql"),
    include_str!("migrations/0008_deletions.sql"),
    include_str!("migrations/0009_certificates.sql"),
    include_str!("migrations/0010_silence.sql"),
    include_str!("migrations/0011_maildrop_rows.sql"),
    include_str!("migrations/0012_own_time.sql"),
    include_str!("migrations/0013_maildrop_listing.sql"),
];

/// The version of the schema, `PRAGMA user_version`; 0 is an empty file.
pub(crate) fn version(connection: &Connection, path: &Path) -> Result<usize, IndexError> {
    let found = connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    let found = found.map_err(opening(path))?;
    let known = MIGRATIONS.len();
    usize::try_from(found)
        .ok()
        .filter(|version| *version <= known)
        .ok_or_else(|| IndexError::NewerSchema {
            path: path.to_owned(),
            found,
            known: i64::try_from(known).unwrap_or(i64::MAX),
        })
}

/// Runs what is missing in one transaction: killed in between, it begins anew next time.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), IndexError> {
    let from = version(connection, path)?;
    // A table that others refer to can be made anew only while nobody looks; within a transaction
    // SQLite would not hear of it.
    let heed = |connection: &Connection, heeds: bool| {
        let written = connection.pragma_update(None, "foreign_keys", heeds);
        written.map_err(IndexError::sql("bring the index to its present version"))
    };
    heed(connection, false)?;
    let run = |connection: &mut Connection| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for sql in MIGRATIONS.iter().skip(from) {
            transaction.execute_batch(sql)?;
        }
        let version = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()
    };
    if from < MIGRATIONS.len() {
        run(connection).map_err(IndexError::sql("bring the index to its present version"))?;
    }
    heed(connection, true)
}
