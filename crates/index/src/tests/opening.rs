//! Making, finding and refusing an index.

use crate::testing::{Bench, imap, message};
use crate::{Index, IndexError};
use postrider_core::fault::Fault;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_new_index_is_private_durable_and_readable_beside_its_writer() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("a/state");
    let missing = Index::open_read_only(&state).unwrap_err();
    assert!(
        matches!(missing, IndexError::Missing { .. }) && missing.hint().is_some(),
        "{missing:?}"
    );
    let index = Index::open(&state).unwrap();
    let mode = |path: &str| fs::metadata(state.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        (mode("."), mode("index.db"), mode("index.db-wal")),
        (0o700, 0o600, 0o600)
    );
    let pragma = |name: &str| -> String {
        let value = index
            .connection
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        format!("{:?}", value.unwrap())
    };
    assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
    assert_eq!(pragma("synchronous"), "Integer(2)");
    assert_eq!(pragma("foreign_keys"), "Integer(1)");
    assert_eq!(pragma("user_version"), "Integer(13)");
    let mut reader = Index::open_read_only(&state).unwrap();
    assert_eq!(reader.statuses().unwrap(), []);
    let name = postrider_core::account::AccountName::parse("x").unwrap();
    let refused = reader
        .account(&name, postrider_core::account::Protocol::Imap)
        .unwrap_err();
    assert_eq!(refused.fault(), Fault::LocalIo);
    assert!(refused.hint().is_some());
}

#[test]
fn an_empty_file_is_no_index_to_a_reader_and_a_new_one_to_a_writer() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("index.db"), "").unwrap();
    assert!(matches!(
        Index::open_read_only(home.path()),
        Err(IndexError::Missing { .. })
    ));
    Index::open(home.path()).unwrap();
}

/// Somebody deleted the index and not its log, and before that a kill left a new one half-made.
#[test]
fn what_lies_beside_an_index_that_is_gone_is_not_taken_for_the_new_ones() {
    let mut bench = Bench::new();
    bench.store((1..50).map(|uid| message(imap(7, uid), 1)).collect());
    let state = bench.home.path();
    fs::remove_file(state.join("index.db")).unwrap();
    fs::write(state.join("index.db-new"), "half of something").unwrap();
    let log = fs::metadata(state.join("index.db-wal")).unwrap();
    assert!(log.len() > 0);
    let index = Index::open(state).unwrap();
    assert_eq!(index.statuses().unwrap(), []);
    index.close().unwrap();
    let left: Vec<_> = fs::read_dir(state).unwrap().collect();
    let mut left: Vec<_> = left.into_iter().map(|f| f.unwrap().file_name()).collect();
    left.sort();
    left.retain(|name| name.to_string_lossy().starts_with("index"));
    assert_eq!(left, ["index.db", "index.db-sealed"]);
}

#[test]
fn an_index_of_the_future_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    Index::open(home.path())
        .unwrap()
        .connection
        .pragma_update(None, "user_version", 99)
        .unwrap();
    for opened in [Index::open(home.path()), Index::open_read_only(home.path())] {
        let error = opened.unwrap_err();
        assert!(
            matches!(error, IndexError::NewerSchema { found: 99, .. }),
            "{error:?}"
        );
        assert!(error.hint().is_some());
    }
}

#[test]
fn damage_is_told_with_a_hint() {
    let home = tempfile::tempdir().unwrap();
    fs::write(
        home.path().join("index.db"),
        "From ada, a mailbox of another kind\n".repeat(500),
    )
    .unwrap();
    let error = Index::open(home.path()).unwrap_err();
    assert!(matches!(error, IndexError::Corrupt { .. }), "{error:?}");
    assert_eq!(error.fault(), Fault::LocalIo);
    assert!(error.hint().unwrap().contains("no mail is lost"));

    let mut bench = Bench::new();
    bench.store((1..200).map(|uid| message(imap(7, uid), 1)).collect());
    let Bench { index, home, .. } = bench;
    drop(index);
    let path = home.path().join("index.db");
    let mut octets = fs::read(&path).unwrap();
    // All but the first page, which says that it is a database.
    octets[4_096 * 8..].fill(0xAA);
    fs::write(&path, octets).unwrap();
    let error = Index::open(home.path()).unwrap_err();
    assert!(matches!(error, IndexError::Corrupt { .. }), "{error:?}");
}

#[test]
fn a_directory_that_cannot_be_written_is_a_local_fault() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("file"), "").unwrap();
    let error = Index::open(&home.path().join("file/state")).unwrap_err();
    assert!(matches!(error, IndexError::Io { .. }), "{error:?}");
    assert_eq!(error.fault(), Fault::LocalIo);
}

#[test]
fn somebody_who_holds_the_database_makes_us_wait_and_then_say_so() {
    let mut bench = Bench::new();
    bench
        .index
        .connection
        .busy_timeout(std::time::Duration::from_millis(20))
        .unwrap();
    let other = rusqlite::Connection::open(bench.home.path().join("index.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = bench
        .index
        .set_stamps(&[(
            bench.mailbox,
            crate::ScanStamp {
                new_ns: 0,
                cur_ns: 0,
            },
        )])
        .unwrap_err();
    assert_eq!(error.fault(), Fault::Busy);
    assert!(error.hint().is_some());
}

#[test]
fn a_sound_index_has_no_faults() {
    let mut bench = Bench::new();
    bench.store(vec![message(imap(7, 1), 1)]);
    assert_eq!(bench.index.check().unwrap(), Vec::<String>::new());
    bench
        .index
        .connection
        .execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM mailbox")
        .unwrap();
    assert_ne!(bench.index.check().unwrap(), Vec::<String>::new());
}

#[test]
fn an_index_of_the_first_version_keeps_everything_when_it_is_brought_up() {
    let home = tempfile::tempdir().unwrap();
    let old = rusqlite::Connection::open(home.path().join("index.db")).unwrap();
    old.execute_batch(include_str!("../migrations/0001_initial.sql"))
        .unwrap();
    old.execute_batch(
        "PRAGMA user_version = 1;
         INSERT INTO account (name, protocol) VALUES ('home', 'imap');
         INSERT INTO mailbox (account, wire_name, name, path, uid_validity, synced_at)
           VALUES (1, 'INBOX', 'INBOX', '/mail/INBOX', 7, 9);
         INSERT INTO message (mailbox, uid_validity, uid, octets, octets_crlf, sha256, flags, base,
             file, stored_at)
           VALUES (1, 7, 3, 1, 1, zeroblob(32), '', 'b', 'new/b', 5);
         INSERT INTO ledger_entry (at, account, mailbox, message, sha256, action, because)
           VALUES (5, 'home', 'INBOX', 1, x'00', 'stored', 'new on the server');",
    )
    .unwrap();
    drop(old);
    let index = Index::open(home.path()).unwrap();
    let told = |sql: &str| {
        index
            .connection
            .query_row(sql, (), |row| row.get::<_, i64>(0))
    };
    assert_eq!(told("SELECT at FROM ledger WHERE action = 'stored'"), Ok(5));
    assert_eq!(told("PRAGMA user_version"), Ok(13));
    // Tables that were made anew are still what others refer to.
    assert_eq!(told("SELECT uidvalidity FROM mailboxes"), Ok(7));
    assert_eq!(
        told("SELECT uid FROM messages WHERE path = '/mail/INBOX/new/b'"),
        Ok(3)
    );
    assert_eq!(index.check().unwrap(), Vec::<String>::new());
    assert!(index.connection.execute("DELETE FROM mailbox", ()).is_err());
    // Its triggers came along.
    assert!(
        index
            .connection
            .execute("DELETE FROM ledger_entry", ())
            .is_err()
    );
}
