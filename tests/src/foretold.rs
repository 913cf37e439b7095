//! A dry run beside the pass that follows it: nothing may change in the first, and what it announced the
//! second must do, neither more nor less.

use crate::rig::Rig;
use postrider_core::message::ServerRef;
use postrider_core::plan::deed::Deed;
use postrider_engine::{PassReport, Rehearsal, Rehearsed};
use postrider_mailserver::{Message, Protocol};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Words that change something on an IMAP server. SELECT does: it takes `\Recent` away.
const CHANGES: [&str; 14] = [
    "APPEND",
    "CLOSE",
    "COPY",
    "CREATE",
    "DELETE",
    "EXPUNGE",
    "MOVE",
    "RENAME",
    "SELECT",
    "STORE",
    "SUBSCRIBE",
    "UID COPY",
    "UID EXPUNGE",
    "UID MOVE",
];

/// What was done to messages: action, mailbox, UID or UIDL, and why. How often, because two messages may
/// have no UIDL.
type Done = BTreeMap<[String; 4], usize>;

/// Rehearses a pass, makes it, and compares. `when` says in which scenario.
///
/// # Panics
/// When anything was changed by the rehearsal, or it did not say what the pass did.
pub async fn compare(rig: &Rig, when: &str) -> (Rehearsal, PassReport) {
    let before = likeness(rig.root());
    let mail = mail(rig);
    rig.server.store().forget_commands();
    let rehearsal = rig.rehearse().await;
    let rehearsal = rehearsal.unwrap_or_else(|error| panic!("{when}: {}", error.story()));
    assert_only_asked(rig, when);
    assert_eq!(mail, self::mail(rig), "{when}: the server");
    assert_same(&before, &likeness(rig.root()), when);
    let ledger = last_entry(rig);
    let report = rig.pass().await;
    let report = report.unwrap_or_else(|error| panic!("{when}: {}", error.story()));
    assert_eq!(
        announced(&rehearsal.deeds),
        done(rig, ledger),
        "{when}: {:#?}",
        rehearsal.deeds
    );
    assert_alike(&rehearsal, &report, when);
    (rehearsal, report)
}

/// The figures of the report. What may be here under another identity is counted as new by a rehearsal.
fn assert_alike(rehearsal: &Rehearsal, report: &PassReport, when: &str) {
    let foretold = &rehearsal.report;
    let suspected = rehearsal
        .deeds
        .iter()
        .map(|rehearsed| match rehearsed.deed {
            Deed::Fetch { suspected, .. } => suspected,
            _ => 0,
        });
    let suspected: u64 = suspected.sum();
    assert!(foretold.new >= report.new, "{when}");
    assert!(foretold.new <= report.new + suspected, "{when}");
    let figures = |report: &PassReport| {
        [
            report.mailboxes,
            report.flags_pulled,
            report.expired,
            report.vanished,
            report.skipped,
            report.braked,
        ]
    };
    assert_eq!(figures(foretold), figures(report), "{when}");
}

/// Everything below a directory: octets, times and modes.
fn likeness(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        let seen = path.symlink_metadata().expect("a file");
        let content = if seen.is_dir() {
            let entries = path.read_dir().expect("a directory");
            open.extend(entries.map(|entry| entry.expect("an entry").path()));
            String::new()
        } else {
            format!(
                "{:?}",
                Sha256::digest(std::fs::read(&path).expect("octets"))
            )
        };
        let (seconds, nanoseconds) = (seen.mtime(), seen.mtime_nsec());
        let mode = seen.mode();
        found.insert(
            path,
            format!("{mode:o} {seconds}.{nanoseconds:09} {content}"),
        );
    }
    found
}

fn assert_same(before: &BTreeMap<PathBuf, String>, after: &BTreeMap<PathBuf, String>, when: &str) {
    for (path, likeness) in after {
        let was = before.get(path);
        assert_eq!(was, Some(likeness), "{when}: {}", path.display());
    }
    assert_eq!(before.len(), after.len(), "{when}: something is gone");
}

/// The messages of every mailbox as the server has them.
fn mail(rig: &Rig) -> Vec<(String, Vec<Message>)> {
    let mailboxes = rig.account.mailboxes().into_iter();
    let with_messages = |name: String| {
        let messages = rig.account.messages(&name);
        (name, messages)
    };
    mailboxes.map(with_messages).collect()
}

fn assert_only_asked(rig: &Rig, when: &str) {
    let commands = rig.server.store().commands();
    assert!(!commands.is_empty(), "{when}: it asked nothing");
    for command in commands {
        let line = command.line.to_ascii_uppercase();
        let changes = match command.protocol {
            Protocol::Imap => {
                let bodies = line.contains("BODY[") || line.contains("BODY.PEEK[]");
                let stores = line.starts_with("UID STORE");
                bodies || stores || CHANGES.iter().any(|word| is_word(&line, word))
            }
            Protocol::Pop3 => is_word(&line, "DELE") || is_word(&line, "RETR"),
        };
        assert!(!changes, "{when}: {line}");
    }
}

fn is_word(line: &str, word: &str) -> bool {
    let rest = line.strip_prefix(word);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn announced(deeds: &[Rehearsed]) -> Done {
    let mut announced = Done::new();
    for rehearsed in deeds {
        let (action, because) = match &rehearsed.deed {
            Deed::Expire { because, .. } => ("expired", because.to_string()),
            Deed::Move { .. } => ("moved", String::new()),
            // The flag `T` is another line of the ledger.
            Deed::TrashFlag { .. } | Deed::Vanish { .. } => ("vanished", String::new()),
            Deed::Remove { .. } => ("removed", String::new()),
            Deed::Settle { because, .. } => ("expired", because.clone()),
            _ => continue,
        };
        let message = rehearsed.message.as_ref().expect("a message by its name");
        let id = match &message.server {
            ServerRef::Imap { uid, .. } => uid.to_string(),
            ServerRef::Pop3 { uidl } => uidl.as_ref().map(ToString::to_string).unwrap_or_default(),
        };
        let key = [action.to_owned(), rehearsed.mailbox.clone(), id, because];
        *announced.entry(key).or_default() += 1;
    }
    announced
}

/// What the ledger says since `entry`. A message that moved has not vanished.
fn done(rig: &Rig, entry: i64) -> Done {
    let index = rig.index();
    let sql = "
        SELECT l.action, l.mailbox, coalesce(m.uid, m.uidl, ''),
          CASE l.action WHEN 'expired' THEN l.because ELSE '' END
        FROM ledger_entry AS l JOIN message AS m ON m.id = l.message
        WHERE l.id > ?1 AND l.action <> 'stored'
          AND NOT (l.action = 'vanished' AND EXISTS (
            SELECT 1 FROM ledger_entry AS n
            WHERE n.id > ?1 AND n.message = l.message AND n.action = 'moved'))";
    let mut statement = index.prepare(sql).expect("a query");
    let rows = statement.query_map([entry], |row| {
        let id: rusqlite::types::Value = row.get(2)?;
        let id = match id {
            rusqlite::types::Value::Integer(uid) => uid.to_string(),
            rusqlite::types::Value::Text(uidl) => uidl,
            _ => String::new(),
        };
        Ok([row.get(0)?, row.get(1)?, id, row.get(3)?])
    });
    let mut done = Done::new();
    for row in rows.expect("the ledger") {
        *done.entry(row.expect("a row")).or_default() += 1;
    }
    done
}

fn last_entry(rig: &Rig) -> i64 {
    if !rig.state_dir().join("index.db").exists() {
        return 0;
    }
    let sql = "SELECT coalesce(max(id), 0) FROM ledger_entry";
    let last = rig.index().query_row(sql, [], |row| row.get(0));
    last.expect("a number")
}
