//! The lives of what is on its way, with a restart in the middle.

use super::*;
use crate::testing::{self, Bench, epoch, imap, message, new_mailbox, now};
use crate::{Octets, Parting};
use postrider_core::flag::Flag;
use postrider_core::message::Sha256;

struct World {
    bench: Bench,
    other: MailboxId,
    key: MessageKey,
}

fn world() -> World {
    let mut bench = Bench::new();
    let other = new_mailbox("Other");
    let other = bench.index.mailbox(bench.account, &other).unwrap();
    let key = bench.store(vec![message(imap(7, 1), 1)])[0];
    World { bench, other, key }
}

fn newcomer(bench: &mut Bench, mailbox: MailboxId, base: &str) -> Newcomer {
    let file = [(base.to_owned(), format!("cur/{base}:2,S"))];
    bench
        .index
        .note_newcomers(mailbox, &file, now(100))
        .unwrap();
    let all = bench
        .index
        .newcomers(bench.account, UnixTime::from_seconds(0), true);
    all.unwrap().pop().unwrap()
}

fn attachment(key: MessageKey, uid: u32) -> Attachment {
    Attachment {
        key,
        server: imap(9, uid),
        server_octets: None,
    }
}

fn part(world: &mut World, to: MailboxId, octets: Octets) {
    let newcomer = newcomer(&mut world.bench, to, "base1");
    let parting = Parting {
        key: world.key,
        newcomer,
        octets,
        changed: vec![(Flag::Flagged, true)],
    };
    world.bench.index.begin_move(&[parting], now(200)).unwrap();
}

#[test]
fn r3_what_is_moved_waits_in_its_new_mailbox_and_leaves_the_old_one() {
    let mut world = world();
    let to = world.other;
    part(&mut world, to, Octets::Same);
    let World {
        bench, other, key, ..
    } = world;
    let mut bench = bench.restart();
    assert_eq!(
        bench.index.skipped(bench.mailbox, epoch(7)).unwrap(),
        "1".parse().unwrap()
    );
    assert_eq!(bench.index.live(bench.mailbox, epoch(7)).unwrap(), 1);
    assert_eq!(bench.index.displaced(other).unwrap()[0].key, key);
    let row = bench.index.outgoing(bench.account, now(200)).unwrap();
    assert_eq!(row[0].departure.unwrap().uid.as_u32(), 1);
    assert_eq!(row[0].identity, None);
    bench
        .index
        .end_outgoing((key, Some(&attachment(key, 5))), None, now(210))
        .unwrap();
    assert!(
        bench
            .index
            .outgoing(bench.account, now(300))
            .unwrap()
            .is_empty()
    );
    let base = bench.index.base(other, epoch(9)).unwrap();
    assert_eq!((base[0].uid.as_u32(), base[0].vanished), (5, false));
    let told = "ledger WHERE action = 'moved' AND because = 'moved by a reader'";
    assert_eq!(bench.count(told), 1);
    assert_eq!(bench.count("newcomer"), 0);
    assert_eq!(
        bench.index.changed_by_readers(bench.account).unwrap(),
        [other]
    );
}

#[test]
fn a_reader_that_changes_its_mind_in_time_moves_nothing() {
    let mut world = world();
    let (home, other) = (world.bench.mailbox, world.other);
    part(&mut world, other, Octets::Same);
    part(&mut world, home, Octets::Same);
    let index = &world.bench.index;
    assert!(
        index
            .outgoing(world.bench.account, now(200))
            .unwrap()
            .is_empty()
    );
    let base = index.base(home, epoch(7)).unwrap();
    assert_eq!((base[0].uid.as_u32(), base[0].vanished), (1, false));
}

#[test]
fn r1_octets_that_a_reader_changed_are_proven_no_more() {
    let changed = Octets::Wrapped {
        sha256: Sha256([9; 32]),
        octets: 20,
        octets_crlf: 22,
    };
    for octets in [changed, Octets::Other] {
        let mut world = world();
        let key = world.key;
        world.bench.index.mark_proven(&[key], now(150)).unwrap();
        let to = world.other;
        part(&mut world, to, octets);
        let proven = "message WHERE proven_at IS NOT NULL";
        assert_eq!(world.bench.count(proven), 0);
    }
}

#[test]
fn what_was_refused_waits_longer_each_time() {
    let mut world = world();
    let to = world.other;
    part(&mut world, to, Octets::Same);
    let (index, account) = (&mut world.bench.index, world.bench.account);
    for (tried, soon, then) in [(1_000, 1_119, 1_120), (2_000, 2_239, 2_240)] {
        index.put_off(&[world.key], "no", now(tried)).unwrap();
        assert!(index.outgoing(account, now(soon)).unwrap().is_empty());
        assert_eq!(index.outgoing(account, now(then)).unwrap().len(), 1);
    }
}

#[test]
fn a_copy_whose_original_is_deleted_soon_was_a_move() {
    let mut world = world();
    let original = world.key;
    let newcomer = newcomer(&mut world.bench, world.other, "copy");
    let found = FoundFile {
        base: newcomer.base.clone(),
        file: newcomer.file.clone(),
        ..testing::found(1, false)
    };
    let (index, account) = (&mut world.bench.index, world.bench.account);
    let copy = index.begin_store(&newcomer, &found, Some(original), now(500));
    let copy = copy.unwrap();
    let copied = |index: &Index, since| {
        let found = index.copied_since(account, UnixTime::from_seconds(since));
        let found = found.unwrap().into_iter();
        found
            .map(|(file, place)| (file.key, place.uid.as_u32()))
            .collect::<Vec<_>>()
    };
    assert!(copied(index, 500).is_empty(), "the server has no copy yet");
    let flags = FlagSet::new();
    index
        .end_outgoing((copy, Some(&attachment(copy, 3))), Some(&flags), now(530))
        .unwrap();
    assert_eq!(copied(index, 500), [(original, 1)]);
    assert!(copied(index, 501).is_empty());
    index.note_remade(world.bench.mailbox, now(535)).unwrap();
    assert!(copied(index, 500).is_empty(), "r5: its directory went");
    index.note_there(&[original]).unwrap();
    index.end_move_by_copy(&[original], now(540)).unwrap();
    assert!(copied(index, 500).is_empty());
    let unreleased = index.unreleased(world.bench.mailbox).unwrap();
    assert!(unreleased.is_empty(), "its file is not ours to remove");
}

#[test]
fn r1_a_copy_that_was_edited_before_it_was_sent_is_none() {
    let mut world = world();
    let original = world.key;
    let newcomer = newcomer(&mut world.bench, world.other, "copy");
    let found = testing::found(1, false);
    let (index, account) = (&mut world.bench.index, world.bench.account);
    let copy = index.begin_store(&newcomer, &found, Some(original), now(500));
    let copy = copy.unwrap();
    assert!(
        index.outgoing(account, now(500)).unwrap()[0]
            .original
            .is_some()
    );
    index
        .rewrite_outgoing(copy, &testing::found(9, false))
        .unwrap();
    assert_eq!(index.outgoing(account, now(500)).unwrap()[0].original, None);
    let sent = (copy, Some(&attachment(copy, 3)));
    index
        .end_outgoing(sent, Some(&FlagSet::new()), now(530))
        .unwrap();
    // What a reader deletes now was not moved.
    let copied = index.copied_since(account, UnixTime::from_seconds(0));
    assert!(copied.unwrap().is_empty());
}
