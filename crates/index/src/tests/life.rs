//! What happens to accounts, mailboxes and messages.

use crate::testing::{Bench, epoch, imap, message, new_mailbox, now, pop3};
use crate::{Attachment, IndexError, ScanStamp, ServerState};
use postrider_core::account::{AccountName, Protocol};
use postrider_core::fault::Fault;
use postrider_core::flag::FlagSet;
use postrider_core::mailbox::Role;
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::mod_seq::ModSeq;
use postrider_core::plan::view::BaseMessage;
use postrider_core::time::UnixTime;
use postrider_core::uid::Uid;
use std::path::Path;

fn ledger(bench: &Bench) -> Vec<(i64, String, String)> {
    let sql = "SELECT at, action, because FROM ledger ORDER BY rowid";
    let sql = sql.replace(
        "FROM ledger ORDER BY rowid",
        "FROM ledger_entry ORDER BY id",
    );
    let mut statement = bench.index.connection.prepare(&sql).unwrap();
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn an_account_is_made_once_and_remembers_how_it_went() {
    let mut bench = Bench::new();
    let name = AccountName::parse("isp").unwrap();
    let id = bench.index.account(&name, Protocol::Imap).unwrap();
    assert_eq!(bench.index.account(&name, Protocol::Pop3).unwrap(), id);
    bench.index.record_success(id, now(5)).unwrap();
    let text = format!("said \"a\r\nb\x1b[2J\" {}", "x".repeat(5_000));
    bench
        .index
        .record_error(id, now(6), Fault::Tls, &text)
        .unwrap();
    let rows = bench.index.statuses().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["home", "isp"]);
    let isp = &rows[1];
    assert_eq!(
        (isp.protocol.as_str(), isp.mailboxes, isp.messages),
        ("pop3", 0, 0)
    );
    assert_eq!(isp.last_success_at, Some(UnixTime::from_seconds(5)));
    assert_eq!(isp.last_error_at, Some(UnixTime::from_seconds(6)));
    assert_eq!(isp.last_error_kind.as_deref(), Some("tls"));
    let shown = isp.last_error.as_deref().unwrap();
    assert!(
        shown.starts_with("said \"a\\r\\nb\\u{1b}[2J\"") && shown.len() < 1_100,
        "{shown}"
    );
    assert!(
        bench
            .index
            .record_success(crate::AccountId(99), now(1))
            .is_err()
    );
}

#[test]
fn a_mailbox_follows_the_server_but_keeps_its_place() {
    let mut bench = Bench::new();
    let mut sent = new_mailbox("Sent");
    let id = bench.index.mailbox(bench.account, &sent).unwrap();
    sent.role = Some(Role::Sent);
    sent.path = "/elsewhere".into();
    assert_eq!(bench.index.mailbox(bench.account, &sent).unwrap(), id);
    let server = ServerState {
        uid_validity: Some(epoch(u32::MAX)),
        uid_next: Some(Uid::MAX),
        highest_mod_seq: ModSeq::new(i64::MAX.unsigned_abs()),
        messages: Some(3),
        mailbox_id: Some("F1".to_owned()),
    };
    let stamp = ScanStamp {
        new_ns: -1,
        cur_ns: i64::MAX,
    };
    bench
        .index
        .set_server_states(&[(id, server.clone())], now(8))
        .unwrap();
    bench.index.set_stamps(&[(id, stamp)]).unwrap();
    let rows = bench.index.mailboxes(bench.account).unwrap();
    assert_eq!(rows.len(), 2);
    let (inbox, row) = (&rows[0], &rows[1]);
    assert_eq!(
        (inbox.name.as_str(), inbox.server.clone(), inbox.stamp),
        ("INBOX", ServerState::default(), None)
    );
    assert_eq!(
        (row.wire_name.as_str(), row.name.as_str(), row.role),
        ("Sent", "Sent", Some(Role::Sent))
    );
    assert_eq!(row.path, Path::new("/mail/home/Sent"));
    assert_eq!((row.server.clone(), row.stamp), (server, Some(stamp)));
    assert_eq!(row.synced_at, Some(UnixTime::from_seconds(8)));
}

#[test]
fn many_mailboxes_are_recorded_together_or_not_at_all() {
    let mut bench = Bench::new();
    let mut taken = new_mailbox("Taken");
    taken.path = "/mail/home/INBOX".into();
    let mut wanted = vec![new_mailbox("INBOX"), new_mailbox("Sent"), taken];
    let refused = bench.index.record_mailboxes(bench.account, &wanted);
    assert!(
        matches!(refused, Err(IndexError::PathTaken { .. })),
        "{refused:?}"
    );
    assert_eq!(bench.count("mailbox"), 1);
    wanted.pop();
    bench
        .index
        .record_mailboxes(bench.account, &wanted)
        .unwrap();
    assert_eq!(bench.count("mailbox"), 2);
}

#[test]
fn two_mailboxes_never_share_a_directory() {
    let mut bench = Bench::new();
    let mut other = new_mailbox("Other");
    other.path = "/mail/home/INBOX".into();
    let taken = bench.index.mailbox(bench.account, &other);
    assert!(
        matches!(taken, Err(IndexError::PathTaken { .. })),
        "{taken:?}"
    );
    other.path = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"/\xFF").into();
    let taken = bench.index.mailbox(bench.account, &other);
    assert!(
        matches!(taken, Err(IndexError::PathNotText { .. })),
        "{taken:?}"
    );
}

#[test]
fn the_base_is_one_epoch_in_the_order_of_uids() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![
        message(imap(7, 9), 1),
        message(imap(7, 2), 2),
        message(imap(6, 2), 3),
        message(imap(7, 3), 4),
    ]);
    bench.index.mark_vanished(&keys[3..], now(200)).unwrap();
    let base = bench.index.base(bench.mailbox, epoch(7)).unwrap();
    let seen: Vec<_> = base
        .iter()
        .map(|row| (row.uid.as_u32(), row.key, row.vanished))
        .collect();
    assert_eq!(
        seen,
        [(2, keys[1], false), (3, keys[3], true), (9, keys[0], false)]
    );
    assert_eq!(base[0].flags, FlagSet::from_index("\\Seen work"));
    assert_eq!(
        bench
            .index
            .uids(bench.mailbox, epoch(7))
            .unwrap()
            .to_string(),
        "2:3,9"
    );
    assert_eq!(bench.index.base(bench.mailbox, epoch(5)).unwrap(), []);
    assert!(size_of::<BaseMessage>() <= 40);

    let unmatched = bench.index.unmatched(bench.mailbox, epoch(7)).unwrap();
    assert_eq!(unmatched.len(), 1);
    assert_eq!(
        (unmatched[0].key, unmatched[0].sha256),
        (keys[2], Sha256([3; 32]))
    );
    assert_eq!(
        (unmatched[0].server_octets, unmatched[0].octets_crlf),
        (Some(13), 12)
    );
    assert_eq!(unmatched[0].message_id.as_deref(), Some("3@example.org"));
    assert_eq!(unmatched[0].internal_date, Some(UnixTime::from_seconds(50)));
}

fn because(keys: &[MessageKey]) -> Vec<(MessageKey, &'static str)> {
    keys.iter().map(|key| (*key, "delete")).collect()
}

#[test]
fn nothing_expires_that_is_not_proven() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![message(pop3("a"), 1), message(pop3("b"), 2)]);
    bench.index.mark_proven(&keys[..1], now(101)).unwrap();
    let refused = bench.index.request_expiry(&because(&keys), now(102));
    assert!(
        matches!(refused, Err(IndexError::NotProven { key }) if key == keys[1].0),
        "{refused:?}"
    );
    let refused = bench.index.mark_expired(&because(&keys), now(102));
    assert!(
        matches!(refused, Err(IndexError::NotProven { .. })),
        "{refused:?}"
    );
    assert!(
        bench
            .index
            .maildrop(bench.mailbox)
            .unwrap()
            .iter()
            .all(|row| row.expire_requested_at.is_none() && row.expired_at.is_none())
    );
    // And not by a mistake in this crate either: the schema itself refuses.
    let sql = "UPDATE message SET expired_at = 1 WHERE proven_at IS NULL";
    assert!(bench.index.connection.execute(sql, ()).is_err());
}

#[test]
fn a_server_copy_expires_once_and_for_a_reason() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![message(pop3("a"), 1), message(pop3("b"), 2)]);
    bench.index.mark_proven(&keys[..1], now(101)).unwrap();
    bench.index.mark_proven(&keys[..1], now(150)).unwrap();
    bench
        .index
        .request_expiry(&because(&keys[..1]), now(103))
        .unwrap();
    assert_eq!(bench.index.statuses().unwrap()[0].waiting_for_expiry, 1);
    assert_eq!(
        bench
            .index
            .mark_expired(&because(&keys[..1]), now(104))
            .unwrap(),
        1
    );
    assert_eq!(
        bench
            .index
            .mark_expired(&because(&keys[..1]), now(105))
            .unwrap(),
        0
    );
    assert_eq!(bench.index.mark_vanished(&keys[..1], now(106)).unwrap(), 0);
    let held = bench.index.maildrop(bench.mailbox).unwrap();
    assert_eq!(
        held.iter().map(|row| row.key).collect::<Vec<_>>(),
        keys[1..]
    );
    let row = &bench.index.former_maildrop(bench.mailbox).unwrap()[0];
    let times = [
        row.proven_at,
        row.expire_requested_at,
        row.expired_at,
        row.vanished_at,
    ];
    assert_eq!(
        times,
        [Some(101), Some(103), Some(104), None].map(|at| at.map(UnixTime::from_seconds))
    );
    assert_eq!(
        ledger(&bench).last().unwrap(),
        &(104, "expired".to_owned(), "delete".to_owned())
    );
    let status = &bench.index.statuses().unwrap()[0];
    assert_eq!(
        (
            status.messages,
            status.waiting_for_proof,
            status.waiting_for_expiry
        ),
        (2, 1, 0)
    );
}

#[test]
fn of_many_that_expire_at_once_each_has_its_entry_once() {
    let mut bench = Bench::new();
    let messages = (1..=5).map(|n| message(pop3(&n.to_string()), n));
    let keys = bench.store(messages.collect());
    bench.index.mark_proven(&keys[..4], now(101)).unwrap();
    let some = because(&keys[1..2]);
    assert_eq!(bench.index.mark_expired(&some, now(102)).unwrap(), 1);
    // One of them is not proven: nothing is noted of any.
    let refused = bench.index.mark_expired(&because(&keys), now(103));
    assert!(
        matches!(refused, Err(IndexError::NotProven { key }) if key == keys[4].0),
        "{refused:?}"
    );
    let mut backwards = because(&keys[..4]);
    backwards.reverse();
    bench.index.request_expiry(&backwards, now(104)).unwrap();
    assert_eq!(bench.index.mark_expired(&backwards, now(105)).unwrap(), 3);
    let expired = ledger(&bench)
        .into_iter()
        .filter(|(_, action, _)| action == "expired");
    let times: Vec<_> = expired.map(|(at, _, _)| at).collect();
    assert_eq!(times, [102, 105, 105, 105]);
    let held = bench.index.maildrop(bench.mailbox).unwrap();
    assert_eq!(
        held.iter().map(|row| row.key).collect::<Vec<_>>(),
        keys[4..]
    );
}

#[test]
fn a_message_vanishes_once_and_may_come_back() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![message(imap(7, 1), 1)]);
    assert_eq!(bench.index.mark_vanished(&keys, now(200)).unwrap(), 1);
    assert_eq!(bench.index.mark_vanished(&keys, now(300)).unwrap(), 0);
    bench.index.mark_present(&keys).unwrap();
    assert!(!bench.index.base(bench.mailbox, epoch(7)).unwrap()[0].vanished);
    let actions: Vec<_> = ledger(&bench)
        .into_iter()
        .map(|(at, action, _)| (at, action))
        .collect();
    assert_eq!(
        actions,
        [(100, "stored".to_owned()), (200, "vanished".to_owned())]
    );
    assert!(bench.index.mark_present(&[MessageKey(99)]).is_err());
}

#[test]
fn a_unique_id_serves_one_live_message_at_a_time() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![message(pop3("a"), 1)]);
    let again = [crate::testing::intent(message(pop3("a"), 2))];
    assert!(matches!(
        bench.index.begin(&again),
        Err(IndexError::AlreadyKnown { .. })
    ));
    bench.index.mark_vanished(&keys, now(200)).unwrap();
    let newer = bench.store(vec![message(pop3("a"), 2)]);
    let refused = bench.index.mark_present(&keys);
    assert!(
        matches!(refused, Err(IndexError::AlreadyKnown { .. })),
        "{refused:?}"
    );
    let former = bench.index.former_maildrop(bench.mailbox).unwrap();
    assert_eq!(former.len(), 1);
    assert_eq!(
        (former[0].key, former[0].vanished_at.is_some()),
        (keys[0], true)
    );
    let rows = bench.index.maildrop(bench.mailbox).unwrap();
    assert_eq!(rows.iter().map(|row| row.key).collect::<Vec<_>>(), newer);
    let row = &rows[0];
    assert_eq!(
        (row.uidl.as_ref().unwrap().as_str(), row.server_octets),
        ("a", Some(13))
    );
    assert_eq!(
        (row.sha256, row.header_sha256),
        (Sha256([2; 32]), Some(Sha256([0xFD; 32])))
    );
    assert!(row.received && row.proven_at.is_none() && row.expired_at.is_none());
}

#[test]
fn identities_may_change_hands() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![
        message(pop3("1"), 1),
        message(pop3("2"), 2),
        message(pop3("3"), 3),
    ]);
    bench.index.mark_proven(&keys, now(101)).unwrap();
    bench
        .index
        .request_expiry(&because(&keys), now(102))
        .unwrap();
    bench.index.mark_vanished(&keys[..1], now(103)).unwrap();
    let to = |key: MessageKey, uidl: &str| Attachment {
        key,
        server: pop3(uidl),
        server_octets: None,
    };
    bench
        .index
        .attach(&[to(keys[0], "2"), to(keys[1], "1")], now(104))
        .unwrap();
    let rows = bench.index.maildrop(bench.mailbox).unwrap();
    let seen: Vec<_> = rows
        .iter()
        .map(|row| row.uidl.as_ref().unwrap().as_str())
        .collect();
    assert_eq!(seen, ["2", "1", "3"]);
    assert_eq!(
        (rows[0].vanished_at, rows[0].expire_requested_at),
        (None, None)
    );
    assert!(rows[2].expire_requested_at.is_some());

    let refused = bench.index.attach(&[to(keys[0], "3")], now(105));
    assert!(
        matches!(refused, Err(IndexError::AlreadyKnown { .. })),
        "{refused:?}"
    );
    let after = bench.index.maildrop(bench.mailbox).unwrap();
    assert_eq!(after, rows);
}

#[test]
fn a_new_epoch_takes_over_what_matches() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
    // The flags agreed on stay.
    let agreed = FlagSet::from_index("\\Seen work");
    let attachment = Attachment {
        key: keys[0],
        server: imap(8, 1),
        server_octets: Some(99),
    };
    bench.index.attach(&[attachment], now(101)).unwrap();
    let base = bench.index.base(bench.mailbox, epoch(8)).unwrap();
    assert_eq!(
        base,
        [BaseMessage {
            key: keys[0],
            flags: agreed,
            uid: Uid::MIN,
            vanished: false
        }]
    );
    let left: Vec<_> = bench.index.unmatched(bench.mailbox, epoch(8)).unwrap();
    assert_eq!(
        left.iter().map(|row| row.key).collect::<Vec<_>>(),
        [keys[1]]
    );
}

#[test]
fn files_and_flags_are_followed() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
    bench
        .index
        .set_files(&[(keys[0], "cur/base1:2,FS")])
        .unwrap();
    bench
        .index
        .set_server_flags(&[(keys[0], FlagSet::from_index("\\Flagged"))])
        .unwrap();
    let files = bench.index.file_of(&[keys[1], keys[0]]).unwrap();
    assert_eq!(
        files.iter().map(|file| file.key).collect::<Vec<_>>(),
        [keys[1], keys[0]]
    );
    let file = &files[1];
    assert_eq!(
        (file.file.as_str(), file.base.as_str(), file.octets),
        ("cur/base1:2,FS", "base1", 10)
    );
    assert_eq!(
        (file.mailbox_path.as_path(), file.sha256),
        (Path::new("/mail/home/INBOX"), Sha256([1; 32]))
    );
    assert_eq!(
        bench.index.base(bench.mailbox, epoch(7)).unwrap()[0]
            .flags
            .to_string(),
        "\\Flagged"
    );
    assert!(bench.index.file_of(&[MessageKey(99)]).is_err());
    // All or nothing.
    let half = [(keys[1], FlagSet::new()), (MessageKey(99), FlagSet::new())];
    assert!(bench.index.set_server_flags(&half).is_err());
    assert_eq!(
        bench.index.base(bench.mailbox, epoch(7)).unwrap()[1]
            .flags
            .to_string(),
        "\\Seen work"
    );

    bench.index.mark_proven(&keys[..1], now(1)).unwrap();
    let unproven = bench.index.unproven(bench.mailbox, 10).unwrap();
    assert_eq!(
        unproven.iter().map(|file| file.key).collect::<Vec<_>>(),
        [keys[1]]
    );
    assert_eq!(
        bench
            .index
            .by_sha256(bench.mailbox, Sha256([2; 32]))
            .unwrap(),
        [keys[1]]
    );
    let hits = bench.index.find_by_base(bench.account, "base1").unwrap();
    assert_eq!(
        (hits[0].key, hits[0].mailbox, hits[0].file.as_str()),
        (keys[0], bench.mailbox, "cur/base1:2,FS")
    );
    assert_eq!(bench.index.find_by_base(bench.account, "base").unwrap(), []);
}

#[test]
fn the_ledger_cannot_be_rewritten() {
    let mut bench = Bench::new();
    bench.store(vec![message(imap(7, 1), 1)]);
    for sql in ["UPDATE ledger_entry SET at = 0", "DELETE FROM ledger_entry"] {
        let refused = bench.index.connection.execute(sql, ()).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    assert_eq!(ledger(&bench).len(), 1);
}

#[test]
fn writers_are_remembered() {
    let mut bench = Bench::new();
    bench.index.register_writer("aa", now(1)).unwrap();
    bench.index.register_writer("bb", now(2)).unwrap();
    let known = bench.restart().index.past_writers().unwrap();
    assert_eq!(known, ["aa", "bb"].map(str::to_owned).into());
}
