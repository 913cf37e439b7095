//! No method reads a whole table of messages to find one.

use crate::testing::{Bench, epoch, imap, intent, message, new_mailbox, now, pop3, ticks};
use crate::{AccountId, Attachment, Braking, Identity, Index, MailboxId, ServerState, Side};
use postrider_core::account::{AccountName, Protocol};
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::time::UnixTime;
use postrider_core::uid::UidSet;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    static SEEN: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

fn uids(text: &str) -> UidSet {
    text.parse().unwrap()
}

fn note(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(statement, _) = event {
        SEEN.with_borrow_mut(|seen| seen.insert(statement.sql().into_owned()));
    }
}

fn call_everything(bench: &mut Bench) {
    let keys = bench.store(vec![message(imap(7, 1), 1), message(pop3("u"), 2)]);
    let Bench {
        index,
        account,
        mailbox,
        ..
    } = bench;
    let (account, mailbox) = (*account, *mailbox);
    index
        .account(&AccountName::parse("new").unwrap(), Protocol::Pop3)
        .unwrap();
    index.mailbox(account, &new_mailbox("INBOX")).unwrap();
    index.mailbox(account, &new_mailbox("New")).unwrap();
    let begun = index.begin(&[intent(message(imap(7, 5), 5))]).unwrap();
    index.open_entries(account).unwrap();
    index.forget(&begun).unwrap();
    index.base(mailbox, epoch(7)).unwrap();
    index.uids(mailbox, epoch(7)).unwrap();
    index.unmatched(mailbox, epoch(8)).unwrap();
    index.displaced(mailbox).unwrap();
    index.stamps(&[mailbox]).unwrap();
    index.set_stamps(&[]).unwrap();
    index.maildrop(mailbox).unwrap();
    index
        .look_through_maildrop(mailbox, |_, _, _| true)
        .unwrap();
    index.holds_unreceived(mailbox).unwrap();
    index.former_maildrop(mailbox).unwrap();
    index.retained(mailbox, None).unwrap();
    index.file_of(&keys).unwrap();
    index.unproven(mailbox, 5).unwrap();
    index.by_sha256(mailbox, Sha256([1; 32])).unwrap();
    let sha256 = Sha256([1; 32]);
    index.is_elsewhere(account, mailbox, sha256).unwrap();
    index.find_by_base(account, "base1").unwrap();
    index.set_files(&[(keys[0], "new/x")]).unwrap();
    index
        .set_server_flags(&[(keys[0], FlagSet::new())])
        .unwrap();
    index.mark_proven(&keys, now(1)).unwrap();
    let going: Vec<_> = keys.iter().map(|key| (*key, "test")).collect();
    index.request_expiry(&going, now(1)).unwrap();
    index.mark_vanished(&keys[..1], now(1)).unwrap();
    index.mark_present(&keys[..1]).unwrap();
    index.mark_expired(&going, now(1)).unwrap();
    let attachment = Attachment {
        key: keys[0],
        server: imap(9, 1),
        server_octets: None,
    };
    index.attach(&[attachment], now(1)).unwrap();
    index.statuses().unwrap();
    newer(index, account, mailbox, &keys);
    readers(index, account, mailbox, &keys);
}

fn readers(index: &mut Index, account: AccountId, mailbox: MailboxId, keys: &[MessageKey]) {
    let since = UnixTime::from_seconds(0);
    index.follow_files(&[]).unwrap();
    index.flag_changes(mailbox).unwrap();
    index.changed_by_readers(account).unwrap();
    index.open_reflaggings(account).unwrap();
    index.newcomers(account, since, false).unwrap();
    index.kin(account, "base1", &[Sha256([1; 32])]).unwrap();
    index.missing_by_message_id(account, "x").unwrap();
    index.held_by_server(keys).unwrap();
    index.outgoing(account, now(1)).unwrap();
    index.put_off(keys, "no", now(1)).unwrap();
    index.end_outgoing((keys[0], None), None, now(1)).unwrap();
    index.copied_since(account, since).unwrap();
    index.departing(account).unwrap();
    index.redirect(&[]).unwrap();
    index.end_move_by_copy(keys, now(1)).unwrap();
    index.forget_outgoing(keys, now(1)).unwrap();
}

fn newer(index: &mut Index, account: AccountId, mailbox: MailboxId, keys: &[MessageKey]) {
    index.retained(mailbox, Some(epoch(7))).unwrap();
    index.each_retained_file(mailbox, |_, _| ()).unwrap();
    index.note_absent(keys, now(1)).unwrap();
    index.absent(mailbox).unwrap();
    index.note_there(keys).unwrap();
    index.note_remade(mailbox, now(1)).unwrap();
    index.checked(mailbox).unwrap();
    index.set_checked(mailbox, None).unwrap();
    // A leap that is taken back corrects what was noted meanwhile.
    for says in [1, 999_999_999, 2] {
        index.judge_clock(account, now(says), ticks(0, 1)).unwrap();
    }
    index.note_quota(account, Some(80)).unwrap();
    index
        .set_server_states(&[(mailbox, ServerState::default())], now(1))
        .unwrap();
    index.base_among(mailbox, epoch(7), &uids("1:5")).unwrap();
    index.live(mailbox, epoch(7)).unwrap();
    index.skip(mailbox, epoch(7), &[]).unwrap();
    index.skipped(mailbox, epoch(7)).unwrap();
    index.unskip(account, Some(1), None).unwrap();
    index.relocate(&[], now(1)).unwrap();
    index.open_relocations(account).unwrap();
    index.settle_relocations(keys).unwrap();
    let identity = Identity {
        email_id: Some("x".to_owned()),
        labels: Some(vec!["work".to_owned()]),
    };
    index.set_identities(&[(keys[0], identity)]).unwrap();
    index.copies(account, "x").unwrap();
    index.describe(keys).unwrap();
    index.displace(&[], now(1)).unwrap();
    index.other_epoch(mailbox, epoch(7)).unwrap();
    index.unreleased(mailbox).unwrap();
    index.held(mailbox).unwrap();
    index.mark_released(keys, now(1), "test").unwrap();
    index.mark_removed(keys, now(1), "test").unwrap();
    let braking = Braking {
        removing: 1,
        held: 2,
        because: "test",
    };
    index
        .engage_brake(mailbox, Side::Local, braking, now(1))
        .unwrap();
    index.brake_approved(mailbox, Side::Local, braking).unwrap();
    index.brakes(account).unwrap();
    index.approve(account, now(1)).unwrap();
    index.release_brake(mailbox, Side::Local).unwrap();
    index.open_moves(account).unwrap();
    index.capabilities(account).unwrap();
    index.known_files(mailbox).unwrap();
    index.set_files(&[(keys[0], "new/x")]).unwrap();
}

#[test]
fn every_statement_of_every_method_is_a_search() {
    let mut bench = Bench::new();
    let seen = statements_of(&mut bench, call_everything);
    assert!(seen.len() > 25, "the statements were not noticed: {seen:?}");
    for sql in &seen {
        let plan = plan(&bench.index, sql);
        for table in ["message", "journal", "ledger_entry"] {
            let scan = |line: &str| {
                line == format!("SCAN {table}") || line.starts_with(&format!("SCAN {table} "))
            };
            assert!(!plan.iter().any(|line| scan(line)), "{sql}\n{plan:#?}");
        }
    }
    // The alarm itself works.
    assert_eq!(
        plan(&bench.index, "SELECT * FROM message WHERE subject = 'x'"),
        ["SCAN message"]
    );
}

#[test]
fn what_a_maildrop_held_once_does_not_slow_down_what_it_holds() {
    let mut bench = Bench::new();
    let seen = statements_of(&mut bench, |bench| {
        bench.index.maildrop(bench.mailbox).unwrap();
        bench.index.retained(bench.mailbox, None).unwrap();
    });
    assert_eq!(seen.len(), 2, "{seen:?}");
    for sql in &seen {
        // Its own index: nothing else is read, and nothing sorted.
        let plan = plan(&bench.index, sql);
        assert_eq!(
            plan,
            ["SEARCH message USING INDEX message_in_maildrop (mailbox=?)"],
            "{sql}"
        );
    }
}

#[test]
fn what_a_listing_is_compared_with_comes_in_its_order() {
    let mut bench = Bench::new();
    let seen = statements_of(&mut bench, |bench| {
        let look = |_, _: Option<&str>, _| true;
        let mailbox = bench.mailbox;
        assert!(bench.index.look_through_maildrop(mailbox, look).unwrap());
    });
    for sql in &seen {
        // Nothing is sorted.
        let plan = plan(&bench.index, sql);
        let search = "SEARCH message USING INDEX message_in_maildrop (mailbox=?)";
        assert_eq!(plan, [search], "{sql}");
    }
    assert_eq!(seen.len(), 1);
}

/// The statements that `call` runs.
fn statements_of(bench: &mut Bench, call: impl FnOnce(&mut Bench)) -> BTreeSet<String> {
    bench
        .index
        .connection
        .trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note))
        .unwrap();
    call(bench);
    bench
        .index
        .connection
        .trace_v2(TraceEventCodes::empty(), None::<fn(TraceEvent<'_>)>)
        .unwrap();
    SEEN.with_borrow(Clone::clone)
}

fn plan(index: &Index, sql: &str) -> Vec<String> {
    // Statements inside triggers and the like are noted as comments.
    if sql.starts_with("--") {
        return Vec::new();
    }
    let mut statement = index
        .connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    statement
        .raw_query()
        .mapped(|row| row.get(3))
        .map(Result::unwrap)
        .collect()
}
