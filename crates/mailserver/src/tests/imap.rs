//! Sessions of RFC 3501 and its extensions.

use super::{Client, LEAP_DAY, MAIL, ada, service};
use crate::{Options, Protocol, Server, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_message_is_fetched_as_it_was_put_in() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &["\\seen", "work"], LEAP_DAY);
    let mut client = Client::imap(&service(&store)).await;
    let heard = client.tell("1 EXAMINE inbox", "1 ").await;
    assert!(heard.contains("* 1 EXISTS\r\n"), "{heard}");
    assert!(heard.contains("[UIDVALIDITY 4712]"), "{heard}");
    assert!(heard.contains("[UIDNEXT 2]"), "{heard}");
    assert!(heard.contains("[HIGHESTMODSEQ 2]"), "{heard}");
    assert!(heard.ends_with("1 OK [READ-ONLY] selected\r\n"), "{heard}");
    let heard = client
        .tell(
            "2 UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE MODSEQ BODY.PEEK[])",
            "2 ",
        )
        .await;
    let mail = std::str::from_utf8(MAIL).unwrap();
    let date = "29-Feb-2024 12:00:00 +0000";
    assert_eq!(
        heard,
        format!(
            "* 1 FETCH (UID 1 FLAGS (\\Seen work) INTERNALDATE \"{date}\" RFC822.SIZE 38 MODSEQ (2) BODY[] {{38}}\r\n{mail})\r\n2 OK fetched\r\n"
        )
    );
}

#[tokio::test]
async fn body_without_peek_marks_as_seen_and_says_so() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    let heard = client.tell("2 FETCH 1 BODY[TEXT]", "2 OK").await;
    assert!(
        heard.contains("* 1 FETCH (BODY[TEXT] {11}\r\n.dot\r\nend\r\n)\r\n"),
        "{heard}"
    );
    assert!(
        heard.contains("* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n"),
        "{heard}"
    );
    assert!(account.messages("INBOX")[0].flags.contains("\\Seen"));
}

#[tokio::test]
async fn login_is_refused_and_granted_in_three_ways() {
    let (store, _) = ada();
    let service = service(&store);
    let mut client = Client::connect(&service, Protocol::Imap);
    assert!(
        client
            .until("\r\n")
            .await
            .starts_with("* OK [CAPABILITY IMAP4rev1 ")
    );
    client.tell("1 SELECT INBOX", "1 BAD").await;
    client
        .tell("2 LOGIN ada wrong", "2 NO [AUTHENTICATIONFAILED]")
        .await;
    client.tell("3 AUTHENTICATE CRAM-MD5", "+ ").await;
    client.tell("", "3 NO").await;
    // "\0ada\0secret"
    client.tell("4 AUTHENTICATE PLAIN", "+ ").await;
    client.tell("AGFkYQBzZWNyZXQ=", "4 OK").await;
    let mut client = Client::connect(&service, Protocol::Imap);
    client.until("\r\n").await;
    client
        .tell("1 AUTHENTICATE PLAIN AGFkYQBzZWNyZXQ=", "1 OK")
        .await;
    let mut client = Client::connect(&service, Protocol::Imap);
    client.until("\r\n").await;
    client.tell("1 LOGIN {3}", "+ ").await;
    client.tell("ada {6+}\r\nsecret", "1 OK").await;
}

#[tokio::test]
async fn an_old_server_knows_no_extension() {
    let (store, account) = ada();
    account.create("Work/Projects");
    let service = Service::new(store, Options::old());
    let mut client = Client::connect(&service, Protocol::Imap);
    assert_eq!(
        client.until("\r\n").await,
        "* OK postrider-mailserver ready\r\n"
    );
    assert_eq!(
        client.tell("1 LOGIN ada secret", "1 ").await,
        "1 OK logged in\r\n"
    );
    for (tag, command) in [
        "ENABLE CONDSTORE",
        "UNSELECT",
        "NAMESPACE",
        "ID NIL",
        "LIST \"\" * RETURN (STATUS (MESSAGES))",
        "STATUS INBOX (HIGHESTMODSEQ)",
        "AUTHENTICATE PLAIN AGFkYQBzZWNyZXQ=",
    ]
    .iter()
    .enumerate()
    {
        let heard = client
            .tell(&format!("x{tag} {command}"), &format!("x{tag} "))
            .await;
        assert!(!heard.contains(" OK "), "{command}: {heard}");
    }
    let heard = client.tell("2 LIST \"\" %", "2 OK").await;
    assert_eq!(
        heard,
        "* LIST () \".\" \"INBOX\"\r\n* LIST (\\Noselect) \".\" \"Work\"\r\n2 OK listed\r\n"
    );
    client.tell("3 SELECT Work.Projects", "3 OK").await;
    client.tell("4 UID EXPUNGE 1", "4 BAD").await;
    client.tell("5 UID MOVE 1 INBOX", "5 BAD").await;
    client.tell("6 UID FETCH 1 (MODSEQ)", "6 BAD").await;
}

#[tokio::test]
async fn list_tells_names_roles_children_and_status() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &["\\Seen"], LEAP_DAY);
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    account.create("Work/Projects");
    account.set_role("Entwürfe", "\\Drafts");
    account.set_subscribed("Work/Projects", false);
    let mut client = Client::imap(&service(&store)).await;
    let heard = client
        .tell(
            "1 LIST \"\" * RETURN (SUBSCRIBED STATUS (MESSAGES UNSEEN SIZE))",
            "1 OK",
        )
        .await;
    assert_eq!(
        heard,
        "* LIST (\\HasNoChildren \\Subscribed \\Drafts) \"/\" \"Entw&APw-rfe\"\r\n\
         * STATUS \"Entw&APw-rfe\" (MESSAGES 0 UNSEEN 0 SIZE 0)\r\n\
         * LIST (\\HasNoChildren \\Subscribed) \"/\" \"INBOX\"\r\n\
         * STATUS \"INBOX\" (MESSAGES 2 UNSEEN 1 SIZE 76)\r\n\
         * LIST (\\NonExistent \\HasChildren) \"/\" \"Work\"\r\n\
         * LIST (\\HasNoChildren) \"/\" \"Work/Projects\"\r\n\
         * STATUS \"Work/Projects\" (MESSAGES 0 UNSEEN 0 SIZE 0)\r\n\
         1 OK listed\r\n"
    );
    let heard = client.tell("2 LSUB \"\" *", "2 OK").await;
    assert_eq!(
        heard,
        "* LSUB () \"/\" \"Entw&APw-rfe\"\r\n* LSUB () \"/\" \"INBOX\"\r\n2 OK listed\r\n"
    );
    let heard = client.tell("3 LIST \"\" \"\"", "3 OK").await;
    assert!(heard.starts_with("* LIST (\\Noselect) \"/\" \"\"\r\n"));
    let heard = client
        .tell("4 LIST (SPECIAL-USE) \"\" (I* E%)", "4 OK")
        .await;
    assert_eq!(heard.lines().count(), 2, "{heard}");
}

#[tokio::test]
async fn changes_by_others_are_told_in_the_right_place() {
    let (store, account) = ada();
    for _ in 0..3 {
        account.append("INBOX", MAIL, &[], LEAP_DAY);
    }
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    account.expunge("INBOX", 1);
    account.set_flags("INBOX", 3, &["\\Flagged"]);
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    let heard = client.tell("2 FETCH 1:3 UID", "2 OK").await;
    // Sequence numbers may not shift under a FETCH: the first is silently missing.
    assert_eq!(
        heard,
        "* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n* 3 FETCH (UID 3 FLAGS (\\Flagged))\r\n* 4 EXISTS\r\n2 OK fetched\r\n"
    );
    assert_eq!(
        client.tell("3 NOOP", "3 OK").await,
        "* 1 EXPUNGE\r\n3 OK done\r\n"
    );
    assert_eq!(client.tell("4 NOOP", "4 OK").await, "4 OK done\r\n");
    account.bump_uid_validity("INBOX");
    client.send(b"5 NOOP\r\n").await;
    assert!(client.rest().await.starts_with("* BYE"));
}

#[tokio::test]
async fn expunge_takes_only_what_is_marked_and_named() {
    let (store, account) = ada();
    for _ in 0..4 {
        account.append("INBOX", MAIL, &["\\Deleted"], LEAP_DAY);
    }
    account.set_flags("INBOX", 1, &[]);
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    let heard = client.tell("2 UID EXPUNGE 1:2,4", "2 OK").await;
    assert_eq!(heard, "* 4 EXPUNGE\r\n* 2 EXPUNGE\r\n2 OK expunged\r\n");
    let heard = client.tell("3 EXPUNGE", "3 OK").await;
    assert_eq!(heard, "* 2 EXPUNGE\r\n3 OK expunged\r\n");
    let left: Vec<u32> = account.messages("INBOX").iter().map(|m| m.uid).collect();
    assert_eq!(left, [1]);
    client.tell("4 EXAMINE INBOX", "4 OK").await;
    client
        .tell("5 UID STORE 1 +FLAGS (\\Deleted)", "5 NO [READ-ONLY]")
        .await;
}

#[tokio::test]
async fn store_keeps_mod_sequences() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &["\\Seen"], LEAP_DAY);
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 SELECT INBOX (CONDSTORE)", "1 OK").await;
    let heard = client
        .tell("2 UID STORE 1:2 +FLAGS.SILENT (\\Seen)", "2 OK")
        .await;
    // The first had it: its mod-sequence stays.
    assert_eq!(
        heard,
        "* 1 FETCH (UID 1 MODSEQ (2))\r\n* 2 FETCH (UID 2 MODSEQ (4))\r\n2 OK stored\r\n"
    );
    let heard = client
        .tell("3 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 3)", "3 OK")
        .await;
    assert_eq!(
        heard,
        "* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (4))\r\n3 OK fetched\r\n"
    );
    let heard = client
        .tell("4 UID STORE 1:2 (UNCHANGEDSINCE 3) -FLAGS (\\Seen)", "4 OK")
        .await;
    assert_eq!(
        heard,
        "* 1 FETCH (UID 1 FLAGS () MODSEQ (5))\r\n4 OK [MODIFIED 2] some had changed\r\n"
    );
    assert_eq!(account.highest_mod_seq("INBOX"), Some(5));
}

#[tokio::test]
async fn append_copy_and_move_tell_the_new_uids() {
    let (store, account) = ada();
    account.create("Trash");
    let mut client = Client::imap(&service(&store)).await;
    let heard = client
        .tell(
            "1 APPEND INBOX (\\Draft x) \"29-Feb-2024 12:00:00 +0000\" {9+}\r\na: b\r\n\r\nc",
            "1 ",
        )
        .await;
    assert_eq!(heard, "1 OK [APPENDUID 4712 1] appended\r\n");
    let held = &account.messages("INBOX")[0];
    assert_eq!(
        (held.internal_date, &held.bytes[..]),
        (LEAP_DAY, &b"a: b\r\n\r\nc"[..])
    );
    // A literal may end like a line, or like the announcement of another.
    for (tag, body) in ["a: b\r\n\r\n", "a: {3}"].iter().enumerate() {
        let append = format!("p{tag} APPEND Trash {{{}+}}\r\n{body}", body.len());
        client.tell(&append, &format!("p{tag} OK")).await;
        assert_eq!(account.messages("Trash")[tag].bytes, body.as_bytes());
    }
    client
        .tell("2 APPEND Nowhere {1+}\r\nx", "2 NO [TRYCREATE]")
        .await;
    client.tell("3 SELECT INBOX", "3 OK").await;
    let heard = client.tell("4 UID COPY 1 Trash", "4 ").await;
    assert_eq!(heard, "4 OK [COPYUID 4713 1 3] copied\r\n");
    let heard = client.tell("5 MOVE 1 Trash", "5 ").await;
    assert_eq!(
        heard,
        "* OK [COPYUID 4713 1 4] moved\r\n* 1 EXPUNGE\r\n5 OK moved\r\n"
    );
    assert!(account.messages("INBOX").is_empty());
    assert_eq!(account.messages("Trash").len(), 4);
}

#[tokio::test]
async fn search_finds_what_is_asked() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &["\\Seen"], LEAP_DAY);
    account.append("INBOX", MAIL, &["work"], LEAP_DAY + 86_400);
    account.append(
        "INBOX",
        &b"Message-ID: <X@y>\r\n\r\n"[..],
        &[],
        LEAP_DAY + 2 * 86_400,
    );
    account.expunge("INBOX", 1);
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    for (keys, found) in [
        ("ALL", " 2 3"),
        ("UID 1:2", " 2"),
        ("1", " 2"),
        ("SEEN", ""),
        ("UNSEEN KEYWORD work", " 2"),
        ("ON 1-Mar-2024", " 2"),
        ("SINCE 2-Mar-2024", " 3"),
        ("BEFORE 2-Mar-2024", " 2"),
        ("OR UID 2 UID 3", " 2 3"),
        ("NOT (LARGER 30 UNFLAGGED)", " 3"),
        ("HEADER message-id x@Y", " 3"),
        ("MODSEQ 4", " 3 (MODSEQ 4)"),
    ] {
        let heard = client.tell(&format!("2 UID SEARCH {keys}"), "2 OK").await;
        assert_eq!(
            heard,
            format!("* SEARCH{found}\r\n2 OK searched\r\n"),
            "{keys}"
        );
    }
    client.tell("3 SEARCH NONSENSE 1", "3 BAD").await;
    let heard = client
        .tell("4 UID SEARCH RETURN (MIN MAX ALL COUNT) ALL", "4 OK")
        .await;
    assert_eq!(
        heard,
        "* ESEARCH (TAG \"4\") UID MIN 2 MAX 3 ALL 2:3 COUNT 2\r\n4 OK searched\r\n"
    );
}

#[tokio::test]
async fn mailboxes_are_made_renamed_and_removed() {
    let (store, account) = ada();
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 CREATE Entw&APw-rfe/alt", "1 OK").await;
    client.tell("2 CREATE inbox", "2 NO [ALREADYEXISTS]").await;
    client.tell("3 RENAME Entw&APw-rfe/alt neu", "3 OK").await;
    assert_eq!(account.mailboxes(), ["INBOX", "neu"]);
    client.tell("4 DELETE neu", "4 OK").await;
    client.tell("5 DELETE INBOX", "5 NO").await;
    client.tell("6 SELECT neu", "6 NO [NONEXISTENT]").await;
    client.tell("7 SELECT \"&*-\"", "7 NO [CANNOT]").await;
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order_over_a_socket() {
    let (store, account) = ada();
    let message = vec![b'x'; 100_000];
    for _ in 0..200 {
        account.append("INBOX", message.clone(), &[], LEAP_DAY);
    }
    let server = Server::start(store.clone(), Options::default())
        .await
        .unwrap();
    let mut stream = tokio::net::TcpStream::connect(server.imap_addr)
        .await
        .unwrap();
    // 20 MB of answers to commands that nobody waits for: more than any socket buffer holds.
    let mut commands = String::from("a LOGIN ada secret\r\nb SELECT INBOX\r\n");
    for uid in 1..=200 {
        commands.push_str(&format!("f{uid} UID FETCH {uid} BODY.PEEK[]\r\n"));
    }
    commands.push_str("z LOGOUT\r\n");
    stream.write_all(commands.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    let text = String::from_utf8(heard).unwrap();
    let done: Vec<&str> = text
        .lines()
        .filter(|line| line.ends_with("OK fetched"))
        .collect();
    let wanted: Vec<String> = (1..=200).map(|uid| format!("f{uid} OK fetched")).collect();
    assert_eq!(done, wanted);
    assert!(text.ends_with("* BYE until next time\r\nz OK bye\r\n"));
    let commands = store.commands();
    assert_eq!(commands.len(), 203);
    assert_eq!(
        (commands[202].connection, commands[202].line.as_str()),
        (1, "LOGOUT")
    );
    assert_eq!(store.connections(), 1);
    let addr = server.imap_addr;
    drop(server);
    let again = tokio::net::TcpStream::connect(addr);
    // The listener's task ends soon after, not at once.
    let mut refused = again.await.is_err();
    for _ in 0..100 {
        if refused {
            break;
        }
        tokio::task::yield_now().await;
        refused = tokio::net::TcpStream::connect(addr).await.is_err();
    }
    assert!(refused);
}

#[tokio::test]
async fn twenty_thousand_messages_are_served_without_copies() {
    let (store, account) = ada();
    let body = bytes::Bytes::from(vec![b'x'; 16 * 1024]);
    for _ in 0..20_000 {
        account.append("INBOX", body.clone(), &[], LEAP_DAY);
    }
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    client
        .send(b"2 UID FETCH 1:* (UID BODY.PEEK[])\r\n3 LOGOUT\r\n")
        .await;
    let started = std::time::Instant::now();
    let heard = client.rest().await;
    assert!(heard.len() > 20_000 * 16 * 1024);
    // 330 MB of answers: seconds would mean that something is quadratic.
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
}

#[tokio::test]
async fn object_ids_outlive_names_and_places() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    account.copy_message("INBOX", 1, "INBOX");
    let id = account.messages("INBOX")[0].email_id;
    let mut client = Client::imap(&service(&store)).await;
    assert_eq!(
        client.tell("1 CREATE Play", "1 ").await,
        "1 OK [MAILBOXID (F2)] created\r\n"
    );
    client.tell("2 RENAME Play Work", "2 OK").await;
    assert_eq!(
        client.tell("3 STATUS Work (MAILBOXID)", "3 OK").await,
        "* STATUS \"Work\" (MAILBOXID (F2))\r\n3 OK that is all\r\n"
    );
    let heard = client.tell("4 SELECT INBOX", "4 OK").await;
    assert!(heard.contains("* OK [MAILBOXID (F1)] "), "{heard}");
    assert_eq!(
        client.tell("5 UID FETCH 1:* EMAILID", "5 OK").await,
        format!(
            "* 1 FETCH (UID 1 EMAILID (M{id}))\r\n* 2 FETCH (UID 2 EMAILID (M{id}))\r\n5 OK fetched\r\n"
        )
    );
    let plain = Service::new(store, Options::default().without(&["OBJECTID"]));
    let mut client = Client::imap(&plain).await;
    let heard = client.tell("1 SELECT INBOX", "1 OK").await;
    assert!(!heard.contains("MAILBOXID"), "{heard}");
    client.tell("2 FETCH 1 EMAILID", "2 BAD").await;
    client.tell("3 STATUS Work (MAILBOXID)", "3 BAD").await;
}
