//! What clients change: messages put in, moved and flagged, with and without the extensions for it.

use super::{Client, LEAP_DAY, MAIL, ada, service};
use crate::{Options, Protocol, Service};

/// RFC 3502 §6.3.11.
#[tokio::test]
async fn several_messages_come_in_one_command_all_of_them_or_none() {
    let (store, account) = ada();
    let mut client = Client::imap(&service(&store)).await;
    let many = "1 APPEND INBOX (\\Seen) {1+}\r\na \"29-Feb-2024 12:00:00 +0000\" {13+}\r\n\"1\" (x) {1}\r\n {1+}\r\nc";
    let heard = client.tell(many, "1 ").await;
    assert_eq!(heard, "1 OK [APPENDUID 4712 1:3] appended\r\n");
    let held = account.messages("INBOX");
    let octets: Vec<&[u8]> = held.iter().map(|m| &m.bytes[..]).collect();
    assert_eq!(octets, [&b"a"[..], b"\"1\" (x) {1}\r\n", b"c"]);
    assert!(held[0].flags.contains("\\Seen") && held[1].flags.is_empty());
    assert_eq!(held[1].internal_date, LEAP_DAY);
    for (half, answer) in [
        ("{1+}\r\na \"no date\" {1+}\r\nb", "2 BAD"),
        ("{1+}\r\na (x", "2 BAD"),
        ("(\\Seen)", "2 BAD"),
    ] {
        client.tell(&format!("2 APPEND INBOX {half}"), answer).await;
    }
    assert_eq!(account.messages("INBOX").len(), 3);
    let single = Options::default().without(&["MULTIAPPEND", "UIDPLUS"]);
    let mut client = Client::imap(&Service::new(store, single)).await;
    let heard = client.tell("1 APPEND INBOX {1+}\r\na", "1 ").await;
    assert_eq!(heard, "1 OK appended\r\n");
    let two = "2 APPEND INBOX {1+}\r\na {1+}\r\nb";
    client.tell(two, "2 BAD").await;
    assert_eq!(account.messages("INBOX").len(), 4);
}

/// RFC 7888 §4, §5.
#[tokio::test]
async fn literals_that_do_not_wait_are_taken_where_they_may_come() {
    let (store, account) = ada();
    let long = "x".repeat(4_097);
    for (capability, short_comes, long_comes) in [
        ("LITERAL+", true, true),
        ("LITERAL-", true, false),
        ("X-NONE", false, false),
    ] {
        let options = Options::default().without(&["LITERAL+"]);
        let service = Service::new(store.clone(), options.with(&[capability]));
        for (body, comes) in [("x", short_comes), (&long, long_comes)] {
            let mut client = Client::imap(&service).await;
            let before = account.messages("INBOX").len();
            let append = format!("1 APPEND INBOX {{{}+}}\r\n{body}", body.len());
            let answer = if comes { "1 OK" } else { "* BYE" };
            client.tell(&append, answer).await;
            let more = account.messages("INBOX").len() - before;
            assert_eq!(more, usize::from(comes), "{capability}");
        }
        let mut client = Client::imap(&service).await;
        client.tell("1 APPEND INBOX {1}", "+ ").await;
        client.tell("x", "1 OK").await;
    }
}

/// RFC 7889.
#[tokio::test]
async fn a_message_beyond_the_limit_is_refused() {
    let (store, account) = ada();
    account.create("Small");
    account.set_append_limit("Small", Some(3));
    let limited = Options::default().without(&["APPENDLIMIT=52428800"]);
    let service = Service::new(store.clone(), limited.with(&["APPENDLIMIT=5"]));
    let mut client = Client::imap(&service).await;
    client.tell("1 APPEND INBOX {5+}\r\n12345", "1 OK").await;
    client
        .tell("2 APPEND INBOX {1+}\r\na {6+}\r\n123456", "2 NO [TOOBIG]")
        .await;
    client
        .tell("3 APPEND Small {4+}\r\n1234", "3 NO [TOOBIG]")
        .await;
    assert_eq!(account.messages("INBOX").len(), 1);
    let single = Service::new(store, Options::old().with(&["APPENDLIMIT"]));
    let mut client = Client::connect(&single, Protocol::Imap);
    client.until("ready\r\n").await;
    client.tell("L LOGIN ada secret", "L OK").await;
    for (mailbox, limit) in [("Small", "3"), ("INBOX", "NIL")] {
        let heard = client
            .tell(&format!("1 STATUS {mailbox} (APPENDLIMIT)"), "1 OK")
            .await;
        let row = format!("* STATUS \"{mailbox}\" (APPENDLIMIT {limit})\r\n");
        assert!(heard.starts_with(&row), "{heard}");
    }
}

/// RFC 3501 §7.1.
#[tokio::test]
async fn flags_that_do_not_last_are_dropped_wherever_they_come_from() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &["\\Draft", "old"], LEAP_DAY);
    account.create("Few");
    account.set_permanent_flags("Few", Some(&["\\Seen", "Known"]));
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    client.tell("2 UID COPY 1 Few", "2 OK").await;
    client
        .tell("3 APPEND Few (\\Seen \\Draft new) {1+}\r\nx", "3 OK")
        .await;
    let heard = client.tell("4 SELECT Few", "4 OK").await;
    assert!(
        heard.contains("* OK [PERMANENTFLAGS (Known \\Seen)]"),
        "{heard}"
    );
    let flags = |at: usize| {
        let flags = account.messages("Few")[at].flags.clone();
        flags.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!((flags(0), flags(1)), (String::new(), "\\Seen".to_owned()));
    let store = "5 UID STORE 1 +FLAGS.SILENT (\\Flagged known new)";
    client.tell(store, "5 OK").await;
    assert_eq!(flags(0), "known");
    account.set_permanent_flags("Few", Some(&["\\Seen", "\\*"]));
    client.tell(&store.replace('5', "6"), "6 OK").await;
    assert_eq!(flags(0), "known new");
    account.set_permanent_flags("Few", None);
    let heard = client.tell("7 SELECT Few", "7 OK").await;
    assert!(!heard.contains("PERMANENTFLAGS"), "{heard}");
    client.tell(&store.replace('5', "8"), "8 OK").await;
    assert_eq!(flags(0), "\\Flagged known new");
}

/// RFC 6851 §4.4, RFC 7162 §3.2.8.
#[tokio::test]
async fn a_move_tells_where_the_mailbox_stands() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    account.create("Trash");
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 ENABLE QRESYNC", "1 OK").await;
    client.tell("2 SELECT INBOX", "2 OK").await;
    let heard = client.tell("3 UID MOVE 1 Trash", "3 ").await;
    assert_eq!(
        heard,
        "* OK [COPYUID 4713 1 1] moved\r\n* VANISHED 1\r\n3 OK [HIGHESTMODSEQ 4] moved\r\n"
    );
    let plain = Options::default().without(&["MOVE", "UIDPLUS"]);
    let mut client = Client::imap(&Service::new(store, plain)).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    client.tell("2 UID MOVE 2 Trash", "2 BAD").await;
    let heard = client.tell("3 UID COPY 2 Trash", "3 ").await;
    assert_eq!(heard, "3 OK copied\r\n");
    client.tell("4 UID EXPUNGE 2", "4 BAD").await;
    assert_eq!(account.messages("INBOX").len(), 1);
}

#[tokio::test]
async fn a_connection_ends_while_it_is_spoken_to() {
    let (store, account) = ada();
    let service = service(&store);
    let mut client = Client::imap(&service).await;
    let append = b"1 APPEND INBOX {5+}\r\n12345\r\n";
    let heard = service.faults().octets_heard();
    for octets in [3, append.len() as u64 - 1] {
        service.faults().cut_after_hearing(octets);
        client.send(append).await;
        assert_eq!(client.rest().await, "");
        assert!(!service.faults().cut_is_pending());
        assert!(account.messages("INBOX").is_empty());
        client = Client::imap(&service).await;
    }
    assert!(service.faults().octets_heard() > heard + append.len() as u64);
    service.faults().cut_after_hearing(append.len() as u64 + 1);
    client.send(append).await;
    assert_eq!(
        client.line().await.unwrap(),
        "1 OK [APPENDUID 4712 1] appended\r\n"
    );
}
