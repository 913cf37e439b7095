//! The views of CONTRACT section 9: their columns, in order, and what stands in them.

use crate::testing::{Bench, imap, message, now, pop3};
use postrider_core::fault::Fault;
use rusqlite::types::Value;

#[test]
fn the_views_have_exactly_the_columns_of_the_contract() {
    let bench = Bench::new();
    for (view, columns) in [
        (
            "messages",
            "account mailbox uid uidl message_id subject from_addr to_addrs date internal_date octets sha256 \
             flags path stored_at proven_at expired_at vanished_at",
        ),
        (
            "mailboxes",
            "account name role path uidvalidity uidnext highestmodseq messages synced_at",
        ),
        (
            "accounts",
            "name protocol last_success_at last_error_at last_error_kind last_error",
        ),
        (
            "ledger",
            "at account mailbox message_id sha256 action because",
        ),
    ] {
        let statement = bench
            .index
            .connection
            .prepare(&format!("SELECT * FROM {view}"))
            .unwrap();
        let names: Vec<&str> = statement.column_names().collect();
        assert_eq!(names.join(" "), columns, "{view}");
    }
}

fn rows(bench: &Bench, sql: &str) -> Vec<Vec<String>> {
    let mut statement = bench.index.connection.prepare(sql).unwrap();
    let width = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..width).map(|at| row.get::<_, Value>(at)).collect();
    let rows: Vec<Vec<Value>> = statement
        .query_map((), row)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let show = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Real(_) | Value::Blob(_) => panic!("no view has such a column"),
    };
    rows.iter()
        .map(|row| row.iter().map(show).collect())
        .collect()
}

#[test]
fn the_views_tell_what_happened() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![message(imap(7, 1), 0xAB), message(pop3("u"), 2)]);
    bench.index.mark_proven(&keys, now(110)).unwrap();
    bench
        .index
        .mark_expired(&[(keys[0], "delete_after")], now(120))
        .unwrap();
    bench.index.mark_vanished(&keys[1..], now(130)).unwrap();
    bench
        .index
        .record_error(bench.account, now(140), Fault::Auth, "no")
        .unwrap();
    let hash = "ab".repeat(32);
    let messages = rows(&bench, "SELECT * FROM messages ORDER BY uid");
    assert_eq!(
        messages[0].join(" "),
        format!(
            "home INBOX - u 2@example.org Grüße ada@example.org - -5 50 10 {} \\Seen work \
         /mail/home/INBOX/cur/base2:2,S 100 110 - 130",
            "02".repeat(32)
        )
    );
    assert_eq!(
        messages[1].join(" "),
        format!(
            "home INBOX 1 - 171@example.org Grüße ada@example.org - -5 50 10 {hash} \\Seen work \
         /mail/home/INBOX/cur/base171:2,S 100 110 120 -"
        )
    );
    let mailboxes = rows(&bench, "SELECT * FROM mailboxes");
    assert_eq!(
        mailboxes[0].join(" "),
        "home INBOX - /mail/home/INBOX - - - - -"
    );
    assert_eq!(
        rows(&bench, "SELECT * FROM accounts")[0].join(" "),
        "home imap - 140 auth no"
    );
    let ledger: Vec<_> = rows(
        &bench,
        "SELECT * FROM ledger WHERE message_id LIKE '171%' ORDER BY at",
    )
    .iter()
    .map(|row| row.join(" "))
    .collect();
    assert_eq!(
        ledger,
        [
            format!("100 home INBOX 171@example.org {hash} stored new on the server"),
            format!("120 home INBOX 171@example.org {hash} expired delete_after"),
        ]
    );
}
