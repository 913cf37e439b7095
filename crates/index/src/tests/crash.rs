//! The journal, stopped between any two of its steps.

use crate::testing::{Bench, imap, intent, message, now, pop3};
use crate::{IndexError, JournalId};
use rusqlite::params;

#[test]
fn an_intent_survives_and_becomes_a_message_once() {
    let mut bench = Bench::new();
    let intents = vec![
        intent(message(imap(7, 1), 1)),
        intent(message(imap(7, 2), 2)),
    ];
    let begun = bench.index.begin(&intents).unwrap();

    let mut bench = bench.restart();
    assert_eq!(bench.count("message"), 0);
    let open = bench.index.open_entries(bench.account).unwrap();
    let ids: Vec<JournalId> = open.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, begun);
    assert!(
        open.iter()
            .all(|entry| entry.intent.mailbox == bench.mailbox)
    );
    let read: Vec<_> = open.into_iter().map(|entry| entry.intent).collect();
    assert_eq!(read, intents);
    let keys = bench.index.record(&ids, now(9), now(9)).unwrap();
    assert_eq!(keys.len(), 2);

    let mut bench = bench.restart();
    assert_eq!(bench.index.open_entries(bench.account).unwrap(), []);
    assert_eq!(
        (
            bench.count("message"),
            bench.count("ledger_entry"),
            bench.count("journal")
        ),
        (2, 2, 0)
    );
    // The caller that never heard of its success tries again.
    let again = bench.index.record(&ids, now(10), now(10));
    assert!(
        matches!(again, Err(IndexError::NoSuchRow { .. })),
        "{again:?}"
    );
    assert_eq!(bench.count("message"), 2);
}

#[test]
fn a_pop3_intent_survives_with_its_unique_id() {
    let mut bench = Bench::new();
    let mut plain = message(pop3("a-1"), 1);
    plain.header = crate::HeaderFields::default();
    (
        plain.internal_date,
        plain.server_octets,
        plain.header_sha256,
    ) = (None, None, None);
    let intents = [intent(plain)];
    bench.index.begin(&intents).unwrap();
    let bench = bench.restart();
    let open = bench.index.open_entries(bench.account).unwrap();
    assert_eq!(open[0].intent, intents[0]);
}

#[test]
fn a_delivery_that_was_not_made_is_forgotten_and_may_begin_anew() {
    let mut bench = Bench::new();
    let intents = [intent(message(imap(7, 1), 1))];
    let begun = bench.index.begin(&intents).unwrap();
    let twice = bench.index.begin(&intents);
    assert!(
        matches!(twice, Err(IndexError::AlreadyKnown { .. })),
        "{twice:?}"
    );
    bench.index.forget(&begun).unwrap();
    bench.index.forget(&begun).unwrap();
    let begun = bench.index.begin(&intents).unwrap();
    bench.index.record(&begun, now(1), now(1)).unwrap();
}

#[test]
fn a_killed_transaction_leaves_nothing() {
    let mut bench = Bench::new();
    let intents = vec![
        intent(message(imap(7, 1), 1)),
        intent(message(imap(7, 2), 2)),
    ];
    let begun = bench.index.begin(&intents).unwrap();
    let transaction = bench.index.transaction("test").unwrap();
    let sql = "
        INSERT INTO message (mailbox, octets, octets_crlf, sha256, flags, base, file, stored_at)
        VALUES (?, 1, 1, zeroblob(32), '', 'b', 'new/b', 1)";
    transaction.execute(sql, params![bench.mailbox.0]).unwrap();
    // As a kill does: no rollback, no destructor; the next connection finds the WAL as it is.
    std::mem::forget(transaction);
    std::mem::forget(std::mem::replace(
        &mut bench.index.connection,
        rusqlite::Connection::open_in_memory().unwrap(),
    ));
    let bench = copy_of_the_files(bench);
    assert_eq!(
        (bench.count("message"), bench.count("ledger_entry")),
        (0, 0)
    );
    let open = bench.index.open_entries(bench.account).unwrap();
    assert_eq!(open.len(), begun.len());
}

/// The dead connection's locks live on in this process, so its files are opened elsewhere.
fn copy_of_the_files(bench: Bench) -> Bench {
    let home = tempfile::tempdir().unwrap();
    for name in ["index.db", "index.db-wal"] {
        std::fs::copy(bench.home.path().join(name), home.path().join(name)).unwrap();
    }
    Bench { home, ..bench }.restart()
}

#[test]
fn of_a_batch_all_is_recorded_or_nothing() {
    let mut bench = Bench::new();
    let begun = bench
        .index
        .begin(&[intent(message(imap(7, 1), 1))])
        .unwrap();
    let batch = [begun[0], JournalId(999)];
    assert!(bench.index.record(&batch, now(1), now(1)).is_err());
    assert_eq!((bench.count("message"), bench.count("journal")), (0, 1));

    bench.index.record(&begun, now(1), now(1)).unwrap();
    let batch = [
        intent(message(imap(7, 2), 2)),
        intent(message(imap(7, 1), 3)),
    ];
    let refused = bench.index.begin(&batch);
    assert!(
        matches!(refused, Err(IndexError::AlreadyKnown { .. })),
        "{refused:?}"
    );
    assert_eq!(bench.count("journal"), 0);
}

#[test]
fn a_full_disk_keeps_what_was_there_and_takes_nothing_new() {
    let mut bench = Bench::new();
    bench.store(vec![message(imap(7, 1), 1)]);
    let pages: i64 = bench
        .index
        .connection
        .query_row("PRAGMA page_count", (), |row| row.get(0))
        .unwrap();
    bench
        .index
        .connection
        .pragma_update(None, "max_page_count", pages)
        .unwrap();
    let many = |from: u32| {
        (from..from + 200)
            .map(|uid| intent(message(imap(8, uid), 9)))
            .collect::<Vec<_>>()
    };
    let full = (0..50)
        .find_map(|round| bench.index.begin(&many(1 + round * 200)).err())
        .unwrap();
    assert_eq!(full.fault(), postrider_core::fault::Fault::LocalIo);
    assert!(full.hint().unwrap().contains("space"), "{full:?}");
    assert!(bench.count("journal") % 200 == 0);
    let bench = bench.restart();
    assert_eq!(bench.count("message"), 1);
    assert_eq!(bench.index.check().unwrap(), Vec::<String>::new());
}
