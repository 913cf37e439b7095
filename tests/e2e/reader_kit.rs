//! What mail readers do to files, as they were seen to do it (the table is in docs/readers.md).

use postrider_core::account::Protocol;
use postrider_mailserver::Options;
use postrider_tests::rig::{Rig, files, message};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Two mailboxes of `count` messages each and an empty one, synced twice, so that nothing is left to be noticed.
pub(crate) async fn synced_with(options: Options, count: usize) -> Rig {
    let rig = Rig::with(Protocol::Imap, options).await;
    for mailbox in MAILBOXES {
        rig.account.create(mailbox);
    }
    rig.fill("INBOX", count);
    rig.fill("Work", count);
    rig.pass().await.unwrap();
    rig.pass().await.unwrap();
    rig.server.store().forget_commands();
    rig
}

pub(crate) const MAILBOXES: [&str; 3] = ["INBOX", "Work", "Archive"];

/// The files of a mailbox, by name.
pub(crate) fn held(rig: &Rig, mailbox: &str) -> Vec<PathBuf> {
    let dir = rig.maildir().join(mailbox);
    let mut held: Vec<_> = ["cur", "new"]
        .iter()
        .flat_map(|s| files(&dir.join(s)))
        .collect();
    held.sort();
    held
}

/// The file of the nth message that was filled into `of`, wherever it lies.
pub(crate) fn file_of(rig: &Rig, of: &str, n: usize) -> PathBuf {
    let id = format!("<{n}.{of}@example.org>");
    let is_it = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains(&id));
    let found = files(rig.maildir()).into_iter().find(is_it);
    found.unwrap_or_else(|| panic!("no file of message {n} of {of}"))
}

/// mu, notmuch, mutt: one rename, out of `new` where it was there.
pub(crate) fn flag(path: &Path, letters: &str) -> PathBuf {
    let name = path.file_name().unwrap().to_str().unwrap();
    let base = name.split(":2,").next().unwrap();
    let to = path.parent().unwrap().parent().unwrap();
    let to = to.join("cur").join(format!("{base}:2,{letters}"));
    fs::rename(path, &to).unwrap();
    to
}

/// aerc, mu: the same name in another mailbox.
pub(crate) fn carry(rig: &Rig, path: &Path, mailbox: &str) -> PathBuf {
    let to = rig.maildir().join(mailbox).join("cur");
    let name = path.file_name().unwrap().to_str().unwrap();
    let to = to.join(if name.contains(":2,") {
        name.to_owned()
    } else {
        format!("{name}:2,")
    });
    fs::rename(path, &to).unwrap();
    to
}

/// himalaya: another name in another mailbox.
pub(crate) fn carry_renamed(rig: &Rig, path: &Path, mailbox: &str) -> PathBuf {
    let to = rig
        .maildir()
        .join(mailbox)
        .join("cur/1795424400.#0M1P2.vm:2,S");
    fs::rename(path, &to).unwrap();
    to
}

/// mutt, first half: a copy under another name, with header fields of its own.
pub(crate) fn copy_like_mutt(rig: &Rig, path: &Path, mailbox: &str) -> PathBuf {
    let text = fs::read_to_string(path).unwrap();
    let (header, body) = text.split_once("\n\n").unwrap();
    let lines = body.lines().count();
    let text = format!(
        "{header}\nContent-Length: {}\nLines: {lines}\n\n{body}",
        body.len()
    );
    write(rig, mailbox, "1795424400.12_1.host:2,S", &text)
}

/// Dovecot: a hard link with the same name.
pub(crate) fn copy_linked(rig: &Rig, path: &Path, mailbox: &str) -> PathBuf {
    let name = path.file_name().unwrap().to_str().unwrap();
    let base = name.split(":2,").next().unwrap();
    let to = rig
        .maildir()
        .join(mailbox)
        .join("cur")
        .join(format!("{base}:2,S"));
    fs::hard_link(path, &to).unwrap();
    to
}

/// A new file.
pub(crate) fn write(rig: &Rig, mailbox: &str, name: &str, text: &str) -> PathBuf {
    let path = rig.maildir().join(mailbox).join("cur").join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Lets the directories of a mailbox look as if nothing had changed in them for long: a scan's stamp holds then.
pub(crate) fn let_rest(rig: &Rig, mailbox: &str) {
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for part in ["cur", "new"] {
        let dir = rig.maildir().join(mailbox).join(part);
        fs::File::open(dir).unwrap().set_modified(then).unwrap();
    }
}

/// A message that no server has seen.
pub(crate) fn draft(n: usize) -> String {
    message("draft", n).replace("\r\n", "\n")
}

/// How many bodies were asked for.
pub(crate) fn bodies(rig: &Rig) -> usize {
    let fetches = rig.commands("UID FETCH").into_iter();
    fetches.filter(|line| line.contains("BODY.PEEK[]")).count()
}

/// Subject and flags of what the server holds in a mailbox, by subject.
pub(crate) fn at_server(rig: &Rig, mailbox: &str) -> Vec<(String, String)> {
    let subject = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("Subject: "));
        line.unwrap_or_default()
            .trim_start_matches("Subject: ")
            .to_owned()
    };
    let messages = rig.account.messages(mailbox).into_iter();
    let mut shown: Vec<_> = messages
        .map(|message| {
            let mut flags: Vec<_> = message.flags.iter().cloned().collect();
            flags.sort();
            (
                subject(&String::from_utf8_lossy(&message.bytes)),
                flags.join(" "),
            )
        })
        .collect();
    shown.sort();
    shown
}

/// Every message that the server has lies here exactly once, and no other; both in the same mailbox.
pub(crate) fn assert_mirrored(rig: &Rig, when: &str) {
    assert_eq!(rig.stored(), rig.expected(&MAILBOXES), "{when}");
    assert_eq!(rig.unfinished(), 0, "{when}");
    for mailbox in MAILBOXES {
        let (here, there) = (
            held(rig, mailbox).len(),
            rig.account.messages(mailbox).len(),
        );
        assert_eq!(here, there, "{when}: {mailbox}");
    }
}
