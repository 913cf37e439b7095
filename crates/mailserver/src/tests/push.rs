//! IDLE and NOTIFY: what is told, and when it goes wrong.

use super::{Client, LEAP_DAY, MAIL, ada};
use crate::{Action, Fault, Misbehaviour, Options, Service};
use std::time::Duration;

fn service(store: &crate::Mailstore) -> Service {
    Service::new(store.clone(), Options::default().with(&["IDLE", "NOTIFY"]))
}

#[tokio::test]
async fn who_idles_is_told_at_once_and_done_ends_it() {
    let (store, account) = ada();
    let mut client = Client::imap(&service(&store)).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    client.tell("2 IDLE", "+ ").await;
    let uid = account.append("INBOX", MAIL, &[], LEAP_DAY);
    assert_eq!(client.until("\r\n").await, "* 1 EXISTS\r\n");
    account.set_flags("INBOX", uid, &["\\Seen"]);
    assert!(
        client
            .until("\r\n")
            .await
            .starts_with("* 1 FETCH (UID 1 FLAGS (\\Seen)")
    );
    account.expunge("INBOX", uid);
    assert_eq!(client.until("\r\n").await, "* 1 EXPUNGE\r\n");
    // What follows DONE may come with it.
    assert_eq!(
        client.tell("DONE\r\n3 NOOP", "3 ").await,
        "2 OK idled\r\n3 OK done\r\n"
    );
    client.tell("4 IDLE", "+ ").await;
    client.tell("5 NOOP", "4 BAD").await;
}

#[tokio::test]
async fn without_the_capability_there_is_no_idle() {
    let (store, _) = ada();
    let mut client = Client::imap(&super::service(&store)).await;
    client.tell("1 IDLE", "1 BAD").await;
    client.tell("2 NOTIFY NONE", "2 BAD").await;
}

#[tokio::test(start_paused = true)]
async fn idling_ends_as_the_faults_want_it() {
    let (store, account) = ada();
    let service = service(&store);
    let idling = async || {
        let mut client = Client::imap(&service).await;
        client.tell("1 SELECT INBOX", "1 OK").await;
        client.tell("2 IDLE", "+ ").await;
        client
    };
    let client = idling().await;
    service.faults().bye_to_idlers("enough");
    assert_eq!(client.rest().await, "* BYE enough\r\n");
    service.faults().limit_idle(Duration::from_secs(600));
    let client = idling().await;
    assert_eq!(client.rest().await, "* BYE Idle for too long\r\n");
    service.faults().clear();

    service.faults().plan(Fault::on("DONE", Action::Stall));
    let mut client = idling().await;
    client.send(b"DONE\r\n").await;
    let hour = Duration::from_secs(3_600);
    tokio::time::timeout(hour, client.line()).await.unwrap_err();

    service.faults().start(Misbehaviour::DeafWhileIdling);
    let mut client = idling().await;
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    client.send(b"DONE\r\n").await;
    tokio::time::timeout(hour, client.line()).await.unwrap_err();
    service.faults().clear();

    service.faults().start(Misbehaviour::TellsOfNothing);
    let mut client = Client::imap(&service).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    client.tell("2 IDLE", "* 4321 EXISTS").await;
}

#[tokio::test]
async fn notify_tells_of_mailboxes_that_are_not_open() {
    let (store, account) = ada();
    account.create("Work");
    account.create("Other");
    let mut client = Client::imap(&service(&store)).await;
    let line =
        "1 NOTIFY SET STATUS (mailboxes (INBOX Work) (MessageNew MessageExpunge FlagChange))";
    let heard = client.tell(line, "1 OK").await;
    assert!(
        heard
            .contains("* STATUS \"INBOX\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 4712 HIGHESTMODSEQ 1)"),
        "{heard}"
    );
    account.append("Other", MAIL, &[], LEAP_DAY);
    account.append("Work", MAIL, &[], LEAP_DAY);
    let heard = client.until("\r\n").await;
    assert_eq!(
        heard,
        "* STATUS \"Work\" (MESSAGES 1 UIDNEXT 2 HIGHESTMODSEQ 2)\r\n"
    );
    // Of the open mailbox what every session is told.
    client.tell("2 SELECT Work", "2 OK").await;
    account.append("Work", MAIL, &[], LEAP_DAY);
    assert_eq!(
        client.tell("3 NOOP", "3 OK").await,
        "* 2 EXISTS\r\n3 OK done\r\n"
    );
    client.tell("4 NOTIFY NONE", "4 OK").await;
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    assert_eq!(client.tell("5 NOOP", "5 OK").await, "5 OK done\r\n");
}

#[tokio::test]
async fn notify_refuses_what_it_cannot_tell_and_gives_up_when_told_to() {
    let (store, account) = ada();
    let plain = Options::default().with(&["NOTIFY"]).without(&["CONDSTORE"]);
    let mut client = Client::imap(&Service::new(store.clone(), plain)).await;
    let flags = "1 NOTIFY SET (personal (MessageNew MessageExpunge FlagChange))";
    client.tell(flags, "1 NO [BADEVENT").await;
    client
        .tell("2 NOTIFY SET (personal (MessageNew))", "2 BAD")
        .await;
    let service = service(&store);
    service.faults().start(Misbehaviour::OverflowsNotify);
    let mut client = Client::imap(&service).await;
    client
        .tell(
            "1 NOTIFY SET (personal (MessageNew MessageExpunge))",
            "1 OK",
        )
        .await;
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    let heard = client.until("\r\n").await;
    assert!(heard.starts_with("* OK [NOTIFICATIONOVERFLOW]"), "{heard}");
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    assert_eq!(client.tell("2 NOOP", "2 OK").await, "2 OK done\r\n");
}
