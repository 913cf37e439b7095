//! The in-memory server, seen by the same foreign clients that look at Dovecot: it must answer them alike.

use postrider_mailserver::{Options, Server, sample};
use postrider_tests::digest::sha256;
use postrider_tests::oracle::{Oracle, Pop3Oracle};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_account_looks_the_same_from_outside_and_inside() {
    let server = Server::start(sample::store(), Options::default())
        .await
        .unwrap();
    let account = server.store().account(sample::IMAP_USER, sample::PASSWORD);
    let port = server.imap_addr.port();
    let seen = tokio::task::spawn_blocking(move || {
        let mut imap = Oracle::login(port, sample::IMAP_USER, sample::PASSWORD);
        let names = imap.mailboxes();
        let held: Vec<_> = names.iter().map(|name| imap.messages(name)).collect();
        (names, held)
    });
    let (names, held) = seen.await.unwrap();
    assert_eq!(names, ["Entw&APw-rfe", "INBOX", "Sent", "Work/Projects"]);
    for (name, held) in account.mailboxes().iter().zip(held) {
        let messages = account.messages(name);
        assert_eq!(messages.len(), held.len(), "{name}");
        for message in messages {
            let seen = &held[&message.uid];
            assert_eq!(seen.flags, message.flags);
            assert_eq!(seen.internal_date, message.internal_date);
            assert_eq!(seen.sha256, sha256(&message.bytes));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_client_may_change_everything() {
    let server = Server::start(sample::store(), Options::old())
        .await
        .unwrap();
    let account = server.store().account(sample::IMAP_USER, sample::PASSWORD);
    let port = server.imap_addr.port();
    let acted = tokio::task::spawn_blocking(move || {
        let mut imap = Oracle::login(port, sample::IMAP_USER, sample::PASSWORD);
        imap.create("Play.Chess");
        imap.append("Play.Chess", b"a: b\r\n\r\n", &["\\Seen", "x"], 86_400);
        imap.append("Play.Chess", b"c: d\r\n\r\n", &[], 0);
        imap.set_flags("Play.Chess", 1, &["\\Flagged"]);
        imap.expunge("Play.Chess", 2);
        imap.rename("Play.Chess", "Go");
        imap.delete("Sent");
        imap.uid_validity("Go")
    });
    let uid_validity = acted.await.unwrap();
    assert_eq!(account.uid_validity("Go"), Some(uid_validity));
    let [message] = &account.messages("Go")[..] else {
        panic!("one message");
    };
    assert_eq!((message.uid, message.internal_date), (1, 86_400));
    assert_eq!(message.flags, ["\\Flagged".to_owned()].into());
    assert_eq!(
        account.mailboxes(),
        ["Entwürfe", "Go", "INBOX", "Work/Projects"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_pop3_client_reads_the_maildrop() {
    let server = Server::start(sample::store(), Options::default())
        .await
        .unwrap();
    let account = server.store().account(sample::POP3_USER, sample::PASSWORD);
    let port = server.pop3_addr.port();
    let seen = tokio::task::spawn_blocking(move || {
        let mut pop3 = Pop3Oracle::login(port, sample::POP3_USER, sample::PASSWORD);
        let seen = (pop3.uidls(), pop3.messages());
        pop3.command("DELE 1");
        pop3.quit();
        seen
    });
    let before = account.messages("INBOX");
    let (uidls, messages) = seen.await.unwrap();
    assert_eq!(
        uidls,
        before.iter().map(|m| m.uidl.clone()).collect::<Vec<_>>()
    );
    assert_eq!(
        messages,
        before.iter().map(|m| m.bytes.to_vec()).collect::<Vec<_>>()
    );
    assert_eq!(account.messages("INBOX").len(), before.len() - 1);
}
