//! notmuch and mu, which index mail and are asked for it.

use super::{EACH, MAILBOXES, Shown, printed, synced};
use std::collections::BTreeMap;
use std::path::Path;

const ABOVE: &str = "It's \"my\" `mail` $(x) #1 \\";

#[tokio::test(flavor = "multi_thread")]
async fn notmuch_finds_every_mailbox() {
    let synced = synced(ABOVE).await;
    let file = synced.home.path().join("notmuch.conf");
    std::fs::write(&file, synced.export("notmuch")).unwrap();
    // What Dovecot leaves is passed over.
    std::fs::write(synced.above.join("home/INBOX/dovecot-uidlist"), "3 V1\n").unwrap();
    let notmuch = |arguments: &[&str]| {
        let mut command = synced.command("notmuch");
        printed(command.env("NOTMUCH_CONFIG", &file).args(arguments))
    };
    let path = notmuch(&["config", "get", "database.path"]);
    assert_eq!(path.trim_end_matches('\n'), synced.above.to_str().unwrap());
    let added = notmuch(&["new"]);
    let mailboxes = synced.mailboxes();
    let all = format!("Added {} new messages", mailboxes.len() * EACH);
    assert!(added.contains(&all), "{added}");
    assert!(!added.contains("non-mail"), "{added}");
    for Shown { path, .. } in &mailboxes {
        let below = path.strip_prefix(&synced.above).unwrap().to_str().unwrap();
        let query = format!("folder:\"{}\"", below.replace('"', "\"\""));
        assert_eq!(
            notmuch(&["count", &query]).trim(),
            EACH.to_string(),
            "{query}"
        );
    }
    // A flag is a tag, and a tag becomes a flag.
    let flagged = notmuch(&["count", "tag:flagged"]);
    assert_eq!(flagged.trim(), (2 * (MAILBOXES.len() + 1)).to_string());
    notmuch(&["tag", "-unread", "--", "subject:ada.0.0"]);
    let cur = synced.above.join("home/INBOX/cur");
    let names = std::fs::read_dir(cur).unwrap();
    let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.any(|name| name.ends_with(":2,S")));
    synced.assert_nothing_ran();
}

/// The strings of an Emacs Lisp form that are the value of a folder.
fn folders(lisp: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in lisp.match_indices("-folder . \"") {
        let mut text = String::new();
        let mut rest = lisp[at + "-folder . \"".len()..].chars();
        loop {
            match rest.next().unwrap() {
                '"' => break,
                '\\' => text.push(rest.next().unwrap()),
                c => text.push(c),
            }
        }
        found.push(text);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn mu_finds_every_mailbox() {
    let synced = synced(ABOVE).await;
    let exported = synced.export("mu");
    let (shell, lisp) = exported.split_once("\n;;").unwrap();
    printed(synced.command("sh").args(["-e", "-c", shell]));
    let told = printed(synced.command("mu").args(["find", "", "--fields", "m"]));
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for line in told.lines() {
        *found.entry(line).or_default() += 1;
    }
    let mailboxes = synced.mailboxes();
    let name = |shown: &Shown| {
        let below = shown.path.strip_prefix(&synced.above).unwrap();
        Path::new("/").join(below).to_str().unwrap().to_owned()
    };
    let wanted: Vec<String> = mailboxes.iter().map(name).collect();
    let wanted: BTreeMap<&str, usize> = wanted.iter().map(|name| (name.as_str(), EACH)).collect();
    assert_eq!(found, wanted);
    let folders = folders(lisp);
    // Sent, drafts, trash and archive of two accounts.
    assert_eq!(folders.len(), 8, "{lisp}");
    for folder in folders {
        assert!(found.contains_key(folder.as_str()), "{folder}");
    }
    synced.assert_nothing_ran();
}
