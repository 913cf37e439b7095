//! Every planned fault, seen from the client.

use std::time::Duration;

use super::{Client, LEAP_DAY, MAIL, ada, service};
use crate::{Action, Fault, Misbehaviour, Protocol};

const FETCH: &str = "2 UID FETCH 1 (BODY.PEEK[])";

/// What a client hears after it fetched one message while `action` was planned, and whether the connection ended.
async fn fetch_with(action: Action) -> (String, bool) {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    let service = service(&store);
    let mut client = Client::imap(&service).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    service.faults().plan(Fault::on("uid fetch", action));
    client
        .send(format!("{FETCH}\r\n3 NOOP\r\n").as_bytes())
        .await;
    let mut heard = String::new();
    loop {
        match client.line().await {
            None => return (heard, true),
            Some(line) if line == "3 OK done\r\n" => return (heard, false),
            Some(line) => heard.push_str(&line),
        }
    }
}

fn data() -> String {
    let mail = std::str::from_utf8(MAIL).unwrap();
    format!("* 1 FETCH (UID 1 BODY[] {{38}}\r\n{mail})\r\n")
}

#[tokio::test]
async fn answers_can_be_replaced_before_and_after_the_deed() {
    let told = fetch_with(Action::Answer("NO [LIMIT] later".into())).await;
    assert_eq!(told, ("2 NO [LIMIT] later\r\n".into(), false));
    let told = fetch_with(Action::PerformAnswer("NO".into())).await;
    assert_eq!(told, (format!("{}2 NO\r\n", data()), false));
    let told = fetch_with(Action::Bye("tired".into())).await;
    assert_eq!(told, ("* BYE tired\r\n".into(), true));
    let told = fetch_with(Action::PerformBye("tired".into())).await;
    assert_eq!(told, (format!("{}* BYE tired\r\n", data()), true));
}

#[tokio::test]
async fn connections_can_be_cut_anywhere_in_an_answer() {
    assert_eq!(fetch_with(Action::Cut).await, (String::new(), true));
    let whole = format!("{}2 OK fetched\r\n", data());
    for octets in 0..=whole.len() {
        let told = fetch_with(Action::PerformCut(octets.try_into().unwrap())).await;
        assert_eq!(told, (whole.get(..octets).unwrap().to_owned(), true));
    }
}

#[tokio::test]
async fn literals_can_lie_and_garbage_can_come_first() {
    let (heard, _) = fetch_with(Action::LiteralAnnounces(5)).await;
    assert_eq!(
        heard,
        format!("{}2 OK fetched\r\n", data().replace("{38}", "{43}"))
    );
    let (heard, _) = fetch_with(Action::LiteralAnnounces(-5)).await;
    assert_eq!(
        heard,
        format!("{}2 OK fetched\r\n", data().replace("{38}", "{33}"))
    );
    let (heard, _) = fetch_with(Action::Garbage("* 7 FETCH (X\r\n".into())).await;
    assert_eq!(heard, format!("* 7 FETCH (X\r\n{}2 OK fetched\r\n", data()));
}

#[tokio::test(start_paused = true)]
async fn answers_can_be_late_or_never_come() {
    let before = tokio::time::Instant::now();
    let (heard, _) = fetch_with(Action::Delay(Duration::from_secs(30))).await;
    assert_eq!(heard, format!("{}2 OK fetched\r\n", data()));
    assert_eq!(before.elapsed(), Duration::from_secs(30));
    for (action, octets) in [(Action::Stall, 0), (Action::PerformStall(9), 9)] {
        let hour = Duration::from_secs(3600);
        assert!(
            tokio::time::timeout(hour, fetch_with(action.clone()))
                .await
                .is_err()
        );
        let (store, account) = ada();
        account.append("INBOX", MAIL, &[], LEAP_DAY);
        let service = service(&store);
        let mut client = Client::imap(&service).await;
        client.tell("1 SELECT INBOX", "1 OK").await;
        let before = service.faults().octets_sent();
        service.faults().plan(Fault::on("UID FETCH", action));
        client.send(format!("{FETCH}\r\n").as_bytes()).await;
        tokio::time::sleep(hour).await;
        assert_eq!(service.faults().octets_sent() - before, octets);
    }
}

#[tokio::test]
async fn the_nth_command_is_met_and_only_that_one() {
    let (store, _) = ada();
    let service = service(&store);
    let mut client = Client::imap(&service).await;
    service
        .faults()
        .plan(Fault::on("NOOP", Action::Answer("BAD two".into())).nth(2));
    let heard = [
        client.tell("1 NOOP", "1 ").await,
        client.tell("2 CHECK", "2 ").await,
        client.tell("3 NOOP", "3 ").await,
        client.tell("4 NOOP", "4 ").await,
    ];
    assert_eq!(
        heard,
        [
            "1 OK done\r\n",
            "2 OK done\r\n",
            "3 BAD two\r\n",
            "4 OK done\r\n"
        ]
    );
    assert_eq!(service.faults().pending(), 0);
    service
        .faults()
        .plan(Fault::on("", Action::Answer("NO".into())).nth(2).always());
    client.tell("5 NOOP", "5 OK").await;
    client.tell("6 NOOP", "6 NO").await;
    client.tell("7 CAPABILITY", "7 NO").await;
    service.faults().clear();
    client.tell("8 NOOP", "8 OK").await;
}

#[tokio::test]
async fn a_sweep_of_cuts_meets_every_octet_once() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    let service = service(&store);
    let script = b"USER ada\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n";
    let mut client = Client::connect(&service, Protocol::Pop3);
    client.send(script).await;
    let whole = client.rest().await;
    assert_eq!(service.faults().octets_sent(), whole.len() as u64);
    for octets in 0..=whole.len() {
        service.faults().cut_after_octets(octets as u64);
        let mut client = Client::connect(&service, Protocol::Pop3);
        client.send_if_heard(script).await;
        assert_eq!(client.rest().await, whole.get(..octets).unwrap());
        assert!(!service.faults().cut_is_pending());
    }
    // Once only: the next connection is whole again.
    let mut client = Client::connect(&service, Protocol::Pop3);
    client.send(script).await;
    assert_eq!(client.rest().await, whole);
}

#[tokio::test]
async fn a_pop3_status_is_replaced_too() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    let service = service(&store);
    let mut client = Client::pop3(&service).await;
    service
        .faults()
        .plan(Fault::on("RETR", Action::Answer("-ERR no".into())));
    assert_eq!(client.tell("RETR 1", "-ERR").await, "-ERR no\r\n");
    client.tell("DELE 1", "+OK").await;
    service
        .faults()
        .plan(Fault::on("QUIT", Action::PerformAnswer("-ERR what".into())));
    client.send(b"QUIT\r\n").await;
    assert_eq!(client.rest().await, "-ERR what\r\n");
    assert!(account.messages("INBOX").is_empty());
}

#[tokio::test]
async fn logins_and_connections_can_be_refused_and_sizes_wrong() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    let service = service(&store);
    service.faults().start(Misbehaviour::RefusesLogins);
    let mut client = Client::connect(&service, Protocol::Imap);
    client.until("\r\n").await;
    client
        .tell("1 LOGIN ada secret", "1 NO [AUTHENTICATIONFAILED]")
        .await;
    service.faults().clear();
    service.faults().size_lie(7);
    let mut client = Client::imap(&service).await;
    client.tell("1 SELECT INBOX", "1 OK").await;
    let heard = client.tell("2 FETCH 1 RFC822.SIZE", "2 OK").await;
    assert!(heard.contains("RFC822.SIZE 45"), "{heard}");
    service.faults().start(Misbehaviour::RefusesConnections);
    assert_eq!(Client::connect(&service, Protocol::Pop3).rest().await, "");
}
