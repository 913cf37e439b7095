//! What mailboxes are called and which are shown: namespaces, separators, UTF-8, subscriptions.

use super::{Client, LEAP_DAY, MAIL, ada, service};
use crate::{Namespaces, Options, PLAIN_SLASH, Service};

/// The names that a LIST or LSUB shows, each with its attributes.
async fn listed(client: &mut Client, command: &str) -> Vec<String> {
    let heard = client.tell(&format!("l {command}"), "l OK").await;
    let rows = heard.lines().filter_map(|line| {
        let (_, row) = line
            .split_once("* LIST ")
            .or_else(|| line.split_once("* LSUB "))?;
        Some(row.to_owned())
    });
    rows.collect()
}

#[tokio::test]
async fn mail_of_others_is_shown_when_asked_for() {
    let (store, account) = ada();
    for name in ["Work", "Other Users/bob/Lists", "Shared/Ann", "Sharedness"] {
        account.create(name);
    }
    let namespaces = Namespaces {
        other_users: vec!["Other Users/".to_owned()],
        shared: vec!["Shared/".to_owned(), "#news/".to_owned()],
        ..Namespaces::default()
    };
    let mut options = Options {
        namespaces,
        separator: Some('.'),
        ..Options::default()
    };
    let mut client = Client::imap(&Service::new(store.clone(), options.clone())).await;
    assert_eq!(
        client.tell("1 NAMESPACE", "1 OK").await,
        "* NAMESPACE ((\"\" \".\")) ((\"Other Users.\" \".\")) ((\"Shared.\" \".\")(\"#news.\" \".\"))\r\n\
         1 OK that is all\r\n"
    );
    let own = [
        "(\\HasNoChildren) \".\" \"INBOX\"",
        "(\\HasNoChildren) \".\" \"Sharedness\"",
        "(\\HasNoChildren) \".\" \"Work\"",
    ];
    assert_eq!(listed(&mut client, "LIST \"\" *").await, own);
    let bob = [
        "(\\Noselect \\HasChildren) \".\" \"Other Users.bob\"",
        "(\\HasNoChildren) \".\" \"Other Users.bob.Lists\"",
    ];
    let theirs = "LIST \"\" \"Other Users.*\"";
    assert_eq!(listed(&mut client, theirs).await, bob);
    let theirs = "LIST \"Other Users.\" *";
    assert_eq!(listed(&mut client, theirs).await, bob);
    client.tell("2 SELECT Shared.Ann", "2 OK").await;
    options.namespaces.listed = true;
    let mut client = Client::imap(&Service::new(store, options)).await;
    assert_eq!(listed(&mut client, "LIST \"\" *").await.len(), 8);
}

#[tokio::test]
async fn without_levels_a_slash_is_a_letter() {
    let (store, account) = ada();
    account.create("a/b");
    let options = Options {
        separator: None,
        ..Options::default()
    };
    let mut client = Client::imap(&Service::new(store.clone(), options)).await;
    assert_eq!(
        listed(&mut client, "LIST \"\" %").await,
        [
            "(\\HasNoChildren) NIL \"INBOX\"",
            "(\\HasNoChildren) NIL \"a/b\""
        ]
    );
    let heard = client.tell("1 LIST \"\" \"\"", "1 OK").await;
    assert!(heard.starts_with("* LIST (\\Noselect) NIL \"\"\r\n"));
    let heard = client.tell("2 NAMESPACE", "2 OK").await;
    assert!(heard.contains("((\"\" NIL)) NIL NIL"), "{heard}");
    client.tell("3 SELECT a/b", "3 OK").await;
    account.delete("a/b");
    account.create(&format!("In{PLAIN_SLASH}Out/x"));
    let options = Options {
        separator: Some('^'),
        ..Options::default()
    };
    let mut client = Client::imap(&Service::new(store, options)).await;
    assert_eq!(
        listed(&mut client, "LIST \"\" In*").await,
        [
            "(\\Noselect \\HasChildren) \"^\" \"In/Out\"",
            "(\\HasNoChildren) \"^\" \"In/Out^x\""
        ]
    );
}

#[tokio::test]
async fn names_are_utf8_after_enable() {
    let (store, account) = ada();
    account.create("Entwürfe & mehr");
    let utf8 = Options::default().with(&["UTF8=ACCEPT"]);
    let mut client = Client::imap(&Service::new(store.clone(), utf8)).await;
    let wire = ["(\\HasNoChildren) \"/\" \"Entw&APw-rfe &- mehr\""];
    assert_eq!(listed(&mut client, "LIST \"\" E*").await, wire);
    let heard = client.tell("1 ENABLE UTF8=ACCEPT", "1 OK").await;
    assert!(heard.starts_with("* ENABLED UTF8=ACCEPT\r\n"), "{heard}");
    let utf8 = ["(\\HasNoChildren) \"/\" \"Entwürfe & mehr\""];
    assert_eq!(listed(&mut client, "LIST \"\" \"Entwü*\"").await, utf8);
    let heard = client
        .tell("2 STATUS \"Entwürfe & mehr\" (MESSAGES)", "2 OK")
        .await;
    assert!(
        heard.starts_with("* STATUS \"Entwürfe & mehr\" ("),
        "{heard}"
    );
    // Only where it is offered.
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 ENABLE UTF8=ACCEPT", "1 OK").await;
    assert_eq!(listed(&mut client, "LIST \"\" E*").await, wire);
}

#[tokio::test]
async fn subscriptions_outlive_mailboxes_and_levels_may_be_empty() {
    let (store, account) = ada();
    account.create("Gone");
    account.create("Level/Below");
    account.create("Level");
    account.set_selectable("Level", false);
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 UNSUBSCRIBE INBOX", "1 OK").await;
    client.tell("2 UNSUBSCRIBE Level", "2 OK").await;
    client.tell("3 DELETE Gone", "3 OK").await;
    assert_eq!(
        listed(&mut client, "LSUB \"\" *").await,
        ["() \"/\" \"Gone\"", "() \"/\" \"Level/Below\""]
    );
    assert_eq!(
        listed(&mut client, "LIST (SUBSCRIBED) \"\" *").await,
        [
            "(\\NonExistent \\HasNoChildren \\Subscribed) \"/\" \"Gone\"",
            "(\\HasNoChildren \\Subscribed) \"/\" \"Level/Below\""
        ]
    );
    assert_eq!(
        client
            .tell("4 LIST \"\" L* RETURN (STATUS (MESSAGES))", "4 OK")
            .await,
        "* LIST (\\Noselect \\HasChildren) \"/\" \"Level\"\r\n\
         * LIST (\\HasNoChildren) \"/\" \"Level/Below\"\r\n\
         * STATUS \"Level/Below\" (MESSAGES 0)\r\n4 OK listed\r\n"
    );
    client.tell("5 SELECT Level", "5 NO [NONEXISTENT]").await;
    client.tell("6 STATUS Level (MESSAGES)", "6 NO").await;
    client.tell("7 UNSUBSCRIBE Gone", "7 OK").await;
    client.tell("8 SUBSCRIBE INBOX", "8 OK").await;
    assert_eq!(
        listed(&mut client, "LSUB \"\" *").await,
        ["() \"/\" \"INBOX\"", "() \"/\" \"Level/Below\""]
    );
}

#[tokio::test]
async fn a_search_result_is_kept_for_the_next_command() {
    let (store, account) = ada();
    for flags in [&["\\Seen"][..], &[], &["\\Seen"], &["\\Seen"]] {
        account.append("INBOX", MAIL, flags, LEAP_DAY);
    }
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    let heard = client.tell("2 UID SEARCH RETURN (SAVE) SEEN", "2 ").await;
    assert_eq!(heard, "2 OK searched\r\n");
    account.expunge("INBOX", 3);
    let heard = client.tell("3 UID FETCH $ (UID)", "3 OK").await;
    let rows = "* 1 FETCH (UID 1)\r\n* 4 FETCH (UID 4)\r\n";
    assert!(heard.starts_with(rows), "{heard}");
    let heard = client
        .tell("4 UID SEARCH RETURN (SAVE MAX) ALL", "4 ")
        .await;
    assert_eq!(
        heard,
        "* ESEARCH (TAG \"4\") UID MAX 4\r\n4 OK searched\r\n"
    );
    let heard = client.tell("5 FETCH $ (UID)", "5 OK").await;
    assert_eq!(heard, "* 3 FETCH (UID 4)\r\n5 OK fetched\r\n");
    let plain = Options::default().without(&["SEARCHRES"]);
    let mut client = Client::imap(&Service::new(store, plain)).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    client.tell("2 SEARCH RETURN (SAVE) ALL", "2 BAD").await;
}
