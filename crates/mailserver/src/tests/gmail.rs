//! X-GM-EXT-1: one message, many labels.

use super::{Client, LEAP_DAY, MAIL, ada};
use crate::{Account, Options, Service};

const ALL: &str = "[Gmail]/All Mail";

fn gmail() -> (Service, Account) {
    let (store, account) = ada();
    account.append("Arbeit/Entwürfe", MAIL, &["\\Seen"], LEAP_DAY);
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    (Service::new(store, Options::gmail()), account)
}

fn uids(account: &Account, mailbox: &str) -> Vec<u32> {
    account.messages(mailbox).iter().map(|m| m.uid).collect()
}

#[tokio::test]
async fn every_message_is_in_all_mail_once() {
    let (service, account) = gmail();
    assert_eq!(uids(&account, ALL), [1, 2]);
    assert_eq!(account.append("INBOX", MAIL, &[], LEAP_DAY), 2);
    // A label for what is there: its UID here is new, in All Mail nothing is.
    assert_eq!(account.copy_message(ALL, 3, "Arbeit/Entwürfe"), Some(2));
    assert_eq!(account.copy_message(ALL, 3, "Arbeit/Entwürfe"), Some(2));
    assert_eq!(uids(&account, ALL), [1, 2, 3]);
    let mut client = Client::imap(&service).await;
    let heard = client.tell("1 LIST \"\" *", "1 OK").await;
    for row in [
        "(\\Noselect \\HasChildren) \"/\" \"[Gmail]\"",
        "(\\HasNoChildren \\All) \"/\" \"[Gmail]/All Mail\"",
        "(\\HasNoChildren \\Flagged) \"/\" \"[Gmail]/Starred\"",
    ] {
        assert!(heard.contains(row), "{heard}");
    }
    client.tell("2 SELECT \"[Gmail]\"", "2 NO").await;
    let id = account.messages("INBOX")[1].email_id;
    account.copy_message("INBOX", 2, "[Gmail]/Important");
    let items = "(X-GM-MSGID X-GM-THRID X-GM-LABELS)";
    client.tell("3 EXAMINE INBOX", "3 OK").await;
    // The mailbox that is asked does not name itself.
    assert_eq!(
        client.tell(&format!("4 UID FETCH 2 {items}"), "4 OK").await,
        format!(
            "* 2 FETCH (UID 2 X-GM-MSGID {id} X-GM-THRID {id} \
             X-GM-LABELS (\"Arbeit/Entw&APw-rfe\" \"\\\\Important\"))\r\n4 OK fetched\r\n"
        )
    );
    client.tell(&format!("5 EXAMINE \"{ALL}\""), "5 OK").await;
    let heard = client.tell("6 UID FETCH 3 X-GM-LABELS", "6 OK").await;
    let labels = "(\"Arbeit/Entw&APw-rfe\" \"\\\\Inbox\" \"\\\\Important\")";
    assert!(heard.contains(labels), "{heard}");
    let search = format!("7 UID SEARCH X-GM-MSGID {id}");
    let heard = client.tell(&search, "7 OK").await;
    assert_eq!(heard, "* SEARCH 3\r\n7 OK searched\r\n");
    // Everywhere else these words are unknown.
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    let mut client = Client::imap(&super::service(&store)).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    client.tell("2 FETCH 1 X-GM-MSGID", "2 BAD").await;
    assert_eq!(account.mailboxes(), ["INBOX"]);
}

#[tokio::test]
async fn an_expunge_takes_the_label_and_in_all_mail_the_message() {
    let (service, account) = gmail();
    let mut client = Client::imap(&service).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    client
        .tell("2 UID STORE 1 +FLAGS (\\Deleted \\Flagged)", "2 OK")
        .await;
    // The star is the message's, the mark the mailbox's.
    assert_eq!(
        account.messages(ALL)[1].flags,
        ["\\Flagged".to_owned()].into()
    );
    client.tell("3 UID EXPUNGE 1", "3 OK").await;
    assert_eq!(uids(&account, "INBOX"), []);
    assert_eq!(uids(&account, ALL), [1, 2]);
    assert!(account.expunge(ALL, 1));
    assert_eq!(uids(&account, "Arbeit/Entwürfe"), []);
    assert_eq!(uids(&account, ALL), [2]);
}

#[tokio::test]
async fn a_move_changes_labels_and_the_bin_empties_all() {
    let (service, account) = gmail();
    let mut client = Client::imap(&service).await;
    client.tell(&format!("1 SELECT \"{ALL}\""), "1 OK").await;
    client.tell("2 UID MOVE 1 INBOX", "2 OK").await;
    assert_eq!(uids(&account, ALL), [1, 2]);
    assert_eq!(uids(&account, "INBOX"), [1, 2]);
    account.copy_message("INBOX", 2, "Arbeit/Entwürfe");
    client.tell("3 SELECT INBOX", "3 OK").await;
    client.tell("4 UID COPY 2 \"[Gmail]/Trash\"", "4 OK").await;
    assert_eq!(uids(&account, "[Gmail]/Trash"), [1]);
    assert_eq!(uids(&account, ALL), [2]);
    assert_eq!(uids(&account, "INBOX"), [1]);
    assert_eq!(uids(&account, "Arbeit/Entwürfe"), []);
    // And back, under a new UID.
    assert_eq!(account.move_message("[Gmail]/Trash", 1, "INBOX"), Some(3));
    assert_eq!(uids(&account, "[Gmail]/Trash"), []);
    assert_eq!(uids(&account, ALL), [2, 3]);
    account.append("[Gmail]/Spam", MAIL, &[], LEAP_DAY);
    assert_eq!(uids(&account, ALL), [2, 3]);
}
