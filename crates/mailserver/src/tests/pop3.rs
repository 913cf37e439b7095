//! Sessions of RFC 1939 and its extensions.

use super::{Client, LEAP_DAY, MAIL, ada, service};
use crate::{Misbehaviour, Options, Protocol, Service};

#[tokio::test]
async fn a_maildrop_is_listed_fetched_and_emptied_at_quit() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    account.append("INBOX", &b"a: b\r\n\r\nno end"[..], &[], LEAP_DAY);
    let service = service(&store);
    let mut client = Client::pop3(&service).await;
    assert_eq!(client.tell("STAT", "+OK").await, "+OK 2 52\r\n");
    assert_eq!(
        client.tell("LIST", ".").await,
        "+OK listing follows\r\n1 38\r\n2 14\r\n.\r\n"
    );
    assert_eq!(client.tell("LIST 2", "+OK").await, "+OK 2 14\r\n");
    let uidls = client.tell("UIDL", ".").await;
    assert_eq!(
        uidls,
        "+OK listing follows\r\n1 0000126800000001\r\n2 0000126800000002\r\n.\r\n"
    );
    assert_eq!(
        client.tell("RETR 1", ".\r").await,
        "+OK 38 octets\r\nSubject: one\r\nFrom: a@b\r\n\r\n..dot\r\nend\r\n.\r\n"
    );
    assert_eq!(
        client.tell("RETR 2", ".\r").await,
        "+OK 14 octets\r\na: b\r\n\r\nno end\r\n.\r\n"
    );
    assert_eq!(
        client.tell("TOP 1 1", ".\r").await,
        "+OK top follows\r\nSubject: one\r\nFrom: a@b\r\n\r\n..dot\r\n.\r\n"
    );
    client.tell("DELE 1", "+OK").await;
    client.tell("RETR 1", "-ERR").await;
    client.tell("DELE 3", "-ERR").await;
    assert_eq!(client.tell("STAT", "+OK").await, "+OK 1 14\r\n");
    client.tell("RSET", "+OK").await;
    assert_eq!(client.tell("STAT", "+OK").await, "+OK 2 52\r\n");
    client.tell("DELE 2", "+OK").await;
    assert_eq!(account.messages("INBOX").len(), 2);
    client.tell("QUIT", "+OK").await;
    assert_eq!(client.rest().await, "");
    let left: Vec<u32> = account.messages("INBOX").iter().map(|m| m.uid).collect();
    assert_eq!(left, [1]);
}

#[tokio::test]
async fn nothing_is_deleted_without_quit() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    let service = service(&store);
    let mut client = Client::pop3(&service).await;
    client.tell("DELE 1", "+OK").await;
    drop(client);
    let mut client = Client::pop3(&service).await;
    assert_eq!(client.tell("STAT", "+OK").await, "+OK 1 38\r\n");
}

#[tokio::test]
async fn login_by_auth_and_its_refusals() {
    let (store, _) = ada();
    let service = service(&store);
    let mut client = Client::connect(&service, Protocol::Pop3);
    client.until("\r\n").await;
    client.tell("STAT", "-ERR").await;
    let capa = client.tell("CAPA", ".").await;
    assert!(
        capa.contains("\r\nPIPELINING\r\n") && capa.contains("\r\nSASL PLAIN\r\n"),
        "{capa}"
    );
    client.tell("PASS secret", "-ERR").await;
    client.tell("USER ada", "+OK").await;
    client.tell("PASS wrong", "-ERR [AUTH]").await;
    client.tell("AUTH CRAM-MD5", "-ERR").await;
    client.tell("AUTH PLAIN", "+ ").await;
    client.tell("AGFkYQBzZWNyZXQ=", "+OK").await;
    let mut client = Client::connect(&service, Protocol::Pop3);
    client.until("\r\n").await;
    client.tell("AUTH PLAIN AGFkYQBzZWNyZXQ=", "+OK").await;
    let old = Service::new(store, Options::old());
    let mut client = Client::connect(&old, Protocol::Pop3);
    client.until("\r\n").await;
    client.tell("CAPA", "-ERR").await;
    client.tell("AUTH PLAIN AGFkYQBzZWNyZXQ=", "-ERR").await;
    client.tell("USER ada", "+OK").await;
    client.tell("PASS secret", "+OK").await;
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let (store, account) = ada();
    for _ in 0..500 {
        account.append("INBOX", vec![b'.'; 10_000], &[], LEAP_DAY);
    }
    let service = service(&store);
    let mut client = Client::pop3(&service).await;
    let retrs: String = (1..=500)
        .map(|n| format!("RETR {n}\r\nDELE {n}\r\n"))
        .collect();
    client.send(retrs.as_bytes()).await;
    client.send(b"QUIT\r\n").await;
    let heard = client.rest().await;
    let octets = heard.len();
    assert_eq!(heard.matches("+OK marked").count(), 500);
    assert!(octets > 500 * 10_001, "{octets}");
    assert!(account.messages("INBOX").is_empty());
}

#[tokio::test]
async fn every_bad_habit_shows() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    let service = service(&store);
    let faults = service.faults();
    let held = || account.messages("INBOX").len();

    faults.start(Misbehaviour::ForgetsDele);
    let mut client = Client::pop3(&service).await;
    client.tell("DELE 1", "+OK").await;
    client.tell("QUIT", "+OK").await;
    assert_eq!(held(), 2);
    faults.stop(Misbehaviour::ForgetsDele);

    faults.start(Misbehaviour::QuitFails);
    let mut client = Client::pop3(&service).await;
    client.tell("DELE 1", "+OK").await;
    client.tell("QUIT", "-ERR").await;
    assert_eq!(held(), 2);
    faults.clear();

    faults.start(Misbehaviour::NoUidl);
    let mut client = Client::pop3(&service).await;
    assert!(!client.tell("CAPA", ".").await.contains("UIDL"));
    client.tell("UIDL", "-ERR").await;
    faults.clear();

    faults.start(Misbehaviour::DuplicatesUidls);
    let mut client = Client::pop3(&service).await;
    assert!(
        client
            .tell("UIDL", ".")
            .await
            .contains("1 always-the-same\r\n2 always-the-same\r\n")
    );
    faults.clear();

    faults.start(Misbehaviour::ChangesUidls);
    let first = Client::pop3(&service).await.tell("UIDL", ".").await;
    let second = Client::pop3(&service).await.tell("UIDL", ".").await;
    assert_ne!(first, second);
    faults.clear();
    let first = Client::pop3(&service).await.tell("UIDL", ".").await;
    assert_eq!(first, Client::pop3(&service).await.tell("UIDL", ".").await);
    account.pop3_uidls_change();
    assert_ne!(first, Client::pop3(&service).await.tell("UIDL", ".").await);

    faults.size_lie(-8);
    let mut client = Client::pop3(&service).await;
    assert!(client.tell("LIST", ".").await.contains("1 30\r\n"));
    faults.clear();

    faults.start(Misbehaviour::DeletesWithoutQuit);
    let mut client = Client::pop3(&service).await;
    client.send(b"DELE 1\r\n").await;
    client.until("+OK marked\r\n").await;
    client.hang_up().await;
    assert_eq!(held(), 1);
}
