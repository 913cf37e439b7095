use super::*;
use crate::incoming::Incoming;
use crate::name::Namer;
use postrider_core::flag::Flag;
use std::fs;

fn mailbox() -> (tempfile::TempDir, Mailbox) {
    let root = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::new(root.path(), Path::new("m"));
    mailbox.create().unwrap();
    (root, mailbox)
}

fn receive(mailbox: &Mailbox, body: &[u8], count: usize) -> Vec<Received> {
    let namer = Namer::new("host", 1, &Namer::random_token());
    let one = |_| {
        let mut incoming = Incoming::create(mailbox, &namer, 0).unwrap();
        incoming.write(body).unwrap();
        incoming.finish(None).unwrap()
    };
    (0..count).map(one).collect()
}

fn count(mailbox: &Mailbox, part: &str) -> usize {
    fs::read_dir(mailbox.dir().join(part)).unwrap().count()
}

#[test]
fn every_set_of_flags_has_its_place() {
    let mut keyword = FlagSet::new();
    keyword.insert_wire("work");
    let deleted = FlagSet::new().with(Flag::Deleted);
    let both = FlagSet::new().with(Flag::Seen).with(Flag::Draft);
    for (flags, file) in [
        (FlagSet::new(), "new/{base}"),
        (keyword, "cur/{base}:2,"),
        (deleted, "cur/{base}:2,T"),
        (both, "cur/{base}:2,DS"),
    ] {
        let (_root, mailbox) = mailbox();
        let mut batch = receive(&mailbox, b"x", 1);
        flush(&batch, None).unwrap();
        let placement = Placement::for_flags(&flags);
        let intended = placement.entry(&batch[0]);
        let entry = place(&mut batch[0], &mailbox, &placement).unwrap();
        flush_directories(&[&mailbox, &mailbox]).unwrap();
        assert_eq!(entry, intended);
        assert_eq!(entry.to_string(), file.replace("{base}", &batch[0].base));
        assert_eq!(Entry::parse(&entry.to_string()), Some(entry.clone()));
        drop(batch);
        assert_eq!(fs::read(mailbox.path_of(&entry)).unwrap(), b"x");
        assert_eq!(count(&mailbox, "tmp"), 0);
    }
}

#[test]
fn a_taken_name_is_not_replaced_and_the_message_stays_in_tmp() {
    let (_root, mailbox) = mailbox();
    let mut batch = receive(&mailbox, b"x", 1);
    let placement = Placement::for_flags(&FlagSet::new());
    let target = mailbox.path_of(&placement.entry(&batch[0]));
    fs::write(&target, "other").unwrap();
    assert!(place(&mut batch[0], &mailbox, &placement).is_err());
    assert_eq!(fs::read(&target).unwrap(), b"other");
    assert!(batch[0].tmp_path().exists());
}

#[test]
fn another_file_system_is_an_error_and_never_a_copy() {
    // /dev/shm is another file system than /tmp wherever both are to be had.
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let (_root, mailbox) = mailbox();
    let far = Mailbox::new(other.path(), Path::new("m"));
    far.create().unwrap();
    let mut batch = receive(&mailbox, b"x", 1);
    let refused = place(&mut batch[0], &far, &Placement::for_flags(&FlagSet::new()));
    if let Err(error) = refused {
        assert!(error.hint().unwrap().contains("one file system"), "{error}");
        assert_eq!(count(&far, "new"), 0);
    } else {
        let device =
            |path: &Path| std::os::unix::fs::MetadataExt::dev(&fs::metadata(path).unwrap());
        assert_eq!(device(mailbox.dir()), device(far.dir()));
    }
}

#[test]
fn a_crash_before_or_after_the_rename_is_brought_to_its_end() {
    let placement = Placement::for_flags(&FlagSet::new());
    let (_root, mailbox) = mailbox();
    let mut received = receive(&mailbox, b"x", 1).remove(0);
    let (unique, intended) = (received.unique.clone(), placement.entry(&received));
    received.abandon();
    let first = resume(&mailbox, &unique, &intended).unwrap();
    assert_eq!(first, Resumed::Placed(intended.clone()));
    let second = resume(&mailbox, &unique, &intended).unwrap();
    assert_eq!(second, Resumed::Delivered(intended.clone()));

    // A reader marked it as seen before we came back.
    let seen = Entry::parse(&format!("cur/{}:2,S", intended.file_name)).unwrap();
    fs::rename(mailbox.path_of(&intended), mailbox.path_of(&seen)).unwrap();
    let third = resume(&mailbox, &unique, &intended).unwrap();
    assert_eq!(third, Resumed::Delivered(seen.clone()));
    fs::remove_file(mailbox.path_of(&seen)).unwrap();
    assert_eq!(
        resume(&mailbox, &unique, &intended).unwrap(),
        Resumed::Missing
    );
    assert_eq!(
        resume(&mailbox, "../cur/x", &intended).unwrap(),
        Resumed::Missing
    );
}

#[test]
fn every_file_of_a_batch_is_flushed_by_any_number_of_threads() {
    let (_root, mailbox) = mailbox();
    for flushers in [0, 1, 4, 100] {
        flush_with(&receive(&mailbox, b"x", 9), None, flushers).unwrap();
    }
    flush::<Received>(&[], None).unwrap();
    let mut batch = receive(&mailbox, b"x", 9);
    batch[7].file = Some(unflushable());
    assert!(flush(&batch, None).is_err());
}

#[test]
fn r1_what_the_disk_does_not_hold_is_flushed_by_itself() {
    let (root, mailbox) = mailbox();
    let Some(disk) = Disk::open(root.path()) else {
        return;
    };
    let mut batch = receive(&mailbox, b"x", MANY_FILES);
    flush(&batch, Some(&disk)).unwrap();
    batch[7].file = Some(unflushable());
    assert!(flush(&batch, Some(&disk)).is_err());
}

#[test]
fn r1_what_was_left_to_a_disk_is_not_flushed_without_it() {
    let (root, mailbox) = mailbox();
    let Some(disk) = Disk::open(root.path()) else {
        return;
    };
    let mut batch = receive(&mailbox, b"x", MANY_FILES);
    batch[7].leave_to(&disk);
    assert!(batch[7].file.is_none());
    assert!(flush(&batch, None).is_err());
    assert!(flush(&batch[1..], Some(&disk)).is_err(), "too few");
    flush(&batch, Some(&disk)).unwrap();
}

/// A pipe cannot be fsynced: the failure of one is the failure of the batch.
fn unflushable() -> File {
    let (_reader, writer) = std::io::pipe().unwrap();
    File::from(std::os::fd::OwnedFd::from(writer))
}

#[test]
fn directories_that_are_not_there_cannot_be_flushed() {
    let (root, mailbox) = mailbox();
    let none = Mailbox::new(root.path(), Path::new("none"));
    assert!(flush_directories(&[&mailbox, &none]).is_err());
    let disk = Disk::open(root.path());
    assert!(flush_directories_on(disk.as_ref(), &[&mailbox, &none]).is_err());
    flush_directories_on(disk.as_ref(), &[&mailbox, &mailbox]).unwrap();
}
