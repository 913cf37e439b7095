use super::*;
use postrider_core::time::UnixTime;
use std::path::Path;

fn mailbox() -> (tempfile::TempDir, Mailbox) {
    let root = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::new(root.path(), Path::new("m"));
    mailbox.create().unwrap();
    (root, mailbox)
}

fn put(mailbox: &Mailbox, file: &str) {
    fs::write(mailbox.dir().join(file), "x").unwrap();
}

fn names(mailbox: &Mailbox) -> Vec<String> {
    let scan = scan(mailbox).unwrap();
    let mut names: Vec<_> = scan.map(|entry| entry.unwrap().to_string()).collect();
    names.sort_unstable();
    names
}

#[test]
fn messages_are_the_plain_files_of_new_and_cur() {
    let (_root, mailbox) = mailbox();
    for file in [
        "new/a",
        "cur/b:2,S",
        "cur/c",
        "cur/.hidden",
        "tmp/d",
        "dovecot-uidlist",
    ] {
        put(&mailbox, file);
    }
    fs::create_dir(mailbox.dir().join("cur/dir")).unwrap();
    std::os::unix::fs::symlink("c", mailbox.dir().join("cur/link")).unwrap();
    let undecodable = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"cur/\xFF");
    fs::write(mailbox.dir().join(undecodable), "x").unwrap();
    assert_eq!(names(&mailbox), ["cur/b:2,S", "cur/c", "new/a"]);
}

#[test]
fn new_is_read_before_cur() {
    let (_root, mailbox) = mailbox();
    put(&mailbox, "new/a");
    let mut scan = scan(&mailbox).unwrap();
    assert_eq!(scan.next().unwrap().unwrap().to_string(), "new/a");
    fs::rename(mailbox.dir().join("new/a"), mailbox.dir().join("cur/a:2,S")).unwrap();
    assert_eq!(scan.next().unwrap().unwrap().to_string(), "cur/a:2,S");
    assert!(scan.next().is_none());
}

#[test]
fn of_two_with_one_base_the_one_in_cur_is_truer_then_the_one_with_more_flags() {
    let (_root, mailbox) = mailbox();
    for (file, other) in [
        ("cur/a:2,", "new/a"),
        ("cur/b:2,FS", "cur/b:2,"),
        ("new/c:2,S", "new/c"),
    ] {
        put(&mailbox, file);
        put(&mailbox, other);
        let entry = |file: &str| Entry::parse(file).unwrap();
        for (known, seen) in [(file, other), (other, file)] {
            let truer = truer(&mailbox, entry(known), entry(seen));
            assert_eq!(truer.to_string(), file);
        }
        fs::remove_file(mailbox.dir().join(file)).unwrap();
        let left = truer(&mailbox, entry(file), entry(other));
        assert_eq!(left.to_string(), other);
    }
}

#[test]
fn a_mailbox_that_is_not_there_is_not_empty() {
    let (_root, mailbox) = mailbox();
    fs::remove_dir(mailbox.subdir(Subdir::New)).unwrap();
    assert!(scan(&mailbox).is_err());
    assert!(stamp(&mailbox).is_err());
    assert!(locate(&mailbox, &Entry::parse("cur/x").unwrap()).is_err());
}

#[test]
fn a_file_is_found_wherever_a_reader_put_it() {
    let (_root, mailbox) = mailbox();
    let known = Entry::parse("new/x").unwrap();
    assert_eq!(locate(&mailbox, &known).unwrap(), None);
    for file in ["new/x", "cur/x:2,S", "cur/x:2,FSab", "new/x:2,S"] {
        put(&mailbox, file);
        assert_eq!(locate(&mailbox, &known).unwrap().unwrap().to_string(), file);
        fs::remove_file(mailbox.dir().join(file)).unwrap();
    }
    put(&mailbox, "cur/xy:2,S");
    assert_eq!(locate(&mailbox, &known).unwrap(), None);
}

#[test]
fn the_stamp_moves_with_every_change_and_settles_with_time() {
    let (_root, mailbox) = mailbox();
    let before = stamp(&mailbox).unwrap();
    // The file system's clock ticks every 4 ms here.
    std::thread::sleep(std::time::Duration::from_millis(20));
    put(&mailbox, "cur/x");
    let after = scan(&mailbox).unwrap().stamp;
    assert!(after.cur_ns > before.cur_ns);
    assert_eq!(after.new_ns, before.new_ns);
    let at = |seconds: i64| {
        Now(UnixTime::from_seconds(
            after.cur_ns / 1_000_000_000 + seconds,
        ))
    };
    assert!(!after.settled(at(0)) && !after.settled(at(2)));
    assert!(after.settled(at(4)));
}
