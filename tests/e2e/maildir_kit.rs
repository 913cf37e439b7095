//! The witness of Maildirs is itself tested: it must see every break of CONTRACT section 5.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use postrider_tests::digest::{sha256, sha256_lf};
use postrider_tests::maildir::MaildirTree;
use tempfile::TempDir;

const NAME: &str = "1700000000.M1P2Q3R4.host,S=14,W=17";
const MAIL: &[u8] = b"Subject: x\n\ny\n";

fn make(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A sound tree: an empty INBOX, and one seen message in Work/Projects.
fn tree() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for sub in [
        "INBOX/cur",
        "INBOX/new",
        "INBOX/tmp",
        "Work/Projects/cur",
        "Work/Projects/new",
        "Work/Projects/tmp",
    ] {
        fs::create_dir_all(dir.path().join(sub)).unwrap();
    }
    for sub in ["", "INBOX", "Work", "Work/Projects"] {
        make(&dir.path().join(sub), 0o700);
    }
    for sub in ["INBOX", "Work/Projects"] {
        for part in ["cur", "new", "tmp"] {
            make(&dir.path().join(sub).join(part), 0o700);
        }
    }
    put(dir.path(), &format!("Work/Projects/cur/{NAME}:2,S"), MAIL);
    dir
}

fn put(root: &Path, path: &str, content: &[u8]) {
    fs::write(root.join(path), content).unwrap();
    make(&root.join(path), 0o600);
}

#[test]
fn a_sound_tree_is_read_whole() {
    let dir = tree();
    let tree = MaildirTree::read(dir.path()).unwrap();
    tree.assert_sound();
    assert_eq!(
        tree.mailboxes.keys().collect::<Vec<_>>(),
        ["INBOX", "Work/Projects"]
    );
    let [local] = tree.messages("Work/Projects") else {
        panic!("one message");
    };
    assert_eq!(
        (local.flags.as_str(), local.base.as_str(), local.is_new),
        ("S", NAME, false)
    );
    assert_eq!((tree.len(), local.octets), (1, 14));
    tree.assert_holds("Work/Projects", [&sha256_lf(b"Subject: x\r\n\r\ny\r\n")]);
    tree.assert_holds("INBOX", []);
    assert!(std::panic::catch_unwind(|| tree.assert_holds("INBOX", [&sha256(MAIL)])).is_err());
    assert!(std::panic::catch_unwind(|| tree.assert_holds("Work/Projects", [])).is_err());
}

#[test]
fn every_break_is_a_finding() {
    type Break = fn(&Path);
    let breaks: [(&str, Break); 15] = [
        ("left over in tmp", |root| put(root, "INBOX/tmp/x", b"")),
        ("flags in new", |root| {
            put(root, "INBOX/new/a,S=0,W=0:2,", b"");
        }),
        ("in cur without :2,", |root| {
            put(root, "INBOX/cur/a,S=0,W=0", b"");
        }),
        ("not sorted", |root| {
            put(root, "INBOX/cur/a,S=0,W=0:2,SF", b"");
        }),
        ("repeated", |root| {
            put(root, "INBOX/cur/a,S=0,W=0:2,SS", b"");
        }),
        ("unknown flags", |root| {
            put(root, "INBOX/cur/a,S=0,W=0:2,X", b"");
        }),
        ("S= should be 1", |root| {
            put(root, "INBOX/new/a,S=2,W=1", b"x");
        }),
        ("W= should be 2", |root| put(root, "INBOX/new/a,S=1", b"\n")),
        ("of 151 bytes", |root| {
            put(root, &format!("INBOX/new/{},S=0,W=0", "a".repeat(143)), b"");
        }),
        ("printable ASCII", |root| {
            put(root, "INBOX/new/ä,S=0,W=0", b"");
        }),
        ("2 files", |root| {
            put(root, "INBOX/new/1700000000.M1P2Q3R4.host,S=0,W=0", b"");
        }),
        ("not 0600", |root| {
            put(root, "INBOX/new/a,S=0,W=0", b"");
            make(&root.join("INBOX/new/a,S=0,W=0"), 0o644);
        }),
        ("not 0700", |root| make(&root.join("INBOX/cur"), 0o755)),
        ("stranger", |root| put(root, "Work/notes.txt", b"")),
        ("not all of cur, new and tmp", |root| {
            fs::remove_dir(root.join("INBOX/tmp")).unwrap();
        }),
    ];
    for (what, break_it) in breaks {
        let dir = tree();
        break_it(dir.path());
        let tree = MaildirTree::read(dir.path()).unwrap();
        let seen = tree.findings().iter().any(|finding| finding.contains(what));
        assert!(seen, "{what}: {:?}", tree.findings());
    }
}

#[test]
fn only_crlf_is_made_equal() {
    assert_eq!(sha256_lf(b"a\r\nb\rc\n\r\r\n"), sha256(b"a\nb\rc\n\r\n"));
    assert_eq!(
        sha256(b""),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}
