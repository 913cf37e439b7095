use super::*;
use crate::prove::read_back;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

fn mailbox() -> (tempfile::TempDir, Mailbox, Namer) {
    let root = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::new(root.path(), Path::new(""));
    mailbox.create().unwrap();
    (root, mailbox, Namer::new("host", 1, "0123456789abcdef"))
}

fn receive(chunks: &[&[u8]]) -> (tempfile::TempDir, Received) {
    let (root, mailbox, namer) = mailbox();
    let mut incoming = Incoming::create(&mailbox, &namer, 5_000_007).unwrap();
    for chunk in chunks {
        incoming.write(chunk).unwrap();
    }
    (
        root,
        incoming
            .finish(Some(UnixTime::from_seconds(1_000_000_000)))
            .unwrap(),
    )
}

#[test]
fn what_is_measured_is_what_lies_there() {
    let (_root, received) = receive(&[b"Subject: x\r", b"\n\r\nbody\r\n"]);
    let stored = fs::read(received.tmp_path()).unwrap();
    assert_eq!(stored, b"Subject: x\n\nbody\n");
    assert_eq!((received.octets, received.octets_crlf), (17, 20));
    let mut hash = received.sha256.to_string();
    hash.truncate(16);
    let random = format!("0123456789abcdef{hash}");
    assert_eq!(received.base, format!("5.M7P1Q0R{random}.host,S=17,W=20"));
    assert_eq!(received.header, b"Subject: x\n");
    let proof = read_back(received.tmp_path()).unwrap();
    assert_eq!(
        (proof.sha256, proof.octets),
        (received.sha256, received.octets)
    );
    let found = fs::metadata(received.tmp_path()).unwrap();
    assert_eq!(
        (found.mode() & 0o7777, found.mtime()),
        (0o600, 1_000_000_000)
    );
}

#[test]
fn a_large_message_passes_through_a_small_buffer() {
    let (root, mailbox, namer) = mailbox();
    let mut incoming = Incoming::create(&mailbox, &namer, 0).unwrap();
    let line = b"0123456789\r\n".repeat(10_000);
    for _ in 0..20 {
        incoming.write(&line).unwrap();
        assert!(incoming.buffer.capacity() <= 4 * BUFFER);
    }
    let received = incoming.finish(None).unwrap();
    assert_eq!(
        (received.octets, received.octets_crlf),
        (2_200_000, 2_400_000)
    );
    assert_eq!(
        read_back(received.tmp_path()).unwrap().sha256,
        received.sha256
    );
    assert_eq!(received.header.len(), LONGEST_HEADER);
    drop(root);
}

#[test]
fn header_blocks_end_at_the_first_empty_line() {
    for (chunks, header) in [
        (&[&b"\r\nno header"[..]][..], &b""[..]),
        (&[b""], b""),
        (&[b"A: b"], b"A: b"),
        (&[b"A: b\n", b"\nbody\n\n"], b"A: b\n"),
        (&[b"A: b\n\n\nbody"], b"A: b\n"),
    ] {
        assert_eq!(receive(chunks).1.header, header, "{chunks:?}");
    }
    // Across the border of two writes to the disk.
    let mut long = b"A: ".to_vec();
    long.resize(LONGEST_HEADER - 1, b'x');
    for extra in 0..3 {
        let mut block = Header::default();
        let lines = [&long[..LONGEST_HEADER - 4], b"\n", b"\n", &long[..extra]];
        lines.iter().for_each(|part| block.take(part));
        assert_eq!(block.finish().len(), LONGEST_HEADER - 3);
    }
}

#[test]
fn a_date_that_no_disk_can_hold_costs_nothing() {
    for date in [i64::MAX, i64::MIN, -1] {
        let (_root, mailbox, namer) = mailbox();
        let mut incoming = Incoming::create(&mailbox, &namer, 0).unwrap();
        incoming.write(b"x").unwrap();
        let received = incoming.finish(Some(UnixTime::from_seconds(date))).unwrap();
        assert_eq!(fs::read(received.tmp_path()).unwrap(), b"x", "{date}");
    }
}

#[test]
fn what_is_dropped_leaves_nothing_and_what_is_abandoned_stays() {
    let (root, mailbox, namer) = mailbox();
    let left = || fs::read_dir(root.path().join("tmp")).unwrap().count();
    drop(Incoming::create(&mailbox, &namer, 0).unwrap());
    drop(
        Incoming::create(&mailbox, &namer, 0)
            .unwrap()
            .finish(None)
            .unwrap(),
    );
    assert_eq!(left(), 0);
    Incoming::create(&mailbox, &namer, 0)
        .unwrap()
        .finish(None)
        .unwrap()
        .abandon();
    assert_eq!(left(), 1);
}

#[test]
fn a_full_disk_is_an_error_that_leaves_nothing() {
    // RLIMIT_FSIZE and quotas need a process or a mount of their own; /dev/full is at hand.
    let (root, mailbox, namer) = mailbox();
    let mut incoming = Incoming::create(&mailbox, &namer, 0).unwrap();
    incoming.file = File::options().write(true).open("/dev/full").unwrap();
    incoming.write(b"x").unwrap();
    let error = incoming.finish(None).unwrap_err();
    assert_eq!(error.fault(), postrider_core::fault::Fault::LocalIo);
    assert!(error.hint().unwrap().contains("space"));
    assert_eq!(fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn a_mailbox_that_is_not_there_takes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::new(root.path(), Path::new("none"));
    assert!(Incoming::create(&mailbox, &Namer::new("h", 1, "00000000"), 0).is_err());
}
