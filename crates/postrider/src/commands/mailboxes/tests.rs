//! The table and the document.

use super::*;
use crate::readers::testing::accounts;
use postrider_core::mailbox::Role;
use postrider_core::time::UnixTime;
use postrider_engine::Choice;
use std::path::PathBuf;

fn mailbox(name: &str, standing: Standing, path: Option<&str>) -> MailboxReport {
    MailboxReport {
        name: name.to_owned(),
        role: None,
        standing,
        messages: None,
        path: path.map(PathBuf::from),
        synced_at: None,
    }
}

fn reports() -> Vec<MailboxReport> {
    let choice = |pattern: &str, excluded| {
        let pattern = pattern.to_owned();
        Standing::Listed(match excluded {
            true => Choice::Excluded { pattern },
            false => Choice::Included { pattern },
        })
    };
    let at = UnixTime::from_seconds(0);
    vec![
        MailboxReport {
            messages: Some(1_204),
            synced_at: Some(at),
            ..mailbox("INBOX", choice("*", false), Some("/m/INBOX"))
        },
        mailbox("New\u{1b}[2J", choice("New*", false), Some("/m/New%1B[2J")),
        MailboxReport {
            role: Some(Role::Junk),
            ..mailbox("Spam", choice("\\Junk", true), None)
        },
        mailbox("Top", Standing::Listed(Choice::NonExistent), None),
        mailbox("Old", Standing::Lost { at }, Some("/m/Old")),
    ]
}

#[test]
fn the_table_says_why_and_where_and_cannot_move_the_cursor() {
    assert_eq!(
        table(&reports()),
        r"MAILBOX       ROLE   MESSAGES  CHOSEN  BECAUSE                                        PATH
INBOX                1204      yes     included by `*`                                /m/INBOX
New\u{1b}[2J         -         yes     included by `New*`                             /m/New%1B[2J (with the next sync)
Spam          \Junk  -         no      excluded by `\Junk`                            -
Top                  -         no      does not exist; there are others below it      -
Old                  -         no      gone at the server since 1970-01-01T00:00:00Z  /m/Old
"
    );
}

#[test]
fn the_document_has_reason_and_pattern_apart() {
    let config = accounts("  home: {maildir: /m}\n");
    let document = document(&config.accounts[0], &reports());
    assert_eq!(document["account"], "home");
    let [inbox, new, spam, top, old] = document["mailboxes"].as_array().unwrap().as_slice() else {
        panic!("{document}");
    };
    assert_eq!(inbox["messages"], 1_204);
    assert_eq!(inbox["chosen"], true);
    assert_eq!(inbox["synced_at"], "1970-01-01T00:00:00Z");
    assert_eq!(new["path"], "/m/New%1B[2J");
    assert_eq!(
        (&spam["reason"], &spam["pattern"]),
        (&json!("excluded"), &json!("\\Junk"))
    );
    assert_eq!(spam["role"], "\\Junk");
    assert_eq!(
        (&top["reason"], &top["path"]),
        (&json!("non_existent"), &Value::Null)
    );
    assert_eq!(
        (&old["reason"], &old["chosen"]),
        (&json!("lost"), &json!(false))
    );
}
