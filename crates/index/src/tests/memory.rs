//! What the index remembers of an IMAP server besides its messages.

use crate::testing::{Bench, epoch, imap, message, new_mailbox, now};
use crate::{
    Braking, Identity, KnownCapabilities, NewMessage, Relocation, ServerState, Side, Skip,
};
use postrider_core::account::{AccountName, Protocol};
use postrider_core::message::Sha256;
use postrider_core::refresh::Learned;
use postrider_core::uid::Uid;
use std::time::Duration;

fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

#[test]
fn capabilities_are_remembered_by_account() {
    let mut bench = Bench::new();
    let nothing = bench.index.capabilities(bench.account).unwrap();
    assert_eq!(nothing, KnownCapabilities::default());
    let known = KnownCapabilities {
        greeting: vec!["IMAP4REV1".to_owned()],
        session: vec!["IMAP4REV1".to_owned(), "QRESYNC".to_owned()],
    };
    bench.index.set_capabilities(bench.account, &known).unwrap();
    let bench = bench.restart();
    assert_eq!(bench.index.capabilities(bench.account).unwrap(), known);
}

#[test]
fn a_renamed_mailbox_keeps_its_row_and_its_files_are_on_their_way() {
    let mut bench = Bench::new();
    let old = bench
        .index
        .mailbox(bench.account, &new_mailbox("Old"))
        .unwrap();
    bench.index.lose_mailbox(old, now(5)).unwrap();
    bench
        .index
        .rename_mailbox(old, &new_mailbox("New"))
        .unwrap();
    let mut bench = bench.restart();
    let open = bench.index.open_moves(bench.account).unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].from.to_str(), Some("/mail/home/Old"));
    assert_eq!(open[0].to.to_str(), Some("/mail/home/New"));
    // A second rename before the first was settled: the files are still where they were.
    bench
        .index
        .rename_mailbox(old, &new_mailbox("Newer"))
        .unwrap();
    let open = bench.index.open_moves(bench.account).unwrap();
    assert_eq!(open[0].from.to_str(), Some("/mail/home/Old"));
    bench.index.settle_move(old).unwrap();
    assert!(bench.index.open_moves(bench.account).unwrap().is_empty());
    let rows = bench.index.mailboxes(bench.account).unwrap();
    let row = rows.iter().find(|row| row.id == old).unwrap();
    assert_eq!((row.name.as_str(), row.lost_at), ("Newer", None));
}

#[test]
fn a_lost_mailbox_that_is_listed_again_is_lost_no_more() {
    let mut bench = Bench::new();
    bench.index.lose_mailbox(bench.mailbox, now(5)).unwrap();
    let lost = |bench: &Bench| bench.index.mailboxes(bench.account).unwrap()[0].lost_at;
    assert!(lost(&bench).is_some());
    bench
        .index
        .mailbox(bench.account, &new_mailbox("INBOX"))
        .unwrap();
    assert_eq!(lost(&bench), None);
}

#[test]
fn r3_a_relocated_message_is_in_its_new_mailbox_and_its_file_on_the_way_until_settled() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![message(imap(7, 1), 1)]);
    bench.index.mark_vanished(&keys, now(5)).unwrap();
    let work = bench
        .index
        .mailbox(bench.account, &new_mailbox("Work"))
        .unwrap();
    let to = Relocation {
        key: keys[0],
        mailbox: work,
        uid_validity: epoch(9),
        uid: uid(4),
        follows: true,
    };
    bench.index.relocate(&[to], now(6)).unwrap();
    let mut bench = bench.restart();
    let base = bench.index.base(work, epoch(9)).unwrap();
    assert_eq!((base.len(), base[0].vanished), (1, false));
    assert!(
        bench
            .index
            .base(bench.mailbox, epoch(7))
            .unwrap()
            .is_empty()
    );
    let open = bench.index.open_relocations(bench.account).unwrap();
    assert_eq!(open[0].from.to_str(), Some("/mail/home/INBOX"));
    assert_eq!(open[0].to.to_str(), Some("/mail/home/Work"));
    bench.index.settle_relocations(&keys).unwrap();
    assert!(
        bench
            .index
            .open_relocations(bench.account)
            .unwrap()
            .is_empty()
    );
    assert_eq!(bench.count("ledger WHERE action = 'moved'"), 1);
    // Another message may not take its UID.
    let other = bench.store(vec![message(imap(7, 2), 2)]);
    let taken = Relocation {
        key: other[0],
        ..to
    };
    assert!(bench.index.relocate(&[taken], now(6)).is_err());
    assert!(
        bench
            .index
            .open_relocations(bench.account)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn skipped_messages_count_as_live_and_come_back_when_the_limit_is_raised() {
    let mut bench = Bench::new();
    let state = ServerState {
        uid_validity: Some(epoch(7)),
        uid_next: Some(uid(3)),
        ..ServerState::default()
    };
    bench
        .index
        .set_server_states(&[(bench.mailbox, state)], now(1))
        .unwrap();
    let skip = Skip {
        uid: uid(2),
        octets: Some(1_000),
        internal_date: None,
        because: "larger than max_size".to_owned(),
    };
    bench.index.skip(bench.mailbox, epoch(7), &[skip]).unwrap();
    assert_eq!(bench.index.live(bench.mailbox, epoch(7)).unwrap(), 1);
    assert_eq!(
        bench.index.unskip(bench.account, Some(999), None).unwrap(),
        0
    );
    let skipped = bench.index.skipped(bench.mailbox, epoch(7)).unwrap();
    assert_eq!(skipped.to_string(), "2");
    assert_eq!(
        bench
            .index
            .unskip(bench.account, Some(1_000), None)
            .unwrap(),
        1
    );
    let row = &bench.index.mailboxes(bench.account).unwrap()[0];
    assert_eq!(row.server.uid_next, None, "looked at anew");
    assert_eq!(bench.index.live(bench.mailbox, epoch(7)).unwrap(), 0);
}

#[test]
fn live_messages_are_those_that_are_not_gone() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![
        message(imap(7, 1), 1),
        message(imap(7, 2), 2),
        message(imap(8, 3), 3),
    ]);
    bench.index.mark_vanished(&keys[..1], now(5)).unwrap();
    assert_eq!(bench.index.live(bench.mailbox, epoch(7)).unwrap(), 1);
    let uids = "2:4294967295".parse().unwrap();
    let among = bench
        .index
        .base_among(bench.mailbox, epoch(7), &uids)
        .unwrap();
    assert_eq!(among.len(), 1);
}

#[test]
fn copies_are_found_by_what_the_server_calls_their_octets() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
    let identity = |labels: &[&str]| Identity {
        email_id: Some("g1".to_owned()),
        labels: Some(labels.iter().map(|label| (*label).to_owned()).collect()),
    };
    let both = [
        (keys[0], identity(&["a", "b"])),
        (keys[1], identity(&["a"])),
    ];
    bench.index.set_identities(&both).unwrap();
    bench
        .index
        .set_identities(&[(keys[0], identity(&["c"]))])
        .unwrap();
    assert_eq!(bench.index.copies(bench.account, "g1").unwrap().len(), 2);
    assert!(bench.index.copies(bench.account, "g2").unwrap().is_empty());
    assert_eq!(bench.count("labels WHERE label IN ('a', 'c')"), 2);
    bench
        .index
        .mark_removed(&keys[..1], now(9), "delete")
        .unwrap();
    assert_eq!(bench.index.copies(bench.account, "g1").unwrap().len(), 1);
}

#[test]
fn r6_an_approval_holds_for_what_was_shown_and_no_more() {
    let mut bench = Bench::new();
    let (mailbox, side) = (bench.mailbox, Side::Local);
    let braking = |removing| Braking {
        removing,
        held: 200,
        because: "vanished: delete",
    };
    let engage = |bench: &mut Bench, removing| {
        bench
            .index
            .engage_brake(mailbox, side, braking(removing), now(1))
            .unwrap()
    };
    assert!(engage(&mut bench, 120), "news");
    assert!(!engage(&mut bench, 120), "no news");
    let approves = |bench: &Bench, what| {
        let approved = bench.index.brake_approved(mailbox, side, what);
        approved.unwrap()
    };
    let approved = |bench: &Bench, n| approves(bench, braking(n));
    assert!(!approved(&bench, 120));
    assert_eq!(bench.index.statuses().unwrap()[0].waiting_for_approval, 120);
    let shown = bench.index.approve(bench.account, now(2)).unwrap();
    assert_eq!(shown[0].removing, 120);
    assert_eq!(bench.index.statuses().unwrap()[0].waiting_for_approval, 0);
    assert!(approved(&bench, 120) && approved(&bench, 100));
    assert!(!approved(&bench, 121));
    let other = Braking {
        because: "vanished: trash-flag",
        ..braking(120)
    };
    assert!(!approves(&bench, other), "another rule");
    assert!(engage(&mut bench, 150), "more than was approved");
    assert!(!approved(&bench, 120));
    assert_eq!(bench.index.brakes(bench.account).unwrap()[0].removing, 150);
    assert!(bench.index.release_brake(mailbox, side).unwrap());
    assert!(!bench.index.release_brake(mailbox, side).unwrap());
}

#[test]
fn vanished_messages_wait_until_the_policy_was_carried_out() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
    bench.index.mark_vanished(&keys[..1], now(5)).unwrap();
    assert_eq!(bench.index.unreleased(bench.mailbox).unwrap().len(), 1);
    assert_eq!(bench.index.held(bench.mailbox).unwrap(), 2);
    let released = bench
        .index
        .mark_removed(&keys[..1], now(6), "vanished: delete");
    assert_eq!(released.unwrap(), 1);
    assert!(bench.index.unreleased(bench.mailbox).unwrap().is_empty());
    assert_eq!(bench.index.held(bench.mailbox).unwrap(), 1);
    assert_eq!(bench.count("ledger WHERE action = 'removed'"), 1);
}

#[test]
fn octets_are_elsewhere_while_the_server_has_them_in_another_mailbox_of_the_account() {
    let mut bench = Bench::new();
    let keys = bench.store(vec![message(imap(7, 1), 1)]);
    let (account, inbox) = (bench.account, bench.mailbox);
    let work = bench.index.mailbox(account, &new_mailbox("Work")).unwrap();
    let name = AccountName::parse("other").unwrap();
    let other = bench.index.account(&name, Protocol::Imap).unwrap();
    let elsewhere = |bench: &Bench, account, mailbox, mark| {
        let sha256 = Sha256([mark; 32]);
        bench.index.is_elsewhere(account, mailbox, sha256).unwrap()
    };
    assert!(elsewhere(&bench, account, work, 1));
    assert!(!elsewhere(&bench, account, inbox, 1), "that is here");
    assert!(!elsewhere(&bench, account, work, 2));
    assert!(!elsewhere(&bench, other, work, 1), "somebody else's");
    bench.index.mark_vanished(&keys, now(5)).unwrap();
    assert!(!elsewhere(&bench, account, work, 1), "it is gone there");
}

#[test]
fn how_long_a_silent_line_lasts_is_remembered_until_it_is_forgotten() {
    let mut bench = Bench::new();
    assert_eq!(bench.index.silence(bench.account).unwrap(), None);
    let learned = Some(Learned {
        interval: Duration::from_secs(480),
        at: now(7).0,
    });
    bench.index.set_silence(bench.account, learned).unwrap();
    let mut bench = bench.restart();
    assert_eq!(bench.index.silence(bench.account).unwrap(), learned);
    bench.index.set_silence(bench.account, None).unwrap();
    assert_eq!(bench.index.silence(bench.account).unwrap(), None);
}

#[test]
fn the_newest_message_of_a_mailbox_is_that_of_the_highest_uid_in_its_epoch() {
    let mut bench = Bench::new();
    let empty = bench
        .index
        .mailbox(bench.account, &new_mailbox("Empty"))
        .unwrap();
    let came = |uid: u8, at| NewMessage {
        internal_date: Some(now(at).0),
        ..message(imap(7, uid.into()), uid)
    };
    // One says that it came in the year 2100: no later than it was stored, which the bench does at 100.
    let messages = vec![came(3, 50), came(5, 60), came(4, 90)];
    bench.store(messages);
    let state = ServerState {
        uid_validity: Some(epoch(7)),
        ..ServerState::default()
    };
    let states = [(bench.mailbox, state)];
    bench.index.set_server_states(&states, now(100)).unwrap();
    let newest = bench.index.newest(bench.account).unwrap();
    assert_eq!(newest.get(&bench.mailbox), Some(&now(60).0));
    assert_eq!(newest.get(&empty), None);
    let came = NewMessage {
        internal_date: Some(now(4_102_444_800).0),
        ..message(imap(7, 6), 6)
    };
    bench.store(vec![came]);
    let newest = bench.index.newest(bench.account).unwrap();
    assert_eq!(newest.get(&bench.mailbox), Some(&now(100).0));
}
