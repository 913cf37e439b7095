//! CONDSTORE and QRESYNC (RFC 7162), and what a test may do to mod-sequences.

use super::{Client, LEAP_DAY, MAIL, ada, service};
use crate::{Account, Options, Service};

/// An INBOX with messages 1 to 5, mod-sequences 2 to 6.
fn five() -> (Service, Account) {
    let (store, account) = ada();
    for _ in 0..5 {
        account.append("INBOX", MAIL, &[], LEAP_DAY);
    }
    (service(&store), account)
}

async fn resyncing(service: &Service) -> Client {
    let mut client = Client::imap(service).await;
    let heard = client.tell("e ENABLE QRESYNC X-OTHER", "e ").await;
    assert_eq!(heard, "* ENABLED QRESYNC\r\ne OK enabled\r\n");
    client
}

/// What SELECT tells after HIGHESTMODSEQ, the tagged line left out.
async fn resync(client: &mut Client, parameters: &str) -> String {
    let heard = client
        .tell(&format!("s SELECT INBOX (QRESYNC ({parameters}))"), "s ")
        .await;
    let (_, rest) = heard.split_once("] highest\r\n").unwrap();
    let rest = rest.strip_suffix("s OK [READ-WRITE] selected\r\n");
    rest.unwrap_or(&heard).to_owned()
}

#[tokio::test]
async fn a_client_that_was_away_is_told_what_vanished_and_what_changed() {
    let (service, account) = five();
    let mut client = resyncing(&service).await;
    assert_eq!(resync(&mut client, "4712 6").await, "");
    account.expunge_all("INBOX", &[2, 5]);
    account.change_flags("INBOX", 3, &["\\Seen", "work"], &[]);
    account.append("INBOX", MAIL, &["\\Draft"], LEAP_DAY);
    let rows = "* 2 FETCH (UID 3 FLAGS (\\Seen work) MODSEQ (8))\r\n";
    let new = "* 4 FETCH (UID 6 FLAGS (\\Draft) MODSEQ (9))\r\n";
    assert_eq!(
        resync(&mut client, "4712 6").await,
        format!("* VANISHED (EARLIER) 2,5\r\n{rows}{new}")
    );
    assert_eq!(
        resync(&mut client, "4712 6 1:3").await,
        format!("* VANISHED (EARLIER) 2\r\n{rows}")
    );
    assert_eq!(resync(&mut client, "4712 8").await, new);
    // Another UIDVALIDITY: nothing is known.
    assert_eq!(resync(&mut client, "4711 6").await, "");
    for wrong in ["4712", "4712 6 1:*", "x 6", "4712 6 1:3 (1)"] {
        let command = format!("w SELECT INBOX (QRESYNC ({wrong}))");
        client.tell(&command, "w BAD").await;
    }
    // RFC 7162 §3.2.5: not without ENABLE.
    let mut client = Client::imap(&service).await;
    client
        .tell("1 SELECT INBOX (QRESYNC (4712 6))", "1 BAD")
        .await;
}

#[tokio::test]
async fn a_server_that_forgot_names_every_gap() {
    let (service, account) = five();
    account.expunge("INBOX", 1);
    account.expunge("INBOX", 4);
    account.forget_expunged("INBOX");
    account.expunge("INBOX", 2);
    let mut client = resyncing(&service).await;
    let gaps = "* VANISHED (EARLIER) 1:2,4\r\n";
    assert_eq!(resync(&mut client, "4712 7").await, gaps);
    assert_eq!(
        resync(&mut client, "4712 8").await,
        "* VANISHED (EARLIER) 2\r\n"
    );
    // The client knows that the first message, UID 3, is where it was.
    assert_eq!(
        resync(&mut client, "4712 7 1:5 (1 3)").await,
        "* VANISHED (EARLIER) 4\r\n"
    );
}

#[tokio::test]
async fn vanished_stands_in_place_of_expunge_once_enabled() {
    let (service, account) = five();
    let mut client = resyncing(&service).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    account.expunge_all("INBOX", &[1, 2, 4]);
    account.set_flags("INBOX", 5, &["\\Deleted"]);
    assert_eq!(
        client.tell("2 NOOP", "2 OK").await,
        "* VANISHED 1:2,4\r\n* 2 FETCH (UID 5 FLAGS (\\Deleted) MODSEQ (8))\r\n2 OK done\r\n"
    );
    assert_eq!(
        client.tell("3 UID EXPUNGE 5", "3 OK").await,
        "* VANISHED 5\r\n3 OK [HIGHESTMODSEQ 9] expunged\r\n"
    );
    assert_eq!(
        client
            .tell("4 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 7 VANISHED)", "4 OK")
            .await,
        "* VANISHED (EARLIER) 5\r\n4 OK fetched\r\n"
    );
    client
        .tell("5 FETCH 1:* (FLAGS) (CHANGEDSINCE 7 VANISHED)", "5 BAD")
        .await;
    client
        .tell("6 UID STORE 3 +FLAGS.SILENT (\\Deleted)", "6 OK")
        .await;
    assert_eq!(
        client.tell("7 CLOSE", "7 ").await,
        "7 OK [HIGHESTMODSEQ 11] closed\r\n"
    );
}

#[tokio::test]
async fn leaving_a_mailbox_by_select_is_told() {
    let (service, account) = five();
    account.create("Other");
    let mut client = Client::imap(&service).await;
    let heard = client.tell("1 SELECT INBOX", "1 OK").await;
    assert!(!heard.contains("[CLOSED]"), "{heard}");
    let heard = client.tell("2 EXAMINE Other", "2 OK").await;
    assert!(heard.starts_with("* OK [CLOSED] "), "{heard}");
    client.tell("3 ENABLE QRESYNC", "3 BAD").await;
    client.tell("4 UNSELECT", "4 OK").await;
    let heard = client.tell("5 SELECT INBOX", "5 OK").await;
    assert!(!heard.contains("[CLOSED]"), "{heard}");
    let plain = Options::default().without(&["CONDSTORE"]);
    let service = Service::new(service.store().clone(), plain);
    let mut client = Client::imap(&service).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    let heard = client.tell("2 SELECT INBOX", "2 OK").await;
    assert!(!heard.contains("[CLOSED]"), "{heard}");
    client.tell("3 UNSELECT", "3 OK").await;
    let heard = client.tell("4 ENABLE QRESYNC", "4 OK").await;
    assert_eq!(heard, "* ENABLED\r\n4 OK enabled\r\n");
}

#[tokio::test]
async fn a_mailbox_without_mod_sequences_says_so() {
    let (service, account) = five();
    let mut client = resyncing(&service).await;
    account.set_mod_sequences("INBOX", false);
    let heard = client
        .tell("1 SELECT INBOX (QRESYNC (4712 2))", "1 OK")
        .await;
    assert!(heard.contains("* OK [NOMODSEQ] "), "{heard}");
    for absent in ["HIGHESTMODSEQ", "VANISHED", "FETCH"] {
        assert!(!heard.contains(absent), "{heard}");
    }
    for refused in [
        "FETCH 1 (MODSEQ)",
        "FETCH 1:* (FLAGS) (CHANGEDSINCE 1)",
        "SEARCH MODSEQ 1",
        "STORE 1 (UNCHANGEDSINCE 9) FLAGS (x)",
    ] {
        client.tell(&format!("r UID {refused}"), "r BAD").await;
    }
    assert_eq!(
        client.tell("2 STATUS INBOX (HIGHESTMODSEQ)", "2 OK").await,
        "* STATUS \"INBOX\" (HIGHESTMODSEQ 0)\r\n2 OK that is all\r\n"
    );
    assert_eq!(
        client.tell("3 UID STORE 1 FLAGS (x)", "3 OK").await,
        "* 1 FETCH (UID 1 FLAGS (x))\r\n3 OK stored\r\n"
    );
    account.set_flags("INBOX", 2, &["y"]);
    assert_eq!(
        client.tell("4 NOOP", "4 OK").await,
        "* 2 FETCH (UID 2 FLAGS (y))\r\n4 OK done\r\n"
    );
}

#[tokio::test]
async fn a_restored_mailbox_gives_its_numbers_out_again() {
    let (service, account) = five();
    let mut client = resyncing(&service).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    assert!(account.restore_without("INBOX", 2));
    assert_eq!(account.highest_mod_seq("INBOX"), Some(4));
    assert_eq!(
        client.tell("2 NOOP", "2 OK").await,
        "* VANISHED 4:5\r\n2 OK done\r\n"
    );
    assert_eq!(account.append("INBOX", "other\r\n", &[], LEAP_DAY), 4);
    assert_eq!(account.uid_validity("INBOX"), Some(4712));
    assert!(account.turn_mod_seq_back("INBOX", 2));
    assert_eq!(account.messages("INBOX")[3].mod_seq, 2);
    assert_eq!(
        client.tell("3 STATUS INBOX (HIGHESTMODSEQ)", "3 OK").await,
        "* STATUS \"INBOX\" (HIGHESTMODSEQ 2)\r\n\
         * 2 FETCH (UID 2 FLAGS () MODSEQ (2))\r\n* 3 FETCH (UID 3 FLAGS () MODSEQ (2))\r\n\
         * 4 EXISTS\r\n3 OK that is all\r\n"
    );
    assert!(!account.restore_without("Nowhere", 1));
}

#[tokio::test]
async fn messages_move_and_go_in_one_step() {
    let (service, account) = five();
    account.create("Trash");
    assert_eq!(account.move_message("INBOX", 2, "Trash"), Some(1));
    assert_eq!(account.copy_message("INBOX", 3, "Trash"), Some(2));
    assert_eq!(account.move_message("INBOX", 2, "Trash"), None);
    assert_eq!(account.move_message("INBOX", 3, "Nowhere"), None);
    let uids = |name| {
        account
            .messages(name)
            .iter()
            .map(|m| m.uid)
            .collect::<Vec<_>>()
    };
    assert_eq!(uids("INBOX"), [1, 3, 4, 5]);
    assert_eq!(account.expunge_all("INBOX", &[1, 2, 4]), 2);
    assert_eq!(account.highest_mod_seq("INBOX"), Some(8));
    assert!(account.change_flags("INBOX", 5, &["\\seen", "a"], &[]));
    assert!(account.change_flags("INBOX", 5, &["b"], &["\\Seen"]));
    assert_eq!(
        account.messages("INBOX")[1].flags,
        ["a".to_owned(), "b".to_owned()].into()
    );
    let ids = |name| {
        account
            .messages(name)
            .iter()
            .map(|m| m.email_id)
            .collect::<Vec<_>>()
    };
    // A copy is the same message; another with the same octets is not.
    assert_eq!(ids("Trash")[1], ids("INBOX")[0]);
    assert_ne!(ids("INBOX")[0], ids("INBOX")[1]);
    let mut client = Client::imap(&service).await;
    let heard = client.tell("1 SELECT Trash", "1 OK").await;
    assert!(heard.contains("* 2 EXISTS"), "{heard}");
}
